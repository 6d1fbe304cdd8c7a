"""What attackers get hold of, collected on disk: anonymised speech, and vectors made of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError, VoiceanonError
from voiceanon.keys import derive
from voiceanon.privacy.attack import FeatureExtractor, SpeakerModel
from voiceanon.privacy.cache import Cache
from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.sounds import Sound, read_at_own_rate
from voiceanon.privacy.variants import EVALUATION_SECRET, Variant
from voiceanon.privacy.workers import Workers

__all__ = ["Collected"]

Real = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]


@dataclass
class Collected:
    """The evidence for one variant; see `voiceanon.privacy.attack.Evidence`.

    Parameters
    ----------
    variant_made : Variant
        What was done to the speech.
    recordings, training : tuple of Recording
        The measured corpus, and other people's speech.
    models : tuple of SpeakerModel
        Strongest first.
    cache : Cache
        Where audio and vectors lie.
    pool : Workers
        Who computes.
    options : dict
        Settings of attackers.
    """

    variant_made: Variant
    recordings: tuple[Recording, ...]
    training: tuple[Recording, ...]
    models: tuple[SpeakerModel, ...]
    cache: Cache
    pool: Workers
    options: dict[str, Any] = field(default_factory=dict)
    work_s: float = 0.0
    made_s: float = 0.0

    def __post_init__(self) -> None:
        self.variant = self.variant_made.name
        self.seed = derive(EVALUATION_SECRET, "attackers", self.variant_made.identity)
        self.cache_folder = self.cache.folder
        self.workers = self.pool.count
        self._sounds: dict[str, list[Sound]] = {}
        self._vectors: dict[tuple[str, str], Real] = {}

    # --- where things are -----------------------------------------------------------------------

    def listed(self, where: str) -> tuple[Recording, ...]:
        """Return the recordings of the corpus that `where` is made from."""
        if where in ("original", "enrol", "trial"):
            return self.recordings
        if where in ("training", "training original"):
            return self.training
        raise InputError(f"where is {where!r}: original, enrol, trial, training, training original")

    def count(self, where: str) -> int:
        """Return the number of recordings there."""
        return len(self.listed(where))

    def sounds(self, where: str) -> list[Sound]:
        """Return where the audio lies; what is missing is made."""
        side = self._side(where)
        if side not in self._sounds:
            if side in ("original", "training original") or self.variant_made.kind == "raw":
                self._sounds[side] = [Sound.of(recording) for recording in self.listed(where)]
            else:
                self._sounds[side] = self._made(side)
        return self._sounds[side]

    def paths(self, where: str) -> list[Path]:
        """Return the files; a recording that is a stretch of a file shares it with others."""
        return [sound.path for sound in self.sounds(where)]

    def _side(self, where: str) -> str:
        """Enrolment and trial are one set where every recording is a draw of its own."""
        self.listed(where)
        if where == "enrol" and not self.variant_made.needs_two_sides:
            return "trial"
        return where

    def _made(self, side: str) -> list[Sound]:
        folder = self.cache.folder / "audio" / self.variant_made.identity[:16] / side
        tasks = []
        for recording in self.listed(side):
            sound = Sound.of(recording)
            label = f"{sound.digest()} {recording.key} {recording.speaker}"
            name = hashlib.sha256(label.encode("utf-8", "surrogatepass")).hexdigest()[:32]
            target = folder / f"{name}.wav"
            tasks.append(_Job(sound, recording.key, recording.speaker, target))
        missing = [task for task in tasks if not task.target.exists()]
        if missing:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            what = f"{self.variant}: anonymizing {'training speech' if side == 'training' else ''}"
            change = partial(_make, self.variant_made, side)
            for audio_s, took_s in self.pool.map(what.rstrip(), change, missing):
                self.made_s += audio_s
                self.work_s += took_s
        return [Sound(task.target) for task in tasks]

    # --- what is computed -----------------------------------------------------------------------

    def samples(self, where: str, index: int) -> Samples:
        """Return one recording, 16 kHz mono."""
        return self.sounds(where)[index].read()

    def vectors(self, where: str, model: SpeakerModel) -> Real:
        """Return embeddings, (n, dimensions)."""
        return self.features(where, _Embedding(model))

    def features(
        self, where: str, extractor: FeatureExtractor, rows: Sequence[int] | None = None
    ) -> Real:
        """Return an extractor's vectors, (n, d), of all recordings or of some."""
        if rows is not None:
            sounds = self.sounds(where)
            return self._heard(where, extractor, [sounds[row] for row in rows])
        found = (self._side(where), extractor.name)
        if found not in self._vectors:
            self._vectors[found] = self._heard(where, extractor, self.sounds(where))
        return self._vectors[found]

    def _heard(self, where: str, extractor: FeatureExtractor, sounds: Sequence[Sound]) -> Real:
        vectors = [self.cache.array(extractor.name, sound.digest()) for sound in sounds]
        missing = [sound for sound, known in zip(sounds, vectors, strict=True) if known is None]
        if missing:
            what = f"{self.variant}: {extractor.name} of {where} speech"
            self.pool.map(what, partial(_hear, extractor, self.cache.folder), missing)
            vectors = [self.cache.array(extractor.name, sound.digest()) for sound in sounds]
        if any(vector is None for vector in vectors):
            raise VoiceanonError(f"the cache lost {extractor.name} of {where} speech")
        return np.stack([vector for vector in vectors if vector is not None])

    def digest(self, where: str) -> str:
        """Return a hash of everything there: audio and speakers."""
        total = hashlib.sha256()
        for recording, sound in zip(self.listed(where), self.sounds(where), strict=True):
            total.update(
                f"{recording.speaker}\0{sound.digest()}\n".encode("utf-8", "surrogatepass")
            )
        return total.hexdigest()

    def change(self, samples: Samples, rate: int, label: str) -> Samples:
        """Anonymise speech as the attacker can: another label is another draw."""
        return self.variant_made.change("training")(samples, rate, label, label)

    def progress(self, what: str, done: int, total: int) -> None:
        """Say how far long work is."""
        self.pool.progress(f"{self.variant}: {what}", done, total)


