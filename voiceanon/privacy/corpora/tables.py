"""Reads corpora out of tables: CSV with a header, and folders that hold several such tables."""

from __future__ import annotations

import codecs
import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from voiceanon.errors import InputError
from voiceanon.privacy.corpora.recordings import Corpus, Recording, assemble, distinct, named

__all__ = ["lines_of", "number", "read_csv", "read_several", "rows_of"]

# What a column may be called; the first name is that of the project's own tables.
_COLUMNS = {
    "key": ("utt_id", "id", "key"),
    "speaker": ("speaker", "speaker_id"),
    "path": ("path", "audio_filepath", "file"),
    "sex": ("sex", "gender"),
    "text": ("text", "transcript"),
    "session": ("session", "chapter"),
    "duration_s": ("duration_s", "duration"),
    "start_s": ("start_s",),
    "length_s": ("length_s",),
    "side": ("side",),
    "score": ("score",),
    "age_group": ("age_group",),
    "first_language": ("first_language", "l1"),
}
_NEEDED = ("speaker", "path")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_csv(path: Path, name: str) -> Corpus:
    """Return the corpus that one table describes.

    Parameters
    ----------
    path : Path
        UTF-8, commas, a header; the columns ``speaker`` and ``path`` are needed. Paths are
        relative to the table's folder.
    name : str
        Of the corpus.

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        If the table is malformed (with the line), or `assemble` refuses what it says.
    """
    notes: list[str] = []
    recordings = list(rows_of(path, notes))
    return assemble(name, recordings, notes, source=path.name)


def read_several(folder: Path, tables: Sequence[Path], name: str) -> Corpus:
    """Return the union of several tables below a folder.

    The same id of the same speaker in two of them is one recording: the first is kept.

    Raises
    ------
    InputError
        As `read_csv`, or if one id has different speakers in two tables.
    """
    notes = [f"{len(tables)} tables below the folder are one corpus: {_below(folder, tables)}."]
    kept: dict[str, Recording] = {}
    where: dict[str, set[Path]] = {}
    doubles: list[str] = []
    clashes: list[str] = []
    for table in tables:
        # One by one first: within a table, an id that comes twice is a mistake of the table.
        place = str(table.relative_to(folder))
        for one in distinct(list(rows_of(table, notes)), place, notes):
            where.setdefault(one.speaker, set()).add(table)
            known = kept.setdefault(one.key, one)
            if known is not one:
                (doubles if known.speaker == one.speaker else clashes).append(one.key)
    if clashes:
        raise InputError(
            f"{len(clashes)} ids have different speakers in the tables below {folder.name!r}, for "
            f"example {named(clashes)}: give each recording an id of its own"
        )
    if doubles:
        notes.append(
            f"{len(doubles)} recordings are in two tables by id and speaker ({named(doubles)}); "
            "the first is kept."
        )
    shared = sum(len(found) > 1 for found in where.values())
    if shared:
        notes.append(
            f"{shared} speakers have the same name in several tables and count as one person each."
        )
    return assemble(name, list(kept.values()), notes, source=folder.name)


def _below(folder: Path, tables: Sequence[Path]) -> str:
    return ", ".join(str(table.relative_to(folder)) for table in tables)


def rows_of(path: Path, notes: list[str]) -> Iterator[Recording]:
    """Yield a table's rows; the name of the file stands for a missing id."""
    lines = lines_of(path)
    header = next(lines, None)
    if header is None:
        raise InputError(f"{path.name} is empty: it must begin with a header")
    columns = _columns(header[1], path.name)
    if "key" not in columns:
        notes.append(f"{path.name} has no column of ids: the names of the files are the ids.")
    for line, cells in lines:
        if len(cells) != len(header[1]):
            raise InputError(
                f"line {line} of {path.name} has {len(cells)} fields and the header has "
                f"{len(header[1])}: quote fields that hold commas"
            )
        value = {field: cells[at].strip() for field, at in columns.items()}
        place = f"line {line} of {path.name}"
        if not value["path"]:
            raise InputError(f"{place} has an empty path")
        yield Recording(
            key=value["key"] if "key" in columns else Path(value["path"]).stem,
            speaker=value["speaker"],
            path=path.parent / value["path"],
            sex=value.get("sex", ""),
            text=value.get("text", ""),
            session=value.get("session", ""),
            duration_s=number(value.get("duration_s"), "a duration", place),
            start_s=number(value.get("start_s"), "a start", place) or 0.0,
            length_s=number(value.get("length_s"), "a length", place),
            side=value.get("side", ""),
            score=_score(value.get("score"), place),
            age_group=value.get("age_group", ""),
            first_language=value.get("first_language", ""),
        )


def _score(value: str | None, place: str) -> float | None:
    """Return a score, of any scale; None where nothing is given."""
    if not value:
        return None
    try:
        score = float(value)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise InputError(f"{place} has a score of {value!r}: it must be a number")
    return score


def number(value: object, what: str, place: str) -> float | None:
    """Return seconds, 0 or more; None where nothing is given."""
    if value is None or value == "":
        return None
    try:
        seconds = float(value)  # type: ignore[arg-type]  # what float refuses is refused below
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if isinstance(value, bool) or not (0.0 <= seconds < math.inf):
        raise InputError(f"{place} has {what} of {value!r}: it must be seconds, 0 or more")
    return seconds


def lines_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield rows with the number of their last line; blank lines are passed over."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            try:
                for cells in reader:
                    if cells:
                        yield reader.line_num, cells
            except csv.Error as error:
                raise InputError(
                    f"line {reader.line_num} of {path.name} is not CSV: {error}"
                ) from error
            except UnicodeDecodeError as error:
                place = f"UTF-8 text after line {reader.line_num}"
                with path.open("rb") as raw:
                    if raw.read(2) in _UTF_16:
                        place = "UTF-8 but UTF-16 text"
                raise InputError(f"{path.name} is not {place}: convert it") from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}") from error


def _columns(header: Sequence[str], table: str) -> dict[str, int]:
    cells = [cell.strip().lower() for cell in header]
    columns = {
        field: cells.index(known)
        for field, names in _COLUMNS.items()
        if (known := next((one for one in names if one in cells), None)) is not None
    }
    missing = [field for field in _NEEDED if field not in columns]
    if missing:
        only = len(cells) == 1 and any(mark in cells[0] for mark in ";\t")
        hint = "fields must be separated by commas" if only else f"it has {named(header)}"
        raise InputError(f"{table} has no column {' and no column '.join(missing)}: {hint}")
    return columns
