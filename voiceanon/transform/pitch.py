"""Pitch of frames changed alone: height, range and number of levels; formants stay in place."""

from __future__ import annotations

import math

import numpy as np

from voiceanon import _kernels
from voiceanon.frames import Frames
from voiceanon.transform.checks import check_frames, doubles, float32, made, number, whole

__all__ = ["quantise_pitch", "scale_pitch_range", "shift_pitch"]

MAX_SHIFT_SEMITONES = 24.0
MAX_RANGE_FACTOR = 4.0
MAX_PITCH_LEVELS = 1000
# A pitch beside the border of two levels would flutter between them every 5 ms.
_LEVEL_RELUCTANCE = 0.1


def shift_pitch(frames: Frames, semitones: float) -> Frames:
    """Return frames with the whole pitch contour higher or lower.

    Parameters
    ----------
    frames : Frames
        As `analyze` returns them.
    semitones : float
        -24 to 24; 0 changes nothing.

    Returns
    -------
    Frames
        f0 multiplied by ``2 ** (semitones / 12)``; all else as it was.

    Raises
    ------
    InputError
        If an argument is out of range, or f0 would pass 4000 Hz.

    Notes
    -----
    The envelope stays, so formants do not move with the pitch.

    Examples
    --------
    >>> f0_hz = np.array([0, 100, 110], np.float32)
    >>> flat = np.full((3, 513), 1e-6, np.float32)
    >>> frames = Frames(f0_hz, f0_hz > 0, flat, np.ones_like(flat), 0.005, 16000, 16000, 240)
    >>> shift_pitch(frames, 12).f0_hz.tolist()
    [0.0, 200.0, 220.0]
    """
    check_frames(frames)
    semitones = number("semitones", semitones, -MAX_SHIFT_SEMITONES, MAX_SHIFT_SEMITONES)
    return made(frames, f0_hz=float32(doubles(frames.f0_hz) * 2.0 ** (semitones / 12)))


def scale_pitch_range(frames: Frames, factor: float) -> Frames:
    """Return frames with livelier or flatter intonation around the same mean pitch.

    Parameters
    ----------
    frames : Frames
        As `analyze` returns them.
    factor : float
        Factor on the distance, in semitones, of every voiced frame from the mean: 0 is monotone, 1
        changes nothing, at most 4.

    Returns
    -------
    Frames
        The geometric mean of voiced f0 stays; all but f0 is as it was.

    Raises
    ------
    InputError
        If an argument is out of range, or f0 would pass 4000 Hz.

    Examples
    --------
    >>> f0_hz = np.array([0, 100, 400], np.float32)
    >>> flat = np.full((3, 513), 1e-6, np.float32)
    >>> frames = Frames(f0_hz, f0_hz > 0, flat, np.ones_like(flat), 0.005, 16000, 16000, 240)
    >>> scale_pitch_range(frames, 0.5).f0_hz.astype(int).tolist()
    [0, 141, 282]
    """
    check_frames(frames)
    factor = number("factor", factor, 0.0, MAX_RANGE_FACTOR)
    voiced = np.asarray(frames.voiced)
    if not voiced.any():
        return frames
    f0_hz = doubles(frames.f0_hz)
    distance = np.log(f0_hz[voiced])
    mean = distance.mean()
    f0_hz[voiced] = np.exp(mean + factor * (distance - mean))
    return made(frames, f0_hz=float32(f0_hz))


def quantise_pitch(frames: Frames, levels: int) -> Frames:
    """Return frames whose pitch moves in steps.

    Parameters
    ----------
    frames : Frames
        As `analyze` returns them.
    levels : int
        Number of levels, 1 to 1000, evenly spaced in semitones from the lowest to the highest
        voiced frame; 1 is monotone, at the mean.

    Returns
    -------
    Frames
        Every voiced f0 on a level, at most 0.6 steps from where it was; all else as it was.

    Raises
    ------
    InputError
        If an argument is not as described.

    Notes
    -----
    Within a voiced stretch f0 leaves its level only when it is 0.6 steps away, so that a pitch
    half-way between two levels does not flutter.

    Examples
    --------
    >>> f0_hz = np.array([100, 112, 0, 130, 144], np.float32)
    >>> flat = np.full((5, 513), 1e-6, np.float32)
    >>> frames = Frames(f0_hz, f0_hz > 0, flat, np.ones_like(flat), 0.005, 16000, 16000, 400)
    >>> quantise_pitch(frames, 2).f0_hz.tolist()
    [100.0, 100.0, 0.0, 144.0, 144.0]
    """
    check_frames(frames)
    levels = whole("levels", levels, 1, MAX_PITCH_LEVELS)
    if levels == 1:
        return scale_pitch_range(frames, 0.0)
    voiced_hz = doubles(frames.f0_hz)[np.asarray(frames.voiced)]
    if voiced_hz.size == 0 or voiced_hz.min() == voiced_hz.max():
        return frames
    lowest_hz = float(voiced_hz.min())
    step = math.log(float(voiced_hz.max()) / lowest_hz) / (levels - 1)
    f0_hz = _kernels.quantise_f0(float32(frames.f0_hz), lowest_hz, step, levels, _LEVEL_RELUCTANCE)
    return made(frames, f0_hz=f0_hz)
