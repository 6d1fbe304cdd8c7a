"""WAV, RF64 and W64: what their headers state, held against the bytes that are there."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from voiceanon.errors import RecordingError
from voiceanon.formats.chunks import Chunk, Layout, is_printable, tidy_to_end, walk
from voiceanon.formats.facts import Facts, View, check_channels, check_rate
from voiceanon.formats.headers import w64_header
from voiceanon.formats.sniff import W64_RIFF
from voiceanon.formats.source import Source

__all__ = [
    "inspect_rf64",
    "inspect_w64",
    "inspect_wav",
    "salvage_rf64",
    "salvage_w64",
    "salvage_wav",
]

_RIFF = Layout(id_bytes=4, size_format="<I", alignment=2)
_W64 = Layout(id_bytes=16, size_format="<q", alignment=8, size_counts_header=True)

# Data sizes that mean "written to a pipe, length not known": ffmpeg and others write the first;
# sox writes 0x7FFFFFFF less up to 4 KiB. The data then runs to the end of the file, and only the
# streaming writer could say whether it was cut.
_STREAMED = frozenset({0xFFFFFFFF, 0xFFFFFFFE}) | frozenset(range(0x7FFFEFFF, 0x80000000))

_PCM, _MS_ADPCM, _FLOAT, _ALAW, _ULAW, _IMA_ADPCM, _GSM610 = 1, 2, 3, 6, 7, 0x11, 0x31
_EXTENSIBLE = 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")


@dataclass(frozen=True)
class _Format:
    """The `fmt ` chunk: how many bytes make how many samples of one channel."""

    channels: int
    rate_hz: int
    block_bytes: int
    block_frames: int
    body: bytes


def inspect_wav(source: Source) -> Facts:
    """Facts of a RIFF WAVE file.

    Raises
    ------
    RecordingError
        If header and bytes disagree, or the coding is not supported.
    """
    return _inspect(source, "WAV", 12, _RIFF, data_bytes_64=None)


def inspect_rf64(source: Source) -> Facts:
    """Facts of an RF64 file (EBU Tech 3306), whose `ds64` chunk holds the true sizes."""
    return _inspect(source, "RF64", 12, _RIFF, data_bytes_64=_data_bytes_64(source))


def inspect_w64(source: Source) -> Facts:
    """Facts of a Sony Wave64 file."""
    (stated,) = struct.unpack("<q", source.exactly(len(W64_RIFF), 8, "its header"))
    if stated > source.size:
        raise RecordingError(f"truncated: it states {stated} bytes and has {source.size}")
    return _inspect(source, "W64", 40, _W64, data_bytes_64=None)


def salvage_wav(source: Source) -> Facts:
    """Facts of the samples of a RIFF WAVE file whose sizes are wrong."""
    return _salvage(source, 12, _RIFF, data_bytes_64=None)


def salvage_rf64(source: Source) -> Facts:
    """Facts of the samples of an RF64 file whose sizes are wrong."""
    return _salvage(source, 12, _RIFF, data_bytes_64=_data_bytes_64(source))


def salvage_w64(source: Source) -> Facts:
    """Facts of the samples of a Sony Wave64 file whose sizes are wrong."""
    return _salvage(source, 40, _W64, data_bytes_64=None)


def _data_bytes_64(source: Source) -> int:
    first = next(walk(source, 12, _RIFF), None)
    if first is None or first.name != b"ds64" or first.size < 28 or first.overruns:
        raise RecordingError("damaged: an RF64 file must begin with its ds64 chunk")
    sizes = source.exactly(first.body, 24, "its ds64 chunk")
    return int(struct.unpack("<QQQ", sizes)[1])


def _salvage(source: Source, start: int, layout: Layout, data_bytes_64: int | None) -> Facts:
    """What the samples' own bytes make; a size is believed if they are there."""
    format_, data = _format_and_data(source, start, layout, to_data=True)
    stated = data.size
    if data_bytes_64 is not None and stated == 0xFFFFFFFF:
        stated = data_bytes_64
    known = stated > 0 and stated not in _STREAMED
    blocks = (stated if known and stated <= data.room else data.room) // format_.block_bytes
    data_bytes = blocks * format_.block_bytes
    return Facts(
        kind="W64",
        channels=format_.channels,
        rate_hz=format_.rate_hz,
        frames=None,
        view=View(w64_header(format_.body, data_bytes), data.body, data.body + data_bytes),
        stated=stated // format_.block_bytes * format_.block_frames if known else None,
    )


def _inspect(
    source: Source, kind: str, start: int, layout: Layout, data_bytes_64: int | None
) -> Facts:
    format_, data = _format_and_data(source, start, layout)
    data_bytes = _data_bytes(source, layout, data, data_bytes_64)
    blocks, rest = divmod(data_bytes, format_.block_bytes)
    if rest:
        raise RecordingError("truncated: the samples end inside a sample")
    exact = format_.block_frames == 1
    return Facts(
        kind=kind,
        channels=format_.channels,
        rate_hz=format_.rate_hz,
        frames=blocks if exact else None,
        frames_at_most=blocks * format_.block_frames,
    )


