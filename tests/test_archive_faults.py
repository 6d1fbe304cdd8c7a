"""What a run of an archive must survive: every time, only whole files and nothing lost.

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
)

from voiceanon.archive.ledger import Ledger
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.planning import estimate_apart
from voiceanon.archive.run_folder import RunFolder, Shard
from voiceanon.archive.running import MOST_ATTEMPTS, Watcher, run_shard
from voiceanon.archive.statement import totals_of
from voiceanon.archive.verifying import verify_run

COUNT = 8
STOPS_WITHIN_S = 10
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A plan of some recordings, and what an undisturbed run makes of it."""
    place = tmp_path_factory.mktemp("faults")
    folder = plan(place, make_recordings(place / "in", COUNT, seconds=2.0))
    kept = twin(folder, "kept")
    run_shard(folder)
    wanted = outputs(folder)
    assert len(wanted) == COUNT
    return kept, wanted


@pytest.fixture
def run(runs, request):
    """The same plan, not begun, for this test alone."""
    name = re.sub(r"\W+", "-", request.node.name)
    return twin(runs[0], name)


def states(folder):
    return {name: number for name, number in totals_of(folder).states.items() if number}


def rows_by_name(folder):
    found = {}
    with Manifest.open(folder.manifest) as manifest:
        for shard, path in folder.ledgers():
            with Ledger(path, folder.settings().run) as ledger:
                for entry in manifest.shard(shard.number, shard.count):
                    found[entry.name] = ledger.get(entry.id)
    return found


def named(folder):
    """What is there under its final name."""
    return {
        name: content for name, content in outputs(folder).items() if "/.voiceanon-" not in name
    }


def temporary(folder):
    places = (destination(folder), folder.path)
    return [path for place in places for path in place.rglob("*.part")]


def assert_whole_so_far(folder, wanted):
    made = named(folder)
    assert made == {name: wanted[name] for name in made}


def assert_undisturbed(folder, wanted):
    assert outputs(folder) == wanted
    assert states(folder) == {"done": COUNT}
    assert temporary(folder) == []
    assert verify_run(folder).is_good


def wait_until(what, timeout_s=60.0):
    until_s = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < until_s, "it never came to that"
        time.sleep(0.005)


def wait_for_outputs(folder, count, process):
    place = destination(folder)
    wait_until(lambda: process.poll() is not None or len(list(place.glob("*/*.flac"))) >= count)


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
    assert program("run", destination(run)).returncode == 0
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
        assert rows_by_name(run)["talk-1.wav"].attempts == attempt + 1
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


# Places


