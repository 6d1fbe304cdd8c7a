"""Any-to-any voice conversion: what one person says, in sounds taken from another's recordings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError
from voiceanon.frames import Frames, analyze, synthesize
from voiceanon.privacy.content import CONTENT_HOP_S, ContentEncoder
from voiceanon.privacy.statistics import RATE

__all__ = ["NEIGHBOURS", "Spoken", "Target", "convert", "listen", "target_voice"]

Float32 = npt.NDArray[np.float32]

NEIGHBOURS = 2  # published is 4 with a network that speaks; envelopes blur sooner
_FLOOR_POWER = 1e-13  # what synthesis floors a power at
_MOST_POWER = 1e8
_LOWEST_HZ, _HIGHEST_HZ = 40.0, 1000.0
_BLOCK = 500  # source frames matched at once


@dataclass(frozen=True)
class Spoken:
    """A recording as what is said and how it sounds.

    Attributes
    ----------
    content : ndarray of float32, shape (t, d)
        One vector of length 1 every 20 ms.
    frames : Frames
        At least 4 t frames of 5 ms.
    """

    content: Float32
    frames: Frames


@dataclass(frozen=True)
class Target:
    """A voice to speak in: its sounds, each with the content that it is found by.

    Attributes
    ----------
    content : ndarray of float32, shape (t, d)
        One vector of length 1 every 20 ms.
    log_envelope, aperiodicity : ndarray of float32, shape (t, 4, bins)
        The sound: four frames of natural-log power, and of the share of noise.
    log_f0_hz : float or None
        Median of natural-log f0; None for a voice without a voiced frame.
    seconds : float
        Length of the recordings.
    """

    content: Float32
    log_envelope: Float32
    aperiodicity: Float32
    log_f0_hz: float | None
    seconds: float


def listen(samples: Float32, encoder: ContentEncoder) -> Spoken:
    """Return a recording as `convert` takes it.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        16 kHz mono, 0.1 s or more.
    encoder : ContentEncoder
        What is said.
    """
    frames = analyze(samples, RATE)
    content = encoder(samples)
    return Spoken(content[: len(frames) // _per_content(frames)], frames)


def target_voice(recordings: Iterable[Spoken], most_s: float = 180.0) -> Target:
    """Return the voice of recordings of one person.

    Parameters
    ----------
    recordings : iterable of Spoken
        Taken in turn until there is enough.
    most_s : float
        How much is enough, in seconds.

    Raises
    ------
    InputError
        If there is no recording.
    """
    contents, envelopes, noises, pitches = [], [], [], []
    seconds = 0.0
    for spoken in recordings:
        count, step = len(spoken.content), _per_content(spoken.frames)
        contents.append(spoken.content)
        logs = np.log(np.maximum(spoken.frames.envelope[: count * step], _FLOOR_POWER))
        envelopes.append(logs.reshape(count, step, -1))
        noises.append(spoken.frames.aperiodicity[: count * step].reshape(count, step, -1))
        pitches.append(np.log(spoken.frames.f0_hz[spoken.frames.voiced]))
        seconds += count * CONTENT_HOP_S
        if seconds >= most_s:
            break
    if not contents:
        raise InputError("a target voice needs one recording or more")
    pitch = np.concatenate(pitches)
    return Target(
        np.concatenate(contents),
        np.concatenate(envelopes),
        np.concatenate(noises),
        float(np.median(pitch)) if len(pitch) else None,
        seconds,
    )


def convert(source: Spoken, target: Target, neighbours: int = NEIGHBOURS) -> Float32:
    """Return the source's words in the target's voice.

    Parameters
    ----------
    source : Spoken
        What is said, and when; its f0 contour is moved to the target's median.
    target : Target
        The voice.
    neighbours : int
        How many of the target's sounds are averaged for each of the source's, 1 or more.

    Returns
    -------
    ndarray of float32, shape (n,)
        16 kHz, within ±1; the source's length, to within 20 ms.

    Raises
    ------
    InputError
        If `neighbours` is less than 1, or content vectors differ in size.

    Notes
    -----
    Nearest neighbours by cosine, as in kNN-VC (Baas, van Niekerk and Kamper 2023), but of envelopes
    and aperiodicity, averaged in log power, and through this package's own synthesis.
    """
    if neighbours < 1:
        raise InputError(f"neighbours is {neighbours}: it must be 1 or more")
    if source.content.shape[1] != target.content.shape[1]:
        raise InputError(
            f"content has {source.content.shape[1]} and {target.content.shape[1]} values: source "
            "and target must come from one encoder"
        )
    step, count = _per_content(source.frames), len(source.content)
    kept = min(neighbours, len(target.content))
    envelope = np.empty((count, step, target.log_envelope.shape[2]), np.float32)
    noise = np.empty_like(envelope)
    for start in range(0, count, _BLOCK):
        closeness = source.content[start : start + _BLOCK] @ target.content.T
        near = np.argpartition(-closeness, kept - 1, axis=1)[:, :kept]
        envelope[start : start + _BLOCK] = target.log_envelope[near].mean(1)
        noise[start : start + _BLOCK] = target.aperiodicity[near].mean(1)
    total = count * step
    voiced = source.frames.voiced[:total]
    power = np.clip(np.exp(envelope), 0.0, _MOST_POWER).reshape(total, -1)
    noise = np.where(voiced[:, None], np.clip(noise.reshape(total, -1), 0.0, 1.0), 1.0)
    samples = min(source.frames.n_samples, round(total * source.frames.hop_s * RATE))
    return synthesize(
        replace(
            source.frames,
            f0_hz=_moved_f0_hz(source.frames.f0_hz[:total], voiced, target.log_f0_hz),
            voiced=voiced,
            envelope=power,
            aperiodicity=noise.astype(np.float32),
            n_samples=samples,
        )
    )


def _moved_f0_hz(
    f0_hz: Float32, voiced: npt.NDArray[np.bool_], log_median: float | None
) -> Float32:
    moved = np.array(f0_hz, dtype=np.float32)
    if voiced.any() and log_median is not None:
        logs = np.log(f0_hz[voiced])
        shifted = np.exp(logs - np.median(logs) + log_median)
        moved[voiced] = np.clip(shifted, _LOWEST_HZ, _HIGHEST_HZ)
    return moved


def _per_content(frames: Frames) -> int:
    return round(CONTENT_HOP_S / frames.hop_s)
