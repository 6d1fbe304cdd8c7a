"""The manual is true: README's and docs' code runs, their commands work, and their tables hold."""

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

# The tour is one walk (test_docs.py); every other block of a page starts from the same folder.
PAGES = {
    path.relative_to(ROOT).as_posix(): Page(path)
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if path.name != "tour.md"
}
TABLES = {
    "recipe": "README.md",
    "exit code": "README.md",
    "setting": "docs/recipes.md",
    "rate of the stream": "docs/files.md",
    "attacker | compares": "docs/measuring.md",
}
README, ARCHIVES = PAGES["README.md"].text, PAGES["docs/archives.md"].text
PYTHON = [
    pytest.param(block, id=f"{name}-{number}")
    for name, page in PAGES.items()
    for number, block in enumerate(page.of("python"), 1)
]
COMMANDS = [
    pytest.param(
        block.commands,
        id=f"{name}-{number}",
        marks=[pytest.mark.slow] if "voiceanon evaluate" in block.code else [],
    )
    for name, page in PAGES.items()
    for number, block in enumerate(page.of("sh"), 1)
]
SLURM = re.search(r"^```bash\n(.*?)^```", ARCHIVES, re.MULTILINE | re.DOTALL)[1]
KUBERNETES = re.search(r'command: \[sh, -c, "(.*)"\]', ARCHIVES)[1]
RECIPE = re.search(r'from_toml\("""(.*?)"""', PAGES["docs/recipes.md"].text, re.DOTALL)[1]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with the recordings and the recipe that the pages speak of."""
    (tmp_path / "recordings").mkdir()
    samples, rate = soundfile.read(SPEECH[0], dtype="float32", frames=48_000)
    soundfile.write(tmp_path / "interview.wav", samples, rate)
    for path in SPEECH[1:3]:
        samples, rate = soundfile.read(path, dtype="float32", frames=48_000)
        soundfile.write(tmp_path / "recordings" / path.name, samples, rate)
    (tmp_path / "flat.toml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    return tmp_path


def rows_of(heading):
    """The cells of the table whose header begins with `heading`."""
    text = PAGES[TABLES[heading]].text
    table = text[text.index(f"| {heading} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in table]


def test_the_manual_has_code_of_every_kind():
    blocks = [block for page in PAGES.values() for block in page.blocks]
    assert sum(block.language == "python" and not block.needs for block in blocks) >= 8
    assert {block.needs for block in blocks if block.needs} == {
        "pandas",
        "datasets",
        "lhotse",
        "audiomentations",
        "ray",
        "dask",
        "pyspark",
    }
    commands = [block.commands for block in blocks if block.language == "sh"]
    assert len(commands) >= 5
    assert all(commands), "a block that no test would run"
    fences = "\n".join(page.text for page in PAGES.values())
    assert fences.count("```python") + fences.count("```sh") == len(blocks)


@pytest.mark.parametrize("heading", TABLES)
def test_a_table_lies_on_one_page(heading):
    assert [name for name in PAGES if f"\n| {heading} |" in PAGES[name].text] == [TABLES[heading]]


def test_the_readme_is_short_and_names_every_page():
    assert len(README.splitlines()) <= 380, "details belong on a page of docs/"
    for name in PAGES:
        assert name == "README.md" or name in README, name
    index = PAGES["docs/README.md"].text
    for path in (ROOT / "docs").glob("*.md"):
        assert path.name == "README.md" or index.count(f"]({path.name}): ") == 1, path.name


def test_the_attackers_are_those_that_exist():
    from voiceanon.privacy.attackers import all_attackers

    told = {name: sides for name, sides, _ in rows_of("attacker | compares")}
    assert list(told) == list(all_attackers())
    for name, attacker in all_attackers().items():
        assert told[name].startswith("original" if attacker.sides[0] == "o" else "anonymized")


@pytest.mark.filterwarnings("ignore:PySpark:FutureWarning")  # of pandas to come
@pytest.mark.parametrize("block", PYTHON)
def test_python_runs(block, folder, request):
    run_python(block, request.node.callspec.id, folder)


@pytest.mark.parametrize("commands", COMMANDS)
def test_commands_end_with_0_one_after_the_other(commands, folder, capsys):
    if any("corpus/" in command for command in commands):  # seconds to make
        write_corpus(folder / "corpus", range(5))
        write_corpus(folder / "others", range(20, 24))
    run_commands(commands, folder, capsys)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "variable", "first"),
    [(SLURM, "SLURM_ARRAY_TASK_ID", 1), (KUBERNETES, "JOB_COMPLETION_INDEX", 0)],
)
def test_shards_of_an_array_are_the_whole(script, variable, first, folder):
    """The scripts of the manual, as plain processes that start together, each told its number."""
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
    assert says_unused == bool((plain == other).all()), f"the row on {name} is out of date"


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
    check_links(PAGES["README.md"])
    make_targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)(?=`| {2,}#)", README)) <= make_targets
