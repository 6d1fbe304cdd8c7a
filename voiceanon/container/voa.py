"""A stored description byte by byte: the suffix ``.voa``, read without trust, written whole.

Whole numbers are little-endian and unsigned. A file is, in this order:

====== ======================================================================================
bytes  what
====== ======================================================================================
8      ``89 56 4F 41 0D 0A 1A 0A``: a byte over 127, VOA, and the ends of lines that a transfer
       as text would change
1      major version, 1: another one is refused
1      minor version, 0: a higher one is read as far as it is understood
1      level: 0 content, 1 measures
1      flags: 1 encrypted; any other is refused
...    the chunks, one after the other; if encrypted, a nonce of 12 bytes, then the chunks under
       AES-256-GCM, the 12 bytes before as associated data, then its tag of 16 bytes
16     BLAKE2b of 16 bytes of everything before: damage, not attack, shows in it
====== ======================================================================================

A chunk is its name, 4 ASCII letters, the length of its body in 4 bytes, and the body. A reader that
does not know a name in capitals refuses the file; others it passes over. No name comes twice.

``CONT``, of content, required: 8 samples; 4 samples a second; 4 frames; 1 digits of a unit; 2 steps
of pitch; 8 name of the tables of units (`voiceanon.bottleneck.model_name`); 4 name of the code
(`voiceanon.coding.contexts.code_id`); the rest, the tracks (`voiceanon.coding.description_code`).

``MEAS``, of measures, required: 2 length in steps of 5 s, 65535 for none; 4 k of the coarsening, 0
for none; 1 how many measures; of each, 1 length of its name, the name in ASCII, 8 its value, IEEE
754, not a number for none. Names that are not known are passed over.

``TEXT``, of measures: the transcript in UTF-8.

``made``, of content: 8 the first bytes of the recipe's hash, zeros for none; the rest, the version
of this package in ASCII. Nothing depends on it.

There is no time, no file name, no machine and no person in a file, and no code.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import IntEnum
from hashlib import blake2b
from pathlib import Path

from voiceanon.container.sealing import Key, seal, unseal
from voiceanon.errors import DestinationError, RecordingError, SecretError
from voiceanon.formats.placing import write_whole
from voiceanon.formats.source import Source

__all__ = [
    "MOST_BYTES",
    "SUFFIX",
    "Level",
    "looks_like_voa",
    "pack",
    "read_voa",
    "unpack",
    "write_voa",
]

SUFFIX = ".voa"
# A day of speech takes under 8 MiB.
MOST_BYTES = 1 << 26

_MAGIC = b"\x89VOA\r\n\x1a\n"
_MAJOR, _MINOR = 1, 0
_ENCRYPTED = 1
_HEADER_BYTES = len(_MAGIC) + 4
_SUM_BYTES = 16
_NAME_BYTES = _LENGTH_BYTES = 4


class Level(IntEnum):
    """How much of a recording is stored."""

    CONTENT = 0
    MEASURES = 1


_REQUIRED = {Level.CONTENT: b"CONT", Level.MEASURES: b"MEAS"}
_KNOWN = {Level.CONTENT: {b"CONT", b"made"}, Level.MEASURES: {b"MEAS", b"TEXT"}}


def pack(level: Level, chunks: Mapping[bytes, bytes], key: Key | None = None) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    level : Level
        What is stored.
    chunks : mapping of bytes to bytes
        Bodies by name, in the order of the file.
    key : bytes of length 32, or callable, optional
        Encrypts it.

    Raises
    ------
    SecretError, InputError
        If the key is not 32 bytes; if there is one and the package cryptography is not installed.
    """
    header = _MAGIC + bytes([_MAJOR, _MINOR, level, 0 if key is None else _ENCRYPTED])
    body = b"".join(
        name + len(chunk).to_bytes(_LENGTH_BYTES, "little") + chunk
        for name, chunk in chunks.items()
    )
    whole = header + (body if key is None else seal(body, header, key))
    return whole + _sum(whole)


