"""Mel bands as recognisers hear them."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from voiceanon.checks.sound import RATE_HZ

__all__ = ["mel_power", "power_spectra", "slaney_weights", "whisper_bands"]

_WIDTH, _HOP = 400, 160  # 25 ms every 10 ms
_FRAMES_AT_ONCE = 64

Real = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]


def whisper_bands(samples: Float32, bands: int = 80) -> Float32:
    """Return the log-mel bands that Whisper hears, (bands, frames), one frame every 10 ms.

    Frames of 25 ms in a Hann window around each hop; power in triangles of Slaney's mel scale with
    equal area; the common logarithm, at most 8 under its maximum, plus 4, over 4.
    """
    logs = np.log10(np.maximum(mel_power(samples, bands), 1e-10))
    logs = np.maximum(logs, logs.max() - 8.0)
    return np.ascontiguousarray(((logs + 4.0) / 4.0).T, dtype=np.float32)


def mel_power(samples: Float32, bands: int) -> Real:
    """Return the power in Slaney's bands, (frames, bands), one frame every 10 ms.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        Mono, 16 kHz, over 12.5 ms.
    bands : int
        How many, up to 8 kHz.
    """
    padded = np.pad(samples, _WIDTH // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WIDTH)[::_HOP]
    frames = frames[: max(len(samples) // _HOP, 1)]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WIDTH) / _WIDTH)
    weights = slaney_weights(bands, _WIDTH)
    made = np.empty((len(frames), bands))
    # A little at a time, that stays in the cache: spectra take far more memory than bands.
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        part = frames[start : start + _FRAMES_AT_ONCE]
        made[start : start + len(part)] = power_spectra(part * window) @ weights
    return made


def power_spectra(frames: Real, size: int | None = None) -> Real:
    """Return the power spectra of frames, (n, size/2 + 1).

    Parameters
    ----------
    frames : ndarray of float64, shape (n, width)
        Windowed.
    size : int, optional
        Of the transform; `width` by default.
    """
    spectra = np.fft.rfft(frames, size, axis=1)
    # The modulus would take a root, and longer than the transform itself.
    power: Real = np.square(spectra.real)
    power += np.square(spectra.imag)
    return power


@cache
def slaney_weights(bands: int, width: int) -> Real:
    """Return (width/2 + 1, bands): linear below 1 kHz, 27 steps an octave-like factor 6.4 above."""
    top = 15 + np.log(RATE_HZ / 2 / 1000) / (np.log(6.4) / 27)
    mels = np.linspace(0, top, bands + 2)
    edges_hz = np.where(
        mels < 15, mels * 200 / 3, 1000 * np.exp((np.maximum(mels, 15) - 15) * np.log(6.4) / 27)
    )
    bins_hz = np.arange(width // 2 + 1) * RATE_HZ / width
    low, middle, high = (edges_hz[k : bands + k] for k in range(3))
    rise = (bins_hz[:, None] - low) / (middle - low)
    fall = (high - bins_hz[:, None]) / (high - middle)
    return np.asarray(np.clip(np.minimum(rise, fall), 0, None) * 2 / (high - low))
