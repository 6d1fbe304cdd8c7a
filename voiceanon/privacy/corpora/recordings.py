"""A corpus to measure on: who speaks in which recording, in one form whatever it was read from."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from voiceanon.errors import InputError

__all__ = ["Corpus", "Recording", "assemble", "distinct", "named", "normal_sex"]

SIDES = ("enrol", "trial", "")
# LibriSpeech and Multilingual LibriSpeech: speaker, chapter, utterance.
_LIBRISPEECH_ID = re.compile(r"(\d+)[-_](\d+)[-_]\d+")
_SEXES = {
    **dict.fromkeys(("f", "female", "w", "woman"), "F"),
    **dict.fromkeys(("m", "male", "man"), "M"),
}
_UNKNOWN_SEXES = {"", "-", "?", "u", "unk", "unknown", "none", "na", "n/a", "nan", "null"}
_EXAMPLES = 3


@dataclass(frozen=True)
class Recording:
    """One recording of one person, or a stretch of a longer one.

    Attributes
    ----------
    key : str
        Utterance id, unique in its corpus; never empty.
    speaker : str
        Whose voice it is; never empty.
    path : Path
        The file.
    sex : {"F", "M", ""}
        Of the speaker; empty where it is not known.
    text : str
        Transcript, or empty.
    session : str
        Chapter, session or day; empty where it is not known.
    duration_s : float or None
        Length of the recording, or of the stretch; None until the file has been looked at.
    start_s : float
        Where the stretch starts in the file, in seconds.
    length_s : float or None
        How long the stretch is, in seconds; None means to the end of the file.
    side : {"enrol", "trial", ""}
        Which side of a comparison it is for, where the corpus fixes that.
    score : float or None
        What somebody who assessed it gave it, on any scale.
    age_group, first_language : str
        Of the speaker, as the corpus calls them; empty where they are not known.
    """

    key: str
    speaker: str
    path: Path
    sex: str = ""
    text: str = ""
    session: str = ""
    duration_s: float | None = None
    start_s: float = 0.0
    length_s: float | None = None
    side: str = ""
    score: float | None = None
    age_group: str = ""
    first_language: str = ""


@dataclass(frozen=True)
class Corpus:
    """Recordings with speakers.

    Attributes
    ----------
    name : str
        What reports call it.
    recordings : tuple of Recording
        In the order they were read in; keys are unique.
    notes : tuple of str
        What was left out, merged or guessed: one sentence each.
    trials : tuple of (str, str, bool)
        Enrolled speaker, key of the trial recording, and whether it is the speaker, where the
        corpus fixes a list; else empty.
    """

    name: str
    recordings: tuple[Recording, ...]
    notes: tuple[str, ...] = ()
    trials: tuple[tuple[str, str, bool], ...] = ()

    @property
    def speakers(self) -> tuple[str, ...]:
        """The names of its speakers, sorted."""
        return tuple(sorted({one.speaker for one in self.recordings}))


def normal_sex(value: str) -> str:
    """Return ``"F"`` or ``"M"`` for the usual spellings, else ``""``.

    Examples
    --------
    >>> normal_sex(" Female"), normal_sex("m"), normal_sex("x")
    ('F', 'M', '')
    """
    return _SEXES.get(value.strip().lower(), "")


def named(items: Iterable[object]) -> str:
    """Return up to three items for a message, in quotes, and how many more there are.

    Examples
    --------
    >>> named("abcde")
    "'a', 'b', 'c' and 2 more"
    """
    found = list(items)
    text = ", ".join(repr(str(item)) for item in found[:_EXAMPLES])
    more = len(found) - _EXAMPLES
    return f"{text} and {more} more" if more > 0 else text


def assemble(
    name: str,
    recordings: Sequence[Recording],
    notes: Iterable[str] = (),
    trials: Iterable[tuple[str, str, bool]] = (),
    *,
    source: str,
) -> Corpus:
    """Return a corpus of recordings read from somewhere, or say what is wrong with them.

    Parameters
    ----------
    name : str
        Of the corpus.
    recordings : sequence of Recording
        As they were read; ``sex`` may still be in any spelling.
    notes : iterable of str
        What the reader already left out or guessed.
    trials : iterable of (str, str, bool)
        A fixed list of comparisons.
    source : str
        What messages call the place they were read from.

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        If there are no recordings, a key or speaker is empty, one key stands for different
        recordings, a side is unknown, or files do not exist.
    """
    found = list(notes)
    if not recordings:
        raise InputError(f"{source} holds no recordings: a corpus needs at least one")
    kept = distinct(recordings, source, found)
    _refuse_missing(kept, source)
    kept = _with_sexes(kept, found)
    kept = _with_sessions(kept, found)
    # Readers of audio follow no links; a link that the user named is followed here, once.
    kept = [replace(r, path=r.path.resolve()) if r.path.is_symlink() else r for r in kept]
    return Corpus(name, tuple(kept), tuple(found), tuple(trials))


def _refuse_empty(recordings: Sequence[Recording], source: str) -> None:
    without = [r.path.name for r in recordings if not r.key]
    if without:
        raise InputError(
            f"{source} has {len(without)} recordings with an empty id, for example "
            f"{named(without)}: give each an id of its own"
        )
    without = [r.key for r in recordings if not r.speaker]
    if without:
        raise InputError(
            f"{source} has {len(without)} of {len(recordings)} recordings with an empty speaker, "
            f"for example {named(without)}: name the speaker or take the recordings out"
        )
    odd = [r for r in recordings if r.side not in SIDES]
    if odd:
        raise InputError(
            f"{source} has the side {odd[0].side!r} for {odd[0].key!r}: "
            "it must be 'enrol', 'trial' or empty"
        )


def distinct(recordings: Sequence[Recording], source: str, notes: list[str]) -> list[Recording]:
    """Return the recordings without rows that say the same twice; refuse ids that mean two things.

    Raises
    ------
    InputError
        If an id or speaker is empty, a side is unknown, or an id stands for two recordings.
    """
    _refuse_empty(recordings, source)
    first: dict[str, Recording] = {}
    clashes: dict[str, None] = {}
    repeats = 0
    for one in recordings:
        known = first.setdefault(one.key, one)
        if known is one:
            continue
        if _place(known) == _place(one):
            repeats += 1
        else:
            clashes[one.key] = None
    if clashes:
        raise InputError(
            f"{source} has {len(clashes)} ids that stand for different recordings or speakers, "
            f"for example {named(clashes)}: give each recording an id of its own"
        )
    if repeats:
        notes.append(f"{repeats} recordings are listed twice in the same way; each counts once.")
    return list(first.values())


def _place(one: Recording) -> tuple[object, ...]:
    return one.speaker, one.path, one.start_s, one.length_s, one.side


def _refuse_missing(recordings: Sequence[Recording], source: str) -> None:
    there: dict[Path, bool] = {}
    for one in recordings:
        if one.path not in there:
            there[one.path] = _is_file(one.path)
    missing = [path for path, is_there in there.items() if not is_there]
    if missing:
        raise InputError(
            f"{source} names {len(missing)} of {len(there)} files that do not exist, for example "
            f"{named(missing)}: restore them or take their lines out"
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long or with a NUL, a folder closed to us
        return False


def _with_sexes(recordings: Sequence[Recording], notes: list[str]) -> list[Recording]:
    """Normalise; every recording of a speaker gets what any of them says."""
    said: dict[str, set[str]] = defaultdict(set)
    odd = Counter[str]()
    for one in recordings:
        sex = normal_sex(one.sex)
        if sex:
            said[one.speaker].add(sex)
        elif one.sex.strip().lower() not in _UNKNOWN_SEXES:
            odd[one.sex] += 1
    if odd:
        notes.append(f"Sex given as {named(odd)} was not understood and counts as unknown.")
    both = sorted(speaker for speaker, sexes in said.items() if len(sexes) > 1)
    if both:
        notes.append(
            f"{len(both)} speakers are given as both F and M ({named(both)}); "
            "their sex counts as unknown."
        )
    sexes = {speaker: next(iter(s)) for speaker, s in said.items() if len(s) == 1}
    known = [sexes.get(one.speaker, "") for one in recordings]
    # Most are in the right form already, and a copy of each costs a long manifest its second.
    return [
        one if one.sex == sex else replace(one, sex=sex)
        for one, sex in zip(recordings, known, strict=True)
    ]


def _with_sessions(recordings: Sequence[Recording], notes: list[str]) -> list[Recording]:
    """Take the chapter out of LibriSpeech ids where no session is given at all."""
    if any(one.session for one in recordings):
        return list(recordings)
    made, taken = [], 0
    for one in recordings:
        parts = _LIBRISPEECH_ID.fullmatch(one.key)
        if parts and parts[1] == one.speaker:
            one = replace(one, session=parts[2])  # noqa: PLW2901
            taken += 1
        made.append(one)
    if taken:
        notes.append(
            f"Sessions of {taken} recordings are the chapters in their ids "
            "(speaker-chapter-utterance)."
        )
    return made
