"""Other voices for the same words: how each training speaker's phones differ from everybody's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.keys import Draws
from voiceanon.privacy.drawing import normal, uniform
from voiceanon.training.material import ROWS_A_FRAME, Utterance, speech_frames
from voiceanon.warping import tract_warp

__all__ = ["Voices", "learn_voices"]

_PRIOR_FRAMES = 15.0
_CONVERTED_SHARE = 0.9
_LARGEST_AMOUNT = 1.3  # of the way from everybody to a speaker
_WARPED_SHARE = 0.75
_WARP_SCALES = np.exp(np.linspace(-0.13, 0.13, 9))
_TILT_DEVIATION = 0.12
_NOISY_SHARE = 0.35
_LEAST_SNR_DB, _MOST_SNR_DB = 12.0, 40.0
_BANDS = 48

Float32 = npt.NDArray[np.float32]
Half = npt.NDArray[np.float16]


@dataclass(frozen=True)
class Voices:
    """Where each speaker's phones lie.

    Attributes
    ----------
    offsets : ndarray of float32, shape (speakers, phones, values)
        From everybody's mean of the phone to the speaker's, shrunk where there is little speech.
    """

    offsets: Float32

    def another(self, values: Float32, phones: Half, speaker: int, draws: Draws) -> Float32:
        """Return the values as somebody else might have said them, elsewhere.

        Parameters
        ----------
        values : ndarray of float32, shape (4 t, values)
            As recorded.
        phones : ndarray of float16, shape (t, phones)
            How likely each phone is.
        speaker : int
            Who said them.
        draws : Draws
            Of the other speaker, the amount, the length of the tract and the room.

        Notes
        -----
        Each phone moves from its place in one voice to that in another; a bilinear warp and a
        drawn spectral tilt follow, for voices and rooms that nobody recorded, and in some rooms
        there is noise.
        """
        u = uniform(draws, 7)
        if u[0] < _CONVERTED_SHARE:
            other = int(u[1] * len(self.offsets))
            amount = np.float32(_LARGEST_AMOUNT * u[2] ** 0.5)
            way = (
                amount * self.offsets[other] - min(amount, np.float32(1.0)) * self.offsets[speaker]
            )
            values = values + _by_row(phones.astype(np.float32) @ way)
        count = values.shape[1]
        if u[3] < _WARPED_SHARE:
            scale = float(_WARP_SCALES[int(u[4] * len(_WARP_SCALES))])
            values = values @ tract_warp(count, scale).T
        tilt = _TILT_DEVIATION * normal(draws, count) / (1 + np.arange(count) / 4)
        values = np.asarray(values + tilt, np.float32)
        return _in_noise(values, u[6], draws) if u[5] < _NOISY_SHARE else values


def learn_voices(utterances: Sequence[Utterance], phones: Sequence[Half], speakers: int) -> Voices:
    """Return the voices of the speakers, from what each says of every phone.

    Parameters
    ----------
    utterances : sequence of Utterance
        All recordings.
    phones : sequence of ndarray, shape (t, phones)
        How likely each phone is, a recording.
    speakers : int
        How many there are.
    """
    count = np.zeros((speakers, phones[0].shape[1]))
    total = np.zeros((*count.shape, utterances[0].rows.shape[1] - 3))
    for utterance, likely in zip(utterances, phones, strict=True):
        values = utterance.rows[:, 3:].astype(np.float32)
        values = values.reshape(len(utterance), ROWS_A_FRAME, -1).mean(1)
        said = likely.astype(np.float32) * speech_frames(utterance.rows)[:, None]
        count[utterance.speaker] += said.sum(0)
        total[utterance.speaker] += said.T @ values
    everybody = total.sum(0) / np.maximum(count.sum(0), 1e-6)[:, None]
    own = (total + _PRIOR_FRAMES * everybody) / (count + _PRIOR_FRAMES)[..., None]
    return Voices((own - everybody).astype(np.float32))


def _in_noise(values: Float32, u: float, draws: Draws) -> Float32:
    """Add steady noise of a drawn colour to the power that the values describe."""
    count = values.shape[1]
    angles = (np.arange(_BANDS) + 0.5) * np.pi / _BANDS
    cosines = np.cos(np.outer(angles, np.arange(count))).astype(np.float32)
    logs = values @ (cosines * np.where(np.arange(count) > 0, 2.0, 1.0).astype(np.float32)).T
    mean = np.log(np.mean(np.exp(np.clip(logs, -40.0, 25.0)), 0))
    snr = _LEAST_SNR_DB + (_MOST_SNR_DB - _LEAST_SNR_DB) * u
    shape = np.arange(1, min(count, 6))
    colour = cosines[:, shape] @ (normal(draws, len(shape)) / shape)
    white, fair = np.log(np.exp(mean).mean()), uniform(draws, 1)[0]
    noise = fair * mean + (1 - fair) * white - snr * np.log(10.0) / 10.0 + colour
    return np.asarray(np.logaddexp(logs, noise.astype(np.float32)) @ cosines / _BANDS, np.float32)


def _by_row(frames: Float32) -> Float32:
    """One row of 20 ms to four of 5 ms: smoothed over neighbours, then lines between centres."""
    wide = np.pad(frames, ((1, 1), (0, 0)), "edge")
    smooth = 0.25 * wide[:-2] + 0.5 * frames + 0.25 * wide[2:]
    at = (np.arange(ROWS_A_FRAME * len(frames)) + 0.5) / ROWS_A_FRAME - 0.5
    at = np.clip(at, 0, len(frames) - 1)
    before = at.astype(np.int64)
    after = np.minimum(before + 1, len(frames) - 1)
    share = (at - before)[:, None].astype(np.float32)
    return np.asarray((1 - share) * smooth[before] + share * smooth[after], np.float32)
