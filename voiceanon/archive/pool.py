"""Worker processes that may die: each does one job at a time, and only its own is lost with it.

A worker need not wait for the next job: it gets it when all but the end of the one before is done.
That job is begun when the one before is through; until then, it is lost with nobody.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, NoReturn, Protocol

__all__ = [
    "STOP_WITHIN_S",
    "AnyPool",
    "Died",
    "MakePool",
    "Pool",
    "Work",
    "Worker",
    "one_thread_each",
]

STOP_WITHIN_S = 8.0
"""From asking a worker to stop until it is killed."""

_POLL_S = 1.0
_TELL_EVERY_S = 0.2
_ADDRESS_SPACE = 6 << 30
_OPEN_FILES = 256
_STOPPED = 128 + signal.SIGTERM  # how a worker ends that was asked to stop
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Work = Callable[[Any, Callable[[float], None]], Any]


class AnyPool(Protocol):
    """What a run needs of workers, wherever they are: see `Pool`."""

    def map(
        self,
        jobs: Iterable[tuple[Any, Any]],
        on_progress: Callable[[Any, float], None],
        on_turn: Callable[[], None] = ...,
        on_begin: Callable[[Any], None] = ...,
    ) -> Iterator[tuple[Any, Any]]:
        """Yield what becomes of each job."""

    def close(self) -> bool:
        """Stop every worker."""


MakePool = Callable[[int, Callable[[Any], Work], object, float], AnyPool]
"""Given the number of workers, what makes their work, its settings, and when one is stuck."""


def one_thread_each() -> None:
    """Have processes that begin from here compute on one thread: they are the parallelism."""
    for name in _THREADS:
        os.environ.setdefault(name, "1")


class Died(Exception):  # noqa: N818 (what happened, not a mistake)
    """A worker did not come back from a job: its reason says how it ended."""


class Pool:
    """So many processes, each with limits, that begin with the same settings.

    Parameters
    ----------
    workers : int
        Number of processes.
    make_work : callable
        Given `settings` in each process, returns what does a job. It is imported there by name.
    settings : object
        Can be pickled.
    stuck_s : float
        A worker that tells of no progress for so long is stopped.
    """

    def __init__(
        self, workers: int, make_work: Callable[[Any], Work], settings: object, stuck_s: float
    ) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._make_work, self._settings, self._stuck_s = make_work, settings, stuck_s
        self._idle = [Worker(self._context, make_work, settings) for _ in range(workers)]
        self._busy: dict[Connection, Worker] = {}
        # What each worker has been given, with the job that it works on first.
        self._given: defaultdict[Worker, deque[tuple[Any, Any]]] = defaultdict(deque)
        self._again: deque[tuple[Any, Any]] = deque()  # given to a worker that died before them

    def map(
        self,
        jobs: Iterable[tuple[Any, Any]],
        on_progress: Callable[[Any, float], None],
        on_turn: Callable[[], None] = lambda: None,
        on_begin: Callable[[Any], None] = lambda _name: None,
    ) -> Iterator[tuple[Any, Any]]:
        """Yield what becomes of each job, as soon as it is there.

        Parameters
        ----------
        jobs : iterable of (name, job)
            Taken only when a worker is free, or all but free.
        on_progress : callable
            Given the name of a job and how much of it is done, 0 to 1.
        on_turn : callable
            Called at least once a second.
        on_begin : callable
            Given the name of a job as a worker begins it.

        Yields
        ------
        name, result
            The result is an instance of `Died` where its worker did not come back.

        Raises
        ------
        KeyboardInterrupt
            If somebody else asked a worker to stop: then the whole is being stopped.
        """
        waiting = iter(jobs)
        while True:
            while self._idle and (found := self._next(waiting)) is not None:
                worker = self._living(self._idle.pop())
                on_begin(found[0])
                self._give(worker, found)
                self._busy[worker.pipe] = worker
            if not self._busy:
                return
            on_turn()
            for ready in wait(list(self._busy), _POLL_S):
                worker = self._busy[ready]  # type: ignore[index]
                kind, value = worker.take()
                given = self._given[worker]
                if kind == "progress":
                    on_progress(given[0][0], value)
                    is_near_end = value >= 1 and len(given) == 1
                    if is_near_end and (found := self._next(waiting)) is not None:
                        self._give(worker, found)
                    continue
                yield self._done(worker, value)
                if given:
                    on_begin(given[0][0])
            now_s = time.monotonic()
            for worker in list(self._busy.values()):
                # What came while a result was dealt with has not been heard yet.
                if now_s - worker.heard_s > self._stuck_s and not worker.pipe.poll():
                    why = Died(f"no progress for {self._stuck_s:.0f} s: its worker was stopped")
                    yield self._done(worker, why)

    def close(self) -> bool:
        """Stop every worker; return whether each could remove what it had not finished."""
        workers = [*self._idle, *self._busy.values()]
        for worker in workers:
            worker.ask_to_stop()
        until_s = time.monotonic() + STOP_WITHIN_S
        ended = [worker.stop(max(0.0, until_s - time.monotonic())) for worker in workers]
        self._idle, self._busy = [], {}
        return all(ended)

    def _living(self, worker: Worker) -> Worker:
        """The same worker, or a new one if it died, in a job or while it had nothing to do."""
        if worker.is_alive():
            return worker
        worker.stop()
        return Worker(self._context, self._make_work, self._settings)

    def _next(self, waiting: Iterator[tuple[Any, Any]]) -> tuple[Any, Any] | None:
        return self._again.popleft() if self._again else next(waiting, None)

    def _give(self, worker: Worker, found: tuple[Any, Any]) -> None:
        self._given[worker].append(found)
        worker.give(found[1])

    def _done(self, worker: Worker, result: object) -> tuple[Any, Any]:
        """Let go of the job that a worker is through with, and of the worker if it has no other."""
        given = self._given[worker]
        name, _ = given.popleft()
        if isinstance(result, Died):
            self._again.extend(given)
            given.clear()
            worker.stop()
        if not given:
            del self._busy[worker.pipe], self._given[worker]
            self._idle.append(worker)
        return name, result


class Worker:
    """One process with limits, and the pipe to it.

    Parameters
    ----------
    context : multiprocessing context
        How it is started.
    make_work, settings
        As for `Pool`.

    Attributes
    ----------
    pipe : Connection
        To wait for what it says.
    heard_s : float
        When it was last given or said something.
    """

    def __init__(self, context: Any, make_work: Callable[[Any], Work], settings: object) -> None:
        self.pipe, theirs = context.Pipe()
        self.heard_s = time.monotonic()
        self._process: BaseProcess = context.Process(
            target=_serve, args=(theirs, make_work, settings), daemon=True
        )
        # A Ctrl-C meanwhile waits, here and there, until the worker has chosen to ignore it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    def is_alive(self) -> bool:
        """Whether the process is there."""
        return self._process.is_alive()

    def give(self, job: object) -> None:
        """Have it do a job, after what it was given before."""
        self.heard_s = time.monotonic()
        # A worker that died while it had nothing to do shows when its answer is awaited.
        with contextlib.suppress(OSError):
            self.pipe.send(job)

    def take(self) -> tuple[str, Any]:
        """Return what it says: ("progress", share) or ("done", result), `Died` if it ended.

        Raises
        ------
        KeyboardInterrupt
            If somebody else asked it to stop.
        """
        self.heard_s = time.monotonic()
        try:
            kind, value = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(STOP_WITHIN_S)
            code = self._process.exitcode
            if code in (_STOPPED, -signal.SIGTERM):
                raise KeyboardInterrupt from None
            how = f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"
            return "done", Died(f"its worker ended {how}")
        return kind, value

    def ask_to_stop(self) -> None:
        """Have it remove what it has not finished, and end."""
        with contextlib.suppress(ValueError):
            self._process.terminate()

    def stop(self, grace_s: float = 1.0) -> bool:
        """End it; return whether it did so by itself."""
        self.ask_to_stop()
        self._process.join(grace_s)
        is_late = self._process.is_alive()
        if is_late:
            self._process.kill()
            self._process.join()
        self.pipe.close()
        return not is_late


def _serve(pipe: Connection, make_work: Callable[[Any], Work], settings: object) -> None:
    told, told_s = 0.0, -_TELL_EVERY_S

    def tell(share: float) -> None:
        nonlocal told, told_s
        now_s = time.monotonic()
        if now_s - told_s >= _TELL_EVERY_S or share >= 1 > told:
            told, told_s = share, now_s
            pipe.send(("progress", share))

    try:
        _guard()
        work = make_work(settings)
        gc.freeze()  # modules and tables stay to the end: they need not be walked again and again
        while True:
            job = pipe.recv()
            told = 0.0
            pipe.send(("done", work(job, tell)))
    except KeyboardInterrupt:
        sys.exit(_STOPPED)
    except (EOFError, ConnectionError):
        return  # nobody is there any more


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
