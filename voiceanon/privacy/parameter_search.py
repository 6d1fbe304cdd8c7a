"""Finds the one guess that turns a whole corpus back best, where all of it was changed alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from voiceanon.privacy.attack import Evidence, SpeakerModel
from voiceanon.privacy.backends import unit
from voiceanon.privacy.undoing import HeardUndone, Undoing

__all__ = ["MOST_GUESSES", "common_guess"]

Real = npt.NDArray[np.float64]

_COARSE = (
    *(Undoing(formant_scale=s) for s in (0.74, 0.8, 0.87, 0.93, 1.0, 1.07, 1.15, 1.25, 1.35)),
    *(Undoing(exponent=e) for e in (0.8, 1.15, 1.3, 1.45, 1.65, 1.85)),
)
MOST_GUESSES = 23  # what the search below may listen to


def common_guess(
    evidence: Evidence, model: SpeakerModel, *, recordings: int = 20, length_s: float = 6.0
) -> Undoing:
    """Return the guess that brings anonymised recordings closest to the people enrolled.

    Parameters
    ----------
    evidence : Evidence
        What is under attack.
    model : SpeakerModel
        Judge of closeness: the largest cosine with an original recording, both centred on the
        mean of the originals, averaged over the voters.
    recordings : int
        How many trial recordings vote, at even distances over the corpus.
    length_s : float
        How much of each is heard, in seconds.

    Returns
    -------
    Undoing
        The neutral one if nothing else is closer.

    Notes
    -----
    Coarse to fine, one parameter after the other. The original of a voting recording is left out
    of the comparison, since an attacker does not have it.
    """
    voters = np.unique(np.linspace(0, evidence.count("trial") - 1, recordings).round().astype(int))
    search = _Search(evidence, model, voters, length_s)
    best = search.best(_COARSE)
    if best.exponent != 1.0:
        best = search.best([best, *(Undoing(exponent=best.exponent * f) for f in (0.94, 1.06))])
    else:
        scale = best.formant_scale
        best = search.best([best, *(Undoing(scale, s) for s in (-8.0, -4.0, 4.0, 8.0))])
        semitones = best.semitones
        best = search.best([best, *(Undoing(scale, semitones + s) for s in (-2.0, 2.0))])
        semitones = best.semitones
        best = search.best([best, *(Undoing(scale * f, semitones) for f in (0.965, 1.035))])
    return best


class _Search:
    """Remembers how close each guess came, so that none is heard twice."""

    def __init__(
        self,
        evidence: Evidence,
        model: SpeakerModel,
        voters: npt.NDArray[np.intp],
        length_s: float,
    ) -> None:
        self._evidence, self._model, self._length_s = evidence, model, length_s
        self._voters = [int(voter) for voter in voters]
        original = unit(evidence.vectors("original", model))
        # Around the mean voice, so that sounds that are near to everybody do not win.
        self._middle = original.mean(0)
        self._known = unit(original - self._middle)
        self.closeness: dict[Undoing, float] = {}

    def best(self, guesses: Sequence[Undoing]) -> Undoing:
        """Return the closest guess, the first of equals."""
        new = tuple(guess for guess in guesses if guess not in self.closeness)
        if new:
            heard = HeardUndone(self._model, new, self._length_s)
            flat = self._evidence.features("trial", heard, self._voters)
            for guess, vectors in zip(new, np.split(flat, len(new), axis=1), strict=True):
                self.closeness[guess] = self._closeness(unit(vectors))
        return max(guesses, key=self.closeness.__getitem__)

    def _closeness(self, heard: Real) -> float:
        cosines = unit(heard - self._middle) @ self._known.T
        cosines[np.arange(len(heard)), self._voters] = -1.0
        return float(cosines.max(1).mean())
