"""The bytes of one recording: opened once, following no link, and watched for change."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from voiceanon.errors import RecordingError
from voiceanon.formats.facts import View

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["ChangedError", "Source", "Window"]

# O_NONBLOCK: opening a named pipe must return, so that it can be refused, not wait for a writer.
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class ChangedError(RecordingError):
    """A recording was written to while it was read: what it holds cannot be said."""


class Source:
    """A regular file, read at offsets through one descriptor.

    Everything about a recording (its kind, its container, its samples) is read through the same
    descriptor, so a path that is swapped half-way cannot show one file to the checks and another
    to the decoder.

    Parameters
    ----------
    path : path
        The file. A symbolic link as its last component is refused.

    Raises
    ------
    RecordingError
        If it cannot be opened or is not a regular file. The message holds no path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            self.descriptor = os.open(Path(path), _OPEN_FLAGS)
        except ValueError as error:  # a NUL inside the name
            raise RecordingError("cannot be opened: its name is not a file name") from error
        except OSError as error:
            if Path(path).is_symlink():
                raise RecordingError("is a symbolic link; links are not followed") from error
            raise RecordingError(f"cannot be opened: {error.strerror}") from error
        try:
            self._status = os.fstat(self.descriptor)
            if not stat.S_ISREG(self._status.st_mode):
                raise RecordingError("is not a regular file")
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """Bytes in the file when it was opened."""
        return self._status.st_size

    def read(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`; fewer only at the end of the file."""
        parts: list[bytes] = []
        while count > 0:
            try:
                part = os.pread(self.descriptor, count, offset)
            except OSError as error:
                raise RecordingError(f"cannot be read: {error.strerror}") from error
            if not part:
                break
            parts.append(part)
            offset += len(part)
            count -= len(part)
        return b"".join(parts)

    def exactly(self, offset: int, count: int, what: str) -> bytes:
        """`count` bytes from `offset`, or the error that the file ends inside `what`."""
        if offset < 0 or offset + count > self.size:
            raise RecordingError(f"truncated: the file ends inside {what}")
        data = self.read(offset, count)
        if len(data) != count:
            raise RecordingError(f"truncated: the file ends inside {what}")
        return data

    def check_unchanged(self) -> None:
        """Raise if the file was written to, cut or extended since it was opened."""
        now, then = os.fstat(self.descriptor), self._status
        if (now.st_size, now.st_mtime_ns) != (then.st_size, then.st_mtime_ns):
            raise ChangedError("changed while it was being read")

    def close(self) -> None:
        """Close the descriptor; safe to call twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Window(io.RawIOBase):
    """What a decoder gets to see of a source: a prefix of our own, then a part of the file.

    Parameters
    ----------
    source : Source
        The opened file; it stays open when the window is closed.
    view : View
        The prefix and the part.
    """

    def __init__(self, source: Source, view: View) -> None:
        super().__init__()
        self._source = source
        self._view = view
        self._position = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Offset of the next byte, the prefix included."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to `offset` from the start, here, or the end; never before the start."""
        length = len(self._view.prefix) + self._view.end - self._view.start
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: length}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill `buffer` as far as there are bytes; the number of them."""
        out = memoryview(buffer).cast("B")
        prefix, place = self._view.prefix, self._position
        if place < len(prefix):
            data = prefix[place : place + len(out)]
        else:
            start = self._view.start + place - len(prefix)
            data = self._source.read(start, max(0, min(len(out), self._view.end - start)))
        out[: len(data)] = data
        self._position += len(data)
        return len(data)
