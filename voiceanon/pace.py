"""A bounded random change of pace: the description is read a little early or late, in order."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from voiceanon.keys import Draws

__all__ = ["PaceWarp"]

Float32 = npt.NDArray[np.float32]

# Rows from one knot of the time path to the next: half a second.
_KNOT_ROWS = 100


class PaceWarp:
    """Reads description rows along a random path that starts and ends with the recording.

    Displacement is linear between knots that are drawn uniformly, so that pace changes by less
    than `amount`; the last rows run straight to the end, wherever it is. Rows are repeated or left
    out whole, so what comes out lies on the description's grid.

    Parameters
    ----------
    amount : float
        Largest local change of pace as a fraction, above 0 to 0.2.
    secret : bytes
        Source of the draws.
    labels : str
        What the draws are for.
    """

    def __init__(self, amount: float, secret: bytes, *labels: str) -> None:
        self._amount = amount
        self._secret = secret
        self._labels = labels
        # Between two knots displacement changes by at most twice this.
        self._furthest = 0.5 * amount * _KNOT_ROWS
        self.latency_rows = math.ceil(self._furthest / amount) + math.ceil(self._furthest) + 1
        self.reset()

    def reset(self) -> None:
        """Make it new, with the same path."""
        self._draws = Draws(self._secret, *self._labels)
        self._knots = [0.0]
        self._kept = np.empty((0, 0), np.float32)
        self._first_kept = 0
        self._taken = self._given = 0

    def process(self, rows: Float32) -> Float32:
        """Return the rows that are certain after `rows`."""
        self._keep(rows)
        count = max(0, self._taken - self.latency_rows - self._given)
        at = np.arange(self._given, self._given + count)
        return self._read(at + self._displacement(at))

    def finish(self) -> Float32:
        """Return the rest: as many rows in all as came in."""
        start, end = self._given, self._taken - 1
        if end < start:
            return self._kept[:0]
        first = start + float(self._displacement(np.array([start]))[0])
        return self._read(np.linspace(first, end, end - start + 1))

    def _keep(self, rows: Float32) -> None:
        self._kept = np.concatenate([self._kept, rows]) if self._taken else rows
        self._taken += len(rows)

    def _displacement(self, at: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        while len(at) and len(self._knots) * _KNOT_ROWS <= at[-1] + _KNOT_ROWS:
            self._knots.append(self._draws.uniform(-self._furthest, self._furthest))
        places = np.arange(len(self._knots)) * _KNOT_ROWS
        moved: npt.NDArray[np.float64] = np.interp(at, places, self._knots)
        return moved

    def _read(self, positions: npt.NDArray[np.float64]) -> Float32:
        self._given += len(positions)
        nearest = np.clip(np.rint(positions).astype(np.intp), 0, self._taken - 1)
        found = self._kept[nearest - self._first_kept]
        # The path never goes back further than this behind the newest row handed out.
        stale = max(0, self._given - math.ceil(self._furthest) - 2 - self._first_kept)
        if stale > 4 * _KNOT_ROWS:
            self._kept = self._kept[stale:]
            self._first_kept += stale
        return found
