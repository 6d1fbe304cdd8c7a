"""Whether a signal is sound: finite, neither clipped nor faint, without offset, wide enough."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from voiceanon.checks.bands import power_spectra
from voiceanon.checks.sound import RATE_HZ, Level

__all__ = ["Signal", "measure_signal"]

_CLIPPED = 0.999  # of full scale
_RUN = 3  # samples in a row at full scale: one alone is a peak
_SEGMENT = 1024
_BELOW_DB = 40.0  # of the loudest third of an octave: what lies deeper is not heard as bandwidth

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Signal:
    """One signal.

    Attributes
    ----------
    is_finite : bool
        Whether every sample is.
    level_dbfs : float or None
        Root mean square where it sounds, in dB relative to full scale; None in silence.
    clipped_percent : float
        Samples in runs of three or more at full scale, in percent.
    offset_percent : float
        Size of the mean, in percent of full scale.
    bandwidth_hz : float or None
        Upper edge of the highest third of an octave within 40 dB of the loudest; None in silence.
    """

    is_finite: bool
    level_dbfs: float | None
    clipped_percent: float
    offset_percent: float
    bandwidth_hz: float | None


def measure_signal(samples: Float32, level: Level | None) -> Signal:
    """Return what can be said of a signal by itself.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        Mono, 16 kHz, full scale at 1.
    level : Level, optional
        Of the same samples, by `voiceanon.checks.sound.level_of`; None in silence.
    """
    if not len(samples) or not np.all(np.isfinite(samples)):
        return Signal(not len(samples), None, 0.0, 0.0, None)
    at_limit = np.abs(samples) >= _CLIPPED
    runs = np.convolve(at_limit, np.ones(_RUN), "full")[_RUN - 1 : len(samples)] >= _RUN
    clipped = np.zeros(len(samples), bool)
    for k in range(_RUN):
        clipped[k : k + len(runs)] |= runs
    offset = 100.0 * abs(float(samples.mean(dtype=np.float64)))
    if level is None or not level.is_sounding.any():
        return Signal(True, None, 100.0 * float(clipped.mean()), offset, None)
    at = np.minimum(np.arange(len(samples)) // (RATE_HZ // 200), len(level.is_sounding) - 1)
    voice = samples[level.is_sounding[at]].astype(np.float64)
    power = float(np.mean((voice - voice.mean()) ** 2))
    return Signal(
        True,
        10.0 * float(np.log10(power)) if power > 0 else None,
        100.0 * float(clipped.mean()),
        offset,
        _bandwidth_hz(voice),
    )


def _bandwidth_hz(voice: npt.NDArray[np.float64]) -> float | None:
    if len(voice) < _SEGMENT:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(voice, _SEGMENT)[:: _SEGMENT // 2]
    density = power_spectra(frames * np.hanning(_SEGMENT)).mean(0)
    hz = np.fft.rfftfreq(_SEGMENT, 1 / RATE_HZ)
    edges = 200.0 * 2.0 ** (np.arange(17) / 3)  # to 8 kHz
    bands = [density[(hz >= low) & (hz < high)].mean() for low, high in pairwise(edges)]
    if max(bands) <= 0:
        return None
    heard = np.flatnonzero(np.array(bands) > max(bands) * 10 ** (-_BELOW_DB / 10))
    return float(min(edges[heard[-1] + 1], RATE_HZ / 2))
