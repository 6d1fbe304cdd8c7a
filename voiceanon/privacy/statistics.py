"""Plain statistics of an utterance, which identify speakers without any network."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "HOP_S",
    "RATE",
    "RHYTHM",
    "UtteranceStatistics",
    "log_mel",
    "modulation_db",
    "pitch_track",
    "run_lengths_s",
    "spread",
]

RATE = 16_000
HOP_S = 0.01
_LOWEST_F0_HZ, _HIGHEST_F0_HZ = 60.0, 420.0
_BANDS = 40
# The columns of `UtteranceStatistics` that hold durations and prosody only.
RHYTHM = slice(6 * _BANDS, None)
_FLOOR = 1e-10  # below 16-bit resolution
_SHORTEST = 1600  # 0.1 s; shorter recordings are padded with silence

Real = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]


class UtteranceStatistics:
    """What a long-term average gives away: spectrum, its spread and movement, pitch, rhythm.

    Calling it with samples, (n,), gives (d,): means and deviations of 40 log-mel bands of voiced
    and of other frames, their mean movement, the spectrum of the quietest tenth (a noise floor
    can name a speaker, or a microphone). Nothing of the spectrum enters the columns `RHYTHM`: the
    spread of log f0 and of its movements, of the durations of voiced, unvoiced, spoken and silent
    stretches, of level, and the strength of slow modulations of level (0.5 to 16 Hz), which carry
    the pace of syllables.
    """

    name = "utterance-statistics-3"

    def __call__(self, samples: Samples) -> Real:
        """Return the statistics of 16 kHz mono speech."""
        samples = _padded(samples)
        f0_hz, level_db = pitch_track(samples)
        bands = log_mel(samples)
        count = min(len(f0_hz), len(bands))
        f0_hz, level_db, bands = f0_hz[:count], level_db[:count], bands[:count]
        voiced = f0_hz > 0
        parts: list[Real] = []
        for mask in (voiced, ~voiced):
            chosen = bands[mask] if mask.any() else bands
            parts += [chosen.mean(0), chosen.std(0)]
        steps = np.abs(np.diff(bands, axis=0))
        parts.append(steps.mean(0) if len(steps) else np.zeros(_BANDS))
        quiet = level_db <= np.percentile(level_db, 10)
        parts.append(bands[quiet].mean(0))
        return np.concatenate([*parts, _rhythm(f0_hz, level_db)])


def _padded(samples: Samples) -> Samples:
    return samples if len(samples) >= _SHORTEST else np.pad(samples, (0, _SHORTEST - len(samples)))


def log_mel(samples: Samples) -> Real:
    """Return 40 natural-log mel bands, (frames, 40), of 25 ms every 10 ms; at least 25 ms."""
    width, hop, size = 400, 160, 512
    frames = np.lib.stride_tricks.sliding_window_view(samples, width)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(width), size)) ** 2
    return np.log(power @ _mel_weights(size) + _FLOOR)


def _mel_weights(size: int) -> Real:
    """Triangles of equal width in mel, 2595 log10(1 + f/700), (size/2 + 1, bands)."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges_hz = 700 * (10 ** (np.linspace(0, top, _BANDS + 2) / 2595) - 1)
    bins_hz = np.arange(size // 2 + 1) * RATE / size
    low, middle, high = (edges_hz[k : _BANDS + k] for k in range(3))
    rise = (bins_hz[:, None] - low) / (middle - low)
    fall = (high - bins_hz[:, None]) / (high - middle)
    return np.asarray(np.clip(np.minimum(rise, fall), 0, None))


def pitch_track(samples: Samples) -> tuple[Real, Real]:
    """Return f0 in Hz (0 where unvoiced) and the frame level in dB, every 10 ms.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        16 kHz mono, at least 0.1 s.

    Returns
    -------
    tuple of ndarray, shape (frames,)

    Notes
    -----
    The autocorrelation of Boersma (1993) divided by that of the window, the best peak of each
    frame taken as it is: an attacker's rough tracker, quick rather than right.
    """
    half = samples[: len(samples) // 2 * 2].astype(np.float64).reshape(-1, 2).mean(1)
    rate, width, hop = RATE // 2, 320, 80
    frames = np.lib.stride_tricks.sliding_window_view(half, width)[::hop]
    window = np.hanning(width)
    level_db = 10 * np.log10((frames**2).mean(1) + _FLOOR)
    spectra = np.abs(np.fft.rfft((frames - frames.mean(1, keepdims=True)) * window, 1024)) ** 2
    bare = np.fft.irfft(np.abs(np.fft.rfft(window, 1024)) ** 2)
    shortest, longest = int(rate / _HIGHEST_F0_HZ), int(rate / _LOWEST_F0_HZ)
    lags = np.arange(shortest, longest)
    correlation = np.fft.irfft(spectra)
    normal = correlation[:, lags] / (correlation[:, :1] + 1e-12) / (bare[lags] / bare[0])
    best = (normal - 0.02 * np.log2(lags / shortest)).argmax(1)
    strength = np.take_along_axis(normal, best[:, None], 1)[:, 0]
    voiced = (strength > 0.5) & (level_db > np.percentile(level_db, 95) - 35)
    return np.where(voiced, rate / lags[best], 0.0), level_db


def spread(values: npt.ArrayLike) -> list[float]:
    """Return mean, deviation and the 5th, 25th, 50th, 75th and 95th percentile; 0 of nothing."""
    found = np.asarray(values, dtype=np.float64)
    if not len(found):
        return [0.0] * 7
    marks = np.percentile(found, [5, 25, 50, 75, 95])
    return [float(found.mean()), float(found.std()), *map(float, marks)]


def run_lengths_s(mask: npt.NDArray[np.bool_], hop_s: float = HOP_S) -> tuple[Real, Real]:
    """Durations of the stretches where `mask` is true, and of those where it is false."""
    edges = np.flatnonzero(np.diff(mask.astype(int))) + 1
    runs = np.diff(np.concatenate([[0], edges, [len(mask)]])) * hop_s
    first, second = runs[0::2], runs[1::2]
    return (first, second) if mask[0] else (second, first)


def _rhythm(f0_hz: Real, level_db: Real) -> Real:
    count = len(f0_hz)
    voiced = f0_hz > 0
    log_f0 = np.log2(np.where(voiced, f0_hz, 100.0) / 100)
    moves = np.diff(np.where(voiced, log_f0, np.nan))
    moves = moves[np.isfinite(moves)]
    figures: list[Any] = spread(log_f0[voiced]) + spread(moves) + spread(np.abs(moves))
    loud = level_db > np.percentile(level_db, 95) - 30
    for mask in (voiced, loud):
        for runs in run_lengths_s(mask):
            figures += spread(np.log2(runs + HOP_S))
            figures.append(len(runs) / (count * HOP_S))
    figures += [float(voiced.mean()), float(loud.mean())]
    figures += spread(level_db - level_db.max())
    clipped = np.maximum(level_db - level_db.max(), -60.0)
    figures += spread(np.diff(clipped)) if count > 1 else [0.0] * 7
    figures += modulation_db(clipped)
    return np.array(figures, dtype=np.float64)


def modulation_db(level_db: Real, hop_s: float = HOP_S) -> list[float]:
    """Power of the level's movement in octave thirds from 0.5 to 16 Hz, dB."""
    size = round(10.24 / hop_s)
    plain = level_db - level_db.mean()
    # Welch's average over halves of ten seconds; a short recording is one padded stretch.
    starts = range(0, max(1, len(plain) - size // 2), size // 2)
    stretches = [
        np.pad(plain[s : s + size], (0, max(0, size - len(plain[s : s + size])))) for s in starts
    ]
    power = np.mean([np.abs(np.fft.rfft(p * np.hanning(size))) ** 2 for p in stretches], axis=0)
    power /= len(plain)
    at_hz = np.arange(len(power)) / (size * hop_s)
    edges_hz = 0.5 * 2 ** (np.arange(16) / 3)
    return [
        float(10 * np.log10(power[(at_hz >= low) & (at_hz < high)].mean() + 1e-6))
        for low, high in itertools.pairwise(edges_hz)
    ]
