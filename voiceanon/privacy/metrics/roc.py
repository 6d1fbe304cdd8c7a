"""False accepts against false rejects at every threshold: the curve that error rates are read off.

Scores are sorted once and evaluated under many weights, which makes the bootstrap cheap: a resample
of speakers is one weight for each score.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError
from voiceanon.privacy.metrics.trials import (
    Floats,
    check_fraction,
    check_numbers,
    check_scores,
    check_whole,
)

__all__ = ["SortedScores", "check_weights", "crossing", "det_points", "tpr_at_fpr"]


def check_weights(weights: npt.ArrayLike | None, length: int) -> Floats:
    """Return one weight, 0 or more, for each score; None weighs all alike."""
    if weights is None:
        return np.ones(length)
    array = check_numbers("weights", weights)
    if array.shape != (length,):
        raise InputError(f"weights has shape {array.shape}: it must be ({length},), like scores")
    if (array < 0).any():
        raise InputError(f"weights holds {array.min()}: it must be 0 or more")
    return array


class SortedScores:
    """Scores in rising order, ready to give error rates under any weights.

    Attributes
    ----------
    order : array of int, (n,)
        Where each sorted score stood.
    targets : array of bool, (n,)
        Sorted like the scores.
    """

    def __init__(self, scores: npt.ArrayLike, targets: npt.ArrayLike) -> None:
        values, kinds = check_scores(scores, targets)
        self.order = np.argsort(values, kind="stable")
        ordered = values[self.order]
        self.targets = kinds[self.order]
        # Thresholds stand between different scores only.
        self._last_of_tie = np.append(np.flatnonzero(ordered[1:] > ordered[:-1]), len(ordered) - 1)

    def error_rates(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return false reject and false accept rates at rising thresholds, from (0, 1) to (1, 0).

        `weights` is sorted like the scores, (n,).
        """
        rejected = np.cumsum(np.where(self.targets, weights, 0.0))
        passed = np.cumsum(np.where(self.targets, 0.0, weights))
        if rejected[-1] <= 0.0 or passed[-1] <= 0.0:
            raise InputError(
                f"weights sum to {rejected[-1]} on targets and {passed[-1]} on others:"
                " both must be above 0"
            )
        frr = np.append(0.0, rejected[self._last_of_tie] / rejected[-1])
        far = np.append(1.0, 1.0 - passed[self._last_of_tie] / passed[-1])
        return frr, far


def crossing(frr: Floats, far: Floats) -> float:
    """Return the error rate where the curve, straight between its points, has both rates equal."""
    gap = frr - far  # rises from -1 to 1
    after = int(np.searchsorted(gap, 0.0))
    before = after - 1
    step = gap[after] - gap[before]
    part = -gap[before] / step if step > 0 else 0.0
    return float(frr[before] + part * (frr[after] - frr[before]))


def tpr_at_fpr(scores: npt.ArrayLike, targets: npt.ArrayLike, fpr: float) -> float:
    """Return how many targets an attacker accepts who may accept this part of the others.

    Parameters
    ----------
    scores : array of float, (n,)
        Higher means more likely the same speaker.
    targets : array of bool, (n,)
        True for trials of the same speaker.
    fpr : float
        False positive rate, 0 to 1.

    Returns
    -------
    float
        True positive rate, 0 to 1: the best at this rate, straight between thresholds, since an
        attacker may mix two.

    Raises
    ------
    InputError
        If scores are not finite, one kind of trial is missing, or `fpr` is out of range.

    Examples
    --------
    >>> tpr_at_fpr([3.0, 1.0, 2.0, 0.0], [True, True, False, False], 0.0)
    0.5
    """
    check_fraction("fpr", fpr)
    curve = SortedScores(scores, targets)
    frr, far = curve.error_rates(np.ones(len(curve.order)))
    rates, accepted = far[::-1], 1.0 - frr[::-1]
    after = int(np.searchsorted(rates, fpr, side="right"))  # the first point above fpr
    before = after - 1
    if after == len(rates):
        return float(accepted[before])
    part = (fpr - rates[before]) / (rates[after] - rates[before])
    return float(accepted[before] + part * (accepted[after] - accepted[before]))


def det_points(
    scores: npt.ArrayLike, targets: npt.ArrayLike, limit: int = 200
) -> list[tuple[float, float]]:
    """Return the detection error trade-off as few points, for a plot.

    Parameters
    ----------
    scores : array of float, (n,)
        Higher means more likely the same speaker.
    targets : array of bool, (n,)
        True for trials of the same speaker.
    limit : int
        Most points to return, 2 or more.

    Returns
    -------
    list of (float, float)
        False accept and false reject rates, from (1, 0) to (0, 1) at rising thresholds. Every
        point is one of the measured ones; they are spread evenly in logits, so that the corners
        of rare errors keep theirs.

    Raises
    ------
    InputError
        If scores are not finite, one kind of trial is missing, or `limit` is below 2.

    Examples
    --------
    >>> det_points([2.0, 1.0, 0.0, -1.0], [True, False, True, False])
    [(1.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.5), (0.0, 1.0)]
    """
    check_whole("limit", limit, 2)
    curve = SortedScores(scores, targets)
    frr, far = curve.error_rates(np.ones(len(curve.order)))
    along = np.zeros(len(frr))
    for rate, count in ((frr, curve.targets.sum()), (far, (~curve.targets).sum())):
        inside = np.clip(rate, 0.5 / count, 1.0 - 0.5 / count)
        along[1:] += np.cumsum(np.abs(np.diff(np.log(inside / (1.0 - inside)))))
    kept = np.searchsorted(along, np.linspace(0.0, along[-1], limit))
    kept[0], kept[-1] = 0, len(along) - 1
    return [(float(far[i]), float(frr[i])) for i in np.unique(kept)]
