"""Every tracker's tracks of the utterances, each made in its own process and kept for next time."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from f0_metrics import HOP_S, Track, on_grid
from f0_trackers import CEILING_HZ, FLOOR_HZ, RATE, TRACKERS
from own_process import run_python
from speech_sets import Utterance, load, utterances

CACHE = Path(__file__).resolve().parent / ".cache" / "f0"
CONSENSUS = "consensus"
JURY = ("Harvest", "DIO+StoneMask", "Praat ac", "RAPT", "SWIPE", "REAPER")


@dataclass(frozen=True)
class Heard:
    """One tracker on one utterance, as the tracker gave it."""

    times_s: Track
    f0_hz: Track
    cpu_s: float
    audio_s: float
    shift_s: float = 0.0

    def on_grid(self, lag_s: float = 0.0) -> Track:
        """f0 at every 5 ms, 0 where unvoiced."""
        frames = int(self.audio_s / HOP_S) + 1
        return on_grid(self.times_s, self.f0_hz, frames, shift_s=self.shift_s + lag_s)


def tracks(
    name: str, which: str, utterances_heard: list[Utterance], *, fresh: bool = False
) -> dict[str, Heard] | None:
    """Tracks by utterance name, or None (said on stderr) where the tracker cannot run.

    Rivals' tracks are kept between runs unless ``fresh``; ours are made again every time.
    """
    if name == CONSENSUS:
        return _consensus(which, utterances_heard)
    tracker = TRACKERS[name]
    wanted = utterances_heard[: tracker.most_files]
    if fresh or tracker.is_ours:
        for utterance in wanted:
            _kept(name, utterance).unlink(missing_ok=True)
    if not all(_kept(name, utterance).exists() for utterance in wanted):
        arguments = [name, which, str(len(wanted))]
        finished = run_python(Path(__file__), arguments, ours=tracker.is_ours)
        if finished.returncode != 0:
            reason = (finished.stderr.strip().splitlines() or ["no reason given"])[-1]
            print(f"skipped {name}: {reason}", file=sys.stderr)
            return None
    found = {}
    for utterance in wanted:
        with np.load(_kept(name, utterance)) as kept:
            found[utterance.name] = Heard(
                kept["times_s"],
                kept["f0_hz"],
                float(kept["cpu_s"]),
                float(kept["audio_s"]),
                tracker.shift_s,
            )
    return found


def _consensus(which: str, heard: list[Utterance]) -> dict[str, Heard] | None:
    """A second opinion on the reference: voiced where half the jury says so, at their median f0."""
    jury = [found for name in JURY if (found := tracks(name, which, heard)) is not None]
    if len(jury) < 3:
        print(f"a consensus needs 3 trackers, {len(jury)} can run", file=sys.stderr)
        return None
    agreed = {}
    for utterance in heard:
        each_hz = np.stack([found[utterance.name].on_grid() for found in jury])
        voiced = 2 * (each_hz > 0).sum(axis=0) >= len(jury)
        median_hz = np.zeros(each_hz.shape[1])
        said_hz = np.where(each_hz > 0, each_hz, np.nan)[:, voiced]
        median_hz[voiced] = np.nanmedian(said_hz, axis=0)
        times_s = np.arange(len(median_hz)) * HOP_S
        audio_s = jury[0][utterance.name].audio_s
        agreed[utterance.name] = Heard(times_s, median_hz, float("nan"), audio_s)
    return agreed


def _kept(name: str, utterance: Utterance) -> Path:
    key = f"{name}|{utterance.path.name}|{utterance.path.stat().st_size}|{FLOOR_HZ}|{CEILING_HZ}"
    return CACHE / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"


def _work(name: str, which: str, count: int) -> int:
    """What runs in the tracker's own process: make the tracks that are not kept yet."""
    try:
        run = TRACKERS[name].make()
    except ImportError as missing:
        print(f"not installed ({missing})", file=sys.stderr)
        return 1
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = utterances(which, count)
    run(load(wanted[0].path)[: 2 * RATE])
    for utterance in wanted:
        path = _kept(name, utterance)
        if path.exists():
            continue
        samples = load(utterance.path)
        started_s = time.process_time()
        times_s, f0_hz = run(samples)
        cpu_s = time.process_time() - started_s
        part = path.with_suffix(f".{os.getpid()}.npz")
        audio_s = len(samples) / RATE
        np.savez(part, times_s=times_s, f0_hz=f0_hz, cpu_s=cpu_s, audio_s=audio_s)
        part.replace(path)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tracker", choices=list(TRACKERS))
    parser.add_argument("set")
    parser.add_argument("count", type=int)
    given = parser.parse_args()
    sys.exit(_work(given.tracker, given.set, given.count))
