"""Frequency warps of a cepstrum: the template's mel-like axis, and longer or shorter tracts.

All are bilinear (all-pass) warps, linear in the cepstrum, so each is a matrix (Oppenheim & Johnson
1972; Pitz & Ney 2005). Cepstra here describe log power: log P(w) = c[0] + 2 sum_q c[q] cos(q w).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["MEL_ALPHA", "analysis_basis", "synthesis_basis", "tract_warp", "warp_of_scale"]

# Of all bilinear warps, the one nearest to the mel scale at 16 kHz (Tokuda et al. 1994).
MEL_ALPHA = 0.42
_POINTS = 512

Matrix = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def _axis() -> Float64:
    return (np.arange(_POINTS) + 0.5) * np.pi / _POINTS


def _warped(w: Float64, alpha: float) -> Float64:
    warped: Float64 = w + 2 * np.arctan2(alpha * np.sin(w), 1 - alpha * np.cos(w))
    return warped


def _between(read_at: Float64, columns: int, rows: int) -> Float64:
    """Matrix from `columns` cepstral values, read at `read_at`, to `rows` values on the axis."""
    q = np.arange(columns)
    spectrum = np.cos(np.outer(read_at, q)) * np.where(q > 0, 2.0, 1.0)
    matrix: Float64 = np.cos(np.outer(np.arange(rows), _axis())) @ spectrum / _POINTS
    return matrix


def analysis_basis(order: int, values: int) -> Matrix:
    """Return the matrix (values, order + 1) from a cepstrum to mel-warped values."""
    return _between(_warped(_axis(), -MEL_ALPHA), order + 1, values).astype(np.float32)


def synthesis_basis(order: int, values: int, scale: float = 1.0) -> Matrix:
    """Return the matrix (order + 1, values) from mel-warped values back to a cepstrum.

    Parameters
    ----------
    order : int
        Highest quefrency of the result.
    values : int
        Number of mel-warped values.
    scale : float
        Factor on all formant frequencies, 0.7 to 1.4: above 1 a shorter vocal tract.

    Returns
    -------
    ndarray of float32, shape (order + 1, values)
    """
    spoken = _plain_synthesis(order, values) @ tract_warp(values, scale)
    return np.ascontiguousarray(spoken, np.float32)


@cache
def _plain_synthesis(order: int, values: int) -> npt.NDArray[np.float64]:
    return _between(_warped(_axis(), MEL_ALPHA), values, order + 1)


def tract_warp(values: int, scale: float) -> Matrix:
    """Return the matrix (values, values) that multiplies the formants of mel-warped values."""
    mel = _axis()
    linear = _warped(mel, -MEL_ALPHA)
    read_at = _warped(_warped(linear, -warp_of_scale(scale)), MEL_ALPHA)
    return _between(read_at, values, values).astype(np.float32)


def warp_of_scale(scale: float) -> float:
    """Return the bilinear parameter that multiplies low frequencies by `scale`."""
    return (scale - 1.0) / (scale + 1.0)
