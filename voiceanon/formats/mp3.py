"""MP3: a walk over its frames, since decoders pass over damage and guess at lengths.

libsndfile takes the length of an MP3 from the count in its first frame (Xing, Info); without one
it extrapolates from the first frame's size, and reads no further: half a recording can be missing
without a word. So the frames are counted here, and a file without a count is shown to the decoder
with one. Tags are not shown to it at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from voiceanon.errors import RecordingError
from voiceanon.formats.facts import Facts, View, check_rate
from voiceanon.formats.sniff import after_id3
from voiceanon.formats.source import Source

__all__ = ["inspect_mp3", "salvage_mp3"]

_READ_BYTES = 1 << 20
_MPEG1 = 3  # the two bits of the header that tell MPEG-1 from MPEG-2 (2) and MPEG-2.5 (0)
# Bit rates of layer III in kbit/s (ISO 11172-3 and 13818-3); index 0 is "free", 15 forbidden.
_KBITS_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
# What programs append after the last frame: ID3v1, APE, Lyrics3, and ID3v2 in the wrong place.
_TRAILERS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")
# An encoder states in 12 bits each how much silence it put before and after the sound; decoders
# cut it off, and their own delay: 529 samples, before which there is no sound.
_MAX_TRIMMED = 2 * 4095 + 2 * 1152
# One header of four bytes can be chance.
_MIN_FRAMES = 2
_TOO_FEW = "holds {} MP3 frames with sound, too few to be a recording"
# The bit rate index of the frame that we put in front: 128 or 80 kbit/s, long enough for a count.
_COUNT_FRAME_BIT_RATE = 9


@dataclass(frozen=True)
class _Frame:
    version: int
    rate_hz: int
    channels: int
    size: int

    @property
    def samples(self) -> int:
        return 1152 if self.version == _MPEG1 else 576

    @property
    def side_bytes(self) -> int:
        """Bytes between the header and the sound, where a count takes the place of the sound."""
        if self.version == _MPEG1:
            return 32 if self.channels == 2 else 17
        return 17 if self.channels == 2 else 9


def inspect_mp3(source: Source) -> Facts:
    """Facts of an MPEG layer III file.

    A file cut exactly between two frames, without a header that counts them, cannot be told from
    a whole one.

    Raises
    ------
    RecordingError
        If frames are damaged, cut, or not as many as its header counts.
    """
    start, header, first = _first(source)
    frames, end = 0, start
    for place in _walk(source, start, first):
        frames, end = frames + 1, place
    is_count_frame, counted = _count_in(source.read(start, first.size), first)
    if is_count_frame:
        frames -= 1  # that frame holds no sound
    if frames < _MIN_FRAMES:
        raise RecordingError(_TOO_FEW.format(frames))
    samples = frames * first.samples
    if counted is not None:
        # Some encoders count the frame of the count too.
        if counted not in (frames, frames + 1):
            how = "truncated" if counted > frames else "damaged"
            raise RecordingError(f"{how}: it states {counted} frames and has {frames}")
        view = View(b"", start, end)
    else:
        sound_start = start + first.size if is_count_frame else start
        view = View(_count_frame(header, first, frames), sound_start, end)
    return Facts(
        "MP3",
        first.channels,
        first.rate_hz,
        frames=None,
        frames_at_most=samples,
        frames_at_least=max(0, samples - _MAX_TRIMMED),
        view=view,
    )


def salvage_mp3(source: Source) -> Facts:
    """Facts of the whole frames at the start of a damaged MPEG layer III file."""
    start, header, first = _first(source)
    frames, end = 0, start
    with contextlib.suppress(RecordingError):
        for place in _walk(source, start, first):
            frames, end = frames + 1, place
    is_count_frame, counted = _count_in(source.read(start, first.size), first)
    frames -= is_count_frame
    if frames < _MIN_FRAMES:
        raise RecordingError(_TOO_FEW.format(frames))
    sound_start = start + first.size if is_count_frame else start
    return Facts(
        "MP3",
        first.channels,
        first.rate_hz,
        frames=None,
        view=View(_count_frame(header, first, frames), sound_start, end),
        stated=None if counted is None else counted * first.samples,
    )


def _first(source: Source) -> tuple[int, bytes, _Frame]:
    """Where the first frame is, its header and the frame."""
    start = after_id3(source)
    header = source.exactly(start, 4, "a frame")
    first = _frame(header, start)
    check_rate(first.rate_hz)
    return start, header, first


def _walk(source: Source, start: int, first: _Frame) -> Iterator[int]:
    """The offset after each frame from `start`, every one whole."""
    offset = start
    window, window_start = b"", 0
    while offset < source.size:
        place = offset - window_start
        if place + 4 > len(window):
            window, window_start, place = source.read(offset, _READ_BYTES), offset, 0
        header = window[place : place + 4]
        if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
            _check_trailer(source, offset)
            break
        frame = _frame(header, offset)
        if (frame.version, frame.rate_hz) != (first.version, first.rate_hz):
            raise RecordingError(f"damaged: the sample rate changes at byte {offset}")
        if frame.channels != first.channels:
            raise RecordingError(f"damaged: the number of channels changes at byte {offset}")
        if offset + frame.size > source.size:
            raise RecordingError("truncated: the file ends inside a frame")
        offset += frame.size
        yield offset


def _frame(header: bytes, offset: int) -> _Frame:
    """The frame whose header of 4 bytes lies at `offset`."""
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bit_rate_index, rate_index = header[2] >> 4, header[2] >> 2 & 3
    sync = header[0] == 0xFF and header[1] & 0xE0 == 0xE0
    if not sync or version == 1 or layer != 1 or bit_rate_index in (0, 15) or rate_index == 3:
        raise RecordingError(f"damaged or unsupported: no MP3 frame at byte {offset}")
    rate_hz = _RATES_HZ[version][rate_index]
    kbits = (_KBITS_MPEG1 if version == _MPEG1 else _KBITS_MPEG2)[bit_rate_index]
    bytes_per_kbit = 144_000 if version == _MPEG1 else 72_000
    padding = header[2] >> 1 & 1
    channels = 1 if header[3] >> 6 == 3 else 2
    return _Frame(version, rate_hz, channels, bytes_per_kbit * kbits // rate_hz + padding)


def _count_in(content: bytes, frame: _Frame) -> tuple[bool, int | None]:
    """Whether a frame is a Xing, Info or VBRI header, and the frames it counts, if it does.

    The decoder does not know VBRI, so its count is not used.
    """
    place = 4 + frame.side_bytes
    xing = content[place : place + 12]
    if xing[:4] in (b"Xing", b"Info") and len(xing) == 12:
        return True, int.from_bytes(xing[8:12], "big") if xing[7] & 1 else None
    return content[36:40] == b"VBRI", None


def _count_frame(header: bytes, frame: _Frame, frames: int) -> bytes:
    """A frame without sound that counts the others, in the form of a Xing header."""
    rate_bits = header[2] & 0x0C
    own = bytes([0xFF, header[1] | 1, _COUNT_FRAME_BIT_RATE << 4 | rate_bits, header[3]])
    body = own + bytes(frame.side_bytes) + b"Info\0\0\0\1" + frames.to_bytes(4, "big")
    return body.ljust(_frame(own, 0).size, b"\0")


def _check_trailer(source: Source, offset: int) -> None:
    """Only a known tag or padding may follow the last frame."""
    rest = source.read(offset, 1 << 16)
    if rest.startswith(_TRAILERS) or not any(rest):
        return
    raise RecordingError(f"damaged: neither a frame nor a tag at byte {offset}")
