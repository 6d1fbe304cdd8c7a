"""The equal error rate, at a threshold and on the convex hull: 0 always recognised, 0.5 chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError
from voiceanon.privacy.metrics.isotonic import pool_adjacent_violators
from voiceanon.privacy.metrics.roc import SortedScores, check_weights, crossing
from voiceanon.privacy.metrics.trials import Trials, check_scores, check_whole

__all__ = ["eer", "eer_hull", "worst_speakers"]


def eer(
    scores: npt.ArrayLike, targets: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Return the equal error rate of thresholds on the scores.

    The threshold where false accepts equal false rejects is found on the ROC's straight segments,
    so that neither few scores nor equal scores make the figure jump: among equal scores errors of
    both kinds are shared in proportion.

    Parameters
    ----------
    scores : array of float, (n,)
        Higher means more likely the same speaker; finite.
    targets : array of bool, (n,)
        True for trials of the same speaker.
    weights : array of float, (n,), optional
        How often each trial counts, 0 or more.

    Returns
    -------
    float
        0 to 1; 0.5 is chance, above it the scores are the wrong way round.

    Raises
    ------
    InputError
        If shapes differ, a score is not finite, or the weight is all on one kind of trial.

    Examples
    --------
    >>> eer([2.0, 1.0, 1.0, 0.0], [True, True, False, False])
    0.25
    """
    curve = SortedScores(scores, targets)
    return crossing(*curve.error_rates(check_weights(weights, len(curve.order))[curve.order]))


def eer_hull(
    scores: npt.ArrayLike, targets: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Return the equal error rate on the convex hull of the ROC.

    It is the error of the best rising decision rule, never above that of a threshold.

    Parameters
    ----------
    scores : array of float, (n,)
        Higher means more likely the same speaker; finite.
    targets : array of bool, (n,)
        True for trials of the same speaker.
    weights : array of float, (n,), optional
        How often each trial counts, 0 or more.

    Returns
    -------
    float
        0 to 0.5.

    Raises
    ------
    InputError
        If shapes differ, a score is not finite, or the weight is all on one kind of trial.

    References
    ----------
    Brümmer and de Villiers, "The BOSARIS Toolkit", 2013.

    Examples
    --------
    >>> eer_hull([0.0, 1.0], [True, False])
    0.5
    """
    values, kinds = check_scores(scores, targets)
    checked = check_weights(weights, len(values))
    blocks = pool_adjacent_violators(values, kinds, checked)
    totals = blocks.targets.sum(), blocks.others.sum()
    if min(totals) <= 0.0:
        raise InputError(
            f"weights sum to {totals[0]} on targets and {totals[1]} on others: both must be above 0"
        )
    frr = np.append(0.0, np.cumsum(blocks.targets) / totals[0])
    far = np.append(1.0, 1.0 - np.cumsum(blocks.others) / totals[1])
    return min(0.5, crossing(frr, far))  # above it by rounding only


def worst_speakers(trials: Trials, count: int) -> list[tuple[int, float]]:
    """Return the speakers who are recognised best, with the equal error rate of each.

    Parameters
    ----------
    trials : Trials
        Scores of one attack.
    count : int
        Most speakers to return, 1 or more.

    Returns
    -------
    list of (int, float)
        Speaker and equal error rate, 0 to 1, the lowest first. A speaker's target trials are
        set against all other trials in which the speaker takes part on either side; speakers
        without trials of both kinds are left out.

    Raises
    ------
    InputError
        If `count` is below 1 or all trials are of one kind.

    Examples
    --------
    >>> trials = Trials([0.9, 0.2, 0.4, 0.3], enrol=[0, 1, 0, 1], trial=[0, 0, 1, 1])
    >>> worst_speakers(trials, 1)
    [(0, 0.0)]
    """
    check_whole("count", count, 1)
    check_scores(trials.scores, trials.targets)
    rates = []
    for speaker in np.unique(trials.enrol[trials.targets]).tolist():
        chosen = (trials.enrol == speaker) | (trials.trial == speaker)
        kinds = trials.targets[chosen]
        if not kinds.all():
            rates.append((eer(trials.scores[chosen], kinds), speaker))
    return [(speaker, rate) for rate, speaker in sorted(rates)[:count]]
