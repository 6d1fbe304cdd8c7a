"""Lists the recordings inside a tar archive by their headers alone; nothing is unpacked."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator

from voiceanon.archive.entries import MEMBER_MARK, Found, LeftOut
from voiceanon.errors import RecordingError
from voiceanon.formats import AUDIO_SUFFIXES
from voiceanon.formats.source import Source

__all__ = ["BLOCK_BYTES", "SHARD_SUFFIX", "read_members", "read_shard"]

SHARD_SUFFIX = ".tar"
BLOCK_BYTES = 512
_END = bytes(BLOCK_BYTES)
# Long names and attributes that stand before a member; a header that says more is hostile.
_MAX_EXTENSION_BYTES = 1 << 20
_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_LINKS = {tarfile.SYMTYPE: "symbolic link", tarfile.LNKTYPE: "hard link"}


def read_shard(path: str, below: str) -> Iterator[Found | LeftOut]:
    """Yield the members of an archive that are named like audio, and why others are left out.

    Parameters
    ----------
    path : str
        Absolute path of an uncompressed tar archive (ustar, GNU or pax).
    below : str
        What the names of its members begin with.

    Yields
    ------
    Found or LeftOut
        A damaged archive's members up to the damage, then the archive itself as failed.
    """
    if MEMBER_MARK in path:
        yield LeftOut(path, "failed", f"is a tar archive with {MEMBER_MARK!r} in its path")
        return
    try:
        with Source(path) as source:
            mtime_ns = os.fstat(source.descriptor).st_mtime_ns
            for name, info, offset, flaw in read_members(source):
                parts = [part for part in name.split("/") if part not in ("", ".")]
                member = f"{path}{MEMBER_MARK}{'/'.join(parts)}"
                problem = flaw or _problem(name, parts, info)
                if problem is not None:
                    yield LeftOut(member, *problem)
                elif not info.isdir():
                    own = f"{below}/{'/'.join(parts)}"
                    yield Found(member, own, info.size, mtime_ns, offset=offset)
    except RecordingError as error:
        yield LeftOut(path, "failed", str(error))


def read_members(
    source: Source,
) -> Iterator[tuple[str, tarfile.TarInfo, int, tuple[str, str] | None]]:
    """Each member's full name, header, offset of its bytes, and what is wrong with it."""
    offset = 0
    extended: dict[str, str] = {}
    while True:
        block = source.read(offset, BLOCK_BYTES)
        if block == _END:
            return
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            if offset == 0:
                raise RecordingError("is not a tar archive") from error
            what = "truncated" if len(block) < BLOCK_BYTES else "damaged"
            raise RecordingError(f"{what}: no member or end mark at byte {offset}") from error
        start = offset + BLOCK_BYTES
        if info.type in _EXTENSIONS:
            if not 0 <= info.size <= _MAX_EXTENSION_BYTES:
                raise RecordingError(f"damaged: a header of {info.size} bytes at byte {offset}")
            extended |= _extension(info, source.exactly(start, info.size, "a header"))
        else:
            problem = None
            if info.isreg() and "size" in extended:
                info.size = _number(extended["size"])
            if not info.isreg() and info.type in tarfile.SUPPORTED_TYPES:
                info.size = 0  # links and devices may state a size, and have no bytes
            is_whole = 0 <= info.size <= source.size - start
            if not is_whole:
                problem = ("failed", "truncated: the archive ends inside it")
            elif info.issparse() or any(key.startswith("GNU.sparse") for key in extended):
                problem = ("failed", "is stored with holes, which is not supported")
            yield extended.get("path", info.name), info, start, problem
            if not is_whole:
                return
            extended = {}
        offset = start + -(-info.size // BLOCK_BYTES) * BLOCK_BYTES


def _extension(info: tarfile.TarInfo, data: bytes) -> dict[str, str]:
    """What a header says of the member that follows it."""
    if info.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": _decoded(data.partition(b"\0")[0])}
    if info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
        return dict(_records(data))
    return {}


def _records(data: bytes) -> Iterator[tuple[str, str]]:
    """The records of a pax header, each "LENGTH KEY=VALUE" and a line feed (POSIX.1-2001)."""
    start = 0
    while start < len(data) and data[start] != 0:
        space = data.find(b" ", start, start + 8)
        length = _number(_decoded(data[start:space])) if space > start else 0
        end = start + length
        if not space < end <= len(data) or data[end - 1] != ord("\n"):
            raise RecordingError("damaged: a pax header that is none")
        key, _, value = data[space + 1 : end - 1].partition(b"=")
        yield _decoded(key), _decoded(value)
        start = end


def _problem(name: str, parts: list[str], info: tarfile.TarInfo) -> tuple[str, str] | None:
    if name.startswith("/") or ".." in parts or "\0" in name or not (parts or info.isdir()):
        return "failed", "has a name that leads out of its archive"
    if any(part.startswith(".") for part in parts):
        return "skipped", "hidden"
    if info.type in _LINKS:
        return "skipped", _LINKS[info.type]
    if info.isdir():
        return None
    if not info.isreg():
        return "skipped", "not a regular file"
    if f".{parts[-1].rpartition('.')[2].lower()}" not in AUDIO_SUFFIXES:
        return "skipped", "not named like audio"
    return None


def _number(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise RecordingError("damaged: a pax header with an impossible number")
    return int(digits)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
