"""Whether a container holds what it says, judged before any decoder sees the file.

Decoders hide damage: a truncated recording reads as a shorter one, a lost Ogg page as nothing, and
a recorder that crashed as silence. Here the headers are held against the bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from voiceanon.errors import RecordingError
from voiceanon.formats.facts import MAX_DURATION_S, Facts
from voiceanon.formats.flac import inspect_flac
from voiceanon.formats.iff import inspect_aiff, inspect_au, inspect_caf
from voiceanon.formats.mp3 import inspect_mp3
from voiceanon.formats.ogg import inspect_ogg
from voiceanon.formats.riff import inspect_rf64, inspect_w64, inspect_wav
from voiceanon.formats.sniff import identify
from voiceanon.formats.source import Source

__all__ = ["check_extent", "inspect"]

_INSPECTORS: dict[str, Callable[[Source], Facts]] = {
    "WAV": inspect_wav,
    "RF64": inspect_rf64,
    "W64": inspect_w64,
    "AIFF": inspect_aiff,
    "AU": inspect_au,
    "CAF": inspect_caf,
    "FLAC": inspect_flac,
    "OGG": inspect_ogg,
    "MP3": inspect_mp3,
}

# A decompression bomb: more than this many decoded bytes, and so many times the file's own size.
# Digital silence in FLAC reaches about 700 : 1, an hour of 8 silent channels in one trick file
# about 60,000 : 1.
_BOMB_BYTES = 1 << 30
_BOMB_RATIO = 10_000


def inspect(source: Source) -> Facts:
    """Kind and facts of a recording, once its container has been found whole.

    Parameters
    ----------
    source : Source
        The opened file.

    Returns
    -------
    Facts
        What the container states.

    Raises
    ------
    RecordingError
        If it is of no supported kind, truncated, damaged, or beyond the limits.
    """
    facts = _INSPECTORS[identify(source)](source)
    frames = facts.frames if facts.frames is not None else facts.frames_at_most
    if frames is not None and facts.rate_hz is not None:
        check_extent(source, frames, facts.rate_hz, facts.channels, MAX_DURATION_S)
    return facts


def check_extent(
    source: Source, frames: int, rate_hz: int, channels: int, max_duration_s: float
) -> None:
    """Raise if a recording is longer than `max_duration_s` or a decompression bomb."""
    if frames > max_duration_s * rate_hz:
        raise RecordingError(
            f"states {frames / rate_hz / 3600:.6g} hours; "
            f"at most {max_duration_s / 3600:.6g} are read from one file"
        )
    decoded_bytes = 4 * frames * channels
    if decoded_bytes > _BOMB_BYTES and decoded_bytes > _BOMB_RATIO * source.size:
        raise RecordingError(
            f"refused as a decompression bomb: {source.size} bytes that decode to {decoded_bytes}"
        )
