"""The stored descriptions of a corpus and of other people's speech, kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voiceanon.abstraction import Abstraction
from voiceanon.describing import abstract
from voiceanon.errors import VoiceanonError
from voiceanon.privacy.cache import Cache
from voiceanon.privacy.collected import Collected
from voiceanon.privacy.sounds import Sound, read_at_own_rate
from voiceanon.privacy.variants import EVALUATION_SECRET, of_recipe
from voiceanon.recipe import Recipe

__all__ = ["Described", "digits_of", "frame_inputs", "is_speech"]

Real = npt.NDArray[np.float64]
Inputs = npt.NDArray[np.float32]

VALUES = 3  # of a digit: -1, 0 and 1
_PAUSE = -8  # the level of a pause; digital silence lies below
_VERSION = "1"  # changes when what is stored of a description does


class Described:
    """What an attacker on descriptions can get hold of.

    Every recording is described once, with draws of its own: it serves as enrolment and as trial.

    Parameters
    ----------
    recipe : Recipe
        How descriptions are made; its removal is ``"bottleneck"``.
    originals : Collected
        The same recordings as they are: what descriptions are made of, and what an attacker who
        trains has of *other* people.
    """

    def __init__(self, recipe: Recipe, originals: Collected) -> None:
        self.recipe, self.originals = recipe, originals
        self.recordings, self.training = originals.recordings, originals.training
        self.cache, self.pool = originals.cache, originals.pool
        self._identity = of_recipe(recipe).identity
        self._known: dict[str, tuple[Abstraction, ...]] = {}

    def descriptions(self, where: str) -> tuple[Abstraction, ...]:
        """Return the descriptions of ``"trial"`` or ``"training"``; what is missing is made."""
        if where not in self._known:
            jobs = [
                _Job(Sound.of(recording), f"{where} {recording.key}", self.recipe, self._identity)
                for recording in self.originals.listed(where)
            ]
            missing = [job for job in jobs if _stored(self.cache, job) is None]
            if missing:
                what = f"{self.recipe.name}: describing {where} speech"
                self.pool.map(what, partial(_describe, self.cache.folder), missing)
            found = [_stored(self.cache, job) for job in jobs]
            if any(described is None for described in found):
                raise VoiceanonError(f"the cache lost descriptions of {where} speech")
            self._known[where] = tuple(described for described in found if described is not None)
        return self._known[where]

    def features(self, where: str, extractor: Callable[[Abstraction], Real]) -> Real:
        """Return an extractor's vectors, (n, d)."""
        return np.stack([extractor(described) for described in self.descriptions(where)])

    def digest(self) -> str:
        """Return a hash of the recipe, and of all recordings and speakers."""
        sides = [self.originals.digest(where) for where in ("trial", "training")]
        return hashlib.sha256(" ".join([_VERSION, self._identity, *sides]).encode()).hexdigest()

    def progress(self, what: str, done: int, total: int) -> None:
        """Say how far long work is."""
        self.pool.progress(f"{self.recipe.name}: {what}", done, total)


def digits_of(described: Abstraction) -> npt.NDArray[np.int64]:
    """Return the digits as 0, 1 and 2, (t, digits)."""
    return np.clip(described.units, -1, 1).astype(np.int64) + 1


def is_speech(described: Abstraction) -> npt.NDArray[np.bool_]:
    """Return which frames are no pause, (t,)."""
    return np.asarray(described.energy > _PAUSE)


def frame_inputs(described: Abstraction) -> Inputs:
    """Return everything that a description says of each frame, (t, 3 digits + 4), for networks.

    One column a value of a digit; voiced or not; pause or not; level and pitch within about ±2.
    """
    digits = digits_of(described)
    one_hot = np.eye(VALUES)[digits].reshape(len(digits), -1)
    level = np.clip(described.energy, _PAUSE, None) / 4.0
    pitch = described.pitch / max(described.pitch_levels / 2, 1.0)
    rest = np.stack([described.voiced, ~is_speech(described), level, pitch], 1)
    return np.hstack([one_hot, rest]).astype(np.float32)


@dataclass(frozen=True)
class _Job:
    sound: Sound
    label: str
    recipe: Recipe
    identity: str

    @property
    def measure(self) -> str:
        return f"description-{_VERSION}-{self.identity[:16]}"

    @property
    def digest(self) -> str:
        said = f"{self.sound.digest()} {self.label}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(said).hexdigest()


def _describe(folder: Path, job: _Job) -> None:
    """Describe one recording into the cache: its frames, then its facts."""
    samples, rate = read_at_own_rate(job.sound)
    made = abstract(samples, rate, EVALUATION_SECRET, recipe=job.recipe, recording=job.label)
    frames = np.column_stack([made.units, made.voiced, made.energy, made.pitch]).astype(np.int8)
    cache = Cache(folder)
    cache.put_array(job.measure, job.digest, frames)
    facts = {"pitch_levels": made.pitch_levels, "n_samples": made.n_samples, "rate": made.rate}
    cache.put_record(job.measure, job.digest, facts)


def _stored(cache: Cache, job: _Job) -> Abstraction | None:
    facts, frames = cache.record(job.measure, job.digest), cache.array(job.measure, job.digest)
    if facts is None or frames is None:
        return None
    whole = frames.astype(np.int8)
    return Abstraction(
        units=whole[:, :-3],
        voiced=whole[:, -3] > 0,
        energy=whole[:, -2],
        pitch=whole[:, -1],
        **facts,
    )
