"""Writes a text file whole or not at all, for its owner's eyes only."""

from __future__ import annotations

from pathlib import Path

from voiceanon.errors import DestinationError
from voiceanon.formats import placing

__all__ = ["write_whole"]


def write_whole(path: Path, text: str) -> Path:
    """Put a text under a name: written beside it, made durable, then renamed onto it.

    Parameters
    ----------
    path : Path
        The name, in an existing folder; a file that is there is replaced.
    text : str
        What it holds, as UTF-8.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    DestinationError
        If it cannot be written; then nothing is left behind and the old file stays.
    """
    try:
        placing.write_whole(path, text.encode("utf-8"), overwrite=True)
    except DestinationError as error:
        raise DestinationError(f"{path.name!r} {error}") from error
    return path
