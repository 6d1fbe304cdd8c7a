"""Scoring back-ends that an attacker trains on anonymised speech: LDA with cosine, and PLDA.

Each learns from vectors with speaker labels and scores pooled enrolments against pooled trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError

__all__ = [
    "Backend",
    "Cosine",
    "LdaCosine",
    "Pooled",
    "PooledVerifier",
    "Scatter",
    "TwoCovariance",
    "trained_backends",
    "unit",
]

Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """Averages of prepared vectors, (n, d), and how many utterances went into each, (n,)."""

    vectors: Real
    counts: Real


class Backend(Protocol):
    """Maps vectors to where they may be averaged, and scores averages against each other."""

    def prepare(self, vectors: Real) -> Real:
        """Map vectors, (n, d), to where they may be averaged over utterances."""

    def scores(self, enrol: Pooled, trial: Pooled) -> Real:
        """Return (trials, enrolments); what is pooled has been prepared."""


@dataclass(frozen=True)
class PooledVerifier:
    """A verifier of pooled groups: averages prepared vectors of each group, then scores them.

    Parameters
    ----------
    backend : Backend
        What scores.
    enrol, trial : ndarray of float64, shape (n, d)
        Prepared vectors of all recordings as they are on each side.
    """

    backend: Backend
    enrol: Real
    trial: Real

    def scores(self, enrol: Real, trial: Real) -> Real:
        """Return (h, g) scores of trial groups (h, n) against enrolment groups (g, n)."""
        return self.backend.scores(_pooled(enrol, self.enrol), _pooled(trial, self.trial))


def _pooled(rows: Real, vectors: Real) -> Pooled:
    counts = rows.sum(1)
    return Pooled(rows @ vectors / counts[:, None], counts)


def unit(vectors: Real) -> Real:
    """Return vectors of length 1 along the last axis; zero stays zero."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))


def _cosine(enrol: Pooled, trial: Pooled) -> Real:
    return np.asarray(unit(trial.vectors) @ unit(enrol.vectors).T)


@dataclass(frozen=True)
class Cosine:
    """The vectors as they are, compared by angle; `centre` (d,) is taken off before."""

    centre: Real | None = None

    def prepare(self, vectors: Real) -> Real:
        """Return the vectors centred and of length 1."""
        return unit(vectors if self.centre is None else vectors - self.centre)

    def scores(self, enrol: Pooled, trial: Pooled) -> Real:
        """Return cosines of the averages, (trials, enrolments)."""
        return _cosine(enrol, trial)


class Scatter:
    """Directions in which speakers differ more than one speaker's utterances do.

    Solves the generalised eigenproblem of the between and within covariances (Fisher 1936) after
    shrinking the within one towards its diagonal, which a few hundred utterances need.
    `directions` makes the within covariance the identity; `between` is the variance left over.

    Parameters
    ----------
    vectors : ndarray of float64, shape (n, d)
        Training vectors.
    speakers : ndarray, shape (n,)
        Whose each is.
    shrinkage : float
        0 to 1: share of the diagonal in the within covariance.

    Raises
    ------
    InputError
        If there are fewer than three speakers, or none has two recordings.
    """

    def __init__(self, vectors: Real, speakers: npt.NDArray[np.str_], shrinkage: float) -> None:
        names, index = np.unique(speakers, return_inverse=True)
        counts = np.bincount(index)
        if len(names) < 3 or counts.max() < 2:
            raise InputError(
                f"{len(names)} training speakers with at most {counts.max(initial=0)} recordings: "
                "a trained attacker needs three speakers, one of them with two recordings"
            )
        self.mean = vectors.mean(0)
        self.scale = vectors.std(0) + 1e-9
        plain = (vectors - self.mean) / self.scale
        centres = np.zeros((len(names), plain.shape[1]))
        np.add.at(centres, index, plain)
        centres /= counts[:, None]
        apart = plain - centres[index]
        within = apart.T @ apart / (len(plain) - len(names))
        within = (1 - shrinkage) * within + shrinkage * np.diag(np.diag(within) + 1e-9)
        # The spread of the centres holds a share of within variance, taken off below.
        spread = centres - centres.mean(0)
        between = spread.T @ spread / (len(names) - 1)
        values, vectors_w = np.linalg.eigh(within)
        whiten = vectors_w / np.sqrt(np.maximum(values, 1e-9))
        values, rotate = np.linalg.eigh(whiten.T @ between @ whiten)
        order = np.argsort(values)[::-1]
        self.directions = (whiten @ rotate)[:, order]
        self.between = np.maximum(values[order] - float(np.mean(1 / counts)), 0.0)

    def project(self, vectors: Real, centre: Real | None) -> Real:
        """Return the vectors along all directions, centred on `centre` or the training mean."""
        middle = self.mean if centre is None else centre
        return np.asarray((vectors - middle) / self.scale @ self.directions)


