"""Ridge regression, its strength chosen by how well it predicts speakers it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError

__all__ = ["Ridge", "fit_ridge", "speaker_folds"]

Real = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STRENGTHS = tuple(10.0**p for p in (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0))
_FOLDS = 5


@dataclass(frozen=True)
class Ridge:
    """A fitted affine map.

    Attributes
    ----------
    mean, scale : ndarray of float64, shape (d,)
        Taken off the input, and divided by.
    weights : ndarray of float64, shape (d, k)
        Of the standardised input.
    offset : ndarray of float64, shape (k,)
        Mean of what was predicted.
    strength : float
        The penalty on squared weights.
    held_out : ndarray of float64, shape (n, k)
        Predictions of the training vectors by maps that did not see their speakers.
    """

    mean: Real
    scale: Real
    weights: Real
    offset: Real
    strength: float
    held_out: Real

    def __call__(self, vectors: Real) -> Real:
        """Return predictions, (m, k), of vectors, (m, d)."""
        return np.asarray((vectors - self.mean) / self.scale @ self.weights + self.offset)


def speaker_folds(speakers: npt.NDArray[np.str_], folds: int = _FOLDS) -> Ints:
    """Return a fold, 0 to ``folds - 1``, for each recording; a speaker is in one fold only."""
    _, index = np.unique(speakers, return_inverse=True)
    return np.asarray(index.reshape(-1) % folds, dtype=np.int64)


def fit_ridge(inputs: Real, outputs: Real, speakers: npt.NDArray[np.str_]) -> Ridge:
    """Fit outputs as an affine function of inputs.

    Parameters
    ----------
    inputs : ndarray of float64, shape (n, d)
        For example vectors of anonymised speech; each column is standardised.
    outputs : ndarray of float64, shape (n, k)
        For example vectors of the originals.
    speakers : ndarray of str, shape (n,)
        Whose they are: strengths are compared on speakers held out.

    Returns
    -------
    Ridge

    Raises
    ------
    InputError
        If shapes disagree or there are fewer than two speakers.

    Notes
    -----
    Hoerl and Kennard (1970): (XᵀX + λI)⁻¹ XᵀY, by the singular values of X, for ten strengths λ at
    once; the least squared error over five folds of speakers counts.
    """
    if not len(inputs) == len(outputs) == len(speakers):
        raise InputError(
            f"inputs, outputs and speakers have {len(inputs)}, {len(outputs)} and {len(speakers)} "
            "rows: they must agree"
        )
    if len(np.unique(speakers)) < 2:
        raise InputError("a regression needs two speakers: its strength is judged on others")
    folds = speaker_folds(speakers)
    held_out = np.zeros((len(STRENGTHS), *outputs.shape))
    for fold in np.unique(folds):
        out = folds == fold
        mean, scale = _standard(inputs[~out])
        offset = outputs[~out].mean(0)
        maps = _maps((inputs[~out] - mean) / scale, outputs[~out] - offset, STRENGTHS)
        for row, weights in enumerate(maps):
            held_out[row, out] = (inputs[out] - mean) / scale @ weights + offset
    errors = ((held_out - outputs) ** 2).sum((1, 2))
    chosen = int(errors.argmin())
    mean, scale = _standard(inputs)
    offset = outputs.mean(0)
    weights = _maps((inputs - mean) / scale, outputs - offset, STRENGTHS[chosen : chosen + 1])[0]
    return Ridge(mean, scale, weights, offset, STRENGTHS[chosen], held_out[chosen])


def _standard(inputs: Real) -> tuple[Real, Real]:
    spread = inputs.std(0)
    # A column that never moves says nothing, and must not be blown up.
    return inputs.mean(0), np.where(spread > 1e-9, spread, 1.0)


def _maps(inputs: Real, outputs: Real, strengths: tuple[float, ...]) -> list[Real]:
    left, values, right = np.linalg.svd(inputs, full_matrices=False)
    inner = left.T @ outputs
    return [right.T @ ((values / (values**2 + s))[:, None] * inner) for s in strengths]
