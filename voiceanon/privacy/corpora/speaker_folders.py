"""Reads corpora out of plain folders: one a speaker, with audio anywhere below it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from voiceanon.errors import InputError
from voiceanon.formats import AUDIO_SUFFIXES
from voiceanon.privacy.corpora.recordings import Corpus, Recording, assemble, named

__all__ = ["find_files", "read_speaker_folders"]

_LIBRISPEECH_STEM = re.compile(r"(\d+)-(\d+)-\d+")
_TRANSCRIPTS = ".trans.txt"
_MAX_TEXT_BYTES = 65_536


@dataclass
class _Found:
    """What a walk through a folder came across."""

    audio: list[Path] = field(default_factory=list)
    transcripts: list[Path] = field(default_factory=list)
    texts: set[Path] = field(default_factory=set)
    links: int = 0


def find_files(folder: Path, depth: int = 32) -> Iterator[os.DirEntry[str]]:
    """Yield regular files and links below a folder in order of name; links are not followed.

    Hidden entries are passed over. A folder that cannot be read is an InputError: what lies in it
    would be missing from every measure.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"folder {folder.name!r} cannot be read: {error.strerror}") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if depth > 0:
                yield from find_files(Path(entry.path), depth - 1)
        elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
            yield entry


def read_speaker_folders(folder: Path, name: str) -> Corpus:
    """Return the corpus of a folder that holds a folder for each speaker.

    The speaker is the first folder below; folders between it and the audio are sessions. In a
    LibriSpeech tree (``speaker/chapter/speaker-chapter-utterance``) the ids say so themselves, at
    any depth. Transcripts come from ``*.trans.txt`` in LibriSpeech's form (an id, a space, the
    words), or from ``utterance.txt`` beside ``utterance.flac``.

    Parameters
    ----------
    folder : Path
        The folder above the speakers.
    name : str
        Of the corpus.

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        If no audio lies below, or none of it in a speaker's folder.
    """
    found = _walk(folder)
    notes: list[str] = []
    if found.links:
        notes.append(f"{found.links} symbolic links were not followed.")
    if not found.audio:
        raise InputError(
            f"{folder.name!r} holds no recordings: a corpus is a folder for each speaker with "
            "audio in it, a CSV, a JSONL manifest or a Kaldi directory"
        )
    if all(_is_librispeech(path) for path in found.audio):
        rows = [(p, p.parent.parent.name, p.parent.name) for p in found.audio]
        notes.append("The folders are a LibriSpeech tree: speaker, then chapter.")
    else:
        rows = _by_first_folder(folder, found.audio, notes)
    keys = _keys(folder, [path for path, _, _ in rows], notes)
    texts = _transcripts(found.transcripts)
    sexes = _librispeech_sexes(folder)
    recordings = [
        Recording(
            key=key,
            speaker=speaker,
            path=path,
            sex=sexes.get(speaker, ""),
            text=texts.get(path.stem) or _text_beside(path, found.texts),
            session=session,
        )
        for key, (path, speaker, session) in zip(keys, rows, strict=True)
    ]
    return assemble(name, recordings, notes, source=repr(folder.name))


def _walk(folder: Path) -> _Found:
    found = _Found()
    for entry in find_files(folder):
        path = Path(entry.path)
        if entry.is_symlink():
            found.links += 1
        elif path.suffix.lower() in AUDIO_SUFFIXES:
            found.audio.append(path)
        elif entry.name.endswith(_TRANSCRIPTS):
            found.transcripts.append(path)
        elif path.suffix.lower() == ".txt":
            found.texts.add(path)
    return found


def _is_librispeech(path: Path) -> bool:
    parts = _LIBRISPEECH_STEM.fullmatch(path.stem)
    return bool(parts) and path.parts[-3:-1] == (parts[1], parts[2])  # type: ignore[index]


def _by_first_folder(
    folder: Path, audio: list[Path], notes: list[str]
) -> list[tuple[Path, str, str]]:
    below = [path.relative_to(folder) for path in audio]
    loose = [path.name for path in below if len(path.parts) == 1]
    if len(loose) == len(below):
        raise InputError(
            f"{folder.name!r} holds {len(loose)} recordings and no folder for a speaker, for "
            f"example {named(loose)}: put each speaker's into a folder, or list them in a CSV"
        )
    notes.append("The first folder below the corpus was taken as the speaker.")
    if loose:
        notes.append(
            f"{len(loose)} recordings lie in no speaker's folder ({named(loose)}): left out."
        )
    rows = [
        (folder / path, path.parts[0], "/".join(path.parts[1:-1]))
        for path in below
        if len(path.parts) > 1
    ]
    # One name for all, such as "wav", tells no sessions apart.
    if len({session for _, _, session in rows}) == 1:
        return [(path, speaker, "") for path, speaker, _ in rows]
    notes.append("Folders inside a speaker's folder were taken as sessions.")
    return rows


def _keys(folder: Path, audio: list[Path], notes: list[str]) -> list[str]:
    """File names without suffix where they are unique, else paths below the folder."""
    stems = [path.stem for path in audio]
    if len(set(stems)) == len(stems):
        return stems
    paths = [path.relative_to(folder) for path in audio]
    keys = [path.with_suffix("").as_posix() for path in paths]
    notes.append("Names of files repeat: the paths below the corpus are the ids.")
    count = Counter(keys)
    return [
        path.as_posix() if count[key] > 1 else key for path, key in zip(paths, keys, strict=True)
    ]


def _transcripts(files: list[Path]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for file in files:
        for line, content in enumerate(_content(file).split("\n"), 1):
            if not content.strip():
                continue
            key, _, words = content.strip().partition(" ")
            if not words.strip():
                raise InputError(
                    f"line {line} of {file.name} is no transcript: it must be an id, a space and "
                    "the words"
                )
            texts[key] = words.strip()
    return texts


def _text_beside(audio: Path, texts: set[Path]) -> str:
    path = audio.with_suffix(".txt")
    if path not in texts:
        return ""
    if path.stat().st_size > _MAX_TEXT_BYTES:
        raise InputError(f"{path.name} beside the audio is larger than 64 KiB: no transcript is")
    return " ".join(_content(path).split())


def _librispeech_sexes(folder: Path) -> dict[str, str]:
    """What LibriSpeech's own list says, in the corpus's folder or the one above it."""
    for table in (folder / "SPEAKERS.TXT", folder.parent / "SPEAKERS.TXT"):
        if table.is_file() and not table.is_symlink():
            rows = [line.split("|") for line in _content(table).split("\n")]
            return {row[0].strip(): row[1].strip() for row in rows if len(row) > 2}
    return {}


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not UTF-8 text: convert it") from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}") from error
