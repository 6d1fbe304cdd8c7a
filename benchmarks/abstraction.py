"""Descriptions of a corpus: their size, their speed, and what an assessment reads in them.

    python benchmarks/abstraction.py SPEECH -o RESULT.json

Every recording of SPEECH is described, stored and loaded again. RESULT has the bits a second as
they lie on the disk; how long describing takes beside anonymizing with the same recipe, storing and
loading beside both; and how well each assessment measure of the description agrees with the
original's (Pearson's r), on its grid and of the recording before any grid.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import voiceanon
from voiceanon.checks.assessment import MEASURES, speech_measures
from voiceanon.privacy.corpora import read_corpus
from voiceanon.privacy.sounds import Sound
from voiceanon.recipe import DESCRIBING_RECIPE

RATE = 16_000


def one(sound: Sound) -> dict[str, Any]:
    """Return what one recording gives."""
    samples = sound.read()
    times = []
    began_s = time.process_time()
    described = voiceanon.abstract(samples, RATE)
    times.append(time.process_time() - began_s)
    began_s = time.process_time()
    voiceanon.Anonymizer(DESCRIBING_RECIPE)(samples, RATE)
    times.append(time.process_time() - began_s)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.voa"
        began_s = time.process_time()
        described.save(path)
        times.append(time.process_time() - began_s)
        size = path.stat().st_size
        began_s = time.process_time()
        again = voiceanon.Abstraction.load(path)
        times.append(time.process_time() - began_s)
    if again != described:
        raise AssertionError("a description changed by being stored")
    return {
        "duration_s": len(samples) / RATE,
        "bytes": size,
        "times_s": times,
        "original": speech_measures(samples),
        "described": described.measures.values,
    }


def agreement(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return Pearson's r and the mean difference of each measure that both sides have."""
    found = {}
    for name in MEASURES:
        pairs = [(row["original"][name], row["described"][name]) for row in rows]
        both = np.array([pair for pair in pairs if None not in pair], np.float64)
        if len(both) > 2:
            before, after = both.T
            found[name] = {
                "recordings": len(both),
                "r": float(np.corrcoef(before, after)[0, 1]),
                "mean_difference": float((after - before).mean()),
            }
    return found


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of a corpus."""
    seconds = np.array([row["duration_s"] for row in rows])
    describing, anonymizing, saving, loading = np.array([row["times_s"] for row in rows]).sum(0)
    bits = 8.0 * np.array([row["bytes"] for row in rows])
    return {
        "recordings": len(rows),
        "duration_s": float(seconds.sum()),
        "stored_bits_per_second": float(bits.sum() / seconds.sum()),
        "stored_bits_per_second_mean": float((bits / seconds).mean()),
        "anonymizing_by_describing": float(anonymizing / describing),
        "anonymizing_by_describing_and_saving": float(anonymizing / (describing + saving)),
        "saving_x_real_time": float(seconds.sum() / saving),
        "loading_x_real_time": float(seconds.sum() / loading),
        "measures": agreement(rows),
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("speech", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    sounds = [Sound.of(recording) for recording in read_corpus(arguments.speech).recordings]
    with ProcessPoolExecutor(arguments.workers) as pool:
        found = summary(list(pool.map(one, sounds, chunksize=4)))
    arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
