"""Gives a recording of a plan to a reader as a path, if it is still what was planned."""

from __future__ import annotations

import contextlib
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from voiceanon.archive.entries import MEMBER_MARK, Entry
from voiceanon.archive.s3.sources import fetched
from voiceanon.archive.s3.urls import is_url
from voiceanon.archive.shards import BLOCK_BYTES
from voiceanon.errors import DestinationError, RecordingError
from voiceanon.formats.placing import TEMPORARY_PREFIX, cause
from voiceanon.formats.source import Source

__all__ = ["open_source"]

_COPY_BYTES = 1 << 20
_CHANGED = "has changed since the plan"


@contextmanager
def open_source(
    entry: Entry, work_folder: str | os.PathLike[str], tick: Callable[[], None] = lambda: None
) -> Iterator[Path]:
    """Yield a path at which the recording of an entry can be read.

    A file is read where it is. A member of a tar archive, or an object in a bucket, is copied into
    a temporary file, for its owner alone, which is gone afterwards; a process that is killed leaves
    it behind under `formats.placing.TEMPORARY_PREFIX`, for the next run to remove.

    Parameters
    ----------
    entry : Entry
        From a manifest.
    work_folder : path
        Where temporary files go: never a place that others read or that is backed up.
    tick : callable
        Called as a recording comes that must be fetched.

    Yields
    ------
    Path
        For `AudioReader`.

    Raises
    ------
    RecordingError
        If the file is gone, is no regular file, or was changed since the plan or meanwhile.
    DestinationError
        If the copy cannot be written.
    """
    if is_url(entry.source):
        with fetched(entry, Path(work_folder), tick) as copy:
            yield copy
        return
    file, mark, _ = entry.source.partition(MEMBER_MARK)
    if entry.offset < 0:
        with Source(entry.source) as source:
            if source.size != entry.size:
                raise RecordingError(_CHANGED)
            _check_time(source, entry)
            yield Path(entry.source)
            # Still the file that was opened above, unless the path was swapped meanwhile.
            source.check_unchanged()
            if not os.path.samestat(os.fstat(source.descriptor), _status(entry.source)):
                raise RecordingError(_CHANGED)
        return
    if not mark:
        raise RecordingError("is no member of an archive, but has an offset")
    with Source(file) as source:
        _check_time(source, entry)
        copy = _copy(source, entry, Path(work_folder))
    try:
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _check_time(source: Source, entry: Entry) -> None:
    if os.fstat(source.descriptor).st_mtime_ns != entry.mtime_ns:
        raise RecordingError(_CHANGED)


def _status(path: str) -> os.stat_result:
    try:
        return os.lstat(path)
    except OSError as error:
        raise RecordingError(f"cannot be read: {error.strerror}") from error


def _copy(source: Source, entry: Entry, folder: Path) -> Path:
    """The bytes of a member, no more than were planned, in a file of their own."""
    header = source.read(max(0, entry.offset - BLOCK_BYTES), BLOCK_BYTES)
    try:
        tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise RecordingError(_CHANGED) from error
    try:
        descriptor, name = tempfile.mkstemp(".part", TEMPORARY_PREFIX, folder)
    except OSError as error:
        raise DestinationError(f"work folder cannot be written: {cause(error)}") from error
    copy = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for start in range(0, entry.size, _COPY_BYTES):
                count = min(_COPY_BYTES, entry.size - start)
                file.write(source.exactly(entry.offset + start, count, "the member"))
        source.check_unchanged()
    except BaseException as error:
        with contextlib.suppress(OSError):
            copy.unlink()
        if isinstance(error, OSError):
            raise DestinationError(f"work folder cannot be written: {cause(error)}") from error
        raise
    return copy
