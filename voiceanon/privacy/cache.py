"""Keeps what was computed from a recording under the hash of its content: nothing is done twice."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Cache"]


class Cache:
    """Small results in files, one a recording and a measure, for the owner only.

    The name of a measure carries its version: change the measure, change the name. A file appears
    whole or not at all, so that an interrupted run can go on.

    Parameters
    ----------
    folder : Path
        Where they lie. Embeddings describe voices: treat it like the recordings.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def array(self, measure: str, digest: str) -> npt.NDArray[np.float64] | None:
        """Return a stored vector, or None; a damaged file counts as absent."""
        try:
            found = np.load(self._place(measure, digest, ".npy"), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return np.asarray(found, dtype=np.float64)

    def put_array(self, measure: str, digest: str, value: npt.NDArray[Any]) -> None:
        """Store a vector."""
        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        self._put(self._place(measure, digest, ".npy"), buffer.getvalue())

    def record(self, measure: str, digest: str) -> Any | None:
        """Return a stored JSON value, or None; a damaged file counts as absent."""
        try:
            return json.loads(self._place(measure, digest, ".json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def put_record(self, measure: str, digest: str, value: Any) -> None:
        """Store a JSON value."""
        self._put(self._place(measure, digest, ".json"), json.dumps(value).encode())

    def _place(self, measure: str, digest: str, suffix: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in measure)
        return self.folder / safe / digest[:2] / f"{digest}{suffix}"

    @staticmethod
    def _put(place: Path, content: bytes) -> None:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = place.with_name(f"{place.name}.{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(place)
