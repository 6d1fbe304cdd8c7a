"""How much of the delivery of a recording is left: contours over time, original against made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.checks.assessment import Analysis, analyse, measures_of
from voiceanon.checks.pitch import F0Track, f0_track
from voiceanon.checks.sound import FRAME_HOP_S, RATE_HZ, Float64, Level
from voiceanon.checks.transcript import Transcript
from voiceanon.errors import InputError

__all__ = ["Delivery", "compare_delivery", "f0_tracks", "lag_between_s", "rho_f0"]

MAX_LAG_S = 0.5
# A correlation over less says little: a tenth of a second of joint voice, of joint sound.
_LEAST_S = 0.1
# What lies deeper below the loud parts is the noise floor, which is not delivery.
_DEEPEST_DB = -40.0


@dataclass(frozen=True)
class Delivery:
    """One recording before and after; None where a figure is not defined or cannot be had.

    Attributes
    ----------
    original, anonymized : dict
        The measures of `voiceanon.checks.assessment.speech_measures`.
    f0_contour : float or None
        Pearson's r of log f0 where both are voiced, after alignment.
    rho_f0 : float or None
        The same of f0 in Hz, as the VoicePrivacy challenge defines its pitch correlation.
    energy_contour : float or None
        Pearson's r of the level in dB where either sounds, after alignment.
    voicing_agreement : float or None
        Share of the frames in which either sounds that are voiced in both or in neither, 0 to 1.
    lag_s : float or None
        How much later the anonymised recording is; within ±0.5.
    judged_by : str
        Which estimator told f0 and voicing.
    """

    original: dict[str, float | None]
    anonymized: dict[str, float | None]
    f0_contour: float | None
    rho_f0: float | None
    energy_contour: float | None
    voicing_agreement: float | None
    lag_s: float | None
    judged_by: str


def compare_delivery(
    original: npt.NDArray[np.floating] | Analysis,
    anonymized: npt.NDArray[np.floating] | Analysis,
    rate: int = RATE_HZ,
    *,
    heard_original: Transcript | None = None,
    heard_anonymized: Transcript | None = None,
) -> Delivery:
    """Return measures and contours of a recording before and after; gains do not matter.

    Parameters
    ----------
    original, anonymized : ndarray, shape (n,), or Analysis
        Mono, 16 kHz, of any lengths; or what `voiceanon.checks.assessment.analyse` found in them,
        so that an original compared with several is analysed once.
    rate : int
        Must be 16000.
    heard_original, heard_anonymized : Transcript, optional
        What a recogniser heard, for filled pauses.

    Raises
    ------
    InputError
        If the samples are not mono, floating-point and finite, or of another rate.
    """
    before = original if isinstance(original, Analysis) else analyse(original, rate)
    after = anonymized if isinstance(anonymized, Analysis) else analyse(anonymized, rate)
    lag_s = f0_contour = rho = energy_contour = agreement = None
    if before.level is not None and after.level is not None:
        lag_s = _lag_s(before.level, after.level)
        either, levels = _aligned(before.level, after.level, lag_s)
        if either.sum() * FRAME_HOP_S >= _LEAST_S:
            energy_contour = _pearson(levels[0][either], levels[1][either])
            if before.f0 is not None and after.f0 is not None:
                agreement = _voicing_agreement(before.f0, after.f0, lag_s, either)
            else:
                agreement = _voicing_agreement(before.voicing, after.voicing, lag_s, either)
        if before.f0 is not None and after.f0 is not None:
            f0_contour = _f0_correlation(before.f0, after.f0, lag_s, logarithmic=True)
            rho = _f0_correlation(before.f0, after.f0, lag_s, logarithmic=False)
    return Delivery(
        measures_of(before, transcript=heard_original),
        measures_of(after, transcript=heard_anonymized),
        f0_contour,
        rho,
        energy_contour,
        agreement,
        lag_s,
        before.judged_by,
    )


def f0_tracks(samples: npt.NDArray[np.floating], hop_s: float = 0.005) -> F0Track:
    """Return f0 over time by pyworld, ready for `rho_f0`.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Mono, 16 kHz.
    hop_s : float
        Seconds from frame to frame.

    Raises
    ------
    InputError
        If pyworld is not installed or the samples are not mono and finite.
    """
    return f0_track(samples, hop_s)


def rho_f0(original: F0Track, anonymized: F0Track, lag_s: float = 0.0) -> float | None:
    """Return Pearson's r of f0 in Hz where both recordings are voiced.

    The pitch correlation of the VoicePrivacy challenge 2022 (Tomashenko et al.), with the lag
    given instead of searched for.

    Parameters
    ----------
    original, anonymized : F0Track
        Of one hop.
    lag_s : float
        How much later the anonymised recording is: see `lag_between_s`.

    Returns
    -------
    float or None
        -1 to 1; None where both are voiced for less than 0.1 s or one is constant.

    Raises
    ------
    InputError
        If the hops differ.
    """
    if original.hop_s != anonymized.hop_s:
        raise InputError(
            f"f0 tracks of hops {original.hop_s} s and {anonymized.hop_s} s: must be of one hop"
        )
    return _f0_correlation(original, anonymized, lag_s, logarithmic=False)


def lag_between_s(original: Level, anonymized: Level) -> float:
    """Return how much later the anonymised recording is, in seconds, within ±0.5.

    The peak of the cross-correlation of both levels over time, refined between frames of 5 ms by a
    parabola.

    Parameters
    ----------
    original, anonymized : Level
        See `voiceanon.checks.sound.level_of`.
    """
    return _lag_s(original, anonymized)


def _lag_s(original: Level, anonymized: Level) -> float:
    first, second = (
        np.maximum(level.smooth_db, _DEEPEST_DB) - _DEEPEST_DB for level in (original, anonymized)
    )
    # Beyond both ends lies silence, so that a recording correlates best with itself unmoved.
    most = round(MAX_LAG_S / FRAME_HOP_S)
    size = 1 << (len(first) + len(second)).bit_length()
    both = np.fft.irfft(np.fft.rfft(second, size) * np.fft.rfft(first, size).conj(), size)
    lags = np.arange(max(-most, 1 - len(first)), min(most, len(second) - 1) + 1)
    near = both[lags]  # negative ones lie at the end
    best = int(np.argmax(near))
    # A copy of any offset within a frame lies between two frames.
    offset = 0.0
    if 0 < best < len(near) - 1:
        left, middle, right = near[best - 1 : best + 2]
        bend = left - 2 * middle + right
        offset = float(0.5 * (left - right) / bend) if bend < 0 else 0.0
    # To a microsecond: the rest is rounding, and would move a frame that lies on a border.
    return round(float((lags[best] + offset) * FRAME_HOP_S), 6)


def _aligned(
    original: Level, anonymized: Level, lag_s: float
) -> tuple[npt.NDArray[np.bool_], tuple[Float64, Float64]]:
    """Return where either sounds and both levels in dB on the original's frames."""
    at = np.arange(len(original.smooth_db)) + lag_s / FRAME_HOP_S
    there = (at >= 0) & (at <= len(anonymized.smooth_db) - 1)
    nearest = np.clip(np.rint(at).astype(int), 0, len(anonymized.is_sounding) - 1)
    either = (original.is_sounding | anonymized.is_sounding[nearest]) & there
    second = np.interp(at, np.arange(len(anonymized.smooth_db)), anonymized.smooth_db)
    return either, (
        np.maximum(original.smooth_db, _DEEPEST_DB),
        np.maximum(second, _DEEPEST_DB),
    )


