"""Runs of an archive without any speech, for tests of what becomes of outputs once they are made.

Outputs are drawn from the names of their recordings, in this process: hundreds of runs a minute,
each killed wherever a test likes.
"""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from archive_runs import destination, outputs, plan, twin

from voiceanon.archive import ledger
from voiceanon.archive.entries import MEMBER_MARK
from voiceanon.archive.grouping import Grouping
from voiceanon.archive.ledger import Row
from voiceanon.archive.places import LocalFolder, place_of
from voiceanon.archive.run_folder import waiting_beside
from voiceanon.archive.running import Watcher, run_shard
from voiceanon.archive.statement import totals_of
from voiceanon.archive.verifying import verify_run
from voiceanon.archive.work import output_of
from voiceanon.formats.placing import NewFile

RATE, FRAMES = 16_000, 400
KILLED = 9
# Tar files of recordings, and how many recordings that is.
TARS = {"x.tar": ["a.wav", "b.wav", "c.wav"], "y.tar": ["d.wav"], "z.tar": ["e.wav", "f.wav"]}
COUNT = 6


def planned(place, tars, files=(), *, grouping, **settings):
    """Plan a run over tar files with members of the names given, and over files."""
    source = place / "in"
    source.mkdir(parents=True)
    for name, members in tars.items():
        with tarfile.open(source / name, "w") as archive:
            for member in members:
                archive.addfile(tarfile.TarInfo(member))
    for name in files:
        (source / name).touch()
    folder = plan(place, source, grouping=grouping, **settings)
    Path(folder.settings().destination).mkdir(mode=0o700)
    return folder


def go_on(folder, shard=None, *, bad=(), **options):
    """Work on a run in this process; recordings whose names end in one of `bad` fail."""

    def make_pool(_workers, _make_work, settings, _stuck_s):
        return _Pool(settings, tuple(bad))

    return run_shard(folder, shard, make_pool=make_pool, **options)


def make_work(settings):
    """Return what makes up a job's outputs, in a worker's process."""
    made = _Pool(settings, ())._made
    return lambda job, _tell: made(job)


class _Pool:
    def __init__(self, settings, bad):
        self._settings, self._bad = settings, bad

    def map(self, jobs, _on_progress, on_turn, on_begin):
        for name, job in jobs:
            on_begin(name)
            on_turn()
            yield name, self._made(job)

    def close(self):
        return True

    def _made(self, job):
        entry, settings = job.entry, self._settings
        if entry.name.endswith(self._bad) and self._bad:
            return Row(entry.id, "failed", reason="is bad")
        place = place_of(settings)
        if entry.packed is not None:
            place = LocalFolder(waiting_beside(Path(job.work_folder)))
        stem = place.stem(entry.output, Path(job.work_folder))
        outputs, made = [], {}
        for suffix in (settings.audio, ".voa") if settings.level else (settings.audio,):
            path = stem.with_name(stem.name + suffix)
            with NewFile(path, overwrite=True) as file:
                _write(file.temporary, entry, suffix)
                file.sync()
                file.give_name()
            outputs.append(output_of(path, suffix))
            made[suffix] = path
        place.deliver(entry.output, made, lambda: None)
        facts = {"frames": FRAMES, "rate": RATE, "channels": 1}
        return Row(entry.id, "done", verdict="not checked", outputs=tuple(outputs), **facts)


def _write(path, entry, suffix):
    drawn = hashlib.sha512((entry.source.rpartition(MEMBER_MARK)[2] + suffix).encode()).digest()
    if suffix == ".voa":
        path.write_bytes(drawn * (1 + drawn[0] % 20))
        return
    samples = np.resize(np.frombuffer(drawn, np.int8), FRAMES).astype(np.int16) * 64
    soundfile.write(path, samples, RATE, "PCM_16", format="FLAC")


def killed_at(number, do):
    """Do something in a process that is killed before a write to the disk; whether it was.

    Parameters
    ----------
    number : int
        How many times something is synced, renamed, removed or noted in a ledger before.
    do : callable
        What is done.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _kill_at(number)
            do()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, KILLED)
    return code == KILLED


def _kill_at(number):
    left = number

    def before(function):
        def counted(*arguments, **options):
            nonlocal left
            if left == 0:
                os._exit(KILLED)
            left -= 1
            return function(*arguments, **options)

        return counted

    os.fsync = before(os.fsync)
    os.link = before(os.link)
    Path.replace = before(Path.replace)
    Path.unlink = before(Path.unlink)
    ledger.Ledger.put = before(ledger.Ledger.put)
    ledger.Ledger.commit = before(ledger.Ledger.commit)


def undisturbed_tars(place):
    """Plan a run of TARS and do it; return a copy that is not begun, and what was made."""
    folder = planned(place, TARS, grouping=Grouping("auto"), level="measures")
    kept = twin(folder, "kept")
    go_on(folder)
    wanted = outputs(folder)
    assert len(wanted) == len(TARS)
    return kept, wanted


def another(kept, tmp_path_factory):
    folder = twin(kept, tmp_path_factory.mktemp("run").name)
    destination(folder).mkdir(mode=0o700)
    return folder


def stopped_half_way(kept, tmp_path_factory):
    """Return a run of which one tar file is made and some outputs wait."""
    folder = another(kept, tmp_path_factory)
    seen = []

    def stop(entry, _row):
        seen.append(entry.packed.number)
        if seen.count(seen[-1]) == 1 and len(seen) > 1:
            raise KeyboardInterrupt

    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            go_on(folder, watcher=Watcher(on_row=stop))
        if waiting(folder) and outputs(folder):
            return folder
    raise AssertionError("it never came to that")


def waiting(folder):
    return [path.name for path in folder.waiting.rglob("*") if path.is_file()]


def members_in(content):
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}


def assert_undisturbed(folder, wanted, count=COUNT):
    assert outputs(folder) == wanted
    assert not folder.waiting.exists()
    totals = totals_of(folder)
    assert (totals.states["done"], totals.states["undecided"], totals.waiting) == (count, 0, 0)
    found = verify_run(folder)
    assert found.is_good, found
    assert found.outputs == totals.outputs == 2 * count
    assert found.bytes == totals.output_bytes


def flip(path):
    """Change one bit of a file."""
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
