"""The result file of the VoicePrivacy challenges: our figures under its sections and columns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from voiceanon.errors import DestinationError, InputError

__all__ = ["ResultSection", "read_results", "write_results"]

ORIGINAL_ASV = "ASV_eval results"  # attackers who never trained on anonymised speech
ANONYMISED_ASV = "ASV_eval^anon results"  # the strongest attacker of all
ASR = "ASR results"
SER = "SER results"
NOT_MEASURED = "not measured"
_ASV_COLUMNS = (
    *("dataset", "split", "gender", "enrollment", "trial"),
    *("EER", "EER-ci_lower", "EER-ci_upper"),
)
_ASR_COLUMNS = ("dataset", "split", "asr", "WER")
# The challenge enrols all of a speaker's recordings and tries one.
_POOLINGS = ("all-1", "1-1")
_ANONYMISED_SIDES = ("a–a", "a-a")
_GENDERS = {"all": "mixed", "female": "f", "male": "m"}
_TITLE = re.compile(r"---- (.*\S) +----")
_SUBTITLES = {"mean", "min", "max", "std"}
_PLAIN_NUMBER = re.compile(r"-?\d+(\.\d*)?")

Row = Mapping[str, str | float]


@dataclass(frozen=True)
class ResultSection:
    """A table of the result file.

    Attributes
    ----------
    title : str
        As it stands between the dashes, for example ``"ASR results"``.
    time : str
        Of the heading ``Time`` above it, as it stands there.
    rows : tuple of dict
        Cells by column: numbers as floats, all else as text. Empty where nothing was measured.
    """

    title: str
    time: str
    rows: tuple[dict[str, str | float], ...]


def write_results(
    results: Mapping[str, Any],
    path: str | os.PathLike[str],
    *,
    variant: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write one variant's results as the challenge's result file.

    ``ASV_eval`` holds attackers who know nothing of the anonymization: the original speech (the
    variant of kind ``raw``), ignorant and lazy-informed. ``ASV_eval^anon`` holds the lowest EER of
    all attackers who compare anonymised with anonymised speech, which is no other section's. The
    pooling is the challenge's, all against one; where it was not measured, one against one. The
    corpus's name is the data set and, after its first ``_``, the split. Emotions (``SER``) are
    not measured, and the file says so.

    Parameters
    ----------
    results : mapping
        Content of a ``results.json`` of ``voiceanon evaluate``.
    path : path
        The file, in an existing folder.
    variant : str, optional
        Name of the variant; by default the first recipe, or the first that is not raw.
    overwrite : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If there is no such variant.
    DestinationError
        If the file exists or cannot be written.
    """
    path = Path(path)
    variants = {str(one.get("name", "")): one for one in results.get("variants", ())}
    chosen = _chosen(variants, variant)
    raw = next((one for one in variants.values() if one.get("kind") == "raw"), None)
    place = _place(str(results.get("corpus", {}).get("name", "")))
    known = [place | row for row in _uninformed(raw, chosen)]
    strongest = [place | row for row in _strongest(chosen)]
    words = [place | row for row in _words(raw, chosen)]
    text = "\n".join(
        [
            f"---- Time: {_time(results)} ----\n",
            _section(SER, (), []),
            _section(ORIGINAL_ASV, _ASV_COLUMNS, known),
            _section(ASR, _ASR_COLUMNS, words),
            f"---- Time: {_time(results)} ----\n",
            _section(ANONYMISED_ASV, _ASV_COLUMNS, strongest),
        ]
    )
    try:
        with path.open("wb" if overwrite else "xb") as file:
            file.write(text.encode("utf-8", "replace"))
    except OSError as error:
        raise DestinationError(f"{path.name!r} cannot be written: {error.strerror}") from error
    return path


