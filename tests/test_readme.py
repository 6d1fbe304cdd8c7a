"""The README is the manual: its code runs, its commands work, and its tables are true."""

import os
import re
import subprocess
import sys
from dataclasses import fields

import archive_runs
import pytest
import soundfile
from manual_pages import ROOT, SPEECH, Page, check_links, run_commands, run_python
from synthetic_people import write_corpus

import voiceanon
from voiceanon import errors
from voiceanon.archive.running import run_shard

PAGE = Page(ROOT / "README.md")
README = PAGE.text
PYTHON = PAGE.of("python")
BLOCKS = [
    pytest.param(block.commands, marks=pytest.mark.slow)
    if "voiceanon evaluate" in block.commands[0]
    else block.commands
    for block in PAGE.of("sh")
    if block.commands
]
SLURM = re.search(r"^```bash\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[1]
KUBERNETES = re.search(r'command: \[sh, -c, "(.*)"\]', README)[1]
RECIPE = next(block.code for block in PYTHON if "from_toml" in block.code).split('"""')[1]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with the recordings and the recipe that the README speaks of."""
    (tmp_path / "recordings").mkdir()
    samples, rate = soundfile.read(SPEECH[0], dtype="float32", frames=48_000)
    soundfile.write(tmp_path / "interview.wav", samples, rate)
    for path in SPEECH[1:3]:
        samples, rate = soundfile.read(path, dtype="float32", frames=48_000)
        soundfile.write(tmp_path / "recordings" / path.name, samples, rate)
    (tmp_path / "flat.toml").write_text(RECIPE)
    write_corpus(tmp_path / "corpus", range(5))
    write_corpus(tmp_path / "others", range(20, 24))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    return tmp_path


def rows_of(heading):
    """The cells of the table whose header begins with `heading`."""
    table = README[README.index(f"| {heading} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in table]


def test_the_readme_has_code_of_every_kind():
    assert sum(not block.needs for block in PYTHON) >= 8
    assert {block.needs for block in PYTHON if block.needs} == {
        "pandas",
        "datasets",
        "lhotse",
        "audiomentations",
        "ray",
        "dask",
        "pyspark",
    }
    assert len(BLOCKS) >= 5
    assert README.count("```python") == len(PYTHON)


def test_the_attackers_are_those_that_exist():
    from voiceanon.privacy.attackers import all_attackers

    told = {name: sides for name, sides, _ in rows_of("attacker")}
    assert list(told) == list(all_attackers())
    for name, attacker in all_attackers().items():
        assert told[name].startswith("original" if attacker.sides[0] == "o" else "anonymized")


@pytest.mark.filterwarnings("ignore:PySpark:FutureWarning")  # of pandas to come
@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_python_runs(number, folder):
    run_python(PYTHON[number], f"README.md, example {number + 1}", folder)


@pytest.mark.parametrize("commands", BLOCKS)
def test_commands_end_with_0_one_after_the_other(commands, folder, capsys):
    run_commands(commands, folder, capsys)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "variable", "first"),
    [(SLURM, "SLURM_ARRAY_TASK_ID", 1), (KUBERNETES, "JOB_COMPLETION_INDEX", 0)],
)
def test_shards_of_an_array_are_the_whole(script, variable, first, folder):
    """The scripts of the README, as plain processes that start together, each told its number."""
    source = archive_runs.make_recordings(folder / "in", 6)
    run = archive_runs.plan(folder, source, "archive")
    whole = archive_runs.twin(run, "whole")
    run_shard(whole)
    program = folder / "bin" / "voiceanon"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{archive_runs.PROGRAM}" "$@"\n')
    program.chmod(0o700)
    assert script.count("16") == 1 + ("--array=1-16" in script)
    script = script.replace("16", "3").replace("/data/archive", "archive")
    environment = {**archive_runs.ENVIRONMENT, "SLURM_CPUS_PER_TASK": "1"}
    environment["PATH"] = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    tasks = [
        subprocess.Popen(
            ["bash", "-c", script],
            env={**environment, variable: str(number)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for number in range(first, first + 3)
    ]
    said = [task.communicate()[1] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0, 0], said
    assert len(run.ledgers()) == 3
    assert archive_runs.outputs(run) == archive_runs.outputs(whole) != {}


def test_the_table_of_settings_is_the_recipe():
    settings = {name: (default, allowed) for name, default, allowed, _ in rows_of("setting")}
    described = {field.name: field for field in fields(voiceanon.Recipe) if field.metadata}
    assert list(settings) == list(described)
    for name, (default, allowed) in settings.items():
        metadata = described[name].metadata
        assert str(described[name].default).removesuffix(".0") == default, name
        if "allowed" in metadata:
            assert allowed.split(", ") == [str(choice) for choice in metadata["allowed"]], name
        else:
            bounds = [f"{float(metadata[end]):.10g}" for end in ("low", "high")]
            assert allowed.split(" to ") == bounds, name


@pytest.mark.parametrize(
    ("name", "value"), [("pitch_range", "voice"), ("detail_order", 8), ("time_warp", 0.1)]
)
def test_a_setting_changes_the_result_unless_the_table_says_not_yet(name, value):
    samples, rate = soundfile.read(SPEECH[0], dtype="float32", frames=48_000)
    secret = bytes(32)
    row = next(row for row in rows_of("setting") if row[0] == name)
    plain = voiceanon.Anonymizer(voiceanon.Recipe(name="a"), secret)(samples, rate)
    other = voiceanon.Anonymizer(voiceanon.Recipe(name="a", **{name: value}), secret)(samples, rate)
    says_unused = bool(re.search(r"not (used )?yet", row[3]))
    assert says_unused == bool((plain == other).all()), f"the README's row on {name} is out of date"


def test_the_recipes_are_those_that_exist():
    from voiceanon.recipe import DEFAULT_RECIPE, recipe_names

    names = dict(rows_of("recipe"))
    assert {"default", *names} == set(recipe_names())
    assert [name for name, what in names.items() if "`default`" in what] == [DEFAULT_RECIPE]


def test_the_exit_codes_are_those_of_the_errors():
    listed = {int(code) for code, _ in rows_of("exit code")}
    known = {getattr(errors, name).exit_code for name in errors.__all__}
    assert listed == known | {0, 130}


def test_the_latencies_are_the_streams_own():
    for rate_khz, latency_ms in rows_of("rate of the stream"):
        rate = round(1000 * float(rate_khz.removesuffix(" kHz")))
        stream = voiceanon.Anonymizer().stream(rate)
        measured_ms = 1000 * stream.latency_samples / rate
        assert measured_ms == pytest.approx(float(latency_ms.removesuffix(" ms")), abs=0.6)


def test_what_the_readme_links_to_exists():
    check_links(PAGE)
    make_targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)(?=`| {2,}#)", README)) <= make_targets
