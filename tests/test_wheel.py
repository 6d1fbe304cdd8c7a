"""What is shipped: a source distribution, and a wheel that holds exactly its files and works."""

import email
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import make_wheels
import pytest
import soundfile

from voiceanon._engine import built_levels
from voiceanon.version import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
INFO = f"voiceanon-{__version__}.dist-info"
SPEECH = min((ROOT / "voiceanon" / "samples").glob("*.flac"), key=lambda path: path.stat().st_size)
MAX_WHEEL_BYTES = 12_000_000

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the source distribution of this work tree."""
    return make_wheels.make_sdist(tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def tree(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the source distribution, unpacked."""
    return make_wheels.unpack(sdist, tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def packed(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that was built from the source distribution, and from nothing else."""
    return make_wheels.make_wheel(tree, tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def wheel(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def ours() -> set[str]:
    """Return the files that git tracks, or would if they were added."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is no work tree of git")
    return {name for name in done.stdout.splitlines() if (ROOT / name).is_file()}


def test_the_sdist_holds_what_git_tracks(sdist: Path) -> None:
    made = {"PKG-INFO", "setup.cfg", "voiceanon.egg-info/PKG-INFO"}
    made |= {
        f"voiceanon.egg-info/{name}.txt"
        for name in ("SOURCES", "dependency_links", "entry_points", "requires", "top_level")
    }
    with tarfile.open(sdist) as archive:
        names = [member.name.partition("/")[2] for member in archive if member.isfile()]
    assert names == sorted(names)
    assert set(names) == (ours() - {".gitignore"}) | made


def test_the_wheel_holds_exactly_its_files(wheel: Path) -> None:
    expected = {
        f"{INFO}/{name}"
        for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "top_level.txt")
    }
    expected |= {f"{INFO}/licenses/LICENSE", f"{INFO}/licenses/NOTICE"}
    expected |= {name for name in ours() if name.startswith("voiceanon/")}
    modules = {f"_engine_{level}" for level in built_levels()} | {"_kernels"}
    expected |= {f"voiceanon/{name}{EXTENSION_SUFFIXES[0]}" for name in modules}
    assert files(wheel) == expected


def test_the_wheel_is_small_and_says_where_it_runs(packed: Path, wheel: Path) -> None:
    assert packed.stat().st_size <= MAX_WHEEL_BYTES
    tags = email.message_from_string((wheel / INFO / "WHEEL").read_text()).get_all("Tag")
    assert tags == [packed.stem.split("-", 2)[2]]
    python, abi, platform = tags[0].split("-")
    assert python == abi == f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert re.match(r"manylinux_2_\d+_|macosx_", platform)


def test_the_wheel_carries_its_licences(wheel: Path) -> None:
    for name in ("LICENSE", "NOTICE"):
        assert (wheel / INFO / "licenses" / name).read_bytes() == (ROOT / name).read_bytes()
    assert "Redistributions in binary form" in (ROOT / "NOTICE").read_text()  # pybind11's
    for table in (wheel / "voiceanon" / "models").glob("*.npz"):
        assert "icen" in table.with_suffix(".md").read_text()


def test_the_metadata_tells_what_pyproject_says(wheel: Path) -> None:
    told = email.message_from_bytes((wheel / INFO / "METADATA").read_bytes())
    assert told["Name"] == "voiceanon"
    assert told["Version"] == __version__
    assert told["License-Expression"] == "Apache-2.0"
    assert told["Requires-Python"] == PROJECT["requires-python"]
    assert told["Description-Content-Type"] == "text/markdown"
    assert told.get_payload(decode=True).decode() == (ROOT / "README.md").read_text("utf-8")
    assert told.get_all("Classifier") == PROJECT["classifiers"]
    wanted = {re.match(r"[\w-]+", needed)[0] for needed in PROJECT["dependencies"]}
    plain = [needed for needed in told.get_all("Requires-Dist") if "extra ==" not in needed]
    assert {re.match(r"[\w-]+", needed)[0] for needed in plain} == wanted


def test_compiled_modules_tell_no_place_of_the_build(wheel: Path, tree: Path) -> None:
    for module in wheel.glob("voiceanon/*.so"):
        for place in (tree, ROOT, sys.prefix, sys.base_prefix, Path.home()):
            assert f"{place}/".encode() not in module.read_bytes(), (module.name, place)


def test_a_second_sdist_has_the_same_bytes(sdist: Path, tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        again = make_wheels.make_sdist(tmp_path)
    finally:
        os.umask(old)
    assert again.read_bytes() == sdist.read_bytes()


def test_a_wheel_packed_later_has_the_same_bytes(packed: Path, tree: Path, tmp_path: Path) -> None:
    """Objects are kept; `make wheel-twice` compiles twice."""
    (tree / "voiceanon" / "py.typed").touch()
    old = os.umask(0o077)
    try:
        again = make_wheels.make_wheel(tree, tmp_path)
    finally:
        os.umask(old)
    assert again.name == packed.name
    assert again.read_bytes() == packed.read_bytes()


def lowest() -> list[str]:
    """Return every dependency at the lowest version that pyproject.toml allows."""
    needed = [needed for needed in PROJECT["dependencies"] if "python_version" not in needed]
    return [needed.replace(">=", "==") for needed in needed]


@pytest.mark.parametrize("versions", ["lowest", "newest"])
def test_the_wheel_works_where_nothing_else_is(versions: str, packed: Path, tmp_path: Path) -> None:
    """An empty environment, no compiler, wheels only; then the main job."""
    if versions == "lowest" and sys.version_info >= (3, 13):
        pytest.skip("the lowest versions have no wheels for this Python")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    programs = tmp_path / "venv" / "bin"
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PIP_") or name == "HOME" or name.lower().endswith("_proxy")
    }
    environment |= {"PATH": str(programs)}
    assert shutil.which("g++", path=str(programs)) is None
    assert shutil.which("cc", path=str(programs)) is None
    install = [sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet"]
    install += ["--only-binary", ":all:", packed, *(lowest() if versions == "lowest" else [])]

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
        return done.stdout

    run(*install)
    report = json.loads(run(programs / "voiceanon", "doctor", "--json"))
    numpy_is = report["versions"]["numpy"]
    assert numpy_is.startswith("1.26.") if versions == "lowest" else int(numpy_is[0]) >= 2
    run(programs / "voiceanon", "anonymize", SPEECH, "-o", "out.flac")
    assert soundfile.info(tmp_path / "out.flac").frames == soundfile.info(SPEECH).frames
