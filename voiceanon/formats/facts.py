"""What a container states about its audio, and the limits every recording must keep."""

from __future__ import annotations

from dataclasses import dataclass

from voiceanon.audio import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ
from voiceanon.errors import RecordingError

__all__ = ["MAX_DURATION_S", "Facts", "Salvage", "View", "check_channels", "check_rate"]

MAX_DURATION_S = 24 * 3600.0


@dataclass(frozen=True)
class View:
    """The part of a file that a decoder gets to see, after a prefix of our own.

    Attributes
    ----------
    prefix : bytes
        What the decoder reads first.
    start, end : int
        Offsets in the file: the first byte that follows the prefix, and the first that does not.
    """

    prefix: bytes
    start: int
    end: int


@dataclass(frozen=True)
class Facts:
    """What the bytes of a container say, read without any decoder.

    Attributes
    ----------
    kind : str
        Name from `voiceanon.formats.sniff`, for example ``"WAV"``.
    channels : int
        1 to 64.
    rate_hz : int or None
        8000 to 192000; None where the container leaves it to the decoder (Opus).
    frames : int or None
        Samples per channel, where the container settles the number; else None.
    frames_at_most : int or None
        Upper bound on the samples per channel where `frames` is None.
    frames_at_least : int
        Lower bound on them, 0 where there is none.
    bits, md5 : int, bytes
        FLAC only: bits per sample and the checksum of the decoded samples (empty if not stored).
    view : View or None
        Where the decoder shall see something else than the file as it is.
    stated : int or None
        Of a damaged recording only: samples per channel that it should have, None if it cannot be
        told.
    """

    kind: str
    channels: int
    rate_hz: int | None
    frames: int | None
    frames_at_most: int | None = None
    frames_at_least: int = 0
    bits: int = 0
    md5: bytes = b""
    view: View | None = None
    stated: int | None = None


@dataclass(frozen=True)
class Salvage:
    """What was kept of a damaged recording.

    Attributes
    ----------
    problem : str
        What is wrong with it: why it is not read without being asked to.
    kept_s : float
        Seconds that could be decoded.
    stated_s : float or None
        Seconds that it should have; None if that cannot be told, or is absurd.
    """

    problem: str
    kept_s: float
    stated_s: float | None

    def __str__(self) -> str:
        whole = "" if self.stated_s is None else f" of {self.stated_s:.3f}"
        return f"salvaged {self.kept_s:.3f}{whole} s: {self.problem}"

    def as_dict(self) -> dict[str, str | float | None]:
        """Return plain values, for JSON."""
        stated_s = None if self.stated_s is None else round(self.stated_s, 6)
        return {
            "problem": self.problem,
            "kept_s": round(self.kept_s, 6),
            "stated_s": stated_s,
        }


def check_channels(channels: int) -> int:
    """`channels`, or a RecordingError unless it is 1 to 64."""
    if not 1 <= channels <= MAX_CHANNELS:
        raise RecordingError(f"has {channels} channels; 1 to {MAX_CHANNELS} are supported")
    return channels


def check_rate(rate_hz: float) -> int:
    """`rate_hz` as an int, or a RecordingError unless it is whole and 8 to 192 kHz."""
    # The comparison is false for NaN, so NaN is refused too.
    if not (MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ) or rate_hz != int(rate_hz):
        raise RecordingError(
            f"has a sample rate of {rate_hz:.6g} Hz; "
            f"whole numbers from {MIN_RATE_HZ} to {MAX_RATE_HZ} are supported"
        )
    return int(rate_hz)
