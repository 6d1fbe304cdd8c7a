"""Reads lists of recordings (CSV, JSONL, Kaldi) row by row: each is found, or left out with why."""

from __future__ import annotations

import functools
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from voiceanon.archive.entries import Found, LeftOut
from voiceanon.errors import InputError
from voiceanon.privacy.corpora.kaldi_tables import c_locale, rows
from voiceanon.privacy.corpora.manifests import objects_of
from voiceanon.privacy.corpora.recordings import named
from voiceanon.privacy.corpora.tables import lines_of

__all__ = ["read_csv", "read_jsonl", "read_kaldi"]

_PATHS = ("path", "audio_filepath", "file", "file_name", "filename", "wav", "audio")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


class _Root:
    """The folder that listed files must lie in; it judges their paths and opens nothing."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"root {str(folder)!r} is not a folder")
        self._name = folder.name
        self._given = f"{os.path.normpath(folder.absolute())}/".replace("//", "/")
        self._real = f"{os.path.realpath(folder)}/".replace("//", "/")
        self._real_folder = functools.lru_cache(4096)(os.path.realpath)

    def look(self, given: str, speaker: str, place: str) -> Found | LeftOut:
        """The recording of a row, or why there is none."""
        if not given or given == "-":
            return LeftOut(place, "failed", "names no file")
        try:
            return self._look(given, speaker)
        except FileNotFoundError:
            problem = "does not exist"
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
        except ValueError:  # a NUL, or letters that no file name can hold
            problem = "is not a file name"
        return LeftOut(given, "failed", problem)

    def _look(self, given: str, speaker: str) -> Found | LeftOut:
        if _URL.match(given):
            return LeftOut(given, "failed", "is a URL, and only files are read")
        path = os.path.normpath(given if given.startswith("/") else self._real + given)
        if path.startswith(self._given):  # an absolute path may go there through the user's links
            path = self._real + path[len(self._given) :]
        if not path.startswith(self._real):
            problem = f"lies outside of the folder {self._name!r} that listed files must lie in"
            return LeftOut(given, "failed", problem)
        folder = path.rpartition("/")[0]
        if self._real_folder(folder or "/") != (folder or "/"):
            return LeftOut(given, "failed", "leads through a symbolic link; links are not followed")
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return LeftOut(given, "failed", "is a symbolic link; links are not followed")
        if not stat.S_ISREG(status.st_mode):
            return LeftOut(given, "failed", "is not a regular file")
        name = path[len(self._real) :]
        return Found(path, name, status.st_size, status.st_mtime_ns, speaker)


def read_csv(
    path: Path, root: Path, speaker_column: str, path_column: str | None
) -> Iterator[Found | LeftOut]:
    """Yield the recordings of a table.

    Parameters
    ----------
    path : Path
        UTF-8, commas, a header. A column of paths is needed, one of speakers is not.
    root : Path
        The folder that listed files must lie in.
    speaker_column : str
        Must be there unless it has its usual name.
    path_column : str or None
        By default ``path``, ``audio_filepath``, ``file`` or the like.

    Raises
    ------
    InputError
        If the table is not CSV in UTF-8, or lacks a column.
    """
    look = _Root(root).look
    lines = lines_of(path)
    _, header = next(lines, (0, []))
    cells = [cell.strip().lower() for cell in header]
    wanted = _PATHS if path_column is None else (path_column,)
    path_at = _column(cells, wanted)
    speaker_at = _column(cells, (speaker_column,))
    if path_at is None:
        raise InputError(
            f"{path.name} has no column {wanted[0]!r}, separated by commas: it has {named(cells)}"
        )
    if speaker_at is None and speaker_column != "speaker":
        raise InputError(f"{path.name} has no column {speaker_column!r}: it has {named(cells)}")
    for line, row in lines:
        place = f"line {line} of {path.name}"
        if len(row) != len(cells):
            problem = f"has {len(row)} fields where the header has {len(cells)}"
            yield LeftOut(place, "failed", problem)
            continue
        speaker = "" if speaker_at is None else row[speaker_at].strip()
        yield look(row[path_at].strip(), speaker, place)


def read_jsonl(
    path: Path, root: Path, speaker_key: str, path_key: str | None
) -> Iterator[Found | LeftOut]:
    """Yield the recordings of a manifest: a JSON object a line, ``audio_filepath`` and ``speaker``.

    Stretches of one file (``offset``) name the file again: a plan takes it once, whole.

    Parameters
    ----------
    path : Path
        UTF-8, one object a line.
    root : Path
        The folder that listed files must lie in.
    speaker_key : str
        Objects may lack it.
    path_key : str or None
        By default ``audio_filepath``, ``path`` or the like.

    Raises
    ------
    InputError
        If a line is not a JSON object.
    """
    look = _Root(root).look
    path_keys = _PATHS if path_key is None else (path_key,)
    for place, value in objects_of(path):
        given, speaker = _text(value, path_keys), _text(value, (speaker_key,))
        if given is None or speaker is None:
            yield LeftOut(place, "failed", "has a path or speaker that is not text")
        else:
            yield look(given, speaker, place)


def read_kaldi(folder: Path, root: Path) -> Iterator[Found | LeftOut]:
    """Yield the recordings of ``wav.scp``, with the speakers of ``utt2spk`` where their keys agree.

    Recordings are taken whole, whatever ``segments`` says. Commands are never run. Both tables
    must be sorted as Kaldi itself wants them, so that neither has to be held in memory.

    Parameters
    ----------
    folder : Path
        The data directory.
    root : Path
        The folder that listed files must lie in.

    Raises
    ------
    InputError
        If a table cannot be read or is not sorted.
    """
    look = _Root(root).look
    table = folder / "utt2spk"
    speakers = _sorted_rows(table) if table.exists() else iter(())
    current = next(speakers, None)
    for line, key, value in _sorted_rows(folder / "wav.scp"):
        while current is not None and c_locale(current[1]) < c_locale(key):
            current = next(speakers, None)
        speaker = current[2] if current is not None and current[1] == key else ""
        if value.startswith("|") or value.endswith("|"):
            yield LeftOut(value, "failed", "is a command, and commands are never run")
        else:
            yield look(value, speaker, f"line {line} of wav.scp")


def _sorted_rows(path: Path) -> Iterator[tuple[int, str, str]]:
    before = b""
    for line, key, value in rows(path):
        if c_locale(key) <= before:
            raise InputError(
                f"line {line} of {path.name} comes too late or repeats a key: sort the file by "
                "LC_ALL=C sort -u"
            )
        before = c_locale(key)
        yield line, key, value


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(n.lower()) for n in names if n.lower() in header), None)


def _text(value: dict[str, Any], keys: Sequence[str]) -> str | None:
    """The first of the keys that is there, empty if none is, None if it is no text or number."""
    found = next((value[key] for key in keys if value.get(key) is not None), "")
    if isinstance(found, str):
        return found.strip()
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else None
