"""What became of every recording of a run: one row each and every change of state, in SQLite.

There is no name, no path and no draw in it: rows go by the ids of `voiceanon.archive.entries`. Each
row carries a sum of its own, so that a flipped bit shows; a ledger that is damaged is set aside and
made again from the outputs (`voiceanon.archive.rebuilding`).
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from voiceanon.errors import DestinationError, VoiceanonError
from voiceanon.formats.placing import NewFile, cause

__all__ = ["SALVAGED", "STATES", "Ledger", "LedgerError", "Output", "Row"]

STATES = ("working", "done", "held", "failed", "empty")
"""Of a row; a recording that nothing has become of yet has none."""

SALVAGED = "salvaged "
"""How the reason of such a row begins: see `formats.Salvage`."""

_VERSION = 1
_COMMIT_EVERY_S = 1.0
_SUM_BYTES = 8
_PATIENCE_S = 60.0  # while somebody else reads or writes
# What SQLite says of the world outside the file; Python 3.10 does not tell its codes.
_OUTSIDE = (
    "database is locked",
    "database table is locked",
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "attempt to write a readonly database",
)
_COLUMNS = (
    "id BLOB PRIMARY KEY, state TEXT, attempts INTEGER, reason TEXT, verdict TEXT, "
    "redraws INTEGER, frames INTEGER, rate INTEGER, channels INTEGER, elapsed_s REAL, "
    "outputs TEXT, sum BLOB"
)
_PLACES = ", ".join("?" * 12)


class LedgerError(VoiceanonError):
    """A ledger is damaged, or belongs to another run."""

    exit_code = 1


class Output(NamedTuple):
    """One file that was made.

    Attributes
    ----------
    suffix : str
        ``.flac``, ``.1.voa``.
    bytes : int
        Its size.
    sha256 : str
        Of what it holds.
    changed_ns : int
        When its file system says that it, or the tar file that it lies in, was last changed
        (ctime): at another time it has been touched, and is read again before it is trusted. 0
        where it is not known.
    tar : str
        The tar file that it lies in, by its id; empty for a file that was delivered by itself, and
        for one that still waits for the others of its tar file.
    """

    suffix: str
    bytes: int
    sha256: str
    changed_ns: int = 0
    tar: str = ""

    def is_like(self, other: Output) -> bool:
        """Whether both hold the same bytes."""
        return self[:3] == other[:3]


@dataclass(frozen=True)
class Row:
    """What became of one recording.

    Attributes
    ----------
    id : str
        Of its entry.
    state : str
        One of `STATES`.
    attempts : int
        How often it was begun since it was last decided.
    reason : str
        Why it is held, failed or empty; or, of one that is done, that it was salvaged or rebuilt.
        Holds no path.
    verdict : str
        What the check said of the output.
    redraws : int
        How many further voices were drawn.
    frames, rate, channels : int
        Of the recording; 0 where they are not known.
    elapsed_s : float
        Seconds of work.
    outputs : tuple of Output
        What was delivered.
    """

    id: str
    state: str
    attempts: int = 1
    reason: str = ""
    verdict: str = ""
    redraws: int = 0
    frames: int = 0
    rate: int = 0
    channels: int = 0
    elapsed_s: float = 0.0
    outputs: tuple[Output, ...] = field(default=())

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds; 0 where it is not known."""
        return self.frames / self.rate if self.rate else 0.0

    @property
    def is_salvaged(self) -> bool:
        """Whether this is what could be decoded of a damaged recording."""
        return self.state == "done" and self.reason.startswith(SALVAGED)

    def stored(self) -> tuple[object, ...]:
        """Return the columns, the sum last."""
        columns = (
            bytes.fromhex(self.id),
            self.state,
            self.attempts,
            # A file name that is no Unicode may be in a library's message.
            self.reason.encode("utf-8", "backslashreplace").decode(),
            self.verdict,
            self.redraws,
            self.frames,
            self.rate,
            self.channels,
            float(self.elapsed_s),
            json.dumps(self.outputs),
        )
        return (*columns, _sum_of(columns))

    @classmethod
    def read(cls, columns: tuple[Any, ...]) -> Row:
        """Return a row from its columns.

        Raises
        ------
        LedgerError
            If they do not belong together.
        """
        _check_sum(columns)
        key, *values, outputs, _ = columns
        made = tuple(Output(*one) for one in json.loads(outputs))
        return cls(*(key.hex(), *values, made))


def _sum_of(columns: tuple[Any, ...]) -> bytes:
    return blake2b(repr(columns).encode(), digest_size=_SUM_BYTES).digest()


def _check_sum(columns: tuple[Any, ...]) -> None:
    if _sum_of(columns[:-1]) != columns[-1] or columns[1] not in STATES:
        raise LedgerError("the ledger is damaged: a row does not match its sum")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Tell a disk that is full or fails, or a ledger in use, from one that is damaged."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as error:
        if str(error).startswith(_OUTSIDE):
            raise DestinationError(f"the ledger cannot be used now: {error}") from error
        raise LedgerError("the ledger is damaged: it is no whole database") from error


