"""The line-by-line tables of a Kaldi data directory: read strictly, written sorted and whole."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from voiceanon.errors import DestinationError, InputError

__all__ = [
    "c_locale",
    "check_audio_paths",
    "read_optional",
    "read_table",
    "read_trials",
    "rows",
    "write_lines",
]

# Kaldi splits at these alone; other letters that Unicode calls space belong to words and names.
_SPACES = " \t\r\n"
_TARGETS = {"target": True, "nontarget": False}


def read_table(path: Path) -> dict[str, tuple[int, str]]:
    """Return a table of Kaldi's: by key, the number of the line and what follows the key.

    Raises
    ------
    InputError
        If it cannot be read, is not text, or a key comes twice (with the line).
    """
    table: dict[str, tuple[int, str]] = {}
    for line, key, value in rows(path):
        if key in table:
            raise InputError(f"line {line} of {path.name} gives {key!r} a second time")
        table[key] = (line, value)
    return table


def rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield a file's lines that are not blank: their number, the first word, and the rest."""
    try:
        with path.open("rb") as file:
            # Bytes end a line at line feeds alone: words may hold Unicode's line separators.
            for number, line in enumerate(file, 1):
                stripped = line.decode("utf-8", "surrogateescape").strip(_SPACES)
                if stripped:
                    key, _, value = stripped.replace("\t", " ").partition(" ")
                    yield number, key, value.strip(_SPACES)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}") from error


def check_audio_paths(scp: Mapping[str, tuple[int, str]], name: str = "wav.scp") -> None:
    """Refuse every form of wav.scp that is no plain path.

    Raises
    ------
    InputError
        If a line holds a command (it begins or ends with ``|``), standard input or nothing.
    """
    for line, value in scp.values():
        if value.endswith("|") or value.startswith("|"):
            raise InputError(
                f"line {line} of {name} is a command (it ends with '|'), and commands are never "
                "run: write the audio to files and list their paths"
            )
        if value in ("", "-"):
            raise InputError(f"line {line} of {name} names no file: give the path of a recording")


def read_optional(path: Path) -> dict[str, str]:
    """Return a table's values by key; empty where there is no such file."""
    if not path.exists():
        return {}
    return {key: value for key, (_, value) in read_table(path).items()}


def read_trials(path: Path, speakers: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """Return the trials of a list, each once: enrolled speaker, key, whether it is the speaker.

    Parameters
    ----------
    path : Path
        Lines of speaker, key and ``target`` or ``nontarget``.
    speakers : mapping
        The speaker of each recording by its key.

    Raises
    ------
    InputError
        If a line is malformed, names an unknown recording or contradicts the speakers.
    """
    trials: dict[tuple[str, str], bool] = {}
    for line, enrolled, value in rows(path):
        fields = value.split()
        place = f"line {line} of {path.name}"
        if len(fields) != 2 or fields[1] not in _TARGETS:
            raise InputError(
                f"{place} is {enrolled + ' ' + value!r}: it must be a speaker, a recording, and "
                "target or nontarget"
            )
        key, is_target = fields[0], _TARGETS[fields[1]]
        if key not in speakers:
            raise InputError(f"{place} tries {key!r}, which has no audio in the folder")
        if is_target != (speakers[key] == enrolled):
            raise InputError(
                f"{place} says {fields[1]}, but {key!r} is by {speakers[key]!r} and "
                f"{enrolled!r} is enrolled"
            )
        trials[enrolled, key] = is_target
    return [(enrolled, key, is_target) for (enrolled, key), is_target in trials.items()]


def c_locale(text: str) -> bytes:
    """Return what Kaldi's tools sort by: the bytes, not the letters of any language."""
    return text.encode("utf-8", "surrogateescape")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a new file of lines in Kaldi's order, safely on disk before this returns.

    Raises
    ------
    DestinationError
        If it cannot be written or is already there.
    """
    try:
        with path.open("xb") as file:
            file.writelines(line + b"\n" for line in sorted(map(c_locale, lines)))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DestinationError(f"{path.name} cannot be written: {error.strerror}") from error
