"""The attacker who knows no unit: only how long things last, how level moves, how pitch moves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voiceanon.abstraction import Abstraction
from voiceanon.bottleneck import FRAME_S
from voiceanon.privacy.attack import Verifier
from voiceanon.privacy.attackers.trained import no_training
from voiceanon.privacy.descriptions.attacking import View, verifiers_of_views
from voiceanon.privacy.descriptions.described import Described, digits_of, is_speech
from voiceanon.privacy.statistics import modulation_db, run_lengths_s, spread

__all__ = ["UnitTiming", "timing"]

Real = npt.NDArray[np.float64]

_STEP_DB = 6.0  # of a description's level
_LOWEST, _HIGHEST = -8, 2


def timing(described: Abstraction) -> dict[str, Real]:
    """Return statistics without any unit: ``durations``, ``level`` and ``pitch``.

    Durations are of runs of units and of each digit, of voiced, unvoiced, spoken and silent
    stretches. Level: how often each step and each change of it occurs, and how strong its slow
    modulations are (0.5 to 16 Hz). Pitch: how often each step and each change of it occurs.
    """
    digits, speech = digits_of(described), is_speech(described)
    count = len(digits)
    durations: list[float] = []
    for column in (digits, *(digits[:, [k]] for k in range(digits.shape[1]))):
        moved = (np.diff(column, axis=0) != 0).any(1)
        durations += spread(np.log2(_lengths(moved) * FRAME_S))
        durations.append(float(moved.mean()) if count > 1 else 0.0)
    for mask in (described.voiced, speech):
        for runs in run_lengths_s(mask, FRAME_S):
            runs = runs[runs > 0]  # noqa: PLW2901 (nothing comes before the first run)
            durations += [*spread(np.log2(runs)), len(runs) / (count * FRAME_S)]
    durations += [float(described.voiced.mean()), float(speech.mean())]
    steps = np.clip(described.energy, _LOWEST, _HIGHEST).astype(np.float64)
    spoken = steps[speech]
    level = [*_shares(spoken, _LOWEST, _HIGHEST), *_shares(np.diff(steps), -4, 4), *spread(spoken)]
    level += modulation_db(_STEP_DB * steps, FRAME_S)
    level += modulation_db(10.0 * described.voiced.astype(np.float64), FRAME_S)
    pitch = described.pitch.astype(np.float64)
    both = described.voiced[1:] & described.voiced[:-1]
    pitch_parts = [
        *_shares(pitch[described.voiced], -4, 4),
        *_shares(np.diff(pitch)[both], -3, 3),
        *spread(pitch[described.voiced]),
        *spread(np.log2(_lengths(np.diff(pitch) != 0) * FRAME_S)),
    ]
    return {
        "durations": np.array(durations),
        "level": np.array(level),
        "pitch": np.array(pitch_parts),
    }


def _lengths(moved: npt.NDArray[np.bool_]) -> Real:
    """Return how many frames lie between the changes."""
    edges = np.flatnonzero(moved) + 1
    return np.diff(np.concatenate([[0], edges, [len(moved) + 1]])).astype(np.float64)


def _shares(values: Real, low: int, high: int) -> list[float]:
    """Return the roots of the shares of whole numbers from low to high, those beyond clipped."""
    whole = np.clip(np.rint(values), low, high).astype(np.int64) - low
    counts = np.bincount(whole, minlength=high - low + 1)
    return [float(share) for share in np.sqrt(counts / max(len(whole), 1))]


class UnitTiming:
    """LDA and PLDA on durations, level and pitch, each alone and all together; no unit enters."""

    name = "unit timing"
    sides = "d–d"
    knowledge = (
        "trains LDA and PLDA on durations of units, voice and pauses, and on steps of level and of "
        "pitch, in descriptions of other people; which units they are does not enter"
    )

    def missing(self, described: Described) -> str | None:
        """Return why it cannot be measured, or None."""
        return no_training(described)

    def verifiers(self, described: Described) -> dict[str, Verifier]:
        """Return every back-end on every view."""
        return verifiers_of_views(described, self.views(described))

    def views(self, described: Described) -> dict[str, View]:
        """Return vectors of training and of measured descriptions, by what they hold."""
        sides = []
        for where in ("training", "trial"):
            rows = [timing(one) for one in described.descriptions(where)]
            parts = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
            sides.append(parts | {"all": np.hstack(list(parts.values()))})
        known, seen = sides
        return {name: (known[name], seen[name]) for name in known}
