"""Headers of our own for samples whose own header is wrong: a decoder sees ours, then the samples.

Two containers that hold every plain and packed coding that is read here: Wave64 for what RIFF
files hold, AU for the rest. Neither has a size that is too small for the samples.
"""

from __future__ import annotations

import struct

__all__ = ["au_header", "w64_header"]

_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_W64_CHUNK_BYTES = 24
_AU_BYTES = 24
_AU_TO_THE_END = 0xFFFFFFFF


def w64_header(format_body: bytes, data_bytes: int) -> bytes:
    """Return a Wave64 header up to its samples.

    Parameters
    ----------
    format_body : bytes
        Body of a ``fmt `` chunk.
    data_bytes : int
        Bytes of samples that follow.
    """
    padded = format_body + bytes(-len(format_body) % 8)
    form = (
        _guid(b"fmt ")
        + struct.pack("<q", _W64_CHUNK_BYTES + len(format_body))
        + padded
        + _guid(b"data")
        + struct.pack("<q", _W64_CHUNK_BYTES + data_bytes)
    )
    whole = _W64_CHUNK_BYTES + 16 + len(form) + data_bytes
    return _W64_RIFF + struct.pack("<q", whole) + _guid(b"wave") + form


def au_header(
    coding: int, rate_hz: int, channels: int, data_bytes: int, *, little: bool = False
) -> bytes:
    """Return the header of an AU file.

    Parameters
    ----------
    coding : int
        1 for u-law, 2 to 5 for integers of 1 to 4 bytes, 6 and 7 for floats, 27 for A-law.
    rate_hz, channels : int
        Of the samples.
    data_bytes : int
        Bytes of samples that follow.
    little : bool
        Whether their first byte is the lowest.
    """
    size = data_bytes if data_bytes < _AU_TO_THE_END else _AU_TO_THE_END
    magic = b"dns." if little else b".snd"
    order = "<" if little else ">"
    return magic + struct.pack(f"{order}5I", _AU_BYTES, size, coding, rate_hz, channels)


def _guid(name: bytes) -> bytes:
    return name + _W64_TAIL