def _format_and_data(
    source: Source, start: int, layout: Layout, *, to_data: bool = False
) -> tuple[_Format, Chunk]:
    """The two chunks that count; the rest of the file is walked through unless only `to_data`."""
    format_: _Format | None = None
    data: Chunk | None = None
    for chunk in walk(source, start, layout):
        name = _name(chunk, layout)
        if data is not None:
            # What follows the samples never reaches a decoder's output. A second take is refused:
            # it would vanish silently.
            if name == b"data":
                raise RecordingError("holds two data chunks; only one recording a file is read")
            if chunk.overruns or not is_printable(name):
                break
            continue
        if not is_printable(name):
            raise RecordingError("damaged: a chunk before the samples has no readable name")
        if name == b"data":
            if format_ is None:
                raise RecordingError("damaged: the samples come before their format")
            data = chunk
            if to_data or chunk.size in _STREAMED:
                break
            continue
        if chunk.size < 0 or chunk.overruns:
            raise RecordingError("truncated: a chunk before the samples passes the end of file")
        if name == b"fmt ":
            if format_ is not None:
                raise RecordingError("damaged: two format chunks")
            format_ = _read_format(source, chunk)
    if format_ is None:
        raise RecordingError("damaged: no format chunk")
    if data is None:
        raise RecordingError("damaged: no data chunk, so there are no samples")
    return format_, data


def _name(chunk: Chunk, layout: Layout) -> bytes:
    """The four-letter name; Wave64 wraps it into a GUID with a fixed tail."""
    if layout is _W64 and chunk.name[4:] != _W64_TAIL:
        return b"LIST" if is_printable(chunk.name[:4]) else b"\0\0\0\0"
    return chunk.name[:4]


def _data_bytes(source: Source, layout: Layout, data: Chunk, data_bytes_64: int | None) -> int:
    """Bytes of samples, once the stated size has been held against the file."""
    stated = data.size  # 0 or more: `walk` refuses other sizes, and ds64 holds none
    if data_bytes_64 is not None and stated == 0xFFFFFFFF:
        stated = data_bytes_64
    elif layout is _RIFF and stated in _STREAMED and stated > data.room:
        return data.room
    if stated > data.room:
        raise RecordingError(f"truncated: it states {stated} bytes of samples and has {data.room}")
    if stated == 0 and not tidy_to_end(source, data.body, layout):
        raise RecordingError(
            "damaged: it states no samples, but bytes follow (a recorder that stopped early?)"
        )
    return stated


def _read_format(source: Source, chunk: Chunk) -> _Format:
    if chunk.size < 16:
        raise RecordingError("damaged: its format chunk is too short")
    body = source.exactly(chunk.body, min(chunk.size, 64), "its format chunk")
    tag, channels, rate_hz, _, block_bytes, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == _EXTENSIBLE:
        if len(body) < 40 or struct.unpack("<H", body[16:18])[0] < 22:
            raise RecordingError("damaged: its extensible format chunk is too short")
        if body[26:40] != _GUID_TAIL:
            raise RecordingError("has a coding that is not supported (unknown format GUID)")
        (tag,) = struct.unpack("<H", body[24:26])
    check_channels(channels)
    check_rate(rate_hz)
    if tag in (_PCM, _FLOAT, _ALAW, _ULAW):
        block_bytes = _plain_block(tag, channels, block_bytes, bits)
        plain = struct.pack("<H", tag) + body[2:16]
        return _Format(channels, rate_hz, block_bytes, 1, plain)
    block_frames = _packed_block(tag, channels, block_bytes, body)
    return _Format(channels, rate_hz, block_bytes, block_frames, body)


def _plain_block(tag: int, channels: int, block_bytes: int, bits: int) -> int:
    """Bytes of one sample of all channels, for the codings of one sample after the other."""
    sample_bytes, rest = divmod(block_bytes, channels)
    allowed = {_PCM: (1, 2, 3, 4), _FLOAT: (4, 8), _ALAW: (1,), _ULAW: (1,)}[tag]
    possible = 1 <= bits <= 8 * sample_bytes
    exact = tag == _PCM or bits == 8 * sample_bytes
    if rest or sample_bytes not in allowed or not possible or not exact:
        raise RecordingError(
            f"damaged or unsupported: {bits} bits in blocks of {block_bytes} bytes "
            f"for {channels} channels"
        )
    return block_bytes


def _packed_block(tag: int, channels: int, block_bytes: int, body: bytes) -> int:
    """Samples per channel in one block of a packed coding.

    The number is computed from the block's size, and the header must agree: decoders have trusted
    it and overflowed (the class of CVE-2022-33065).
    """
    stated = struct.unpack("<H", body[18:20])[0] if len(body) >= 20 else 0
    if tag == _GSM610 and channels == 1 and block_bytes == 65 and stated == 320:
        return 320
    if tag == _IMA_ADPCM and channels <= 2 and 8 * channels <= block_bytes <= 8192:
        frames = (block_bytes - 4 * channels) * 2 // channels + 1
        if stated == frames:
            return frames
    if tag == _MS_ADPCM and channels <= 2 and 8 * channels <= block_bytes <= 8192:
        frames = (block_bytes - 7 * channels) * 2 // channels + 2
        coefficients = struct.unpack("<H", body[20:22])[0] if len(body) >= 22 else 0
        if stated == frames and coefficients == 7 and len(body) >= 50:
            return frames
    raise RecordingError(f"has a coding that is not supported or not consistent (tag {tag:#x})")
