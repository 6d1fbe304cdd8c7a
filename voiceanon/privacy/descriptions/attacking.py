"""What an attacker on descriptions is, and the reduction of long vectors that some of them need."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from voiceanon.privacy.attack import Named, Verifier
from voiceanon.privacy.attackers.trained import verifiers_of
from voiceanon.privacy.descriptions.described import Described

__all__ = ["DescriptionAttacker", "View", "reduced", "verifiers_of_views"]

Real = npt.NDArray[np.float64]

_MOST = 150  # dimensions: a few hundred training speakers tell no more apart
_ROWS_EACH = 3  # training vectors for each dimension, or speakers are told apart by chance


View = tuple[Real, Real]
"""Vectors of training and of measured descriptions, (m, d) and (n, d)."""


class DescriptionAttacker(Named, Protocol):
    """One way to find the speaker again in descriptions."""

    def missing(self, described: Described) -> str | None:
        """Return why this attack cannot be measured here, or None if it can."""

    def verifiers(self, described: Described) -> dict[str, Verifier]:
        """Return verifiers by configuration; the one with the lowest EER counts."""

    def views(self, described: Described) -> dict[str, View]:
        """Return vectors of training and of measured descriptions, by what they hold."""


def reduced(known: Real, seen: Real) -> View:
    """Return both along the main directions of `known`, 150 or m / 3 at most (Pearson 1901).

    Parameters
    ----------
    known, seen : ndarray of float64, shape (m, d) and (n, d)
        Of training and of measured descriptions; columns keep their scale.
    """
    middle = known.mean(0)
    _, _, directions = np.linalg.svd(known - middle, full_matrices=False)
    kept = directions[: max(1, min(_MOST, len(known) // _ROWS_EACH))].T
    return (known - middle) @ kept, (seen - middle) @ kept


def verifiers_of_views(described: Described, views: dict[str, View]) -> dict[str, Verifier]:
    """Train every back-end on every view."""
    found: dict[str, Verifier] = {}
    for name, (known, seen) in views.items():
        found |= verifiers_of(described, known, seen, seen, prefix=f"{name} ")
    return found
