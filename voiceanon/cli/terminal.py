"""What may reach a terminal: results on stdout, the rest on stderr, nothing unprintable on either.

File names and messages can hold escape sequences that move the cursor, hide text or run commands
in some terminals; they are shown with those characters spelled out.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "complain",
    "note",
    "print_json",
    "printable",
    "quiet_libraries",
    "results",
    "stderr",
]


def printable(text: object) -> str:
    r"""`text` on one line, with control, formatting and undecodable characters spelled out.

    Examples
    --------
    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in str(text)
    )


def stderr() -> Console:
    """The console for progress and log."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def results() -> Console:
    """The console for results."""
    from rich.console import Console

    return Console(highlight=False)


def complain(message: object) -> None:
    """Print one red line on stderr."""
    from rich.text import Text

    stderr().print(Text(f"voiceanon: {printable(message)}", style="red"))


def note(message: object) -> None:
    """Print one plain line on stderr."""
    from rich.text import Text

    stderr().print(Text(f"voiceanon: {printable(message)}"))


def print_json(row: dict[str, Any]) -> None:
    """Print one JSON object as a line of ASCII on stdout, at once."""
    sys.stdout.write(json.dumps(row, ensure_ascii=True, allow_nan=False) + "\n")
    sys.stdout.flush()


def quiet_libraries() -> None:
    """Let only this program's own lines reach stderr.

    libmpg123 writes warnings about sound MP3 files straight to descriptor 2. Afterwards that
    descriptor leads nowhere, and Python's stderr has one of its own.
    """
    try:
        is_plain = sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):
        return
    if not is_plain:
        return
    sys.stderr.flush()
    own = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = open(  # noqa: SIM115, PTH123 (lives as long as the process)
        own, "w", encoding=sys.stderr.encoding, errors="backslashreplace", buffering=1
    )