def _voicing_agreement(
    original: F0Track, anonymized: F0Track, lag_s: float, either: npt.NDArray[np.bool_]
) -> float | None:
    """Return the share of f0 frames, where either sounds, that agree with the nearest one."""
    times_s = np.arange(len(original.f0_hz)) * original.hop_s
    frames = np.rint(times_s / FRAME_HOP_S).astype(int)
    at = np.rint((times_s + lag_s) / anonymized.hop_s).astype(int)
    there = (frames < len(either)) & (at >= 0) & (at < len(anonymized.f0_hz))
    there[there] = either[frames[there]]
    if not there.any():
        return None
    return float(np.mean((original.f0_hz[there] > 0) == (anonymized.f0_hz[at[there]] > 0)))


def _f0_correlation(
    original: F0Track, anonymized: F0Track, lag_s: float, *, logarithmic: bool
) -> float | None:
    frames = np.arange(len(original.f0_hz))
    at = frames + lag_s / original.hop_s
    below = np.floor(at).astype(int)
    share = at - below
    last = len(anonymized.f0_hz) - 1
    inside = (below >= 0) & (below + (share > 0) <= last)
    low = anonymized.f0_hz[np.clip(below, 0, last)]
    high = anonymized.f0_hz[np.clip(below + 1, 0, last)]
    high = np.where(share > 0, high, low)
    # Between a voiced and an unvoiced frame there is no f0.
    joint = inside & (original.f0_hz > 0) & (low > 0) & (high > 0)
    if joint.sum() * original.hop_s < _LEAST_S:
        return None
    first = original.f0_hz[joint]
    second = ((1 - share) * low + share * high)[joint]
    return _pearson(np.log(first), np.log(second)) if logarithmic else _pearson(first, second)


def _pearson(first: Float64, second: Float64) -> float | None:
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first @ first) * (second @ second)))
    # Constant but for rounding: a correlation of rounding errors means nothing.
    if scale <= 1e-9 * len(first):
        return None
    return float(np.clip(first @ second / scale, -1.0, 1.0))
