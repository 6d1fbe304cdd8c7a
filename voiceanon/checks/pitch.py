"""The f0 that judges delivery is pyworld's; voicing is told by a small tracker of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.checks.bands import power_spectra
from voiceanon.checks.optional import load, version_of, why_missing
from voiceanon.checks.sound import RATE_HZ, Float64, checked

__all__ = [
    "HIGHEST_F0_HZ",
    "HOP_S",
    "LOWEST_F0_HZ",
    "F0Track",
    "f0_missing",
    "f0_track",
    "voicing_of",
    "voicing_track",
]

HOP_S = 0.01
# From deep male voices to children's.
LOWEST_F0_HZ, HIGHEST_F0_HZ = 60.0, 600.0

_FRAMES_AT_ONCE = 100
_TRANSFORM = 512  # a frame of 320 and the longest lag, 133: what wraps around lies beyond it


@dataclass(frozen=True)
class F0Track:
    """Fundamental frequency over time.

    Attributes
    ----------
    f0_hz : ndarray of float64, shape (frames,)
        Frame i at ``i * hop_s``; 0 where unvoiced.
    hop_s : float
        Seconds from frame to frame.
    judged_by : str
        Which estimator.
    """

    f0_hz: Float64
    hop_s: float
    judged_by: str


def f0_missing() -> str | None:
    """Return why f0 cannot be judged here (no pyworld), or None if it can."""
    return why_missing("pyworld")


def f0_track(samples: npt.NDArray[np.floating], hop_s: float = HOP_S) -> F0Track:
    """Return f0 by WORLD's DIO, refined by StoneMask: independent of this package's own tracker.

    Morise, Kawahara & Katayose (2009); Morise et al., IEICE Trans. 2016.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Mono, 16 kHz.
    hop_s : float
        Seconds from frame to frame, 0.001 to 0.02.

    Raises
    ------
    InputError
        If the samples are not mono and finite, or pyworld is not installed.
    """
    wave = checked(samples)
    pyworld = load("pyworld")
    judge = f"pyworld {version_of('pyworld')}: DIO and StoneMask"
    # DIO reads beyond signals of a few periods of its lowest f0.
    if len(wave) < 0.05 * RATE_HZ or not wave.any():
        return F0Track(np.zeros(round(len(wave) / RATE_HZ / hop_s) + 1), hop_s, judge)
    coarse, times_s = pyworld.dio(
        wave,
        RATE_HZ,
        f0_floor=LOWEST_F0_HZ,
        f0_ceil=HIGHEST_F0_HZ,
        frame_period=1000.0 * hop_s,
        # At 8 kHz: the harmonics that matter are there, at a third of the cost.
        speed=2,
    )
    f0_hz = np.asarray(pyworld.stonemask(wave, coarse, times_s, RATE_HZ), np.float64)
    outside = ~np.isfinite(f0_hz) | (f0_hz < LOWEST_F0_HZ / 1.1) | (f0_hz > HIGHEST_F0_HZ * 1.1)
    return F0Track(np.where(outside, 0.0, f0_hz), hop_s, judge)


def voicing_track(samples: npt.NDArray[np.floating]) -> F0Track:
    """Return where the voice sounds, judged without pyworld; good for voicing, rough as f0.

    Boersma's (1993) autocorrelation divided by that of its window, 40 ms every 10 ms at 8 kHz, the
    best peak of each frame taken as it is.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Mono, 16 kHz.

    Raises
    ------
    InputError
        If the samples are not mono and finite.
    """
    return voicing_of(checked(samples))


def voicing_of(wave: Float64) -> F0Track:
    """Return the same of what `voiceanon.checks.sound.checked` returned."""
    rate, width, hop = RATE_HZ // 2, 320, 80
    halved = wave[: len(wave) // 2 * 2].reshape(-1, 2).mean(1)
    count = len(wave) // (2 * hop) + 1
    padded = np.pad(halved, (width // 2, width // 2 + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, width)[::hop][:count]
    window = np.hanning(width)
    bare = np.fft.irfft(power_spectra(window[None], _TRANSFORM))[0]
    lags = np.arange(int(rate / HIGHEST_F0_HZ), int(rate / LOWEST_F0_HZ))
    f0_hz = np.zeros(len(frames))
    # A second at a time, that stays in the cache.
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        part = frames[start : start + _FRAMES_AT_ONCE]
        part = (part - part.mean(1, keepdims=True)) * window
        correlation = np.fft.irfft(power_spectra(part, _TRANSFORM))
        near = correlation[:, lags[0] : lags[-1] + 1]
        normal = near / (correlation[:, :1] + 1e-12) / (bare[lags] / bare[0])
        # A period repeats at its multiples: the shortest of equals is meant.
        best = (normal - 0.02 * np.log2(lags / lags[0])).argmax(1)
        strength = np.take_along_axis(normal, best[:, None], 1)[:, 0]
        f0_hz[start : start + len(part)] = np.where(strength > 0.5, rate / lags[best], 0.0)
    return F0Track(f0_hz, hop / rate, "autocorrelation (Boersma 1993)")
