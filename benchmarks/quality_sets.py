"""Fixed utterance lists, so that every variant is measured on the same words, speakers and splits.

Nothing here is drawn at run time except through seeded generators: two runs of the harness list the
same utterances. `dev` is for reporting, `tune` for choosing settings, `train` for attackers; no
speaker is in two of them.
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Speakers with enough 3.5-14 s utterances; the four of libri_clean_100_4spk have two chapters.
# They are taken out of the attackers' training, whichever set is measured.
TUNE_SPEAKERS = {
    "libri_clean_100_4spk": ("4088", "5652", "4406", "8226"),
    "libri_clean_5": (
        *("1088", "1898", "19", "226", "2416", "3947"),
        *("118", "163", "1867", "2136", "460", "7367"),
    ),
}
UTTERANCES_A_TUNE_SPEAKER = 12
SHORTEST_S, LONGEST_S = 3.5, 14.0


@dataclass(frozen=True)
class Item:
    """One recording to anonymise: a whole utterance, or a stretch of one for attacker training."""

    key: str  # path below the variant's folder, without suffix
    source: str  # path below the speech folder
    speaker: str
    sex: str
    chapter: str
    text: str
    start_s: float = 0.0
    length_s: float | None = None  # None: to the end


def speech_folder(given: str | None = None) -> Path:
    """Return the folder of dev/ and train/: the option, the environment, or beside the checkout."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "speech"
    folder = Path(given or os.environ.get("VOICEANON_SPEECH") or beside)
    if not (folder / "dev" / "metadata.csv").is_file():
        raise SystemExit(f"no dev/metadata.csv under {folder}: give --speech or VOICEANON_SPEECH")
    return folder


def _rows(speech: Path, part: str) -> list[dict[str, str]]:
    with (speech / part / "metadata.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _item(row: dict[str, str], part: str, prefix: str) -> Item:
    chapter = row["utt_id"].split("-")[1] if "-" in row["utt_id"] else ""
    return Item(
        key=f"{prefix}/{row['utt_id']}",
        source=f"{part}/{row['path']}",
        speaker=row["speaker"],
        sex=row["sex"],
        chapter=chapter,
        text=row["text"],
    )


def _in_range(row: dict[str, str]) -> bool:
    return SHORTEST_S <= float(row["duration_s"]) <= LONGEST_S


def _by_speaker(rows: list[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
    grouped: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        grouped[row["speaker"]].append(row)
    return grouped


def _spread(rows: Sequence[dict[str, str]], count: int) -> list[dict[str, str]]:
    """Take `count` rows at even distances, so that the pick covers chapters from end to end."""
    picks = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    return [rows[i] for i in picks]


def measured_items(speech: Path, which: str) -> list[Item]:
    """Return the utterances of `dev` (20 speakers x 12) or `tune` (16 x 12), in a fixed order."""
    if which == "dev":
        return [_item(row, "dev", "dev") for row in _rows(speech, "dev")]
    items = []
    for part, speakers in TUNE_SPEAKERS.items():
        grouped = _by_speaker(_rows(speech, f"train/{part}"))
        for speaker in speakers:
            rows = [row for row in grouped[speaker] if _in_range(row)]
            picked = _spread(rows, UTTERANCES_A_TUNE_SPEAKER)
            items += [_item(row, f"train/{part}", "tune") for row in picked]
    return items


def training_items(speech: Path, speakers: int, segment_s: float, utterances: int) -> list[Item]:
    """Return what attackers learn from.

    Up to `speakers` people of libri_clean_100_1utt, their one utterance cut into stretches of
    `segment_s` seconds that are anonymised each on its own, so that an attacker sees several
    draws of one person; and `utterances` whole utterances of each libri_clean_5 speaker.
    """
    kept_out = {speaker for group in TUNE_SPEAKERS.values() for speaker in group}
    part = "train/libri_clean_100_1utt"
    rows = [row for row in _rows(speech, part) if row["speaker"] not in kept_out]
    items = []
    for row in _spread(rows, speakers):
        count = max(1, int(float(row["duration_s"]) / segment_s))
        length_s = float(row["duration_s"]) / count
        base = _item(row, part, "train/1utt")
        for index in range(count):
            items.append(
                Item(
                    **{
                        **base.__dict__,
                        "key": f"{base.key}_{index}",
                        "start_s": index * length_s,
                        "length_s": length_s,
                    }
                )
            )
    part = "train/libri_clean_5"
    for speaker, rows in _by_speaker(_rows(speech, part)).items():
        if speaker not in kept_out:
            fitting = [row for row in rows if _in_range(row)]
            items += [_item(row, part, "train/5h") for row in _spread(fitting, utterances)]
    return items


def spread_over_speakers(items: list[Item], count: int) -> list[Item]:
    """Pick `count` items in turns over the speakers; within a speaker at even distances."""
    grouped: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        grouped[item.speaker].append(item)
    share, extra = divmod(count, len(grouped))
    picked: list[Item] = []
    for rank, group in enumerate(grouped.values()):
        wanted = min(len(group), share + (rank < extra))
        at = np.linspace(0, len(group) - 1, wanted).round().astype(int) if wanted else []
        picked += [group[i] for i in at]
    return picked


def split_speaker(chapters: Sequence[str], generator: np.random.Generator) -> np.ndarray:
    """Return a mask over one speaker's utterances: True is enrolment, False is trial.

    Whole chapters go to one side where there are several; a speaker of one chapter is halved.
    Which side gets what is drawn, so that several splits can be averaged.
    """
    names = sorted(set(chapters))
    if len(names) == 1:
        order = generator.permutation(len(chapters))
        mask = np.zeros(len(chapters), bool)
        mask[order[: len(chapters) // 2]] = True
        return mask
    chosen: set[str] = set()
    filled = 0
    for name in generator.permutation(names):
        if chosen and filled + list(chapters).count(name) > len(chapters) // 2:
            continue
        chosen.add(str(name))
        filled += list(chapters).count(name)
    mask = np.array([chapter in chosen for chapter in chapters])
    if mask.all():  # cannot happen with two chapters or more, but an empty side would hide trials
        mask[-1] = False
    return mask if generator.integers(2) else ~mask
