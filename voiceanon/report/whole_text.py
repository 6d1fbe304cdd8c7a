"""Writes a text file whole or not at all, for its owner's eyes only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from voiceanon.errors import DestinationError

__all__ = ["write_whole"]

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


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
    temporary = path.parent / f".voiceanon-{secrets.token_hex(8)}.part"
    try:
        descriptor = os.open(temporary, _NEW_FILE, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise DestinationError(f"{path.name!r} cannot be written: {error.strerror}") from error
    return path
