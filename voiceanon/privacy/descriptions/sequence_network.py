"""The attacker with a network: it learns to hear speakers in the sequence of frames."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from voiceanon.checks.optional import why_missing
from voiceanon.keys import Draws
from voiceanon.privacy.attack import SpeakerModel, Verifier
from voiceanon.privacy.attackers.fine_tuning import FineTuning, Material, fine_tune
from voiceanon.privacy.attackers.speaker_network import SpeakerNetwork, computing, fresh_network
from voiceanon.privacy.attackers.trained import no_training, training_speakers, verifiers_of
from voiceanon.privacy.backends import Cosine, PooledVerifier
from voiceanon.privacy.descriptions.attacking import View
from voiceanon.privacy.descriptions.described import Described, frame_inputs

__all__ = ["SequenceNetwork"]

_VERSION = "1"  # changes when a training with the same settings gives something else
_DIMENSIONS = 192


class SequenceNetwork:
    """Trains a time-delay network on descriptions of other people, then LDA and PLDA.

    Where a pretrained speaker model is there, it is the teacher: the network learns to give a
    description the vector that the teacher gives the original.

    Parameters
    ----------
    settings : FineTuning, optional
        Of the training.
    """

    name = "sequence network"
    sides = "d–d"
    knowledge = (
        "trains a time-delay network on whole descriptions (units, voicing, level, pitch) of other "
        "people, whose originals it has, and LDA and PLDA on what the network then tells"
    )
    # As with a fine-tuned network: the training speakers' own vectors are too tight to learn from.
    fused = ("cosine+centred",)

    def __init__(self, settings: FineTuning | None = None) -> None:
        # Where others use the machine too, two threads wait for each other longer than one works.
        self._settings = settings or FineTuning(steps=400, learning_rate=1e-3, threads=1)

    def missing(self, described: Described) -> str | None:
        """Return why it cannot be measured, or None."""
        return no_training(described) or why_missing("torch")

    def verifiers(self, described: Described) -> dict[str, Verifier]:
        """Return every back-end on the network's vectors."""
        known, seen = self.views(described)["network"]
        found: dict[str, Verifier] = {}
        for name, backend in (("cosine", Cosine()), ("cosine+centred", Cosine(seen.mean(0)))):
            ready = backend.prepare(seen)
            found[name] = PooledVerifier(backend, ready, ready)
        return found | verifiers_of(described, known, seen, seen)

    def views(self, described: Described) -> dict[str, View]:
        """Return vectors of training and of measured descriptions; trains first if need be."""
        teacher = described.originals.models[0] if described.originals.models else None
        taught = f"{teacher.name} {teacher.version}" if teacher else "no teacher"
        label = json.dumps([_VERSION, taught, asdict(self._settings), described.digest()])
        digest = hashlib.sha256(label.encode()).hexdigest()
        cache, measures = described.cache, ("description-network-training", "description-network")
        known, seen = (cache.array(measure, digest) for measure in measures)
        if known is None or seen is None:
            network = _trained(described, self._settings, teacher)
            known, seen = (
                _embedded(network, described, where, self._settings.threads)
                for where in ("training", "trial")
            )
            for measure, vectors in zip(measures, (known, seen), strict=True):
                cache.put_array(measure, digest, vectors)
        return {"network": (known, seen)}


def _trained(
    described: Described, settings: FineTuning, teacher: SpeakerModel | None
) -> SpeakerNetwork:
    draws = Draws(described.originals.seed, "sequence network", _VERSION)
    frames = _frames(described, "training")
    size = teacher.dimensions if teacher else _DIMENSIONS
    network = fresh_network(draws.integer(1 << 32), frames[0].shape[1], size)
    targets = described.originals.vectors("training original", teacher) if teacher else None
    _, speakers = np.unique(training_speakers(described), return_inverse=True)
    fine_tune(
        network,
        Material([frames], speakers.astype(np.int64), targets, centred=False),
        settings,
        draws,
        lambda done, total: described.progress("training a network on descriptions", done, total),
    )
    return network


def _frames(described: Described, where: str) -> Sequence[npt.NDArray[np.float16]]:
    return [frame_inputs(one).astype(np.float16) for one in described.descriptions(where)]


def _embedded(
    network: SpeakerNetwork, described: Described, where: str, threads: int
) -> npt.NDArray[np.float64]:
    with computing(threads):
        return np.stack([network.embed(frames) for frames in _frames(described, where)])
