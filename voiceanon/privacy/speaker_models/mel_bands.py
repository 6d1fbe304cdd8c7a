"""Mel bands on Slaney's scale in numpy, the input of the d-vector and GE2E networks."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["log_mel_40", "mel_40"]

Real = npt.NDArray[np.float64]

_RATE = 16000
_BANDS = 40
_WIDTH, _HOP = 400, 160  # 25 ms every 10 ms
_LINEAR_UP_TO_HZ, _HZ_A_MEL = 1000.0, 200.0 / 3.0
_LOG_STEP = np.log(6.4) / 27.0  # 27 steps from 1 to 6.4 kHz


def log_mel_40(samples: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return log10 of mel-band powers, (1 + (n - 512) // 160, 40), for the d-vector network.

    Parameters
    ----------
    samples : ndarray of float, shape (n,)
        16 kHz mono, at least 512 samples.

    Notes
    -----
    A periodic Hamming window of 400 samples in the middle of 512; powers below 1e-10 vanish.
    """
    phase = 2.0 * np.pi * np.arange(_WIDTH) / _WIDTH
    window = np.pad(0.54 - 0.46 * np.cos(phase), 56)
    return np.log10(_powers(np.asarray(samples, np.float64), window) + 1e-10).astype(np.float32)


def mel_40(samples: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return mel-band powers, (1 + n // 160, 40), for the GE2E network: no logarithm is taken.

    Parameters
    ----------
    samples : ndarray of float, shape (n,)
        16 kHz mono.

    Notes
    -----
    A periodic Hann window of 400 samples, frames centred on multiples of 160, silence outside.
    """
    phase = 2.0 * np.pi * np.arange(_WIDTH) / _WIDTH
    padded = np.pad(np.asarray(samples, np.float64), _WIDTH // 2)
    return _powers(padded, 0.5 - 0.5 * np.cos(phase)).astype(np.float32)


def _powers(samples: Real, window: Real) -> Real:
    views = np.lib.stride_tricks.sliding_window_view(samples, len(window))[::_HOP]
    weights = _triangles(len(window))
    result = np.empty((len(views), _BANDS))
    for first in range(0, len(views), 1024):  # a block of frames at a time bounds the memory
        spectra = np.fft.rfft(views[first : first + 1024] * window)
        result[first : first + 1024] = (spectra.real**2 + spectra.imag**2) @ weights
    return result


def _hz(mel: Real) -> Real:
    """Slaney's (1998) auditory scale: straight below 1 kHz, logarithmic above."""
    corner = _LINEAR_UP_TO_HZ / _HZ_A_MEL
    above = _LINEAR_UP_TO_HZ * np.exp(_LOG_STEP * (mel - corner))
    return np.where(mel < corner, mel * _HZ_A_MEL, above)


@lru_cache(maxsize=4)
def _triangles(size: int) -> Real:
    """Return weights, (size // 2 + 1, 40), of triangles of equal area from 0 to 8 kHz."""
    highest = _LINEAR_UP_TO_HZ / _HZ_A_MEL + np.log(_RATE / 2 / _LINEAR_UP_TO_HZ) / _LOG_STEP
    edges = _hz(np.linspace(0.0, highest, _BANDS + 2))
    bins = (np.arange(size // 2 + 1) * _RATE / size)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    return np.maximum(np.minimum(rising, falling), 0.0) * 2.0 / (right - left)
