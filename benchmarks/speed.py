"""`make bench`: how fast everything is, as ratios measured in pairs, each rival in its own process.

One thread, processor time, the same 60 s of real speech. A round runs the reference and then the
rival; a rival's figure is the median over rounds of the ratio of the two.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from own_process import command, cpu_model, environment
from rivals import F0_REFERENCE, FLAC, REFERENCE, RIVALS, TEMPLATE, Rival
from speed_ours import import_time, scaling, stream_figures

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"


class Worker:
    """A rival's process: started and warmed up when made, one pass a `run`."""

    def __init__(self, rival: Rival, seconds: float) -> None:
        self.rival = rival
        self._process = subprocess.Popen(
            command(HERE / "speed_worker.py", [rival.name, str(seconds)], ours=rival.is_ours),
            env=environment(**rival.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        first = self._answer()
        self.skipped = first.get("skipped", "")
        self.version = first.get("version", "")

    def run(self) -> dict[str, float]:
        """One pass: cpu_s, wall_s, above_kib."""
        self.start()
        return self.wait()

    def start(self) -> None:
        """Begin a pass without waiting for it."""
        if self.skipped:
            raise RuntimeError(f"{self.rival.name}: {self.skipped}")
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def wait(self) -> dict[str, float]:
        """The cost of the pass begun by `start`."""
        answer = self._answer()
        if "skipped" in answer:
            raise RuntimeError(f"{self.rival.name}: {answer['skipped']}")
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        _, errors = self._process.communicate()
        return {"skipped": (errors.strip().splitlines() or ["ended without a word"])[-1]}


def main() -> int:
    """Command line."""
    options = _options()
    names = options.only or list(RIVALS)
    rows: dict[str, dict[str, Any]] = {}
    skipped: dict[str, str] = {}
    references: dict[str, Worker] = {}
    for name in [*dict.fromkeys([REFERENCE, F0_REFERENCE, *names])]:
        rival = RIVALS[name]
        if rival.against not in references and name != rival.against:
            references[rival.against] = Worker(RIVALS[rival.against], options.seconds)
        worker = Worker(rival, options.seconds)
        if worker.skipped:
            skipped[name] = worker.skipped
            print(f"skipped {name}: {worker.skipped}", file=sys.stderr)
            continue
        if name == rival.against:
            references[name] = worker
        try:
            rows[name] = _row(worker, references[rival.against], options)
        except RuntimeError as broken:
            skipped[name] = str(broken)
            print(f"skipped {broken}", file=sys.stderr)
            continue
        print(_line(name, rows[name]), flush=True)
        if worker not in references.values():
            worker.close()
    for worker in references.values():
        worker.close()
    report = {
        "what": "speed",
        "date": datetime.date.today().isoformat(),
        "cpu": cpu_model(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "audio_s": options.seconds,
        "rounds": options.rounds,
        "rivals": rows,
        "skipped": skipped,
    }
    if not options.only:
        report["ours"] = _ours(options, rows)
        _keep(report)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of speech a pass")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=list(RIVALS), help="can be repeated")
    parser.add_argument("--hours", type=float, default=10.0, help="of the long stream")
    return parser.parse_args()


def _row(worker: Worker, reference: Worker, options: argparse.Namespace) -> dict[str, Any]:
    passes = []
    ratios = []
    for _ in range(options.rounds):
        reference_cpu_s = reference.run()["cpu_s"] if reference is not worker else None
        passes.append(worker.run())
        cpu_s = passes[-1]["cpu_s"]
        ratios.append((reference_cpu_s or cpu_s) / cpu_s)
    cpu_s = statistics.median(one["cpu_s"] for one in passes)
    return {
        "kind": worker.rival.kind,
        "ours": worker.rival.is_ours,
        "version": worker.version,
        "times_real_time": options.seconds / cpu_s,
        "against": worker.rival.against,
        "ratio": statistics.median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        # Later passes find their memory still mapped: only the first tells what the work needs.
        "peak_mib_above_imports": passes[0]["above_kib"] / 1024,
    }


HEADER = f"{'':<34}{'x real':>8}{'ratio':>8}{'(low – high)':>17}{'peak MiB':>10}  against"


def _line(name: str, row: dict[str, Any]) -> str:
    spread = f"({row['ratio_low']:.2f} – {row['ratio_high']:.2f})"
    return (
        f"{name:<34}{row['times_real_time']:8.0f}{row['ratio']:8.2f}{spread:>17}"
        f"{row['peak_mib_above_imports']:10.1f}  {row['against']}"
    )


def _ours(options: argparse.Namespace, rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    figures: dict[str, Any] = {"import_ms_beyond_numpy": import_time()}
    if TEMPLATE in rows:
        pair = [Worker(RIVALS[TEMPLATE], options.seconds) for _ in range(2)]
        figures["scaling_1_to_2_processes"] = scaling(pair[0], pair[1], options.rounds)
        for worker in pair:
            worker.close()
        figures["stream"] = stream_figures(options.hours)
    if FLAC in rows:
        figures["flac_to_flac_share_of_dsp_speed"] = rows[FLAC]["ratio"]
    print(json.dumps(figures, indent=1))
    return figures


def _keep(report: dict[str, Any]) -> None:

    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{report['date']}-speed.json"
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"kept in benchmarks/results/{path.name}; `make figures` draws it")


if __name__ == "__main__":
    print(HEADER)
    sys.exit(main())
