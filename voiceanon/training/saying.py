"""What a training says while it runs."""

from __future__ import annotations

import sys
import time

__all__ = ["Saying"]

_SAID_EVERY_S = 15.0


class Saying:
    """One line every quarter of a minute, on stderr."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()

    def line(self, text: str) -> None:
        """Say something now."""
        self._last = time.monotonic()
        print(f"{self._last - self._began:7.0f} s  {text}", file=sys.stderr, flush=True)

    def count(self, what: str, done: int, total: int) -> None:
        """Say how far something is."""
        if time.monotonic() - self._last > _SAID_EVERY_S or done == total:
            self.line(f"{what}: {done}/{total}")

    def losses(self, done: float, means: dict[str, float]) -> None:
        """Say the part done, 0 to 1, and running means by name."""
        if time.monotonic() - self._last > _SAID_EVERY_S or done == 1.0:
            said = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
            self.line(f"{100 * done:5.1f} %  {said}")
