"""The attacker who counts units: which occur, with which others, and in which order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voiceanon.abstraction import Abstraction
from voiceanon.privacy.attack import Verifier
from voiceanon.privacy.attackers.trained import no_training
from voiceanon.privacy.descriptions.attacking import View, reduced, verifiers_of_views
from voiceanon.privacy.descriptions.described import VALUES, Described, digits_of, is_speech

__all__ = ["UnitStatistics", "unit_counts"]

Real = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LAGS = (0, 1, 2, 4, 8)  # frames of 20 ms
_GRAMS = 512  # sequences of units are hashed to so many bins
_RUNS = 12  # frames; longer runs of one unit count as this long
_RELEVANCE = 8.0  # frames that the average speaker counts for (Reynolds 2000: 8 to 20)
# Odd numbers from the golden ratio: Knuth's multiplicative hashing (1973, 6.4).
_MIXING = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D], dtype=np.uint64)


def unit_counts(described: Abstraction) -> dict[str, Real]:
    """Return counts over the frames of a description.

    Returns
    -------
    dict of str to ndarray of float64
        ``pairs``: of each value of a digit with each of another 0, 20, 40, 80 and 160 ms later,
        in speech. ``grams``: of two and of three different units in a row, hashed. ``runs``: of how
        many frames a unit stays. ``pauses``: of digits in pauses. ``classes`` and ``values``: how
        often the first half of the digits has each value, and the sums of the others there; then
        the halves change places.
    """
    digits, speech = digits_of(described), is_speech(described)
    one_hot = np.eye(VALUES)[digits].reshape(len(digits), -1)
    spoken = one_hot * speech[:, None]
    pairs = [(spoken[: max(0, len(spoken) - lag)].T @ spoken[lag:]).ravel() for lag in _LAGS]
    unit = _numbered(digits)
    starts = np.flatnonzero(np.diff(unit, prepend=-1))
    runs = np.diff(np.append(starts, len(unit)))
    halves = np.array_split(np.arange(digits.shape[1]), 2)
    classes, values = [], []
    for own, other in (halves, halves[::-1]):
        number = _numbered(digits[:, own])[speech]
        size = VALUES ** len(own)
        classes.append(np.repeat(np.bincount(number, minlength=size), len(other)))
        sums = np.zeros((size, len(other)))
        np.add.at(sums, number, digits[speech][:, other] - 1.0)
        values.append(sums.ravel())
    return {
        "pairs": np.concatenate(pairs),
        "grams": _hashed(unit[starts]),
        "runs": np.bincount(np.minimum(runs, _RUNS), minlength=_RUNS + 1).astype(np.float64),
        "pauses": one_hot[~speech].sum(0),
        "classes": np.concatenate(classes).astype(np.float64),
        "values": np.concatenate(values),
    }


def _numbered(digits: Ints) -> Ints:
    """Return one number for each row of digits."""
    return np.asarray(digits @ VALUES ** np.arange(digits.shape[1]))


def _hashed(units: Ints) -> Real:
    found = np.zeros(2 * _GRAMS)
    for place, length in enumerate((2, 3)):
        if len(units) >= length:
            rows = np.lib.stride_tricks.sliding_window_view(units, length).astype(np.uint64)
            mixed = (rows * _MIXING[:length]).sum(1) & np.uint64(0xFFFFFFFF)
            at = (mixed * _MIXING[0] >> np.uint64(16)) % np.uint64(_GRAMS)
            found += np.bincount(at.astype(np.int64) + place * _GRAMS, minlength=2 * _GRAMS)
    return found


class UnitStatistics:
    """LDA and PLDA on counts of units, of pairs of digits, of sequences and of runs.

    Views: ``pairs`` of digits in one frame; ``order``, pairs at all distances and sequences;
    ``places``, where the other half of the digits lies on average whenever one half has a value,
    drawn towards the training speakers' average where there is little (as the means of a Gaussian
    mixture are adapted, Reynolds 2000); ``all``, pairs in one frame and the next, runs and pauses.
    """

    name = "unit statistics"
    sides = "d–d"
    knowledge = (
        "trains LDA and PLDA on counts of units, of pairs of digits at once and later, of "
        "sequences and of runs in descriptions of other people"
    )

    def missing(self, described: Described) -> str | None:
        """Return why it cannot be measured, or None."""
        return no_training(described)

    def verifiers(self, described: Described) -> dict[str, Verifier]:
        """Return every back-end on every view."""
        return verifiers_of_views(described, self.views(described))

    def views(self, described: Described) -> dict[str, View]:
        """Return vectors of training and of measured descriptions, by what they hold."""
        known, seen = (
            {name: np.stack([row[name] for row in rows]) for name in rows[0]}
            for rows in (
                [unit_counts(one) for one in described.descriptions(where)]
                for where in ("training", "trial")
            )
        )
        average = known["values"].sum(0) / np.maximum(known["classes"].sum(0), 1.0)
        views: dict[str, list[Real]] = {"pairs": [], "order": [], "places": [], "all": []}
        for part in (known, seen):
            shares = _shares(part["pairs"])
            at_once, next_frame = (
                _shares(block) for block in np.array_split(part["pairs"], len(_LAGS), axis=1)[:2]
            )
            rest = [_shares(part[name]) for name in ("runs", "pauses")]
            views["pairs"].append(at_once)
            views["order"].append(np.hstack([shares, _shares(part["grams"])]))
            excess = part["values"] - part["classes"] * average
            views["places"].append(excess / (part["classes"] + _RELEVANCE))
            views["all"].append(np.hstack([at_once, next_frame, *rest]))
        found = {name: (first, second) for name, (first, second) in views.items()}
        return found | {"order": reduced(*found["order"])}


def _shares(counts: Real) -> Real:
    """Return the roots of shares of each row: their distance is Hellinger's, fair to rare ones."""
    return np.asarray(np.sqrt(counts / np.maximum(counts.sum(1, keepdims=True), 1.0)))
