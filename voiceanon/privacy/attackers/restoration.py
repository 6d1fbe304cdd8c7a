"""The attacker who turns anonymised speech back, by searching parameters or by learning how."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.privacy.attack import (
    Evidence,
    SpeakerModel,
    Verifier,
    nothing_to_undo,
)
from voiceanon.privacy.attackers.trained import no_training, training_speakers
from voiceanon.privacy.backends import Cosine, PooledVerifier, trained_backends, unit
from voiceanon.privacy.parameter_search import MOST_GUESSES, common_guess
from voiceanon.privacy.regression import fit_ridge
from voiceanon.privacy.statistics import UtteranceStatistics
from voiceanon.privacy.undoing import HeardUndone, Undoing

__all__ = ["BestUndoing", "Restoration", "learned_restoration"]

Real = npt.NDArray[np.float64]

# Steps as wide as a speaker model tolerates; pitch alone moves its vectors little.
_WARPS = tuple(Undoing(formant_scale=s) for s in (0.84, 0.92, 1.09, 1.18))
_EXPONENTS = tuple(Undoing(exponent=e) for e in (1.15, 1.35, 1.6, 1.85))
_WARPS_LIGHT = tuple(Undoing(formant_scale=s) for s in (0.88, 1.13))
_EXPONENTS_LIGHT = tuple(Undoing(exponent=e) for e in (1.25, 1.6))
# 2 s of speech cost an attacker three times the errors of 3 s; more than 3 s gains nothing.
_SHORTEST_S, _LONGEST_S = 2.0, 3.0
_VOTERS, _VOTE_S = 20, 6.0
_VOTERS_LIGHT = (8, 4.0)


@dataclass(frozen=True)
class BestUndoing:
    """Scores a recording by the guess that makes it most like somebody enrolled.

    Parameters
    ----------
    enrol : ndarray of float64, shape (n, d)
        Vectors of the originals.
    trial : ndarray of float64, shape (guesses, n, d)
        Vectors of the trial recordings with each guess undone.
    choice : {"pair", "recording"}
        Whether every enrolment picks the guess that suits it best (the largest score), or all
        share the one that suits any of them best.
    centred : bool
        Whether both sides are centred, and each guess's scores of a recording are taken relative to
        their mean over the enrolments, so that a guess that makes everybody similar does not win.
    """

    enrol: Real
    trial: Real
    choice: str
    centred: bool

    def scores(self, enrol: Real, trial: Real) -> Real:
        """Return (h, g): the mean over a group's recordings of the chosen guess's score."""
        known, heard = unit(self.enrol), unit(self.trial)
        if self.centred:
            known = unit(known - known.mean(0))
            heard = unit(heard - heard.mean((0, 1)))
        enrolled = unit(enrol @ known / enrol.sum(1)[:, None])
        cosines = heard @ enrolled.T
        if self.centred:
            cosines = cosines - cosines.mean(2, keepdims=True)
        if self.choice == "pair":
            best = cosines.max(0)
        else:
            chosen = cosines.max(2).argmax(0)
            best = cosines[chosen, np.arange(cosines.shape[1])]
        return np.asarray(trial @ best / trial.sum(1)[:, None])


class Restoration:
    """Undoes guesses and lets a speaker model judge them; learns the way back from examples.

    Parameters
    ----------
    budget_s : float
        Seconds of speech that the speaker model may listen to for the search; above 240 recordings
        less of each is heard (2 s at least), so that longer corpora cost little more.
        ``evidence.options["restoration_budget_s"]`` has precedence.
    """

    name = "restoration"
    sides = "o–a"
    knowledge = (
        "has original recordings of the people, and turns the anonymised ones back: tries inverse "
        "warps and inverse McAdams coefficients and keeps what comes closest to somebody enrolled, "
        "or learns the way back from other people's recordings, original and anonymised"
    )

    def __init__(self, budget_s: float = 10_500.0) -> None:
        self._budget_s = budget_s

    def missing(self, evidence: Evidence) -> str | None:
        """Return why it cannot be measured, or None."""
        return nothing_to_undo(evidence) or (
            None if evidence.models else "no speaker model is installed"
        )

    def missing_regression(self, evidence: Evidence) -> str | None:
        """Return why the way back cannot be learned, or None; the search needs no training."""
        return self.missing(evidence) or no_training(evidence)

    def verifiers(self, evidence: Evidence) -> dict[str, Verifier]:
        """Return the search's verifiers, and where there is training speech the learned ones."""
        model = evidence.models[0]
        found = self._searched(evidence, model)
        if self.missing_regression(evidence) is None:
            found |= _learned(evidence, model)
        return found

    def _searched(self, evidence: Evidence, model: SpeakerModel) -> dict[str, Verifier]:
        original, heard = evidence.vectors("original", model), evidence.vectors("trial", model)
        found: dict[str, Verifier] = {"as it is, centred": _both_centred(original, heard)}
        length_s = self._length_s(evidence)
        light = bool(evidence.options.get("light"))
        families = {
            "warps": _WARPS_LIGHT if light else _WARPS,
            "exponents": _EXPONENTS_LIGHT if light else _EXPONENTS,
        }
        tried = {"": heard[None]}
        for name, guesses in families.items():
            flat = evidence.features("trial", HeardUndone(model, guesses, length_s))
            tried[name] = flat.reshape(len(flat), len(guesses), -1).transpose(1, 0, 2)
        for name, guesses in families.items():
            vectors = np.concatenate([tried[""], tried[name]])
            what = f"{len(guesses)} {name} on {length_s:.1f} s"
            found[f"{what}, best"] = BestUndoing(original, vectors, "pair", centred=False)
            for choice in ("pair", "recording"):
                label = f"{what}, best a {choice}, centred"
                found[label] = BestUndoing(original, vectors, choice, centred=True)
        voters, vote_s = _VOTERS_LIGHT if light else (_VOTERS, _VOTE_S)
        guess = common_guess(evidence, model, recordings=voters, length_s=vote_s)
        if guess != Undoing():
            turned = evidence.features("trial", HeardUndone(model, (guess,), 60.0))
            cosine = Cosine()
            found[f"one for all: {guess.label}"] = PooledVerifier(
                cosine, cosine.prepare(original), cosine.prepare(turned)
            )
            found[f"one for all: {guess.label}, centred"] = _both_centred(original, turned)
        return found

    def _length_s(self, evidence: Evidence) -> float:
        if evidence.options.get("light"):
            return _SHORTEST_S
        budget_s = float(evidence.options.get("restoration_budget_s", self._budget_s))
        count = evidence.count("trial")
        lengths = [r.length_s or r.duration_s or 8.0 for r in evidence.recordings]
        left_s = budget_s - MOST_GUESSES * min(_VOTERS, count) * _VOTE_S - sum(lengths)
        share_s = left_s / (count * (len(_WARPS) + len(_EXPONENTS)))
        return round(float(np.clip(share_s, _SHORTEST_S, _LONGEST_S)), 1)


