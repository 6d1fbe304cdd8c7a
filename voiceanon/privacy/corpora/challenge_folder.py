"""Anonymizes a Kaldi or challenge data folder into another that the challenge's tools can read."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voiceanon.errors import DestinationError, InputError, VoiceanonError
from voiceanon.file_plan import make_folder
from voiceanon.privacy.corpora.kaldi import read_recordings
from voiceanon.privacy.corpora.kaldi_tables import read_optional, rows, write_lines
from voiceanon.privacy.corpora.recordings import Recording, named

if TYPE_CHECKING:
    from voiceanon.anonymizer import Anonymizer

__all__ = ["DataFolderResult", "anonymize_data_folder"]

# Tables that say something of utterances, of speakers, or of both; no other file is taken over:
# features and lists of audio would carry the original voice along.
_BY_UTTERANCE = ("text", "utt2spk", "utt2dur", "utt2emo", "utt2lang", "utt2session", "enrolls")
_BY_SPEAKER = ("spk2gender", "spk2fold")
_MADE = ("wav.scp", "spk2utt", "trials", "segments")
_FILE_NAME = re.compile(r"[\w+=@~,][\w+=@~,.-]*", re.ASCII)


@dataclass(frozen=True)
class DataFolderResult:
    """What became of a data folder.

    Attributes
    ----------
    destination : Path
        The new folder; incomplete where there are failures.
    delivered : tuple of str
        Ids in ``wav.scp`` whose anonymized recording is there.
    failures : tuple of (str, str)
        Id and reason of each recording that could not be done.
    not_copied : tuple of str
        Files of the source that were not taken over, because they are none of the known tables.
    """

    destination: Path
    delivered: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]
    not_copied: tuple[str, ...]


def anonymize_data_folder(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    anonymizer: Anonymizer,
    progress: Callable[[int, int], None] | None = None,
) -> DataFolderResult:
    """Write a data folder again with every recording anonymized.

    Recordings become ``wav/ID.wav``, 16-bit PCM of the same length and rate. Voices are drawn for
    the folder and the id, or the folder and the speaker where the recipe draws one a speaker: the
    enrolment's and the trials' folders get voices of their own, as the challenge asks. Tables are
    written last, and only for what was delivered.

    Parameters
    ----------
    source : path
        A Kaldi data directory, for example ``data/libri_dev_enrolls``.
    destination : path
        A new folder, for example ``data/libri_dev_enrolls_template``; it must not exist. Paths in
        its ``wav.scp`` begin as this path does.
    anonymizer : Anonymizer
        What is done to the voices.
    progress : callable, optional
        Called with recordings done and recordings in all.

    Returns
    -------
    DataFolderResult
        With the recordings that failed, if any.

    Raises
    ------
    InputError
        If the source is malformed, ``wav.scp`` holds a command, or an id is no file name.
    DestinationError
        If the destination exists or cannot be written.
    """
    source, destination = Path(source), Path(destination)
    if os.path.lexists(destination):
        raise DestinationError(f"{destination.name!r} already exists; choose a new folder")
    if not (source / "wav.scp").exists():
        raise InputError(f"{str(source)!r} is no Kaldi data directory: it has no wav.scp")
    found = read_recordings(source, [])
    segments = {key: value.split()[0] for key, value in read_optional(source / "segments").items()}
    files: dict[str, list[Recording]] = defaultdict(list)
    for one in found:
        files[segments.get(one.key, one.key)].append(one)
    _refuse_names(files)
    make_folder(destination / "wav")
    delivered, failures = [], []
    for done, (file, own) in enumerate(sorted(files.items()), 1):
        try:
            anonymizer.file(
                own[0].path.resolve(),
                destination / "wav" / f"{file}.wav",
                recording=f"{source.name}/{file}",
                speaker=_speaker(own, source.name, anonymizer),
                check=False,  # the challenge judges words by itself, and counts every utterance
            )
        except VoiceanonError as error:
            failures.append((file, str(error)))
        else:
            delivered.append(file)
        if progress is not None:
            progress(done, len(files))
    done_files = set(delivered)
    kept = [one for file in delivered for one in files[file]]
    scp = [f"{file} {destination / 'wav' / f'{file}.wav'}" for file in delivered]
    write_lines(destination / "wav.scp", scp)
    if segments:
        listed = read_optional(source / "segments").items()
        write_lines(
            destination / "segments",
            [f"{key} {value}" for key, value in listed if segments[key] in done_files],
        )
    _write_tables(source, destination, kept)
    known = {*_BY_UTTERANCE, *_BY_SPEAKER, *_MADE}
    others = tuple(sorted(path.name for path in source.iterdir() if path.name not in known))
    return DataFolderResult(destination, tuple(delivered), tuple(failures), others)


def _refuse_names(files: dict[str, list[Recording]]) -> None:
    odd = [file for file in files if not _FILE_NAME.fullmatch(file) or len(file) > 200]
    if odd:
        raise InputError(
            f"{len(odd)} ids cannot be names of files, for example {named(odd)}: they must be "
            "letters, digits and _ + = @ ~ , . -, and not begin with a dot or a dash"
        )


def _speaker(own: list[Recording], folder: str, anonymizer: Anonymizer) -> str | None:
    """Label for the voice of a file, where the recipe draws one for each speaker."""
    if anonymizer.recipe.voice_draw != "speaker":
        return None
    speakers = {one.speaker for one in own}
    if len(speakers) > 1:
        raise InputError(
            f"holds {len(speakers)} speakers in its segments; the recipe draws a voice for one"
        )
    return f"{folder}/{speakers.pop()}"


def _write_tables(source: Path, destination: Path, kept: list[Recording]) -> None:
    keys = {one.key for one in kept}
    by_speaker: dict[str, list[str]] = defaultdict(list)
    for one in kept:
        by_speaker[one.speaker].append(one.key)
    write_lines(
        destination / "spk2utt",
        [f"{speaker} {' '.join(sorted(own))}" for speaker, own in by_speaker.items()],
    )
    for table, wanted in (
        *((table, keys) for table in _BY_UTTERANCE),
        *((table, set(by_speaker)) for table in _BY_SPEAKER),
    ):
        if (source / table).exists():
            lines = [f"{k} {value}".rstrip() for _, k, value in rows(source / table) if k in wanted]
            write_lines(destination / table, lines)
    if (source / "trials").exists():
        listed = [(who, value.split()) for _, who, value in rows(source / "trials")]
        write_lines(
            destination / "trials",
            [f"{who} {' '.join(rest)}" for who, rest in listed if rest and rest[0] in keys],
        )
