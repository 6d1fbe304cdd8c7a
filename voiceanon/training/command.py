"""What the trainings' command lines share: arguments, errors in one line, and what is said."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from voiceanon.errors import VoiceanonError

__all__ = ["Saying", "arguments_of", "run"]

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


def arguments_of(module: str, description: str) -> argparse.ArgumentParser:
    """Return a parser of what every training needs; `module` is what ``python -m`` runs."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("speech", type=Path, help="corpus to learn from")
    parser.add_argument("--teacher", type=Path, required=True, help="folder of a Whisper model")
    parser.add_argument("-o", "--output", type=Path, required=True, help="where the tables go")
    parser.add_argument(
        "--work", type=Path, default=Path("training"), help="folder kept between runs"
    )
    parser.add_argument("--threads", type=int, default=2, help="processor threads")
    return parser


def run(parser: argparse.ArgumentParser, train: Callable[[argparse.Namespace], None]) -> int:
    """Parse the command line and train; return the exit code."""
    arguments = parser.parse_args()
    try:
        train(arguments)
    except VoiceanonError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return error.exit_code
    return 0
