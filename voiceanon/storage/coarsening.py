"""Makes measures of many recordings so coarse that every one looks like k − 1 others.

Global recoding: all rows are coarsened alike, a measure at a time, on a ladder of steps of its grid
that double, until it is left out; a few rows that are like no others may be left out instead
(Samarati and Sweeney, "Protecting privacy when disclosing information", 1998; LeFevre, DeWitt and
Ramakrishnan, "Incognito: efficient full-domain k-anonymity", SIGMOD 2005). The search is greedy,
not Incognito's over the whole lattice: the step taken is the one by which most rows are found for
each bit that the measures lose.
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


def coarsen(measures: Sequence[Measures], k: int, *, most_emptied: float = 0.05) -> list[Measures]:
    """Return the measures so coarse that every combination of values is shared by `k` or more.

    Parameters
    ----------
    measures : sequence of Measures
        All that are given away together, one a recording. Of several recordings of one person,
        give one: k counts rows, not people.
    k : int
        1 or more; 1 changes nothing.
    most_emptied : float
        Share of the rows, 0 to 1, that may lose all of their measures so that the others need not
        be coarsened for their sake. They are a combination of `k` or more, or there are none.

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
        If there are rows but fewer than `k`, or `k` or `most_emptied` is not as described.

    Notes
    -----
    Whoever knows a value of everybody in a combination still learns it: k-anonymity hides which
    row is whose, not what all of them share.

    Examples
    --------
    >>> pauses_s = [0.4, 0.5, 2.1, 2.2]
    >>> rows = [Measures.of({"mean_pause_s": pause_s}) for pause_s in pauses_s]
    >>> [made.values["mean_pause_s"] for made in coarsen(rows, 2)]
    [0.6, 0.6, 2.2, 2.2]
    """
    if k < 1:
        raise InputError(f"k is {k}: it must be 1 or more")
    if not 0.0 <= most_emptied <= 1.0:
        raise InputError(f"most_emptied is {most_emptied}: it must be 0 to 1")
    if k == 1 or not measures:
        return list(measures)
    if len(measures) < k:
        raise InputError(f"there are {len(measures)} rows: fewer than {k} cannot hide each other")
    rows = np.array([_places(row) for row in measures], np.int64)
    kinds, row_kind, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    coarse = _coarse(kinds.T, counts, k, most_emptied * len(rows)).T[row_kind.ravel()]
    return [
        replace(row, numbers=values[:-1], length_s=values[-1], transcript=None, coarsened_to=k)
        for row, values in zip(measures, map(_values, coarse.tolist()), strict=True)
    ]


def _coarse(columns: Int64, counts: Int64, k: int, most_emptied: float) -> Int64:
    """Places of each measure in each kind of row, shape (measures, kinds), coarse enough for k."""
    levels = [0] * len(columns)
    now: Int64 = columns.copy()
    while (lacking := _lacking(now, counts, k)) > 0:
        emptied = _emptied(now, counts, k, most_emptied)
        if emptied is not None:
            return emptied
        best = None
        for index, column in enumerate(columns):
            if (now[index] == now[index][0]).all():
                continue  # it tells no row apart
            level, coarser = _step(column, now[index], levels[index], _GRIDS[index])
            tried = now.copy()
            tried[index] = coarser
            left = _lacking(tried, counts, k)
            bits = _bits(now[index], counts) - _bits(coarser, counts)
            found = (lacking - left) / max(bits, _LEAST_BITS)
            # Where no step finds a row, the cheapest is taken.
            if best is None or (found, -bits) > best[0]:
                best = (found, -bits), index, level, tried
        if best is None:
            raise AssertionError("rows whose measures are all alike are alike")
        _, index, levels[index], now = best
    return now


def _emptied(now: Int64, counts: Int64, k: int, most: float) -> Int64 | None:
    """The places with all rows emptied that have too few others, if they are few and yet k."""
    sizes = _sizes(now, counts)
    is_empty = (now == _NONE).all(axis=0)
    is_alone = (sizes < k) & ~is_empty
    if counts[is_alone].sum() > most or counts[is_alone | is_empty].sum() < k:
        return None
    return np.where(is_alone, _NONE, now)


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
    """How many rows have a combination that fewer than k have."""
    return int(counts[_sizes(columns, counts) < k].sum())


def _sizes(columns: Int64, counts: Int64) -> Int64:
    """How many rows have the combination of each kind of row."""
    key = np.zeros(columns.shape[1], np.int64)
    for column in columns:
        # Numbered anew at each column: one number for all of them might not fit 64 bits.
        key = np.unique(key * (int(column.max()) + 2) + column + 1, return_inverse=True)[1]
    found = key.ravel()
    sizes: Int64 = np.bincount(found, counts).astype(np.int64)[found]
    return sizes


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
