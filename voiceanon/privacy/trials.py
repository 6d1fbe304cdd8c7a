"""Who is compared with whom: enrolment and trial sides, pooling, and splits of the recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from voiceanon.keys import Draws
from voiceanon.privacy.attack import Verifier
from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.drawing import permutation
from voiceanon.privacy.metrics import Trials

__all__ = ["POOLINGS", "Pooling", "Sides", "matrices", "pooled_trials", "split_sides"]

Real = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SPLITS = 10
SPLITS_OF_SINGLES = 3  # each holds every pair of single recordings
_MOST_GROUPS = 240  # singles on a side of a split: keeps a large corpus's trials countable


@dataclass(frozen=True)
class Pooling:
    """How many recordings of a person are averaged on each side; 0 means all of the side."""

    name: str
    enrol: int
    trial: int


POOLINGS = (
    Pooling("1-1", 1, 1),
    Pooling("all-1", 0, 1),
    Pooling("3-3", 3, 3),
    Pooling("10-10", 10, 10),
    Pooling("all-all", 0, 0),
)


@dataclass(frozen=True)
class Sides:
    """The groups of one split: rows of 0 and 1 over the corpus's recordings, and whose they are.

    Attributes
    ----------
    enrol, trial : ndarray of float64, shape (g, n) and (h, n)
        Which recordings are pooled.
    enrol_speaker, trial_speaker : ndarray of int, shape (g,) and (h,)
        Index of the speaker in the sorted list of names.
    listed : ndarray of bool, shape (h, g), optional
        Which pairs the corpus's own trial list holds; all of them if None.
    """

    enrol: Real
    enrol_speaker: Ints
    trial: Real
    trial_speaker: Ints
    listed: npt.NDArray[np.bool_] | None = None


def speaker_names(recordings: Sequence[Recording]) -> list[str]:
    """Return the sorted names; their places are the speaker indices used everywhere."""
    return sorted({recording.speaker for recording in recordings})


def split_sides(
    recordings: Sequence[Recording],
    pooling: Pooling,
    draws: Draws,
    trial_list: Sequence[tuple[str, str, bool]] = (),
) -> list[Sides] | None:
    """Return the groups of every drawn split, or None if the corpus is too small for the pooling.

    A speaker's sessions (chapters, days) go whole to one side where there are several; recordings
    of one session are halved. Which part is enrolment is drawn, so that splits can be averaged.
    Where the corpus fixes the sides there is one split, its own.

    Parameters
    ----------
    recordings : sequence of Recording
        All of the measured corpus.
    pooling : Pooling
        How many are averaged.
    draws : Draws
        What the splits are drawn from.
    trial_list : sequence of (str, str, bool)
        The corpus's own pairs of enrolled speaker and trial recording, and whether they are one
        person's. Where trials are single recordings, only these pairs are judged.

    Returns
    -------
    list of Sides, or None
        None if fewer than two speakers, or less than half of them, have enough recordings.
    """
    names = speaker_names(recordings)
    owner = np.array([names.index(recording.speaker) for recording in recordings])
    is_fixed = any(recording.side for recording in recordings)
    splits = 1 if is_fixed else (SPLITS_OF_SINGLES if pooling.name == "1-1" else SPLITS)
    drawn = []
    for _ in range(splits):
        rows: tuple[list[Real], list[Real]] = ([], [])
        speakers: tuple[list[int], list[int]] = ([], [])
        for speaker in range(len(names)):
            at = np.flatnonzero(owner == speaker)
            own = [recordings[int(i)] for i in at]
            mask = _fixed(own) if is_fixed else _halved([r.session for r in own], draws)
            sides = (at[mask], at[~mask])
            if is_fixed:  # a recording without a side belongs to neither
                sides = (at[mask], at[np.array([r.side == "trial" for r in own], bool)])
            sizes = (pooling.enrol, pooling.trial)
            if not is_fixed and any(len(a) < max(s, 1) for a, s in zip(sides, sizes, strict=True)):
                continue
            for side, (chosen, size) in enumerate(zip(sides, sizes, strict=True)):
                for group in _groups(chosen, size, draws):
                    row = np.zeros(len(recordings))
                    row[group] = 1.0
                    rows[side].append(row)
                    speakers[side].append(speaker)
        both = set(speakers[0]) & set(speakers[1])
        if len(both) < 2 or (not is_fixed and len(both) * 2 < len(names)):
            return None
        parts = [_thinned(rows[s], speakers[s], draws) for s in (0, 1)]
        sides_drawn = Sides(*parts[0], *parts[1])
        if trial_list and pooling.trial == 1:
            sides_drawn = _listed(sides_drawn, names, recordings, trial_list)
        drawn.append(sides_drawn)
    return drawn


def _listed(
    sides: Sides,
    names: Sequence[str],
    recordings: Sequence[Recording],
    trial_list: Sequence[tuple[str, str, bool]],
) -> Sides:
    pairs = {(speaker, key) for speaker, key, _ in trial_list}
    keys = [recordings[int(row.argmax())].key for row in sides.trial]
    enrolled = [names[speaker] for speaker in sides.enrol_speaker]
    listed = np.array([[(name, key) in pairs for name in enrolled] for key in keys], bool)
    return replace(sides, listed=listed)


def _fixed(own: list[Recording]) -> npt.NDArray[np.bool_]:
    return np.array([recording.side == "enrol" for recording in own], bool)


def _halved(sessions: Sequence[str], draws: Draws) -> npt.NDArray[np.bool_]:
    """Return a mask over one speaker's recordings: True is enrolment, False is trial."""
    names = sorted(set(sessions))
    mask = np.zeros(len(sessions), bool)
    if len(names) == 1:
        mask[permutation(draws, len(sessions))[: len(sessions) // 2]] = True
        return mask if draws.integer(2) else ~mask
    chosen: set[str] = set()
    filled = 0
    for place in permutation(draws, len(names)):
        size = list(sessions).count(names[place])
        if chosen and filled + size > len(sessions) // 2:
            continue
        chosen.add(names[place])
        filled += size
    mask = np.array([session in chosen for session in sessions])
    return mask if draws.integer(2) else ~mask


def _groups(at: Ints, size: int, draws: Draws) -> list[Ints]:
    """Cut one speaker's recordings on one side into whole groups of `size` (0: one group)."""
    if len(at) == 0:
        return []
    if size == 0 or len(at) <= size:
        return [at]
    order = at[permutation(draws, len(at))]
    return [order[i : i + size] for i in range(0, len(at) - size + 1, size)]


def _thinned(rows: list[Real], speakers: list[int], draws: Draws) -> tuple[Real, Ints]:
    """At most `_MOST_GROUPS` groups, in turns over the speakers, so that nobody drops out."""
    owner = np.array(speakers)
    order = permutation(draws, len(rows))
    turn = np.zeros(len(rows), int)
    for speaker in np.unique(owner):
        of_speaker = order[owner[order] == speaker]
        turn[of_speaker] = np.arange(len(of_speaker))
    people = len(np.unique(owner))
    limit = max(_MOST_GROUPS, people)
    kept = np.sort(np.lexsort((np.arange(len(rows)), turn))[:limit])
    return np.stack([rows[i] for i in kept]), owner[kept]


def matrices(verifier: Verifier, sides: Sequence[Sides]) -> list[Real]:
    """Return the scores, (trials, enrolments), of every split."""
    return [verifier.scores(side.enrol, side.trial) for side in sides]


def pooled_trials(
    scores: Sequence[Real], sides: Sequence[Sides], sex: Sequence[str] | None = None
) -> Trials | None:
    """Return the trials of all splits together.

    Parameters
    ----------
    scores : sequence of ndarray
        What `matrices` returned.
    sides : sequence of Sides
        The splits.
    sex : sequence of str, optional
        By speaker; given, only pairs of one known sex are kept.

    Returns
    -------
    Trials, or None
        None if no target or no non-target is left.
    """
    flat, enrol, trial, judged = [], [], [], []
    for matrix, side in zip(scores, sides, strict=True):
        flat.append(matrix.ravel())
        enrol.append(np.broadcast_to(side.enrol_speaker, matrix.shape).ravel())
        trial.append(np.broadcast_to(side.trial_speaker[:, None], matrix.shape).ravel())
        kept = np.ones(matrix.shape, bool) if side.listed is None else side.listed
        judged.append(kept.ravel())
    of_list = np.concatenate(judged)
    parts = tuple(np.concatenate(part)[of_list] for part in (flat, enrol, trial))
    if sex is not None:
        known = np.array(sex)
        kept = (known[parts[1]] == known[parts[2]]) & (known[parts[1]] != "")
        parts = parts[0][kept], parts[1][kept], parts[2][kept]
    targets = parts[1] == parts[2]
    if not targets.any() or targets.all():
        return None
    return Trials(*parts)
