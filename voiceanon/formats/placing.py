"""A file that appears under its name only once it is whole: written beside it, synced, renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from types import TracebackType

from voiceanon.errors import DestinationError

__all__ = ["TEMPORARY_PREFIX", "NewFile", "cause", "write_whole"]

TEMPORARY_PREFIX = ".voiceanon-"

_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class NewFile:
    """A temporary file, open for reading and writing by its owner alone, on its way to a name.

    Parameters
    ----------
    path : Path
        The name it is to have, in an existing folder.
    overwrite : bool
        Whether a regular file that is already there may be replaced.

    Attributes
    ----------
    temporary : Path
        Where it is until it has its name.
    descriptor : int
        Of the open file; -1 once it is closed.

    Raises
    ------
    DestinationError
        If the name is taken, is no regular file's, or the file cannot be made.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self.path = path
        self._overwrite = overwrite
        self.descriptor = -1
        self._is_pending = False
        self.temporary = path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}.part"
        self._refuse()
        try:
            # Noted first: Ctrl-C may come between any two steps.
            self._is_pending = True
            self.descriptor = os.open(self.temporary, _NEW_FILE, 0o600)
        except OSError as error:
            # There is none: even to look for it fails on a disk that is read-only.
            self._is_pending = False
            raise DestinationError(f"cannot be written: {cause(error)}") from error
        except BaseException:
            self.abort()
            raise

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        os.fsync(self.descriptor)

    def give_name(self) -> None:
        """Rename atomically; without leave to overwrite, never onto an existing file.

        Raises
        ------
        DestinationError
            If the name has been taken meanwhile.
        OSError
            If it cannot be renamed.
        """
        if self._overwrite:
            self.temporary.replace(self.path)
        else:
            try:
                # A hard link fails if the name is taken, where a rename would replace the file.
                os.link(self.temporary, self.path, follow_symlinks=False)
            except FileExistsError as error:
                raise DestinationError("already exists; it appeared during the work") from error
            except OSError:
                # A file system without hard links: the gap between look and rename is accepted.
                if os.path.lexists(self.path):
                    raise DestinationError("already exists") from None
                self.temporary.replace(self.path)
            self.temporary.unlink(missing_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def abort(self) -> None:
        """Close and remove the temporary file, even on a full disk; harmless once it is named."""
        if self.descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self.descriptor)
            self.descriptor = -1
        if self._is_pending:
            self.temporary.unlink(missing_ok=True)
            self._is_pending = False

    def __enter__(self) -> NewFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def _refuse(self) -> None:
        try:
            there = os.lstat(self.path)
        except OSError:
            return
        if not self._overwrite:
            raise DestinationError("already exists; allow overwriting to replace it")
        if not stat.S_ISREG(there.st_mode):
            raise DestinationError("is not a regular file, so it is not replaced")


def write_whole(path: Path, data: bytes, *, overwrite: bool = False) -> None:
    """Put bytes under a name: written beside it, made durable, then renamed onto it.

    Parameters
    ----------
    path : Path
        The name, in an existing folder.
    data : bytes
        What it holds.
    overwrite : bool
        Whether a regular file that is already there may be replaced.

    Raises
    ------
    DestinationError
        If it cannot be written; then nothing is left behind and an old file stays.
    """
    with NewFile(path, overwrite=overwrite) as file:
        try:
            with os.fdopen(file.descriptor, "wb", closefd=False) as stream:
                stream.write(data)
            file.sync()
            file.give_name()
        except OSError as error:
            raise DestinationError(f"cannot be written: {cause(error)}") from error


def cause(error: Exception) -> str:
    """Return one line that names no path: the system's words, or the encoder's."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(getattr(error, "error_string", None) or type(error).__name__)
