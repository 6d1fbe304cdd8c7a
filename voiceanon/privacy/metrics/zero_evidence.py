"""ZEBRA: what an attack tells on average and in the worst case, as forensic science counts it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from voiceanon.privacy.metrics.calibration import calibrated_llr
from voiceanon.privacy.metrics.trials import Floats, check_scores

__all__ = ["zebra"]

# Lower bounds of the categories after "0", in powers of ten of the strength of evidence.
_CATEGORIES = (("F", 6.0), ("E", 5.0), ("D", 4.0), ("C", 2.0), ("B", 1.0))


def zebra(scores: npt.ArrayLike, targets: npt.ArrayLike) -> tuple[float, float, str]:
    """Return the disclosure on average, the strongest evidence, and its category.

    Parameters
    ----------
    scores : array of float, (n,)
        Higher means more likely the same speaker; finite.
    targets : array of bool, (n,)
        True for trials of the same speaker.

    Returns
    -------
    expected_bits : float
        0 nothing told to 1 / (2 ln 2) = 0.7213 all told.
    worst_log10_lr : float
        Largest magnitude of the base-10 log-likelihood ratio, 0 or more; it cannot exceed what the
        number of trials can show.
    category : str
        "0" no evidence, "A" below 1, "B" from 1, "C" from 2, "D" from 4, "E" from 5, "F" from 6.

    Raises
    ------
    InputError
        If shapes differ, a score is not finite, or one kind of trial is missing.

    Notes
    -----
    Expected: the integral over the prior π from 0 to 1 of H(π) - ECE(π), with ECE the empirical
    cross-entropy of optimally calibrated ratios. For a target of ratio x the integral of its cost,
    ∫ π ln(1 + (1 - π) / (π x)) dπ, is A(x) = (c - ln x) / (2 c²) with c = x - 1; for others A(1/x).
    Worst: calibration with Laplace's rule. The prior odds taken off are those of the trials alone,
    as in the authors' program, so that scores that tell nothing give exactly 0 only if both kinds
    are equally many. Equal scores share one ratio.

    References
    ----------
    Nautsch et al., "The Privacy ZEBRA: Zero Evidence Biometric Recognition Assessment", 2020.

    Examples
    --------
    >>> zebra([1.0, 1.0, 1.0, 1.0], [True, True, False, False])
    (0.0, 0.0, '0')
    """
    _, kinds = check_scores(scores, targets)
    llr = calibrated_llr(scores, targets)
    cost = _integrated_cost(llr[kinds]).mean() + _integrated_cost(-llr[~kinds]).mean()
    expected_bits = max(0.0, float(0.5 - cost) / math.log(2.0))

    finite = calibrated_llr(scores, targets, laplace=True)
    worst = float(np.abs(finite).max()) / math.log(10.0)
    if worst <= np.finfo(np.float64).eps:
        return expected_bits, worst, "0"
    category = next((name for name, least in _CATEGORIES if worst >= least), "A")
    return expected_bits, worst, category


def _integrated_cost(llr: Floats) -> Floats:
    """Return A(e^llr) for ratios above 0; an infinite one costs nothing."""
    cost = np.zeros(len(llr))
    finite = np.isfinite(llr)
    c = np.expm1(llr[finite])
    near = np.abs(c) < 1e-3  # both terms cancel here; four terms of the series suffice
    safe = np.where(near, 1.0, c)
    closed = (safe - np.where(near, 0.0, llr[finite])) / (2.0 * safe * safe)
    series = 0.25 - c / 6.0 + c**2 / 8.0 - c**3 / 10.0
    cost[finite] = np.where(near, series, closed)
    return cost
