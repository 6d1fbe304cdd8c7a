"""Between the caller's rate and the core's band: streaming, and the same bits for any chunking."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["Resampler", "lag_s"]

Float32 = npt.NDArray[np.float32]


class Resampler:
    """One channel at another rate (soxr, high quality, linear phase: nothing is delayed).

    Parameters
    ----------
    from_hz, to_hz : int
        Rates, in Hz; equal rates pass samples through.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._rates = (from_hz, to_hz)
        self.reset()

    def reset(self) -> None:
        """Make it new."""
        from_hz, to_hz = self._rates
        self._stream = None
        if from_hz != to_hz:
            import soxr

            self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")

    def process(self, samples: Float32) -> Float32:
        """Return the samples that are ready."""
        if self._stream is None:
            own: Float32 = samples.copy()
            return own
        made: Float32 = self._stream.resample_chunk(samples)
        return made

    def finish(self) -> Float32:
        """Return the rest: about ``n * to_hz / from_hz`` samples in all."""
        if self._stream is None:
            return np.empty(0, np.float32)
        made: Float32 = self._stream.resample_chunk(np.empty(0, np.float32), last=True)
        return made


@cache
def lag_s(from_hz: int, to_hz: int) -> float:
    """Return how many seconds of input the resampler holds back at most, measured on silence."""
    if from_hz == to_hz:
        return 0.0
    resampler = Resampler(from_hz, to_hz)
    piece = np.zeros(max(1, from_hz // 1000), np.float32)
    given = made = 0
    worst = 0.0
    while given < from_hz // 2:
        given += len(piece)
        made += len(resampler.process(piece))
        worst = max(worst, given / from_hz - made / to_hz)
    return worst
