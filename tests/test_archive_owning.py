"""A destination belongs to one run: another run's folder is refused, a finished run lets go."""

import json
import subprocess
from pathlib import Path

import pytest
from archive_made_up import go_on, planned
from archive_runs import command, destination, make_recordings, outputs, program, twin

from voiceanon.archive.finishing import finish_run
from voiceanon.archive.grouping import Grouping
from voiceanon.archive.owning import MARK, claim, refuse_foreign
from voiceanon.archive.verifying import verify_run
from voiceanon.errors import DestinationError

FILES = ["a.wav", "b.wav"]


@pytest.fixture
def run(tmp_path):
    return planned(tmp_path, {}, FILES, grouping=Grouping("none"))


def rival(folder):
    """Another run for the same destination, in a folder of its own."""
    other = twin(folder, "rival")
    text = (other.path / "plan.json").read_text().replace('"a-run"', '"b-run"')
    text = text.replace(str(destination(other)), str(destination(folder)))
    (other.path / "plan.json").write_text(text)
    assert other.settings().run != folder.settings().run
    return other


def files(place):
    return {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_the_mark_says_which_run_and_nothing_else(run):
    go_on(run)
    mark = destination(run) / MARK
    assert json.loads(mark.read_bytes()) == {"run": run.settings().run}
    assert mark.stat().st_mode & 0o777 == 0o600
    assert len(outputs(run)) == len(FILES)
    assert verify_run(run).is_good  # it is no stranger
    finish_run(run)
    assert not mark.exists()


def test_another_run_is_refused_with_a_line_that_says_what_to_do(run):
    other = rival(run)
    go_on(run)
    before = files(destination(run))
    for what in (go_on, lambda folder: finish_run(folder, incomplete=True)):
        with pytest.raises(
            DestinationError, match=r"belongs to another run \(a-run\).*--run"
        ) as told:
            what(other)
        assert len(str(told.value).splitlines()) == 1
        assert f"remove {MARK!r}" in str(told.value)
    assert files(destination(run)) == before
    go_on(run)
    # What the line says helps.
    (destination(run) / MARK).unlink()
    go_on(other)
    with pytest.raises(DestinationError, match=r"belongs to another run \(b-run\)"):
        go_on(run)


def test_a_finished_run_lets_go_of_its_destination(run):
    other = rival(run)
    go_on(run)
    finish_run(run)
    go_on(other)
    assert refuse_foreign(other.settings(), other.path)


def test_a_destination_without_a_mark_is_taken_by_the_run_that_goes_on(run):
    """Runs that were planned before there were marks go on."""
    settings = json.loads((run.path / "plan.json").read_bytes())
    del settings["packing"]
    (run.path / "plan.json").write_text(json.dumps(settings))
    go_on(run)
    (destination(run) / MARK).unlink()
    go_on(run)
    assert refuse_foreign(run.settings(), run.path)
    assert verify_run(run).is_good


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff" * 2000])
def test_a_mark_that_cannot_be_read_is_no_leave(run, content):
    (destination(run) / MARK).write_bytes(content)
    with pytest.raises(DestinationError, match="is damaged: remove it"):
        go_on(run)
    assert outputs(run) == {}


def test_a_mark_that_is_no_file_is_no_leave(run, tmp_path):
    (tmp_path / "elsewhere").write_text(json.dumps({"run": run.settings().run}))
    (destination(run) / MARK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DestinationError, match="is a symbolic link"):
        go_on(run)
    assert outputs(run) == {}


def test_a_mark_that_came_a_moment_earlier_counts(run, monkeypatch):
    other = rival(run)
    claim(other.settings(), other.path)
    looked = []

    def look(settings, folder):
        looked.append(settings.run)
        return len(looked) > 1 and refuse_foreign(settings, folder)

    monkeypatch.setattr("voiceanon.archive.owning.refuse_foreign", look)
    with pytest.raises(DestinationError, match="belongs to another run"):
        claim(run.settings(), run.path)
    assert looked == ["a-run", "a-run"]
    assert json.loads((destination(run) / MARK).read_bytes()) == {"run": "b-run"}


@pytest.mark.slow
def test_of_two_plans_for_one_destination_one_wins(tmp_path):
    source, out = make_recordings(tmp_path / "in", 1), tmp_path / "out"
    runs = [tmp_path / "one.run", tmp_path / "two.run"]
    started = [
        subprocess.Popen(
            command("plan", source, out, "--run", run, "--no-check"),  # voices are drawn here
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for run in runs
    ]  # fmt: skip
    said = [(process.communicate()[1], process.returncode) for process in started]
    assert sorted(code for _, code in said) == [0, 6], said
    (refused,) = [text for text, code in said if code == 6]
    assert "belongs to another run" in refused.replace("\n", " ")
    assert sorted(run.exists() for run in runs) == [False, True]
    (won,) = [run for run in runs if run.exists()]
    again = program("plan", source, out, "--run", tmp_path / "three.run")
    assert again.returncode == 6
    assert "belongs to another run" in again.stderr
    assert not (tmp_path / "three.run").exists()
    assert program("run", out, "--run", won).returncode == 0
    before = files(tmp_path)
    dry = program("plan", source, out, "--run", tmp_path / "three.run", "--dry-run")
    assert dry.returncode == 6
    assert files(tmp_path) == before


@pytest.mark.slow
def test_a_plan_that_fails_leaves_no_mark(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("no audio")
    out = tmp_path / "out"
    out.mkdir(mode=0o700)
    assert program("plan", tmp_path / "in", out).returncode == 2
    assert list(Path(out).iterdir()) == []
