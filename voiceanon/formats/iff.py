"""AIFF, AU and CAF: the big-endian containers, held against the bytes that are there."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from voiceanon.errors import RecordingError
from voiceanon.formats.chunks import Chunk, Layout, tidy_to_end, walk
from voiceanon.formats.facts import Facts, View, check_channels, check_rate
from voiceanon.formats.headers import au_header
from voiceanon.formats.source import Source

__all__ = [
    "inspect_aiff",
    "inspect_au",
    "inspect_caf",
    "salvage_aiff",
    "salvage_au",
    "salvage_caf",
]

_IFF = Layout(id_bytes=4, size_format=">I", alignment=2)
_CAF = Layout(id_bytes=4, size_format=">q", alignment=1)

# AU's numbers for the codings, and the bytes of one sample of each.
_AU_ULAW, _AU_FLOAT, _AU_DOUBLE, _AU_ALAW = 1, 6, 7, 27
_AU_INTEGERS = {1: 2, 2: 3, 3: 4, 4: 5}
_AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
# AIFF without the name of a coding is integers of its bit width.
_AIFC = {
    b"sowt": 3,
    b"fl32": _AU_FLOAT,
    b"FL32": _AU_FLOAT,
    b"fl64": _AU_DOUBLE,
    b"FL64": _AU_DOUBLE,
    b"ulaw": _AU_ULAW,
    b"ULAW": _AU_ULAW,
    b"alaw": _AU_ALAW,
    b"ALAW": _AU_ALAW,
    b"in24": 4,
    b"in32": 5,
}
_UNKNOWN_SIZE_AU = 0xFFFFFFFF
_STOPPED_EARLY = "damaged: it states no samples, but bytes follow (a recorder that stopped early?)"


@dataclass(frozen=True)
class _Sound:
    """Where a container has its samples, and what they are."""

    kind: str
    channels: int
    rate_hz: int
    coding: int
    little: bool
    start: int
    room: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * _AU_BYTES[self.coding]

    def facts(self, frames: int) -> Facts:
        """Of a whole recording."""
        return Facts(self.kind, self.channels, self.rate_hz, frames)

    def salvaged(self, stated: int | None) -> Facts:
        """Of as many samples as are stated, or of all that are there."""
        frames = self.room // self.frame_bytes
        if stated:
            frames = min(frames, stated)
        size = frames * self.frame_bytes
        header = au_header(self.coding, self.rate_hz, self.channels, size, little=self.little)
        view = View(header, self.start, self.start + size)
        return Facts("AU", self.channels, self.rate_hz, None, view=view, stated=stated or None)


def inspect_aiff(source: Source) -> Facts:
    """Facts of an AIFF or AIFC file.

    Raises
    ------
    RecordingError
        If header and bytes disagree, or the coding is not supported.
    """
    sound, frames, chunk = _aiff(source)
    if chunk is None:
        if frames:
            raise RecordingError("truncated: it states samples and has none")
        return sound.facts(0)
    needed = sound.start - chunk.body + frames * sound.frame_bytes
    if needed > chunk.size or needed > chunk.room:
        raise RecordingError(f"truncated: it states {frames} samples and has fewer")
    end = chunk.body + chunk.size
    if frames == 0 and (end > sound.start or not tidy_to_end(source, end + chunk.size % 2, _IFF)):
        raise RecordingError(_STOPPED_EARLY)
    return sound.facts(frames)


def salvage_aiff(source: Source) -> Facts:
    """Facts of the samples of an AIFF or AIFC file whose sizes are wrong."""
    sound, frames, chunk = _aiff(source)
    if chunk is None:
        raise RecordingError("truncated: it has no samples")
    return sound.salvaged(frames)


def _aiff(source: Source) -> tuple[_Sound, int, Chunk | None]:
    """What the COMM chunk says, the samples it states, and the SSND chunk if there is one."""
    common: Chunk | None = None
    chunk: Chunk | None = None
    for one in walk(source, 12, _IFF):
        if one.name == b"COMM" and common is None:
            common = one
        elif one.name == b"SSND" and chunk is None:
            chunk = one
        elif one.name in (b"COMM", b"SSND"):
            raise RecordingError("holds two recordings; only one a file is read")
    if common is None or common.overruns or common.size < 18:
        raise RecordingError("damaged: no whole COMM chunk")
    body = source.exactly(common.body, min(common.size, 22), "its COMM chunk")
    channels, frames, bits = struct.unpack(">hIh", body[:8])
    check_channels(channels)
    rate_hz = check_rate(_extended(body[8:18]))
    coding = _AU_INTEGERS[(bits + 7) // 8] if 1 <= bits <= 32 else None
    name = b"NONE"
    if source.exactly(8, 4, "its header") == b"AIFC":
        name = body[18:22]
        if name != b"NONE":
            coding = _AIFC.get(name)
    if coding is None:
        raise RecordingError("has a coding that is not supported")
    start = 0
    if chunk is not None:
        (offset,) = struct.unpack(">I", source.exactly(chunk.body, 4, "its SSND chunk"))
        start = chunk.body + 8 + offset
    end = source.size
    if chunk is not None and start < chunk.body + chunk.size < end:
        end = chunk.body + chunk.size
    room = max(0, end - start)
    is_little = name == b"sowt"
    return _Sound("AIFF", channels, rate_hz, coding, is_little, start, room), frames, chunk


def inspect_au(source: Source) -> Facts:
    """Facts of a Sun/NeXT AU file with a header, of either byte order."""
    sound, stated = _au(source)
    data_bytes = sound.room if stated is None else stated
    if data_bytes > sound.room:
        raise RecordingError(f"truncated: it states {stated} bytes of samples and has {sound.room}")
    if data_bytes == 0 and sound.room:
        raise RecordingError(_STOPPED_EARLY)
    frames, rest = divmod(data_bytes, sound.frame_bytes)
    if rest:
        raise RecordingError("truncated: the samples end inside a sample")
    return sound.facts(frames)


def salvage_au(source: Source) -> Facts:
    """Facts of the samples of an AU file whose size is wrong."""
    sound, stated = _au(source)
    return sound.salvaged(None if stated is None else stated // sound.frame_bytes)


def _au(source: Source) -> tuple[_Sound, int | None]:
    """What the header says, and the bytes of samples it states."""
    little = source.read(0, 4) != b".snd"
    header = source.exactly(4, 20, "its header")
    offset, stated, coding, rate_hz, channels = struct.unpack("<5I" if little else ">5I", header)
    check_channels(channels)
    check_rate(rate_hz)
    if coding not in _AU_BYTES:
        raise RecordingError(f"has a coding that is not supported (AU encoding {coding})")
    if not 24 <= offset <= source.size:
        raise RecordingError(f"damaged: its samples are said to begin at byte {offset}")
    room = source.size - offset
    sound = _Sound("AU", channels, rate_hz, coding, little, offset, room)
    return sound, None if stated == _UNKNOWN_SIZE_AU else stated


def inspect_caf(source: Source) -> Facts:
    """Facts of an Apple Core Audio file with plain, u-law or A-law samples."""
    sound, chunk = _caf(source)
    # -1: written to a pipe, runs to the end. The first 4 bytes count edits.
    stated = chunk.room if chunk.size == -1 else chunk.size
    if stated < 4 or stated > chunk.room:
        raise RecordingError(f"truncated: it states {stated} bytes of samples and has {chunk.room}")
    frames, rest = divmod(stated - 4, sound.frame_bytes)
    if rest:
        raise RecordingError("truncated: the samples end inside a sample")
    return sound.facts(frames)


def salvage_caf(source: Source) -> Facts:
    """Facts of the samples of a Core Audio file whose size is wrong."""
    sound, chunk = _caf(source)
    return sound.salvaged((chunk.size - 4) // sound.frame_bytes if chunk.size > 4 else None)


def _caf(source: Source) -> tuple[_Sound, Chunk]:
    """What the desc chunk says, and the chunk of the samples."""
    chunks = walk(source, 8, _CAF)
    first = next(chunks, None)
    if first is None or first.name != b"desc" or first.size != 32 or first.overruns:
        raise RecordingError("damaged: it must begin with its desc chunk")
    body = source.exactly(first.body, 32, "its desc chunk")
    rate, name, flags, packet_bytes, packet_frames, channels, bits = struct.unpack(">d4s5I", body)
    check_channels(channels)
    rate_hz = check_rate(rate)
    sample_bytes = (bits + 7) // 8
    is_float = name == b"lpcm" and bool(flags & 1)
    floats = {4: _AU_FLOAT, 8: _AU_DOUBLE}
    coding = (floats if is_float else _AU_INTEGERS).get(sample_bytes)
    if name in (b"ulaw", b"alaw"):
        coding = _AU_ULAW if name == b"ulaw" else _AU_ALAW
    is_known = name in (b"lpcm", b"ulaw", b"alaw") and _AU_BYTES.get(coding or 0) == sample_bytes
    whole = packet_frames == 1 and packet_bytes == channels * sample_bytes
    if coding is None or not is_known or not whole:
        raise RecordingError("has a coding that is not supported (plain samples only)")
    for chunk in chunks:
        if chunk.name == b"data":
            start = chunk.body + 4
            room = max(0, chunk.room - 4)
            is_little = bool(flags & 2)
            return _Sound("CAF", channels, rate_hz, coding, is_little, start, room), chunk
    raise RecordingError("damaged: no data chunk, so there are no samples")


def _extended(raw: bytes) -> float:
    """An 80-bit IEEE 754 extended number, as AIFF stores its sample rate; 0 where impossible."""
    exponent, mantissa = struct.unpack(">HQ", raw)
    if exponent & 0x8000 or not 16383 <= exponent < 16383 + 32:
        return 0.0
    return math.ldexp(mantissa, exponent - 16383 - 63)
