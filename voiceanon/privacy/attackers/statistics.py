"""The attacker without any network: LDA and PLDA on plain statistics of utterances."""

from __future__ import annotations

from voiceanon.privacy.attack import Evidence, Verifier
from voiceanon.privacy.attackers.trained import no_training, verifiers_of
from voiceanon.privacy.statistics import UtteranceStatistics

__all__ = ["Statistics"]


class Statistics:
    """Trained on long-term spectrum, noise floor, pitch and rhythm of anonymised speech."""

    name = "statistics"
    sides = "a–a"
    knowledge = (
        "trains LDA and PLDA on plain utterance statistics (spectrum and its spread, noise floor, "
        "pitch, rhythm) of anonymised speech of other people; needs no network"
    )

    def missing(self, evidence: Evidence) -> str | None:
        """Return why it cannot be measured, or None."""
        return no_training(evidence)

    def verifiers(self, evidence: Evidence) -> dict[str, Verifier]:
        """Return every back-end."""
        extractor = UtteranceStatistics()
        known, enrol, trial = (
            evidence.features(where, extractor) for where in ("training", "enrol", "trial")
        )
        return verifiers_of(evidence, known, enrol, trial)
