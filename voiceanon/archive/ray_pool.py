"""Workers on the nodes of a Ray cluster, which may go: what was in hand there is done elsewhere."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from voiceanon.archive.pool import STOP_WITHIN_S, Died, Work
from voiceanon.archive.ray_keeper import Keeper
from voiceanon.checks.optional import load
from voiceanon.errors import DestinationError, InputError
from voiceanon.formats.placing import TEMPORARY_PREFIX, cause
from voiceanon.version import __version__

__all__ = ["RayPool"]

_POLL_S = 1.0
_SILENT_S = 60.0  # a keeper answers within seconds; one that does not for so long is lost
_CONNECT_S = 10.0
_START_S = 600.0  # nodes may have to be hired first
_MOST_LOST = 3  # a recording that was in hand on so many nodes that went is given up
_MOST_FAILED_STARTS = 5


class RayPool:
    """So many workers on whichever nodes of a Ray cluster have a free core.

    On a node an actor of Ray's, a keeper, has one worker process with the limits of `Pool`'s, and
    answers every call within seconds. That tells two mishaps apart. A worker that dies or is stuck
    is told of by its keeper: the recording is to blame, and the result is `Died`. A keeper that
    does not answer went with its node: nobody's fault, so the job is given again, to another one.
    A job whose keepers went `_MOST_LOST` times is `Died` too. A node that was only cut off may
    still be at work then: it makes the same bytes, and they get their name whole.

    Jobs and results pass through Ray's calls, not its object store, and never a waveform.

    Parameters
    ----------
    workers : int
        Number of keepers, each on one core.
    make_work : callable
        As for `Pool`; imported by name on each node.
    settings : object
        As for `Pool`.
    stuck_s : float
        As for `Pool`.
    address : str, optional
        Of the cluster; without it the one that Ray finds, or a new one on this machine.
    shared : sequence of Path
        Folders that every node must see: a node that does not is refused.
    on_note : callable
        Given a line when a node is lost.

    Raises
    ------
    InputError
        If Ray is not installed or its cluster cannot be reached.
    DestinationError
        If a shared folder cannot be written.
    """

    def __init__(
        self,
        workers: int,
        make_work: Callable[[Any], Work],
        settings: object,
        stuck_s: float,
        *,
        address: str | None = None,
        shared: Sequence[Path] = (),
        on_note: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._ray = load("ray")
        self._on_note = on_note
        self._is_clean = True
        self._failed_starts = 0
        self._living_s = time.monotonic()  # when there was a living keeper last
        self._calls: dict[Any, _Remote] = {}
        self._idle: list[_Remote] = []
        self._again: deque[_Task] = deque()
        self._marks: list[Path] = []
        self._is_ours = not self._ray.is_initialized()
        if self._is_ours:
            _connect(self._ray, address)
        try:
            for folder in shared:
                self._mark(folder)
            keeper = self._ray.remote(
                num_cpus=1, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
            )(Keeper)
            marks = [str(path) for path in self._marks]
            self._make: Callable[[], Any] = lambda: keeper.remote(
                make_work, settings, stuck_s, marks
            )
            for _ in range(workers):
                self._start()
        except BaseException:
            self.close()
            raise

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
            Taken only when a worker is free.
        on_progress : callable
            Given the name of a job and how much of it is done, 0 to 1.
        on_turn : callable
            Called at least once a second.
        on_begin : callable
            Given the name of a job as it is taken.

        Yields
        ------
        name, result
            The result is an instance of `Died` where its worker did not come back.

        Raises
        ------
        InputError
            If no node takes a worker, or one has another version of this package.
        DestinationError
            If a node does not see a shared folder.
        """
        waiting = iter(jobs)
        is_over = False
        while True:
            while self._idle and (self._again or not is_over):
                if self._again:
                    self._give(self._idle.pop(), self._again.popleft())
                elif (task := _next(waiting)) is None:
                    is_over = True
                else:
                    on_begin(task.name)
                    self._give(self._idle.pop(), task)
            if is_over and not self._again and not any(one.task for one in self._calls.values()):
                return
            on_turn()
            ready, _ = self._ray.wait(list(self._calls), timeout=_POLL_S)
            for call in ready:
                remote = self._calls.pop(call)
                kind, value = self._answer(call)
                task = remote.task
                if kind == "lost":
                    yield from self._lost(remote, value)
                elif kind == "refused":
                    raise DestinationError(value)
                elif kind == "ready":
                    self._check_version(value)
                    self._failed_starts = 0
                    self._free(remote)
                elif task is not None and kind == "done":
                    self._free(remote)
                    yield task.name, value
                else:
                    if task is not None and kind == "progress":
                        on_progress(task.name, value)
                    self._call(remote, remote.keeper.listen.remote())
            yield from self._silent()

    def close(self) -> bool:
        """Stop every worker; return whether each could remove what it had not finished."""
        waiting = [one for one in self._calls.values() if not one.is_ready]
        living = [*self._idle, *(one for one in self._calls.values() if one.is_ready)]
        try:
            if living:
                calls = [one.keeper.close.remote() for one in living]
                ended, late = self._ray.wait(
                    calls, num_returns=len(calls), timeout=STOP_WITHIN_S + 1
                )
                self._is_clean &= not late
                for call in ended:
                    self._is_clean &= self._answer(call) == ("closed", True)
            for one in (*waiting, *living):
                self._end(one)
        finally:
            self._idle, self._calls = [], {}
            for path in self._marks:
                with contextlib.suppress(OSError):
                    path.unlink()
            self._marks = []
            if self._is_ours:
                self._ray.shutdown()
        return self._is_clean

    def _mark(self, folder: Path) -> None:
        """Put something there that a node can look for."""
        path = folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}.part"
        try:
            path.touch(0o600, exist_ok=False)
        except OSError as error:
            raise DestinationError(f"folder cannot be written: {cause(error)}") from error
        self._marks.append(path)

    def _start(self) -> None:
        remote = _Remote(self._make())
        self._call(remote, remote.keeper.begin.remote())

    def _give(self, remote: _Remote, task: _Task) -> None:
        remote.task = task
        self._call(remote, remote.keeper.give.remote(task.job))

    def _call(self, remote: _Remote, call: Any) -> None:
        remote.called_s = time.monotonic()
        self._calls[call] = remote

    def _free(self, remote: _Remote) -> None:
        remote.task, remote.is_ready = None, True
        self._idle.append(remote)

    def _answer(self, call: Any) -> tuple[str, Any]:
        try:
            kind, value = self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            return "lost", type(error).__name__
        return kind, value

    def _lost(self, remote: _Remote, why: str) -> Iterator[tuple[Any, Any]]:
        """Have another keeper in place of one that went, and its job done again."""
        self._is_clean = False
        self._end(remote)
        if not remote.is_ready:
            self._failed_starts += 1
            if self._failed_starts >= _MOST_FAILED_STARTS:
                raise InputError(
                    f"no worker can be started on the Ray cluster ({why}): is voiceanon installed "
                    "on its nodes?"
                )
        task = remote.task
        if task is not None and task.lost + 1 >= _MOST_LOST:
            yield task.name, Died(f"{_MOST_LOST} nodes were lost while it was worked on")
        elif task is not None:
            self._again.append(task._replace(lost=task.lost + 1))
            self._on_note("a node was lost: what was in hand there is done on another")
        self._start()

    def _silent(self) -> Iterator[tuple[Any, Any]]:
        """Give up keepers that should have answered long ago, and a cluster without any."""
        now_s = time.monotonic()
        for call, remote in list(self._calls.items()):
            if remote.is_ready and now_s - remote.called_s > _SILENT_S:
                # What came while a result was dealt with has not been heard yet.
                if self._ray.wait([call], timeout=0)[0]:
                    continue
                del self._calls[call]
                yield from self._lost(remote, "silent")
        if self._idle or any(one.is_ready for one in self._calls.values()):
            self._living_s = now_s
        elif now_s - self._living_s > _START_S:
            raise InputError(f"no node of the Ray cluster had a free core for {_START_S:.0f} s")

    def _check_version(self, theirs: str) -> None:
        if theirs != __version__:
            raise InputError(f"a node of the Ray cluster has voiceanon {theirs}, not {__version__}")

    def _end(self, remote: _Remote) -> None:
        with contextlib.suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(remote.keeper)


