"""An archive run: its pace, its workers, its memory, and how fast it plans and resumes.

    python benchmarks/archive.py SPEECH -o RESULT.json

SPEECH is run over with one worker and with two; the ratio of the times is what the second is worth.
The recordings as they are, and joined to longer ones, under as many names as make some hours, go
through a run without the gate, and, read into memory, through the bare engine in one process: the
share that a run reaches of its pace, a core, is what files, checks and ledger cost. An hour of
recordings, one after another, tells the memory of a worker. A tree of empty files is planned, noted
as done and resumed: seconds for a million, and the highest memory of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import voiceanon
from voiceanon.archive.ledger import Ledger, Row
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.run_folder import RunFolder, RunSettings, Shard
from voiceanon.archive.running import run_shard
from voiceanon.archive.sources import find_sources
from voiceanon.archive.work import output_of
from voiceanon.keys import fresh_secret
from voiceanon.privacy.corpora import read_corpus
from voiceanon.privacy.sounds import Sound
from voiceanon.recipe import Recipe

RATE = 16_000
FILES_A_FOLDER = 1000
JOINED_S = (110, 600)  # answers, interviews
HOURS = 3.0


def joined(sounds: list[np.ndarray], length_s: int) -> list[np.ndarray]:
    """Return the same samples as recordings of a length; the last may be shorter."""
    whole = np.concatenate(sounds)
    return [whole[at : at + length_s * RATE] for at in range(0, len(whole), length_s * RATE)]


def repeated(sounds: list[np.ndarray], folder: Path, suffix: str, times: int) -> None:
    """Fill a folder with recordings, each under so many names."""
    first = folder / "00000"
    first.mkdir(parents=True)
    for number, samples in enumerate(sounds):
        soundfile.write(first / f"{number:06d}{suffix}", samples, RATE, subtype="PCM_16")
    for again in range(1, times):
        place = folder / f"{again:05d}"
        place.mkdir()
        for file in first.iterdir():
            os.link(file, place / file.name)


def planned(source: Path, folder: Path, key: bytes | None = None, **settings: Any) -> RunFolder:
    """Return a run over a folder, its destination beside it; without a key, one of its own."""
    recipe = Recipe.named("template")
    made = RunFolder(folder / "out.run").make(
        RunSettings(
            run="benchmark",
            source=str(source),
            destination=str(folder / "out"),
            recipe={"name": recipe.name, "version": recipe.version, **recipe.settings()},
            **settings,
        ),
        key or fresh_secret(),
    )
    Manifest.write(made.manifest, find_sources(str(source)), made.key(), keep_names=False).close()
    return made


def run_s(source: Path, workers: int, **settings: Any) -> float:
    """Return how long a run takes, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        run = planned(source, Path(folder), **settings)
        began_s = time.monotonic()
        run_shard(run, workers=workers)
        return time.monotonic() - began_s


def bare_s(sounds: list[np.ndarray], times: int = 1) -> float:
    """Return how long the bare engine takes over the same samples, in memory."""
    anonymizer = voiceanon.Anonymizer("template")
    began_s = time.monotonic()
    for _ in range(times):
        for samples in sounds:
            anonymizer(samples, RATE)
    return time.monotonic() - began_s


def shares(sounds: list[np.ndarray], rounds: int) -> dict[str, Any]:
    """Return what part of the bare engine's pace a run without the gate has, a core."""
    times = max(1, round(HOURS * 3600 * RATE / sum(map(len, sounds))))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        repeated(sounds, source, ".flac", times)
        found = []
        for _ in range(rounds):  # beside each other, so that a busy neighbour meets both
            bare = bare_s(sounds, times)
            found.append(bare / run_s(source, 1, check=False))
    return {"recordings": times * len(sounds), "median": float(np.median(found)), "all": found}


