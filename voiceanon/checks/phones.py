"""How well two recordings' phones agree, by a small network that needs neither words nor extras.

The network hears mel bands and tells how likely each phone is, 50 times a second, as a recogniser's
first half does (Bourlard & Morgan 1994). What it tells of an original and of its output is compared
frame by frame: phones that became unclear or others are words that a recogniser will lose.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voiceanon import _engine
from voiceanon.bottleneck import network_tables
from voiceanon.checks.bands import mel_power
from voiceanon.checks.sound import RATE_HZ

__all__ = [
    "JUDGE_BANDS",
    "PHONES",
    "PHONE_S",
    "SILENCE",
    "Agreement",
    "agreement",
    "phone_bands",
    "phones_heard",
]

# The phones of pocketsphinx' English model, those of the CMU dictionary; its noises are silence.
PHONES = (
    "SIL",
    *"AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG".split(),
    *"OW OY P R S SH T TH UH UW V W Y Z ZH".split(),
)
SILENCE = 0  # its place among them

JUDGE_BANDS = 40
_FRAMES_A_SECOND = 50
PHONE_S = 1 / _FRAMES_A_SECOND
_FRAME = RATE_HZ // _FRAMES_A_SECOND
_RANGE = 1e-6  # of the power of loud bands: fainter ones are as good as silent
_LOUD_PERCENTILE = 99.5
_ACTIVE = 1e-3  # of it: what the mean of each band is taken of
_SPREAD = 0.8  # decades
_REACH = _FRAMES_A_SECOND  # how far a frame may lie from where it was
_FRAMES_AT_ONCE = 256
_CHANGE_COST = 0.2  # of one frame more or less of delay
_PATH = Path(__file__).parents[1] / "models" / "judge.npz"

Float32 = npt.NDArray[np.float32]


def phone_bands(samples: Float32) -> Float32:
    """Return what the network hears, (t, 80): 40 log mel bands twice every 20 ms, of any gain.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        Mono, 16 kHz.
    """
    count = len(samples) // _FRAME
    if not count:
        return np.zeros((0, 2 * JUDGE_BANDS), np.float32)
    power = mel_power(samples[: count * _FRAME].astype(np.float32), JUDGE_BANDS)
    loudest = power.max(1)
    top = float(np.percentile(loudest, _LOUD_PERCENTILE))
    if top <= 0.0:
        return np.zeros((count, 2 * JUDGE_BANDS), np.float32)
    logs = np.log10(np.maximum(power / top, _RANGE))
    logs -= logs[loudest > _ACTIVE * top].mean(0)
    return np.asarray(logs.reshape(count, -1) / _SPREAD, np.float32)


def phones_heard(samples: Float32) -> Float32:
    """Return how likely each phone is every 20 ms, (t, 40); the first is silence.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        Mono, 16 kHz.
    """
    logits = _network().whole(phone_bands(samples))
    likely = np.exp(logits - logits.max(1, keepdims=True, initial=-np.inf))
    return np.asarray(likely / likely.sum(1, keepdims=True), np.float32)


@cache
def _network() -> _engine.Network:
    with np.load(_PATH, allow_pickle=False) as tables:
        return _engine.Network(**network_tables(tables, "judge"))


@dataclass(frozen=True)
class Agreement:
    """How well the phones of two recordings agree.

    Attributes
    ----------
    mean : float
        Of all frames in which either speaks, 0 to 1.
    worst : float
        The lowest mean of half a second of such frames.
    confidence : float
        How sure the phones of the original are, 0 to 1: of music and noise they are not.
    speech_s : float
        Seconds of the original in which somebody speaks.
    """

    mean: float
    worst: float
    confidence: float
    speech_s: float


def agreement(before: Float32, after: Float32) -> Agreement:
    """Return how well the phones of a recording and its output agree.

    Parameters
    ----------
    before, after : ndarray of float32, shape (t, 40)
        What `phones_heard` tells of both, of about one length.

    Notes
    -----
    Frames are compared by the Bhattacharyya coefficient of what is likely in them, along the path
    of least change of delay within ±1 s that agrees best (Sakoe & Chiba 1978): when things are said
    is judged elsewhere.
    """
    spoken = before[:, SILENCE] < 0.5
    speech_s = float(spoken.sum()) / _FRAMES_A_SECOND
    sure = float(before[spoken, 1:].max(1).mean()) if spoken.any() else 0.0
    if not len(before) or not len(after):
        return Agreement(0.0, 0.0, sure, speech_s)
    alike, at = _along_the_best_path(before, after)
    inside = (at >= 0) & (at < len(after))
    either = spoken | (inside & (after[np.clip(at, 0, len(after) - 1), SILENCE] < 0.5))
    if not either.any():
        return Agreement(0.0, 0.0, sure, speech_s)
    alike = alike[either]
    width = min(_FRAMES_A_SECOND // 2, len(alike))
    lowest = np.convolve(alike, np.full(width, 1.0 / width), "valid").min()
    return Agreement(float(alike.mean()), float(lowest), sure, speech_s)


def _along_the_best_path(before: Float32, after: Float32) -> tuple[Float32, npt.NDArray[np.int64]]:
    """Return the agreement of each frame of `before`, and with which frame of `after`."""
    count, phones = before.shape
    edge = np.zeros((_REACH, phones), np.float32)
    missing = np.zeros((max(0, count - len(after)), phones), np.float32)
    wide = np.concatenate([edge, np.sqrt(after), missing, edge])
    roots = np.sqrt(before)
    alike = np.empty((count, 2 * _REACH + 1), np.float32)
    for start in range(0, count, _FRAMES_AT_ONCE):
        part = roots[start : start + _FRAMES_AT_ONCE]
        each = part @ wide[start : start + len(part) + 2 * _REACH].T
        # Row t of the band begins at column t.
        step, side = each.strides
        band = np.lib.stride_tricks.as_strided(
            each, (len(part), 2 * _REACH + 1), (step + side, side)
        )
        alike[start : start + len(part)] = band
    # What a path has gathered so far, one place for each delay, and walls beyond the last ones.
    total = np.full(alike.shape[1] + 2, -np.inf, np.float32)
    inner, less, more = total[1:-1], total[:-2], total[2:]
    inner[:] = alike[0]
    came_from = np.zeros(alike.shape, np.int8)
    for t in range(1, count):
        moved = np.maximum(less, more) - _CHANGE_COST
        came_from[t] = np.where(inner >= moved, 0, np.where(less >= more, -1, 1))
        inner[:] = np.maximum(inner, moved) + alike[t]
    delay = np.zeros(count, np.int64)
    delay[-1] = inner.argmax()
    for t in range(count - 1, 0, -1):
        delay[t - 1] = delay[t] + came_from[t, delay[t]]
    frames = np.arange(count)
    return alike[frames, delay], frames + delay - _REACH
