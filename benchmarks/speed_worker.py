"""One rival in a process of its own, doing its work when told to and saying what that cost.

Speaks one JSON object a line: first what is ready, or why not; then, for every line read, the
processor time, the wall time and the memory of one pass.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import resource
import sys
import time
from pathlib import Path

from rivals import RATE, RIVALS
from speech_sets import joined

WARM_UP_S = 2


def cpu_s() -> float:
    """Processor time of this process and of the children it has waited for, in seconds."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def forget_peak() -> int:
    """Start the peak anew where the kernel can, and give the resident memory now, in KiB."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status_kib("VmRSS")


def peak_kib() -> int:
    """The highest resident memory since `forget_peak`, in KiB."""
    return _status_kib("VmHWM")


def _status_kib(field: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def _say(**what: object) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


def main(name: str, seconds: float) -> int:
    """Prepare, then one pass for every line on stdin."""
    rival = RIVALS[name]
    samples = joined(seconds)
    try:
        rival.make(samples[: WARM_UP_S * RATE])()
        work = rival.make(samples)
    except ImportError as missing:
        _say(skipped=str(missing))
        return 0
    version = importlib.metadata.version(rival.package) if rival.package else ""
    _say(ready=name, version=version)
    for _ in sys.stdin:
        resting_kib = forget_peak()
        cpu_before_s, wall_before_s = cpu_s(), time.perf_counter()
        result = work()
        cost = {
            "cpu_s": cpu_s() - cpu_before_s,
            "wall_s": time.perf_counter() - wall_before_s,
            "above_kib": peak_kib() - resting_kib,
        }
        del result
        _say(**cost)
    return 0


if __name__ == "__main__":
    # Rivals that print (REAPER does) must not end up between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
