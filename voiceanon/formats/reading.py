"""Reading a recording that may be hostile: whole, finite and in bounded memory, or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from voiceanon.audio import MAX_PEAK
from voiceanon.errors import RecordingError
from voiceanon.formats.decoder import decoder_errors, without_seeking
from voiceanon.formats.facts import MAX_DURATION_S, Facts, Salvage, check_channels, check_rate
from voiceanon.formats.flac import SampleChecksum
from voiceanon.formats.integrity import check_extent, inspect
from voiceanon.formats.source import Source, Window
from voiceanon.formats.writing import STATEMENT

if TYPE_CHECKING:
    import soundfile

__all__ = ["AudioReader", "EmptyRecordingError"]

# What libsndfile may say a file is, once our own look at its bytes has said what it is.
_DECODER_FORMATS = {
    "WAV": {"WAV", "WAVEX"},
    "RF64": {"RF64"},
    "W64": {"W64"},
    "AIFF": {"AIFF"},
    "AU": {"AU"},
    "CAF": {"CAF"},
    "FLAC": {"FLAC"},
    "OGG": {"OGG"},
    "MP3": {"MP3", "MPEG"},
}
_DECODER_CODINGS = frozenset(
    "PCM_S8 PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW IMA_ADPCM MS_ADPCM GSM610 "
    "VORBIS OPUS MPEG_LAYER_III".split()
)
_STATEMENT_OF_ANY_VERSION = STATEMENT.rpartition(" ")[0] + " "
# At most 16 MiB a block, whatever the caller asks for: memory stays bounded.
_MAX_BLOCK_VALUES = 1 << 22


class EmptyRecordingError(RecordingError):
    """A whole, valid recording that holds no samples: nothing is wrong, nothing is there."""


class AudioReader:
    """A recording on disk, checked before it is decoded and read in blocks.

    The kind is judged by the first bytes and the container held against its own length before
    the decoder sees the file; afterwards the decoder's answer is held against the container.

    Parameters
    ----------
    path : path
        A regular file; symbolic links are refused.
    max_duration_s : float
        Longer recordings are refused before they are decoded.

    Attributes
    ----------
    kind : str
        ``"WAV"``, ``"RF64"``, ``"W64"``, ``"AIFF"``, ``"AU"``, ``"CAF"``, ``"FLAC"``, ``"OGG"``
        or ``"MP3"``.
    rate : int
        Samples a second, 8000 to 192000.
    channels : int
        1 to 64.
    declared_frames : int
        Samples per channel; `blocks` yields exactly as many, or raises.
    salvage : Salvage or None
        None, since the recording is whole: see `voiceanon.formats.salvaging`.
    is_stated_synthetic : bool
        Whether its comment is the statement that this package, of whatever version, writes into
        its outputs. No other tag is ever handed on.

    Raises
    ------
    RecordingError
        If the recording is unreadable, truncated, damaged, or of an unsupported kind, rate,
        length or channel count. One line, and no path in it.
    EmptyRecordingError
        If it is whole and holds no samples.

    Examples
    --------
    >>> with AudioReader("voiceanon/samples/1320-122612-0011.flac") as reader:  # doctest: +SKIP
    ...     longest = max(block.shape[1] for block in reader.blocks(65536))
    """

    salvage: Salvage | None = None

    def __init__(
        self, path: str | os.PathLike[str], *, max_duration_s: float = MAX_DURATION_S
    ) -> None:
        self._source = Source(path)
        self._max_duration_s = max_duration_s
        self._decoder: soundfile.SoundFile | None = None
        try:
            self._facts = self._inspected()
            self.kind = self._facts.kind
            if 0 in (self._facts.frames, self._facts.frames_at_most):
                raise EmptyRecordingError("holds no samples")
            self._decoder = decoder = self._open_decoder()
            self._fresh = True
            self._matched = False
            self.channels = check_channels(decoder.channels)
            self.rate = check_rate(decoder.samplerate)
            self.is_stated_synthetic = decoder.comment.startswith(_STATEMENT_OF_ANY_VERSION)
            self._check_kind(decoder)
            self.declared_frames = self._settled_frames(decoder)
            check_extent(
                self._source, self.declared_frames, self.rate, self.channels, max_duration_s
            )
        except BaseException:
            self.close()
            raise

    def blocks(self, frames: int = 65536) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the recording from its start, `frames` samples at a time.

        May be called again for another pass once the first is through or given up.

        Parameters
        ----------
        frames : int
            Samples per channel in a block; fewer where many channels would make it large.

        Yields
        ------
        ndarray
            float32, shape (channels, n), 0 < n <= frames; a fresh array each.

        Raises
        ------
        RecordingError
            If decoding fails or stops early, a sample is NaN, infinite or absurd, the samples do
            not match their checksum, or the file changed meanwhile.
        """
        decoder = self._rewound()
        frames = max(1, min(int(frames), _MAX_BLOCK_VALUES // self.channels))
        checksum = None
        if self._facts.md5 and not self._matched:
            checksum = SampleChecksum(self._facts.bits)
        done = 0
        while done < self.declared_frames:
            wanted = min(frames, self.declared_frames - done)
            block = self._read(decoder, wanted, checksum)
            if block.shape[1] == 0:
                raise RecordingError(
                    f"truncated: it states {self.declared_frames} samples and {done} can be read"
                )
            self._check_values(block, done)
            done += block.shape[1]
            yield block
        if checksum is not None and checksum.digest() != self._facts.md5:
            raise RecordingError("damaged: its samples do not match the checksum stored with them")
        self._source.check_unchanged()
        self._matched = True

    def close(self) -> None:
        """Close decoder and file; safe to call twice."""
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None
        self._source.close()

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _inspected(self) -> Facts:
        """What the container says; it must be whole."""
        return inspect(self._source)

    def _open_decoder(self) -> soundfile.SoundFile:
        import soundfile

        window = None
        if self._facts.view is not None:
            window = io.BufferedReader(Window(self._source, self._facts.view), 1 << 16)
        else:
            # By descriptor: without a name, no suffix can make the decoder guess raw audio.
            os.lseek(self._source.descriptor, 0, os.SEEK_SET)
        with decoder_errors():
            decoder = soundfile.SoundFile(window or self._source.descriptor, closefd=False)
        return without_seeking(decoder)

    def _rewound(self) -> soundfile.SoundFile:
        """The decoder at the first sample; opened anew for another pass, since not all can seek."""
        if self._decoder is None:
            raise RecordingError("was closed before it was read")
        if not self._fresh:
            self._decoder.close()
            self._decoder = self._open_decoder()
        self._fresh = False
        return self._decoder

    def _check_values(self, block: npt.NDArray[np.float32], start: int) -> None:
        """Raise unless every sample is a number of sane size; `start` says where the block is."""
        # False for NaN, which min and max hand on.
        if block.min() >= -MAX_PEAK and block.max() <= MAX_PEAK:
            return
        bad = ~(np.abs(block) <= MAX_PEAK)
        at_s = (start + int(bad.any(axis=0).argmax())) / self.rate
        raise RecordingError(
            f"holds samples that are NaN, infinite or beyond ±{MAX_PEAK:g}, from {at_s:.3f} s on"
        )

    def _check_kind(self, decoder: soundfile.SoundFile) -> None:
        """Hold what the decoder makes of the file against what the container said."""
        facts = self._facts
        if decoder.format not in _DECODER_FORMATS[facts.kind]:
            raise RecordingError("damaged: the decoder takes it for another kind of file")
        if decoder.subtype not in _DECODER_CODINGS:
            raise RecordingError("has a coding that is not supported")
        if self.channels != facts.channels or facts.rate_hz not in (None, self.rate):
            raise RecordingError("damaged: header and decoder disagree on channels or rate")

    def _settled_frames(self, decoder: soundfile.SoundFile) -> int:
        """Samples per channel, once container and decoder agree."""
        facts = self._facts
        frames = int(decoder.frames)
        if self.kind == "WAV" and facts.frames_at_most is not None:
            # libsndfile takes the pad byte after an odd number of GSM blocks for one more.
            frames = min(frames, facts.frames_at_most)
        if facts.frames is not None and frames != facts.frames:
            raise RecordingError(
                f"damaged: its header makes {facts.frames} samples, its decoder {frames}"
            )
        least = max(1, facts.frames_at_least)
        if facts.frames_at_most is not None and not least <= frames <= facts.frames_at_most:
            raise RecordingError(
                f"damaged: its header makes {least} to {facts.frames_at_most} samples, "
                f"its decoder {frames}"
            )
        return frames

    def _read(
        self, decoder: soundfile.SoundFile, frames: int, checksum: SampleChecksum | None
    ) -> npt.NDArray[np.float32]:
        """Up to `frames` samples, shape (channels, n)."""
        if checksum is None:
            with decoder_errors():
                samples = decoder.read(frames, dtype="float32", always_2d=True)
            plain: npt.NDArray[np.float32] = np.ascontiguousarray(samples.T)
            return plain
        is_16_bit = self._facts.bits == 16
        with decoder_errors():
            integers = decoder.read(frames, dtype="int16" if is_16_bit else "int32", always_2d=True)
        checksum.update(integers)
        scaled: npt.NDArray[np.float32] = integers.T.astype(np.float32, order="C")
        scaled *= np.float32(2.0**-15 if is_16_bit else 2.0**-31)
        return scaled
