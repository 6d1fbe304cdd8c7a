"""The attacker who trains on anonymised speech of other people: LDA and PLDA on embeddings."""

from __future__ import annotations

import numpy as np

from voiceanon.privacy.attack import Evidence, Verifier
from voiceanon.privacy.attackers.trained import no_training, verifiers_of

__all__ = ["SemiInformed"]


class SemiInformed:
    """LDA and PLDA over pretrained embeddings, of each model and of all models joined."""

    name = "semi-informed"
    sides = "a–a"
    knowledge = (
        "also anonymises speech of many other people and trains LDA and PLDA on its embeddings, to "
        "learn what the recipe leaves of a speaker"
    )

    def missing(self, evidence: Evidence) -> str | None:
        """Return why it cannot be measured, or None."""
        if not evidence.models:
            return "no speaker model is installed"
        return no_training(evidence)

    def verifiers(self, evidence: Evidence) -> dict[str, Verifier]:
        """Return every back-end for each model and, with several, for all of them joined."""
        found: dict[str, Verifier] = {}
        everything = [
            [evidence.vectors(where, model) for where in ("training", "enrol", "trial")]
            for model in evidence.models
        ]
        for model, (known, enrol, trial) in zip(evidence.models, everything, strict=True):
            found |= verifiers_of(evidence, known, enrol, trial, prefix=f"{model.name} ")
        if len(everything) > 1:
            known, enrol, trial = (np.hstack(parts) for parts in zip(*everything, strict=True))
            found |= verifiers_of(evidence, known, enrol, trial, prefix="all models ")
        return found
