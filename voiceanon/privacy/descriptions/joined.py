"""The attacker who adds up what the other attackers on descriptions found."""

from __future__ import annotations

from collections.abc import Sequence

from voiceanon.privacy.attack import Verifier
from voiceanon.privacy.attackers.joined import added_up
from voiceanon.privacy.attackers.trained import FUSED
from voiceanon.privacy.descriptions.attacking import DescriptionAttacker
from voiceanon.privacy.descriptions.described import Described

__all__ = ["JoinedDescriptions"]


class JoinedDescriptions:
    """Averages scores, each normalised over all trials; of each attacker the view of everything.

    Parameters
    ----------
    attackers : sequence of DescriptionAttacker
        Those that may be added; those that cannot be measured are left out.
    """

    name = "joined"
    sides = "d–d"
    knowledge = "adds up the scores of the attackers on descriptions, each normalised over all trials"

    def __init__(self, attackers: Sequence[DescriptionAttacker]) -> None:
        self._attackers = tuple(attackers)

    def missing(self, described: Described) -> str | None:
        """Return why it cannot be measured, or None."""
        if len(self._able(described)) < 2:
            return "fewer than two attackers on descriptions can be measured"
        return None

    def _able(self, described: Described) -> list[DescriptionAttacker]:
        return [one for one in self._attackers if one.missing(described) is None]

    def verifiers(self, described: Described) -> dict[str, Verifier]:
        """Return one verifier a subset of attackers, weighting and back-end."""
        able = self._able(described)
        own = {one.name: one.fused for one in able if hasattr(one, "fused")}
        whole = tuple(f"all {backend}" for backend in FUSED)
        known = {
            one.name: {
                name: verifier
                for name, verifier in one.verifiers(described).items()
                if name.endswith(own.get(one.name, whole))
            }
            for one in able
        }
        return added_up(known, own)
