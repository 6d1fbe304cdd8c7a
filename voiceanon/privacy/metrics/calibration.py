"""From scores to log-likelihood ratios, by the best rising map or by a straight line."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError
from voiceanon.privacy.metrics.isotonic import pool_adjacent_violators
from voiceanon.privacy.metrics.trials import Floats, check_scores

__all__ = ["calibrate_linear", "calibrated_llr"]

_NEWTON_STEPS = 200
_LONGEST_STEP = 5.0  # in log odds, per deviation of the scores


def calibrated_llr(
    scores: npt.ArrayLike, targets: npt.ArrayLike, *, laplace: bool = False
) -> Floats:
    """Return log-likelihood ratios by the rising map that fits these very trials best.

    Parameters
    ----------
    scores : array of float, (n,)
        Higher means more likely the same speaker; finite.
    targets : array of bool, (n,)
        True for trials of the same speaker.
    laplace : bool
        Add a target and an other at either end (Laplace's rule of succession), so that every
        ratio is finite: what few trials cannot show is not claimed.

    Returns
    -------
    array of float, (n,)
        Natural logarithms; without `laplace` they are infinite where only one kind occurs.

    Raises
    ------
    InputError
        If shapes differ, a score is not finite, or one kind of trial is missing.

    References
    ----------
    Brümmer and du Preez, "Application-independent evaluation of speaker detection", 2006.

    Examples
    --------
    >>> calibrated_llr([0.0, 1.0, 1.0], [False, True, False]).round(3).tolist()
    [-inf, 0.693, 0.693]
    """
    values, kinds = check_scores(scores, targets)
    blocks = pool_adjacent_violators(values, kinds, np.ones(len(values)), laplace=laplace)
    prior = kinds.sum() / (~kinds).sum()
    with np.errstate(divide="ignore"):
        llr = np.log(blocks.targets) - np.log(blocks.others) - math.log(prior)
    return np.asarray(llr[blocks.of_score])


def calibrate_linear(
    scores: npt.ArrayLike, targets: npt.ArrayLike, prior: float = 0.5
) -> tuple[float, float]:
    """Return the line that turns scores into natural log-likelihood ratios.

    Parameters
    ----------
    scores : array of float, (n,)
        Higher means more likely the same speaker; finite.
    targets : array of bool, (n,)
        True for trials of the same speaker.
    prior : float
        The probability of a target that the fit is best for, above 0 and below 1.

    Returns
    -------
    slope, offset : float
        The ratio is ``slope * score + offset``; both are 0 if all scores are equal.

    Raises
    ------
    InputError
        If shapes differ, a score is not finite, one kind of trial is missing, or `prior` is out of
        range.

    Notes
    -----
    Logistic regression, the kinds weighted to the prior, by Newton's method. Labels are drawn in
    towards the prior π by ε = 2 / (N + 2), N the number of trials of the rarer kind: 1 - ε (1 - π)
    for targets and ε π for others. At π = ½ this is Platt's (1999) pseudo-count. Kinds which scores
    separate entirely then still have a finite line, and scores that tell nothing give 0.

    References
    ----------
    Brümmer and du Preez, "Application-independent evaluation of speaker detection", 2006.

    Examples
    --------
    >>> slope, offset = calibrate_linear([2.0, 1.0, 0.0, -1.0], [True, True, False, False])
    >>> slope > 0, round(offset / slope, 3)
    (True, -0.5)
    """
    values, kinds = check_scores(scores, targets)
    if not 0.0 < prior < 1.0:
        raise InputError(f"prior is {prior}: it must be above 0 and below 1")
    middle, spread = values.mean(), values.std()
    if spread <= 1e-12 * np.abs(values).max():
        return 0.0, 0.0
    design = np.stack(((values - middle) / spread, np.ones(len(values))), 1)
    count = int(kinds.sum())
    other = len(kinds) - count
    drawn_in = 2 / (min(count, other) + 2)
    label = np.where(kinds, 1.0 - drawn_in * (1.0 - prior), drawn_in * prior)
    weight = np.where(kinds, prior / count, (1.0 - prior) / other)
    log_odds = math.log(prior) - math.log1p(-prior)

    def loss(line: Floats) -> float:
        z = design @ line + log_odds
        return float(weight @ (np.logaddexp(0.0, z) - label * z))

    line = np.zeros(2)
    now = loss(line)
    for _ in range(_NEWTON_STEPS):
        posterior = 0.5 * (1.0 + np.tanh(0.5 * (design @ line + log_odds)))
        slope = design.T @ (weight * (posterior - label))
        curvature = (design * (weight * posterior * (1.0 - posterior))[:, None]).T @ design
        curvature += 1e-12 * np.trace(curvature) * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        if slope @ step < 1e-10 * now:  # Newton squares what is left: one full step ends it
            line = line - step
            break
        # Far from the end a full step may overshoot to where the loss is flat.
        part = min(1.0, _LONGEST_STEP / float(np.abs(step).max()))
        while loss(line - part * step) > now:
            part *= 0.5
        line = line - part * step
        now = loss(line)
    return float(line[0] / spread), float(line[1] - line[0] * middle / spread)
