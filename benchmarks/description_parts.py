"""Which part of a description tells who speaks: attackers who miss a part of it.

    python benchmarks/description_parts.py SPEECH --train TRAIN -o RESULT.json [--cache FOLDER]

Of the descriptions of SPEECH and of other people, parts are taken away everywhere alike: melody,
level, how long units last, the units themselves. The attackers who count and time units, and both
together, learn from what is left of the training speakers'. What they still reach says which part
tells how much. Beside them stands one who has no sound at all and reads what was said.
"""

from __future__ import annotations

import argparse
import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon import Abstraction, Recipe
from voiceanon.bottleneck import FRAME_S
from voiceanon.privacy.attack import Verifier
from voiceanon.privacy.cache import Cache
from voiceanon.privacy.collected import Collected
from voiceanon.privacy.corpora import check_corpus, read_corpus
from voiceanon.privacy.descriptions.attacking import reduced, verifiers_of_views
from voiceanon.privacy.descriptions.described import Described, is_speech
from voiceanon.privacy.descriptions.joined import JoinedDescriptions
from voiceanon.privacy.descriptions.unit_statistics import UnitStatistics
from voiceanon.privacy.descriptions.unit_timing import UnitTiming
from voiceanon.privacy.figures import Protocol, attack_figures
from voiceanon.privacy.training_set import training_set
from voiceanon.privacy.variants import baseline
from voiceanon.privacy.verdicts import headline
from voiceanon.privacy.workers import Workers

HOURS = 2.0  # of other people's speech, as in an evaluation

COUNTED = 1024  # spellings and words are hashed to so many bins

Change = Callable[[Abstraction], Abstraction]


def without_melody(described: Abstraction) -> Abstraction:
    return replace(described, pitch=np.zeros_like(described.pitch))


def without_level(described: Abstraction) -> Abstraction:
    energy = np.where(is_speech(described), 0, described.energy).astype(np.int8)
    return replace(described, energy=energy)


def without_durations(described: Abstraction) -> Abstraction:
    """One frame for as many as one unit lasts."""
    unit = np.column_stack([described.units, described.voiced, is_speech(described)])
    first = np.concatenate([[True], (np.diff(unit.astype(int), axis=0) != 0).any(1)])
    return replace(
        described,
        units=described.units[first],
        voiced=described.voiced[first],
        energy=described.energy[first],
        pitch=described.pitch[first],
        n_samples=round(int(first.sum()) * FRAME_S * described.rate),
    )


def without_units(described: Abstraction) -> Abstraction:
    return replace(described, units=np.zeros_like(described.units))


PARTS: dict[str, tuple[Change, ...]] = {
    "all of it": (),
    "without melody": (without_melody,),
    "without level": (without_level,),
    "without melody and level": (without_melody, without_level),
    "without durations": (without_durations,),
    "order of units alone": (without_melody, without_level, without_durations),
    "without units": (without_units,),
    "durations of voice and pauses alone": (without_units, without_melody, without_level),
}


class Partly(Described):
    """Descriptions of which a part is missing."""

    changes: tuple[Change, ...] = ()

    def descriptions(self, where: str) -> tuple[Abstraction, ...]:
        """Return what is left of the descriptions of one side."""
        left = super().descriptions(where)
        for change in self.changes:
            left = tuple(map(change, left))
        return left


def spelling(text: str) -> dict[str, npt.NDArray[np.float64]]:
    """Return how often pairs and triples of letters and words occur, as roots of shares."""
    letters = re.sub(r"[^a-z' ]", "", text.lower())
    said = f" {letters} "
    pieces = {
        "pairs": [said[i : i + 2] for i in range(len(said) - 1)],
        "triples": [said[i : i + 3] for i in range(len(said) - 2)],
        "words": said.split(),
    }
    found = {}
    for name, parts in pieces.items():
        bins = [zlib.crc32(part.encode()) % COUNTED for part in parts]
        found[name] = np.sqrt(np.bincount(bins, minlength=COUNTED) / max(len(bins), 1))
    return found | {"all": np.concatenate(list(found.values()))}


