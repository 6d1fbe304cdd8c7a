"""Training material in batches: values scaled, the teacher's features condensed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.checks.phones import SILENCE
from voiceanon.keys import Draws
from voiceanon.privacy.drawing import permutation, uniform
from voiceanon.training.material import (
    FAINTEST_STEP,
    LEVEL_STEP_DB,
    ROWS_A_FRAME,
    Material,
    level_step,
    speaker_means,
    speech_frames,
)
from voiceanon.training.networks import LETTERS
from voiceanon.training.phones import learn_ear
from voiceanon.training.voices import Voices, learn_voices

__all__ = ["GAP", "Batch", "Prepared", "prepare", "prosody_of", "tell_phones"]

_ACTIVE_DB = -40.0
_PAUSE_WEIGHT = 0.1
GAP = 32  # frames of silence between utterances: more than any convolution reaches

Float32 = npt.NDArray[np.float32]
Half = npt.NDArray[np.float16]


@dataclass(frozen=True)
class Batch:
    """Utterances one after another with silence between: float32, (t, …), t always the same.

    Attributes
    ----------
    heard : ndarray, shape (views, t, 4 (values + 1))
        What the encoder hears: rows of 20 ms side by side, in one voice or several.
    spoken : ndarray, shape (t, 4 (values + 1))
        What the decoder should say.
    prosody : ndarray, shape (t, 2)
        Voiced or not, and the level of a description.
    pitch : ndarray, shape (4 t,)
        Of each row, in the speaker's deviations.
    teacher : ndarray, shape (t, features)
        What the teacher heard.
    phones : ndarray, shape (t, phones)
        How likely each phone is.
    weight : ndarray, shape (t, 1)
        1 in speech, less in pauses, 0 between utterances.
    speech : ndarray, shape (t, 1)
        1 where it is loud enough for speech.
    pause : ndarray, shape (t, 1)
        How likely nobody speaks, whatever the room may sound like.
    mask : ndarray, shape (t, 1)
        1 within utterances.
    spans : list of (int, int)
        Where each begins and ends.
    speakers : list of int
        Of the utterances.
    texts : list of list of int
        What is said, as classes of letters.
    """

    heard: Float32
    spoken: Float32
    prosody: Float32
    pitch: Float32
    teacher: Float32
    phones: Float32
    weight: Float32
    speech: Float32
    pause: Float32
    mask: Float32
    spans: list[tuple[int, int]]
    speakers: list[int]
    texts: list[list[int]]


@dataclass(frozen=True)
class Prepared:
    """Scaled material.

    Attributes
    ----------
    mean, scale : ndarray of float32, shape (values,)
        Of active rows; taken out of `heard` and `spoken`.
    """

    material: Material
    mean: Float32
    scale: Float32
    teacher: list[Half]
    features: int
    phones: list[Half]
    voices: Voices

    @property
    def values(self) -> int:
        """How many values a row has."""
        return len(self.mean)

    def batches(
        self, frames: int, draws: Draws, *, views: int = 0, as_recorded: float = 0.0
    ) -> Iterator[Batch]:
        """Yield the material in drawn order, so many frames of 20 ms a batch.

        The encoder hears everything in so many drawn voices, of which the last is the recorded one
        for a share of the utterances; with 0 voices, as it was recorded.
        """
        chosen: list[int] = []
        taken = 0
        for at in permutation(draws, len(self.material.utterances)).tolist():
            needed = len(self.material.utterances[at]) + GAP
            if chosen and taken + needed > frames:
                yield self.batch(chosen, frames, draws, views=views, as_recorded=as_recorded)
                chosen, taken = [], 0
            if needed <= frames:
                chosen.append(at)
                taken += needed
        if chosen:
            yield self.batch(chosen, frames, draws, views=views, as_recorded=as_recorded)

    def recorded(self, index: int) -> Batch:
        """Return one utterance, all of it, as it was recorded."""
        return self.batch([index], len(self.material.utterances[index]))

    def batch(
        self,
        chosen: list[int],
        frames: int,
        draws: Draws | None = None,
        *,
        views: int = 0,
        as_recorded: float = 0.0,
    ) -> Batch:
        """Return these utterances, in so many drawn voices, or as they were recorded.

        In the last voice, each is as it was recorded with this probability.
        """
        size = ROWS_A_FRAME * (self.values + 1)
        heard = np.zeros((max(views, 1), frames, size), np.float32)
        spoken = np.zeros((frames, size), np.float32)
        prosody = np.zeros((frames, 2), np.float32)
        pitch = np.zeros(ROWS_A_FRAME * frames, np.float32)
        teacher = np.zeros((frames, self.features), np.float32)
        phones = np.zeros((frames, self.phones[0].shape[1]), np.float32)
        weight, speech, pause, mask = np.zeros((4, frames, 1), np.float32)
        utterances = [self.material.utterances[i] for i in chosen]
        spans = []
        start = 0
        for index, utterance in zip(chosen, utterances, strict=True):
            t = len(utterance)
            at = slice(start, start + t)
            rows = utterance.rows.astype(np.float32)
            spoken[at] = self._scaled(rows[:, :1], rows[:, 3:])
            heard[0, at] = spoken[at]
            if draws is not None:
                for view in range(views):
                    if view == views - 1 and as_recorded and uniform(draws, 1)[0] < as_recorded:
                        heard[view, at] = spoken[at]
                        continue
                    values = self.voices.another(
                        rows[:, 3:], self.phones[index], utterance.speaker, draws
                    )
                    heard[view, at] = self._scaled(rows[:, :1], values)
            pitch[ROWS_A_FRAME * start : ROWS_A_FRAME * (start + t)] = rows[:, 1]
            prosody[at] = np.stack(prosody_of(utterance.rows), 1)
            teacher[at], phones[at] = self.teacher[index], self.phones[index]
            speech[at, 0] = speech_frames(utterance.rows)
            pause[at] = np.where(speech[at] > 0, phones[at, SILENCE : SILENCE + 1], 1.0)
            weight[at] = np.where(pause[at] < 0.5, 1.0, _PAUSE_WEIGHT)
            mask[at] = 1.0
            spans.append((start, start + t))
            start += t + GAP
        texts = [[1 + LETTERS.index(c) for c in u.text.upper() if c in LETTERS] for u in utterances]
        speakers = [u.speaker for u in utterances]
        return Batch(
            heard,
            spoken,
            prosody,
            pitch,
            teacher,
            phones,
            weight,
            speech,
            pause,
            mask,
            spans,
            speakers,
            texts,
        )

    def _scaled(self, voiced: Float32, values: Float32) -> Float32:
        """Return rows as the networks have them: voiced and values of 20 ms side by side."""
        scaled = np.clip((values - self.mean) / self.scale, -5.0, 5.0)
        return np.hstack([voiced, scaled]).reshape(len(values) // ROWS_A_FRAME, -1)


def prosody_of(rows: Half) -> tuple[Float32, Float32]:
    """Return voiced (0 or 1) and scaled level of each frame of 20 ms, as a description has them."""
    steps = level_step(rows)
    voiced_rows = rows[:, 0].reshape(-1, ROWS_A_FRAME).sum(1)
    voiced = (voiced_rows >= ROWS_A_FRAME / 2) & (steps >= FAINTEST_STEP)
    return voiced.astype(np.float32), steps * np.float32(LEVEL_STEP_DB / 30.0)


def tell_phones(
    material: Material, draws: Draws, progress: Callable[[str, int, int], None]
) -> tuple[list[Half], float]:
    """Return how likely each phone is in every frame of every recording, and how often it is right.

    A small network learns it from what the teacher hears in recordings that are aligned, and tells
    it for all; one recording in twelve of the aligned ones is held out and judges.
    """
    means = speaker_means(material)
    heard = [
        (u.heard.astype(np.float32) - means[u.speaker], u.phones)
        for u in material.utterances
        if u.phones is not None
    ]
    ear = learn_ear(heard, draws, progress)
    told = [ear.hear(u.heard.astype(np.float32) - means[u.speaker]) for u in material.utterances]
    return told, ear.accuracy


def prepare(material: Material, phones: list[Half], *, features: int = 192) -> Prepared:
    """Scale values, and condense the teacher's features to their main directions.

    Parameters
    ----------
    material : Material
        As gathered.
    phones : list of ndarray, shape (t, phones)
        How likely each phone is, a recording.
    features : int
        Directions kept; each is scaled by the square root of its deviation, so that small ones
        count, but less.

    Notes
    -----
    A speaker's own mean is taken out of what the teacher hears, so that nothing about the speaker
    is worth passing on.
    """
    utterances = material.utterances
    active = np.concatenate([_active_rows(u.rows)[::7] for u in utterances]).astype(np.float64)
    mean, scale = active.mean(0), active.std(0) + 1e-6
    own = speaker_means(material)
    covariance = np.zeros((own.shape[1], own.shape[1]))
    for u in utterances:
        off = u.heard.astype(np.float32) - own[u.speaker]
        covariance += off.T @ off
    power, direction = np.linalg.eigh(covariance / sum(map(len, utterances)))
    power, direction = power[::-1][:features], direction[:, ::-1][:, :features]
    gain = np.maximum(power, 1e-9) ** -0.25
    gain *= np.sqrt(features / (gain**2 * power).sum())  # variance 1 on average
    matrix = (direction * gain).astype(np.float32)
    condensed = [
        ((u.heard.astype(np.float32) - own[u.speaker]) @ matrix).astype(np.float16)
        for u in utterances
    ]
    return Prepared(
        material,
        mean.astype(np.float32),
        scale.astype(np.float32),
        condensed,
        features,
        phones,
        learn_voices(utterances, phones, len(material.speakers)),
    )


def _active_rows(rows: Half) -> Half:
    return rows[rows[:, 2] > _ACTIVE_DB][:, 3:]
