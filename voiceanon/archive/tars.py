"""The bytes of a tar file of outputs: the same for the same members, whoever makes it and when.

Every header has the same time (0), owner (0, without a name) and mode; a name that is too long for
ustar stands in a pax header before it (POSIX.1-2001). Members follow one another in the order of
recordings, and two blocks of zeros end the file. So a whole tar file can be compared with what it
must be, byte by byte, and a damaged one can be searched for the members that are whole.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from voiceanon.archive.shards import BLOCK_BYTES, read_members
from voiceanon.errors import DestinationError, RecordingError
from voiceanon.formats.placing import NewFile, cause
from voiceanon.formats.source import Source

__all__ = [
    "Member",
    "blocks",
    "extracted",
    "header",
    "index_of",
    "intact",
    "is_canonical",
    "tar_size",
    "write_tar",
]

_MODE = 0o600
_LARGE_BYTES = 8 << 30  # what eleven octal digits cannot say
_END = bytes(2 * BLOCK_BYTES)
_COPY_BYTES = 1 << 20


class Member(NamedTuple):
    """One file inside a tar file: its name there, size and SHA-256 as hex digits."""

    name: str
    bytes: int
    sha256: str


def header(member: Member) -> bytes:
    """Return what stands before the bytes of a member: one block, or more with a long name."""
    info = tarfile.TarInfo(member.name)
    info.size, info.mode = member.bytes, _MODE
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def tar_size(members: Iterable[Member]) -> int:
    """Return the bytes of a tar file with these members."""
    return sum(_header_size(one) + _padded(one.bytes) for one in members) + len(_END)


def write_tar(
    file: BinaryIO,
    members: Iterable[Member],
    read: Callable[[Member], Iterator[bytes]],
    tick: Callable[[], None],
) -> list[Member]:
    """Write a tar file; return the members whose bytes were not what they must be.

    Parameters
    ----------
    file : binary file
        Open for writing, empty.
    members : iterable of Member
        In their order.
    read : callable
        Given a member, yields its bytes.
    tick : callable
        Called for every MiB at most.
    """
    damaged = []
    for member in members:
        file.write(header(member))
        found, size = hashlib.sha256(), 0
        for block in read(member):
            file.write(block)
            found.update(block)
            size += len(block)
            tick()
        file.write(bytes(_padded(size) - size))
        if (size, found.hexdigest()) != member[1:]:
            damaged.append(member)
    file.write(_END)
    return damaged


def intact(source: Source, members: Iterable[Member]) -> dict[str, int]:
    """Return the members that a tar file holds whole, by name, with the offset of their bytes.

    Members are known by their whole headers, looked for at every block, so that damage to one
    hides no other.
    """
    wanted = {header(one): one for one in members}
    lengths = sorted({len(one) for one in wanted})
    found: dict[str, int] = {}
    at = 0
    while at + BLOCK_BYTES <= source.size and len(found) < len(wanted):
        for length in lengths:
            member = wanted.get(source.read(at, length))
            if member is not None and member.name not in found:
                start = at + length
                if _sum_of(source, start, member.bytes) == member.sha256:
                    found[member.name] = start
                at = start + _padded(member.bytes)
                break
        else:
            at += BLOCK_BYTES
    return found


def is_canonical(source: Source, members: Iterable[Member], found: dict[str, int]) -> bool:
    """Whether a tar file has these members, and nothing besides, to the last byte.

    Parameters
    ----------
    source : Source
        The tar file.
    members : iterable of Member
        In their order.
    found : dict
        As `intact` returned it: the bytes of these members are read already.
    """
    at = 0
    for member in members:
        at += len(header(member))
        if found.get(member.name) != at:
            return False
        padding = _padded(member.bytes) - member.bytes
        if source.read(at + member.bytes, padding) != bytes(padding):
            return False
        at += member.bytes + padding
    return source.read(at, len(_END) + 1) == _END


def index_of(source: Source) -> dict[str, tuple[int, int]]:
    """Return the members by name, as the headers tell them: offset of their bytes, and size."""
    found: dict[str, tuple[int, int]] = {}
    try:
        for name, info, start, flaw in read_members(source):
            if flaw is None and info.isreg():
                found.setdefault(name, (start, info.size))
    except RecordingError:
        pass  # what stands before the damage is there
    return found


@contextmanager
def extracted(
    source: Source, start: int, size: int, work_folder: Path, suffix: str
) -> Iterator[Path]:
    """Give a copy of a member, under a name with a suffix; it is gone afterwards.

    Raises
    ------
    DestinationError
        If the copy cannot be written.
    """
    with NewFile(work_folder / f"{secrets.token_hex(8)}{suffix}") as file:
        try:
            with os.fdopen(file.descriptor, "wb", closefd=False) as stream:
                for block in blocks(source, start, size):
                    stream.write(block)
            file.give_name()
        except OSError as error:
            raise DestinationError(f"work folder cannot be written: {cause(error)}") from error
    try:
        yield file.path
    finally:
        file.path.unlink(missing_ok=True)


def blocks(source: Source, start: int, size: int) -> Iterator[bytes]:
    """Yield the bytes of a member."""
    for at in range(start, start + size, _COPY_BYTES):
        yield source.read(at, min(_COPY_BYTES, start + size - at))


def _header_size(member: Member) -> int:
    """Bytes of a header, without making it where one block will do: of millions, each time."""
    is_plain = member.name.isascii() and len(member.name) <= tarfile.LENGTH_NAME
    return BLOCK_BYTES if is_plain and member.bytes < _LARGE_BYTES else len(header(member))


def _sum_of(source: Source, start: int, size: int) -> str:
    found = hashlib.sha256()
    for block in blocks(source, start, size):
        found.update(block)
    return found.hexdigest()


def _padded(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES
