"""The cost of log-likelihood ratios in bits: how much an attack tells about who spoke."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from voiceanon.privacy.metrics.isotonic import pool_adjacent_violators
from voiceanon.privacy.metrics.trials import check_scores

__all__ = ["cllr", "cllr_min"]


def cllr(scores: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """Return the cost of scores taken as natural log-likelihood ratios.

    Parameters
    ----------
    scores : array of float, (n,)
        Natural log-likelihood ratios; infinite ones are allowed.
    targets : array of bool, (n,)
        True for trials of the same speaker.

    Returns
    -------
    float
        Bits, 0 or more: 0 certainty, 1 what a score that says nothing costs, above 1 misleading.

    Raises
    ------
    InputError
        If shapes differ, a score is NaN, or one kind of trial is missing.

    Notes
    -----
    C_llr = 1/(2 ln 2) · [mean over targets of ln(1 + e^-s) + mean over others of ln(1 + e^s)],
    Brümmer and du Preez (2006).

    Examples
    --------
    >>> cllr([0.0, 0.0], [True, False])
    1.0
    """
    values, kinds = check_scores(scores, targets, infinite=True)
    missed = np.logaddexp(0.0, -values[kinds]).mean()
    accepted = np.logaddexp(0.0, values[~kinds]).mean()
    return float((missed + accepted) / (2.0 * math.log(2.0)))


def cllr_min(scores: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """Return the cost that is left after the best rising map of scores to likelihood ratios.

    Parameters
    ----------
    scores : array of float, (n,)
        Higher means more likely the same speaker; finite.
    targets : array of bool, (n,)
        True for trials of the same speaker.

    Returns
    -------
    float
        Bits, 0 to 1: 0 all is told, 1 nothing.

    Raises
    ------
    InputError
        If shapes differ, a score is not finite, or one kind of trial is missing.

    Notes
    -----
    Calibration by pooling adjacent violators, Brümmer and du Preez (2006).

    Examples
    --------
    >>> cllr_min([2.0, 1.0], [True, False])
    0.0
    """
    values, kinds = check_scores(scores, targets)
    blocks = pool_adjacent_violators(values, kinds, np.ones(len(values)))
    hits = blocks.targets / kinds.sum()
    misses = blocks.others / (~kinds).sum()
    # Within a block the likelihood ratio is hits / misses. Where a kind is absent it costs nothing.
    missed = np.sum(hits * np.log1p(misses / np.where(hits > 0, hits, 1.0)))
    accepted = np.sum(misses * np.log1p(hits / np.where(misses > 0, misses, 1.0)))
    return float((missed + accepted) / (2.0 * math.log(2.0)))
