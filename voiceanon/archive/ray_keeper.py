"""What stands on a node of a Ray cluster for the run: it keeps one worker process there."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from voiceanon.archive.pool import STOP_WITHIN_S, Died, Work, Worker, one_thread_each
from voiceanon.version import __version__

__all__ = ["Keeper"]

_POLL_S = 1.0


class Keeper:
    """Keeps one worker process on a node; every answer is (kind, value) and comes in seconds.

    Parameters
    ----------
    make_work, settings, stuck_s
        As for `Pool`.
    marks : sequence of str
        Paths that must be seen here.
    """

    def __init__(
        self,
        make_work: Callable[[Any], Work],
        settings: object,
        stuck_s: float,
        marks: Sequence[str],
    ) -> None:
        self._make_work, self._settings, self._stuck_s = make_work, settings, stuck_s
        self._marks = marks
        self._worker: Worker | None = None

    def begin(self) -> tuple[str, str]:
        """Refuse a node that does not see what it must; else start the worker."""
        for mark in self._marks:
            if not os.path.lexists(mark):
                return "refused", (
                    "a node of the Ray cluster does not see the destination or the run's folder: "
                    "they must be on a file system that all nodes share"
                )
        os.umask(0o077)
        one_thread_each()
        self._living()
        return "ready", __version__

    def give(self, job: object) -> tuple[str, Any]:
        """Have the worker do a job."""
        if self._worker is not None and not self._worker.is_alive():
            self._worker.stop()  # it was killed while it had nothing to do
            self._worker = None
        self._living().give(job)
        return self.listen()

    def listen(self) -> tuple[str, Any]:
        """Return the worker's result, how far it is, or "waiting"."""
        worker = self._living()
        if worker.pipe.poll(_POLL_S):
            try:
                kind, value = worker.take()
                # Of many shares that came meanwhile, the last will do.
                while kind == "progress" and worker.pipe.poll():
                    kind, value = worker.take()
            except KeyboardInterrupt:
                return "lost", "stopped"  # by somebody who stops the node
        elif time.monotonic() - worker.heard_s > self._stuck_s:
            kind = "done"
            value = Died(f"no progress for {self._stuck_s:.0f} s: its worker was stopped")
        else:
            return "waiting", None
        if isinstance(value, Died):
            worker.stop()
            self._worker = None
        return kind, value

    def close(self) -> tuple[str, bool]:
        """Stop the worker; whether it could remove what it had not finished."""
        return "closed", self._worker is None or self._worker.stop(STOP_WITHIN_S)

    def _living(self) -> Worker:
        if self._worker is None:
            context = multiprocessing.get_context("spawn")
            with _no_program():
                self._worker = Worker(context, self._make_work, self._settings)
        return self._worker


@contextlib.contextmanager
def _no_program() -> Iterator[None]:
    """Keep a new process from importing Ray's own program, as spawning one would have it do."""
    program = sys.modules["__main__"].__dict__
    names = ("__file__", "__spec__")
    hidden: dict[str, Any] = {name: program.pop(name) for name in names if name in program}
    program["__spec__"] = None
    try:
        yield
    finally:
        program.update(hidden)
