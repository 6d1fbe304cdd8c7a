"""Keeps what was computed from a recording under the hash of its bytes: nothing is done twice."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np


class Cache:
    """Small results in files, one a recording and a measure.

    The name of a measure carries its version: change the measure, change the name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "measured"

    @staticmethod
    def hash_of(path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def _place(self, measure: str, digest: str, suffix: str) -> Path:
        return self._folder / measure / digest[:2] / f"{digest}{suffix}"

    def _put(self, place: Path, content: bytes) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f"{place.name}.{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(place)

    def array(self, measure: str, digest: str) -> np.ndarray | None:
        place = self._place(measure, digest, ".npy")
        return np.load(place) if place.exists() else None

    def put_array(self, measure: str, digest: str, value: np.ndarray) -> None:
        buffer = io.BytesIO()
        np.save(buffer, value)
        self._put(self._place(measure, digest, ".npy"), buffer.getvalue())

    def record(self, measure: str, digest: str) -> Any | None:
        place = self._place(measure, digest, ".json")
        return json.loads(place.read_text(encoding="utf-8")) if place.exists() else None

    def put_record(self, measure: str, digest: str, value: Any) -> None:
        self._put(self._place(measure, digest, ".json"), json.dumps(value).encode())
