"""Arrays drawn from a keyed stream, for splits, resamples and trainings that must repeat."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voiceanon.keys import Draws

__all__ = ["integers", "normal", "permutation", "uniform"]


def uniform(draws: Draws, *shape: int) -> npt.NDArray[np.float64]:
    """Return numbers in [0, 1) of this shape, the next of the stream."""
    count = int(np.prod(shape))
    words = np.frombuffer(draws.bytes(8 * count), dtype=">u8")
    # The upper 53 bits: every value is exact in a double, so that all machines agree.
    return ((words >> 11).astype(np.float64) * 2.0**-53).reshape(shape)


def integers(draws: Draws, n: int, *shape: int) -> npt.NDArray[np.int64]:
    """Return whole numbers from 0 to ``n - 1`` of this shape; n below 2³²."""
    return (uniform(draws, *shape) * n).astype(np.int64)


def permutation(draws: Draws, n: int) -> npt.NDArray[np.int64]:
    """Return the numbers 0 to ``n - 1`` in a drawn order."""
    return np.argsort(uniform(draws, n), kind="stable")


def normal(draws: Draws, *shape: int) -> npt.NDArray[np.float64]:
    """Return draws from the normal distribution, by Box and Muller (1958)."""
    count = int(np.prod(shape))
    u = uniform(draws, 2, count)
    radius = np.sqrt(-2.0 * np.log1p(-u[0]))
    return np.asarray(radius * np.cos(2.0 * np.pi * u[1])).reshape(shape)
