"""Descriptions of millions of recordings in one Parquet file, a row each, handled in parts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from voiceanon.abstraction import Abstraction, abstraction_of, content_of
from voiceanon.checks.assessment import MEASURES
from voiceanon.checks.optional import load
from voiceanon.coding.content import Content, is_name
from voiceanon.container.voa import Level
from voiceanon.errors import DestinationError, InputError, RecordingError
from voiceanon.formats.placing import NewFile, cause
from voiceanon.formats.source import Source
from voiceanon.measures import Measures

__all__ = ["read_collection", "write_collection"]

SUFFIX = ".parquet"
_VERSION_KEY, _VERSION = b"voiceanon.collection", b"1"
_ROWS_A_GROUP = 8192
_MOST_ROWS_A_GROUP = 1 << 20
_MOST_GROUP_BYTES = 1 << 30
_BATCH_ROWS = 1024
_MOST_ID_BYTES = 256
# Columns by what Arrow calls their types; those of one level are null in rows of the other.
_COLUMNS = {
    "id": "string",
    "level": "string",
    "rate": "int32",
    "n_samples": "int64",
    "frames": "int32",
    "digits": "int8",
    "pitch_levels": "int16",
    "model": "string",
    "recipe": "string",
    "code": "binary",
    "content": "binary",
    "length_s": "float64",
    **dict.fromkeys(MEASURES, "float64"),
    "transcript": "string",
    "coarsened_to": "int64",
}
_CONTENT_COLUMNS = ("n_samples", "rate", "frames", "digits", "pitch_levels")

Stored = Abstraction | Measures


def write_collection(
    path: str | os.PathLike[str],
    rows: Iterable[tuple[str, Stored]],
    *,
    overwrite: bool = False,
) -> int:
    """Write descriptions into one file, whole, for its owner's eyes only.

    Parameters
    ----------
    path : path
        A name that ends in ``.parquet``, in an existing folder.
    rows : iterable of (str, Abstraction or Measures)
        Each with the caller's name for the recording, 1 to 256 bytes: a keyed pseudonym, never a
        person's name or a file's. They are taken a group at a time, so there may be any number.
        Whether a name comes twice is not looked at.
    overwrite : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    int
        How many rows were written.

    Raises
    ------
    InputError
        If a row is not as described, or the package pyarrow is not installed.
    DestinationError
        If the place is refused or cannot be written; then nothing is left behind.

    Notes
    -----
    It is not encrypted: put it where only those may read who shall.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "all.parquet"
    ...     write_collection(path, [("5f3a", Measures.of({"phonation_ratio": 0.8}))])
    1
    """
    arrow, parquet = load("pyarrow"), load("pyarrow.parquet")
    place = Path(path)
    if place.suffix.lower() != SUFFIX:
        raise DestinationError(f"has the suffix {place.suffix!r}; write {SUFFIX}")
    schema, written = _schema(arrow), 0
    waiting = iter(rows)
    local = load("pyarrow.fs").LocalFileSystem()
    with NewFile(place, overwrite=overwrite) as file:
        # Only what writes is watched: an error of the caller's rows is the caller's.
        with _writing(arrow):
            writer = parquet.ParquetWriter(
                str(file.temporary), schema, compression="zstd", filesystem=local
            )
        try:
            while group := [_row(name, held) for name, held in islice(waiting, _ROWS_A_GROUP)]:
                with _writing(arrow):
                    writer.write_table(arrow.Table.from_pylist(group, schema=schema))
                written += len(group)
        except BaseException:
            with suppress(OSError, arrow.ArrowException):
                writer.close()
            raise
        with _writing(arrow):
            writer.close()
            file.sync()
            file.give_name()
    return written


def read_collection(path: str | os.PathLike[str]) -> Iterator[tuple[str, Stored]]:
    """Yield the descriptions of a file in its order.

    Parameters
    ----------
    path : path
        The file; what its rows hold is not trusted. Parquet itself is read by pyarrow, within
        limits on the rows and bytes of a group.

    Yields
    ------
    str, Abstraction or Measures
        The caller's name for the recording, and what is stored of it.

    Raises
    ------
    RecordingError
        If it is no such file, or a row is damaged.
    InputError
        If the package pyarrow is not installed.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "all.parquet"
    ...     _ = write_collection(path, [("5f3a", Measures.of({"phonation_ratio": 0.8}))])
    ...     [(name, held.values["phonation_ratio"]) for name, held in read_collection(path)]
    [('5f3a', 0.8)]
    """
    arrow, parquet = load("pyarrow"), load("pyarrow.parquet")
    # What pyarrow raises over damaged files, Unicode errors among them.
    broken = (arrow.ArrowException, OSError, ValueError, TypeError, MemoryError, OverflowError)
    with Source(path) as source, os.fdopen(source.descriptor, "rb", closefd=False) as stream:
        number = 0
        try:
            file = parquet.ParquetFile(stream)
            _check_file(file, _schema(arrow))
            batches = file.iter_batches(_BATCH_ROWS)
            while (batch := next(batches, None)) is not None:
                held = batch.to_pylist()
                for row in held:
                    number += 1
                    yield _read(row)
        except broken as error:
            raise RecordingError("is damaged or no Parquet file") from error
        except RecordingError as error:
            where = f"row {number} " if number else ""
            raise RecordingError(f"{where}{error}") from error


@contextmanager
def _writing(arrow: Any) -> Iterator[None]:
    try:
        yield
    except (OSError, arrow.ArrowException) as error:
        raise DestinationError(f"cannot be written: {cause(error)}") from error


def _schema(arrow: Any) -> Any:
    columns = [(name, arrow.type_for_alias(kind)) for name, kind in _COLUMNS.items()]
    return arrow.schema(columns, metadata={_VERSION_KEY: _VERSION})


def _check_file(file: Any, schema: Any) -> None:
    version = (file.schema_arrow.metadata or {}).get(_VERSION_KEY)
    if version is None:
        raise RecordingError("is a Parquet file, but no collection of descriptions")
    if version != _VERSION:
        raise RecordingError(f"is a collection of another version than {_VERSION.decode()}")
    if not file.schema_arrow.equals(schema):
        raise RecordingError("is damaged: its columns are not those of a collection")
    for group in map(file.metadata.row_group, range(file.metadata.num_row_groups)):
        if group.num_rows > _MOST_ROWS_A_GROUP or group.total_byte_size > _MOST_GROUP_BYTES:
            raise RecordingError("has a group of rows that is too large to be read")


def _row(name: object, held: object) -> dict[str, Any]:
    if not isinstance(name, str) or not 1 <= len(name.encode("utf-8", "replace")) <= _MOST_ID_BYTES:
        raise InputError(f"a name must be text of 1 to {_MOST_ID_BYTES} bytes")
    if isinstance(held, Measures):
        return {
            "id": name,
            "level": Level.MEASURES.name.lower(),
            "length_s": held.length_s,
            **held.values,
            "transcript": held.transcript,
            "coarsened_to": held.coarsened_to,
        }
    if not isinstance(held, Abstraction):
        raise InputError(f"a row holds a {type(held).__name__}, not an Abstraction or Measures")
    content = content_of(held)
    return {
        "id": name,
        "level": Level.CONTENT.name.lower(),
        **{column: getattr(content, column) for column in _CONTENT_COLUMNS},
        "model": held.model,
        "recipe": held.recipe,
        "code": content.code,
        "content": content.coded,
    }


def _read(row: dict[str, Any]) -> tuple[str, Stored]:
    if not row["id"]:
        raise RecordingError("is damaged: it has no name")
    if row["level"] == Level.MEASURES.name.lower():
        numbers = tuple(row[name] for name in MEASURES)
        try:
            held = Measures(numbers, row["length_s"], row["transcript"], row["coarsened_to"])
        except InputError as error:
            raise RecordingError(f"is damaged: {error}") from error
        return row["id"], held
    if row["level"] != Level.CONTENT.name.lower():
        raise RecordingError("is damaged: its level is not known")
    needed = [row[name] for name in (*_CONTENT_COLUMNS, "model", "recipe", "code", "content")]
    if any(value is None for value in needed):
        raise RecordingError("is damaged: a column of its content is empty")
    if row["recipe"] and not is_name(row["recipe"]):
        raise RecordingError("is damaged: its recipe is no name")
    content = Content(
        **{name: row[name] for name in (*_CONTENT_COLUMNS, "model", "code")}, coded=row["content"]
    )
    return row["id"], abstraction_of(content, row["recipe"])
