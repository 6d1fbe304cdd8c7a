"""Back-ends trained on vectors of anonymised speech, whatever the vectors are."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from voiceanon.privacy.attack import Verifier
from voiceanon.privacy.backends import PooledVerifier, trained_backends
from voiceanon.privacy.corpora.recordings import Recording

__all__ = ["FUSED", "HasTraining", "no_training", "training_speakers", "verifiers_of"]

Real = npt.NDArray[np.float64]

# The back-ends that are not chosen by their results: what a fusion of attackers takes from each.
FUSED = ("plda-shrink0.1+centred", "lda60-shrink0.1+centred")


class HasTraining(Protocol):
    """Evidence of any kind that has recordings of other people to train on."""

    @property
    def training(self) -> tuple[Recording, ...]: ...  # noqa: D102 (said by the class)


def no_training(evidence: HasTraining) -> str | None:
    """Return why nothing can be trained, or None."""
    if not evidence.training:
        return "no speech of other speakers to train on: give --train"
    names = [recording.speaker for recording in evidence.training]
    if len(set(names)) < 3 or len(set(names)) == len(names):
        return (
            f"{len(set(names))} training speakers with {len(names)} recordings: "
            "three speakers are needed, one of them with two recordings"
        )
    return None


def training_speakers(evidence: HasTraining) -> npt.NDArray[np.str_]:
    """Return whose each training recording is, (n,)."""
    return np.array([recording.speaker for recording in evidence.training])


def verifiers_of(
    evidence: HasTraining, known: Real, enrol: Real, trial: Real, prefix: str = ""
) -> dict[str, Verifier]:
    """Train every back-end on `known`, (m, d), and let it score `enrol` against `trial`, (n, d)."""
    seen = np.concatenate([enrol, trial])
    backends = trained_backends(known, training_speakers(evidence), seen)
    return {
        f"{prefix}{name}": PooledVerifier(backend, backend.prepare(enrol), backend.prepare(trial))
        for name, backend in backends.items()
    }
