"""Which part of a description tells who speaks: attackers who miss a part of it.

    python benchmarks/description_parts.py SPEECH --train TRAIN -o RESULT.json [--cache FOLDER]

Of the descriptions of SPEECH and of other people, parts are taken away everywhere alike: melody,
level, how long units last, the units themselves. The attackers who count and time units, and both
together, learn from what is left of the training speakers'. What they still reach says which part
tells how much.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from voiceanon import Abstraction, Recipe
from voiceanon.bottleneck import FRAME_S
from voiceanon.privacy.cache import Cache
from voiceanon.privacy.collected import Collected
from voiceanon.privacy.corpora import check_corpus, read_corpus
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


def attacked(described: Partly, protocol: Protocol, drawn: Any, pool: Workers) -> dict[str, Any]:
    """Return the lowest EER of the attackers, for one description and for all of a person's."""
    attackers = [UnitStatistics(), UnitTiming()]
    known = {one.name: one.verifiers(described) for one in attackers}
    joined = JoinedDescriptions()
    known[joined.name] = joined.verifiers(attackers, known)
    rows: list[dict[str, Any]] = []
    for one in (*attackers, joined):
        rows += attack_figures(one, known[one.name], protocol, drawn, pool, one.name)
    found = {}
    for name, pooling in (("single", "1-1"), ("pooled", None)):
        best = headline(rows, pooling)
        if best is not None:
            found[name] = {"attacker": best["attacker"], "eer_percent": best["eer_percent"]}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("speech", type=Path)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    measured = check_corpus(read_corpus(arguments.speech)).recordings
    others = check_corpus(read_corpus(arguments.train)).recordings
    trained = training_set(others, most_hours=HOURS)
    protocol = Protocol(measured, None)
    drawn = protocol.sides()
    parts: list[dict[str, Any]] = []
    with (
        TemporaryDirectory() as scratch,
        Workers(arguments.workers, lambda *_told: None) as pool,
    ):
        store = Cache(arguments.cache or Path(scratch))
        originals = Collected(baseline("raw"), measured, trained, (), store, pool)
        described = Partly(Recipe.named("bottleneck"), originals)
        for part, changes in PARTS.items():
            described.changes = changes
            told = attacked(described, protocol, drawn, pool)
            print(part, told, flush=True)
            parts.append({"part": part, **told})
    result = {
        "command": "python benchmarks/description_parts.py speech/dev --train speech/train",
        "speakers": len({one.speaker for one in measured}),
        "recordings": len(measured),
        "training_recordings": len(trained),
        "parts": parts,
    }
    arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