@pytest.fixture
def disk(tmp_path):
    """A disk of its own, and a way to mount it again with other options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"{options},mode=700", "tmpfs", str(place)],
            check=True, capture_output=True,
        )  # fmt: skip

    try:
        mount("size=64k")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no disk can be mounted here")
    yield place, lambda options: mount(f"remount,{options}")
    subprocess.run(["umount", "-l", str(place)], check=True)


@needs_root
@pytest.mark.parametrize("is_run_there", [True, False])
def test_a_disk_that_fills_up_and_is_enlarged(runs, disk, tmp_path, is_run_there):
    kept, wanted = runs
    place, remount = disk
    size = sum(map(len, wanted.values()))
    remount(f"size={size // 2 + 100_000 * is_run_there}")
    moved = move_run(kept, (place if is_run_there else tmp_path) / "out.run", place / "out")
    arguments = ["run", place / "out", "--run", moved.path, "--workers", "2"]
    for _ in range(MOST_ATTEMPTS + 1):
        ran = program(*arguments)
        assert ran.returncode == 6, ran.stderr
        assert "cannot be" in ran.stderr
        assert "MB are free in destination" in ran.stderr
        assert len(ran.stderr.splitlines()) == 1
        assert_whole_so_far(moved, wanted)
        assert temporary(moved) == []
    remount(f"size={4 * size}")
    assert set(states(moved)) == {"done", "undecided"}
    ran = program(*arguments)
    assert ran.returncode == 0, ran.stderr
    assert_undisturbed(moved, wanted)


@needs_root
def test_a_disk_without_any_room_stops_the_run_at_once(runs, disk):
    kept, wanted = runs
    place, remount = disk
    remount("size=300k")
    moved = move_run(kept, place / "out.run", place / "out")
    (place / "out").mkdir(mode=0o700)
    with contextlib.suppress(OSError), (place / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))
    ran = program("run", place / "out")
    assert ran.returncode == 6, ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    (place / "filler").unlink()
    remount("size=4m")
    assert "failed" not in states(moved)
    run_shard(moved)
    assert_undisturbed(moved, wanted)


def move_run(kept, path, out):
    """Copy a run to another disk."""
    aside = twin(kept, f"aside-{os.urandom(4).hex()}")
    text = (aside.path / "plan.json").read_text()
    shutil.copytree(aside.path, path)
    (path / "plan.json").write_text(text.replace(str(destination(aside)), str(out)))
    shutil.rmtree(aside.path)
    return RunFolder(path)


@needs_root
def test_a_place_that_cannot_be_written_is_refused_before_any_work(runs, disk, tmp_path):
    kept, _ = runs
    place, remount = disk
    (place / "out").mkdir(mode=0o700)
    moved = move_run(kept, tmp_path / "out.run", place / "out")
    remount("ro")
    ran = program("run", place / "out", "--run", moved.path)
    assert ran.returncode == 6
    assert "Read-only file system" in ran.stderr
    assert moved.ledgers() == []
    source = make_recordings(tmp_path / "in", 1)
    for out in (place / "out", place / "new"):
        ran = program("plan", source, out)
        assert ran.returncode == 6
        assert "Read-only file system" in ran.stderr


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


# Ledgers and outputs


def flipped(content):
    at = content.rindex(b".flac")
    return content[: at - 40] + bytes([content[at - 40] ^ 4]) + content[at - 39 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        flipped,
        lambda _content: b"",
        lambda content: b"garbage " * (len(content) // 8),
    ],
    ids=["torn", "flipped", "emptied", "garbage"],
)
def test_a_damaged_ledger_is_made_again(run, runs, damage, monkeypatch):
    _, wanted = runs
    run_shard(run)
    path = run.ledger(Shard())
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    told = program("status", destination(run))
    assert told.returncode == 1
    assert "damaged" in told.stderr
    notes = []
    with monkeypatch.context() as patched:  # what is delivered is believed
        patched.setattr("voiceanon.archive.running.Pool", None)
        run_shard(run, watcher=Watcher(on_note=notes.append))
    assert ["it is made again from the outputs" in note for note in notes] == [True]
    assert path.with_suffix(".damaged-1").read_bytes() == damaged
    assert_undisturbed(run, wanted)
    # Once more, and this time something is missing and something is torn.
    gone, torn, *_ = wanted
    (destination(run) / gone).unlink()
    (destination(run) / torn).write_bytes(wanted[torn][:-9])
    path.write_bytes(damage(path.read_bytes()))
    run_shard(run)
    assert path.with_suffix(".damaged-2").exists()
    assert_undisturbed(run, wanted)


# Calls of the system


def traced(*arguments, folder, calls, log):
    tracer = ["strace", "-f", "-y", "-qq", "-s", "0", "-o", str(log), "-e", f"trace={calls}"]
    return program(*arguments, before=tracer)


@needs_strace
@pytest.mark.slow
def test_outputs_are_durable_before_they_are_named_and_the_ledger_comes_last(tmp_path):
    folder = plan(tmp_path, make_recordings(tmp_path / "in", 1))
    calls = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,pwrite64,unlink,unlinkat"
    log = tmp_path / "calls"
    ran = traced("run", destination(folder), folder=folder, calls=calls, log=log)
    assert ran.returncode == 0, ran.stderr
    (name,) = outputs(folder)
    inner, final = str(destination(folder) / name).rsplit("/", 1)
    lines = log.read_text().splitlines()

    def last(*parts):
        found = [at for at, line in enumerate(lines) if all(part in line for part in parts)]
        assert found, parts
        return found[-1]

    synced = last("sync(", ".voiceanon-", ".part>")
    renamed = last("rename", ".voiceanon-", final)
    folder_synced = last("fsync(", f"<{inner}>")
    above_synced = last("fsync(", f"<{destination(folder)}>")
    noted = last("pwrite64(", "ledger-1-of-1.sqlite>")
    noted_synced = last("sync(", "ledger-1-of-1.sqlite>")
    assert synced < renamed < folder_synced < noted < noted_synced
    assert above_synced < noted
    assert not [line for line in lines[renamed + 1 :] if final in line and "unlink" in line]


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        "fsync:error=EIO:when=1",
        "fsync:error=EIO:when=3",
        "fdatasync:error=EIO:when=2",
        "pwrite64:error=ENOSPC:when=1",
        "pwrite64:error=ENOSPC:when=7",
        "write:error=ENOSPC:when=9+9",
        "write:error=EINTR:when=2+3",
        "write:error=EIO:when=12",
        "read:error=EINTR:when=5+7",
        "read:error=EIO:when=300",
        "openat:error=EMFILE:when=420",
        "openat:error=EMFILE:when=700+50",
        "rename:error=EIO:when=1",
        "link:error=ENOSPC:when=1",
    ],
)
def test_calls_that_fail_make_nothing_wrong(run, runs, fault):
    _, wanted = runs
    name = fault.partition(":")[0]
    tracer = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", os.devnull, "-e", f"trace={name}"]
    ran = program("run", destination(run), before=[*tracer, "-e", f"inject={fault}"])
    assert ran.returncode in (0, 1, 2, 3, 5, 6), ran.stderr
    assert "holds no run" not in ran.stderr
    assert_whole_so_far(run, wanted)
    again = program("run", destination(run), "--retry")
    assert again.returncode == 0, again.stderr
    assert_undisturbed(run, wanted)


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
