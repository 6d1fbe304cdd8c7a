"""Writing a recording whole: to a temporary file, verified, then renamed; or leaving nothing.

Only plain 16-bit WAV and FLAC are written: neither carries a time or a serial number, so the same
samples make the same bytes. The one tag, the same in every file, says what the file is; no metadata
of a recording can get through.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from voiceanon import _kernels
from voiceanon.errors import DestinationError, RecordingError
from voiceanon.formats.decoder import without_seeking
from voiceanon.formats.facts import check_channels, check_rate
from voiceanon.formats.placing import NewFile, cause
from voiceanon.version import __version__

if TYPE_CHECKING:
    import soundfile

__all__ = ["OUTPUT_FORMATS", "STATEMENT", "AudioWriter"]

OUTPUT_FORMATS = {".flac": "FLAC", ".wav": "WAV"}
# The comment of every file: in WAV the field ICMT of LIST/INFO, in FLAC a Vorbis comment.
STATEMENT = f"synthetic speech, voiceanon {__version__}"

_MAX_FLAC_CHANNELS = 8
# A WAV file states its size in 32 bits; libsndfile damages larger ones without a word.
_MAX_WAV_DATA_BYTES = 0xFFFFFFFF - 4096
_SAMPLE_BYTES = 2
# Not a secret: dither must be the same in every run, so that outputs can be compared by hash.
_DITHER_SEED = 0x766F696365
_VERIFY_FRAMES = 65536


class AudioWriter:
    """One output recording; it appears under its name only when it is whole and verified.

    Samples are rounded to 16 bits with triangular dither from a fixed stream; samples that are
    exactly 0 stay 0, so that digital silence stays silence.

    Parameters
    ----------
    path : path
        Where it goes: ``.flac`` or ``.wav``. The folder must exist.
    rate : int
        Samples a second, 8000 to 192000.
    channels : int
        1 to 64 (FLAC: 1 to 8).
    frames : int
        Samples per channel that will be written; exactly as many must come.
    overwrite : bool
        Whether a file that is already there may be replaced.

    Raises
    ------
    DestinationError
        If the place is refused: unknown suffix, already there, not writable, or too large for
        the format.

    Examples
    --------
    >>> with AudioWriter("out.flac", 16000, 1, 32000) as writer:  # doctest: +SKIP
    ...     writer.write(samples)
    ...     writer.commit()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        rate: int,
        channels: int,
        frames: int,
        *,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self.rate = check_rate(rate)
        self.channels = check_channels(channels)
        self.frames = int(frames)
        self._format = _check_format(self.path, self.channels, self.frames)
        self._written = 0
        self._dither = np.random.SFC64(_DITHER_SEED)
        self._spare = np.empty(0, "<u4")
        self._crc = 0
        self._encoder: soundfile.SoundFile | None = None
        self._file = NewFile(self.path, overwrite=overwrite)
        try:
            self._open()
        except BaseException:
            self.abort()
            raise

    def write(self, samples: npt.NDArray[np.float32]) -> None:
        """Append samples.

        Parameters
        ----------
        samples : ndarray
            Floating point, shape (channels, n), full scale 1; beyond it they are clipped.

        Raises
        ------
        RecordingError
            If a sample is NaN or infinite, the shape is wrong, or more samples come than were
            announced.
        DestinationError
            If they cannot be written, for example because the disk is full.
        """
        if self._encoder is None:
            raise DestinationError("was written to after it was closed")
        if samples.ndim != 2 or samples.shape[0] != self.channels:
            raise RecordingError(f"result has the shape {samples.shape}, not (channels, n)")
        if self._written + samples.shape[1] > self.frames:
            raise RecordingError(f"result is longer than the {self.frames} samples of the input")
        # Before rounding: NaN would become full scale.
        if not np.isfinite(samples).all():
            raise RecordingError("result holds samples that are not numbers (NaN or infinite)")
        rounded = self._dithered(samples)
        self._crc = zlib.crc32(rounded.data, self._crc)
        try:
            self._encoder.write(rounded)
        except (OSError, RuntimeError, AssertionError) as error:  # soundfile asserts a full write
            raise DestinationError(f"cannot be written: {cause(error)}") from error
        self._written += samples.shape[1]

    def commit(self) -> None:
        """Finish, verify and give the file its name; nothing appears under the name before.

        Raises
        ------
        RecordingError
            If fewer samples came than were announced.
        DestinationError
            If the file cannot be finished, does not read back as written, or its name has been
            taken meanwhile.
        """
        if self._written != self.frames:
            raise RecordingError(
                f"result has {self._written} samples where the input has {self.frames}"
            )
        if self._encoder is None:
            raise DestinationError("was committed twice or after it was closed")
        try:
            self._encoder.close()
            self._file.sync()
            self._verify()
            self._file.give_name()
        except (OSError, RuntimeError) as error:
            raise DestinationError(f"cannot be written: {cause(error)}") from error
        finally:
            self.abort()

    def abort(self) -> None:
        """Remove the temporary file, even on a full disk; harmless after `commit`."""
        if self._encoder is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self._encoder.close()
            self._encoder = None
        self._file.abort()

    def __enter__(self) -> AudioWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self.abort()

    def _open(self) -> None:
        import soundfile

        try:
            self._encoder = soundfile.SoundFile(
                self._file.descriptor,
                "w",
                samplerate=self.rate,
                channels=self.channels,
                format=self._format,
                subtype="PCM_16",
                closefd=False,
            )
            # Closing would wait for the disk, and write the header after that: `commit` syncs all.
            vars(self._encoder)["flush"] = lambda: None
            self._encoder.comment = STATEMENT  # before any sample: then it stands before them all
        except (OSError, RuntimeError) as error:
            raise DestinationError(f"cannot be written: {cause(error)}") from error

    def _dithered(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
        """Interleaved 16-bit samples, shape (n, channels).

        Dither is taken from one sequence whatever the block sizes, so blocks cannot change the
        output: `random_raw` is a fixed stream in every NumPy; each 64-bit word is for two samples.
        """
        missing = samples.size - self._spare.size
        if missing > 0:
            words = self._dither.random_raw((missing + 1) // 2).astype("<u8", copy=False)
            self._spare = np.concatenate([self._spare, words.view("<u4")])
        taken, self._spare = self._spare[: samples.size], self._spare[samples.size :]
        plain = np.ascontiguousarray(samples, np.float32)
        return _kernels.round_samples(plain, taken.astype(np.uint32, copy=False))

    def _verify(self) -> None:
        """Read the temporary file back and compare every sample, by CRC-32 (ISO 3309)."""
        import soundfile

        crc = frames = 0
        descriptor = os.open(self._file.temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with without_seeking(soundfile.SoundFile(descriptor, closefd=False)) as again:
                same = (again.samplerate, again.channels) == (self.rate, self.channels)
                same = same and again.comment == STATEMENT
                while frames < self.frames:
                    block = again.read(_VERIFY_FRAMES, dtype="int16", always_2d=True)
                    if not len(block):
                        break
                    crc = zlib.crc32(np.ascontiguousarray(block).data, crc)
                    frames += len(block)
        finally:
            os.close(descriptor)
        if not same or frames != self.frames or crc != self._crc:
            raise DestinationError("cannot be verified: it does not read back as it was written")


def _check_format(path: Path, channels: int, frames: int) -> str:
    """The container that the suffix asks for, if it can hold the recording."""
    format_ = OUTPUT_FORMATS.get(path.suffix.lower())
    if format_ is None:
        allowed = " or ".join(sorted(OUTPUT_FORMATS))
        raise DestinationError(f"has the suffix {path.suffix!r}; write {allowed}")
    if format_ == "FLAC" and channels > _MAX_FLAC_CHANNELS:
        raise DestinationError(
            f"FLAC holds at most {_MAX_FLAC_CHANNELS} channels, not {channels}; write WAV"
        )
    if format_ == "WAV" and frames * channels * _SAMPLE_BYTES > _MAX_WAV_DATA_BYTES:
        raise DestinationError("WAV holds at most 4 GiB; write FLAC")
    return format_
