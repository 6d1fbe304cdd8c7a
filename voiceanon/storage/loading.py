"""Loads a stored file of whichever level it is."""

from __future__ import annotations

import os

from voiceanon import abstraction, measures
from voiceanon.abstraction import Abstraction
from voiceanon.container.sealing import Key
from voiceanon.container.voa import Level, read_voa
from voiceanon.measures import Measures

__all__ = ["load"]


def load(path: str | os.PathLike[str], *, key: Key | None = None) -> Abstraction | Measures:
    """Return what a file holds.

    Parameters
    ----------
    path : path
        A ``.voa`` file; it is not trusted.
    key : bytes of length 32, or callable that returns them, optional
        Of an encrypted file.

    Returns
    -------
    Abstraction or Measures
        By the level that is stored.

    Raises
    ------
    RecordingError
        If it is no such file, a newer one, or damaged.
    SecretError
        If the key is missing, another one, or given for a file that is not encrypted.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "one.voa"
    ...     Measures.of({"phonation_ratio": 0.8}).save(path)
    ...     load(path).values["phonation_ratio"]
    0.8
    """
    level, chunks = read_voa(path, key=key)
    is_content = level is Level.CONTENT
    return abstraction.from_chunks(chunks) if is_content else measures.from_chunks(chunks)
