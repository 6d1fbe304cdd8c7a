"""Reads corpora out of JSONL manifests: one JSON object a line with NeMo's keys."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from voiceanon.errors import InputError
from voiceanon.privacy.corpora.recordings import Corpus, Recording, assemble
from voiceanon.privacy.corpora.tables import number

__all__ = ["objects_of", "read_manifest"]

_MAX_LINE_BYTES = 1 << 24


def read_manifest(path: Path, name: str) -> Corpus:
    """Return the corpus that a manifest describes.

    Keys of a line: ``audio_filepath`` and ``speaker``; if there, ``utt_id`` or ``id``,
    ``duration``, ``offset``, ``text``, ``sex`` or ``gender``, ``session``, ``side``. Paths are
    relative to the manifest's folder. Where ``offset`` is given, the line is the stretch of
    ``duration`` seconds from there.

    Parameters
    ----------
    path : Path
        UTF-8, one object a line.
    name : str
        Of the corpus.

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        If a line is malformed (with its number), or `assemble` refuses what it says.
    """
    notes: list[str] = []
    found = [_recording(value, path, place) for place, value in objects_of(path)]
    keys = [key for key, _ in found]
    if not all(keys):
        notes.append(f"Ids that {path.name} does not give are the names of the files.")
        keys = _made_keys(found)
    recordings = [
        one if one.key == key else replace(one, key=key)
        for (_, one), key in zip(found, keys, strict=True)
    ]
    return assemble(name, recordings, notes, source=path.name)


def objects_of(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a manifest's lines: where each stands, and the object; blank lines are passed over."""
    try:
        with path.open("rb") as file:
            # A line that is longer comes in pieces, and a piece is not JSON.
            lines = iter(functools.partial(file.readline, _MAX_LINE_BYTES), b"")
            for line, content in enumerate(lines, 1):
                place = f"line {line} of {path.name}"
                if not content.strip():
                    continue
                try:
                    value = json.loads(content)
                except UnicodeDecodeError as error:
                    raise InputError(f"{place} is not UTF-8 text") from error
                except (ValueError, RecursionError) as error:
                    why = getattr(error, "msg", "nested too deeply")
                    raise InputError(f"{place} is not JSON: {why}") from error
                if not isinstance(value, dict):
                    raise InputError(f"{place} is not a JSON object with keys and values")
                yield place, value
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}") from error


def _recording(value: dict[str, Any], path: Path, place: str) -> tuple[str, Recording]:
    file = _text(value, place, "audio_filepath", "path")
    if not file:
        raise InputError(f"{place} has no 'audio_filepath'")
    if "speaker" not in value:
        raise InputError(f"{place} has no 'speaker': privacy is measured between speakers")
    duration_s = number(value.get("duration"), "a duration", place)
    is_stretch = value.get("offset") is not None
    key = _text(value, place, "utt_id", "id")
    return key, Recording(
        key=key,
        speaker=_text(value, place, "speaker"),
        path=path.parent / file,
        sex=_text(value, place, "sex", "gender"),
        text=_text(value, place, "text"),
        session=_text(value, place, "session", "chapter"),
        duration_s=duration_s,
        start_s=number(value.get("offset"), "an offset", place) or 0.0,
        length_s=duration_s if is_stretch else None,
        side=_text(value, place, "side"),
    )


def _text(value: dict[str, Any], place: str, *keys: str) -> str:
    """The first of the keys that is there, as text; numbers are the names of speakers too."""
    for key in keys:
        found = value.get(key)
        if found is None:
            continue
        if isinstance(found, str):
            return found.strip()
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        raise InputError(f"{place} has {key!r} of type {type(found).__name__}: it must be text")
    return ""


def _made_keys(found: list[tuple[str, Recording]]) -> list[str]:
    """File names as ids, with the start of the stretch where a file has several."""
    count: dict[Path, int] = {}
    for _, one in found:
        count[one.path] = count.get(one.path, 0) + 1
    made = []
    for key, one in found:
        stem = one.path.stem
        made.append(key or (stem if count[one.path] == 1 else f"{stem}-{one.start_s:.3f}"))
    return made
