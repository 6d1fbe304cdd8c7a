"""Where a run's outputs go, a folder or a bucket, behind one interface."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from voiceanon.archive.run_folder import RunSettings
from voiceanon.archive.s3.bucket import Bucket
from voiceanon.archive.s3.store import Store
from voiceanon.archive.s3.urls import S3Url, is_url
from voiceanon.errors import DestinationError
from voiceanon.file_plan import make_folder
from voiceanon.formats.placing import TEMPORARY_PREFIX, cause, write_whole

__all__ = ["LocalFolder", "Place", "Readable", "place_of"]


class Readable(Protocol):
    """What is needed to look at outputs; names are relative, with "/" between parts."""

    def existing(self, output: str, suffixes: list[str]) -> list[str]:
        """Return the suffixes under which something is there, in the order given."""

    def reading(self, name: str, work_folder: Path) -> AbstractContextManager[Path]:
        """Give a path at which an output can be read; it may not exist."""


class Place(Readable, Protocol):
    """What a run needs of its destination."""

    def stem(self, output: str, work_folder: Path) -> Path:
        """Return where a worker makes the outputs of a recording, but for their suffixes."""

    def deliver(self, output: str, made: dict[str, Path], tick: Callable[[], None]) -> None:
        """Put what was made, by its suffix, under its final names: all of it, or none."""

    def status(self, name: str) -> tuple[int, int] | None:
        """Return bytes of an output and when it was changed (ns), None if it is not there.

        The time is 0 where the place tells none.
        """

    def remove(self, name: str) -> None:
        """Remove an output of this run."""

    def write(self, name: str, data: bytes, work_folder: Path, *, is_new: bool = False) -> None:
        """Put a small file of this run there, in place of an older one unless it must be new."""

    def names(self) -> Iterator[str]:
        """Yield everything that is there, temporary files apart."""

    def remove_leftovers(self, outputs: Callable[[], Iterable[str]]) -> None:
        """Remove what killed processes had not finished; `outputs` tells the run's own."""


def place_of(settings: RunSettings) -> Place:
    """Return the destination of a run."""
    if is_url(settings.destination):
        url = S3Url.parse(settings.destination)
        return Bucket(Store(url, settings.owner, mark=settings.run))
    return LocalFolder(Path(settings.destination))


class LocalFolder:
    """A folder in a file system: outputs are made where they stay.

    Parameters
    ----------
    path : Path
        Of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def stem(self, output: str, work_folder: Path) -> Path:  # noqa: ARG002
        """Return where the outputs are to be; their folder is made."""
        place = self.path / output
        for folder in make_folder(place.parent):
            _sync(folder.parent)
        return place

    def deliver(self, output: str, made: dict[str, Path], tick: Callable[[], None]) -> None:
        """Do nothing: they have their names already."""

    def status(self, name: str) -> tuple[int, int] | None:
        """Return bytes of an output and its time of change, None if it is not there."""
        try:
            found = (self.path / name).lstat()
        except OSError:
            return None
        return found.st_size, found.st_ctime_ns

    def existing(self, output: str, suffixes: list[str]) -> list[str]:
        """Return the suffixes under which something is there."""
        return [one for one in suffixes if os.path.lexists(self.path / (output + one))]

    @contextmanager
    def reading(self, name: str, work_folder: Path) -> Iterator[Path]:  # noqa: ARG002
        """Yield its path."""
        yield self.path / name

    def remove(self, name: str) -> None:
        """Remove an output."""
        try:
            (self.path / name).unlink()
        except OSError as error:
            raise DestinationError(f"an output cannot be removed: {cause(error)}") from error

    def write(
        self,
        name: str,
        data: bytes,
        work_folder: Path,  # noqa: ARG002
        *,
        is_new: bool = False,
    ) -> None:
        """Put a small file there."""
        write_whole(self.path / name, data, overwrite=not is_new)

    def names(self) -> Iterator[str]:
        """Yield everything that is there, temporary files apart."""
        for folder, _, names in os.walk(self.path):
            for name in names:
                if not name.startswith(TEMPORARY_PREFIX):
                    yield os.path.relpath(os.path.join(folder, name), self.path)  # noqa: PTH118

    def remove_leftovers(self, outputs: Callable[[], Iterable[str]]) -> None:  # noqa: ARG002
        """Remove temporary files."""
        for folder, _, names in os.walk(self.path):
            for name in names:
                if name.startswith(TEMPORARY_PREFIX) and name.endswith(".part"):
                    (Path(folder) / name).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Wait until a new folder's own name is on the disk."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DestinationError(f"folder cannot be made: {cause(error)}") from error
