"""The level of speech over time: where it sounds, how loud it is, at any gain the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError

__all__ = [
    "FRAME_HOP_S",
    "PAUSE_S",
    "RATE_HZ",
    "Level",
    "at_judged_rate",
    "checked",
    "level_in",
    "level_of",
    "stretches",
]

RATE_HZ = 16_000
# Frames of levels and of f0, so that both have one time axis.
FRAME_HOP_S = 0.005
_HOP = 80
# Silence lies this far below the level that one frame in a hundred exceeds (de Jong & Wempe 2009).
_SILENCE_DB = 25.0
# From here on a silence is a pause (Goldman-Eisler 1968): closures of stops are shorter.
PAUSE_S = 0.25
_ONE_SOUND_S = 0.05
_SHORTEST_SOUND_S = 0.08
_FLOOR_DB = 80.0
_RUMBLE_HZ = 60.0
_PADDING = RATE_HZ // 4  # so that no end rings into the other

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Level:
    """The level of one recording over time, in frames of 5 ms.

    Attributes
    ----------
    smooth_db : ndarray of float64, shape (frames,)
        Level in windows of 64 ms, relative to the loud parts (0 dB is the level that one frame in
        a hundred exceeds): syllables show, periods of the voice do not.
    is_sounding : ndarray of bool, shape (frames,)
        Whether somebody speaks, gaps under 0.25 s included.
    is_loud : ndarray of bool, shape (frames,)
        Whether the frame itself is above the silence, gaps of any length left out.
    silence_db : float
        The threshold.
    """

    smooth_db: Float64
    is_sounding: Bool
    is_loud: Bool
    silence_db: float


def checked(samples: npt.NDArray[np.floating], rate: int = RATE_HZ) -> Float64:
    """Return mono samples as float64 with the highest peak at 0.5; silence stays.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Mono, of any gain.
    rate : int
        Must be 16000.

    Raises
    ------
    InputError
        If they are not one-dimensional, not finite, or of another rate.
    """
    if rate != RATE_HZ:
        raise InputError(f"rate is {rate!r}: speech is judged at {RATE_HZ} samples a second")
    samples = np.asarray(samples)
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise InputError(
            f"samples are {samples.dtype} of shape {samples.shape}: must be mono floating-point"
        )
    if not np.all(np.isfinite(samples)):
        raise InputError("samples have values that are not finite: every sample must be finite")
    wave = samples.astype(np.float64)
    peak = float(np.max(np.abs(wave))) if len(wave) else 0.0
    # In two steps: the inverse of the smallest numbers would overflow.
    return np.ascontiguousarray(wave / peak * 0.5) if peak > 0 else np.zeros(len(wave))


def at_judged_rate(samples: Float32, rate: int) -> Float32:
    """Return samples, (n,), at 16 kHz."""
    if rate == RATE_HZ:
        return samples
    import soxr

    return np.asarray(soxr.resample(samples, rate, RATE_HZ, quality="HQ"), np.float32)


def level_of(samples: npt.NDArray[np.floating]) -> Level | None:
    """Return the level of a recording over time, None where nothing sounds.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Mono, 16 kHz.

    Raises
    ------
    InputError
        If they are not mono and finite.
    """
    return level_in(checked(samples))


def level_in(wave: Float64) -> Level | None:
    """Return the same of what `checked` returned."""
    if len(wave) < 0.05 * RATE_HZ:
        return None
    wave = wave - wave.mean()
    if np.max(np.abs(wave)) < 1e-9:
        return None
    # Rumble and mains hum below the voice are no speech.
    voice = _without_rumble(wave)
    power = _block_power(voice)
    smooth_db, quick_db = _level_db(power, 25), _level_db(power, 9)
    if smooth_db is None or quick_db is None:
        return None
    silence_db = _silence_db(smooth_db)
    is_loud = quick_db > silence_db
    # Pieces of one sound come together before whatever is too short to be one goes.
    is_sounding = _without(is_loud, False, _ONE_SOUND_S)
    is_sounding = _without(is_sounding, True, _SHORTEST_SOUND_S)
    is_sounding = _without(is_sounding, False, PAUSE_S)
    return Level(smooth_db, is_sounding, is_loud & is_sounding, silence_db)


def stretches(mask: Bool, value: bool) -> list[tuple[int, int]]:
    """Return the first frame and the frame after the last of every run of a value."""
    inside = np.concatenate([[False], mask == value, [False]])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]


def _without_rumble(wave: Float64) -> Float64:
    """Return what a Butterworth filter of second order leaves above 60 Hz, forwards and back.

    By its gain alone: scipy.signal would take 70 MB in every worker of an archive.
    """
    size = _fast_size(len(wave) + _PADDING)
    spectrum = np.fft.rfft(wave, size)
    # Squared twice: a power of four would take longer than the transform.
    rising = np.square(np.square(np.fft.rfftfreq(size, 1 / RATE_HZ) / _RUMBLE_HZ))
    spectrum *= rising / (1.0 + rising)
    return np.fft.irfft(spectrum, size)[: len(wave)]


def _fast_size(least: int) -> int:
    """Return a size from `least` on, at most a third above, that transforms fast."""
    size = 1 << (least - 1).bit_length()
    return next(part for part in (size // 8 * 5, size // 4 * 3, size) if part >= least)


def _block_power(wave: Float64) -> Float64:
    """Return the mean power of blocks of 2.5 ms, two a frame."""
    block = _HOP // 2
    count = len(wave) // _HOP + 1
    padded = np.zeros(2 * count * block)
    inside = padded[block // 2 :][: len(wave)]
    np.square(wave[: len(inside)], out=inside)
    power: Float64 = padded.reshape(-1, block).mean(1)
    return power


def _level_db(power: Float64, blocks: int) -> Float64 | None:
    """Return the level of frames centred on ``i * 5 ms``, in Hann windows of `blocks` blocks."""
    window = np.hanning(blocks + 2)[1:-1]
    # In full and cut by hand: "same" gives the window's length where that is longer.
    full = np.convolve(power, window / window.sum())
    smooth = np.maximum(full[blocks // 2 : blocks // 2 + len(power)][::2], 0.0)
    loud = float(np.percentile(smooth, 99))
    if loud <= 0:
        return None
    floor = loud * 10 ** (-_FLOOR_DB / 10)
    made: Float64 = 10 * np.log10(np.maximum(smooth, floor) / loud)
    return made


def _silence_db(smooth_db: Float64) -> float:
    """Return the threshold of silence: 25 dB below the loud parts, higher in a noisy recording."""
    # The quietest twentieth is the noise of a pause, or speech where there is none: then the
    # threshold stays under most of it. 15 dB of added noise moves no pause this way.
    floor_db = float(np.percentile(smooth_db, 5))
    return max(-_SILENCE_DB, min(floor_db + 4.0, -15.0))


def _without(mask: Bool, value: bool, shorter_than_s: float) -> Bool:
    """Turn runs of a value that are too short over, those at the ends of silence excepted."""
    kept: Bool = mask.copy()
    frames = shorter_than_s / FRAME_HOP_S
    for start, end in stretches(mask, value):
        at_an_end = start == 0 or end == len(mask)
        if end - start < frames - 0.5 and (value or not at_an_end):
            kept[start:end] = not value
    return kept
