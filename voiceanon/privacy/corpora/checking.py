"""Looks at every file of a corpus before hours are spent on it: what can be read, what measured."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from voiceanon.errors import InputError, RecordingError
from voiceanon.formats import AudioReader
from voiceanon.privacy.corpora.recordings import Corpus, Recording, named

__all__ = ["CorpusCheck", "check_corpus", "corpus_facts", "corpus_hash", "refuse_overlap"]

SHORTEST_S = 0.1  # what speaker models take
# Tables round: a stretch may end this much after its file does.
_ROUNDING_S = 0.05
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class CorpusCheck:
    """What of a corpus can be used.

    Attributes
    ----------
    corpus : Corpus
        The usable recordings, each with its duration, and the trials that are left.
    left_out : tuple of (str, str)
        Key and reason of each recording that cannot be used.
    """

    corpus: Corpus
    left_out: tuple[tuple[str, str], ...]

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """The usable recordings."""
        return self.corpus.recordings


def check_corpus(corpus: Corpus, progress: Callable[[int, int], None] | None = None) -> CorpusCheck:
    """Return the recordings whose files open as audio, and reasons for the others.

    Containers are checked as before anonymizing: a truncated or damaged file is none. Samples are
    not decoded yet.

    Parameters
    ----------
    corpus : Corpus
        As it was read.
    progress : callable, optional
        Called with recordings done and recordings in all.

    Returns
    -------
    CorpusCheck

    Raises
    ------
    InputError
        If no recording is left.
    """
    durations: dict[Path, float | str] = {}
    several_channels = 0
    usable: list[Recording] = []
    left_out: list[tuple[str, str]] = []
    for done, one in enumerate(corpus.recordings, 1):
        if one.path not in durations:
            try:
                with AudioReader(one.path) as reader:
                    durations[one.path] = reader.declared_frames / reader.rate
                    several_channels += reader.channels > 1
            except RecordingError as error:
                durations[one.path] = str(error)
        found = durations[one.path]
        reason = found if isinstance(found, str) else _outside(one, found)
        if isinstance(found, str) or reason:
            left_out.append((one.key, reason))
        else:
            usable.append(replace(one, duration_s=_length_s(one, found)))
        if progress is not None:
            progress(done, len(corpus.recordings))
    if not usable:
        key, reason = left_out[0]
        raise InputError(
            f"none of the {len(left_out)} recordings of {corpus.name!r} can be used; the first, "
            f"{key!r}, {reason}"
        )
    notes = list(corpus.notes)
    if left_out:
        keys = named(key for key, _ in left_out)
        notes.append(f"{len(left_out)} recordings cannot be used and were left out: {keys}.")
    if several_channels:
        notes.append(f"{several_channels} files have more than one channel.")
    keys_left = {one.key for one in usable}
    enrolled = {one.speaker for one in usable if one.side != "trial"}
    trials = tuple(t for t in corpus.trials if t[1] in keys_left and t[0] in enrolled)
    return CorpusCheck(Corpus(corpus.name, tuple(usable), tuple(notes), trials), tuple(left_out))


def _length_s(one: Recording, file_s: float) -> float:
    rest_s = file_s - one.start_s
    return rest_s if one.length_s is None else min(one.length_s, rest_s)


def _outside(one: Recording, file_s: float) -> str:
    """Why a stretch cannot be taken from a file of this length; empty if it can."""
    end_s = one.start_s + (one.length_s or 0.0)
    if end_s > file_s + _ROUNDING_S or one.start_s >= file_s:
        return f"ends at {file_s:.3f} s, before the stretch to {end_s:.3f} s"
    length_s = _length_s(one, file_s)
    if length_s < SHORTEST_S:
        return f"lasts {length_s:.3f} s; at least {SHORTEST_S:g} s are needed"
    return ""


def refuse_overlap(corpus: Corpus, training: Corpus) -> None:
    """Raise unless attackers learn from other speakers than those they are measured on.

    Raises
    ------
    InputError
        If a name of a speaker is in both.
    """
    both = sorted(set(corpus.speakers) & set(training.speakers))
    if both:
        shown = ", ".join(map(repr, both[:5])) + (" …" if len(both) > 5 else "")
        raise InputError(
            f"{len(both)} speakers are in {corpus.name!r} and in the training corpus "
            f"{training.name!r} ({shown}): an attacker must learn from other people, so take them "
            "out of one of the two, or rename them if only their names are the same"
        )


def corpus_hash(corpus: Corpus) -> str:
    """Return a SHA-256 over ids, speakers, stretches, sides and the bytes of the files.

    The same for any order of recordings and any place of the files. Files are read in blocks.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    RecordingError
        If a file cannot be read.
    """
    files: dict[Path, bytes] = {}
    digests = []
    for one in corpus.recordings:
        if one.path not in files:
            files[one.path] = _file_hash(one)
        words = (one.key, one.speaker, one.sex, one.session, one.side, one.text)
        own = hashlib.sha256(files[one.path] + repr((one.start_s, one.length_s)).encode())
        for word in words:
            content = word.encode("utf-8", "surrogatepass")
            own.update(len(content).to_bytes(8, "big") + content)
        digests.append(own.digest())
    digests += [
        hashlib.sha256(repr(trial).encode("utf-8", "surrogatepass")).digest()
        for trial in corpus.trials
    ]
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def _file_hash(one: Recording) -> bytes:
    found = hashlib.sha256()
    try:
        with one.path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                found.update(block)
    except OSError as error:
        raise RecordingError(f"{one.key!r} cannot be read: {error.strerror}") from error
    return found.digest()


def corpus_facts(corpus: Corpus) -> dict[str, Any]:
    """Return what a report says of a corpus, as JSON; every file is read for its hash.

    ``hours`` is null where durations are not known: `check_corpus` finds them.
    """
    found = corpus.recordings
    seconds = [one.duration_s for one in found if one.duration_s is not None]
    sexes = Counter({one.speaker: one.sex for one in found}.values())
    return {
        "name": corpus.name,
        "speakers": len(corpus.speakers),
        "recordings": len(found),
        "hours": round(sum(seconds) / 3600, 4) if len(seconds) == len(found) else None,
        "female": sexes["F"],
        "male": sexes["M"],
        "sessions": any(one.session for one in found),
        "transcripts": sum(bool(one.text) for one in found),
        "hash": corpus_hash(corpus),
        "notes": list(corpus.notes),
    }
