"""Finds the one guess that turns a whole corpus back best, where all of it was changed alike."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from voiceanon.privacy.attack import Evidence, SpeakerModel
from voiceanon.privacy.backends import unit
from voiceanon.privacy.cache import Cache
from voiceanon.privacy.undoing import Undoing, loudest_stretch, undone

__all__ = ["MOST_GUESSES", "common_guess"]

Real = npt.NDArray[np.float64]

_VERSION = "2"
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
    said = f"{_VERSION} {model.name} {model.version} {length_s} {voters.tolist()} " + " ".join(
        evidence.digest(where) for where in ("original", "trial")
    )
    digest = hashlib.sha256(said.encode()).hexdigest()
    cache = Cache(evidence.cache_folder)
    stored = cache.record("restoration-common-guess", digest)
    if stored is not None:
        return Undoing(**stored)
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
    cache.put_record(
        "restoration-common-guess",
        digest,
        {f: getattr(best, f) for f in ("formant_scale", "semitones", "exponent")},
    )
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
        self._evidence, self._model, self._voters = evidence, model, voters
        self._sounds = [
            loudest_stretch(evidence.samples("trial", int(i)), length_s) for i in voters
        ]
        original = unit(evidence.vectors("original", model))
        # Around the mean voice, so that sounds that are near to everybody do not win.
        self._middle = original.mean(0)
        self._known = unit(original - self._middle)
        self.closeness: dict[Undoing, float] = {}

    def best(self, guesses: Sequence[Undoing]) -> Undoing:
        """Return the closest guess, the first of equals."""
        for guess in guesses:
            if guess not in self.closeness:
                self.closeness[guess] = self._listen(guess)
                self._evidence.progress(
                    "searching for the parameters", len(self.closeness), MOST_GUESSES
                )
        return max(guesses, key=self.closeness.__getitem__)

    def _listen(self, guess: Undoing) -> float:
        heard = unit(np.stack([self._model.embed(undone(s, [guess])[0]) for s in self._sounds]))
        cosines = unit(heard - self._middle) @ self._known.T
        cosines[np.arange(len(heard)), self._voters] = -1.0
        return float(cosines.max(1).mean())
