"""What a detector hears of the mark: how much louder each band is than speech would have it be."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.marking.network import mark_network
from voiceanon.marking.pattern import ROW_S, band_shapes

__all__ = ["HEARD_HZ", "HOP", "evidence", "levels_db"]

HEARD_HZ = 8000
HOP = round(ROW_S * HEARD_HZ)
_WINDOW = 256  # 32 ms
_FFT = 512

# What is softer than this below the loudest row counts as silence, 55 dB.
_SILENT = 10.0**-5.5
# A band's own noise is what it has in the softest 15 % of rows. Twice that much is added before the
# logarithm: where noise is as loud as speech, the mark is weak and must not weigh much.
_NOISE_PERCENTILE = 15.0
_NOISE_SHARE = 2.0
_LEVEL_ROWS = 9

Float64 = npt.NDArray[np.float64]


def evidence(samples: npt.NDArray[Any]) -> Float64:
    """Return how surely each band is louder, or softer, than the speech around it would have it.

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
    A small network trained for the detector's score (``models/mark.md``) hears ±80 ms and four
    bands either way: it takes out what neighbouring cells tell of the speech, and trusts those
    places most where speech can be foretold.
    """
    level, weight = levels_db(samples)
    return np.where(weight > 0.0, mark_network()(level, weight), 0.0)


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


@cache
def _shapes() -> Float64:
    return band_shapes(np.fft.rfftfreq(_FFT, 1.0 / HEARD_HZ).astype(np.float64))


def _running_mean(values: Float64, rows: int) -> Float64:
    half = rows // 2
    padded = np.pad(values, ((half + 1, half), (0, 0)), mode="edge")
    total = padded.cumsum(axis=0)
    mean: Float64 = np.maximum(total[rows:] - total[:-rows], 0.0) / rows
    return mean