def worker_mb(source: Path) -> float:
    """Return the highest resident memory of the workers of a run, in MB, imports included."""
    code = (
        "import resource, sys; sys.path.insert(0, sys.argv[1]); "
        "from pathlib import Path; from benchmarks.archive import run_s; "
        "run_s(Path(sys.argv[2]), 1); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    root = str(Path(__file__).parents[1])
    told = subprocess.run(
        [sys.executable, "-c", code, root, str(source)], check=True, capture_output=True, text=True
    )
    return float(told.stdout)


def scanned(entries: int, folder: Path) -> dict[str, float]:
    """Return seconds a million entries to plan and to resume, and the memory of both."""
    source = folder / "source"
    for number in range(entries):
        if number % FILES_A_FOLDER == 0:
            place = source / f"{number // FILES_A_FOLDER:05d}"
            place.mkdir(parents=True)
        os.close(os.open(place / f"{number:07d}.flac", os.O_CREAT | os.O_WRONLY))
    began_s = time.monotonic()
    run = planned(source, folder)
    plan_s = time.monotonic() - began_s
    out = Path(run.settings().destination)
    out.mkdir(mode=0o700)
    for name in range(256):
        (out / f"{name:02x}").mkdir()
    with (
        Manifest.open(run.manifest) as manifest,
        Ledger(run.ledger(Shard()), run.settings().run) as ledger,
    ):
        for entry in manifest:
            made = out / f"{entry.output}.flac"
            os.close(os.open(made, os.O_CREAT | os.O_WRONLY))
            ledger.put(Row(entry.id, "done", outputs=(output_of(made, ".flac"),)))
    began_s = time.monotonic()
    counts = run_shard(run)
    resume_s = time.monotonic() - began_s
    if counts["done"] != entries:
        raise AssertionError("a resume did not find everything done")
    scale = 1_000_000 / entries
    return {
        "entries": entries,
        "plan_s_a_million": plan_s * scale,
        "resume_s_a_million": resume_s * scale,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("speech", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scan-only", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, Any] = {"scan": scanned(arguments.entries, Path(folder))}
    if not arguments.scan_only:
        found |= measured(arguments.speech, arguments.rounds)
    arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


def measured(speech: Path, rounds: int) -> dict[str, Any]:
    """Return what workers, checks and memory come to."""
    recordings = read_corpus(speech).recordings
    sounds = [Sound.of(recording).read() for recording in recordings]
    seconds = sum(map(len, sounds)) / RATE
    one, two, bare = [], [], []
    for _ in range(rounds):  # beside each other, so that a busy neighbour meets all of them
        bare.append(bare_s(sounds))
        one.append(run_s(speech, 1))
        two.append(run_s(speech, 2))
    ratios = [first / second for first, second in zip(one, two, strict=True)]
    gated = [first / second for first, second in zip(bare, one, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        long, many = Path(folder) / "long", Path(folder) / "many"
        long.mkdir()
        many.mkdir()
        hour = np.tile(np.concatenate(sounds), -(-3600 * RATE // sum(map(len, sounds))))
        soundfile.write(long / "hour.flac", hour[: 3600 * RATE], RATE)
        for number in range(1000):
            soundfile.write(many / f"{number}.flac", sounds[number % len(sounds)][:RATE], RATE)
        memory = {"hour": worker_mb(long), "thousand_files": worker_mb(many)}
    return {
        "recordings": len(sounds),
        "duration_s": seconds,
        "x_real_time_one_worker": seconds / float(np.median(one)),
        "two_workers_by_one": {"median": float(np.median(ratios)), "all": ratios},
        "share_of_bare_engine_unchecked": {
            "as_they_are": shares(sounds, rounds),
            **{f"joined_to_{s}_s": shares(joined(sounds, s), rounds) for s in JOINED_S},
        },
        "share_of_bare_engine_checked": {"median": float(np.median(gated)), "all": gated},
        "worker_peak_mb": memory,
    }


if __name__ == "__main__":
    main()
