"""Puts anonymised examples into the page as players; a doubtful file is named, not played."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path, PurePosixPath

from voiceanon.errors import RecordingError
from voiceanon.report.markup import Html, tag
from voiceanon.report.measured import Variant, rows, text

__all__ = ["MOST_BYTES", "data_uri", "players"]

MOST_BYTES = 4 << 20  # two minutes of 16 kHz FLAC; a page of many more is slow to open
_MOST_EXAMPLES = 12
_KINDS = {".flac": ("audio/flac", b"fLaC"), ".wav": ("audio/wav", b"RIFF")}


def data_uri(folder: Path, name: str) -> str:
    """A recording as a ``data:`` address.

    Parameters
    ----------
    folder : Path
        Where the report goes.
    name : str
        The file's place under `folder`, with ``/`` between its parts.

    Returns
    -------
    str
        ``data:audio/…;base64,…``.

    Raises
    ------
    RecordingError
        If it lies outside, is no regular FLAC or WAV file, is missing, or exceeds 4 MiB. Links are
        not followed: an original must not come in through one.
    """
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or not place.parts or "\0" in name:
        raise RecordingError("lies outside the report's folder")
    kind = _KINDS.get(place.suffix.lower())
    if kind is None:
        raise RecordingError(f"has the suffix {place.suffix!r}: .flac and .wav are played")
    try:
        content = _read(folder, place)
    except OSError as error:
        raise RecordingError(f"cannot be read: {error.strerror}") from error
    media_type, magic = kind
    if not content.startswith(magic):
        raise RecordingError(f"is not what its suffix {place.suffix!r} says")
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _read(folder: Path, place: PurePosixPath) -> bytes:
    """The bytes of a regular file, every step opened without following a link."""
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in place.parts[:-1]:
            deeper = os.open(
                part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent
            )
            os.close(parent)
            parent = deeper
        # A pipe without a writer would block for ever.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        with os.fdopen(os.open(place.name, flags, dir_fd=parent), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise RecordingError("is not a regular file")
            if status.st_size > MOST_BYTES:
                raise RecordingError(f"has {status.st_size} bytes: at most {MOST_BYTES} are played")
            return file.read(MOST_BYTES)
    finally:
        os.close(parent)


def players(variant: Variant, folder: Path) -> Html | None:
    """The examples of one variant as a list of native players.

    Parameters
    ----------
    variant : Variant
        Only a recipe that removes the speaker is heard; of any other, None comes back.
    folder : Path
        Where the files named in the results lie.

    Returns
    -------
    Html or None
        The list, or None if there is nothing to hear.
    """
    if not variant.hides_voices:
        return None
    items = []
    for example in rows(variant.data.get("examples"))[:_MOST_EXAMPLES]:
        recording = text(example.get("recording"), "example")
        shown = tag("bdi", recording)
        try:
            address = data_uri(folder, text(example.get("path")))
        except RecordingError as error:
            items.append(tag("li", shown, tag("p", f"No sound: the file {error}.", class_="quiet")))
            continue
        label = f"Anonymised example {recording}, {variant.label}"
        player = tag("audio", src=address, controls=True, preload="metadata", aria_label=label)
        items.append(tag("li", shown, player))
    return tag("ul", items, class_="players") if items else None
