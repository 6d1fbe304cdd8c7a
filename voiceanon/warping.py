"""Frequency warps of a cepstrum: the template's mel-like axis, and longer or shorter tracts.

All are bilinear (all-pass) warps, linear in the cepstrum, so each is a matrix (Oppenheim & Johnson
1972; Pitz & Ney 2005). Cepstra here describe log power: log P(w) = c[0] + 2 sum_q c[q] cos(q w).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "MEL_ALPHA",
    "analysis_basis",
    "log_power_basis",
    "synthesis_basis",
    "tract_warp",
    "warp_of_scale",
    "wide_synthesis",
]

# Of all bilinear warps, the one nearest to the mel scale at 16 kHz (Tokuda et al. 1994).
MEL_ALPHA = 0.42
_POINTS = 512

_NARROW_HZ = 16_000
_EDGE_HZ = 7_600.0  # just under the narrow band's anti-aliasing
_SLOPE_DB_PER_OCTAVE = -12.0

Matrix = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def _axis() -> Float64:
    return (np.arange(_POINTS) + 0.5) * np.pi / _POINTS


def _warped(w: Float64, alpha: float) -> Float64:
    warped: Float64 = w + 2 * np.arctan2(alpha * np.sin(w), 1 - alpha * np.cos(w))
    return warped


def _log_power(read_at: Float64, values: int) -> Float64:
    """Matrix from cepstral values to log power at angles."""
    q = np.arange(values)
    matrix: Float64 = np.cos(np.outer(read_at, q)) * np.where(q > 0, 2.0, 1.0)
    return matrix


def _between(read_at: Float64, columns: int, rows: int) -> Float64:
    """Matrix from `columns` cepstral values, read at `read_at`, to `rows` values on the axis."""
    spectrum = _log_power(read_at, columns)
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
    spoken = _product(_plain_synthesis(order, values), tract_warp(values, scale))
    return np.ascontiguousarray(spoken, np.float32)


def log_power_basis(values: int, bins: int) -> Matrix:
    """Return the matrix (bins, values) from mel-warped values to log power, from 0 Hz to half."""
    read_at = _warped(np.linspace(0.0, np.pi, bins), MEL_ALPHA)
    return _log_power(read_at, values).astype(np.float32)


@cache
def _plain_synthesis(order: int, values: int) -> npt.NDArray[np.float64]:
    return _between(_warped(_axis(), MEL_ALPHA), values, order + 1)


def wide_synthesis(
    order: int, values: int, band_hz: int, scale: float = 1.0
) -> tuple[Matrix, Vector]:
    """Return matrix and bias from mel-warped values of a 16 kHz band to a cepstrum at `band_hz`.

    Above the narrow band nothing is known: its edge goes on with a fixed slope, so that a full-band
    voice needs no more of the recording than a narrow one.

    Parameters
    ----------
    order : int
        Highest quefrency of the result.
    values : int
        Number of mel-warped values.
    band_hz : int
        Rate of the synthesis, in Hz, above 16000.
    scale : float
        Factor on all formant frequencies, 0.7 to 1.4.

    Returns
    -------
    matrix : ndarray of float32, shape (order + 1, values)
    bias : ndarray of float32, shape (order + 1,)
        Slope and change of density, to be added after the product.
    """
    plain, bias = _plain_wide(order, values, band_hz)
    spoken = _product(plain, tract_warp(values, scale))
    return np.ascontiguousarray(spoken, np.float32), bias


@cache
def _plain_wide(order: int, values: int, band_hz: int) -> tuple[npt.NDArray[np.float64], Vector]:
    points = 2 * (order + 1)
    w = (np.arange(points) + 0.5) * np.pi / points
    hz = w / np.pi * 0.5 * band_hz
    inside = np.minimum(hz, _EDGE_HZ) * 2 * np.pi / _NARROW_HZ
    log_power = _log_power(_warped(inside, MEL_ALPHA), values)
    slope = np.log2(np.maximum(hz, _EDGE_HZ) / _EDGE_HZ) * _SLOPE_DB_PER_OCTAVE * np.log(10) / 10
    # The same power spread over a wider band: density per sample rises by the ratio of rates.
    shift = np.log(band_hz / _NARROW_HZ) + slope
    cosine = np.cos(np.outer(np.arange(order + 1), w)) / points
    matrix = _product(cosine, log_power)
    bias = _product(cosine, shift[:, None])[:, 0]
    return matrix, bias.astype(np.float32)


def tract_warp(values: int, scale: float) -> Matrix:
    """Return the matrix (values, values) that multiplies the formants of mel-warped values."""
    mel = _axis()
    linear = _warped(mel, -MEL_ALPHA)
    read_at = _warped(_warped(linear, -warp_of_scale(scale)), MEL_ALPHA)
    return _between(read_at, values, values).astype(np.float32)


def _product(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return a @ b without BLAS, whose threads would spin long after so small a product."""
    product: npt.NDArray[np.float64] = np.einsum("ij,jk->ik", a, b, optimize=False)
    return product


def warp_of_scale(scale: float) -> float:
    """Return the bilinear parameter that multiplies low frequencies by `scale`."""
    return (scale - 1.0) / (scale + 1.0)
