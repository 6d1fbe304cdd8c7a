"""Reads what can be decoded of a damaged recording: only when asked, and never as a whole one.

What is kept is the beginning up to the first damage; where only a size in the header is wrong (a
recorder that crashed, a copy that was cut), all samples that are there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from voiceanon.errors import RecordingError
from voiceanon.formats.decoder import decoder_errors
from voiceanon.formats.facts import MAX_DURATION_S, Facts, Salvage
from voiceanon.formats.flac import salvage_flac
from voiceanon.formats.iff import salvage_aiff, salvage_au, salvage_caf
from voiceanon.formats.integrity import check_extent
from voiceanon.formats.mp3 import salvage_mp3
from voiceanon.formats.ogg import salvage_ogg
from voiceanon.formats.reading import AudioReader, EmptyRecordingError
from voiceanon.formats.riff import salvage_rf64, salvage_w64, salvage_wav
from voiceanon.formats.sniff import identify
from voiceanon.formats.source import ChangedError, Source

if TYPE_CHECKING:
    import soundfile

__all__ = ["SalvagingReader", "read_recording"]

_SALVAGERS: dict[str, Callable[[Source], Facts]] = {
    "WAV": salvage_wav,
    "RF64": salvage_rf64,
    "W64": salvage_w64,
    "AIFF": salvage_aiff,
    "AU": salvage_au,
    "CAF": salvage_caf,
    "FLAC": salvage_flac,
    "OGG": salvage_ogg,
    "MP3": salvage_mp3,
}
# A read that fails loses what it had decoded: so many samples at most.
_STEP_FRAMES = 1024

Made = TypeVar("Made")


class SalvagingReader(AudioReader):
    """What can be decoded of a recording that `AudioReader` refuses.

    It is read once when it is opened, to count what comes; `blocks` then yields exactly that.

    Parameters
    ----------
    path : path
        As for `AudioReader`.
    problem : RecordingError
        Why it was refused.
    max_duration_s : float
        As for `AudioReader`.

    Raises
    ------
    RecordingError
        If nothing can be decoded, or what can is no sound or beyond the limits.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        problem: RecordingError,
        *,
        max_duration_s: float = MAX_DURATION_S,
    ) -> None:
        self._problem = problem
        super().__init__(path, max_duration_s=max_duration_s)
        stated = self._facts.stated
        is_sane = stated is not None and stated <= max_duration_s * self.rate
        self.salvage = Salvage(
            str(problem),
            self.declared_frames / self.rate,
            stated / self.rate if stated is not None and is_sane else None,
        )

    def _inspected(self) -> Facts:
        return _SALVAGERS[identify(self._source)](self._source)

    def _settled_frames(self, decoder: soundfile.SoundFile) -> int:
        frames = 0
        self._fresh = False  # counting uses this decoder up
        while True:
            try:
                with decoder_errors():
                    count = len(decoder.read(_STEP_FRAMES, dtype="float32", always_2d=True))
            except RecordingError:
                break
            if count == 0:
                break
            frames += count
            check_extent(self._source, frames, self.rate, self.channels, self._max_duration_s)
        if frames == 0:
            raise self._problem
        return frames


def read_recording(
    path: str | os.PathLike[str], use: Callable[[AudioReader], Made], *, salvage: bool
) -> Made:
    """Return what `use` makes of a recording; with `salvage`, of its readable part if need be.

    A recording that is whole is read the same with `salvage` and without. One whose damage only
    shows while it is used is used again from its start.

    Parameters
    ----------
    path : path
        Of the recording.
    use : callable
        Given a reader; `AudioReader.salvage` tells it whether the recording is whole.
    salvage : bool
        Whether a damaged recording is read as far as it can be.

    Raises
    ------
    RecordingError
        If the recording cannot be read: what is wrong with it as it is, not as it was salvaged.
    """
    try:
        with AudioReader(path) as reader:
            return use(reader)
    except (EmptyRecordingError, ChangedError):
        raise
    except RecordingError as error:
        if not salvage:
            raise
        problem = error
    try:
        damaged = SalvagingReader(path, problem)
    except RecordingError:
        raise problem from None
    with damaged:
        return use(damaged)
