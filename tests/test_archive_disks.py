"""What the disks of a run may do: fill up, fail at any call, forget; every time, nothing is lost.

The measure is an undisturbed run with the same key: the same names and the same bytes.
"""

import contextlib
import os
import re
import shutil
import subprocess

import pytest
from archive_outcomes import assert_undisturbed, assert_whole_so_far, states, temporary
from archive_runs import (
    destination,
    make_recordings,
    needs_strace,
    outputs,
    plan,
    program,
    traced,
    twin,
    undisturbed,
)

from voiceanon.archive.run_folder import RunFolder, Shard
from voiceanon.archive.running import MOST_ATTEMPTS, Watcher, run_shard

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A plan of some recordings, and what an undisturbed run makes of it."""
    kept, wanted, _ = undisturbed(tmp_path_factory.mktemp("disks"), count=8, seconds=2.0)
    return kept, wanted


@pytest.fixture
def run(runs, request):
    """The same plan, not begun, for this test alone."""
    name = re.sub(r"\W+", "-", request.node.name)
    return twin(runs[0], name)


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


@needs_strace
@pytest.mark.slow
def test_outputs_are_durable_before_they_are_named_and_the_ledger_comes_last(tmp_path):
    folder = plan(tmp_path, make_recordings(tmp_path / "in", 1))
    calls = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,pwrite64,unlink,unlinkat"
    log = tmp_path / "calls"
    ran = traced("run", destination(folder), calls=calls, log=log)
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
