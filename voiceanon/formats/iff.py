"""AIFF, AU and CAF: the big-endian containers, held against the bytes that are there."""

from __future__ import annotations

import math
import struct

from voiceanon.errors import RecordingError
from voiceanon.formats.chunks import Chunk, Layout, walk
from voiceanon.formats.facts import Facts, check_channels, check_rate
from voiceanon.formats.source import Source

__all__ = ["inspect_aiff", "inspect_au", "inspect_caf"]

_IFF = Layout(id_bytes=4, size_format=">I", alignment=2)
_CAF = Layout(id_bytes=4, size_format=">q", alignment=1)

# Bytes of one sample, by the coding's own name. AIFF without a name is integers of its bit width.
_AIFC_BYTES = {
    b"sowt": 2,
    b"fl32": 4,
    b"FL32": 4,
    b"fl64": 8,
    b"FL64": 8,
    b"ulaw": 1,
    b"ULAW": 1,
    b"alaw": 1,
    b"ALAW": 1,
    b"in24": 3,
    b"in32": 4,
}
_AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
_UNKNOWN_SIZE_AU = 0xFFFFFFFF


def inspect_aiff(source: Source) -> Facts:
    """Facts of an AIFF or AIFC file.

    Raises
    ------
    RecordingError
        If header and bytes disagree, or the coding is not supported.
    """
    common: Chunk | None = None
    sound: Chunk | None = None
    for chunk in walk(source, 12, _IFF):
        if chunk.name == b"COMM" and common is None:
            common = chunk
        elif chunk.name == b"SSND" and sound is None:
            sound = chunk
        elif chunk.name in (b"COMM", b"SSND"):
            raise RecordingError("holds two recordings; only one a file is read")
    if common is None or common.overruns or common.size < 18:
        raise RecordingError("damaged: no whole COMM chunk")
    body = source.exactly(common.body, min(common.size, 22), "its COMM chunk")
    channels, frames, bits = struct.unpack(">hIh", body[:8])
    check_channels(channels)
    rate_hz = check_rate(_extended(body[8:18]))
    sample_bytes = (bits + 7) // 8 if 1 <= bits <= 32 else 0
    if source.exactly(8, 4, "its header") == b"AIFC":
        coding = body[18:22]
        if coding != b"NONE":
            sample_bytes = _AIFC_BYTES.get(coding, 0)
    if sample_bytes == 0:
        raise RecordingError("has a coding that is not supported")
    if sound is None:
        if frames:
            raise RecordingError("truncated: it states samples and has none")
        return Facts("AIFF", channels, rate_hz, 0)
    (offset,) = struct.unpack(">I", source.exactly(sound.body, 4, "its SSND chunk"))
    needed = 8 + offset + frames * channels * sample_bytes
    if needed > sound.size or needed > sound.room:
        raise RecordingError(f"truncated: it states {frames} samples and has fewer")
    return Facts("AIFF", channels, rate_hz, frames)


def inspect_au(source: Source) -> Facts:
    """Facts of a Sun/NeXT AU file with a header, of either byte order."""
    order = ">" if source.read(0, 4) == b".snd" else "<"
    header = source.exactly(4, 20, "its header")
    offset, stated, coding, rate_hz, channels = struct.unpack(order + "5I", header)
    check_channels(channels)
    check_rate(rate_hz)
    sample_bytes = _AU_BYTES.get(coding)
    if sample_bytes is None:
        raise RecordingError(f"has a coding that is not supported (AU encoding {coding})")
    if not 24 <= offset <= source.size:
        raise RecordingError(f"damaged: its samples are said to begin at byte {offset}")
    room = source.size - offset
    data_bytes = room if stated == _UNKNOWN_SIZE_AU else stated
    if data_bytes > room:
        raise RecordingError(f"truncated: it states {stated} bytes of samples and has {room}")
    if data_bytes == 0 and room:
        raise RecordingError(
            "damaged: it states no samples, but bytes follow (a recorder that stopped early?)"
        )
    frames, rest = divmod(data_bytes, channels * sample_bytes)
    if rest:
        raise RecordingError("truncated: the samples end inside a sample")
    return Facts("AU", channels, rate_hz, frames)


def inspect_caf(source: Source) -> Facts:
    """Facts of an Apple Core Audio file with plain, u-law or A-law samples."""
    chunks = walk(source, 8, _CAF)
    first = next(chunks, None)
    if first is None or first.name != b"desc" or first.size != 32 or first.overruns:
        raise RecordingError("damaged: it must begin with its desc chunk")
    body = source.exactly(first.body, 32, "its desc chunk")
    rate, coding, _, packet_bytes, packet_frames, channels, bits = struct.unpack(">d4s5I", body)
    check_channels(channels)
    rate_hz = check_rate(rate)
    whole = packet_frames == 1 and packet_bytes == channels * ((bits + 7) // 8)
    if coding not in (b"lpcm", b"ulaw", b"alaw") or not whole or not 8 <= bits <= 64:
        raise RecordingError("has a coding that is not supported (plain samples only)")
    for chunk in chunks:
        if chunk.name != b"data":
            continue
        # -1: written to a pipe, runs to the end. The first 4 bytes count edits.
        stated = chunk.room if chunk.size == -1 else chunk.size
        if stated < 4 or stated > chunk.room:
            raise RecordingError(
                f"truncated: it states {stated} bytes of samples and has {chunk.room}"
            )
        frames, rest = divmod(stated - 4, packet_bytes)
        if rest:
            raise RecordingError("truncated: the samples end inside a sample")
        return Facts("CAF", channels, rate_hz, frames)
    raise RecordingError("damaged: no data chunk, so there are no samples")


def _extended(raw: bytes) -> float:
    """An 80-bit IEEE 754 extended number, as AIFF stores its sample rate; 0 where impossible."""
    exponent, mantissa = struct.unpack(">HQ", raw)
    if exponent & 0x8000 or not 16383 <= exponent < 16383 + 32:
        return 0.0
    return math.ldexp(mantissa, exponent - 16383 - 63)
