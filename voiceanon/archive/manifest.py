"""The plan of an archive on disk: every recording once, under an id that only the key can make."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from voiceanon.archive.entries import Entry, Found, LeftOut, Packed
from voiceanon.archive.grouping import Grouping, group
from voiceanon.errors import DestinationError, InputError
from voiceanon.file_plan import Kind, free_name
from voiceanon.formats.placing import NewFile, cause
from voiceanon.keys import check_secret, derive

__all__ = ["Manifest"]

_APPLICATION_ID = int.from_bytes(b"vaPL", "big")
_VERSION = 2
_ID_BYTES = 16
_ROWS_PER_TRANSACTION = 5_000
_LAST_NUMBER = re.compile(r"\.(\d+)(?=(?:\.[^./]*)?$)")

# File names need not be Unicode: everything that comes from outside is stored as bytes. What is
# checked on writing is checked again on opening, and so shows a file that was damaged.
_TABLES = """
CREATE TABLE entries (
    id TEXT PRIMARY KEY, source BLOB NOT NULL UNIQUE, name BLOB NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, speaker BLOB NOT NULL, output TEXT NOT NULL, at INTEGER NOT NULL,
    etag TEXT NOT NULL,
    CHECK (length(id) = 32 AND id NOT GLOB '*[^0-9a-f]*' AND typeof(output) = 'text'),
    CHECK (typeof(etag) = 'text'),
    CHECK (typeof(source) = 'blob' AND typeof(name) = 'blob' AND typeof(speaker) = 'blob'),
    CHECK (typeof(size) = 'integer' AND typeof(mtime_ns) = 'integer' AND typeof(at) = 'integer')
);
CREATE INDEX alike ON entries (speaker, id) WHERE speaker <> x'';
CREATE TABLE left_out (
    source BLOB NOT NULL, status TEXT NOT NULL, reason BLOB NOT NULL,
    CHECK (typeof(source) = 'blob' AND status IN ('skipped', 'failed') AND typeof(reason) = 'blob')
);
CREATE TABLE taken (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
"""
# The file is a temporary one until it is synced and renamed as a whole: a journal on disk and
# syncs in between would protect nothing.
_BUILDING = """
PRAGMA journal_mode = MEMORY;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -65536;
PRAGMA temp_store = MEMORY;
"""
_IDS = "SELECT id FROM entries ORDER BY id"
_INSERT = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_RENAME = "UPDATE entries SET output = ? WHERE source = ?"
_SPEAKER = "SELECT speaker FROM entries WHERE source = ?"
_COLUMNS = "e.id, e.source, e.name, e.size, e.mtime_ns, e.speaker, e.output, e.at, e.etag"
_PACKED = f"{_COLUMNS}, t.number, t.id, t.name, m.name"
# CROSS JOIN, which SQLite does in the order given: tar after tar, without sorting.
_IN_TARS = (
    f"SELECT {_PACKED} FROM tars t CROSS JOIN members m ON m.tar = t.number "  # noqa: S608
    "CROSS JOIN entries e ON e.id = m.id ORDER BY t.number, m.id"
)
_NOT_IN_TARS = "WHERE NOT EXISTS (SELECT 1 FROM members m WHERE m.id = e.id) ORDER BY e.id"


class Manifest:
    """The recordings of an archive and what was left out, in one SQLite file for its owner alone.

    It holds the paths and speakers of the originals: it belongs where they are, never among the
    outputs. Made by `write`, read by `open`; it never changes afterwards. An object is used by the
    thread that made it.

    Attributes
    ----------
    bytes : int
        Size of all recordings together.
    has_tars : bool
        Whether outputs are delivered in tar files.
    """

    def __init__(self, database: sqlite3.Connection, name: str) -> None:
        self._database = database
        self._name = name
        self._count: int
        self.bytes: int
        query = "SELECT count(*), ifnull(sum(size), 0) FROM entries"
        self._count, self.bytes = database.execute(query).fetchone()
        query = "SELECT count(*) FROM sqlite_master WHERE name = 'tars'"
        self.has_tars = database.execute(query).fetchone() != (0,)

    @classmethod
    def write(
        cls,
        path: str | os.PathLike[str],
        found: Iterable[Found | LeftOut],
        key: bytes,
        *,
        keep_names: bool,
        grouping: Grouping | None = None,
    ) -> Manifest:
        """Write a new manifest, whole or not at all, and open it.

        Each recording is taken once; later mentions of its file are left out. Two recordings of
        one name get numbers, in the order they come.

        Parameters
        ----------
        path : path
            A new file in an existing folder.
        found : iterable of Found or LeftOut
            As from `find_sources`, consumed one by one.
        key : bytes
            32 bytes. The same key and names give the same ids.
        keep_names : bool
            Whether outputs have the inputs' names, made printable, rather than their ids.
        grouping : Grouping, optional
            Which outputs are delivered in tar files; by default none.

        Returns
        -------
        Manifest

        Raises
        ------
        DestinationError
            If the file exists or cannot be written.
        SecretError
            If the key is not 32 bytes.
        InputError
            As `found` raises it; then nothing is written.
        """
        path = Path(path)
        check_secret(key)
        with NewFile(path) as file:
            try:
                connection = sqlite3.connect(file.temporary, isolation_level=None)
                with closing(connection) as database:
                    database.executescript(_BUILDING + _TABLES)
                    database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                    database.execute(f"PRAGMA user_version = {_VERSION}")
                    taken = _Taken(database)
                    _fill(database, found, key, taken if keep_names else None)
                    free = partial(free_name, suffix="", kind=Kind(), taken=taken)
                    group(database, grouping or Grouping(), key, free if keep_names else None)
                file.sync()
                file.give_name()
            except (sqlite3.Error, OSError) as error:
                why = str(error) if isinstance(error, sqlite3.Error) else cause(error)
                raise DestinationError(f"manifest cannot be written: {why}") from error
        return cls.open(path)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Manifest:
        """Open a manifest for reading.

        Raises
        ------
        InputError
            If it cannot be read, is damaged, or was not written by `write`.
        """
        path = Path(path)
        problem = f"{path.name!r} is damaged, or no manifest of an archive"
        database = None
        try:
            # Opened for writing but only read: SQLite checks no constraints of a read-only file.
            uri = f"{path.absolute().as_uri()}?mode=rw"
            database = sqlite3.connect(uri, uri=True, isolation_level=None)
            database.executescript("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF")
            (application_id,) = database.execute("PRAGMA application_id").fetchone()
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if application_id == _APPLICATION_ID and version != _VERSION:
                problem = f"{path.name!r} was written by another version of voiceanon"
            elif application_id == _APPLICATION_ID:
                checked = database.execute("PRAGMA quick_check(1)").fetchone()
                if checked == ("ok",):
                    return cls(database, path.name)
        except (sqlite3.Error, ValueError) as error:
            if not path.is_file():
                problem = f"manifest {path.name!r} does not exist"
            elif not os.access(path, os.R_OK):
                problem = f"manifest {path.name!r} cannot be read"
            if database is not None:
                database.close()
            raise InputError(problem) from error
        database.close()
        raise InputError(problem)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Entry]:
        """Yield entries in the order of ids; those for tar files last, tar after tar."""
        if not self.has_tars:
            yield from self._entries("ORDER BY e.id")
            return
        yield from self._entries(_NOT_IN_TARS)
        for row in self._rows(_IN_TARS):
            yield _entry(row)

    def shard(self, index: int, count: int, *, by_speaker: bool = False) -> Iterator[Entry]:
        """Part `index` of `count`: the entries whose id, as a number, leaves `index`.

        They come in the order of ids, or speaker after speaker; those for tar files tar after tar,
        and there the number of the tar file counts: one part makes all of it.

        Raises
        ------
        InputError
            Unless ``0 <= index < count``.
        """
        if not 0 <= index < count:
            raise InputError(
                f"shard is {index} of {count}: it must be 0 to one less than the count"
            )
        is_sorted = by_speaker and not self.has_tars
        every = self._entries("ORDER BY e.speaker, e.id") if is_sorted else self
        return (entry for entry in every if _part(entry, count) == index)

    def part(self, entry_id: str, count: int) -> int:
        """Of `count` parts, the one that an id belongs to."""
        return _part(self.get(entry_id), count) if self.has_tars else int(entry_id, 16) % count

    def tars(self) -> Iterator[str]:
        """Relative paths of the tar files that outputs are delivered in."""
        if self.has_tars:
            for (name,) in self._rows("SELECT name FROM tars ORDER BY number"):
                yield name

    def largest_tars(self, count: int) -> list[int]:
        """Bytes of the recordings of each of the `count` tar files that have most, from the top."""
        if not self.has_tars:
            return []
        query = (
            "SELECT sum(e.size) AS bytes FROM members m JOIN entries e ON e.id = m.id "
            "GROUP BY m.tar ORDER BY bytes DESC LIMIT ?"
        )
        return [size for (size,) in self._rows(query, count)]

    def largest(self, *, copied: bool = False) -> int:
        """Bytes of the largest recording, or of those that must be copied to be read; 0 if none."""
        query = (
            "SELECT ifnull(max(size), 0) FROM entries WHERE at >= 0 OR etag != ''"
            if copied
            else "SELECT ifnull(max(size), 0) FROM entries"
        )
        ((size,),) = self._rows(query)
        return int(size)

    def left_out(self) -> Iterator[LeftOut]:
        """What is no entry, in the order it was found."""
        for source, status, reason in self._rows("SELECT * FROM left_out ORDER BY rowid"):
            yield LeftOut(_text(source), status, _text(reason))

    def get(self, entry_id: str) -> Entry:
        """The entry of an id.

        Raises
        ------
        InputError
            If there is none.
        """
        for entry in self._entries("WHERE e.id = ?", entry_id):
            if not self.has_tars:
                return entry
            more = (
                "SELECT t.number, t.id, t.name, m.name FROM members m JOIN tars t "
                "ON t.number = m.tar WHERE m.id = ?"
            )
            found = [Packed(*row) for row in self._rows(more, entry_id)]
            return replace(entry, packed=found[0] if found else None)
        raise InputError(f"manifest {self._name!r} has no entry {entry_id!r}")

    def alike(self, entry: Entry, count: int) -> list[Entry]:
        """The first `count` entries with the speaker of one, by their ids; none without speaker."""
        clause = "WHERE e.speaker = ? AND e.speaker <> x'' ORDER BY e.id LIMIT ?"
        return list(self._entries(clause, _bytes(entry.speaker), count))

    def has_speakers(self) -> bool:
        """Whether any entry has a speaker."""
        return any(self._rows("SELECT 1 FROM entries WHERE speaker <> x'' LIMIT 1"))

    def sample(self, count: int) -> list[Entry]:
        """At most `count` entries, evenly spread over all in order of id."""
        count = min(count, len(self))
        wanted = {at * len(self) // count for at in range(count)}
        ids = [row[0] for at, row in enumerate(self._rows(_IDS)) if at in wanted]
        return [self.get(entry_id) for entry_id in ids]

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._database.close()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _entries(self, clause: str, *values: object) -> Iterator[Entry]:
        query = f"SELECT {_COLUMNS} FROM entries e {clause}"  # noqa: S608 (clauses are our own)
        for row in self._rows(query, *values):
            yield _entry(row)

    def _rows(self, query: str, *values: object) -> Iterator[Any]:
        try:
            # Not "yield from": it would close the cursor, perhaps after the database.
            for row in self._database.execute(query, values):  # noqa: UP028
                yield row
        except sqlite3.Error as error:
            raise InputError(f"manifest {self._name!r} cannot be read: {error}") from error


class _Taken:
    """The names given to outputs, for `free_name`: on disk, since there may be millions."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def get(self, name: str, /) -> int | None:
        row = self._database.execute("SELECT number FROM taken WHERE name = ?", [name]).fetchone()
        return None if row is None else row[0]

    def __setitem__(self, name: str, number: int, /) -> None:
        self._database.execute("INSERT OR REPLACE INTO taken VALUES (?, ?)", [name, number])


def _entry(row: tuple[Any, ...]) -> Entry:
    entry_id, source, name, size, mtime_ns, speaker, output, at, etag, *packed = row
    facts = (_text(source), _text(name), size, mtime_ns, _text(speaker), output, at)
    return Entry(entry_id, *facts, Packed(*packed) if packed else None, etag)


def _part(entry: Entry, count: int) -> int:
    return (int(entry.id, 16) if entry.packed is None else entry.packed.number) % count


def _fill(
    database: sqlite3.Connection,
    found: Iterable[Found | LeftOut],
    key: bytes,
    taken: _Taken | None,
) -> None:
    """Write what was found; with `taken`, outputs are called by names, which it keeps."""
    kind = Kind()
    database.execute("BEGIN")
    for at, one in enumerate(found, 1):
        if isinstance(one, LeftOut):
            left: LeftOut | None = one
        else:
            left = _add(database, one, key)
            if taken is not None and left is None:
                # A number at the end is for channels: see `storage.channel_paths`.
                output = free_name(_LAST_NUMBER.sub(r"_\1", one.name), "", kind, taken)
                database.execute(_RENAME, (output, _bytes(one.source)))
        if left is not None:
            row = (_bytes(left.source), left.status, _bytes(left.reason))
            database.execute("INSERT INTO left_out VALUES (?, ?, ?)", row)
        if at % _ROWS_PER_TRANSACTION == 0:
            database.execute("COMMIT")
            database.execute("BEGIN")
    database.execute("COMMIT")


def _add(database: sqlite3.Connection, one: Found, key: bytes) -> LeftOut | None:
    """Store a recording, or say why it is not taken a second time.

    Its label is numbered where another source has the same name.
    """
    number, label = 1, one.name
    source, speaker = _bytes(one.source), _bytes(one.speaker)
    while True:
        entry_id = derive(key, "archive entry", label)[:_ID_BYTES].hex()
        output = f"{entry_id[:2]}/{entry_id}"
        facts = (_bytes(label), one.size, one.mtime_ns, speaker, output, one.offset, one.etag)
        if database.execute(_INSERT, (entry_id, source, *facts)).rowcount == 1:
            return None
        known = database.execute(_SPEAKER, [source]).fetchone()
        if known is not None:
            if known[0] == speaker:
                return LeftOut(one.source, "skipped", "given twice")
            problem = "given again with another speaker; the first counts"
            return LeftOut(one.source, "failed", problem)
        number += 1
        label = f"{one.name} ({number})"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(stored: bytes) -> str:
    try:
        return stored.decode("utf-8", "surrogatepass")
    except (AttributeError, UnicodeDecodeError) as error:
        raise InputError("manifest is damaged: it holds a name that is no text") from error
