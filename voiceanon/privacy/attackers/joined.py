"""The attacker who adds up what several trained attackers found."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.privacy.attack import Attacker, Evidence, Verifier
from voiceanon.privacy.attackers.finetuned import FineTuned
from voiceanon.privacy.attackers.trained import FUSED

__all__ = ["Joined", "added_up"]

Real = npt.NDArray[np.float64]


# More attackers than three add little, and the number of subsets explodes.
_MOST = 3


@dataclass(frozen=True)
class _Average:
    """Scores of several verifiers, each brought to mean 0 and deviation 1, with weights."""

    members: tuple[Verifier, ...]
    weights: tuple[float, ...]

    def scores(self, enrol: Real, trial: Real) -> Real:
        """Return (h, g) weighted averages."""
        total = np.zeros((len(trial), len(enrol)))
        for member, weight in zip(self.members, self.weights, strict=True):
            found = member.scores(enrol, trial)
            # An attacker sees all its scores, and none of their labels.
            total += weight * (found - found.mean()) / max(float(found.std()), 1e-12)
        return total


class Joined:
    """Averages the scores of trained attackers.

    Each gives its verifiers of two back-ends fixed beforehand, so that nothing is chosen by its
    result but which attackers are added, by which back-end, and how the first is weighted.

    Parameters
    ----------
    attackers : sequence of Attacker
        The attackers that may be added; those that cannot be measured are left out.
    """

    name = "joined"
    sides = "a–a"
    knowledge = "adds up the scores of the trained attackers, each normalised over all trials"

    def __init__(self, attackers: Sequence[Attacker]) -> None:
        self._attackers = tuple(attackers)

    def missing(self, evidence: Evidence) -> str | None:
        """Return why it cannot be measured, or None."""
        if len(self._able(evidence)) < 2:
            return "fewer than two trained attackers can be measured"
        return None

    def _able(self, evidence: Evidence) -> list[Attacker]:
        return [attacker for attacker in self._attackers if attacker.missing(evidence) is None]

    def verifiers(self, evidence: Evidence) -> dict[str, Verifier]:
        """Return one verifier a subset of attackers, weighting and back-end."""
        able = self._able(evidence)
        # A network that was trained on the same speech needs no back-end of its own.
        own = {
            attacker.name: attacker.fused for attacker in able if isinstance(attacker, FineTuned)
        }
        return added_up({attacker.name: attacker.verifiers(evidence) for attacker in able}, own)


def added_up(
    known: Mapping[str, Mapping[str, Verifier]], own: Mapping[str, tuple[str, ...]]
) -> dict[str, Verifier]:
    """Return one verifier a subset of attackers, weighting and back-end.

    Parameters
    ----------
    known : mapping of str to mapping of str to Verifier
        By attacker and configuration; those that end with a back-end of `FUSED` are added.
    own : mapping of str to tuple of str
        Attackers whose configurations are chosen by these endings instead.
    """
    found: dict[str, Verifier] = {}
    for backend in FUSED:
        members = {
            f"{attacker} {name.removesuffix(backend)}".strip(): verifier
            for attacker, verifiers in known.items()
            for name, verifier in verifiers.items()
            if name.endswith(own.get(attacker, backend))
        }
        for size in range(2, min(len(members), _MOST) + 1):
            for chosen in itertools.combinations(members, size):
                parts = tuple(members[name] for name in chosen)
                for first in (1.0, 2.0) if size == 2 else (1.0,):
                    weights = (first, *(1.0 for _ in chosen[1:]))
                    label = "" if first == 1.0 else f"{first:g} × "
                    found[f"{label}{' + '.join(chosen)}, {backend}"] = _Average(parts, weights)
    return found
