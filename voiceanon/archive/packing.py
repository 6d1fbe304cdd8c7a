"""Puts outputs into their tar files, each once all of its recordings are decided.

Until then they wait as single files in the run's own folder. A tar file gets its name only when it
is whole, on the disk and read again; then the ledger says that its outputs lie in it; and only then
are the single files removed. So it can be stopped at any point, and comes to the same bytes.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from voiceanon.archive.entries import Entry
from voiceanon.archive.ledger import Ledger, Output, Row
from voiceanon.archive.places import LocalFolder, Place, place_of
from voiceanon.archive.run_folder import RunFolder
from voiceanon.archive.shards import SHARD_SUFFIX
from voiceanon.archive.tars import (
    Member,
    blocks,
    intact,
    is_canonical,
    tar_size,
    write_tar,
)
from voiceanon.archive.work import output_of
from voiceanon.errors import DestinationError, RecordingError
from voiceanon.formats.placing import NewFile, cause
from voiceanon.formats.source import Source

__all__ = ["Packer", "by_tar", "in_tar", "is_packed", "opened", "tar_of"]

_FINAL = {"done", "held", "failed", "empty"}

Pair = tuple[Entry, Row]


def by_tar(entries: Iterable[Entry]) -> Iterator[tuple[bool, Iterator[Entry]]]:
    """Yield entries in runs: those of one tar file (True), those of none (False)."""
    for tar, found in itertools.groupby(entries, lambda one: one.packed and one.packed.number):
        yield tar is not None, found


class Packer:
    """The tar files of one shard of a run.

    Parameters
    ----------
    folder : RunFolder
        Of the run, locked by the caller.
    ledger : Ledger
        Of the shard.
    work_folder : Path
        Where tar files for a bucket, and from one, are for a while.
    tick : callable
        Called often while a tar file is made.
    note : callable
        Given a line when an output was damaged while it waited.

    Attributes
    ----------
    place : Place
        The destination.
    work_folder : Path
        As above.
    """

    def __init__(
        self,
        folder: RunFolder,
        ledger: Ledger,
        work_folder: Path,
        tick: Callable[[], None] = lambda: None,
        note: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.place = place_of(folder.settings())
        self._waiting = LocalFolder(folder.waiting)
        self._ledger, self.work_folder = ledger, work_folder
        self._tick, self._note = tick, note
        self._open: dict[int, tuple[list[Entry], int]] = {}
        self._complete: list[list[Entry]] = []
        self._right = -1  # number of the tar file that was found to be right last

    def place_for(self, entry: Entry) -> Place:
        """Return where the files of an entry's outputs are."""
        return self.place if entry.packed is None else self._waiting

    def settle(self, entries: list[Entry], *, is_deep: bool = False) -> list[str]:
        """Have the ledger say what is true of one tar file.

        Outputs that are neither in it nor waiting are noted to be done again; those of a tar file
        that is not what it must be, to be put into it again.

        Parameters
        ----------
        entries : list of Entry
            All that go into it.
        is_deep : bool
            Whether every byte is read; otherwise size and time of change must do, while they are
            right.

        Returns
        -------
        list of str
            Ids of recordings that are to be done again.
        """
        rows = self._done(entries)
        if not rows:
            return []
        are_packed = all(is_packed(row) for _, row in rows)
        tar = tar_of(entries)
        there = self.place.status(tar)
        is_right = are_packed and there is not None and there[0] == tar_size(_members(rows))
        is_touched = there is not None and there[1] != 0 and _changed_ns(rows) != {there[1]}
        if is_right and not ((is_deep or is_touched) and None not in set(self._whole(tar, rows))):
            self._note_packed(rows, there[1] if there else 0)
            self._remove_waiting(rows)
            self._right = _number_of(entries[0])
            return []
        missing = [(entry, row) for entry, row in rows if not self._waits(entry, row, is_deep)]
        # What is damaged while it waits may still be whole in an earlier tar file.
        found = set(self._whole(tar, missing)) if missing else set()
        lost = []
        for entry, row in missing:
            if not {member.name for member in _members([(entry, row)])} <= found:
                self._ledger.forget(entry.id, "an output was damaged or gone")
                lost.append(entry.id)
        for entry, row in rows:
            if entry.id not in lost and is_packed(row):
                self._ledger.put(_with_tar(row, ""))
        return lost

    def expect(self, entries: list[Entry], undecided: int) -> None:
        """Note how many recordings of a tar file are to be decided before it is made; 0: now."""
        if undecided:
            self._open[_number_of(entries[0])] = entries, undecided
        elif self._right != _number_of(entries[0]):
            self.pack(entries)

    def decided(self, entry: Entry) -> None:
        """Note that one was decided; the tar file of the last one is to be made."""
        if entry.packed is None:
            return
        entries, left = self._open.pop(entry.packed.number)
        if left > 1:
            self._open[entry.packed.number] = entries, left - 1
        else:
            self._complete.append(entries)

    def pack_complete(self) -> None:
        """Make the tar files of which every recording was decided meanwhile.

        That takes seconds a GB, in which no worker is given anything: call it while they are busy.
        """
        while self._complete:
            self.pack(self._complete.pop(0))

    def pack(self, entries: list[Entry], *, is_partial: bool = False) -> bool:
        """Make the tar file of some entries, unless it is there or some are undecided.

        Parameters
        ----------
        entries : list of Entry
            All that go into it.
        is_partial : bool
            Whether it is made of what is done although some are undecided.

        Returns
        -------
        bool
            Whether it is there, or nothing goes into it.
        """
        states = [row.state if row else "" for row in map(self._ledger.get, _ids(entries))]
        if not is_partial and not _FINAL.issuperset(states):
            return False
        tar, rows = tar_of(entries), self._done(entries)
        there = self.place.status(tar)
        if not rows:
            if there is not None:
                self.place.remove(tar)
            return True
        is_right = there is not None and there[0] == tar_size(_members(rows))
        if not is_right or not all(is_packed(row) for _, row in rows):
            damaged = self._make(tar, rows)
            if damaged:
                for entry, row in rows:
                    if damaged & {member.name for member in _members([(entry, row)])}:
                        self._ledger.forget(entry.id, "an output was damaged while it waited")
                self._note("an output was damaged while it waited: the next run makes it again")
                return False
            there = self.place.status(tar)
            self._note_packed(rows, there[1] if there else 0)
        self._ledger.commit()
        self._remove_waiting(rows)
        return True

    def remove_empty_folders(self) -> None:
        """Remove folders in which nothing waits any more; nobody else may be at work."""
        for folder, _, _ in os.walk(self._waiting.path, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()

    def _note_packed(self, rows: list[Pair], changed_ns: int) -> None:
        """Have the ledger say that outputs lie in their tar file, and when that was changed."""
        for entry, row in rows:
            packed = in_tar(row, entry, changed_ns)
            if packed != row:
                self._ledger.put(packed)

    def _make(self, tar: str, rows: list[Pair]) -> set[str]:
        """Make a tar file, whole or not at all; return which members could not be read."""
        members = _members(rows)
        paths = {
            member.name: self._waiting.path / (entry.output + output.suffix)
            for entry, row in rows
            for member, output in zip(_members([(entry, row)]), row.outputs, strict=True)
        }
        stem = tar.removesuffix(SHARD_SUFFIX)
        path = self.place.stem(stem, self.work_folder)
        path = path.with_name(path.name + SHARD_SUFFIX)
        with ExitStack() as held:
            file = held.enter_context(NewFile(path, overwrite=True))
            read = _Reader(paths, members, held, lambda: opened(self.place, tar, self.work_folder))
            try:
                with os.fdopen(file.descriptor, "wb", closefd=False) as stream:
                    damaged = write_tar(stream, members, read, self._tick)
                if damaged:
                    return {member.name for member in damaged}
                file.sync()
                with Source(file.temporary) as made:
                    if not is_canonical(made, members, intact(made, members)):
                        raise DestinationError("a tar file cannot be read again as it was written")
                file.give_name()
            except OSError as error:
                raise DestinationError(f"a tar file cannot be written: {cause(error)}") from error
            except RecordingError as error:
                raise DestinationError(f"a tar file cannot be read again: {error}") from error
        self.place.deliver(stem, {SHARD_SUFFIX: path}, self._tick)
        return set()

    def _whole(self, tar: str, rows: list[Pair]) -> Iterator[str | None]:
        """Yield the names of members that a tar file holds whole; None if it is as it must be."""
        members = _members(rows)
        with opened(self.place, tar, self.work_folder) as source:
            if source is not None:
                found = intact(source, members)
                yield from found
                if is_canonical(source, members, found):
                    yield None

    def _done(self, entries: list[Entry]) -> list[Pair]:
        rows = ((entry, self._ledger.get(entry.id)) for entry in entries)
        return [(entry, row) for entry, row in rows if row is not None and row.state == "done"]

    def _waits(self, entry: Entry, row: Row, is_deep: bool) -> bool:
        """Whether every output is there as a single file."""
        for output in row.outputs:
            name = entry.output + output.suffix
            there = self._waiting.status(name)
            if there is None or there[0] != output.bytes:
                return False
            if is_deep and not _is_same(self._waiting.path / name, output):
                return False
        return True

    def _remove_waiting(self, rows: list[Pair]) -> None:
        if not self._waiting.path.exists():
            return
        for entry, row in rows:
            for output in row.outputs:
                name = entry.output + output.suffix
                (self._waiting.path / name).unlink(missing_ok=True)


@contextmanager
def opened(place: Place, tar: str, work_folder: Path) -> Iterator[Source | None]:
    """Give a tar file of a destination to read; None where there is none."""
    with place.reading(tar, work_folder) as path, ExitStack() as held:
        try:
            source = held.enter_context(Source(path))
        except RecordingError:
            yield None
            return
        yield source


class _Reader:
    """Reads members where they wait, or else from the tar file that is to be replaced."""

    def __init__(
        self,
        paths: dict[str, Path],
        members: list[Member],
        held: ExitStack,
        open_old: Callable[[], AbstractContextManager[Source | None]],
    ) -> None:
        self._paths, self._members, self._held, self._open_old = paths, members, held, open_old
        self._old: tuple[Source | None, dict[str, int]] | None = None

    def __call__(self, member: Member) -> Iterator[bytes]:
        """Yield the bytes that there are: fewer than there must be where they cannot be read."""
        with contextlib.suppress(RecordingError):
            yield from self._bytes_of(member)

    def _bytes_of(self, member: Member) -> Iterator[bytes]:
        try:
            source = Source(self._paths[member.name])
        except RecordingError:
            source = None
        if source is not None:
            with source:
                yield from blocks(source, 0, min(source.size, member.bytes))
            return
        if self._old is None:
            gone = [one for one in self._members if not self._paths[one.name].exists()]
            old = self._held.enter_context(self._open_old())
            self._old = old, intact(old, gone) if old is not None else {}
        old, found = self._old
        if old is not None and member.name in found:
            yield from blocks(old, found[member.name], member.bytes)


def _members(rows: list[Pair]) -> list[Member]:
    """What a tar file holds, in its order: recordings by id, and of each its outputs."""
    return [
        Member(entry.packed.member + output.suffix, output.bytes, output.sha256)
        for entry, row in rows
        if entry.packed is not None
        for output in row.outputs
    ]


def is_packed(row: Row) -> bool:
    """Whether the outputs of a recording lie in their tar file."""
    return all(output.tar for output in row.outputs)


def in_tar(row: Row, entry: Entry, changed_ns: int = 0) -> Row:
    """Return a row that says so, and when the tar file was changed; 0 where it is not known."""
    return _with_tar(row, entry.packed.id if entry.packed is not None else "", changed_ns)


def tar_of(entries: list[Entry]) -> str:
    """Return the path of the tar file that they share."""
    return entries[0].packed.tar if entries[0].packed is not None else ""


def _with_tar(row: Row, tar: str, changed_ns: int = 0) -> Row:
    made = (output._replace(tar=tar, changed_ns=changed_ns) for output in row.outputs)
    return replace(row, outputs=tuple(made))


def _changed_ns(rows: list[Pair]) -> set[int]:
    return {output.changed_ns for _, row in rows for output in row.outputs}


def _is_same(path: Path, output: Output) -> bool:
    try:
        return output_of(path, output.suffix).is_like(output)
    except OSError:
        return False


def _ids(entries: list[Entry]) -> list[str]:
    return [entry.id for entry in entries]


def _number_of(entry: Entry) -> int:
    return entry.packed.number if entry.packed is not None else -1
