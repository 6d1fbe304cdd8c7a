"""The attacker who hears durations and melody only."""

from __future__ import annotations

from voiceanon.privacy.attack import Evidence, Verifier
from voiceanon.privacy.attackers.trained import no_training, verifiers_of
from voiceanon.privacy.statistics import RHYTHM, UtteranceStatistics

__all__ = ["Rhythm"]


class Rhythm:
    """Trained on pace, pauses, pitch and their movements; no spectrum enters."""

    name = "rhythm"
    sides = "a–a"
    knowledge = (
        "trains LDA and PLDA on durations and prosody only (voiced stretches, pauses, pitch and "
        "its movements, slow modulations of level) of anonymised speech of other people"
    )

    def missing(self, evidence: Evidence) -> str | None:
        """Return why it cannot be measured, or None."""
        return no_training(evidence)

    def verifiers(self, evidence: Evidence) -> dict[str, Verifier]:
        """Return every back-end."""
        extractor = UtteranceStatistics()
        known, enrol, trial = (
            evidence.features(where, extractor)[:, RHYTHM]
            for where in ("training", "enrol", "trial")
        )
        return verifiers_of(evidence, known, enrol, trial)
