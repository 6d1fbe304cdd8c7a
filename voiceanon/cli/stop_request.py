"""Ctrl-C and SIGTERM during a run: noted at once, acted upon where nothing can be left behind."""

from __future__ import annotations

import contextlib
import signal
from types import FrameType, TracebackType
from typing import Any

__all__ = ["StopRequest"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """While it is entered, SIGINT and SIGTERM only leave a note; `check` raises on it.

    An exception out of a signal handler can come between any two steps, also between making a
    temporary file and noting that it has to be removed. A second Ctrl-C does not wait.
    """

    def __init__(self) -> None:
        self._is_requested = False
        self._before: dict[int, Any] = {}

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has come."""
        if self._is_requested:
            raise KeyboardInterrupt

    def __enter__(self) -> StopRequest:
        with contextlib.suppress(ValueError):  # not in the main thread: the host keeps its handlers
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._is_requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._is_requested = True
