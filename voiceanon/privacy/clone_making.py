"""Makes clones of people from references, and keeps what speaker models hear of them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError
from voiceanon.keys import Draws, derive
from voiceanon.privacy.attack import Evidence, SpeakerModel
from voiceanon.privacy.backends import unit
from voiceanon.privacy.cache import Cache
from voiceanon.privacy.content import ContentEncoder
from voiceanon.privacy.conversion import Spoken, convert, listen, target_voice
from voiceanon.privacy.trials import POOLINGS, Sides, split_sides
from voiceanon.privacy.undoing import Undoing, loudest_stretch, undone
from voiceanon.privacy.variants import EVALUATION_SECRET

__all__ = ["CloneSettings", "Clones", "clone_sides", "heard_clones", "sources"]

Real = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

_VERSION = "1"


@dataclass(frozen=True)
class CloneSettings:
    """How many clones are made, and of how much.

    Attributes
    ----------
    per_speaker : int
        Clones of each person, each from another source utterance.
    most_speakers : int
        People cloned, at even distances over the corpus.
    reference_s : float
        Speech of a person that a clone is made of, at most, in seconds.
    source_s : float
        Length of a clone, at most, in seconds.
    """

    per_speaker: int = 4
    most_speakers: int = 40
    reference_s: float = 180.0
    source_s: float = 8.0


@dataclass(frozen=True)
class Clones:
    """What judges hear of clones.

    Attributes
    ----------
    vectors : tuple of ndarray of float64, shape (clones, d)
        One array a judge; vectors of length 1.
    speakers : ndarray of int, shape (clones,)
        Who is cloned, as in `Sides`.
    seconds : ndarray of float64, shape (clones,)
        How much speech each was made of.
    """

    vectors: tuple[Real, ...]
    speakers: npt.NDArray[np.int64]
    seconds: Real


def clone_sides(evidence: Evidence) -> Sides | None:
    """Return who enrols with what, and the references: the same for every variant."""
    draws = Draws(derive(EVALUATION_SECRET, "splits"), "cloning")
    drawn = split_sides(evidence.recordings, POOLINGS[-1], draws)
    return None if drawn is None else drawn[0]


def sources(evidence: Evidence, count: int, source_s: float) -> list[tuple[str, Float32]]:
    """Return what clones say: (speaker, samples) of original training speech, at even distances.

    Where there is no training speech, it is original speech of the corpus: two recordings more than
    asked for, so that nobody need be cloned from their own words.
    """
    where, listed = "training original", evidence.training
    if not listed:
        where, listed = "original", evidence.recordings
    by_speaker: dict[str, int] = {}
    for index, recording in enumerate(listed):
        by_speaker.setdefault(recording.speaker, index)
    first = list(by_speaker.values())
    wanted = count if evidence.training else count + 2
    at = np.unique(np.linspace(0, len(first) - 1, min(wanted, len(first))).round().astype(int))
    return [
        (listed[i].speaker, loudest_stretch(evidence.samples(where, i), source_s))
        for i in (first[int(k)] for k in at)
    ]


def heard_clones(
    evidence: Evidence,
    where: str,
    models: Sequence[SpeakerModel],
    encoder: ContentEncoder,
    settings: CloneSettings,
    undo: Undoing | None = None,
) -> Clones:
    """Clone people from references, or find what was heard of the same clones before.

    Parameters
    ----------
    evidence : Evidence
        `clone_sides` of it is not None.
    where : str
        Where references come from: ``"trial"`` or ``"original"``.
    models : sequence of SpeakerModel
        Judges.
    encoder : ContentEncoder
        Drives the conversion.
    settings : CloneSettings
        How many, of how much.
    undo : Undoing, optional
        What is undone in the references first.
    """
    side = clone_sides(evidence)
    if side is None:
        raise InputError("cloning needs two speakers with two recordings each")
    said = [_VERSION, encoder.name, encoder.version, repr(settings), repr(undo)]
    said += [evidence.digest(where)]
    said += [evidence.digest("training original" if evidence.training else "original")]
    said += [hashlib.sha256(side.trial.tobytes()).hexdigest()]
    said += [f"{model.name} {model.version}" for model in models]
    digest = hashlib.sha256("\n".join(said).encode()).hexdigest()
    cache = Cache(evidence.cache_folder)
    stored = cache.array("clones", digest)
    if stored is None:
        stored = _made(evidence, where, models, encoder, settings, undo, side)
        cache.put_array("clones", digest, stored)
    edges = np.cumsum([2, *(model.dimensions for model in models)])
    vectors = tuple(stored[:, a:b] for a, b in itertools.pairwise(edges))
    return Clones(vectors, stored[:, 0].astype(np.int64), stored[:, 1])


def _made(
    evidence: Evidence,
    where: str,
    models: Sequence[SpeakerModel],
    encoder: ContentEncoder,
    settings: CloneSettings,
    undo: Undoing | None,
    side: Sides,
) -> Real:
    """Return a row a clone: speaker, seconds of reference, what each judge hears."""
    spoken = [
        (speaker, listen(samples, encoder))
        for speaker, samples in sources(evidence, settings.per_speaker, settings.source_s)
    ]

    def references(at: npt.NDArray[np.intp]) -> Iterator[Spoken]:
        for index in at:  # one at a time: what goes beyond the seconds asked for is never heard
            samples = evidence.samples(where, int(index))
            yield listen(samples if undo is None else undone(samples, [undo])[0], encoder)

    rows = []
    kind = "raw" if where == "original" else "anonymised" if undo is None else "restored"
    chosen = _cloned(side, settings.most_speakers)
    for done, speaker in enumerate(chosen):
        evidence.progress(f"cloning voices from {kind} speech", done, len(chosen))
        at = np.flatnonzero(side.trial[side.trial_speaker == speaker].sum(0))
        name = evidence.recordings[int(at[0])].speaker
        target = target_voice(references(at), settings.reference_s)
        others = [source for owner, source in spoken if owner != name][: settings.per_speaker]
        for source in others:
            clone = convert(source, target)
            vectors = [unit(model.embed(clone)) for model in models]
            rows.append(np.concatenate([[speaker, target.seconds], *vectors]))
    return np.stack(rows)


def _cloned(side: Sides, most: int) -> list[int]:
    both = sorted(set(side.enrol_speaker.tolist()) & set(side.trial_speaker.tolist()))
    at = np.unique(np.linspace(0, len(both) - 1, min(most, len(both))).round().astype(int))
    return [both[int(i)] for i in at]
