"""A run that is killed, stopped, run twice, or whose recordings change: nothing is lost.

The measure is an undisturbed run with the same key: the same names and the same bytes.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import archive_faults
import pytest
from archive_outcomes import (
    assert_undisturbed,
    assert_whole_so_far,
    rows_by_name,
    states,
    temporary,
)
from archive_runs import (
    ENVIRONMENT,
    ROOT,
    command,
    destination,
    make_recordings,
    outputs,
    plan,
    program,
    start,
    twin,
    undisturbed,
    wait_for_outputs,
    wait_until,
)

from voiceanon.archive.manifest import Manifest
from voiceanon.archive.planning import estimate_apart
from voiceanon.archive.run_folder import Shard
from voiceanon.archive.running import MOST_ATTEMPTS, Watcher, run_shard

COUNT = 8
STOPS_WITHIN_S = 10


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A plan of some recordings, and what an undisturbed run makes of it."""
    kept, wanted, _ = undisturbed(tmp_path_factory.mktemp("faults"), COUNT, seconds=2.0)
    return kept, wanted


@pytest.fixture
def run(runs, request):
    """The same plan, not begun, for this test alone."""
    name = re.sub(r"\W+", "-", request.node.name)
    return twin(runs[0], name)


# Killed and stopped


@pytest.mark.slow
def test_killed_at_some_points_and_resumed(run, runs):
    _, wanted = runs
    for count in (0, 1, 2, COUNT // 2):
        process = start("run", destination(run), "--workers", "2")
        if count == 0:
            wait_until(run.ledger(Shard()).exists)
        else:
            wait_for_outputs(run, count, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert_whole_so_far(run, wanted)
    # Under load a recording can be in hand three times: the next run gives it up, which is for
    # the one after to try again.
    assert program("run", destination(run)).returncode in (0, 3)
    assert program("run", destination(run), "--retry").returncode == 0
    assert_undisturbed(run, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize(
    ("number", "to_all"),
    [
        (signal.SIGINT, True),
        (signal.SIGINT, False),
        (signal.SIGTERM, True),
        (signal.SIGTERM, False),
    ],
)
def test_stopped_and_resumed(run, runs, number, to_all, count):
    _, wanted = runs
    process = start("run", destination(run), "--workers", "2" if count == 0 else "1")
    if count == 0:  # while its workers begin
        wait_until(run.ledger(Shard()).exists)
    else:
        wait_for_outputs(run, count, process)
    asked_s = time.monotonic()
    os.kill(-process.pid if to_all else process.pid, number)
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - asked_s < STOPS_WITHIN_S
    assert process.returncode == 130, said
    assert said.count(b"\n") == 1
    assert b"interrupted" in said
    assert temporary(run) == []
    assert_whole_so_far(run, wanted)
    assert set(states(run)) <= {"done", "undecided"}
    # It is nobody's fault.
    assert all(row.attempts == 0 for row in rows_by_name(run).values() if row and not row.outputs)
    run_shard(run)
    assert_undisturbed(run, wanted)


def test_stopping_often_gives_nothing_up(tmp_path):
    folder = plan(tmp_path, make_recordings(tmp_path / "in", 1))

    def stop(_entry, _share):
        raise KeyboardInterrupt

    for _ in range(MOST_ATTEMPTS + 1):
        with pytest.raises(KeyboardInterrupt):
            run_shard(folder, watcher=Watcher(on_progress=stop))
        assert states(folder) == {"undecided": 1}
    run_shard(folder)
    assert states(folder) == {"done": 1}


def is_running(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.slow
def test_a_recording_that_stops_the_whole_run_is_given_up(run, runs):
    _, wanted = runs
    environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    fatal = [sys.executable, archive_faults.__file__, str(run.path)]
    mark = destination(run).with_name("worker")
    for attempt in range(MOST_ATTEMPTS):
        ended = subprocess.run(fatal, env=environment, capture_output=True, check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        # Nobody works on when the run is gone.
        worker = int(mark.read_text())
        wait_until(lambda worker=worker: not is_running(worker), STOPS_WITHIN_S)
        mark.unlink()
        rows = rows_by_name(run)
        assert rows["talk-1.wav"].attempts == attempt + 1
        # What its worker was given ahead was not begun.
        assert [name for name, row in rows.items() if row and row.state == "working"] == [
            "talk-1.wav"
        ]
    run_shard(run)
    row = rows_by_name(run)["talk-1.wav"]
    assert (row.state, row.attempts) == ("failed", MOST_ATTEMPTS)
    assert "stopped the run each time" in row.reason
    assert states(run) == {"done": COUNT - 1, "failed": 1}
    assert_whole_so_far(run, wanted)
    run_shard(run, retry=True)  # what is wrong with it is gone
    assert_undisturbed(run, wanted)


@pytest.mark.parametrize(
    ("make_work", "reason"),
    [
        (archive_faults.make_poisoned, f"its worker ended by signal {signal.SIGSEGV:d}"),
        (archive_faults.make_hanging, "no progress for 3 s: its worker was stopped"),
        (archive_faults.make_unexpected, "unexpected ZeroDivisionError"),
    ],
)
def test_a_recording_that_ends_its_worker_fails_alone(run, runs, make_work, reason, monkeypatch):
    _, wanted = runs
    monkeypatch.setattr("voiceanon.archive.running.make_work", make_work)
    monkeypatch.setattr("voiceanon.archive.running._STUCK_S", 3.0)
    told = []
    run_shard(run, workers=2, watcher=Watcher(on_row=lambda entry, row: told.append(row.state)))
    assert sorted(told) == ["done"] * (COUNT - 1) + ["failed"]
    row = rows_by_name(run)["talk-1.wav"]
    assert (row.state, row.reason) == ("failed", reason)
    assert_whole_so_far(run, wanted)
    assert temporary(run) == []
    with monkeypatch.context() as patched:  # it is not tried for ever
        patched.setattr("voiceanon.archive.running.Pool", None)
        run_shard(run)
    monkeypatch.undo()
    run_shard(run, retry=True)
    assert_undisturbed(run, wanted)


def test_a_recording_that_ends_the_measuring_does_not_end_the_plan(tmp_path, monkeypatch):
    folder = plan(tmp_path, make_recordings(tmp_path / "in", 2))
    with Manifest.open(folder.manifest) as manifest:
        asked = (manifest, folder.manifest, folder.settings(), folder.path)
        good, problem = estimate_apart(*asked)
        assert problem == ""
        assert good.recordings == 2
        assert good.hours == pytest.approx(2 * 1.2 / 3600)
        assert good.output_bytes > 0
        monkeypatch.setattr(
            "voiceanon.archive.planning.make_estimate", archive_faults.make_dying_estimate
        )
        bad, problem = estimate_apart(*asked)
    assert problem == f"its worker ended by signal {signal.SIGSEGV:d}"
    assert (bad.recordings, bad.bytes, bad.hours) == (2, good.bytes, 0.0)


# Inputs


def test_inputs_that_vanish_or_change_fail_alone(tmp_path):
    source = make_recordings(tmp_path / "in", 6)
    folder = plan(tmp_path, source)
    wanted = twin(folder, "wanted")
    run_shard(wanted)
    order = []

    def change(_entry, _row):
        if order:
            return
        with Manifest.open(folder.manifest) as manifest:
            order.extend(Path(entry.source) for entry in manifest)
        order[3].unlink()
        order[4].write_bytes(order[4].read_bytes() + b"more")
        content = order[5].read_bytes()
        order[5].write_bytes(content[::-1])  # as long as before

    run_shard(folder, watcher=Watcher(on_row=change))
    rows = rows_by_name(folder)
    assert [rows[path.name].state for path in order] == ["done"] * 3 + ["failed"] * 3
    assert "No such file" in rows[order[3].name].reason
    assert {rows[path.name].reason for path in order[4:]} == {"has changed since the plan"}
    made, whole = outputs(folder), outputs(wanted)
    assert len(made) == 3
    assert made == {name: whole[name] for name in made}
    assert states(folder) == {"done": 3, "failed": 3}


def test_an_input_that_changes_under_the_reader_fails(tmp_path):
    source = make_recordings(tmp_path / "in", 1, seconds=5.0)
    folder = plan(tmp_path, source)
    path = source / "talk-0.wav"
    changed = []

    def change(_entry, _share):
        if not changed:
            changed.append(path.stat().st_mtime_ns)
            with path.open("r+b") as file:
                file.seek(1000)
                file.write(b"another voice")

    run_shard(folder, watcher=Watcher(on_progress=change))
    assert changed
    assert outputs(folder) == {}
    assert states(folder) == {"failed": 1}


# Two at once


@pytest.mark.slow
def test_of_two_runs_one_wins(run, runs):
    _, wanted = runs
    out = destination(run)
    both = [start("run", out), start("run", out)]
    said = [(process.communicate()[1], process.returncode) for process in both]
    # Or both, if the machine was so slow that one began when the other was done.
    assert sorted(code for _, code in said) in ([0, 6], [0, 0])
    assert all(b"locked" in text for text, code in said if code == 6)
    assert_undisturbed(run, wanted)


@pytest.mark.slow
def test_a_run_that_goes_on_is_looked_at_and_not_touched(tmp_path):
    folder = plan(tmp_path, make_recordings(tmp_path / "in", 6, seconds=4.0), check=True)
    process = start("run", destination(folder))
    wait_for_outputs(folder, 1, process)
    os.kill(process.pid, signal.SIGSTOP)  # as long as it takes
    try:
        for verb in (["run"], ["run", "--shard", "1/2"], ["finish"], ["verify"],
                     ["remove-originals", "--yes"]):  # fmt: skip
            ran = program(verb[0], destination(folder), *verb[1:])
            assert ran.returncode == 6, (verb, ran.stderr)
            assert "locked" in ran.stderr
    finally:
        os.kill(process.pid, signal.SIGCONT)
    looked = program("status", destination(folder))
    assert looked.returncode == 0, looked.stderr
    process.communicate()
    assert process.returncode == 0
    assert states(folder) == {"done": 6}


def test_shards_of_one_split_start_together(run, runs):
    _, wanted = runs
    all_ = [start("run", destination(run), "--shard", f"{number}/3") for number in (1, 2, 3)]
    ended = [(process.communicate()[1], process.returncode) for process in all_]
    assert [code for _, code in ended] == [0, 0, 0], ended
    assert_undisturbed(run, wanted)


# Time


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_a_clock_that_jumps_changes_nothing(run, runs):
    _, wanted = runs
    for when in ("1999-01-01", "2099-01-01"):
        process = subprocess.Popen(
            command("run", destination(run), before=["faketime", when]),
            env=ENVIRONMENT,
            start_new_session=True,
        )
        wait_for_outputs(run, 1, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    run_shard(run)
    assert_undisturbed(run, wanted)