def _both_centred(enrol: Real, trial: Real) -> Verifier:
    """Cosine, each side centred on itself: what the change did to everybody alike is gone."""
    plain = Cosine()
    sides = [plain.prepare(side) for side in (enrol, trial)]
    return PooledVerifier(plain, *(plain.prepare(side - side.mean(0)) for side in sides))


def learned_restoration(
    anonymised: Real, original: Real, trial: Real, speakers: npt.NDArray[np.str_], extra: Real
) -> tuple[Real, Real]:
    """Learn what anonymisation takes from speaker vectors, and give it back.

    Parameters
    ----------
    anonymised, original : ndarray of float64, shape (n, d)
        Vectors of training speech before and after.
    trial : ndarray of float64, shape (m, d)
        Vectors of the recordings under attack.
    speakers : ndarray of str, shape (n,)
        Of the training speech.
    extra : ndarray of float64, shape (n + m, k)
        What else is known of the anonymised recordings; k may be 0.

    Returns
    -------
    restored, held_out : ndarray of float64, shape (m, d) and (n, d)
        Trial vectors; and those of training speech, by maps that did not see its speakers.

    Notes
    -----
    The ridge regression is of the difference: where little can be learned a vector stays as it is,
    instead of being drawn towards the mean of all people, where it is nobody's.
    """
    count = len(anonymised)
    ridge = fit_ridge(np.hstack([anonymised, extra[:count]]), original - anonymised, speakers)
    restored = trial + ridge(np.hstack([trial, extra[count:]]))
    return restored, anonymised + ridge.held_out


def _learned(evidence: Evidence, model: SpeakerModel) -> dict[str, Verifier]:
    """Verifiers of vectors that a regression turned back, from vectors alone or statistics too."""
    speakers = training_speakers(evidence)
    goal, original = (
        unit(evidence.vectors(side, model)) for side in ("training original", "original")
    )
    known, heard = (unit(evidence.vectors(side, model)) for side in ("training", "trial"))
    statistics = np.concatenate(
        [evidence.features(side, UtteranceStatistics()) for side in ("training", "trial")]
    )
    found: dict[str, Verifier] = {}
    for name, extra in (("vectors", statistics[:, :0]), ("vectors and statistics", statistics)):
        restored, held_out = learned_restoration(known, goal, heard, speakers, extra)
        found[f"learned from {name}, cosine, centred"] = _both_centred(original, restored)
        # What the regression leaves uncertain belongs to the variation within a speaker, so the
        # back-ends are trained on restorations beside originals.
        both, whose = np.concatenate([goal, held_out]), np.concatenate([speakers, speakers])
        middle = original.mean(0)
        back = restored - restored.mean(0) + middle
        backends = trained_backends(both, whose, middle[None], shrinkages=(0.5,))
        for label, backend in backends.items():
            if label.startswith(("lda60", "plda")) and label.endswith("+centred"):
                found[f"learned from {name}, {label}"] = PooledVerifier(
                    backend, backend.prepare(original), backend.prepare(back)
                )
    return found
