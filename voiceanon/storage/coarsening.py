"""Makes measures of many recordings so coarse that every one looks like k − 1 others.

Global recoding: all rows are coarsened alike, a measure at a time, on a ladder of steps of its grid
that double, until it is left out (Samarati and Sweeney, "Protecting privacy when disclosing
information", 1998; LeFevre, DeWitt and Ramakrishnan, "Incognito: efficient full-domain
k-anonymity", SIGMOD 2005). The search is greedy, not Incognito's over the whole lattice: the step
taken is the one by which most rows are found for each bit that the measures lose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from voiceanon.checks.assessment import MEASURES
from voiceanon.errors import InputError
from voiceanon.measures import GRIDS, LENGTH_GRID, Grid, Measures

__all__ = ["coarsen"]

_GRIDS: tuple[Grid, ...] = (*(GRIDS[name] for name in MEASURES), LENGTH_GRID)
_NONE = -1
# A step that costs nothing is taken before all others.
_LEAST_BITS = 1e-9

Int64 = npt.NDArray[np.int64]


def coarsen(measures: Sequence[Measures], k: int) -> list[Measures]:
    """Return the measures so coarse that every combination of values is shared by `k` or more.

    Parameters
    ----------
    measures : sequence of Measures
        All that are given away together, one a recording. Of several recordings of one person,
        give one: k counts rows, not people.
    k : int
        1 or more; 1 changes nothing.

    Returns
    -------
    list of Measures
        In the same order. A number is the middle of its step, on the measure's grid; a measure
        that was left out is None in every row. Length is coarsened like a measure, and which ones
        are None counts as part of the combination. Transcripts are left out: hardly one is
        shared.

    Raises
    ------
    InputError
        If there are rows but fewer than `k`, or `k` is less than 1.

    Notes
    -----
    Whoever knows a value of everybody in a combination still learns it: k-anonymity hides which
    row is whose, not what all of them share.
    """
    if k < 1:
        raise InputError(f"k is {k}: it must be 1 or more")
    if k == 1 or not measures:
        return list(measures)
    if len(measures) < k:
        raise InputError(f"there are {len(measures)} rows: fewer than {k} cannot hide each other")
    rows = np.array([_places(row) for row in measures], np.int64)
    kinds, row_kind, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    coarse = _coarse(kinds.T, counts, k).T[row_kind.ravel()]
    return [
        replace(row, numbers=values[:-1], length_s=values[-1], transcript=None, coarsened_to=k)
        for row, values in zip(measures, map(_values, coarse.tolist()), strict=True)
    ]


def _coarse(columns: Int64, counts: Int64, k: int) -> Int64:
    """Places of each measure in each kind of row, shape (measures, kinds), coarse enough for k."""
    levels = [0] * len(columns)
    now: Int64 = columns.copy()
    lacking = _lacking(now, counts, k)
    while lacking:
        best = None
        for index, column in enumerate(columns):
            if (now[index] == _NONE).all():
                continue
            level, coarser = _step(column, now[index], levels[index], _GRIDS[index])
            tried = now.copy()
            tried[index] = coarser
            left = _lacking(tried, counts, k)
            bits = _bits(now[index], counts) - _bits(coarser, counts)
            found = (lacking - left) / max(bits, _LEAST_BITS)
            # Where no step finds a row, the cheapest is taken.
            if best is None or (found, -bits) > best[0]:
                best = (found, -bits), index, level, tried, left
        if best is None:
            raise AssertionError("rows without any measure are all alike")
        _, index, levels[index], now, lacking = best
    return now


def _step(column: Int64, now: Int64, level: int, grid: Grid) -> tuple[int, Int64]:
    """The next level at which a measure has fewer values, and its places there."""
    while (1 << level) < grid.places:
        level += 1
        width = 1 << level
        middle = np.minimum((column // width) * width + width // 2, grid.places - 1)
        coarser = np.where(column == _NONE, _NONE, middle)
        if len(np.unique(coarser)) < len(np.unique(now)):
            return level, coarser
    return level, np.full_like(now, _NONE)


def _lacking(columns: Int64, counts: Int64, k: int) -> int:
    """How many rows the combinations lack that have fewer than k."""
    key = np.zeros(columns.shape[1], np.int64)
    for column in columns:
        # Numbered anew at each column: one number for all of them might not fit 64 bits.
        key = np.unique(key * (int(column.max()) + 2) + column + 1, return_inverse=True)[1]
    sizes = np.bincount(key.ravel(), counts)
    return int(np.maximum(0, k - sizes).sum())


def _bits(column: Int64, counts: Int64) -> float:
    """What a measure tells about a row, in bits: the entropy of its values."""
    _, inverse = np.unique(column, return_inverse=True)
    shares = np.bincount(inverse.ravel(), counts) / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def _places(row: Measures) -> list[int]:
    values = (*row.numbers, row.length_s)
    return [
        _NONE if value is None else grid.place(value)
        for value, grid in zip(values, _GRIDS, strict=True)
    ]


def _values(places: list[int]) -> tuple[float | None, ...]:
    return tuple(
        None if place == _NONE else grid.value(place)
        for place, grid in zip(places, _GRIDS, strict=True)
    )
