"""One recording on disk becomes an anonymized one, in two passes and constant memory."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from voiceanon.audio import MIN_SAMPLES
from voiceanon.errors import DestinationError, RecordingError
from voiceanon.file_plan import plan_files
from voiceanon.formats import AudioReader, AudioWriter

__all__ = ["NOT_MEASURED", "FileResult", "anonymize_file", "plan_files"]

_BLOCK_FRAMES = 1 << 16
NOT_MEASURED = "not measured"

Samples = npt.NDArray[np.float32]


class _Stage(Protocol):
    def process(self, chunk: Samples, /) -> Any: ...

    def finish(self) -> Any: ...


class _Anonymizer(Protocol):
    """The part of `voiceanon.Anonymizer` that files need."""

    def profiler(self, rate: int, channels: int = 1) -> _Stage: ...

    def stream(
        self,
        rate: int,
        channels: int = 1,
        *,
        profiles: Any = None,
        recording: str = "",
        speaker: str | None = None,
    ) -> _Stage: ...


@dataclass(frozen=True)
class FileResult:
    """One recording that was anonymized and delivered.

    Attributes
    ----------
    source, destination : Path
        The recording read and the file written.
    frames : int
        Samples per channel, the same in both.
    rate : int
        Samples a second, the same in both.
    channels : int
        Channels, the same in both.
    elapsed_s : float
        Wall-clock time for both passes, writing and verifying.
    words : str
        Verdict of the intelligibility check; ``"not measured"`` is no pass.
    """

    source: Path
    destination: Path
    frames: int
    rate: int
    channels: int
    elapsed_s: float
    words: str = NOT_MEASURED

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds."""
        return self.frames / self.rate


def anonymize_file(
    anonymizer: _Anonymizer,
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    recording: str | None = None,
    speaker: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FileResult:
    """Anonymize one recording into a new file of exactly its length, rate and channels.

    Two passes in constant memory: the first learns what is typical of each channel's speaker,
    the second speaks. The destination appears only when it is whole and verified; on any error,
    nothing is left behind, and no input sample is ever copied.

    Parameters
    ----------
    anonymizer : Anonymizer
        What is done to the voices.
    source : path
        The recording.
    destination : path
        A ``.flac`` or ``.wav`` file in an existing folder.
    overwrite : bool
        Whether a file at `destination` may be replaced.
    recording : str, optional
        Label that the pseudo-voice is drawn for; the name of `source` if not given.
    speaker : str, optional
        Label that it is drawn for instead where the recipe draws one for each speaker.
    progress : callable, optional
        Called with samples done and samples in all, counting both passes.

    Returns
    -------
    FileResult
        What was written.

    Raises
    ------
    RecordingError
        If the recording cannot be read whole.
    DestinationError
        If the destination is refused or cannot be written.
    """
    started_s = time.monotonic()
    source, destination = Path(source), Path(destination)
    _refuse_destination(source, destination, overwrite)
    with AudioReader(source) as reader:
        rate, channels, frames = reader.rate, reader.channels, reader.declared_frames
        if frames < MIN_SAMPLES:
            raise RecordingError(f"holds {frames} sample; at least {MIN_SAMPLES} are needed")
        label = source.name if recording is None else recording
        done = 0

        def blocks() -> Iterator[Samples]:
            nonlocal done
            for block in reader.blocks(_BLOCK_FRAMES):
                yield block
                done += block.shape[1]
                if progress is not None:
                    progress(done, 2 * frames)

        profiler = anonymizer.profiler(rate, channels)
        for block in blocks():
            profiler.process(block)
        stream = anonymizer.stream(
            rate, channels, profiles=profiler.finish(), recording=label, speaker=speaker
        )
        with AudioWriter(destination, rate, channels, frames, overwrite=overwrite) as writer:
            for block in blocks():
                writer.write(_rows(stream.process(block), channels))
            writer.write(_rows(stream.finish(), channels))
            writer.commit()
    return FileResult(source, destination, frames, rate, channels, time.monotonic() - started_s)


def _refuse_destination(source: Path, destination: Path, overwrite: bool) -> None:
    """Refuse before any work what the writer would refuse after the first pass."""
    try:
        there = destination.lstat()
    except OSError:
        return
    if not overwrite:
        raise DestinationError("already exists; allow overwriting to replace it")
    if not stat.S_ISREG(there.st_mode):
        raise DestinationError("is not a regular file, so it is not replaced")
    if source.exists() and destination.samefile(source):
        raise DestinationError("is the recording itself")


def _rows(samples: Any, channels: int) -> Samples:
    """What a stream returned, as (channels, n)."""
    rows: Samples = np.asarray(samples, dtype=np.float32).reshape(channels, -1)
    return rows
