"""Figures that only our own engine has: import time, two processes at once, hours in one stream."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from own_process import environment, run_python

if TYPE_CHECKING:
    from speed import Worker

RATE = 16000
BLOCK_S = 1
IMPORT_ROUNDS = 15
IMPORT = """
import numpy, time
before_s = time.perf_counter()
import voiceanon
took_s = time.perf_counter() - before_s
assert voiceanon.Anonymizer  # an unfinished package imports fast
print(1e3 * took_s)
"""


def import_time() -> float | None:
    """Median over fresh processes of what importing voiceanon adds to numpy, in ms, or None."""
    found_ms = []
    for _ in range(IMPORT_ROUNDS):
        finished = subprocess.run(
            [sys.executable, "-c", IMPORT],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode != 0:
            return None
        found_ms.append(float(finished.stdout))
    return statistics.median(found_ms)


def scaling(one: Worker, two: Worker, rounds: int) -> dict[str, float]:
    """How much of a core's speed is left when two processes work at once; 1 is perfect.

    ``by_wall`` needs two idle cores; ``by_cpu`` sees only what the processes cost each other
    (caches, memory, clock), whatever else the machine does.
    """
    wall, cpu = [], []
    for worker in (one, two):
        worker.run()
    for _ in range(rounds):
        alone = one.run()
        one.start()
        two.start()
        together = [one.wait(), two.wait()]
        wall.append(alone["wall_s"] / max(each["wall_s"] for each in together))
        cpu.append(alone["cpu_s"] / statistics.mean(each["cpu_s"] for each in together))
    return {"by_wall": statistics.median(wall), "by_cpu": statistics.median(cpu)}


def stream_figures(hours: float) -> dict[str, Any]:
    """Memory of a long stream and of a minute, each in a process of its own, and the latency."""
    figures: dict[str, Any] = {}
    for label, seconds in (("1 minute", 60.0), (f"{hours:g} hours", hours * 3600.0)):
        finished = run_python(Path(__file__), [str(seconds)], ours=True)
        if finished.returncode != 0:
            reason = (finished.stderr.strip().splitlines() or ["ended without a word"])[-1]
            return {"skipped": reason}
        figures[label] = json.loads(finished.stdout)
    return figures


def _stream(seconds: float) -> dict[str, float]:
    """What runs in the stream's own process: blocks of noisy, voiced sound made as they go."""
    import time

    from rivals import ADAPTING, anonymizer
    from speed_worker import forget_peak, peak_kib

    noise = np.random.default_rng(0)
    time_s = np.arange(BLOCK_S * RATE) / RATE
    change = anonymizer(ADAPTING)
    change(noise.standard_normal(RATE).astype(np.float32) * 0.1, RATE)  # lazy imports happen here
    resting_kib = forget_peak()
    stream = change.stream(RATE, channels=1)  # type: ignore[attr-defined]
    cpu_s = time.process_time()
    received = 0
    for block in range(round(seconds / BLOCK_S)):
        f0_hz = 110.0 + 60.0 * (block % 5)
        phase = 2 * np.pi * f0_hz * time_s
        sound = sum(np.cos(k * phase) / k for k in range(1, 6)) * (np.sin(np.pi * 3 * time_s) > 0)
        sound = 0.1 * sound + 0.003 * noise.standard_normal(len(time_s))
        received += stream.process(sound[None].astype(np.float32)).shape[-1]
    received += stream.finish().shape[-1]
    if received != round(seconds / BLOCK_S) * BLOCK_S * RATE:
        raise RuntimeError(f"{received} samples came back for {seconds} s")
    return {
        "peak_mib_above_imports": (peak_kib() - resting_kib) / 1024,
        "times_real_time_with_making_the_sound": seconds / (time.process_time() - cpu_s),
        "latency_ms": 1e3 * stream.latency_samples / RATE,
    }


if __name__ == "__main__":
    print(json.dumps(_stream(float(sys.argv[1]))))
