"""What an attacker is, and what it can get hold of: the protocol that every attack follows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from voiceanon.privacy.corpora.recordings import Recording

__all__ = [
    "Attacker",
    "Evidence",
    "FeatureExtractor",
    "Named",
    "SpeakerModel",
    "Verifier",
    "nothing_to_undo",
]

Real = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]


class SpeakerModel(Protocol):
    """A pretrained network that turns speech into a vector that is typical of the speaker.

    Attributes
    ----------
    name : str
        For tables.
    version : str
        Changes when weights or front end change; part of every cache key.
    dimensions : int
        Length of the vector.
    licence : str
        Of the weights.
    """

    name: str
    version: str
    dimensions: int
    licence: str

    def embed(self, samples: Samples) -> Real:
        """Return the vector, (dimensions,), of 16 kHz mono speech of any length from 0.1 s."""


class FeatureExtractor(Protocol):
    """Anything that turns 16 kHz samples into one vector; `name` carries its version.

    It must be picklable, so that several processes can share the work.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 (said by the class)

    def __call__(self, samples: Samples) -> Real:
        """Return the vector, (d,), finite."""


class Verifier(Protocol):
    """Says how likely groups of recordings come from the same speaker."""

    def scores(self, enrol: Real, trial: Real) -> Real:
        """Score pooled groups.

        Parameters
        ----------
        enrol : ndarray of float64, shape (g, n)
            Rows of 0 and 1: which of the corpus's n recordings are pooled in an enrolment.
        trial : ndarray of float64, shape (h, n)
            The same for trials.

        Returns
        -------
        ndarray of float64, shape (h, g)
            Higher means more likely the same speaker.
        """


class Evidence(Protocol):
    """What an attacker can get hold of for one variant of the speech.

    `where` is ``"original"``, ``"enrol"`` and ``"trial"`` (the measured recordings, anonymised with
    independent draws), ``"training"`` (other people's speech, anonymised by the attacker) or
    ``"training original"``.
    """

    variant: str
    recordings: tuple[Recording, ...]
    training: tuple[Recording, ...]
    models: tuple[SpeakerModel, ...]
    seed: bytes
    cache_folder: Path
    workers: int
    options: dict[str, Any]

    def change(self, samples: Samples, rate: int, label: str) -> Samples:
        """Anonymise speech as the attacker can; another label is another draw."""

    def count(self, where: str) -> int:
        """Return the number of recordings there."""

    def samples(self, where: str, index: int) -> Samples:
        """Return one recording, 16 kHz mono."""

    def vectors(self, where: str, model: SpeakerModel) -> Real:
        """Return embeddings, (n, dimensions), from the cache where they are known."""

    def features(
        self, where: str, extractor: FeatureExtractor, rows: Sequence[int] | None = None
    ) -> Real:
        """Return an extractor's vectors, (n, d), from the cache where they are known.

        With `rows`, those of these recordings only.
        """

    def digest(self, where: str) -> str:
        """Return a hash of everything there: audio and speakers."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Say how far long work is; raises KeyboardInterrupt if the user asked to stop."""


class Named(Protocol):
    """What tables say of an attacker, whatever it attacks.

    Attributes
    ----------
    name : str
        For tables and ``--attackers``.
    sides : str
        What is enrolled and tried: ``"o–a"`` original against anonymised, ``"a–a"`` both
        anonymised, ``"d–d"`` both descriptions.
    knowledge : str
        What this attacker has and does, in one sentence.
    """

    name: str
    sides: str
    knowledge: str


class Attacker(Named, Protocol):
    """One way to find the speaker again in audio."""

    def missing(self, evidence: Evidence) -> str | None:
        """Return why this attack cannot be measured here, or None if it can."""

    def verifiers(self, evidence: Evidence) -> dict[str, Verifier]:
        """Return verifiers by configuration; the one with the lowest EER counts."""


def nothing_to_undo(evidence: Evidence) -> str | None:
    """Return why an attack on a change is not measured: raw speech and copies have none.

    Such attacks take minutes each, and weaker attackers recognise an unchanged voice.
    """
    if evidence.options.get("keeps_the_voice"):
        return "the voice is as it was: weaker attackers recognise it"
    return None
