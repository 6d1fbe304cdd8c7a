"""Worker processes that may die: only the job that ended one is lost with it.

What is left of a job at its end, waiting for a disk or a network, goes on in a second thread of its
worker while the next job begins. If a worker dies then, either job may have ended it: both are done
again, each with nothing beside it, and one that ends its worker once more is to blame.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, Protocol

from voiceanon.archive.serving import STOPPED, Work, serve

__all__ = [
    "STOP_WITHIN_S",
    "AnyPool",
    "Died",
    "Given",
    "MakePool",
    "Pool",
    "Worker",
    "one_thread_each",
]

STOP_WITHIN_S = 8.0
"""From asking a worker to stop until it is killed."""

_POLL_S = 1.0
_START_S = 180.0  # of a process, at most: what it imports may come from a busy disk
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class AnyPool(Protocol):
    """What a run needs of workers, wherever they are: see `Pool`."""

    def map(
        self,
        jobs: Iterable[tuple[Any, Any]],
        on_progress: Callable[[Any, float], None],
        on_turn: Callable[[], None] = ...,
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


class Given(NamedTuple):
    """A job in the hands of a worker; a suspect is done with nothing beside it."""

    name: Any
    job: Any
    is_suspect: bool = False


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
        self._workers = [self._made() for _ in range(workers)]
        self._suspects: deque[Given] = deque()

    def map(
        self,
        jobs: Iterable[tuple[Any, Any]],
        on_progress: Callable[[Any, float], None],
        on_turn: Callable[[], None] = lambda: None,
    ) -> Iterator[tuple[Any, Any]]:
        """Yield what becomes of each job, as soon as it is there.

        Parameters
        ----------
        jobs : iterable of (name, job)
            Taken only when a worker is free: it has none, or only a `Rest` of one.
        on_progress : callable
            Given the name of a job and how much of it is done, 0 to 1.
        on_turn : callable
            Called at least once a second.

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
        is_over = False
        while True:
            is_over = self._give_out(waiting, is_over)
            busy = {worker.pipe: worker for worker in self._workers if worker.jobs}
            if not busy:
                return
            on_turn()
            for ready in wait(list(busy), _POLL_S):
                worker = busy[ready]
                kind, number, value = worker.take()
                if kind == "died":
                    yield from self._lost(worker, value)
                elif kind == "progress":
                    on_progress(worker.jobs[number].name, value)
                elif kind == "done":
                    yield worker.jobs.pop(number).name, value
            for worker in busy.values():
                if worker.jobs and worker.is_stuck(self._stuck_s):
                    why = f"no progress for {self._stuck_s:.0f} s: its worker was stopped"
                    yield from self._lost(worker, Died(why))

    def close(self) -> bool:
        """Stop every worker; return whether each could remove what it had not finished."""
        for worker in self._workers:
            worker.ask_to_stop()
        until_s = time.monotonic() + STOP_WITHIN_S
        ended = [worker.stop(max(0.0, until_s - time.monotonic())) for worker in self._workers]
        self._workers = []
        return all(ended)

    def _made(self) -> Worker:
        return Worker(self._context, self._make_work, self._settings)

    def _replaced(self, worker: Worker) -> Worker:
        worker.stop()
        made = self._workers[self._workers.index(worker)] = self._made()
        return made

    def _give_out(self, waiting: Iterator[tuple[Any, Any]], is_over: bool) -> bool:
        """Give jobs to whoever is free, suspects first; return whether there are no more."""
        for worker in sorted(self._workers, key=lambda one: len(one.jobs)):
            if not worker.is_free:
                continue
            if self._suspects and not worker.jobs:
                given = self._suspects.popleft()
            else:
                found = None if is_over else next(waiting, None)
                if found is None:
                    is_over = True
                    continue
                given = Given(*found)
            if worker.jobs or worker.is_alive():
                worker.give(given)
            else:  # killed while it had nothing to do
                self._replaced(worker).give(given)
        return is_over

    def _lost(self, worker: Worker, why: Died) -> Iterator[tuple[Any, Any]]:
        """Have another worker in place of one that is lost, and say what becomes of its jobs."""
        self._replaced(worker)
        jobs, worker.jobs = list(worker.jobs.values()), {}
        if len(jobs) == 1:
            yield jobs[0].name, why
        else:
            self._suspects.extend(job._replace(is_suspect=True) for job in jobs)


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
    jobs : dict
        Those that it has, by number: at most one that is at work, and the `Rest` of another.
    is_free : bool
        Whether it can be given one.
    heard_s : float
        When it was last given or said something.
    """

    def __init__(self, context: Any, make_work: Callable[[Any], Work], settings: object) -> None:
        self.pipe, theirs = context.Pipe()
        self.jobs: dict[int, Given] = {}
        self.is_free = True
        self._given = 0
        self._is_up = False
        self.heard_s = time.monotonic()
        self._process: BaseProcess = context.Process(
            target=serve, args=(theirs, make_work, settings), daemon=True
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

    def is_stuck(self, stuck_s: float) -> bool:
        """Whether it has said nothing for so long, its start apart."""
        silent_s = time.monotonic() - self.heard_s
        # What came while a result was dealt with has not been heard yet.
        return silent_s > (stuck_s if self._is_up else _START_S) and not self.pipe.poll()

    def give(self, given: Given) -> None:
        """Have it do a job."""
        self._given += 1
        self.jobs[self._given] = given
        self.is_free, self.heard_s = False, time.monotonic()
        # A worker that died meanwhile shows when its answer is awaited.
        with contextlib.suppress(OSError):
            self.pipe.send((self._given, given.job))

    def take(self) -> tuple[str, int, Any]:
        """Return what it says, and of which job, by number.

        Returns
        -------
        kind, number, value
            "up", of no job, once it can begin; "progress" and the share; "rest" where only a `Rest`
            is left; "done" and the result; "died" and `Died`, of no job.

        Raises
        ------
        KeyboardInterrupt
            If somebody else asked it to stop.
        """
        self.heard_s = time.monotonic()
        try:
            kind, number, value = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(STOP_WITHIN_S)
            code = self._process.exitcode
            if code in (STOPPED, -signal.SIGTERM):
                raise KeyboardInterrupt from None
            how = f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"
            return "died", 0, Died(f"its worker ended {how}")
        self._is_up = True
        if kind in ("rest", "done") and number == self._given:
            # A suspect has nothing beside it.
            self.is_free = kind == "done" or not self.jobs[number].is_suspect
        return kind, number, value

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
