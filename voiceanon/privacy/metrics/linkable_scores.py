"""D_sys: how far the scores of one speaker stand out from those of different speakers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voiceanon.privacy.metrics.trials import check_scores

__all__ = ["d_sys"]

_MOST_BINS = 100
_SCORES_PER_BIN = 10


def d_sys(scores: npt.ArrayLike, targets: npt.ArrayLike) -> float | None:
    """Return the global linkability of the scores.

    Parameters
    ----------
    scores : array of float, (n,)
        Finite. Either direction: only how densities of both kinds differ counts.
    targets : array of bool, (n,)
        True for trials of the same speaker ("mated").

    Returns
    -------
    float or None
        0 unlinkable to 1 fully linkable; None with fewer than 20 mated scores, which do not fill
        two bins.

    Raises
    ------
    InputError
        If shapes differ, a score is not finite, or one kind of trial is missing.

    Notes
    -----
    LR(s) is the ratio of the densities of mated and non-mated scores in min(n / 10, 100) bins of
    equal width over all scores, n the number of mated ones. D(s) = 2 LR / (1 + LR) - 1, or 0 where
    LR ≤ 1 (ω = 1: both kinds equally likely beforehand). D_sys is the mean of D over mated scores.

    References
    ----------
    Gomez-Barrero, Galbally, Rathgeb and Busch, "General framework to evaluate unlinkability in
    biometric template protection systems", 2017.

    Examples
    --------
    >>> d_sys([1.0] * 20 + [0.0] * 20, [True] * 20 + [False] * 20)
    1.0
    """
    values, kinds = check_scores(scores, targets)
    count = int(kinds.sum())
    bins = min(count // _SCORES_PER_BIN, _MOST_BINS)
    if bins < 2:
        return None
    low, high = float(values.min()), float(values.max())
    if low == high:
        return 0.0
    edges = np.linspace(low, high, bins + 1)
    mated = np.histogram(values[kinds], edges)[0] / count
    others = np.histogram(values[~kinds], edges)[0] / (len(values) - count)
    # 2 LR / (1 + LR) - 1 with LR = mated / others, without dividing by an empty bin.
    both = mated + others
    excess = np.maximum(mated - others, 0.0) / np.where(both > 0, both, 1.0)
    return float(mated @ excess)
