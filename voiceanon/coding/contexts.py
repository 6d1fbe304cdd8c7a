"""What is likely after what in a description: the contexts of its symbols and their tables.

A symbol is coded by the frequencies of the finest context that the tables know. Its contexts form a
ladder, each finer than the one before; a context is a whole number, with its place on the ladder in
the lowest three bits. The functions here take whole numbers or arrays of them and give the same.
"""

from __future__ import annotations

from functools import cache, cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = [
    "ALPHABETS",
    "ID_BYTES",
    "MOST_DIGITS",
    "PAUSE",
    "SILENT_UNIT",
    "UNSTRESSED",
    "UNVOICED",
    "Table",
    "code_id",
    "digit_contexts",
    "energy_contexts",
    "pitch_contexts",
    "table",
    "voiced_contexts",
]

MOST_DIGITS = 6
ID_BYTES = 4
# The values that have a symbol, in order; one symbol more stands for every other value.
ALPHABETS = {
    "energy": (-20, -8, -6, -5, -4, -3, -2, -1, 0, 1, 2),
    "voiced": (0, 1),
    "pitch": tuple(range(-8, 9)),
    **{f"digit_{digit}": (-1, 0, 1) for digit in range(MOST_DIGITS)},
}
# Symbols of what is taken to stand before the first frame and after the last: a pause.
PAUSE = 1
UNVOICED = 0
UNSTRESSED = 8
SILENT_UNIT = 0b010101010101
# The rules below are the first; another set of rules must not have the same id.
_RULES = b"1"
_MOST_PITCH_LEVELS = 16
_PATH = Path(__file__).parents[1] / "models" / "description_code.npz"

Whole = TypeVar("Whole", int, npt.NDArray[np.int64])


class Table:
    """Frequencies of one track's symbols in the contexts that were worth keeping.

    Parameters
    ----------
    contexts : ndarray of int64, shape (n,)
        Ascending; the first is 0, which is every symbol's last resort.
    frequencies : ndarray, shape (n, symbols)
        Whole numbers of 1 or more; each row adds up to `range_coder.TOTAL`.
    """

    def __init__(
        self, contexts: npt.NDArray[np.int64], frequencies: npt.NDArray[np.integer[Any]]
    ) -> None:
        self._contexts = contexts
        self.frequencies = frequencies.astype(np.int64)
        self.bounds = np.pad(np.cumsum(self.frequencies, axis=1), ((0, 0), (1, 0)))

    @cached_property
    def bounds_of(self) -> dict[int, list[int]]:
        """Bounds of the symbols' intervals by context."""
        return dict(zip(self._contexts.tolist(), self.bounds.tolist(), strict=True))

    def rows(self, ladder: tuple[npt.NDArray[np.int64], ...]) -> npt.NDArray[np.intp]:
        """Return for each symbol the row of the finest context that is known.

        Parameters
        ----------
        ladder : tuple of ndarray of int64, shape (n,)
            The contexts of n symbols, from coarse to fine.
        """
        rows = np.zeros(len(ladder[0]), np.intp)
        for contexts in ladder:
            at = np.searchsorted(self._contexts, contexts).clip(0, len(self._contexts) - 1)
            rows = np.where(self._contexts[at] == contexts, at, rows)
        return rows


@cache
def table(track: str) -> Table:
    """Return the shipped table of a track; see ``models/description_code.md``."""
    arrays = _arrays()
    return Table(arrays[f"{track}_contexts"], arrays[f"{track}_frequencies"])


@cache
def code_id() -> bytes:
    """Return what names rules and tables in a file: 4 bytes of a hash of them."""
    found = blake2b(_RULES, digest_size=ID_BYTES)
    for name, values in sorted(_arrays().items()):
        found.update(f"{name} {values.shape} ".encode())
        found.update(values.astype("<i8").tobytes())
    return found.digest()


@cache
def _arrays() -> dict[str, npt.NDArray[Any]]:
    with np.load(_PATH, allow_pickle=False) as archive:
        return {name: np.ascontiguousarray(archive[name]) for name in archive.files}


def energy_contexts(before: Whole, earlier: Whole) -> tuple[Whole, ...]:
    """Return the ladder of an energy: by those of the two frames before."""
    one = before << 3
    return one * 0, one | 1, one | earlier << 7 | 2


def voiced_contexts(
    energy: Whole, after: Whole, before: Whole, voiced_before: Whole, voiced_earlier: Whole
) -> tuple[Whole, ...]:
    """Return the ladder of voicing: by the energies around it and the two frames before."""
    one = energy << 3 | voiced_before << 7
    two = one | after << 8
    three = two | voiced_earlier << 12
    return one * 0, one | 1, two | 2, three | 3, three | before << 13 | 4


def pitch_contexts(
    levels: int, voiced: Whole, voiced_before: Whole, before: Whole, earlier: Whole
) -> tuple[Whole, ...]:
    """Return the ladder of a pitch: by how many steps there are, and the two frames before."""
    one = voiced << 3 | min(levels, _MOST_PITCH_LEVELS) << 4
    two = one | voiced_before << 9 | before << 10
    return one * 0, one | 1, two | 2, two | earlier << 15 | 3


def digit_contexts(
    digit: int, scene: Whole, so_far: Whole, before: Whole, earlier: Whole
) -> tuple[Whole, ...]:
    """Return the ladder of a digit of a unit.

    Parameters
    ----------
    digit : int
        Which one, 0 to 5.
    scene : int or ndarray of int64
        Bit 0: whether it is a pause; bit 1: voiced; from bit 2: energy falls, stays or rises.
    so_far, before, earlier : int or ndarray of int64
        Symbols of this unit's digits below `digit`, of the unit before and of the one before that,
        digit i from bit 2 i.

    Returns
    -------
    tuple
        Eight; the last four need units of all six digits.
    """
    at = 2 * digit
    one = (scene & 1) << 3 | so_far << 4
    base = (scene & 3) << 3 | so_far << 5
    four = base | before << 15
    return (
        one * 0,
        one | 1,
        one | (before >> at & 3) << 14 | 2,
        base | (before & (4 << at) - 1) << 15 | 3,
        four | 4,
        four | (earlier >> at & 3) << 27 | 5,
        four | earlier << 27 | 6,
        four | earlier << 27 | (scene >> 2) << 39 | 7,
    )
