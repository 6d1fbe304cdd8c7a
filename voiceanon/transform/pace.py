"""Pace of frames changed alone: a keyed random time warp that keeps both ends in place."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from voiceanon import _kernels
from voiceanon.errors import InputError
from voiceanon.frames import Frames
from voiceanon.keys import Draws
from voiceanon.transform.checks import HOP_S, Float32, check_frames, float32, made, number

__all__ = ["time_path", "warp_time"]

MAX_PACE_CHANGE = 0.5
# Pace is drawn anew about once a syllable, and runs linearly in between.
_PACE_DRAW_S = 0.25

Float64 = npt.NDArray[np.float64]


def warp_time(frames: Frames, amount: float, draws: Draws) -> Frames:
    """Return frames with a random pace that keeps the length.

    Parameters
    ----------
    frames : Frames
        As `analyze` returns them.
    amount : float
        Bound on the local change of pace, 0 to 0.5: 0.2 is up to 20 % faster or slower; 0 changes
        nothing.
    draws : Draws
        Keyed stream that the pace is drawn from; the same stream gives the same pace.

    Returns
    -------
    Frames
        As many, the first and the last in place, in the same order.

    Raises
    ------
    InputError
        If an argument is not as described.

    Notes
    -----
    A pace is drawn every quarter of a second and runs linearly in between. Between two frames the
    envelope is linear in log power, and pitch is linear in log f0 where both are voiced; elsewhere
    the nearer frame decides whether there is a pitch, so none is made up.

    Examples
    --------
    >>> f0_hz = np.linspace(100, 200, 400, dtype=np.float32)
    >>> flat = np.full((400, 513), 1e-6, np.float32)
    >>> frames = Frames(f0_hz, f0_hz > 0, flat, 0 * flat, 0.005, 16000, 16000, 32000)
    >>> warped = warp_time(frames, 0.2, Draws(bytes(32), "pace"))
    >>> len(warped), bool(np.all(np.diff(warped.f0_hz) > 0)), float(warped.f0_hz[-1])
    (400, True, 200.0)
    """
    check_frames(frames)
    amount = number("amount", amount, 0.0, MAX_PACE_CHANGE)
    if not isinstance(draws, Draws):
        raise InputError(f"draws is of type {type(draws).__name__}: it must be Draws")
    positions = time_path(len(frames), amount, draws)
    f0_hz = _kernels.interpolate_f0(float32(frames.f0_hz), positions)
    voiced = f0_hz > 0
    aperiodicity = _read_linear(float32(frames.aperiodicity), positions)
    aperiodicity[~voiced] = 1.0
    return made(
        frames,
        f0_hz=f0_hz,
        voiced=voiced,
        envelope=_kernels.interpolate_envelope(float32(frames.envelope), positions),
        aperiodicity=aperiodicity,
    )


def time_path(count: int, amount: float, draws: Draws) -> Float64:
    """Return where each of `count` frames is read: 0 to count - 1, in steps of 1 ± amount."""
    steps = max(count - 1, 1)
    knots = max(2, math.ceil(steps * HOP_S / _PACE_DRAW_S) + 1)
    drawn = [draws.uniform(-1.0, 1.0) for _ in range(knots)]
    change = np.interp(np.linspace(0, knots - 1, steps), np.arange(knots), drawn)
    change -= math.fsum(change) / steps  # a sum of changes of 0 keeps the end in place
    change *= amount / max(1.0, float(np.abs(change).max()))
    positions = np.arange(count, dtype=np.float64)
    positions[1:] += np.cumsum(change)[: count - 1]
    positions[-1] = count - 1
    return positions


def _read_linear(rows: Float32, positions: Float64) -> Float32:
    low = np.floor(positions).astype(np.intp)
    high = np.minimum(low + 1, len(rows) - 1)
    part = (positions - low).astype(np.float32)[:, None]
    return (1 - part) * rows[low] + part * rows[high]
