"""What every transformation checks: the frames on the way in and out, and its settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError
from voiceanon.frames import Frames, check_tracks

__all__ = ["HOP_S", "MIN_F0_HZ", "check_frames", "doubles", "float32", "made", "number", "whole"]

# Frames lie this far apart: synthesis knows no other hop.
HOP_S = 0.005
# Lower f0 is no voice, and would leave the range of float32 once its range is scaled.
MIN_F0_HZ = 1.0

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def check_frames(frames: Frames) -> None:
    """Refuse what `synthesize` refuses, and f0 that contradicts `voiced`."""
    if isinstance(frames, Frames):
        for name in ("f0_hz", "envelope", "aperiodicity"):
            _check_array(name, getattr(frames, name), "f", "floating point")
        _check_array("voiced", frames.voiced, "b", "bool")
        if frames.f0_hz.ndim != 1:
            raise InputError(f"frames.f0_hz has shape {frames.f0_hz.shape}: it must be (t,)")
    check_tracks(frames)
    if frames.hop_s != HOP_S:
        raise InputError(f"frames.hop_s is {frames.hop_s!r}: it must be {HOP_S}")
    fits = np.where(frames.voiced, frames.f0_hz >= MIN_F0_HZ, frames.f0_hz == 0)
    if not fits.all():
        at = int(fits.argmin())
        kind_of_frame = "voiced" if frames.voiced[at] else "unvoiced"
        raise InputError(
            f"frames.f0_hz is {frames.f0_hz[at]:g} in frame {at}, which is {kind_of_frame}: it "
            f"must be {MIN_F0_HZ:g} to 4000 where voiced and 0 where unvoiced"
        )


def made(frames: Frames, **changes: Any) -> Frames:
    """Return frames with these arrays instead, unless they are out of range now."""
    result = replace(frames, **changes)
    try:
        check_frames(result)
    except InputError as error:
        raise InputError(f"the transformation goes too far: {error}") from None
    return result


def number(name: str, value: object, low: float, high: float) -> float:
    """Return the value as a float, or refuse it by its name."""
    is_number = isinstance(value, (int, float, np.integer, np.floating))
    if isinstance(value, bool) or not is_number or not low <= value <= high:  # type: ignore[operator]
        raise InputError(f"{name} is {value!r:.60}: it must be a number, {low:g} to {high:g}")
    return float(value)  # type: ignore[arg-type]


def whole(name: str, value: object, low: int, high: int) -> int:
    """Return the value as an int, or refuse it by its name."""
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_whole or not low <= value <= high:  # type: ignore[operator]
        raise InputError(f"{name} is {value!r:.60}: it must be a whole number, {low} to {high}")
    return int(value)  # type: ignore[call-overload, no-any-return]


def float32(values: npt.NDArray[Any]) -> Float32:
    """Return the form that kernels take; the same array where it has that form."""
    return np.ascontiguousarray(values, np.float32)


def doubles(values: npt.NDArray[Any]) -> Float64:
    """Return a copy in double precision: rounded back, an unchanged value is bit-equal."""
    return values.astype(np.float64)


def _check_array(name: str, value: object, kind: str, words: str) -> None:
    if not isinstance(value, np.ndarray):
        raise InputError(f"frames.{name} is of type {type(value).__name__}: it must be an array")
    if value.dtype.kind != kind:
        raise InputError(f"frames.{name} has dtype {value.dtype}: it must be {words}")
