"""Which recordings the benchmarks hear, so that every benchmark and every rival hears the same."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parents[1]
SPEECH = REPOSITORY.parent / "shared" / "speech"
SETS = ("dev", "train")
RATE = 16000


@dataclass(frozen=True)
class Utterance:
    """One recording and who speaks in it."""

    name: str
    speaker: str
    path: Path


def utterances(which: str, count: int) -> list[Utterance]:
    """The first ``count`` recordings of a set when its speakers take turns.

    The corpora inside ``train`` take turns too, so that children and learners are heard early.
    Without ``shared/speech`` the recordings of voiceanon/samples stand in for every set.
    """
    if which not in SETS:
        raise ValueError(f"set {which!r}: one of {', '.join(SETS)}")
    tables = sorted((SPEECH / which).glob("**/metadata.csv"))
    if not tables:
        return _bundled()[:count]
    corpora = [_turns(_speakers(table)) for table in tables]
    return _turns(corpora)[:count]


def load(path: Path) -> NDArray[np.float32]:
    """Mono samples at 16 kHz, float32."""
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    if rate != RATE:
        import soxr

        mono = soxr.resample(mono, rate, RATE, quality="HQ")
    return np.ascontiguousarray(mono, dtype=np.float32)


def joined(seconds: float, which: str = "dev") -> NDArray[np.float32]:
    """``seconds`` of speech at 16 kHz: recordings one after another, repeated where too few."""
    wanted = round(seconds * RATE)
    pieces: list[NDArray[np.float32]] = []
    found = utterances(which, 400)
    if not found:
        raise FileNotFoundError("no speech: neither shared/speech nor voiceanon/samples has any")
    have = 0
    while have < wanted:
        for utterance in found:
            pieces.append(load(utterance.path))
            have += len(pieces[-1])
            if have >= wanted:
                break
    return np.concatenate(pieces)[:wanted]


def _speakers(table: Path) -> list[list[Utterance]]:
    by_speaker: dict[str, list[Utterance]] = defaultdict(list)
    with table.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            by_speaker[row["speaker"]].append(
                Utterance(row["utt_id"], row["speaker"], table.parent / row["path"])
            )
    return [
        sorted(found, key=lambda utterance: utterance.name)
        for _, found in sorted(by_speaker.items())
    ]


def _turns(queues: list[list[Utterance]]) -> list[Utterance]:
    return [one for turn in zip_longest(*queues) for one in turn if one is not None]


def _bundled() -> list[Utterance]:
    data = REPOSITORY / "voiceanon" / "samples"
    paths = sorted(p for p in data.rglob("*") if p.suffix in {".flac", ".wav", ".ogg", ".opus"})
    return [Utterance(path.stem, path.parent.name, path) for path in paths]
