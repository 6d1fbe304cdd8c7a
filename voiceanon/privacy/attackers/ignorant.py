"""The attacker who does not know that the speech was anonymised."""

from __future__ import annotations

from voiceanon.privacy.attack import Evidence, Verifier
from voiceanon.privacy.backends import Cosine, PooledVerifier

__all__ = ["Ignorant"]


class Ignorant:
    """Compares anonymised trials with original enrolments; reported, never a headline."""

    name = "ignorant"
    sides = "o–a"
    knowledge = (
        "has original recordings of the person and does not know that the others were anonymised: "
        "compares pretrained speaker embeddings"
    )

    def missing(self, evidence: Evidence) -> str | None:
        """Return why it cannot be measured, or None."""
        return None if evidence.models else "no speaker model is installed"

    def verifiers(self, evidence: Evidence) -> dict[str, Verifier]:
        """Return one verifier a speaker model."""
        found: dict[str, Verifier] = {}
        for model in evidence.models:
            enrol, trial = (evidence.vectors(where, model) for where in ("original", "trial"))
            found[f"{model.name} cosine"] = PooledVerifier(
                Cosine(), Cosine().prepare(enrol), Cosine().prepare(trial)
            )
        return found
