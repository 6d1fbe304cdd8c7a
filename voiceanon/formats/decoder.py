"""The decoder, soundfile, used so that its errors are ours and it reads straight on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from voiceanon.errors import RecordingError

if TYPE_CHECKING:
    import soundfile

__all__ = ["decoder_errors", "without_seeking"]


@contextmanager
def decoder_errors() -> Iterator[None]:
    """Make one kind of error, of one printable line, of everything a decoder can raise."""
    import soundfile

    try:
        yield
    except (soundfile.SoundFileError, RuntimeError, OSError, ValueError, TypeError) as error:
        cause = getattr(error, "error_string", None) or type(error).__name__
        line = "".join(letter if letter.isprintable() else "?" for letter in str(cause))
        raise RecordingError(
            f"damaged or truncated; the decoder says: {line.strip().rstrip('.')[:120]}"
        ) from error


def without_seeking(decoder: soundfile.SoundFile) -> soundfile.SoundFile:
    """Have a decoder read straight on, and return it.

    After every read, soundfile seeks to where it is: then FLAC decodes frames twice, and libmpg123
    fills stderr with warnings about the joint.
    """
    info = getattr(decoder, "_info", None)
    if info is not None:
        info.seekable = 0
    return decoder
