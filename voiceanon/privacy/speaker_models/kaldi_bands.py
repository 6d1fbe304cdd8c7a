"""Kaldi's log-mel filter bank in numpy, the input that CAM++ and many speaker networks expect."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["kaldi_bands"]

Real = npt.NDArray[np.float64]

_RATE = 16000
_WIDTH, _HOP, _FFT = 400, 160, 512  # 25 ms every 10 ms
_LOWEST_HZ = 20.0
_PREEMPHASIS = 0.97
_POVEY_EXPONENT = 0.85
_FLOOR = float(np.finfo(np.float32).eps)  # Kaldi's, on samples of full scale 1


def kaldi_bands(samples: npt.NDArray[np.floating], bands: int = 80) -> npt.NDArray[np.float32]:
    """Return the natural logarithm of mel-band powers, 25 ms every 10 ms, without dither.

    Parameters
    ----------
    samples : ndarray of float, shape (n,)
        16 kHz mono, full scale 1, at least 400 samples.
    bands : int
        Number of triangles between 20 Hz and 8 kHz.

    Returns
    -------
    ndarray of float32, shape (1 + (n - 400) // 160, bands)
        Frames lie wholly inside the samples (Kaldi's ``snip_edges``).

    Notes
    -----
    Each frame: its mean taken off, x[i] − 0.97 x[i−1], Povey's window (a Hann window to the power
    0.85), power spectrum, triangles that are straight in mel = 1127 ln(1 + f/700) (Povey et al.
    2011, the Kaldi toolkit).
    """
    plain = np.ascontiguousarray(samples, dtype=np.float64)
    window, weights = _window(), _triangles(bands)
    views = np.lib.stride_tricks.sliding_window_view(plain, _WIDTH)[::_HOP]
    result = np.empty((len(views), bands), dtype=np.float32)
    for first in range(0, len(views), 1024):  # a block of frames at a time bounds the memory
        frames = views[first : first + 1024] - views[first : first + 1024].mean(1, keepdims=True)
        before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
        spectra = np.fft.rfft((frames - _PREEMPHASIS * before) * window, _FFT)
        # The bin at half the rate belongs to no triangle.
        power = spectra.real[:, :-1] ** 2 + spectra.imag[:, :-1] ** 2
        result[first : first + 1024] = np.log(np.maximum(power @ weights, _FLOOR))
    return result


@lru_cache(maxsize=1)
def _window() -> Real:
    phase = 2.0 * np.pi * np.arange(_WIDTH) / (_WIDTH - 1)
    return np.asarray((0.5 - 0.5 * np.cos(phase)) ** _POVEY_EXPONENT)


def _mel(frequency_hz: Real | float) -> Real:
    return np.asarray(1127.0 * np.log1p(np.asarray(frequency_hz) / 700.0))


@lru_cache(maxsize=4)
def _triangles(bands: int) -> Real:
    """Return the weights, (256, bands), of the bins below half the rate."""
    edges = np.linspace(_mel(_LOWEST_HZ), _mel(_RATE / 2), bands + 2)
    bins = _mel(np.arange(_FFT // 2) * _RATE / _FFT)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    return np.maximum(np.minimum(rising, falling), 0.0)
