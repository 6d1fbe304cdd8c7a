"""The attacker who anonymises what it has, and trains nothing."""

from __future__ import annotations

import numpy as np

from voiceanon.privacy.attack import Evidence, Verifier
from voiceanon.privacy.backends import Cosine, PooledVerifier

__all__ = ["LazyInformed"]


class LazyInformed:
    """Compares anonymised trials with anonymised enrolments, drawn independently."""

    name = "lazy-informed"
    sides = "a–a"
    knowledge = (
        "anonymises its own recordings of the person with the same recipe and other draws, and "
        "compares pretrained speaker embeddings"
    )

    def missing(self, evidence: Evidence) -> str | None:
        """Return why it cannot be measured, or None."""
        return None if evidence.models else "no speaker model is installed"

    def verifiers(self, evidence: Evidence) -> dict[str, Verifier]:
        """Return two verifiers a model: as it is, and centred on the speech under attack."""
        found: dict[str, Verifier] = {}
        for model in evidence.models:
            enrol, trial = (evidence.vectors(where, model) for where in ("enrol", "trial"))
            middle = np.concatenate([enrol, trial]).mean(0)
            for name, backend in (("cosine", Cosine()), ("cosine+centred", Cosine(middle))):
                found[f"{model.name} {name}"] = PooledVerifier(
                    backend, backend.prepare(enrol), backend.prepare(trial)
                )
        return found
