"""The progress of a run on stderr: files, hours of audio, speed, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from voiceanon.cli.terminal import stderr
from voiceanon.file_plan import Job

__all__ = ["RunProgress"]


class RunProgress:
    """A progress bar over the bytes of all inputs; draws nothing unless stderr is a terminal.

    Bytes are known before anything is opened, durations are not; the time left follows from them.

    Parameters
    ----------
    jobs : sequence of Job
        Everything that will be done.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bytes: dict[Job, int] = {}
        for job in jobs:
            self._bytes[job] = 1  # so that a file that has vanished still counts as work
            with suppress(OSError):
                self._bytes[job] += job.source.stat().st_size
        console = stderr()
        self._display = Progress(
            TextColumn("{task.fields[files]}"),
            BarColumn(),
            TextColumn("{task.fields[audio]} · left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._files = len(jobs)
        self._task = self._display.add_task(
            "", total=sum(self._bytes.values()), files=self._count(0), audio=_speed(0.0, 0.0)
        )
        self._started_s = time.monotonic()
        self._bytes_before = 0
        self._over = 0
        self._current: Job | None = None

    def begin(self, job: Job) -> None:
        """Say which recording is next."""
        self._current = job

    def advance(self, done: int, total: int) -> None:
        """Show how far the current recording is; called once a block."""
        if self._current is not None and total:
            share = self._bytes[self._current] * done / total
            self._display.update(self._task, completed=self._bytes_before + share)

    def end(self, job: Job, audio_s: float) -> None:
        """Count a recording as over, whatever became of it.

        Parameters
        ----------
        job : Job
            The recording.
        audio_s : float
            Seconds of audio delivered so far in the whole run.
        """
        self._current = None
        self._over += 1
        self._bytes_before += self._bytes[job]
        self._display.update(
            self._task,
            completed=self._bytes_before,
            files=self._count(self._over),
            audio=_speed(audio_s, time.monotonic() - self._started_s),
        )

    def __enter__(self) -> RunProgress:
        self._display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._display.stop()

    def _count(self, over: int) -> str:
        return f"{over}/{self._files} files"


def _speed(audio_s: float, elapsed_s: float) -> str:
    times = f" · {audio_s / elapsed_s:.0f} × real time" if elapsed_s > 0 else ""
    return f"{audio_s / 3600:.2f} h of audio{times}"