class ReadWords:
    """LDA and PLDA on counts of letters and words of transcripts: no sound, no timing."""

    name = "words"
    sides = "t–t"
    knowledge = "reads transcripts, and trains LDA and PLDA on those of other people"

    def verifiers(self, described: Described) -> dict[str, Verifier]:
        """Return every back-end on every kind of count."""
        known, seen = (
            [spelling(one.text) for one in part]
            for part in (described.training, described.recordings)
        )
        views = {
            name: reduced(*(np.stack([row[name] for row in rows]) for rows in (known, seen)))
            for name in known[0]
        }
        return verifiers_of_views(described, views)


@dataclass(frozen=True)
class Trials:
    """Who is tried against whom, and what the attackers have of other people."""

    originals: Collected
    protocol: Protocol
    drawn: Any
    pool: Workers

    def lowest(self, attackers: dict[Any, dict[str, Verifier]]) -> dict[str, dict[str, Any]]:
        """Return the lowest EER of attackers, for one recording and for all of a person's."""
        rows: list[dict[str, Any]] = []
        for one, verifiers in attackers.items():
            rows += attack_figures(one, verifiers, self.protocol, self.drawn, self.pool, one.name)
        found = {}
        for name, pooling in (("single", "1-1"), ("pooled", None)):
            best = headline(rows, pooling)
            if best is not None:
                found[name] = {"attacker": best["attacker"], "eer_percent": best["eer_percent"]}
        return found


@contextmanager
def trials_of(told: argparse.Namespace) -> Iterator[Trials]:
    """Open the corpora that the command line names."""
    measured = check_corpus(read_corpus(told.speech)).recordings
    trained = training_set(check_corpus(read_corpus(told.train)).recordings, most_hours=HOURS)
    protocol = Protocol(measured, None)
    with (
        TemporaryDirectory() as scratch,
        Workers(told.workers, lambda *_told: None) as pool,
    ):
        store = Cache(told.cache or Path(scratch))
        originals = Collected(baseline("raw"), measured, trained, (), store, pool)
        yield Trials(originals, protocol, protocol.sides(), pool)


def command_line(description: str) -> argparse.Namespace:
    """Read the command line of a benchmark on descriptions."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("speech", type=Path)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def written(script: str, trials: Trials, output: Path, **found: Any) -> None:
    """Write what was measured, and on what."""
    measured = trials.originals.recordings
    result = {
        "command": f"python benchmarks/{script} speech/dev --train speech/train",
        "speakers": len({one.speaker for one in measured}),
        "recordings": len(measured),
        "training_recordings": len(trials.originals.training),
        **found,
    }
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def attacked(described: Partly, trials: Trials) -> dict[str, Any]:
    """Return the lowest EER of those who count and time, and of both together."""
    attackers = [UnitStatistics(), UnitTiming()]
    known = {one.name: one.verifiers(described) for one in attackers}
    joined = JoinedDescriptions()
    known[joined.name] = joined.verifiers(attackers, known)
    return trials.lowest({one: known[one.name] for one in (*attackers, joined)})


def main() -> None:
    """Run the command line."""
    told = command_line(__doc__.splitlines()[0])
    parts: list[dict[str, Any]] = []
    with trials_of(told) as trials:
        described = Partly(Recipe.named("bottleneck"), trials.originals)
        reader = ReadWords()
        words = trials.lowest({reader: reader.verifiers(described)})
        for part, changes in PARTS.items():
            described.changes = changes
            found = attacked(described, trials)
            print(part, found, flush=True)
            parts.append({"part": part, **found})
        print("words alone", words, flush=True)
        parts.append({"part": "the words alone, read", **words})
    written("description_parts.py", trials, told.output, parts=parts)


if __name__ == "__main__":
    main()
