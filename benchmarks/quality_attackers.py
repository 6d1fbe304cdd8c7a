"""Scoring back-ends that an attacker trains on anonymised speech: LDA with cosine, and PLDA.

Each learns from vectors with speaker labels and scores pooled enrolments against pooled trials.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Pooled:
    """Averages of prepared vectors, (n, d), and how many utterances went into each, (n,)."""

    vectors: np.ndarray
    counts: np.ndarray

    def columns(self, chosen: slice) -> Pooled:
        return Pooled(self.vectors[:, chosen], self.counts)


class Attacker(Protocol):
    def prepare(self, vectors: np.ndarray) -> np.ndarray:
        """Map vectors, (n, d), to where they may be averaged over utterances."""

    def scores(self, enrol: Pooled, trial: Pooled) -> np.ndarray:
        """Return (trials, enrolments); what is pooled has been prepared."""


def unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))


def _cosine(enrol: Pooled, trial: Pooled) -> np.ndarray:
    return np.asarray(unit(trial.vectors) @ unit(enrol.vectors).T)


class Cosine:
    """The pretrained embedding as it is."""

    def prepare(self, vectors: np.ndarray) -> np.ndarray:
        return unit(vectors)

    def scores(self, enrol: Pooled, trial: Pooled) -> np.ndarray:
        return _cosine(enrol, trial)


class Scatter:
    """Directions in which speakers differ more than one speaker's utterances do.

    Solves the generalised eigenproblem of the between and within covariances (Fisher 1936) after
    shrinking the within one towards its diagonal, which a few hundred utterances need.
    `directions` makes the within covariance the identity; `between` is the variance left over.
    """

    def __init__(self, vectors: np.ndarray, speakers: np.ndarray, shrinkage: float) -> None:
        names, index = np.unique(speakers, return_inverse=True)
        counts = np.bincount(index)
        if len(names) < 3 or counts.max() < 2:
            raise ValueError("an attacker needs three speakers, one of them with two utterances")
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

    def project(self, vectors: np.ndarray, centre: np.ndarray | None) -> np.ndarray:
        middle = self.mean if centre is None else centre
        return np.asarray((vectors - middle) / self.scale @ self.directions)


class LdaCosine:
    """LDA, length normalisation, cosine. `centre` replaces the training mean (adaptation)."""

    def __init__(self, scatter: Scatter, dimensions: int, centre: np.ndarray | None = None) -> None:
        self._scatter, self._dimensions, self._centre = scatter, dimensions, centre

    def prepare(self, vectors: np.ndarray) -> np.ndarray:
        return unit(self._scatter.project(vectors, self._centre)[:, : self._dimensions])

    def scores(self, enrol: Pooled, trial: Pooled) -> np.ndarray:
        return _cosine(enrol, trial)


class TwoCovariance:
    """PLDA with full-rank between and within covariances (Brummer and de Villiers 2010).

    With the within covariance made the identity and the between one diagonal, the log-likelihood
    ratio is a sum over dimensions. A mean of n utterances has within variance 1/n.
    """

    def __init__(self, scatter: Scatter, centre: np.ndarray | None = None) -> None:
        self._scatter, self._centre = scatter, centre
        self._kept = scatter.between > 1e-6
        if not self._kept.any():
            self._kept[:1] = True
        self._between = np.maximum(scatter.between[self._kept], 1e-6)

    def prepare(self, vectors: np.ndarray) -> np.ndarray:
        return self._scatter.project(vectors, self._centre)[:, self._kept]

    def scores(self, enrol: Pooled, trial: Pooled) -> np.ndarray:
        b = self._between
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


class Sum:
    """Log-likelihood ratios of two attackers added, as if what they see were independent."""

    def __init__(self, first: Attacker, second: Attacker, width: int, weight: float) -> None:
        self._attackers, self._width, self._weight = (first, second), width, weight
        self._cut = 0

    def prepare(self, vectors: np.ndarray) -> np.ndarray:
        first = self._attackers[0].prepare(vectors[:, : self._width])
        self._cut = first.shape[1]
        return np.hstack([first, self._attackers[1].prepare(vectors[:, self._width :])])

    def scores(self, enrol: Pooled, trial: Pooled) -> np.ndarray:
        left, right = slice(self._cut), slice(self._cut, None)
        first = self._attackers[0].scores(enrol.columns(left), trial.columns(left))
        second = self._attackers[1].scores(enrol.columns(right), trial.columns(right))
        return np.asarray(first + self._weight * second)


def trained_attackers(
    vectors: np.ndarray, speakers: np.ndarray, seen: np.ndarray
) -> dict[str, Attacker]:
    """Return back-ends trained on `vectors`; `seen`, unlabelled test vectors, serve to re-centre.

    An attacker who holds the recordings under attack can centre on them, so both are tried.
    """
    attackers: dict[str, Attacker] = {}
    for shrinkage in (0.1, 0.5):
        scatter = Scatter(vectors, speakers, shrinkage)
        for place, centre in (("", None), ("+centred", seen.mean(0))):
            name = f"shrink{shrinkage:g}{place}"
            for dimensions in (20, 60, 150):
                if dimensions < vectors.shape[1]:
                    attackers[f"lda{dimensions}-{name}"] = LdaCosine(scatter, dimensions, centre)
            attackers[f"plda-{name}"] = TwoCovariance(scatter, centre)
    return attackers
