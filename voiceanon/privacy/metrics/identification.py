"""How often the right speaker wins against others: the risk of being linked, in a group of N."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError
from voiceanon.privacy.metrics.trials import (
    Floats,
    Integers,
    check_numbers,
    check_whole,
    check_whole_numbers,
)

__all__ = ["linkability", "rank1"]


def linkability(matrix: npt.ArrayLike, right: npt.ArrayLike, among: int) -> float:
    """Return the probability that the right speaker beats `among` - 1 random others.

    Parameters
    ----------
    matrix : array of float, (trials, enrolments)
        Scores, higher means more likely the same speaker; each enrolment is another speaker.
    right : array of int, (trials,)
        The column of each trial's own speaker.
    among : int
        Size of the group searched, own speaker included, 2 to enrolments.

    Returns
    -------
    float
        0 to 1; chance is 1 / `among`. A tie of k at the top counts 1 / k, so that scores that
        tell nothing give chance.

    Raises
    ------
    InputError
        If shapes differ, a score is not finite, or `right` or `among` is out of range.

    Notes
    -----
    π_link(N') of Vauquier et al., "Legally validated evaluation framework for voice anonymization",
    2025, in closed form over all groups. With b rivals below and e level with the own score, and
    C the binomial coefficient, a trial's chance is
    [C(b + e + 1, N') - C(b, N')] / [(e + 1) · C(enrolments - 1, N' - 1)].

    Examples
    --------
    >>> linkability([[0.9, 0.1, 0.5], [0.9, 0.1, 0.5]], [0, 2], 3)
    0.5
    """
    scores, own = _checked(matrix, right)
    enrolments = scores.shape[1]
    check_whole("among", among, 2, enrolments)
    score = np.take_along_axis(scores, own[:, None], 1)
    below = (scores < score).sum(1)
    level = (scores == score).sum(1) - 1

    logs = np.append(0.0, np.cumsum(np.log(np.arange(1.0, enrolments + 1.0))))  # of n!

    def log_choose(n: Integers, k: int) -> Floats:
        fits = n >= k
        left = np.where(fits, n - k, 0)
        return np.where(fits, logs[np.where(fits, n, k)] - logs[k] - logs[left], -np.inf)

    groups = log_choose(np.array([enrolments - 1]), among - 1)
    alone = np.exp(log_choose(below, among - 1) - groups)
    top = log_choose(below + level + 1, among)
    with np.errstate(invalid="ignore"):  # no group fits below even with those level: chance 0
        lost = np.expm1(log_choose(below, among) - top)
    shared = np.where(np.isinf(top), 0.0, -lost * np.exp(top - groups) / (level + 1.0))
    return float(np.where(level > 0, shared, alone).mean())


def rank1(matrix: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """Return how often the right speaker scores highest of all enrolled.

    Parameters
    ----------
    matrix : array of float, (trials, enrolments)
        Scores, higher means more likely the same speaker.
    right : array of int, (trials,)
        The column of each trial's own speaker.

    Returns
    -------
    float
        0 to 1; chance is 1 / enrolments. A tie of k at the top counts 1 / k.

    Raises
    ------
    InputError
        If shapes differ, a score is not finite, or `right` is out of range.

    Examples
    --------
    >>> rank1([[0.9, 0.1], [0.9, 0.1]], [0, 1])
    0.5
    """
    scores, own = _checked(matrix, right)
    score = np.take_along_axis(scores, own[:, None], 1)
    best = (scores <= score).all(1)
    return float((best / (scores == score).sum(1)).mean())


def _checked(matrix: npt.ArrayLike, right: npt.ArrayLike) -> tuple[Floats, Integers]:
    scores = check_numbers("matrix", matrix, dimensions=2)
    trials, enrolments = scores.shape
    if trials < 1 or enrolments < 2:
        raise InputError(
            f"matrix has shape {scores.shape}: it must have 1 trial and 2 enrolments or more"
        )
    return scores, check_whole_numbers("right", right, trials, below=enrolments)
