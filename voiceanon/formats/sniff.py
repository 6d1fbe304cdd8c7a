"""Which kind of recording a file is, judged by its first bytes alone; the suffix is never trusted.

Headerless audio has no magic bytes, so it can never be recognised, and random bytes named `.au`
are never played as sound. Every accepted kind is one more parser that a hostile file can reach;
NIST SPHERE, MP4 and the rest are named in the refusal instead.
"""

from __future__ import annotations

import os

from voiceanon.errors import RecordingError
from voiceanon.formats.source import Source

__all__ = ["AUDIO_SUFFIXES", "KINDS", "after_id3", "identify", "looks_like_audio"]

KINDS = ("WAV", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3")

# Names that promise audio: such a file is worked on, and reported as failed if it is none.
AUDIO_SUFFIXES = frozenset(
    ".wav .wave .bwf .rf64 .w64 .aif .aiff .aifc .au .snd .caf .flac .ogg .oga .opus .mp3 "
    ".m4a .mp4 .aac .wma .amr .3gp .webm .mka .sph .paf .gsm .vox .raw .pcm".split()
)

W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_W64_WAVE = bytes.fromhex("77617665f3acd3118cd100c04f8edb8a")

# Recognised only to say what to do with them.
_REFUSED = (
    (b"NIST_1A", "NIST SPHERE"),
    (b" paf", "Ensoniq PARIS"),
    (b"fap ", "Ensoniq PARIS"),
    (b"#!AMR", "AMR"),
    (b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media"),
    (b"RIFX", "big-endian WAV (RIFX)"),
    (b"BW64", "BW64"),
    (b"FFIR", "reversed RIFF"),
)


def after_id3(source: Source) -> int:
    """Offset of the first byte after any ID3v2 tags at the start of the file."""
    offset = 0
    for _ in range(8):
        head = source.read(offset, 10)
        if len(head) < 10 or head[:3] != b"ID3" or head[3] == 0xFF or head[4] == 0xFF:
            return offset
        if any(byte & 0x80 for byte in head[6:10]):
            raise RecordingError("damaged: the ID3 tag at its start has an impossible size")
        length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        has_footer = bool(head[5] & 0x10)
        offset += 10 + length + (10 if has_footer else 0)
        if offset > source.size:
            raise RecordingError("truncated: the file ends inside its ID3 tag")
    raise RecordingError("damaged: an endless row of ID3 tags")


def identify(source: Source) -> str:
    """The kind of recording in `source`, one of `KINDS`.

    Parameters
    ----------
    source : Source
        The opened file.

    Returns
    -------
    str
        One of `KINDS`.

    Raises
    ------
    RecordingError
        If it is empty, none of the supported kinds, or damaged before its first magic bytes.
    """
    if source.size == 0:
        raise RecordingError("is an empty file (0 bytes)")
    head = source.read(0, 40)
    if head[:3] == b"ID3":
        head = source.read(after_id3(source), 40)
        if head[:4] == b"fLaC":
            return "FLAC"
        if _is_mpeg_layer3(head):
            return "MP3"
        raise RecordingError("is not a supported kind of audio (an ID3 tag, then unknown bytes)")
    form = head[8:12]
    if head[:4] == b"RIFF" and form == b"WAVE":
        return "WAV"
    if head[:4] == b"RF64" and form == b"WAVE":
        return "RF64"
    if head[:16] == W64_RIFF and head[24:40] == _W64_WAVE:
        return "W64"
    if head[:4] == b"FORM" and form in (b"AIFF", b"AIFC"):
        return "AIFF"
    if head[:4] in (b".snd", b"dns.") and len(head) >= 24:
        return "AU"
    if head[:6] == b"caff\x00\x01":
        return "CAF"
    if head[:4] == b"fLaC":
        return "FLAC"
    if head[:4] == b"OggS":
        return "OGG"
    if _is_mpeg_layer3(head):
        return "MP3"
    for magic, name in _REFUSED:
        if head.startswith(magic):
            raise RecordingError(f"is {name}, which is not supported; convert it to WAV or FLAC")
    if head[4:8] == b"ftyp":
        raise RecordingError("is MP4/M4A, which is not supported; convert it to WAV or FLAC")
    raise RecordingError("is not a supported kind of audio (judged by its first bytes)")


def looks_like_audio(path: str | os.PathLike[str]) -> bool:
    """Whether the first bytes of a regular file are those of a supported kind."""
    try:
        with Source(path) as source:
            identify(source)
    except RecordingError:
        return False
    return True


def _is_mpeg_layer3(head: bytes) -> bool:
    """An MPEG audio frame header of layer III with possible fields (ISO 11172-3, 2.4.1.3)."""
    return (
        len(head) >= 4
        and head[0] == 0xFF
        and head[1] & 0xE6 == 0xE2
        and head[1] & 0x18 != 0x08
        and head[2] & 0xF0 not in (0x00, 0xF0)
        and head[2] & 0x0C != 0x0C
    )
