"""The tracks of a description to bytes and back, each symbol after what stands before it.

Energy comes first, of all frames, then voicing, then pitch, then the units digit by digit: what is
told before may be a context of what follows, also of frames to come. Values that have no symbol of
their own come at the end, each as one byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from voiceanon.coding.contexts import (
    ALPHABETS,
    MOST_DIGITS,
    PAUSE,
    SILENT_UNIT,
    UNSTRESSED,
    UNVOICED,
    digit_contexts,
    energy_contexts,
    pitch_contexts,
    table,
    voiced_contexts,
)
from voiceanon.coding.range_coder import TOTAL, RangeDecoder, RangeEncoder
from voiceanon.errors import RecordingError

__all__ = ["Ladders", "Symbols", "Tracks", "decode", "encode"]

# Every symbol takes a little of the range, so a byte cannot stand for more frames than this.
_MOST_FRAMES_A_BYTE = 1 << 13
_BLOCK = 1 << 16
_COARSE_STEPS = 4
_BYTE_BOUNDS = range(0, TOTAL + 1, TOTAL // 256)

Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]


class Tracks(NamedTuple):
    """What a description says of t frames.

    Attributes
    ----------
    units : ndarray of int8, shape (t, digits)
        1 to 6 digits.
    voiced : ndarray of bool, shape (t,)
        Whether voiced.
    energy, pitch : ndarray of int8, shape (t,)
        Steps.
    """

    units: Int8
    voiced: npt.NDArray[np.bool_]
    energy: Int8
    pitch: Int8


class Symbols:
    """The tracks as symbols of their alphabets.

    Parameters
    ----------
    tracks : Tracks
        Any values.
    """

    def __init__(self, tracks: Tracks) -> None:
        self.values: dict[str, Int8] = {
            "energy": tracks.energy,
            "voiced": tracks.voiced.astype(np.int8),
            "pitch": tracks.pitch,
        }
        self.values |= {f"digit_{i}": digit for i, digit in enumerate(tracks.units.T)}
        self.of = {name: _lookup(name)[values] for name, values in self.values.items()}

    def escaped(self) -> Iterable[int]:
        """Yield the values that have no symbol, each as a byte."""
        for name, values in self.values.items():
            yield from (values[self.of[name] == len(ALPHABETS[name])].astype(int) % 256).tolist()


class Ladders:
    """The contexts of every symbol of a description.

    Parameters
    ----------
    symbols : dict of ndarray of int64, shape (t,)
        By track.
    pitch_levels : int
        Steps that pitch may take.
    """

    def __init__(self, symbols: dict[str, Int64], pitch_levels: int) -> None:
        self._symbols = symbols
        self._digits = [symbols[name] for name in symbols if name.startswith("digit_")]
        self._pitch_levels = pitch_levels
        units = np.full(len(symbols["energy"]), SILENT_UNIT, np.int64)
        for digit, values in enumerate(self._digits):
            units += (values - 1) << 2 * digit
        self._units = units
        self._scenes = scenes(symbols["energy"], symbols["voiced"])

    def of(self, track: str) -> tuple[Int64, ...]:
        """Return the ladder of a track, from coarse to fine, each of shape (t,)."""
        energy, voiced = self._symbols["energy"], self._symbols["voiced"]
        if track == "energy":
            return energy_contexts(_back(energy, 1, PAUSE), _back(energy, 2, PAUSE))
        if track == "voiced":
            return voiced_contexts(
                energy,
                _after(energy),
                _back(energy, 1, PAUSE),
                _back(voiced, 1, UNVOICED),
                _back(voiced, 2, UNVOICED),
            )
        if track == "pitch":
            pitch = self._symbols["pitch"]
            return pitch_contexts(
                self._pitch_levels,
                voiced,
                _back(voiced, 1, UNVOICED),
                _back(pitch, 1, UNSTRESSED),
                _back(pitch, 2, UNSTRESSED),
            )
        digit = int(track.removeprefix("digit_"))
        ladder = digit_contexts(
            digit,
            self._scenes,
            self._units & (1 << 2 * digit) - 1,
            _back(self._units, 1, SILENT_UNIT),
            _back(self._units, 2, SILENT_UNIT),
        )
        return ladder[: _steps(len(self._digits))]


def encode(tracks: Tracks, pitch_levels: int) -> bytes:
    """Return the tracks as few bytes.

    Parameters
    ----------
    tracks : Tracks
        Any values; those that descriptions usually have take the least.
    pitch_levels : int
        Steps that pitch may take, 1 or more.
    """
    symbols = Symbols(tracks)
    ladders = Ladders(symbols.of, pitch_levels)
    coder = RangeEncoder()

    def intervals(track: str) -> tuple[Int64, Int64]:
        rows, known = table(track).rows(ladders.of(track)), table(track)
        of = symbols.of[track]
        return known.bounds[rows, of], known.frequencies[rows, of]

    def put(starts: Int64, sizes: Int64) -> None:
        for at in range(0, len(starts), _BLOCK):
            part = slice(at, at + _BLOCK)
            coder.put(starts[part].tolist(), sizes[part].tolist())

    for track in ("energy", "voiced", "pitch"):
        put(*intervals(track))
    digits = [intervals(f"digit_{digit}") for digit in range(tracks.units.shape[1])]
    put(*(np.stack(part, 1).ravel() for part in zip(*digits, strict=True)))
    for value in symbols.escaped():
        coder.put([_BYTE_BOUNDS[value]], [TOTAL // 256])
    return coder.finish()


def decode(data: bytes, frames: int, digits: int, pitch_levels: int) -> Tracks:
    """Return the tracks that `encode` made the bytes of.

    Parameters
    ----------
    data : bytes
        Anything; it is not trusted.
    frames, digits, pitch_levels : int
        Of the tracks: 0 or more frames, 1 to 6 digits, 1 or more steps.

    Raises
    ------
    RecordingError
        If no such tracks have these bytes. What no check can tell from tracks comes out as some.
    """
    if frames > _MOST_FRAMES_A_BYTE * (len(data) + 1):
        raise RecordingError(f"is damaged: {len(data)} bytes cannot hold {frames} frames")
    coder = RangeDecoder(data)
    energy = _decoded_energy(coder, frames)
    voiced = _decoded_voiced(coder, energy)
    pitch = _decoded_pitch(coder, voiced, pitch_levels)
    units = _decoded_units(coder, energy, voiced, digits)

    def values(name: str, symbols: npt.NDArray[np.uint8]) -> Int8:
        made = np.array([*ALPHABETS[name], 0], np.int8)[symbols]
        is_other = symbols == len(ALPHABETS[name])
        others = [coder.take(_BYTE_BOUNDS) for _ in range(int(is_other.sum()))]
        made[is_other] = np.array(others, np.uint8).view(np.int8)
        return made

    tracks = Tracks(
        energy=values("energy", np.frombuffer(energy, np.uint8)),
        voiced=np.frombuffer(voiced, np.uint8) == 1,
        pitch=values("pitch", np.frombuffer(pitch, np.uint8)),
        units=np.stack(
            [
                values(f"digit_{digit}", np.frombuffer(units, np.uint8)[digit::digits])
                for digit in range(digits)
            ],
            axis=1,
        ),
    )
    coder.finish()
    return tracks


def scenes(energy: Int64, voiced: Int64) -> Int64:
    """Return what the digits' contexts know of a frame, see `contexts.digit_contexts`."""
    change = np.sign(energy - _back(energy, 1, PAUSE)) + 1
    made: Int64 = (energy <= PAUSE) | voiced << 1 | change << 2
    return made


