"""A recording that was written but has no name yet: it gets one once it is verified."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from voiceanon.errors import DestinationError
from voiceanon.formats.placing import NewFile, cause

__all__ = ["Unplaced", "Written"]

_BLOCK_FRAMES = 65536


class Written(NamedTuple):
    """What must be found in a file: its form, its comment, and SHA-256 of its 16-bit samples."""

    rate: int
    channels: int
    frames: int
    comment: str
    digest: bytes


class Unplaced:
    """A file written whole, by an `AudioWriter` that has handed it over; used by one thread.

    Waiting for the disk is most of what is left to do: another thread may, while the next recording
    is worked on.

    Parameters
    ----------
    file : NewFile
        Its encoder is closed.
    facts : Written
        What it must hold.
    """

    def __init__(self, file: NewFile, facts: Written) -> None:
        self._file, self._facts = file, facts

    @property
    def path(self) -> Path:
        """The name that it is to have."""
        return self._file.path

    def place(self) -> None:
        """Have it on the disk, read it back, compare every sample and give it its name.

        Raises
        ------
        DestinationError
            If it does not read back as written, or its name has been taken meanwhile.
        """
        try:
            self._file.sync()
            self._verify()
            self._file.give_name()
        except (OSError, RuntimeError) as error:
            raise DestinationError(f"cannot be written: {cause(error)}") from error
        finally:
            self.abort()

    def abort(self) -> None:
        """Remove it; harmless once it has its name."""
        self._file.abort()

    def __del__(self) -> None:
        self.abort()

    def _verify(self) -> None:
        import soundfile

        facts = self._facts
        found = hashlib.sha256()
        frames = 0
        descriptor = os.open(self._file.temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with soundfile.SoundFile(descriptor, closefd=False) as again:
                same = (again.samplerate, again.channels) == (facts.rate, facts.channels)
                same = same and again.comment == facts.comment
                while frames < facts.frames:
                    block = again.read(_BLOCK_FRAMES, dtype="int16", always_2d=True)
                    if not len(block):
                        break
                    found.update(np.ascontiguousarray(block, "<i2").data)
                    frames += len(block)
        finally:
            os.close(descriptor)
        if not same or frames != facts.frames or found.digest() != facts.digest:
            raise DestinationError("cannot be verified: it does not read back as it was written")
