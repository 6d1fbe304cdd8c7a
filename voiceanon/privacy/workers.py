"""Runs the same function over many recordings, in several processes or in this one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar

__all__ = ["Progress", "Workers"]

Task = TypeVar("Task")
Result = TypeVar("Result")
Progress = Callable[[str, int, int], None]

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _prepare(umask: int) -> None:
    """Make a fresh process leave Ctrl-C to its parent, and its files to their owner."""
    os.umask(umask)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Workers:
    """A pool of processes that is started on first use.

    Parameters
    ----------
    count : int
        Processes; with 1 everything runs in the calling process.
    progress : callable
        Called with what is done, how much, and of how much; may raise KeyboardInterrupt to stop.
    """

    def __init__(self, count: int, progress: Progress) -> None:
        self.count = count
        self.progress = progress
        self._pool: Any = None

    def map(
        self, what: str, function: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> list[Result]:
        """Return the function's results in the order of the tasks.

        An exception in a task ends the run; what was done is in the cache.
        """
        self.progress(what, 0, len(tasks))
        if self.count <= 1 or len(tasks) < 2:
            done = []
            for task in tasks:
                done.append(function(task))
                self.progress(what, len(done), len(tasks))
            return done
        from concurrent.futures import FIRST_COMPLETED, wait

        pool = self._started()
        futures = [pool.submit(function, task) for task in tasks]
        waiting = set(futures)
        while waiting:
            over, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in over:
                future.result()
            self.progress(what, len(tasks) - len(waiting), len(tasks))
        return [future.result() for future in futures]

    def _started(self) -> Any:
        if self._pool is None:
            import multiprocessing
            from concurrent.futures import ProcessPoolExecutor

            before = {name: os.environ.get(name) for name in _ONE_THREAD}
            os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
            umask = os.umask(0o077)
            os.umask(umask)
            try:
                self._pool = ProcessPoolExecutor(
                    self.count,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_prepare,
                    initargs=(umask,),
                )
                # Processes inherit the environment as it is when they start: at the first task.
                for future in [self._pool.submit(os.getpid) for _ in range(self.count)]:
                    future.result()
            finally:
                for name, value in before.items():
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value
        return self._pool

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is None:
            return
        if kind is not None:
            for process in list((self._pool._processes or {}).values()):
                process.terminate()
        self._pool.shutdown(wait=kind is None, cancel_futures=True)
        self._pool = None
