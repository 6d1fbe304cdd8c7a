"""What a plan of an archive is made of: recordings that were found, named, or left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["MEMBER_MARK", "Entry", "Found", "LeftOut", "Packed"]

# Between a tar archive's path and the name of a member; the path itself never holds it.
MEMBER_MARK = "::"


class Found(NamedTuple):
    """A recording that a source names, before it has an id.

    Attributes
    ----------
    source : str
        Absolute path of a file, or ``ARCHIVE.tar::MEMBER``.
    name : str
        Its path below the source's own folder, with "/" between parts.
    size : int
        Bytes.
    mtime_ns : int
        When the file, or the archive that holds it, was last changed.
    speaker : str
        As a list gives it; empty if none does.
    offset : int
        Where a member's bytes begin in its archive; -1 for a file.
    etag : str
        Of an object in a bucket; empty for everything else.
    """

    source: str
    name: str
    size: int
    mtime_ns: int
    speaker: str = ""
    offset: int = -1
    etag: str = ""


class LeftOut(NamedTuple):
    """What is no recording: ``"skipped"`` on purpose, or ``"failed"`` to be looked at."""

    source: str
    status: str
    reason: str


class Packed(NamedTuple):
    """In which tar file the outputs of a recording are delivered.

    Attributes
    ----------
    number : int
        Of the tar file, from 0 in the order of ids: it decides which part of a run makes it.
    id : str
        Of the tar file: 32 hex digits, keyed.
    tar : str
        Relative path of the tar file.
    member : str
        Name of the outputs inside, without their suffixes.
    """

    number: int
    id: str
    tar: str
    member: str


@dataclass(frozen=True)
class Entry:
    """One recording of a plan.

    Attributes
    ----------
    id : str
        32 hex digits, keyed: without the key it says nothing of the name.
    source : str
        Absolute path of a file, or ``ARCHIVE.tar::MEMBER``.
    name : str
        The label of its draws: the path below the source's own folder.
    size : int
        Bytes when the plan was made.
    mtime_ns : int
        When the file, or the archive that holds it, was last changed before the plan.
    speaker : str
        As a list gave it; empty if none did.
    output : str
        Relative path of the output without its suffix.
    offset : int
        Where a member's bytes begin in its archive; -1 for a file.
    packed : Packed or None
        Where its outputs go; None where they are files of their own.
    etag : str
        Of an object in a bucket, as it was planned; empty for everything else.
    """

    id: str
    source: str
    name: str
    size: int
    mtime_ns: int
    speaker: str
    output: str
    offset: int = -1
    packed: Packed | None = None
    etag: str = ""
