"""A small evidence without a cache, on the bundled speech, and a speaker model of no network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sounds

from voiceanon import analyze, synthesize, transform
from voiceanon.keys import Draws
from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.drawing import normal
from voiceanon.privacy.statistics import log_mel

STRETCH_S = 1.6
PLACES = ("original", "enrol", "trial", "training", "training original")


def noise(seconds: float, label: str = "noise") -> np.ndarray:
    """White noise of deviation 1 at 16 kHz."""
    return normal(Draws(bytes(32), label), round(16_000 * seconds)).astype(np.float32)


class LongTermSpectrum:
    """A speaker's vector by no network: the mean log-mel spectrum of loud frames, level removed."""

    name = "long-term spectrum"
    dimensions = 40
    licence = "none"

    def __init__(self, version: str = "1") -> None:
        self.version = version

    def embed(self, samples: np.ndarray) -> np.ndarray:
        bands = log_mel(np.pad(samples, (0, max(0, 400 - len(samples)))))
        loud = bands.mean(1) >= np.median(bands.mean(1))
        mean = bands[loud].mean(0)
        return mean - mean.mean()


class FakeEvidence:
    """Stretches of the six bundled recordings; training speech is the same six, in other voices.

    Parameters
    ----------
    change : callable
        (samples, label) → samples: the anonymisation.
    training : bool
        Whether there is training speech.
    per_speaker : int
        Stretches of each of the six.
    cache_folder : Path, optional
        Where attackers remember what they found; without one they may not.
    """

    variant = "fake"
    workers = 1
    change = None

    def __init__(
        self,
        change: Callable[[np.ndarray, str], np.ndarray],
        *,
        training: bool = False,
        per_speaker: int = 2,
        models: tuple[Any, ...] | None = None,
        cache_folder: Path | None = None,
    ) -> None:
        self.change_made = change
        self.seed = bytes(range(32))
        self.options: dict[str, Any] = {}
        self.models = (LongTermSpectrum(),) if models is None else models
        self.cache_folder = cache_folder
        self._known: dict[str, np.ndarray] = {}
        self._sounds: dict[tuple[str, int], np.ndarray] = {}
        rows = [(name, k) for name in sounds.clip_names() for k in range(per_speaker)]
        self.recordings = tuple(
            Recording(f"{name[:-5]}-{k}", name.split("-")[0], Path(name), duration_s=STRETCH_S)
            for name, k in rows
        )
        self.training = (
            tuple(
                Recording(f"other-{r.key}", f"other-{r.speaker}", r.path, duration_s=STRETCH_S)
                for r in self.recordings
            )
            if training
            else ()
        )

    def listed(self, where: str) -> tuple[Recording, ...]:
        assert where in PLACES
        return self.training if where.startswith("training") else self.recordings

    def count(self, where: str) -> int:
        return len(self.listed(where))

    def samples(self, where: str, index: int) -> np.ndarray:
        if (where, index) not in self._sounds:
            self._sounds[where, index] = self._made(where, index)
        return self._sounds[where, index]

    def _made(self, where: str, index: int) -> np.ndarray:
        recording = self.listed(where)[index]
        clip, _ = sounds.clip(recording.path.name)
        start = 8000 + round(int(recording.key[-1]) * STRETCH_S * 16_000) // 2
        stretch = clip[start : start + round(STRETCH_S * 16_000)].copy()
        if where.startswith("training"):
            frames = analyze(stretch, 16_000)
            stretch = synthesize(transform.scale_formants(frames, 0.88))
        if where.endswith("original"):
            return stretch
        return self.change_made(stretch, f"{where} {recording.key}")

    def features(self, where: str, extractor: Any, rows: Any = None) -> np.ndarray:
        if rows is not None:
            return np.stack([extractor(self.samples(where, i)) for i in rows])
        key = f"{where} {extractor.name}"
        if key not in self._known:
            rows = [extractor(self.samples(where, i)) for i in range(self.count(where))]
            self._known[key] = np.stack(rows)
        return self._known[key]

    def vectors(self, where: str, model: Any) -> np.ndarray:
        class Heard:
            name = f"{model.name} {model.version}"

            def __call__(self, samples: np.ndarray) -> np.ndarray:
                return model.embed(samples)

        return self.features(where, Heard())

    def digest(self, where: str) -> str:
        total = hashlib.sha256()
        for index in range(self.count(where)):
            total.update(self.samples(where, index).tobytes())
        return total.hexdigest()

    def progress(self, what: str, done: int, total: int) -> None:
        assert 0 <= done <= total, what