def _make(path: Path, run: str) -> None:
    """Make a ledger without rows: whole or not at all, or it would look damaged."""
    with NewFile(path) as file:
        try:
            with (
                _translated(),
                contextlib.closing(sqlite3.connect(file.temporary, isolation_level=None)) as base,
            ):
                base.execute("BEGIN")
                base.execute(f"CREATE TABLE rows ({_COLUMNS}) WITHOUT ROWID")
                base.execute(
                    "CREATE TABLE changes (number INTEGER PRIMARY KEY, id BLOB, state TEXT)"
                )
                base.execute("CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT)")
                facts = [("version", str(_VERSION)), ("run", run)]
                base.executemany("INSERT INTO facts VALUES (?, ?)", facts)
                base.execute("COMMIT")
            file.sync()
            file.give_name()
        except OSError as error:
            raise DestinationError(f"the ledger cannot be written: {cause(error)}") from error


class Ledger:
    """The ledger of one run, or of one shard of it; one process writes it.

    Changes are on the disk a second later at most, and when it is closed. What is lost with the
    last second is done again.

    Parameters
    ----------
    path : Path
        Of the file; made if it is not there.
    run : str
        Name of the run that it belongs to.

    Raises
    ------
    LedgerError
        If it is damaged or belongs to another run.
    DestinationError
        If it cannot be made, read or written: nothing is wrong with what it says.
    """

    def __init__(self, path: Path, run: str) -> None:
        if not os.path.lexists(path):
            _make(path, run)
        self._last_commit_s = time.monotonic()
        with _translated():
            self._base = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
        try:
            with _translated():
                self._base.execute("PRAGMA synchronous=FULL")
                self._check(run)
                self._base.execute("BEGIN")
        except BaseException:
            self._base.close()
            raise

    def __len__(self) -> int:
        with _translated():
            return int(self._base.execute("SELECT count(*) FROM rows").fetchone()[0])

    def __iter__(self) -> Iterator[Row]:
        """Yield every row in the order of ids, checked against its sum."""
        with _translated():
            for columns in self._base.execute("SELECT * FROM rows ORDER BY id"):
                yield Row.read(columns)

    def get(self, key: str) -> Row | None:
        """Return the row of an id, None where nothing has become of it yet."""
        with _translated():
            found = self._base.execute("SELECT * FROM rows WHERE id = ?", (bytes.fromhex(key),))
            columns = found.fetchone()
        return None if columns is None else Row.read(columns)

    def begin(self, key: str) -> Row:
        """Note that a recording is being worked on, once more."""
        before = self.get(key)
        times = before.attempts if before is not None and before.state == "working" else 0
        row = Row(key, "working", times + 1)
        self.put(row)
        return row

    def let_go(self, row: Row) -> None:
        """Note that a recording was begun and left, for a reason that is not its own."""
        self.put(replace(row, attempts=row.attempts - 1))

    def put(self, row: Row) -> None:
        """Note what became of a recording."""
        with _translated():
            self._base.execute(f"INSERT OR REPLACE INTO rows VALUES ({_PLACES})", row.stored())  # noqa: S608
            self._base.execute(
                "INSERT INTO changes (id, state) VALUES (?, ?)", (bytes.fromhex(row.id), row.state)
            )
        self.commit_in_time()

    def forget(self, key: str, reason: str) -> None:
        """Note that a recording is to be done again, although it was done: why is kept."""
        row = self.get(key)
        if row is not None:
            self.put(replace(row, state="working", attempts=0, reason=reason, outputs=()))

    def counts(self) -> dict[str, int]:
        """Return how many rows have each state."""
        found = dict.fromkeys(STATES, 0)
        with _translated():
            found |= dict(self._base.execute("SELECT state, count(*) FROM rows GROUP BY state"))
        return found

    def changes(self) -> int:
        """Return how many changes of state were noted."""
        with _translated():
            return int(self._base.execute("SELECT count(*) FROM changes").fetchone()[0])

    def commit(self) -> None:
        """Put everything noted on the disk."""
        with _translated():
            if self._base.in_transaction:  # not if Ctrl-C came between the two the last time
                self._base.execute("COMMIT")
            self._base.execute("BEGIN")
        self._last_commit_s = time.monotonic()

    def commit_in_time(self) -> None:
        """Do so if the last time was a second ago; to be called often."""
        if time.monotonic() - self._last_commit_s >= _COMMIT_EVERY_S:
            self.commit()

    def close(self) -> None:
        """Put everything on the disk and let go; safe to call twice."""
        try:
            with _translated(), contextlib.suppress(sqlite3.ProgrammingError):
                if self._base.in_transaction:
                    self._base.execute("COMMIT")
        finally:
            self._base.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What has gone wrong already is what is told.
        with contextlib.suppress(*([VoiceanonError] if kind is not None else [])):
            self.close()

    def _check(self, run: str) -> None:
        (found,) = self._base.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise LedgerError("the ledger is damaged: its pages do not match")
        facts = dict(self._base.execute("SELECT name, value FROM facts"))
        if facts.get("version") != str(_VERSION):
            raise LedgerError("the ledger is damaged or of another version")
        if facts.get("run") != run:
            raise LedgerError("the ledger belongs to another run")
        for columns in self._base.execute("SELECT * FROM rows"):
            _check_sum(columns)
