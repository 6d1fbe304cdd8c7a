"""The attacker who clones a voice from anonymised speech and plays the clone to who knows it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.privacy.attack import (
    Evidence,
    SpeakerModel,
    Verifier,
    nothing_to_undo,
)
from voiceanon.privacy.backends import Cosine, PooledVerifier, unit
from voiceanon.privacy.clone_making import CloneSettings, clone_sides, sources
from voiceanon.privacy.clones import clone_result
from voiceanon.privacy.content import CepstralContent, ContentEncoder, WhisperContent
from voiceanon.privacy.conversion import Spoken, convert, listen, target_voice

__all__ = ["Cloning", "HeardClones", "clone_result", "content_encoder"]

Real = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

_VERSION = "1"
# For the equal error rate every recording is cloned; two sentences of this length speak for it.
_SENTENCES, _SENTENCE_S = 2, 5.0


def content_encoder(folder: str | Path | None) -> ContentEncoder:
    """Return what drives the conversion: the Whisper model in a folder, or cepstra without one."""
    return CepstralContent() if folder is None else WhisperContent(Path(folder))


@dataclass(frozen=True, eq=False)
class HeardClones:
    """What a speaker model hears when fixed sentences are spoken in a recording's voice.

    Parameters
    ----------
    model : SpeakerModel
        What listens.
    encoder : ContentEncoder
        What drives the conversion.
    sentences : tuple of ndarray of float32
        16 kHz speech of somebody else.
    """

    model: SpeakerModel
    encoder: ContentEncoder
    sentences: tuple[Float32, ...]

    @property
    def name(self) -> str:
        """Carries the versions of the encoder and the model, and a hash of the sentences."""
        said = hashlib.sha256(b"".join(s.tobytes() for s in self.sentences)).hexdigest()[:16]
        driver = f"{self.encoder.name}-{self.encoder.version}"
        return f"clones-{_VERSION}-{said}-{driver}-{self.model.name}-{self.model.version}"

    @cached_property
    def _spoken(self) -> list[Spoken]:
        return [listen(sentence, self.encoder) for sentence in self.sentences]

    def __call__(self, samples: Float32) -> Real:
        """Return the mean vector of the clones, (dimensions,)."""
        target = target_voice([listen(samples, self.encoder)])
        heard = [unit(self.model.embed(convert(spoken, target))) for spoken in self._spoken]
        return np.asarray(np.mean(heard, axis=0))


class Cloning:
    """Any-to-any voice conversion into the voice of anonymised speech.

    Parameters
    ----------
    encoder : ContentEncoder, optional
        What drives the conversion. If not given, the Whisper model in the folder
        ``evidence.options["whisper_folder"]``, and plain cepstra where that is not set.
    settings : CloneSettings, optional
        How many clones are made for the share that passes.
    """

    name = "cloning"
    sides = "o–a"
    knowledge = (
        "has original recordings of the people, lets a voice conversion speak in the anonymised "
        "voices, and compares the clones with the original speakers"
    )

    def __init__(
        self, encoder: ContentEncoder | None = None, settings: CloneSettings | None = None
    ) -> None:
        self._encoder = encoder
        self._settings = settings

    def missing(self, evidence: Evidence) -> str | None:
        """Return why it cannot be measured, or None."""
        if (why := nothing_to_undo(evidence)) is not None:
            return why
        if not evidence.models:
            return "no speaker model is installed"
        if clone_sides(evidence) is None:
            return "cloning needs two speakers with two recordings each"
        if not evidence.training and len({r.speaker for r in evidence.recordings}) < 3:
            return "cloning needs other people's speech: give --train"
        return None

    def verifiers(self, evidence: Evidence) -> dict[str, Verifier]:
        """Return clones of every recording against original enrolments.

        Without training speech there are none: the sentences would be those of people under attack.
        """
        if not evidence.training:
            return {}
        model, encoder = evidence.models[0], self._chosen(evidence)
        sentences = tuple(sound for _, sound in sources(evidence, _SENTENCES, _SENTENCE_S))
        clones = evidence.features("trial", HeardClones(model, encoder, sentences))
        original = unit(evidence.vectors("original", model))
        plain = Cosine()
        # What the conversion does to everybody alike is gone once each side has its own centre.
        own = [plain.prepare(side - side.mean(0)) for side in (original, clones)]
        return {
            f"{encoder.name}, cosine": PooledVerifier(plain, original, plain.prepare(clones)),
            f"{encoder.name}, cosine, centred": PooledVerifier(plain, *own),
        }

    def extra(self, evidence: Evidence) -> dict[str, Any]:
        """Return ``{"cloning": …}``: the share of clones that pass for the original speaker."""
        encoder = self._chosen(evidence)
        return {"cloning": clone_result(evidence, evidence.models, encoder, self._settings)}

    def _chosen(self, evidence: Evidence) -> ContentEncoder:
        return self._encoder or content_encoder(evidence.options.get("whisper_folder"))