@dataclass(frozen=True)
class _Job:
    sound: Sound
    key: str
    speaker: str
    target: Path


@dataclass(frozen=True)
class _Embedding:
    """A speaker model as an extractor."""

    model: SpeakerModel

    @property
    def name(self) -> str:
        return f"embedding-{self.model.name}-{self.model.version}"

    def __call__(self, samples: Samples) -> Real:
        return self.model.embed(samples)


def _make(variant: Variant, side: str, job: _Job) -> tuple[float, float]:
    """Anonymise one recording into a file; return seconds of audio and of work."""
    import time

    import soundfile

    samples, rate = read_at_own_rate(job.sound)
    began = time.process_time()
    made = variant.change(side)(samples, rate, job.key, job.speaker)
    took_s = time.process_time() - began
    if made.shape != samples.shape or not np.isfinite(made).all():
        raise InputError(
            f"variant {variant.name!r} made {made.shape} of {samples.shape} samples"
            f"{'' if np.isfinite(made).all() else ', some of them not finite'}"
        )
    part = job.target.with_suffix(f".{os.getpid()}.part")
    soundfile.write(part, np.clip(made, -1, 1), rate, subtype="PCM_16", format="WAV")
    part.replace(job.target)
    return len(samples) / rate, took_s


def _hear(extractor: FeatureExtractor, folder: Path, sound: Sound) -> None:
    """Compute one vector into the cache."""
    vector = np.asarray(extractor(sound.read()), dtype=np.float64)
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise VoiceanonError(f"{extractor.name} gave {vector.shape}, which is no finite vector")
    Cache(folder).put_array(extractor.name, sound.digest(), vector)


def usable(
    recordings: Sequence[Recording], pool: Workers, what: str
) -> tuple[tuple[Recording, ...], list[tuple[str, str]]]:
    """Return the recordings that can be read whole, and (key, reason) of the others."""
    reasons = pool.map(what, _reason_against, [Sound.of(recording) for recording in recordings])
    good = tuple(r for r, reason in zip(recordings, reasons, strict=True) if reason is None)
    bad = [
        (r.key, reason) for r, reason in zip(recordings, reasons, strict=True) if reason is not None
    ]
    return good, bad


def _reason_against(sound: Sound) -> str | None:
    try:
        samples = sound.read()
    except (VoiceanonError, OSError) as error:
        return str(error)
    if len(samples) < 1600:
        return f"holds {len(samples) / 16000:.3f} s: at least 0.1 s is needed"
    if not samples.any():
        return "is silent from start to end"
    return None