@dataclass(frozen=True)
class LdaCosine:
    """LDA, length normalisation, cosine. `centre` replaces the training mean (adaptation)."""

    scatter: Scatter
    dimensions: int
    centre: Real | None = None

    def prepare(self, vectors: Real) -> Real:
        """Return (n, dimensions) of length 1."""
        return unit(self.scatter.project(vectors, self.centre)[:, : self.dimensions])

    def scores(self, enrol: Pooled, trial: Pooled) -> Real:
        """Return cosines of the averages, (trials, enrolments)."""
        return _cosine(enrol, trial)


class TwoCovariance:
    """PLDA with full-rank between and within covariances (Brümmer and de Villiers 2010).

    With the within covariance made the identity and the between one diagonal, the log-likelihood
    ratio is a sum over dimensions. A mean of n utterances has within variance 1/n.
    """

    def __init__(self, scatter: Scatter, centre: Real | None = None) -> None:
        self._scatter, self._centre = scatter, centre
        self._kept = scatter.between > 1e-6
        if not self._kept.any():
            self._kept[:1] = True
        self.between = np.maximum(scatter.between[self._kept], 1e-6)

    def prepare(self, vectors: Real) -> Real:
        """Return the vectors along the directions that hold speakers."""
        return self._scatter.project(vectors, self._centre)[:, self._kept]

    def scores(self, enrol: Pooled, trial: Pooled) -> Real:
        """Return natural-log likelihood ratios, (trials, enrolments)."""
        b = self.between
        result = np.empty((len(trial.counts), len(enrol.counts)))
        for enrolled in np.unique(enrol.counts):
            columns = enrol.counts == enrolled
            for tried in np.unique(trial.counts):
                rows = trial.counts == tried
                # Per dimension (x, y) is normal with variances p, q, and covariance b if one
                # speaker, none if two: the ratio is a quadratic form in x and y.
                p, q = b + 1.0 / enrolled, b + 1.0 / tried
                determinant = p * q - b * b
                x, y = enrol.vectors[columns], trial.vectors[rows]
                own_x = (x * x) @ (1 / p - q / determinant)
                own_y = (y * y) @ (1 / q - p / determinant)
                both = (y * (2 * b / determinant)) @ x.T
                constant = np.log(p * q / determinant).sum()
                ratio = 0.5 * (own_x + own_y[:, None] + both + constant)
                result[np.ix_(rows, columns)] = ratio
        return result


def trained_backends(
    vectors: Real,
    speakers: npt.NDArray[np.str_],
    seen: Real,
    *,
    shrinkages: Sequence[float] = (0.1, 0.5),
) -> dict[str, Backend]:
    """Return back-ends trained on `vectors`, by name.

    Parameters
    ----------
    vectors : ndarray of float64, shape (n, d)
        Vectors of anonymised training speech.
    speakers : ndarray of str, shape (n,)
        Whose they are.
    seen : ndarray of float64, shape (m, d)
        Vectors of the recordings under attack, without labels. An attacker who holds them can
        centre on them, so both are tried.
    shrinkages : sequence of float
        Shares of the diagonal in the within covariance.

    Returns
    -------
    dict of str to Backend
    """
    backends: dict[str, Backend] = {}
    for shrinkage in shrinkages:
        scatter = Scatter(vectors, speakers, shrinkage)
        for place, centre in (("", None), ("+centred", seen.mean(0))):
            name = f"shrink{shrinkage:g}{place}"
            for dimensions in (20, 60, 150):
                if dimensions < vectors.shape[1]:
                    backends[f"lda{dimensions}-{name}"] = LdaCosine(scatter, dimensions, centre)
            backends[f"plda-{name}"] = TwoCovariance(scatter, centre)
    return backends
