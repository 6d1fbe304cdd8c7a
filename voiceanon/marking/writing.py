"""The mark on its way into a voice: more values in every row, which the synthesis adds up."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from voiceanon.marking.pattern import CELL_ROWS, PERIOD_ROWS, band_shapes, signs

__all__ = ["MarkWriter", "mark_basis"]

Float32 = npt.NDArray[np.float32]


class MarkWriter:
    """One channel's mark, row after row.

    Parameters
    ----------
    key : bytes
        32 bytes that choose the pattern.
    strength_db : float
        How much louder or softer a cell is, in dB.
    start : int
        Row of the pattern that comes first, 0 to ``PERIOD_ROWS - 1``; it is drawn for each
        recording, so that where the pattern begins tells nothing of another one.
    """

    def __init__(self, key: bytes, strength_db: float, start: int) -> None:
        by_row = np.repeat(signs(key), CELL_ROWS, axis=0)
        self._gains = np.roll(strength_db * by_row, -start, axis=0).astype(np.float32)
        self._at = 0

    def reset(self) -> None:
        """Begin again."""
        self._at = 0

    def process(self, rows: Float32) -> Float32:
        """Return the next rows with the mark's values behind their own.

        Parameters
        ----------
        rows : ndarray of float32, shape (t, n)
            What a pseudo-voice made, one row every 5 ms.

        Returns
        -------
        ndarray of float32, shape (t, n + BANDS)
            For a synthesis whose basis has the columns of `mark_basis` last.
        """
        places = (self._at + np.arange(len(rows))) % PERIOD_ROWS
        self._at = (self._at + len(rows)) % PERIOD_ROWS
        marked: Float32 = np.concatenate([rows, self._gains[places]], axis=1)
        return marked


@cache
def mark_basis(order: int, band_hz: int) -> Float32:
    """Return the matrix from the gains of the bands, in dB, to the cepstrum of log power.

    Parameters
    ----------
    order : int
        Highest quefrency.
    band_hz : int
        Rate of the synthesis, in Hz.

    Returns
    -------
    ndarray of float32, shape (order + 1, BANDS)
    """
    points = 4 * (order + 1)
    angle = (np.arange(points) + 0.5) * np.pi / points
    log_power = band_shapes(angle * band_hz / (2.0 * np.pi)) * math.log(10.0) / 10.0
    cosine = np.cos(np.outer(np.arange(order + 1), angle)) / points
    # Without BLAS, whose threads would spin long after so small a product.
    basis = np.einsum("qp,pb->qb", cosine, log_power, optimize=False)
    return np.ascontiguousarray(basis, np.float32)