def read_results(path: str | os.PathLike[str]) -> tuple[ResultSection, ...]:
    """Return the sections of a result file, ours or one of the challenge.

    Raises
    ------
    InputError
        If it cannot be read, has no section, or a row does not fit its header.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"result file {path.name!r} cannot be read: {error}") from error
    sections: list[ResultSection] = []
    time, title, start = "", "", 0
    for at, line in enumerate([*lines, "---- end ----"]):
        heading = _TITLE.fullmatch(line.strip())
        if not heading:
            continue
        if title:
            sections.append(ResultSection(title, time, tuple(_rows(lines, start, at, path.name))))
        title, start = heading[1], at + 1
        if title.startswith("Time: "):
            time, title = title[6:], ""
    if not sections:
        raise InputError(f"{path.name!r} is no result file of the challenge: it has no section")
    return tuple(sections)


def _rows(lines: Sequence[str], start: int, end: int, name: str) -> Iterator[dict[str, Any]]:
    header: list[str] = []
    for number in range(start, end):
        cells = lines[number].split()
        if not cells or lines[number].strip() == NOT_MEASURED or set(cells) <= _SUBTITLES:
            continue
        if not header:
            header = cells
            continue
        if len(cells) not in (len(header), len(header) + 1):
            raise InputError(
                f"line {number + 1} of {name!r} has {len(cells)} cells below {len(header)} columns"
            )
        values = cells[len(cells) - len(header) :]  # the first may be the number of the row
        yield {
            column: float(cell) if _PLAIN_NUMBER.fullmatch(cell) and column[0].isupper() else cell
            for column, cell in zip(header, values, strict=True)
        }


def _chosen(variants: Mapping[str, Mapping[str, Any]], name: str | None) -> Mapping[str, Any]:
    if name is None:
        kinds = {key: one.get("kind") for key, one in variants.items()}
        recipes = [key for key, kind in kinds.items() if kind == "recipe"]
        recipes += [key for key, kind in kinds.items() if kind != "raw"]
        if not recipes:
            raise InputError("the results hold no anonymised variant: a result file needs one")
        name = recipes[0]
    if name not in variants:
        raise InputError(f"variant is {name!r}: the results hold {', '.join(map(repr, variants))}")
    return variants[name]


def _attacks(variant: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The variant's attacks at the challenge's pooling, or at one against one."""
    privacy = (variant or {}).get("privacy") or {}
    attacks = [one for one in privacy.get("attacks") or () if one.get("eer_percent")]
    for pooling in _POOLINGS:
        found = [one for one in attacks if one.get("pooling") == pooling]
        if found:
            return found
    return []


def _uninformed(
    raw: Mapping[str, Any] | None, chosen: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    # On raw speech both sides are original, whatever an attacker's sides are called.
    yield from _lowest(_attacks(raw), "original", "original")
    attacks = _attacks(chosen)
    ignorant = [one for one in attacks if str(one.get("attacker", "")).startswith("ignorant")]
    lazy = [one for one in attacks if str(one.get("attacker", "")).startswith("lazy")]
    yield from _lowest(ignorant, "original", "anon")
    yield from _lowest(lazy, "anon", "anon")


def _strongest(chosen: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    both = [one for one in _attacks(chosen) if one.get("sides") in _ANONYMISED_SIDES]
    yield from _lowest(both, "anon", "anon")


def _lowest(
    attacks: Sequence[Mapping[str, Any]], enrolment: str, trial: str
) -> Iterator[dict[str, str]]:
    """The lowest EER for each gender of trials."""
    for gender in sorted({str(one.get("gender", "all")) for one in attacks}):
        own = [one for one in attacks if str(one.get("gender", "all")) == gender]
        value, low, high = _interval(min(own, key=lambda one: _interval(one["eer_percent"])[0]))
        yield {
            "gender": _GENDERS.get(gender, gender),
            "enrollment": enrolment,
            "trial": trial,
            "EER": f"{value:.3f}",
            "EER-ci_lower": low,
            "EER-ci_upper": high,
        }


def _interval(value: Any) -> tuple[float, str, str]:
    if isinstance(value, Mapping):
        value = value["eer_percent"]
    figures = list(value) if isinstance(value, (list, tuple)) else [value]
    low, high = figures[1:3] if len(figures) > 2 else (None, None)
    return float(figures[0]), _cell(low), _cell(high)


def _cell(value: Any) -> str:
    return "NaN" if value is None else f"{float(value):.3f}"


def _words(raw: Mapping[str, Any] | None, chosen: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for variant, name in ((raw, "original"), (chosen, "anon")):
        wer = ((variant or {}).get("words") or {}).get("wer_percent")
        if wer is not None:
            yield {"asr": name, "WER": f"{_interval(wer)[0]:.3f}"}


def _place(corpus: str) -> dict[str, str]:
    """Data set and split; the challenge writes ``_`` for a split that a name does not have."""
    word = "-".join(corpus.split()) or "corpus"
    dataset, _, split = word.partition("_")
    return {"dataset": dataset or "_", "split": split or "_"}


def _time(results: Mapping[str, Any]) -> str:
    try:
        created = str(results.get("created", "")).replace("Z", "+00:00")  # Python 3.10 knows no Z
        return datetime.fromisoformat(created).strftime("%d-%m-%y_%H:%M")
    except ValueError:
        return "unknown"


def _section(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    """A table in the challenge's form: numbered rows, cells to the right, two spaces between."""
    lines = [f"---- {title} ----"]
    if not rows:
        return "\n".join([*lines, NOT_MEASURED, ""])
    cells = [("", *columns)]
    cells += [(str(at), *(row[column] for column in columns)) for at, row in enumerate(rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        parts = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(parts))
    return "\n".join([*lines, ""])
