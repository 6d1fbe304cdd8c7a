"""What a worker process runs: one job after another, and beside it what is left of the last."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, NamedTuple, NoReturn

__all__ = ["STOPPED", "Rest", "Work", "serve"]

STOPPED = 128 + signal.SIGTERM
"""Exit code of a worker that was asked to stop."""

_TELL_EVERY_S = 0.2
_ADDRESS_SPACE = 6 << 30
_OPEN_FILES = 256

Work = Callable[[Any, Callable[[float], None]], Any]
"""Given a job and whom to tell how much of it is done, returns the result, or a `Rest`."""


class Rest(NamedTuple):
    """What is left of a job, mostly waiting, where the next may begin beside it.

    Attributes
    ----------
    end : callable
        Returns the result of the job; called in a thread of its own.
    """

    end: Callable[[], Any]


class _Teller:
    """What a worker says through its pipe, from either of its threads."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()
        self._told_s = 0.0
        self._is_over = False

    def say(self, kind: str, number: int, value: object = None) -> None:
        """Say something, unless it is all over."""
        with self._lock:
            if self._is_over:
                raise KeyboardInterrupt
            try:
                self._pipe.send((kind, number, value))
            except KeyboardInterrupt:
                self._is_over = True  # what would come next could not be told from the rest of it
                raise

    def tell(self, number: int, share: float) -> None:
        """Tell how much of a job is done, if the last time was a while ago.

        Raises
        ------
        KeyboardInterrupt
            In the thread of a `Rest`, if the worker was asked to stop.
        """
        now_s = time.monotonic()
        if self._is_over or now_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            self.say("progress", number, share)

    def stop(self) -> None:
        """Say no more, and have a `Rest` hear of it."""
        self._is_over = True


def serve(pipe: Connection, make_work: Callable[[Any], Work], settings: object) -> None:
    """Do the jobs that come through a pipe, as numbers and jobs, until it is closed."""
    teller = _Teller(pipe)
    second: threading.Thread | None = None
    try:
        _guard()
        work = make_work(settings)
        teller.say("up", 0)
        while True:
            number, job = pipe.recv()
            result = work(job, partial(teller.tell, number))
            if second is not None:
                second.join()
            if isinstance(result, Rest):
                # Not a daemon: a process that is asked to stop waits for it, and nothing is left.
                second = threading.Thread(target=_end, args=(teller, number, result))
                second.start()
                teller.say("rest", number)
            else:
                teller.say("done", number, result)
    except KeyboardInterrupt:
        teller.stop()
        sys.exit(STOPPED)
    except (EOFError, ConnectionError):
        return  # nobody is there any more


def _end(teller: _Teller, number: int, rest: Rest) -> None:
    try:
        teller.say("done", number, rest.end())
    except (KeyboardInterrupt, ConnectionError):
        return  # asked to stop, or nobody is there any more
    except BaseException:  # noqa: BLE001 (a thread that ends in silence would never be missed)
        traceback.print_exc()
        os._exit(1)


def _guard() -> None:
    """Limits of a process that reads what strangers made."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.umask(0o077)
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, _ADDRESS_SPACE),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        with contextlib.suppress(ValueError, OSError):
            _, hard = resource.getrlimit(limit)
            ceiling = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(limit, (ceiling, ceiling))


def _end_with_parent() -> None:
    """Stop when the parent is killed: the next run must not find somebody at work."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