def _decoded_energy(coder: RangeDecoder, frames: int) -> bytearray:
    made, known = bytearray(frames), table("energy").bounds_of
    before = earlier = PAUSE
    for frame in range(frames):
        symbol = coder.take(_finest(known, energy_contexts(before, earlier)))
        made[frame] = symbol
        earlier, before = before, symbol
    return made


def _decoded_voiced(coder: RangeDecoder, energy: bytearray) -> bytearray:
    made, known = bytearray(len(energy)), table("voiced").bounds_of
    before, voiced_before, voiced_earlier = PAUSE, UNVOICED, UNVOICED
    following = energy[1:] + bytes([PAUSE])
    for frame, (here, after) in enumerate(zip(energy, following, strict=False)):
        ladder = voiced_contexts(here, after, before, voiced_before, voiced_earlier)
        symbol = coder.take(_finest(known, ladder))
        made[frame] = symbol
        before, voiced_earlier, voiced_before = here, voiced_before, symbol
    return made


def _decoded_pitch(coder: RangeDecoder, voiced: bytearray, pitch_levels: int) -> bytearray:
    made, known = bytearray(len(voiced)), table("pitch").bounds_of
    voiced_before, before, earlier = UNVOICED, UNSTRESSED, UNSTRESSED
    for frame, here in enumerate(voiced):
        ladder = pitch_contexts(pitch_levels, here, voiced_before, before, earlier)
        symbol = coder.take(_finest(known, ladder))
        made[frame] = symbol
        voiced_before, earlier, before = here, before, symbol
    return made


def _decoded_units(
    coder: RangeDecoder, energy: bytearray, voiced: bytearray, digits: int
) -> bytearray:
    made, steps = bytearray(len(energy) * digits), _steps(digits)
    known = [table(f"digit_{digit}").bounds_of for digit in range(digits)]
    before = earlier = SILENT_UNIT
    missing = SILENT_UNIT & -1 << 2 * digits
    at = 0
    as_arrays = (np.frombuffer(track, np.uint8).astype(np.int64) for track in (energy, voiced))
    for scene in map(int, scenes(*as_arrays)):
        unit = 0
        for digit in range(digits):
            ladder = digit_contexts(digit, scene, unit, before, earlier)[:steps]
            symbol = coder.take(_finest(known[digit], ladder))
            made[at] = symbol
            at += 1
            unit |= symbol << 2 * digit
        earlier, before = before, unit | missing
    return made


def _finest(known: dict[int, list[int]], ladder: tuple[int, ...]) -> list[int]:
    for context in reversed(ladder):
        bounds = known.get(context)
        if bounds is not None:
            return bounds
    raise AssertionError("a table lacks its last resort")


def _steps(digits: int) -> int | None:
    """How far up the ladder a unit can be: the finest contexts hold units of all digits."""
    return None if digits == MOST_DIGITS else _COARSE_STEPS


def _lookup(name: str) -> Int64:
    """Symbols by value; a negative value counts from the end, as it does in an index."""
    alphabet = ALPHABETS[name]
    found = np.full(256, len(alphabet), np.int64)
    found[np.array(alphabet)] = np.arange(len(alphabet))
    return found


def _back(track: Int64, frames: int, start: int) -> Int64:
    """The track that many frames ago; `start` is what was before the first."""
    return np.concatenate([np.full(frames, start, np.int64), track])[: len(track)]


def _after(energy: Int64) -> Int64:
    return np.append(energy[1:], PAUSE)[: len(energy)]
