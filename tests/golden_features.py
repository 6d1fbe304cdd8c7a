"""Writes and reads the golden features: what the engine makes of one real recording, over time.

    python -m tests.golden_features --write

makes tests/golden/ anew from the checkout it runs in, the stored description too. Do so after a
change of the engine that is meant to be heard, and look at the difference before keeping it. The
first row of a table names the columns, the second says how far each may be off, every other row is
one frame of ten, or every frame of a description.
"""

import argparse
import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

if __package__:  # run as tests.golden_features, the other files of this folder are still beside it
    sys.path.insert(0, str(Path(__file__).parent))

from sounds import clip

from voiceanon import _engine
from voiceanon.anonymizer import Anonymizer
from voiceanon.bottleneck import FRAME_S
from voiceanon.describing import abstract
from voiceanon.recipe import Recipe
from voiceanon.template import ANALYSIS_ORDER, basis

GOLDEN = Path(__file__).parent / "golden"
CLIP = "121-127105-0001.flac"
SECRET = bytes(range(32))
STORED = "description.voa"
EVERY = 10
VALUES = 5
# SIMD levels differ by a thousandth of these; a change that can be heard is larger.
TOLERANCE = {"f0_hz": 1.0, "level_db": 0.2, "aperiodicity_0": 0.05, "value": 0.05}


def features(samples: np.ndarray, rate: int) -> dict[str, np.ndarray]:
    """Return f0, level, aperiodicity of the lowest band and the first values of the envelope."""
    analyzer = _engine.Analyzer(rate, order=ANALYSIS_ORDER, basis=basis())
    rows = np.concatenate([analyzer.process(samples), analyzer.finish()])[::EVERY]
    columns = {
        "time_s": 0.005 * EVERY * np.arange(len(rows)),
        "f0_hz": rows[:, 0],
        "level_db": rows[:, 1],
        "aperiodicity_0": rows[:, 2],
    }
    start = 2 + analyzer.bands
    return columns | {f"value_{i}": rows[:, start + i] for i in range(VALUES)}


def of_recording() -> dict[str, np.ndarray]:
    return features(*clip(CLIP))


def of_recipe(name: str) -> dict[str, np.ndarray]:
    samples, rate = clip(CLIP)
    recipe = Recipe.named(name, allow_unprotected=True)
    return features(Anonymizer(recipe, SECRET)(samples, rate), rate)


def of_description() -> dict[str, np.ndarray]:
    """Return what the bottleneck keeps of the recording, every frame of it."""
    described = abstract(*clip(CLIP), SECRET, recipe="bottleneck")
    columns = {"time_s": FRAME_S * np.arange(described.frames)}
    columns |= {f"digit_{i}": digit for i, digit in enumerate(described.units.T)}
    return columns | {
        "voiced": described.voiced.astype(int),
        "level": described.energy,
        "pitch": described.pitch,
    }


MADE: dict[str, Callable[[], dict[str, np.ndarray]]] = {
    "analysis": of_recording,
    "resynthesis": lambda: of_recipe("resynthesis"),
    "template": lambda: of_recipe("template"),
    "bottleneck": lambda: of_recipe("bottleneck"),
    "description": of_description,
}


def tolerance(column: str) -> float:
    return TOLERANCE.get(column, TOLERANCE["value"] if column.startswith("value") else 0.0)


def write(name: str) -> Path:
    columns = MADE[name]()
    path = GOLDEN / f"{name}.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerow(tolerance(column) for column in columns)
        table.writerows(
            [f"{value:.4g}" for value in row] for row in zip(*columns.values(), strict=True)
        )
    return path


def read(name: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the names of the columns, their tolerances and the frames."""
    with (GOLDEN / f"{name}.csv").open(newline="") as file:
        columns, *rows = csv.reader(file)
    numbers = np.array(rows, dtype=float)
    return columns, numbers[0], numbers[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the golden features anew.")
    parser.add_argument("--write", action="store_true", required=True, help="write tests/golden")
    parser.parse_args()
    for name in MADE:
        print(write(name))
    abstract(*clip(CLIP), SECRET, recipe="bottleneck").save(GOLDEN / STORED, overwrite=True)


if __name__ == "__main__":
    main()