class _Task(NamedTuple):
    """A job, and how many nodes went with it in hand."""

    name: Any
    job: Any
    lost: int = 0


class _Remote:
    """What the driver knows of one keeper."""

    def __init__(self, keeper: Any) -> None:
        self.keeper = keeper
        self.task: _Task | None = None
        self.is_ready = False
        self.called_s = time.monotonic()


def _next(waiting: Iterator[tuple[Any, Any]]) -> _Task | None:
    found = next(waiting, None)
    return None if found is None else _Task(*found)


def _connect(ray: Any, address: str | None) -> None:
    if address is not None and address.startswith("ray://"):
        raise InputError("a Ray client's address is not supported: run it on a node of the cluster")
    host, colon, port = (address or os.environ.get("RAY_ADDRESS", "")).rpartition(":")
    if colon and port.isdecimal():
        try:
            # Ray itself would try for minutes.
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
        except (OSError, OverflowError) as error:
            raise InputError(f"no Ray cluster can be reached: {cause(error)}") from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its plans for later versions
            ray.init(
                address=address,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        lines = str(error).strip().splitlines()
        raise InputError(f"no Ray cluster can be reached: {lines[0] if lines else ''}") from error
    finally:
        # It would end this process without letting the ledger know.
        with contextlib.suppress(ValueError):  # not in the main thread: none was set
            signal.signal(signal.SIGTERM, handler)
