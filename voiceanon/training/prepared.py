"""Training material in batches: values scaled, the teacher's features condensed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.keys import Draws
from voiceanon.privacy.drawing import normal, permutation, uniform
from voiceanon.training.material import ROWS_A_FRAME, Material
from voiceanon.training.networks import LETTERS
from voiceanon.warping import tract_warp

__all__ = ["GAP", "Batch", "Prepared", "level_step", "prepare", "prosody_of"]

# What a description keeps of level: whole steps of this size, in dB, within these bounds.
LEVEL_STEP_DB = 6.0
LOWEST_DB, HIGHEST_DB = -60.0, 12.0
_ACTIVE_DB = -40.0
_MEAN_PRIOR_FRAMES = 1500.0
_WARP_SCALES = np.exp(np.linspace(-0.13, 0.13, 9))
_TILT_DEVIATION = 0.12
GAP = 32  # frames of silence between utterances: more than any convolution reaches

Float32 = npt.NDArray[np.float32]
Half = npt.NDArray[np.float16]


@dataclass(frozen=True)
class Batch:
    """Utterances one after another with silence between: float32, (t, …), t always the same.

    Attributes
    ----------
    heard : ndarray, shape (t, 4 (values + 1))
        What the encoder hears: rows of 20 ms side by side, as another voice might have said them.
    spoken : ndarray, shape (t, 4 (values + 1))
        What the decoder should say.
    prosody : ndarray, shape (t, 2)
        Voiced or not, and the level of a description.
    teacher : ndarray, shape (t, features)
        What the teacher heard.
    weight : ndarray, shape (t, 1)
        1 in active speech, less in silence, 0 between utterances.
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
    teacher: Float32
    weight: Float32
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

    @property
    def values(self) -> int:
        """How many values a row has."""
        return len(self.mean)

    def batches(self, frames: int, draws: Draws) -> Iterator[Batch]:
        """Yield the material in drawn order, so many frames of 20 ms a batch."""
        chosen: list[int] = []
        taken = 0
        for at in permutation(draws, len(self.material.utterances)).tolist():
            needed = len(self.material.utterances[at]) + GAP
            if chosen and taken + needed > frames:
                yield self.batch(chosen, frames, draws)
                chosen, taken = [], 0
            if needed <= frames:
                chosen.append(at)
                taken += needed
        if chosen:
            yield self.batch(chosen, frames, draws)

    def batch(self, chosen: list[int], frames: int, draws: Draws | None) -> Batch:
        """Return these utterances; with draws, the encoder hears them in other voices."""
        size = ROWS_A_FRAME * (self.values + 1)
        heard, spoken = np.zeros((2, frames, size), np.float32)
        prosody = np.zeros((frames, 2), np.float32)
        teacher = np.zeros((frames, self.features), np.float32)
        weight, mask = np.zeros((2, frames, 1), np.float32)
        utterances = [self.material.utterances[i] for i in chosen]
        spans = []
        start = 0
        for index, utterance in zip(chosen, utterances, strict=True):
            t = len(utterance)
            at = slice(start, start + t)
            rows = utterance.rows.astype(np.float32)
            plain = rows[:, 3:]
            altered = plain if draws is None else _altered(plain, draws)
            for where, values in ((heard, altered), (spoken, plain)):
                scaled = np.clip((values - self.mean) / self.scale, -5.0, 5.0)
                where[at] = np.hstack([rows[:, :1], scaled]).reshape(t, size)
            prosody[at] = np.stack(prosody_of(rows), 1)
            teacher[at] = self.teacher[index]
            loudest = rows[:, 2].reshape(t, ROWS_A_FRAME).max(1)
            weight[at, 0] = np.where(loudest > _ACTIVE_DB, 1.0, 0.1)
            mask[at] = 1.0
            spans.append((start, start + t))
            start += t + GAP
        texts = [[1 + LETTERS.index(c) for c in u.text.upper() if c in LETTERS] for u in utterances]
        speakers = [u.speaker for u in utterances]
        return Batch(heard, spoken, prosody, teacher, weight, mask, spans, speakers, texts)


def prosody_of(rows: Float32) -> tuple[Float32, Float32]:
    """Return voiced (0 or 1) and scaled level of each frame of 20 ms, as a description has them."""
    frames = rows.reshape(len(rows) // ROWS_A_FRAME, ROWS_A_FRAME, -1)
    voiced = (frames[:, :, 0].sum(1) >= ROWS_A_FRAME / 2).astype(np.float32)
    return voiced, level_step(frames[:, :, 2].max(1)) * (LEVEL_STEP_DB / 30.0)


def level_step(level_db: Float32) -> Float32:
    """Return a level in whole steps of 6 dB, -10 to 2."""
    bounded = np.clip(level_db, LOWEST_DB, HIGHEST_DB)
    return np.asarray(np.rint(bounded / LEVEL_STEP_DB), np.float32)


def _altered(values: Float32, draws: Draws) -> Float32:
    """Return the values as a longer or shorter tract in another room would have them."""
    u = uniform(draws, 2)
    count = values.shape[1]
    if u[0] < 0.75:
        scale = float(_WARP_SCALES[int(u[1] * len(_WARP_SCALES))])
        values = values @ tract_warp(count, scale).T
    tilt = _TILT_DEVIATION * normal(draws, count) / (1 + np.arange(count) / 4)
    return np.asarray(values + tilt, np.float32)


def prepare(material: Material, *, features: int = 192) -> Prepared:
    """Scale values, and condense the teacher's features to their main directions.

    Parameters
    ----------
    material : Material
        As gathered.
    features : int
        Directions kept; each is scaled by the square root of its deviation, so that small ones
        count, but less.

    Notes
    -----
    A speaker's own mean is taken out of what the teacher hears, as far as there is speech to know
    it by, so that nothing about the speaker is worth passing on.
    """
    utterances = material.utterances
    active = np.concatenate([_active_rows(u.rows)[::7] for u in utterances]).astype(np.float64)
    mean, scale = active.mean(0), active.std(0) + 1e-6
    size = utterances[0].heard.shape[1]
    count = np.zeros(len(material.speakers))
    total = np.zeros((len(material.speakers), size))
    for u in utterances:
        count[u.speaker] += len(u)
        total[u.speaker] += u.heard.astype(np.float32).sum(0)
    middle = total.sum(0) / count.sum()
    own = (total + _MEAN_PRIOR_FRAMES * middle) / (count + _MEAN_PRIOR_FRAMES)[:, None]
    covariance = np.zeros((size, size))
    for u in utterances:
        off = u.heard.astype(np.float32) - own[u.speaker].astype(np.float32)
        covariance += off.T @ off
    power, direction = np.linalg.eigh(covariance / count.sum())
    power, direction = power[::-1][:features], direction[:, ::-1][:, :features]
    gain = np.maximum(power, 1e-9) ** -0.25
    gain *= np.sqrt(features / (gain**2 * power).sum())  # variance 1 on average
    matrix = (direction * gain).astype(np.float32)
    condensed = [
        ((u.heard.astype(np.float32) - own[u.speaker].astype(np.float32)) @ matrix).astype(
            np.float16
        )
        for u in utterances
    ]
    return Prepared(
        material, mean.astype(np.float32), scale.astype(np.float32), condensed, features
    )


def _active_rows(rows: Half) -> Half:
    return rows[rows[:, 2] > _ACTIVE_DB][:, 3:]
