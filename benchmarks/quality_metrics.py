"""Figures of merit of a verification attack, computed from weighted scores, with no model at all.

Weights make the bootstrap cheap: a resample of speakers is one weight per score, and the scores
are sorted once. Formulas follow Brummer and du Preez (2006) for the convex-hull EER and C_llr, and
Gomez-Barrero et al. (2017) for D_sys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np


@dataclass(frozen=True)
class Trials:
    """Scores of one attack: each against which enrolment and by which trial speaker.

    `enrol` and `trial` index speakers; a trial is a target where they are equal.
    """

    scores: np.ndarray
    enrol: np.ndarray
    trial: np.ndarray

    @property
    def targets(self) -> np.ndarray:
        return np.asarray(self.enrol == self.trial)


def eer(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the equal error rate in 0..1; ties are errors of both kinds in equal parts.

    The threshold where false accepts equal false rejects is found on the ROC's straight
    segments, so that neither few scores nor equal scores make the figure jump.
    """
    return _Sorted(scores, targets).eer(weights)


class _Sorted:
    """Scores sorted once, evaluated under many weights."""

    def __init__(self, scores: np.ndarray, targets: np.ndarray) -> None:
        scores = np.asarray(scores, float)
        if not np.isfinite(scores).all():
            raise ValueError("scores must be finite")
        if targets.all() or not targets.any():
            raise ValueError("scores of both kinds, target and non-target, are needed")
        self._order = np.argsort(scores, kind="stable")
        ordered = scores[self._order]
        self._targets = np.asarray(targets)[self._order]
        # Thresholds stand between different scores only.
        self._last_of_tie = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)

    def roc(self, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the false reject and false accept rates at rising thresholds."""
        w = np.ones(len(self._order)) if weights is None else weights[self._order]
        rejected = np.cumsum(np.where(self._targets, w, 0.0))
        passed = np.cumsum(np.where(self._targets, 0.0, w))
        if rejected[-1] <= 0 or passed[-1] <= 0:
            raise ValueError("all weight is on one kind of trial")
        frr = np.append(0.0, rejected[self._last_of_tie] / rejected[-1])
        far = np.append(1.0, 1.0 - passed[self._last_of_tie] / passed[-1])
        return frr, far

    def eer(self, weights: np.ndarray | None = None) -> float:
        frr, far = self.roc(weights)
        gap = frr - far  # rises from -1 to 1
        after = int(np.searchsorted(gap, 0.0))
        before = after - 1
        step = gap[after] - gap[before]
        part = -gap[before] / step if step > 0 else 0.0
        return float(frr[before] + part * (frr[after] - frr[before]))


def eer_with_interval(
    trials: Trials, resamples: int = 200, seed: int = 0
) -> tuple[float, float, float]:
    """Return the EER and its 95 % interval by bootstrap over speakers (not over trials)."""
    ordered = _Sorted(trials.scores, trials.targets)
    speakers = int(max(trials.enrol.max(), trials.trial.max())) + 1
    generator = np.random.default_rng(seed)
    draws: list[float] = []
    while len(draws) < resamples:
        times = np.bincount(generator.integers(speakers, size=speakers), minlength=speakers)
        # A target pair of a speaker drawn k times counts k times; a pair of different speakers i, j
        # stands for k_i * k_j pairs.
        weights = np.where(
            trials.targets, times[trials.enrol], times[trials.enrol] * times[trials.trial]
        ).astype(float)
        if (times > 0).sum() > 1:
            draws.append(ordered.eer(weights))
    low, high = np.percentile(draws, [2.5, 97.5])
    return ordered.eer(), float(low), float(high)


def linkability(matrix: np.ndarray, right: np.ndarray, among: int) -> float:
    """Return the probability that the right speaker beats `among` - 1 random others.

    Parameters
    ----------
    matrix
        Scores, (trials, enrolments).
    right
        For each trial the column of its own speaker, (trials,).
    among
        Size of the group searched, 2..enrolments; chance is 1 / `among`.
    """
    enrolments = matrix.shape[1]
    if not 2 <= among <= enrolments:
        raise ValueError(f"among must be 2..{enrolments}, got {among}")
    own = np.take_along_axis(matrix, right[:, None], 1)
    below = (matrix < own).sum(1)
    level = (matrix == own).sum(1) - 1
    # All `among` - 1 rivals, drawn without return, are among those below; a tie counts half.
    chances = [
        (comb(int(k), among - 1) + comb(int(k + e), among - 1)) / 2
        for k, e in zip(below, level, strict=True)
    ]
    return float(np.mean(chances) / comb(enrolments - 1, among - 1))


def minimum_cllr(scores: np.ndarray, targets: np.ndarray) -> float:
    """Return C_llr in bits after pool-adjacent-violators calibration; 1 is chance, 0 certainty."""
    order = np.lexsort((~np.asarray(targets), scores))
    labels = np.asarray(targets, float)[order]
    blocks: list[list[float]] = []  # sum of labels, count
    for value in labels:
        blocks.append([value, 1.0])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    hits = np.array([block[0] for block in blocks])
    counts = np.array([block[1] for block in blocks])
    prior = labels.mean() / (1 - labels.mean())
    posterior = hits / counts
    with np.errstate(divide="ignore"):
        ratio = posterior / (1 - np.minimum(posterior, 1 - 1e-15)) / prior
        missed = hits * np.log1p(1 / np.maximum(ratio, 1e-300))
        accepted = (counts - hits) * np.log1p(ratio)
    bits = missed.sum() / labels.sum() + accepted.sum() / (1 - labels).sum()
    return float(bits / (2 * np.log(2)))


def mean_with_interval(
    groups: list[list[float]],
    ratio_of: Callable[[np.ndarray], float],
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return `ratio_of` over all rows and its 95 % interval, resampling groups (speakers).

    `groups` holds one row of numbers per utterance, `ratio_of` maps the summed row to the figure.
    The first number of a row is the group it belongs to.
    """
    rows = np.asarray(groups, float)
    names, index = np.unique(rows[:, 0], return_inverse=True)
    sums = np.zeros((len(names), rows.shape[1] - 1))
    np.add.at(sums, index, rows[:, 1:])
    generator = np.random.default_rng(seed)
    draws = [
        ratio_of(sums[generator.integers(len(names), size=len(names))].sum(0))
        for _ in range(resamples)
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    return ratio_of(sums.sum(0)), float(low), float(high)
