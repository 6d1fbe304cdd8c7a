"""Whether stored measures or descriptions single somebody out, as data protection law asks.

Opinion 05/2014 of the Article 29 Working Party (WP216) asks of anonymised data whether a person can
be singled out, whether records can be linked, and whether something can be inferred.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.keys import Draws
from voiceanon.privacy.attack import Verifier
from voiceanon.privacy.metrics import CHANCE_OF_SINGLING_OUT, singling_out
from voiceanon.privacy.trials import Sides

__all__ = ["STEPS", "isolated", "unique_combinations"]

Real = npt.NDArray[np.float64]

STEPS = 5  # equally frequent steps that each measure is kept in
_AMONG = 20


def unique_combinations(values: Real, steps: int = STEPS) -> list[dict[str, Any]]:
    """Return how many recordings are the only one with their combination of measures.

    Parameters
    ----------
    values : ndarray of float64, shape (n, d)
        Measures of recordings; each is kept in equally frequent steps.
    steps : int
        2 or more.

    Returns
    -------
    list of dict
        For ``k`` measures known, 1 to d: the share of recordings that are unique, 0 to 1, as the
        ``mean`` and the ``highest`` over all combinations of k measures; ``expected`` is the mean
        if the same values were spread over the recordings independently and evenly.
    """
    count, measures = values.shape
    marks = np.linspace(0, 100, steps + 1)[1:-1]
    kept = np.stack([np.searchsorted(np.percentile(v, marks), v) for v in values.T], 1)
    rows = []
    for k in range(1, measures + 1):
        shares = []
        for chosen in itertools.combinations(range(measures), k):
            _, sizes = np.unique(kept[:, chosen], axis=0, return_counts=True)
            shares.append(float((sizes == 1).sum() / count))
        alone = (1 - float(steps) ** -k) ** (count - 1)
        rows.append(
            {"k": k, "mean": float(np.mean(shares)), "highest": max(shares), "expected": alone}
        )
    return rows


def isolated(verifier: Verifier, sides: Sequence[Sides], draws: Draws) -> dict[str, Any] | None:
    """Return how often a rule made of a person's descriptions fires on exactly one of 20 people.

    Parameters
    ----------
    verifier : Verifier
        Of the attack.
    sides : sequence of Sides
        Splits with one enrolment a speaker and single trials.
    draws : Draws
        Where groups come from.

    Returns
    -------
    dict or None
        ``probability`` (π_sing, see `voiceanon.privacy.metrics.singling_out`), ``chance`` and
        ``among``; None where a speaker has fewer than two trials.
    """
    found, among = [], 0
    for side in sides:
        matrix = verifier.scores(side.enrol, side.trial).T
        people = side.enrol_speaker
        own = [np.flatnonzero(side.trial_speaker == speaker) for speaker in people]
        if len(set(people.tolist())) < len(people) or min(map(len, own)) < 2:
            return None
        tested = np.array([at[0] for at in own])
        further = np.concatenate([at[1:] for at in own])
        column = np.concatenate([np.full(len(at) - 1, place) for place, at in enumerate(own)])
        among = min(_AMONG, len(people))
        right = np.arange(len(people))
        found.append(
            singling_out(matrix[:, tested], right, matrix[:, further], column, among, draws)
        )
    return {
        "probability": float(np.mean(found)),
        "chance": CHANCE_OF_SINGLING_OUT,
        "among": among,
    }
