"""Finds original audio in an output: a raw or scaled copy, whole or in pieces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["COPY_CORRELATION", "copied_share", "largest_correlation", "stretch_correlations"]

Samples = npt.NDArray[np.float32]
Real = npt.NDArray[np.float64]

# Above this a stretch counts as a copy. A copy, scaled or requantised, lies above 0.99; vocoders
# that keep the pitch and place of pulses stay below 0.8 where the spectrum has been flattened.
COPY_CORRELATION = 0.9
_BLOCK = 4096  # 0.26 s at 16 kHz
_AUDIBLE = 1e-4  # of the loudest stretch's energy
_BLOCKS_AT_ONCE = 4
_LAG = 2048  # 0.13 s: how far a copy may be displaced


def largest_correlation(original: Samples, anonymized: Samples) -> float:
    """Return the largest correlation between stretches of 0.26 s, displaced by up to 0.13 s.

    Parameters
    ----------
    original, anonymized : ndarray of float32, shape (n,)
        16 kHz mono, of about one length.

    Returns
    -------
    float
        0 to 1; 1 where a stretch is a scaled copy, whatever its sign.

    Notes
    -----
    Both are differenced before (a first-order whitening), so that shared low-frequency hum or a
    common pitch does not pass for a copy; silent stretches do not count.
    """
    return float(stretch_correlations(original, anonymized).max(initial=0.0))


def copied_share(original: Samples, anonymized: Samples) -> float:
    """Return the share of audible stretches of the output that are copies of the original, 0–1."""
    found = stretch_correlations(original, anonymized)
    return float((found >= COPY_CORRELATION).mean()) if len(found) else 0.0


def stretch_correlations(original: Samples, anonymized: Samples) -> Real:
    """Return the correlation of each audible stretch of the output, 0 to 1, shape (n,).

    What `largest_correlation` and `copied_share` are told by, for who wants both.
    """
    size = _BLOCK + 2 * _LAG
    source = np.diff(np.pad(original.astype(np.float64), (_LAG, _LAG)), prepend=0.0)
    made = np.diff(anonymized.astype(np.float64), prepend=0.0)
    count = min(len(made) // _BLOCK, max(0, (len(source) - size) // _BLOCK + 1))
    if count == 0:
        return np.zeros(0)
    blocks = made[: count * _BLOCK].reshape(count, _BLOCK)
    around = np.lib.stride_tricks.sliding_window_view(source, size)[::_BLOCK][:count]
    # A second at a time, that stays in the cache: of every block all lags are looked at.
    parts = [
        _correlated(
            around[start : start + _BLOCKS_AT_ONCE], blocks[start : start + _BLOCKS_AT_ONCE]
        )
        for start in range(0, count, _BLOCKS_AT_ONCE)
    ]
    found, own, loudest = (np.concatenate(each) for each in zip(*parts, strict=True))
    audible = (own > _AUDIBLE * own.max()) & (loudest > _AUDIBLE * loudest.max())
    return np.asarray(found[audible])


def _correlated(around: Real, blocks: Real) -> tuple[Real, Real, Real]:
    """The largest correlation of each block, its energy, and the largest energy it is held to."""
    fft_size = 1 << int(np.ceil(np.log2(around.shape[1])))
    crossed = np.fft.irfft(
        np.fft.rfft(around, fft_size) * np.fft.rfft(blocks, fft_size).conj(), fft_size
    )[:, : 2 * _LAG + 1]
    # Energy of the original under the block at every lag.
    running = np.cumsum(np.pad(around**2, ((0, 0), (1, 0))), axis=1)
    energy = running[:, _BLOCK:] - running[:, : 2 * _LAG + 1]
    own = (blocks**2).sum(1, keepdims=True)
    loudest = energy.max(1, keepdims=True)
    norm = np.sqrt(np.maximum(own * energy, 1e-12 * own * loudest + 1e-20))
    return (np.abs(crossed) / norm).max(1), own[:, 0], loudest[:, 0]
