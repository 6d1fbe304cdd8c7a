"""What a detector hears of the mark: how much louder each band is than speech would have it be."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.marking.pattern import BANDS, ROW_S, band_shapes

__all__ = ["HEARD_HZ", "HOP", "evidence", "kernel", "levels_db"]

HEARD_HZ = 8000
HOP = round(ROW_S * HEARD_HZ)
_WINDOW = 256  # 32 ms
_FFT = 512
_PATH = Path(__file__).parents[1] / "models" / "mark.npz"

# What is softer than this below the loudest row counts as silence, 55 dB.
_SILENT = 10.0**-5.5
# A band's own noise is what it has in the softest 15 % of rows. Twice that much is added before the
# logarithm: where noise is as loud as speech, the mark is weak and must not weigh much.
_NOISE_PERCENTILE = 15.0
_NOISE_SHARE = 2.0
_LEVEL_ROWS = 9

Float64 = npt.NDArray[np.float64]


def evidence(samples: npt.NDArray[Any]) -> Float64:
    """Return how much louder than expected each band is in each row, limited to ±1.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        At `HEARD_HZ`; half a minute or less, since the noise is taken to be the same throughout.

    Returns
    -------
    ndarray of float64, shape (t, BANDS)
        One row every 5 ms, the first at the first sample; 0 in digital silence.

    Notes
    -----
    A linear filter over ±60 ms and two bands either way predicts the mark from levels: it was
    fitted on marked synthetic speech (``models/mark.md``), so it takes out what neighbouring cells
    tell of the speech. Limiting keeps single loud errors from deciding.
    """
    level, weight = levels_db(samples)
    heard = filtered(level, kernel())
    weight_sum = weight.sum(axis=0)
    if not weight_sum.all():
        return np.zeros_like(heard)
    spread = np.sqrt((weight * heard**2).sum(axis=0) / weight_sum)
    limited: Float64 = weight * np.tanh(heard / np.maximum(spread, 1e-12))
    return limited


def levels_db(samples: npt.NDArray[Any]) -> tuple[Float64, Float64]:
    """Return the levels of all bands in dB, less their mean, and how far they rise over noise.

    Returns
    -------
    level, weight : ndarray of float64, shape (t, BANDS)
        Weights are within 0 to 1.
    """
    half = _WINDOW // 2
    padded = np.pad(np.asarray(samples, np.float64), (half, half))
    stretches = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(_WINDOW) + 0.5) / _WINDOW)
    spectrum = np.fft.rfft(stretches * window, n=_FFT, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2) @ _shapes()
    loudest = power.max(initial=0.0)
    if loudest < 1e-20:
        return np.zeros_like(power), np.zeros_like(power)
    noise = np.percentile(power, _NOISE_PERCENTILE, axis=0)
    added = _NOISE_SHARE * noise + _SILENT * loudest
    level = 10.0 * np.log10(power + added)
    level -= level.mean(axis=0)
    smooth = _running_mean(power, _LEVEL_ROWS)
    weight: Float64 = np.sqrt(smooth / (smooth + added + 2.0 * noise))
    return level, weight


def filtered(level: Float64, taps: Float64) -> Float64:
    """Return levels through a filter over rows and bands; beyond the ends they stay as they are.

    Parameters
    ----------
    level : ndarray of float64, shape (t, BANDS)
        In dB.
    taps : ndarray of float64, shape (2 * reach + 1, 2 * bands_reach + 1, BANDS)
        For each band, rows from `reach` before to `reach` after, and neighbours.

    Returns
    -------
    ndarray of float64, shape (t, BANDS)
    """
    reach, across = taps.shape[0] // 2, taps.shape[1] // 2
    padded = np.pad(level, ((reach, reach), (0, 0)), mode="edge")
    padded = np.pad(padded, ((0, 0), (across, across)))
    heard = np.zeros_like(level)
    for row in range(taps.shape[0]):
        for band in range(taps.shape[1]):
            part = padded[row : row + len(level), band : band + BANDS]
            heard += taps[row, band] * part
    return heard


@cache
def kernel() -> Float64:
    """Return the filter of ``models/mark.npz``."""
    with np.load(_PATH, allow_pickle=False) as archive:
        taps: Float64 = archive["taps"].astype(np.float64)
    return taps


@cache
def _shapes() -> Float64:
    return band_shapes(np.fft.rfftfreq(_FFT, 1.0 / HEARD_HZ).astype(np.float64))


def _running_mean(values: Float64, rows: int) -> Float64:
    half = rows // 2
    padded = np.pad(values, ((half + 1, half), (0, 0)), mode="edge")
    total = padded.cumsum(axis=0)
    mean: Float64 = np.maximum(total[rows:] - total[:-rows], 0.0) / rows
    return mean
