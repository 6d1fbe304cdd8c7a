"""Work that goes wrong on purpose, for tests of the archive runner; imported in its workers.

Run as a program, it works on the run in the folder given, with such work.
"""

import os
import signal
import sys
import time
from pathlib import Path

from voiceanon.archive import running, work
from voiceanon.archive.run_folder import RunFolder

make_good_work = work.make_work
LONG_S = 60.0


def _make(settings, name, fault):
    good = make_good_work(settings)

    def do(job, tell):
        if job.entry.name == name:
            tell(1.0)  # as if only the end were left: then the next recording is given ahead
            fault(job)
        return good(job, tell)

    return do


def make_poisoned(settings):
    """Return work that is killed by the recording talk-1.wav."""
    return _make(settings, "talk-1.wav", lambda _job: os.kill(os.getpid(), signal.SIGSEGV))


def make_hanging(settings):
    """Return work that never ends at the recording talk-1.wav."""
    return _make(settings, "talk-1.wav", lambda _job: time.sleep(LONG_S))


def make_fatal(settings):
    """Return work that kills the whole run at the recording talk-1.wav, a while after it began."""

    def fault(job):
        mark = Path(settings.destination).with_name("worker")
        mark.write_text(str(os.getpid()))
        time.sleep(2.5)
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(LONG_S)

    return _make(settings, "talk-1.wav", fault)


def make_unexpected(settings):
    """Return work that meets a mistake of ours at the recording talk-1.wav."""
    good = work.anonymize_file

    def bad(anonymizer, source, destination, **options):
        if Path(source).name == "talk-1.wav":
            raise ZeroDivisionError(source)
        return good(anonymizer, source, destination, **options)

    work.anonymize_file = bad
    return make_good_work(settings)


def make_dying_estimate(run):
    """Return measuring that a recording ends."""

    def do(_measure_s, _tell):
        os.kill(os.getpid(), signal.SIGSEGV)

    return do


def make_stranded(settings):
    """Return work that stays at the recording talk-1.wav the first time, and says on which node."""

    def fault(job):
        mark = Path(settings.destination).with_name("node")
        if not mark.exists():
            mark.with_suffix(".part").write_text(str(parent_of(os.getppid())))
            mark.with_suffix(".part").rename(mark)
            time.sleep(LONG_S)

    return _make(settings, "talk-1.wav", fault)


def make_lost(settings):
    """Return work whose keeper on its node is killed by the recording talk-1.wav, each time."""

    def fault(_job):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(LONG_S)

    return _make(settings, "talk-1.wav", fault)


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


if __name__ == "__main__":
    import archive_faults  # by its name: workers cannot import what belongs to a program

    running.make_work = archive_faults.make_fatal
    running.run_shard(RunFolder(Path(sys.argv[1])))
