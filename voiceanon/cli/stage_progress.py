"""The progress of work in stages on stderr: what is done now, how far, and the time so far."""

from __future__ import annotations

import time
from types import TracebackType

from voiceanon.cli.terminal import note, printable, stderr

__all__ = ["StageProgress"]

# Where stderr is no terminal: one line a stage, and one a minute within long ones.
_QUIET_S = 60.0


class StageProgress:
    """A bar for the stage that runs; lines instead of a bar where stderr is no terminal."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        console = stderr()
        self._has_bar = console.is_terminal
        self._display = Progress(
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not self._has_bar,
            transient=True,
        )
        self._task = self._display.add_task("starting", total=None)
        self._stage = ""
        self._began_s = time.monotonic()
        self._said_s = -_QUIET_S

    def advance(self, what: str, done: int, total: int) -> None:
        """Show how far a stage is; a new name begins a new stage."""
        if self._has_bar:
            if what != self._stage:
                self._display.reset(self._task, description=printable(what), total=total)
            self._display.update(self._task, completed=done, total=total)
        else:
            now_s = time.monotonic()
            if what != self._stage or now_s - self._said_s >= _QUIET_S:
                note(f"{now_s - self._began_s:5.0f} s  {what}: {done}/{total}")
                self._said_s = now_s
        self._stage = what

    def __enter__(self) -> StageProgress:
        self._display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._display.stop()
