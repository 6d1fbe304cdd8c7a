"""The readings that come with the package: public, so that anybody may hear the original too."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Reading", "bundled_readings"]

_FOLDER = Path(__file__).parents[1] / "samples"
_READERS = {"F": "a woman reads", "M": "a man reads"}


@dataclass(frozen=True)
class Reading:
    """One recording to be listened to.

    Attributes
    ----------
    path : Path
        The recording.
    title : str
        What it is called on a page; never a file name, which may be a person's.
    words : str
        What is said in it; empty where that is not known.
    is_public : bool
        Whether it is one of the package's own, whose readers gave their voices to the public.
    """

    path: Path
    title: str
    words: str = ""
    is_public: bool = False


def bundled_readings() -> tuple[Reading, ...]:
    """Return the readings of the package, women and men in turn.

    Examples
    --------
    >>> [reading.title for reading in bundled_readings()][:2]
    ['Reading 1, a woman reads', 'Reading 2, a man reads']
    """
    with (_FOLDER / "metadata.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    by_sex = [[row for row in rows if row["sex"] == sex] for sex in _READERS]
    in_turn = [row for pair in zip(*by_sex, strict=True) for row in pair]
    return tuple(
        Reading(
            _FOLDER / row["path"],
            f"Reading {number}, {_READERS[row['sex']]}",
            f"{row['text'].capitalize()}.".replace(" i ", " I "),
            is_public=True,
        )
        for number, row in enumerate(in_turn, 1)
    )
