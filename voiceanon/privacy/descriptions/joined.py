"""The attacker who adds up what the other attackers on descriptions found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voiceanon.privacy.attack import Verifier
from voiceanon.privacy.attackers.joined import added_up
from voiceanon.privacy.attackers.trained import FUSED
from voiceanon.privacy.descriptions.attacking import DescriptionAttacker

__all__ = ["JoinedDescriptions"]


class JoinedDescriptions:
    """Averages scores, each normalised over all trials; of each attacker the view of everything."""

    name = "joined"
    sides = "d–d"
    knowledge = (
        "adds up the scores of the attackers on descriptions, each normalised over all trials"
    )

    def verifiers(
        self,
        attackers: Sequence[DescriptionAttacker],
        known: Mapping[str, Mapping[str, Verifier]],
    ) -> dict[str, Verifier]:
        """Return one verifier a subset of attackers, weighting and back-end.

        Parameters
        ----------
        attackers : sequence of DescriptionAttacker
            Those that were measured.
        known : mapping of str to mapping of str to Verifier
            Their verifiers, by their names.
        """
        own = {one.name: one.fused for one in attackers if hasattr(one, "fused")}
        whole = tuple(f"all {backend}" for backend in FUSED)
        added = {
            name: {
                configuration: verifier
                for configuration, verifier in verifiers.items()
                if configuration.endswith(own.get(name, whole))
            }
            for name, verifiers in known.items()
        }
        return added_up(added, own)
