"""Fits the filter that hears the mark, on speech that voiceanon made and marked.

    python -m voiceanon.models.fit_mark SPEECH_FOLDER [-o mark.npz]

SPEECH_FOLDER holds a `metadata.csv` (columns speaker, path) and the recordings it names. Every
recording is spoken by the recipes `template` and `bottleneck`, marked with a key of its own, and
heard as it is, through Opus and in noise. Ridge regression finds what tells the mark from levels.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.anonymizer import Anonymizer
from voiceanon.keys import Draws
from voiceanon.marking.hearing import HEARD_HZ, levels_db
from voiceanon.marking.pattern import BANDS, CELL_ROWS, PERIOD_ROWS, signs
from voiceanon.privacy.drawing import normal
from voiceanon.recipe import Recipe
from voiceanon.resampling import Resampler
from voiceanon.speaking import Labels

RECIPES = ("template", "bottleneck")
SECONDS = 10
REACH, ACROSS = 12, 2  # rows and bands, either way
RIDGE = 1e-3  # of the mean diagonal
NOISE_DB = -20.0
OPUS_LEVEL = 0.925  # libsndfile's, about 24 kbit/s

Array = npt.NDArray[Any]


def clips(folder: Path) -> Iterator[tuple[str, Array, int]]:
    """Yield speaker, ten seconds of speech and its rate, one for each speaker below `folder`."""
    import soundfile

    by_speaker: dict[str, list[str]] = defaultdict(list)
    with (folder / "metadata.csv").open(newline="") as lines:
        for line in csv.DictReader(lines):
            by_speaker[line["speaker"]].append(line["path"])
    for speaker, paths in sorted(by_speaker.items()):
        parts: list[Array] = []
        rate = 0
        for path in sorted(paths):
            samples, rate = soundfile.read(folder / path, dtype="float32")
            parts.append(samples)
            if sum(map(len, parts)) >= SECONDS * rate:
                break
        yield speaker, np.concatenate(parts)[: SECONDS * rate], rate


def at_8_khz(samples: Array, rate: int) -> Array:
    """Return samples at the rate that the detector hears."""
    resampler = Resampler(rate, HEARD_HZ)
    return np.concatenate([resampler.process(samples.astype(np.float32)), resampler.finish()])


def through_opus(samples: Array, rate: int) -> Array:
    """Return samples coded and decoded."""
    import soundfile

    coded = io.BytesIO()
    soundfile.write(
        coded, samples, rate, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL
    )
    coded.seek(0)
    decoded, _ = soundfile.read(coded, dtype="float32")
    return np.asarray(decoded)


def heard_ways(samples: Array, rate: int, draws: Draws) -> Iterator[Array]:
    """Yield one output as it is, through a codec, and in noise."""
    yield samples
    yield through_opus(samples, rate)
    loud = np.sqrt(np.mean(samples**2)) * 10 ** (NOISE_DB / 20)
    yield samples + loud * normal(draws, len(samples))


def true_signs(labels: Labels, rows: int) -> Array:
    """Return the sign of the mark in every row and band."""
    start = Draws(labels.secret, "start of the mark", labels.recording, "0").integer(PERIOD_ROWS)
    by_row = np.repeat(signs(labels.mark_key), CELL_ROWS, axis=0)
    return by_row[(start + np.arange(rows)) % PERIOD_ROWS]


def designs(level: Array, band: int) -> Array:
    """Return the levels that a band's filter sees, one row for each row."""
    padded = np.pad(level, ((REACH, REACH), (0, 0)), mode="edge")
    padded = np.pad(padded, ((0, 0), (ACROSS, ACROSS)))
    columns = [
        padded[row : row + len(level), band : band + 2 * ACROSS + 1] for row in range(2 * REACH + 1)
    ]
    return np.concatenate(columns, axis=1)


def fit(folder: Path, strength_db: float) -> Array:
    """Return the filter, shape (2 * REACH + 1, 2 * ACROSS + 1, BANDS)."""
    inputs = (2 * REACH + 1) * (2 * ACROSS + 1)
    products, goals = np.zeros((BANDS, inputs, inputs)), np.zeros((BANDS, inputs))
    for speaker, samples, rate in clips(folder):
        for name in RECIPES:
            secret = hashlib.sha256(f"{speaker} {name}".encode()).digest()
            recipe = replace(Recipe.named(name), mark_db=strength_db)
            made = Anonymizer(recipe, secret, mark_key=secret)(samples, rate)
            for sound in heard_ways(made, rate, Draws(secret, "noise")):
                level, weight = levels_db(at_8_khz(sound, rate))
                goal = true_signs(Labels(secret, "", None, secret), len(level))
                for band in range(BANDS):
                    seen = designs(level, band)
                    weighed = seen * weight[:, band : band + 1]
                    products[band] += weighed.T @ seen
                    goals[band] += weighed.T @ goal[:, band]
    taps = np.zeros((inputs, BANDS))
    for band in range(BANDS):
        ridge = RIDGE * np.trace(products[band]) / inputs * np.eye(inputs)
        taps[:, band] = np.linalg.solve(products[band] + ridge, goals[band])
    return taps.reshape(2 * REACH + 1, 2 * ACROSS + 1, BANDS)


def main() -> None:
    """Fit, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("speech", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent / "mark.npz")
    parser.add_argument("--strength-db", type=float, default=1.0)
    arguments = parser.parse_args()
    taps = fit(arguments.speech, arguments.strength_db)
    np.savez_compressed(arguments.out, taps=taps.astype(np.float32))


if __name__ == "__main__":
    main()
