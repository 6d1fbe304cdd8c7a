"""FLAC: the stream header held against the first frame, and the checksum of the samples."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from voiceanon.errors import RecordingError
from voiceanon.formats.facts import Facts, View, check_channels, check_rate
from voiceanon.formats.sniff import after_id3
from voiceanon.formats.source import Source

__all__ = ["SampleChecksum", "inspect_flac", "salvage_flac"]

_MAX_METADATA_BLOCKS = 1024
_STREAMINFO, _RESERVED = 0, 127


def inspect_flac(source: Source) -> Facts:
    """Facts of a FLAC file (RFC 9639).

    Raises
    ------
    RecordingError
        If its header is impossible, states no length, or disagrees with its first frame.
    """
    facts = _facts(source)
    if facts.frames == 0:
        raise RecordingError("states no length (a streamed FLAC); rewrite it with `flac`")
    return facts


def salvage_flac(source: Source) -> Facts:
    """Facts of a FLAC file that a decoder is to read as far as it can."""
    facts = _facts(source)
    view = View(b"", 0, source.size)
    return Facts(
        "FLAC", facts.channels, facts.rate_hz, None, view=view, stated=facts.frames or None
    )


def _facts(source: Source) -> Facts:
    """What the header states, once it agrees with the first frame."""
    offset = after_id3(source) + 4
    info = b""
    for index in range(_MAX_METADATA_BLOCKS):
        header = source.exactly(offset, 4, "its metadata")
        block, length = header[0] & 0x7F, int.from_bytes(header[1:], "big")
        if (block == _STREAMINFO) != (index == 0) or block == _RESERVED:
            raise RecordingError("damaged: its metadata blocks are out of order")
        if index == 0:
            if length != 34:
                raise RecordingError("damaged: its stream header has a wrong length")
            info = source.exactly(offset + 4, 34, "its stream header")
        offset += 4 + length
        if header[0] & 0x80:
            break
    else:
        raise RecordingError(f"holds more than {_MAX_METADATA_BLOCKS} metadata blocks")
    smallest_block = int.from_bytes(info[0:2], "big")
    largest_block = int.from_bytes(info[2:4], "big")
    packed = int.from_bytes(info[10:18], "big")
    rate_hz = check_rate(packed >> 44)
    channels = check_channels((packed >> 41 & 0x7) + 1)
    bits = (packed >> 36 & 0x1F) + 1
    frames = packed & 0xFFFFFFFFF
    if bits < 4 or not 16 <= smallest_block <= largest_block:
        raise RecordingError("damaged: its stream header is impossible")
    frame = source.exactly(offset, 4, "its first frame")
    if frame[0] != 0xFF or frame[1] & 0xFE != 0xF8:
        raise RecordingError("damaged: no frame where the first must begin")
    assignment = frame[3] >> 4
    frame_channels = assignment + 1 if assignment < 8 else 2
    if assignment > 10 or frame_channels != channels:
        raise RecordingError("damaged: its first frame has another number of channels")
    md5 = info[18:34]
    return Facts("FLAC", channels, rate_hz, frames, bits=bits, md5=md5 if any(md5) else b"")


class SampleChecksum:
    """The MD5 of decoded samples, which FLAC stores in its header: damage shows whatever hid it.

    Parameters
    ----------
    bits : int
        Bits per sample, 4 to 32.
    """

    def __init__(self, bits: int) -> None:
        self._shift = 32 - bits
        self._sample_bytes = (bits + 7) // 8
        self._sum = hashlib.md5(usedforsecurity=False)

    def update(self, samples: npt.NDArray[np.int16] | npt.NDArray[np.int32]) -> None:
        """Add interleaved samples, shape (n, channels), scaled to the whole of their type.

        Samples of 16 bits may come as int16; every other width comes as int32.
        """
        if samples.dtype == np.int16:
            self._sum.update(np.ascontiguousarray(samples, "<i2").data)
            return
        values = np.ascontiguousarray(samples >> self._shift, "<i4")
        rows = values.view(np.uint8).reshape(-1, 4)
        self._sum.update(np.ascontiguousarray(rows[:, : self._sample_bytes]).data)

    def digest(self) -> bytes:
        """16 bytes, as the header holds them."""
        return self._sum.digest()
