"""What is said about machines and Pythons is said alike in pyproject.toml and in the workflows."""

import re
import sys
from pathlib import Path

import make_wheels
import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PYTHONS = [
    name.rpartition(" ")[2]
    for name in SETTINGS["project"]["classifiers"]
    if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", name)
]
MACHINES = ["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15-intel", "macos-15"]


def workflow(name: str) -> dict:
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text("utf-8"))


def test_wheels_are_made_for_every_python_that_is_named() -> None:
    wheels = SETTINGS["tool"]["cibuildwheel"]
    assert wheels["build"].split() == [f"cp{python.replace('.', '')}-*" for python in PYTHONS]
    assert SETTINGS["project"]["requires-python"] == f">={PYTHONS[0]}"
    assert wheels["environment"].items() <= wheels["macos"]["environment"].items()


def test_wheels_of_every_machine_bear_one_date() -> None:
    set_there = SETTINGS["tool"]["cibuildwheel"]["environment"]["SOURCE_DATE_EPOCH"]
    assert set_there == make_wheels.DEFAULT_EPOCH


def test_every_python_and_machine_is_tested() -> None:
    matrix = workflow("tests")["jobs"]["fast"]["strategy"]["matrix"]
    assert matrix["python"] == PYTHONS
    assert matrix["os"] + [row["os"] for row in matrix["include"]] == MACHINES
    assert workflow("wheels")["jobs"]["wheels"]["strategy"]["matrix"]["os"] == MACHINES


def test_tools_of_the_workflows_are_pinned_and_may_only_read() -> None:
    assert len(WORKFLOWS) == 2
    for path in WORKFLOWS:
        assert workflow(path.stem)["permissions"] == {"contents": "read"}
        text = path.read_text(encoding="utf-8")
        used = re.findall(r"uses: (\S+)", text)
        assert used
        assert all(re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", action) for action in used)
        assert all("==" in line for line in text.splitlines() if "install cibuildwheel" in line)
