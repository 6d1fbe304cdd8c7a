"""Counts what is likely after what in descriptions of training speech, for storing them small.

    python -m voiceanon.models.fit_description_code SPEECH_FOLDER [-o description_code.npz]

SPEECH_FOLDER holds subfolders with a `metadata.csv` (columns speaker, path) and the recordings it
names. A context is kept where its own frequencies spare bits against those of the coarser one.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.coding.contexts import ALPHABETS, MOST_DIGITS
from voiceanon.coding.description_code import Ladders, Symbols, Tracks
from voiceanon.coding.range_coder import TOTAL
from voiceanon.profile import Profiler
from voiceanon.recipe import Recipe
from voiceanon.speaking import Labels
from voiceanon.stream import Hearing

UTTERANCES_A_SPEAKER = 12
PITCH_LEVELS = range(1, 17)
PITCH_SPAN = 5.0  # deviations, of all steps together
# Bits that a context must spare in all of the training speech; less is chance or not worth it.
LEAST_GAIN_BITS = 14.0
# How many symbols of its own a context needs before they count as much as the coarser one's.
TRUST = 2.0

Heard = npt.NDArray[np.float32]
Array = npt.NDArray[Any]


def read_speech(root: Path) -> Iterator[Heard]:
    """Describe up to a dozen utterances of every speaker below `root`, pitch left as it is."""
    import soundfile

    for table in sorted(root.glob("*/metadata.csv")):
        by_speaker: dict[str, list[str]] = defaultdict(list)
        with table.open(newline="") as lines:
            for line in csv.DictReader(lines):
                by_speaker[line["speaker"]].append(line["path"])
        for _, paths in sorted(by_speaker.items()):
            step = max(1, len(paths) // UTTERANCES_A_SPEAKER)
            for path in paths[::step][:UTTERANCES_A_SPEAKER]:
                samples, rate = soundfile.read(table.parent / path, dtype="float32")
                yield heard(samples, rate)


def heard(samples: Heard, rate: int) -> Heard:
    """Return frames as the encoder gives them, with pitch in deviations."""
    profiler = Profiler(rate)
    profiler.process(samples)
    (profile,) = profiler.finish()
    recipe = replace(Recipe.named("bottleneck"), name="unquantised", pitch_levels=0)
    hearing = Hearing(recipe, rate, profile, Labels(bytes(32), "", None), 0)
    frames: Heard = np.concatenate([hearing.process(samples), *hearing.finish()])
    return frames


def tracks_of(frames: Heard, pitch_levels: int) -> Tracks:
    """Return what a description with so many steps of pitch says."""
    steps = np.rint(frames[:, MOST_DIGITS + 2] * (pitch_levels / PITCH_SPAN))
    return Tracks(
        units=frames[:, :MOST_DIGITS].astype(np.int8),
        voiced=frames[:, MOST_DIGITS] > 0.5,
        energy=frames[:, MOST_DIGITS + 1].astype(np.int8),
        pitch=steps.clip(-(pitch_levels // 2), pitch_levels // 2).astype(np.int8),
    )


def fit(speech: list[Heard]) -> dict[str, Array]:
    """Return contexts and frequencies of every track."""
    tables: dict[str, Array] = {}
    for track in ALPHABETS:
        levels = PITCH_LEVELS if track == "pitch" else (4,)
        symbols, ladders = [], []
        for frames in speech:
            for pitch_levels in levels:
                of = Symbols(tracks_of(frames, pitch_levels)).of
                symbols.append(of[track])
                ladders.append(np.stack(Ladders(of, pitch_levels).of(track)))
        # Voicing is a bool: there is no other value to stand for.
        count = len(ALPHABETS[track]) + (track != "voiced")
        contexts, shares = ladder_of(np.concatenate(ladders, 1), np.concatenate(symbols), count)
        order = np.argsort(contexts)
        tables[f"{track}_contexts"] = contexts[order]
        tables[f"{track}_frequencies"] = frequencies(shares[order])
    return tables


def ladder_of(ladder: Array, symbols: Array, count: int) -> tuple[Array, Array]:
    """Return the contexts worth keeping and the share of each of `count` symbols in them.

    Each context's shares are its counts with those of the coarser one before them (`TRUST`), the
    smoothing of MacKay and Peto, "A hierarchical Dirichlet language model", 1995.
    """
    parent = np.full((len(symbols), count), 1 / count)
    kept, shares = [], []
    for step, contexts in enumerate(ladder):
        found, first, inverse = np.unique(contexts, return_index=True, return_inverse=True)
        counts = np.zeros((len(found), count))
        np.add.at(counts, (inverse, symbols), 1)
        before = parent[first]
        share = (counts + TRUST * before) / (counts.sum(1, keepdims=True) + TRUST)
        gain = (counts * np.log2(share / before)).sum(1)
        is_kept = (gain > LEAST_GAIN_BITS) | (step == 0)
        kept.append(found[is_kept])
        shares.append(share[is_kept])
        parent = np.where(is_kept[:, None], share, before)[inverse]
    return np.concatenate(kept), np.concatenate(shares)


def frequencies(shares: Array) -> npt.NDArray[np.uint16]:
    """Return shares as whole numbers of 1 or more that add up to `TOTAL`."""
    whole = np.maximum(1, np.rint(shares * TOTAL)).astype(np.int64)
    rows = np.arange(len(whole))
    whole[rows, whole.argmax(1)] += TOTAL - whole.sum(1)
    made: npt.NDArray[np.uint16] = whole.astype(np.uint16)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("speech", type=Path)
    output = Path(__file__).parent / "description_code.npz"
    parser.add_argument("-o", "--output", type=Path, default=output)
    arguments = parser.parse_args()
    speech = list(read_speech(arguments.speech))
    tables = fit(speech)
    np.savez_compressed(arguments.output, **tables)  # type: ignore[arg-type]
    minutes = sum(map(len, speech)) / 50 / 60
    contexts = sum(len(values) for name, values in tables.items() if name.endswith("_contexts"))
    print(f"{len(speech)} recordings, {minutes:.0f} min; {contexts} contexts")


if __name__ == "__main__":
    main()