def unpack(data: bytes, key: Key | None = None) -> tuple[Level, dict[bytes, bytes]]:
    """Return level and chunks of the bytes of a file.

    Parameters
    ----------
    data : bytes
        Anything; it is not trusted.
    key : bytes of length 32, or callable, optional
        Of an encrypted file.

    Returns
    -------
    Level, dict of bytes to bytes
        Bodies of the chunks that are known, by name; the required one is among them.

    Raises
    ------
    RecordingError
        If it is no such file, a newer one, or damaged.
    SecretError
        If a key is missing, another one, or given for a file that is not encrypted: whoever has a
        key relies on the file having been made with it.
    """
    if data[: len(_MAGIC)] != _MAGIC:
        raise RecordingError(f"is not a stored description ({SUFFIX})")
    if len(data) < _HEADER_BYTES + _SUM_BYTES:
        raise RecordingError("is truncated: it ends inside its header")
    header, whole = data[:_HEADER_BYTES], data[:-_SUM_BYTES]
    major, _, level_number, flags = header[len(_MAGIC) :]
    if major != _MAJOR:
        raise RecordingError(f"has the version {major} of the format: this reads {_MAJOR}")
    if data[-_SUM_BYTES:] != _sum(whole):
        raise RecordingError("is damaged or truncated: its checksum does not agree")
    if level_number not in _REQUIRED or flags & ~_ENCRYPTED:
        raise RecordingError("needs a newer version: its level or a flag is not known")
    level, body = Level(level_number), whole[_HEADER_BYTES:]
    if flags & _ENCRYPTED:
        if key is None:
            raise SecretError("is encrypted: it needs a key")
        body = unseal(body, header, key)
    elif key is not None:
        raise SecretError("is not encrypted, yet a key is given: leave it out")
    return level, _chunks(body, level)


def write_voa(
    path: str | os.PathLike[str],
    level: Level,
    chunks: Mapping[bytes, bytes],
    *,
    key: Key | None = None,
    overwrite: bool = False,
) -> None:
    """Write a file whole, readable by its owner alone, or leave nothing; see `pack`.

    Raises
    ------
    DestinationError
        If the place is refused: another suffix, already there, not writable.
    SecretError, InputError
        As `pack` does.
    """
    place = Path(path)
    if place.suffix.lower() != SUFFIX:
        raise DestinationError(f"has the suffix {place.suffix!r}; write {SUFFIX}")
    write_whole(place, pack(level, chunks, key), overwrite=overwrite)


def read_voa(
    path: str | os.PathLike[str], *, key: Key | None = None
) -> tuple[Level, dict[bytes, bytes]]:
    """Return level and chunks of a file; see `unpack`.

    Raises
    ------
    RecordingError
        If it cannot be read, too.
    SecretError
        As `unpack` does.
    """
    with Source(path) as source:
        if source.size > MOST_BYTES:
            raise RecordingError(f"has {source.size} bytes: at most {MOST_BYTES} are read")
        return unpack(source.read(0, MOST_BYTES), key)


def _chunks(body: bytes, level: Level) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    passed: set[bytes] = set()
    at = 0
    while at < len(body):
        start = at + _NAME_BYTES + _LENGTH_BYTES
        name = body[at : at + _NAME_BYTES]
        length = int.from_bytes(body[at + _NAME_BYTES : start], "little")
        if start + length > len(body):
            raise RecordingError("is damaged: a chunk reaches beyond its end")
        if not (name.isalpha() and name.isascii()):
            raise RecordingError("is damaged: a chunk's name is not 4 letters")
        if name in found or name in passed:
            raise RecordingError(f"is damaged: it has two chunks {name.decode()}")
        if name in _KNOWN[level]:
            found[name] = body[start : start + length]
        elif name[:1].isupper():
            raise RecordingError(f"needs a newer version: its chunk {name.decode()} is not known")
        passed.add(name)
        at = start + length
    if _REQUIRED[level] not in found:
        raise RecordingError(f"is damaged: it has no chunk {_REQUIRED[level].decode()}")
    return found


def _sum(data: bytes) -> bytes:
    return blake2b(data, digest_size=_SUM_BYTES).digest()


def looks_like_voa(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file begins like a stored description."""
    try:
        with Source(path) as source:
            return source.read(0, len(_MAGIC)) == _MAGIC
    except RecordingError:
        return False
