"""A bucket as the destination of a run: outputs are made in its own folder, then put."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from voiceanon.archive.s3.store import CANARY_PREFIX, Store
from voiceanon.errors import DestinationError, RecordingError
from voiceanon.file_plan import make_folder
from voiceanon.formats.placing import TEMPORARY_PREFIX, write_whole

__all__ = ["Bucket"]

_GONE = "not-there"


class Bucket:
    """The objects of one run below a prefix; see `voiceanon.archive.places.Place`.

    Parameters
    ----------
    store : Store
        With the run's own mark.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._listed_folder = ""
        self._sizes: dict[str, int] = {}

    def stem(self, output: str, work_folder: Path) -> Path:
        """Return where the outputs are made before they are put."""
        place = work_folder / output
        make_folder(place.parent)
        return place

    def deliver(self, output: str, made: dict[str, Path], tick: Callable[[], None]) -> None:
        """Put what was made and remove it here; if one cannot be put, remove those that were."""
        put: list[str] = []
        try:
            for suffix, path in made.items():
                self.store.put(path, output + suffix, tick)
                put.append(output + suffix)
        except BaseException:
            for name in put:
                with contextlib.suppress(DestinationError):
                    self.store.remove_own(name)
            raise
        for path in made.values():
            path.unlink(missing_ok=True)

    def status(self, name: str) -> tuple[int, int] | None:
        """Return the bytes of an output and no time, None if it is not there.

        Outputs that are called by ids are asked for in the order of their 256 folders: each folder
        is listed once.
        """
        folder, slash, _ = name.partition("/")
        if not slash or len(folder) != 2:
            told = self.store.head(name)
            return None if told is None else (told.size, 0)
        if folder != self._listed_folder:
            self._sizes = {one.name: one.size for one in self.store.list(f"{folder}/")}
            self._listed_folder = folder
        size = self._sizes.get(name)
        return None if size is None else (size, 0)

    def existing(self, output: str, suffixes: list[str]) -> list[str]:
        """Return the suffixes under which something is there."""
        there = {one.name for one in self.store.list(f"{output}.")}
        return [suffix for suffix in suffixes if output + suffix in there]

    @contextlib.contextmanager
    def reading(self, name: str, work_folder: Path) -> Iterator[Path]:
        """Yield the path of a copy, or of nothing where there is none or it arrives damaged."""
        try:
            copy = self.store.get(name, work_folder)
        except RecordingError:
            yield work_folder / _GONE
            return
        named = copy.with_name(f"{copy.name}{Path(name).suffix}")
        try:
            copy.rename(named)
            yield named
        finally:
            named.unlink(missing_ok=True)
            copy.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Remove an object, if this run put it there."""
        self.store.remove_own(name)

    def write(
        self,
        name: str,
        data: bytes,
        work_folder: Path,
        *,
        is_new: bool = False,  # noqa: ARG002 (never over what another run put there)
    ) -> None:
        """Put a small file there, in place of one that this run put there."""
        path = work_folder / name
        write_whole(path, data, overwrite=True)
        try:
            self.store.put(path, name)
        finally:
            path.unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """Yield every name below the prefix, canaries apart."""
        for one in self.store.list():
            if not one.name.startswith(TEMPORARY_PREFIX):
                yield one.name

    def remove_leftovers(self, outputs: Callable[[], Iterable[str]]) -> None:
        """Remove canaries, and parts of outputs that were never completed."""
        for one in list(self.store.list(CANARY_PREFIX)):
            self.store.remove(one.name)
        begun = self.store.uploads()
        if not begun:
            return
        # What follows a "." may be a suffix, or belong to the name of the recording.
        stems: dict[str, list[str]] = {}
        for name in begun:
            for at, sign in enumerate(name):
                if sign == ".":
                    stems.setdefault(name[:at], []).append(name)
        own = {name for output in outputs() for name in stems.get(output, [])}
        self.store.abort_uploads(own.__contains__)
