"""Syllables and pauses of one recording, by what a network takes for vowels and for silence.

Vowels told by a recogniser of sounds count syllables more reliably than peaks of level do (Yuan &
Liberman, Interspeech 2010), and a voice of other formants leaves them where they are.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.checks.phones import PHONE_S, PHONES, SILENCE, Float32
from voiceanon.checks.sound import PAUSE_S, stretches

__all__ = ["Rhythm", "rhythm_of"]

_VOWELS = [
    number
    for number, phone in enumerate(PHONES)
    if phone in "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
]
_SMOOTHED = 5  # frames; a single one is no silence
_SHORTEST_SOUND_S = 0.1

Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rhythm:
    """Syllables and pauses of a response, which lies between the first sound and the last.

    Attributes
    ----------
    syllables : float
        How many beginnings of vowels are expected: the sum of all that their likelihood rises by.
    response_s : float
        Length of the response in seconds.
    pauses_s : tuple of float
        Lengths of its silences of 0.25 s or more.
    """

    syllables: float
    response_s: float
    pauses_s: tuple[float, ...]

    @property
    def sounding_s(self) -> float:
        """Seconds of the response without its pauses."""
        return self.response_s - sum(self.pauses_s)


def rhythm_of(phones: Float32) -> Rhythm | None:
    """Return syllables and pauses, None where nobody speaks.

    Parameters
    ----------
    phones : ndarray of float32, shape (t, 40)
        From `voiceanon.checks.phones.phones_heard`.
    """
    sounds = stretches(_is_sounding(phones[:, SILENCE]), True)
    if not sounds:
        return None
    first, end = sounds[0][0], sounds[-1][1]
    vowel = phones[:, _VOWELS].sum(1, dtype=np.float64)
    pauses = [after[0] - before[1] for before, after in itertools.pairwise(sounds)]
    return Rhythm(
        syllables=float(np.maximum(np.diff(vowel[first:end], prepend=0.0), 0.0).sum()),
        response_s=(end - first) * PHONE_S,
        pauses_s=tuple(frames * PHONE_S for frames in pauses),
    )


def _is_sounding(silence: Float32) -> Bool:
    window = np.hanning(_SMOOTHED + 2)[1:-1]
    # In full and cut by hand: "same" gives the window's length where that is longer.
    smooth = np.convolve(silence, window / window.sum())[_SMOOTHED // 2 :][: len(silence)]
    is_sounding = smooth <= 0.5
    for value, shortest_s in ((True, _SHORTEST_SOUND_S), (False, PAUSE_S)):
        for start, end in stretches(is_sounding, value):
            at_an_end = start == 0 or end == len(is_sounding)
            if (end - start) * PHONE_S < shortest_s and (value or not at_an_end):
                is_sounding[start:end] = not value
    return is_sounding
