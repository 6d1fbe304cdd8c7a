"""Decides, when a run is planned, which outputs are delivered together in which tar file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import NamedTuple

from voiceanon.archive.entries import MEMBER_MARK
from voiceanon.archive.shards import SHARD_SUFFIX
from voiceanon.keys import derive

__all__ = ["PACKINGS", "Grouping", "group"]

PACKINGS = ("none", "auto", "tar")
"""No output in a tar file; those of tar files, one for each; all of them."""

_ID_BYTES = 16
_TABLES = """
CREATE TABLE tars (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,
    CHECK (length(id) = 32 AND id NOT GLOB '*[^0-9a-f]*' AND typeof(name) = 'text')
);
CREATE TABLE members (
    id TEXT PRIMARY KEY, tar INTEGER NOT NULL, name TEXT NOT NULL,
    CHECK (length(id) = 32 AND typeof(tar) = 'integer' AND typeof(name) = 'text')
) WITHOUT ROWID;
CREATE INDEX members_in_order ON members (tar, id);
"""


class Grouping(NamedTuple):
    """What is delivered in tar files.

    Attributes
    ----------
    packing : str
        Of `PACKINGS`.
    most : int
        Recordings in a tar file, where none comes from a tar file.
    """

    packing: str = "none"
    most: int = 1000


def group(
    database: sqlite3.Connection,
    grouping: Grouping,
    key: bytes,
    name_of: Callable[[str], str] | None,
) -> None:
    """Write into a manifest which recording belongs to which tar file.

    The members of one source tar file stay together. Other recordings are grouped in the order of
    their ids, in tar files of about the same number. Tar files are called by pseudonyms, keyed as
    those of recordings, and so are numbered in an order that says nothing of the source's.

    Parameters
    ----------
    database : connection
        Of the manifest, its entries written.
    grouping : Grouping
        What is wanted.
    key : bytes
        Of the run.
    name_of : callable or None
        Given the path of a source tar file, below the source's own folder and without its suffix,
        a free name for that of the outputs; None where pseudonyms are wanted.
    """
    if grouping.packing == "none":
        return
    database.executescript(_TABLES)
    ids: dict[str, tuple[str, str]] = {}  # by what they are made of: id and name

    def take(label: str, *of: str) -> None:
        if label not in ids:
            made = derive(key, "archive tar", *of)[:_ID_BYTES].hex()
            stem = label[: -len(SHARD_SUFFIX)] if label.lower().endswith(SHARD_SUFFIX) else label
            kept = made if name_of is None else name_of(stem)
            ids[label] = made, f"{kept}{SHARD_SUFFIX}"

    for _, below, _ in _of_tars(database):
        take(below, "of tar", below)
    loose = 0
    if grouping.packing == "tar":
        ((loose,),) = database.execute("SELECT count(*) FROM entries WHERE at < 0")
    count = -(-loose // grouping.most)
    for number in range(count):
        take(_label(number), "of files", str(number))
    numbers = {label: at for at, label in enumerate(sorted(ids, key=ids.__getitem__))}
    database.execute("BEGIN")
    for label, number in numbers.items():
        database.execute("INSERT INTO tars VALUES (?, ?, ?)", (number, *ids[label]))
    insert = "INSERT INTO members VALUES (?, ?, ?)"
    for key_, below, output in _of_tars(database):
        # Kept names begin with the path of the tar file.
        inside = output.split("/", below.count("/") + 1)[-1]
        database.execute(insert, (key_, numbers[below], key_ if name_of is None else inside))
    if count:
        files = database.execute("SELECT id, output FROM entries WHERE at < 0 ORDER BY id")
        for at, (key_, output) in enumerate(files):
            number = numbers[_label(at * count // loose)]
            database.execute(insert, (key_, number, key_ if name_of is None else output))
    database.execute("COMMIT")


def _label(number: int) -> str:
    """No path is so called: it ends in no suffix of tar files."""
    return f"files-{number:05d}"


def _of_tars(database: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
    """Each member's id, the path of its tar file below the source's folder, and its output."""
    query = "SELECT id, source, name, output FROM entries WHERE at >= 0"
    for key, source, name, output in database.execute(query):
        inside = source.decode("utf-8", "surrogatepass").partition(MEMBER_MARK)[2]
        parts = name.decode("utf-8", "surrogatepass").split("/")
        yield key, "/".join(parts[: -1 - inside.count("/")]), output
