"""Writes a corpus as a Kaldi data directory: sorted as its tools ask, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from voiceanon.errors import DestinationError, InputError
from voiceanon.privacy.corpora.kaldi_tables import c_locale, write_lines
from voiceanon.privacy.corpora.recordings import Corpus, Recording

__all__ = ["write_kaldi"]


def write_kaldi(corpus: Corpus, folder: str | os.PathLike[str]) -> Path:
    """Write a corpus as a Kaldi data directory, whole or not at all.

    Written are ``wav.scp``, ``utt2spk``, ``spk2utt`` and, where something is known, ``spk2gender``,
    ``text``, ``utt2dur``, ``utt2session``, ``segments``, ``enrolls`` and ``trials``, each sorted by
    bytes. A corpus with sides and no list of trials gets the list of all of them. Audio stays
    where it is; the paths written are absolute.

    Parameters
    ----------
    corpus : Corpus
        What to write.
    folder : path
        Where to; it must not exist, and the folder above it must.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If an id, a speaker or a path cannot be said in Kaldi's tables.
    DestinationError
        If the folder exists or cannot be written.
    """
    folder = Path(folder)
    if os.path.lexists(folder):
        raise DestinationError(f"{folder.name!r} already exists; choose a new folder")
    tables = _tables(corpus)
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    except OSError as error:
        raise DestinationError(f"{folder.name!r} cannot be made: {error.strerror}") from error
    try:
        for table, lines in tables.items():
            write_lines(part / table, lines)
        try:
            part.rename(folder)
        except OSError as error:
            raise DestinationError(f"{folder.name!r} cannot be made: {error.strerror}") from error
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return folder


def _tables(corpus: Corpus) -> dict[str, Iterable[str]]:
    for one in corpus.recordings:
        _check_words(one)
    found = corpus.recordings
    has_stretches = any(one.start_s or one.length_s is not None for one in found)
    first: dict[Path, str] = {}
    for one in found:
        first.setdefault(one.path, one.key)
    scp = [(key, path) for path, key in first.items()]
    if not has_stretches:
        scp = [(one.key, one.path) for one in found]
    by_speaker = defaultdict(list)
    for one in sorted(found, key=lambda one: c_locale(one.key)):
        by_speaker[one.speaker].append(one.key)
    sexes = {one.speaker: one.sex.lower() for one in found if one.sex}
    tables: dict[str, Iterable[str]] = {
        "wav.scp": [f"{key} {path.absolute()}" for key, path in scp],
        "utt2spk": [f"{one.key} {one.speaker}" for one in found],
        "spk2utt": [f"{speaker} {' '.join(keys)}" for speaker, keys in by_speaker.items()],
        "spk2gender": [f"{speaker} {sex}" for speaker, sex in sexes.items()],
        "text": [f"{one.key} {' '.join(one.text.split())}" for one in found if one.text.split()],
        "utt2dur": [f"{r.key} {r.duration_s!r}" for r in found if r.duration_s is not None],
        "utt2session": [f"{one.key} {one.session}" for one in found if one.session],
        "segments": [_segment(one, first[one.path]) for one in found] if has_stretches else [],
        "enrolls": [one.key for one in found if one.side == "enrol"],
        "trials": list(_trial_lines(corpus)),
    }
    needed = ("wav.scp", "utt2spk", "spk2utt")
    return {name: lines for name, lines in tables.items() if lines or name in needed}


def _segment(one: Recording, file: str) -> str:
    end = "-1" if one.length_s is None else repr(round(one.start_s + one.length_s, 6))
    return f"{one.key} {file} {one.start_s!r} {end}"


def _trial_lines(corpus: Corpus) -> Iterator[str]:
    listed: Iterable[tuple[str, str, bool]] = corpus.trials
    if not corpus.trials:
        enrolled = sorted({one.speaker for one in corpus.recordings if one.side == "enrol"})
        tried = [one for one in corpus.recordings if one.side == "trial"]
        listed = ((who, one.key, one.speaker == who) for who in enrolled for one in tried)
    for who, key, is_target in listed:
        yield f"{who} {key} {'target' if is_target else 'nontarget'}"


def _check_words(one: Recording) -> None:
    """Refuse what Kaldi's tables would read back as something else."""
    for what, word in (("an id", one.key), ("a speaker", one.speaker)):
        if word.split() != [word]:
            raise InputError(f"{what} is {word!r}: Kaldi's tables allow no spaces in it")
    path = str(one.path.absolute())
    if "\n" in path or path != path.strip(" \t\r") or path.endswith("|"):
        raise InputError(
            f"the path of {one.key!r} is {path!r}: wav.scp allows no line break, no space at its "
            "end and no '|' there"
        )
    try:
        c_locale(one.key + one.speaker + one.text + one.session)
    except UnicodeEncodeError as error:
        raise InputError(f"{one.key!r} holds half a letter (a lone surrogate)") from error
    if one.session != " ".join(one.session.split()):
        raise InputError(f"the session of {one.key!r} is {one.session!r}: use single spaces")
