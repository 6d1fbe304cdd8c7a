"""Ogg: every page's checksum, order and end, since decoders pass over lost pages silently."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from voiceanon.errors import RecordingError
from voiceanon.formats.facts import Facts, View, check_channels, check_rate
from voiceanon.formats.source import Source

__all__ = ["inspect_ogg", "page_checksum", "salvage_ogg"]

_CONTINUED, _FIRST, _LAST = 1, 2, 4
_HEADER_BYTES = 27
_MAX_PAGE_BYTES = _HEADER_BYTES + 255 + 255 * 255
_READ_BYTES = 1 << 20
_OPUS_RATE_HZ = 48_000
_NO_PACKET_ENDS = 0xFFFFFFFFFFFFFFFF

_BIT_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class _Page:
    flags: int
    granule: int
    serial: int
    sequence: int
    body: bytes
    end: int


def page_checksum(page: bytes) -> int:
    """The checksum of an Ogg page whose own checksum field is zero (RFC 3533, section 6).

    Ogg shifts its CRC-32 (polynomial 0x04C11DB7, start 0) the other way round than zlib; with the
    bits of every byte reversed, zlib computes the same sum with its bits reversed.
    """
    reflected = zlib.crc32(page.translate(_BIT_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(_BIT_REVERSED), "big")


def inspect_ogg(source: Source) -> Facts:
    """Facts of an Ogg Vorbis or Ogg Opus file with exactly one stream.

    Raises
    ------
    RecordingError
        If a page is damaged, lost or out of order, the stream does not end, there is more than
        one stream, or the codec is another.
    """
    first = _page_at(source, b"", 0, 0)
    channels, rate_hz, skipped = _head(first)
    granule, end = 0, first.end
    for page in _pages(source, first):
        granule, end = page.granule, page.end
    if source.read(end, 4) == b"OggS":
        raise RecordingError("holds several streams; only one recording a file is read")
    # Opus counts at 48 kHz whatever the rate it is decoded to, which is never higher.
    most = max(granule - skipped, 0)
    return Facts("OGG", channels, rate_hz, frames=None, frames_at_most=most)


def salvage_ogg(source: Source) -> Facts:
    """Facts of the whole pages at the start of a damaged Ogg Vorbis or Ogg Opus file."""
    first = _page_at(source, b"", 0, 0)
    channels, rate_hz, _ = _head(first)
    end = first.end
    with contextlib.suppress(RecordingError):
        for page in _pages(source, first):
            end = page.end
    return Facts("OGG", channels, rate_hz, frames=None, view=View(b"", 0, end))


def _head(first: _Page) -> tuple[int, int | None, int]:
    """Channels, rate and the samples that are not heard, from the first page."""
    if not first.flags & _FIRST:
        raise RecordingError("damaged: its first page does not begin a stream")
    head = first.body
    rate_hz: int | None = None
    skipped = 0
    if head.startswith(b"\x01vorbis") and len(head) >= 30:
        channels, rate_hz = struct.unpack("<BI", head[11:16])
        check_rate(rate_hz)
    elif head.startswith(b"OpusHead") and len(head) >= 19:
        channels, skipped = struct.unpack("<BH", head[9:12])
    else:
        raise RecordingError("has a coding that is not supported (Ogg with Vorbis or Opus only)")
    return check_channels(channels), rate_hz, skipped


def _pages(source: Source, first: _Page) -> Iterator[_Page]:
    """Every page after the first until the last of the stream, checked.

    The position of a page in which no sound ends is that of the page before.
    """
    granule, last = 0, first
    window, window_start = b"", 0
    while not last.flags & _LAST:
        offset = last.end
        if offset - window_start + _MAX_PAGE_BYTES > len(window):
            window, window_start = source.read(offset, _READ_BYTES), offset
        page = _page_at(source, window, window_start, offset)
        if page.serial != first.serial or page.flags & _FIRST:
            raise RecordingError("holds several streams; only one recording a file is read")
        if page.sequence != (last.sequence + 1) & 0xFFFFFFFF:
            raise RecordingError(f"damaged: pages are missing before byte {offset}")
        if page.granule != _NO_PACKET_ENDS:
            if page.granule >> 63 or page.granule < granule:
                raise RecordingError(f"damaged: time runs backwards at byte {offset}")
            granule = page.granule
        last = replace(page, granule=granule)
        yield last


def _page_at(source: Source, window: bytes, window_start: int, offset: int) -> _Page:
    """The page at `offset`, its checksum verified."""
    start = offset - window_start
    data = window[start : start + _MAX_PAGE_BYTES] or source.read(offset, _MAX_PAGE_BYTES)
    if not data:
        raise RecordingError("truncated: its stream has no end")
    if len(data) < _HEADER_BYTES:
        raise RecordingError("truncated: the file ends inside a page")
    magic, version, flags, granule, serial, sequence, checksum, segments = struct.unpack(
        "<4sBBQIIIB", data[:_HEADER_BYTES]
    )
    if magic != b"OggS" or version != 0:
        raise RecordingError(f"damaged: no page where one must begin, at byte {offset}")
    body_start = _HEADER_BYTES + segments
    page_bytes = body_start + sum(data[_HEADER_BYTES:body_start])
    if len(data) < page_bytes:
        raise RecordingError("truncated: the file ends inside a page")
    if page_checksum(data[:22] + b"\0\0\0\0" + data[26:page_bytes]) != checksum:
        raise RecordingError(f"damaged: wrong checksum of the page at byte {offset}")
    body = data[body_start:page_bytes]
    return _Page(flags, granule, serial, sequence, body, offset + page_bytes)
