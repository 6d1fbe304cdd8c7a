"""Work that does as its jobs say, for tests of pools of workers, which import it by its name."""

import os
import resource
import signal
import time
from pathlib import Path

LONG_S = 60.0


def make_work(settings):
    """Return what does as it is told: a job is what to do, and with what."""

    def work(job, tell):
        what, value = job
        if what == "sleep":
            time.sleep(value)
        elif what == "exit":
            os._exit(value)
        elif what == "kill":
            os.kill(os.getpid(), value)
            time.sleep(LONG_S)
        elif what == "progress":
            for at in range(value):
                tell((at + 1) / value)
                time.sleep(0.25)
        elif what == "end":
            tell(1.0)
            time.sleep(0.5)
            if value:
                os._exit(value)
        elif what == "until stopped":
            try:
                Path(value).touch()
                time.sleep(LONG_S)
            finally:
                Path(value).unlink()
        elif what == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            Path(value).touch()
            time.sleep(LONG_S)
        elif what == "limits":
            mask = os.umask(0)
            os.umask(mask)
            names = ("RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_AS")
            limits = {name: resource.getrlimit(getattr(resource, name)) for name in names}
            return mask, limits, signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        elif what == "allocate":
            try:
                bytearray(value)
            except MemoryError:
                return "no memory"
        return settings, value, os.getpid()

    return work


def make_nothing(settings):
    raise RuntimeError(settings)
