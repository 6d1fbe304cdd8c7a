"""Guesses of what was done to a voice, each undone: how an attacker searches for the original."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.frames import Frames, analyze, synthesize
from voiceanon.privacy.attack import SpeakerModel
from voiceanon.privacy.mcadams import mcadams
from voiceanon.privacy.statistics import RATE
from voiceanon.transform import scale_formants, shift_pitch

__all__ = ["HeardUndone", "Undoing", "loudest_stretch", "undone"]

Real = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]

_VERSION = "1"  # changes when the same guesses give other sounds


@dataclass(frozen=True)
class Undoing:
    """One inverse transformation.

    Attributes
    ----------
    formant_scale : float
        Factor on the frequency axis of the envelope, 0.5 to 2.
    semitones : float
        Added to the pitch, -24 to 24.
    exponent : float
        On the angles of the poles of linear prediction, 0.1 to 2: that of McAdams is undone by its
        inverse. Where it is not 1, nothing else is changed.
    """

    formant_scale: float = 1.0
    semitones: float = 0.0
    exponent: float = 1.0

    @property
    def label(self) -> str:
        """The guess, for tables and the names of what is cached."""
        if self.exponent != 1.0:
            return f"exponent {self.exponent:.3g}"
        return f"formants ×{self.formant_scale:.3g}, pitch {self.semitones:+.3g}"


def undone(samples: Samples, guesses: Sequence[Undoing]) -> list[Samples]:
    """Return 16 kHz speech as it was before, by each guess.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        16 kHz mono.
    guesses : sequence of Undoing
        What is undone.

    Returns
    -------
    list of ndarray of float32, shape (n,)
        In the order of the guesses; the same every time, since noise has a fixed key.
    """
    frames: Frames | None = None
    found = []
    for guess in guesses:
        if guess.exponent != 1.0:
            found.append(mcadams(samples, RATE, guess.exponent))
            continue
        frames = analyze(samples, RATE) if frames is None else frames
        moved = shift_pitch(scale_formants(frames, guess.formant_scale), guess.semitones)
        found.append(synthesize(moved))
    return found


def loudest_stretch(samples: Samples, length_s: float) -> Samples:
    """Return the stretch of `length_s` seconds with the most sound, or all if it is shorter.

    Loud samples count no more than the 95th percentile, so that a click draws no stretch to it.
    """
    count = round(length_s * RATE)
    if len(samples) <= count:
        return samples
    power = samples.astype(np.float64) ** 2
    total = np.concatenate([[0.0], np.cumsum(np.minimum(power, np.percentile(power, 95)))])
    start = int(np.argmax(total[count:] - total[:-count]))
    return samples[start : start + count]


@dataclass(frozen=True)
class HeardUndone:
    """What a speaker model hears once each guess is undone, as one vector.

    Parameters
    ----------
    model : SpeakerModel
        What listens.
    guesses : tuple of Undoing
        What is undone, one after another.
    length_s : float
        How much of a recording is heard, in seconds: its loudest stretch.
    """

    model: SpeakerModel
    guesses: tuple[Undoing, ...]
    length_s: float

    @property
    def name(self) -> str:
        """Carries guesses, length and the model's version."""
        said = repr((self.guesses, round(self.length_s, 3)))
        digest = hashlib.sha256(said.encode()).hexdigest()[:16]
        return f"undone-{_VERSION}-{digest}-{self.model.name}-{self.model.version}"

    def __call__(self, samples: Samples) -> Real:
        """Return (guesses × dimensions,)."""
        stretch = loudest_stretch(samples, self.length_s)
        return np.concatenate([self.model.embed(s) for s in undone(stretch, self.guesses)])
