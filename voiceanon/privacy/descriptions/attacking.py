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
    """Return both along the main directions of `known`, 150 at most (Pearson 1901).

    Parameters
    ----------
    known, seen : ndarray of float64, shape (m, d) and (n, d)
        Of training and of measured descriptions; each column is centred and scaled as `known` is.
    """
    middle, spread = known.mean(0), known.std(0)
    moving = spread > 1e-9
    plain, other = ((part - middle)[:, moving] / spread[moving] for part in (known, seen))
    if not moving.any():  # every description is the same: nothing can be told
        return np.zeros((len(known), 1)), np.zeros((len(seen), 1))
    _, _, directions = np.linalg.svd(plain, full_matrices=False)
    kept = directions[: min(_MOST, len(directions))].T
    return plain @ kept, other @ kept


def verifiers_of_views(described: Described, views: dict[str, View]) -> dict[str, Verifier]:
    """Train every back-end on every view."""
    found: dict[str, Verifier] = {}
    for name, (known, seen) in views.items():
        found |= verifiers_of(described, known, seen, seen, prefix=f"{name} ")
    return found
