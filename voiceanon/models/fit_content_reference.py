"""Counts how the content of many speakers is distributed, for equalising that of one.

    python -m voiceanon.models.fit_content_reference SPEECH_FOLDER [-o content_reference.npz]

SPEECH_FOLDER holds subfolders with a `metadata.csv` (columns speaker, path) and the recordings it
names. Nothing of a single person is kept: one mean, one covariance and two histograms, in which
every recording counts by its speech.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.bottleneck import encoder
from voiceanon.models.fit_description_code import read_recordings
from voiceanon.profile import Profiler
from voiceanon.template import whole_removal

# As in csrc/src/content_equaliser.cpp.
PITCH_STEP, PITCH_BINS = 0.05, 101  # deviations, the middle bin around 0
LOWEST_DB, LEVEL_BINS = -60, 73
PAUSE_DB = -43.5  # speech is louder

Heard = npt.NDArray[np.float32]
Array = npt.NDArray[Any]


def heard(samples: Heard, rate: int) -> Heard:
    """Return frames as they are before anything is equalised or rounded."""
    profiler = Profiler(rate)
    profiler.process(samples)
    (profile,) = profiler.finish()
    if profiler.remembered is None:
        raise SystemExit("a recording is longer than two minutes: cut it")
    rows = whole_removal(profile.state).process(profiler.remembered[0])
    hearing = encoder(6, 0, rounded=False)
    frames: Heard = np.concatenate([hearing.process(rows), hearing.finish()])
    return frames


def fit(speech: Iterable[Heard]) -> dict[str, Array]:
    """Return mean and covariance of places, and shares of pitch and level, in frames of speech."""
    frames = np.concatenate(list(speech)).astype(np.float64)
    frames = frames[frames[:, -2] > PAUSE_DB]
    places, (voiced, level, pitch) = frames[:, :-3], frames[:, -3:].T
    is_voiced = voiced > 0.5
    covariance = np.cov(places.T, bias=True)
    return {
        "place_mean": places.mean(0).astype(np.float32),
        "place_covariance": ((covariance + covariance.T) / 2).astype(np.float32),
        "pitch_shares": shares(pitch[is_voiced] / PITCH_STEP + PITCH_BINS // 2, PITCH_BINS),
        "level_shares": shares(level - LOWEST_DB, LEVEL_BINS),
    }


def shares(values: Array, bins: int) -> Array:
    """Return how often each whole number from 0 occurs, all adding up to 1."""
    whole = np.clip(np.rint(values), 0, bins - 1).astype(np.int64)
    counts = np.bincount(whole, minlength=bins)
    found: npt.NDArray[np.float32] = (counts / counts.sum()).astype(np.float32)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("speech", type=Path)
    output = Path(__file__).parent / "content_reference.npz"
    parser.add_argument("-o", "--output", type=Path, default=output)
    arguments = parser.parse_args()
    speech = [heard(samples, rate) for samples, rate in read_recordings(arguments.speech)]
    np.savez_compressed(arguments.output, **fit(speech))  # type: ignore[arg-type]
    print(f"{len(speech)} recordings, {sum(map(len, speech)) / 50 / 60:.0f} min")


if __name__ == "__main__":
    main()
