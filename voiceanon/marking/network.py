"""The small network that hears the mark: from levels of bands to how much louder each was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voiceanon.marking.pattern import BANDS

__all__ = ["ACROSS", "DILATIONS", "REACH", "MarkNetwork", "inputs_of", "mark_network"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Of each layer: rows and bands that it sees either way, and how far apart the rows lie.
REACH = (4, 2, 2)
ACROSS = (2, 1, 1)
DILATIONS = (1, 2, 4)
_LEVEL_DB = 6.0
_ROWS_AT_ONCE = 1000
_PATH = Path(__file__).parents[1] / "models" / "mark.npz"


@dataclass(frozen=True)
class MarkNetwork:
    """Three layers of convolutions over rows and bands, each with a bias of every band's own.

    The second and the third add to what they are given (He et al. 2016); the sum of what the last
    gives, weighed for each band, is the evidence.

    Attributes
    ----------
    taps : tuple of ndarray of float32, shape (n, channels, channels before)
        Of each layer, by row and then by band.
    biases : tuple of ndarray of float32, shape (channels, BANDS)
    weights : ndarray of float32, shape (channels, BANDS)
    """

    taps: tuple[Float32, ...]
    biases: tuple[Float32, ...]
    weights: Float32

    @classmethod
    def of(cls, tables: Mapping[str, npt.NDArray[np.floating]]) -> MarkNetwork:
        """Return the network of tables that are named as in ``models/mark.npz``."""
        layers = range(len(DILATIONS))
        return cls(
            taps=tuple(tables[f"taps_{k}"].astype(np.float32) for k in layers),
            biases=tuple(tables[f"biases_{k}"].astype(np.float32) for k in layers),
            weights=tables["weights"].astype(np.float32),
        )

    def __call__(self, level: Float64, weight: Float64) -> Float64:
        """Return the evidence in every row and band, without a limit.

        Parameters
        ----------
        level, weight : ndarray of float64, shape (t, BANDS)
            As `voiceanon.marking.hearing.levels_db` returns them.
        """
        beyond = sum(reach * apart for reach, apart in zip(REACH, DILATIONS, strict=True))
        seen = inputs_of(level, weight)
        heard = np.empty(level.shape)
        for first in range(0, len(level), _ROWS_AT_ONCE):
            last = min(first + _ROWS_AT_ONCE, len(level))
            low, high = max(0, first - beyond), min(len(level), last + beyond)
            heard[first:last] = self._heard(seen[:, low:high])[first - low : last - low]
        return heard

    def _heard(self, values: Float32) -> Float32:
        layers = zip(self.taps, self.biases, REACH, ACROSS, DILATIONS, strict=True)
        for k, (taps, bias, reach, across, apart) in enumerate(layers):
            columns = _surroundings(values, reach, across, apart)
            made = np.moveaxis(taps, 0, 1).reshape(len(bias), -1) @ columns
            made = made.reshape(len(bias), values.shape[1], BANDS) + bias[:, None]
            np.maximum(made, 0.0, out=made)
            values = made + values if k else made
        return np.asarray(np.einsum("ctb,cb->tb", values, self.weights), np.float32)


def inputs_of(level: npt.NDArray[np.floating], weight: npt.NDArray[np.floating]) -> Float32:
    """Return what the network is given, (2, t, BANDS): both within a few ones."""
    return np.stack([level / _LEVEL_DB, 2.0 * weight - 1.0]).astype(np.float32)


def _surroundings(values: Float32, reach: int, across: int, apart: int) -> Float32:
    """Return what each place sees, (n * channels, t * BANDS); beyond the edges it sees 0."""
    rows = reach * apart
    padded = np.pad(values, ((0, 0), (rows, rows), (across, across)))
    count = values.shape[1]
    parts = [
        padded[:, row : row + count, band : band + BANDS]
        for row in range(0, 2 * rows + 1, apart)
        for band in range(2 * across + 1)
    ]
    return np.stack(parts).reshape(len(parts) * len(values), -1)


@cache
def mark_network() -> MarkNetwork:
    """Return the network of ``models/mark.npz``."""
    with np.load(_PATH, allow_pickle=False) as archive:
        return MarkNetwork.of(archive)
