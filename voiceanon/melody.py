"""A made-up melody for speech whose own is not kept: phrases that fall, and accents on them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from voiceanon.keys import Draws

__all__ = ["DrawnMelody"]

Float32 = npt.NDArray[np.float32]
Real = npt.NDArray[np.float64]

_ROW_S = 0.005
_VOICED, _PITCH, _LEVEL = 0, 1, 2  # columns of a row
_PAUSE_DB = -42.0  # below active speech; a description's pauses are at -48
_STRONG_DB = -3.0
_BREATH_ROWS = 32  # a pause of so many rows ends a phrase
_PHRASE_S = (2.5, 4.5)  # a phrase that goes on for so long gets another command
# Rates of Fujisaki and Hirose (1984), and commands in deviations of pitch.
_PHRASE_RATE_PER_S, _ACCENT_RATE_PER_S = 3.0, 20.0
_PHRASE_SIZE, _RENEWED_SIZE = (1.5, 3.0), (0.9, 1.8)
_ACCENT_SIZE, _ACCENTED_SHARE = (0.4, 2.0), 0.7
# Real tracks never run smoothly: a new offset every 80 ms, of this deviation.
_UNEVEN, _UNEVEN_ROWS = 0.6, 16
_MIDDLE = 1.4  # what the commands come to on average, on the training speakers
_FURTHEST = 2.5  # where the steps of a kept melody end, too


class _SecondOrder:
    """A critically damped filter of unit gain at 0 Hz, times `gain`."""

    def __init__(self, rate_per_s: float, gain: float) -> None:
        self._pole = math.exp(-rate_per_s * _ROW_S)
        self._input = gain * (1.0 - self._pole) ** 2
        self._first = self._second = 0.0

    def __call__(self, value: float) -> float:
        self._first = self._pole * self._first + self._input * value
        self._second = self._pole * self._second + self._first
        return self._second


class DrawnMelody:
    """Gives rows a pitch that follows from pauses, voicing, level and draws alone.

    Fujisaki's model: log f0 is a sum of the answers of two critically damped filters, one to an
    impulse where a phrase starts, one to a step as long as an accent is. A phrase starts after
    each pause, and again where one goes on for long; every loud voiced stretch may be accented.
    Where they are comes from the rows, how large they are is drawn.

    Parameters
    ----------
    secret : bytes
        Source of the draws.
    labels : str
        What the draws are for.

    References
    ----------
    Fujisaki, H. and Hirose, K. (1984). Analysis of voice fundamental frequency contours for
    declarative sentences of Japanese. J. Acoust. Soc. Japan (E) 5(4).
    """

    def __init__(self, secret: bytes, *labels: str) -> None:
        self._secret, self._labels = secret, labels
        self.reset()

    def reset(self) -> None:
        """Make it new, with the same draws."""
        self._draws = Draws(self._secret, *self._labels)
        self._offsets = Draws(self._secret, *self._labels, "offsets")
        self._knots: list[float] = []
        self._first_knot = self._row = 0
        self._silent = _BREATH_ROWS
        self._left = 0.0
        self._accent = 0.0
        self._was_strong = False
        self._phrases = _SecondOrder(_PHRASE_RATE_PER_S, 1.0 / _ROW_S)  # answers impulses
        self._accents = _SecondOrder(_ACCENT_RATE_PER_S, 1.0)  # and steps

    def process(self, rows: Float32) -> Float32:
        """Return rows with a pitch of this melody, in deviations within ±2.5, where voiced."""
        if not len(rows):
            return rows
        voiced = rows[:, _VOICED] > 0.5
        answers = self._answers(voiced.tolist(), rows[:, _LEVEL].tolist())
        pitch = np.array(answers) - _MIDDLE + _UNEVEN * self._unevenness(len(rows))
        spoken: Float32 = rows.copy()
        spoken[:, _PITCH] = np.where(voiced, np.clip(pitch, -_FURTHEST, _FURTHEST), 0.0)
        return spoken

    def _answers(self, voiced: list[bool], level: list[float]) -> list[float]:
        answers = []
        for is_voiced, db in zip(voiced, level, strict=True):
            phrase = 0.0
            self._left -= _ROW_S
            if db > _PAUSE_DB:
                if self._silent >= _BREATH_ROWS:
                    phrase = self._phrase(*_PHRASE_SIZE)
                elif self._left <= 0.0 and not is_voiced:
                    phrase = self._phrase(*_RENEWED_SIZE)
                self._silent = 0
            else:
                self._silent += 1
            is_strong = is_voiced and db >= _STRONG_DB
            if is_strong and not self._was_strong:
                is_accented = self._draws.uniform() < _ACCENTED_SHARE
                self._accent = self._draws.uniform(*_ACCENT_SIZE) if is_accented else 0.0
            self._was_strong = is_strong
            accent = self._accent if is_strong else 0.0
            answers.append(self._phrases(phrase) + self._accents(accent))
        return answers

    def _phrase(self, low: float, high: float) -> float:
        self._left = self._draws.uniform(*_PHRASE_S)
        return self._draws.uniform(low, high)

    def _unevenness(self, count: int) -> Real:
        at = np.arange(self._row, self._row + count)
        self._row += count
        before = at // _UNEVEN_ROWS - self._first_knot
        while len(self._knots) < before[-1] + 2:
            self._knots.append(self._offsets.normal())
        knots, share = np.array(self._knots), at % _UNEVEN_ROWS / _UNEVEN_ROWS
        del self._knots[: before[-1]]
        self._first_knot += int(before[-1])
        return np.asarray(knots[before] + share * (knots[before + 1] - knots[before]))
