"""One stretch of speech on disk: read as 16 kHz mono, and named by its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voiceanon.errors import RecordingError
from voiceanon.formats import AudioReader
from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.statistics import RATE

__all__ = ["Sound", "read_at_own_rate"]

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """A file, or a stretch of it.

    Attributes
    ----------
    path : Path
        The file.
    start_s : float
        Where the stretch begins.
    length_s : float, optional
        How long it is; to the end if None.
    """

    path: Path
    start_s: float = 0.0
    length_s: float | None = None

    @classmethod
    def of(cls, recording: Recording) -> Sound:
        """Return the recording as it is in its corpus."""
        return cls(recording.path, recording.start_s, recording.length_s)

    def read(self) -> Samples:
        """Return the samples at 16 kHz, (n,).

        Raises
        ------
        RecordingError
            If the file cannot be read whole, has several channels or is shorter than the stretch.
        """
        samples, rate = read_at_own_rate(self)
        if rate == RATE:
            return samples
        import soxr

        return np.asarray(soxr.resample(samples, rate, RATE, quality="HQ"), dtype=np.float32)

    def digest(self) -> str:
        """Return SHA-256 of the file's bytes and of where the stretch lies."""
        found = self.path.stat()
        whole = _file_digest(self.path, found.st_size, found.st_mtime_ns)
        if self.length_s is None and self.start_s == 0.0:
            return whole
        return hashlib.sha256(f"{whole} {self.start_s!r} {self.length_s!r}".encode()).hexdigest()


@lru_cache(maxsize=65536)
def _file_digest(path: Path, size: int, changed_ns: int) -> str:
    del size, changed_ns  # part of the cache key alone: a file that changed is read again
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def read_at_own_rate(sound: Sound) -> tuple[Samples, int]:
    """Return the samples, (n,), and their rate, in Hz.

    Raises
    ------
    RecordingError
        As `Sound.read`.
    """
    with AudioReader(sound.path) as reader:
        rate = reader.rate
        if reader.channels != 1:
            raise RecordingError(
                f"has {reader.channels} channels: one person on one channel is measured"
            )
        samples = np.concatenate([block[0] for block in reader.blocks(1 << 18)])
    first = round(sound.start_s * rate)
    last = len(samples) if sound.length_s is None else first + round(sound.length_s * rate)
    # Tables round durations: a stretch may miss its end by a few samples.
    if first >= len(samples) or last > len(samples) + rate // 50:
        raise RecordingError(
            f"holds {len(samples) / rate:.2f} s: the stretch {sound.start_s:g} s + "
            f"{sound.length_s} s lies outside"
        )
    return np.ascontiguousarray(samples[first:last], dtype=np.float32), rate
