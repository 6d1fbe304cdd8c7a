"""The f0 accuracy table: every tracker against Harvest on real speech, each in its own process.

- ``f0_accuracy.py``: all trackers, 60 utterances of dev.
- ``f0_accuracy.py --only ours --set train``: seconds, for the rivals' tracks are kept.
- ``f0_accuracy.py --only ours --worst 10``: and the files where ours does worst.
- ``f0_accuracy.py --reference consensus``: a second opinion on the reference.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from f0_metrics import Agreement, compare
from f0_trackers import CEILING_HZ, FLOOR_HZ, REFERENCE, TRACKERS
from f0_tracks import CONSENSUS, Heard, tracks
from own_process import cpu_model
from speech_sets import SETS, utterances

RESULTS = Path(__file__).resolve().parent / "results"
LAGS_S = np.arange(-6, 7) * 0.0025


@dataclass(frozen=True)
class Row:
    """One line of the table; shares are 0..1 of jointly voiced or of all frames, see README."""

    within_5_percent: float
    beyond_20_percent: float
    octave_down: float
    octave_up: float
    false_voiced: float
    missed_voiced: float
    voicing_errors: float
    frame_errors: float
    right_of_reference_voiced: float
    median_cents: float
    bias_cents: float
    best_lag_ms: float
    times_real_time: float
    utterances: int


def main() -> int:
    """Command line."""
    options = _options()
    heard = utterances(options.set, options.count)
    if not heard:
        print("no speech: neither shared/speech nor voiceanon/samples has any", file=sys.stderr)
        return 2
    reference = tracks(options.reference, options.set, heard)
    if reference is None:
        print(f"{options.reference} is the reference and cannot run", file=sys.stderr)
        return 2
    frames = [one.on_grid() for one in reference.values()]
    voiced_share = np.mean(np.concatenate(frames) > 0)
    print(
        f"against {options.reference}, {len(heard)} utterances of {options.set}, of which it "
        f"voices {100 * voiced_share:.1f} % of frames; shares in percent\n{HEADER}"
    )
    rows: dict[str, Row] = {}
    files: dict[str, dict[str, Agreement]] = {}
    for name in options.only or [name for name in TRACKERS if name != options.reference]:
        found = tracks(name, options.set, heard, fresh=options.fresh)
        if found is None:
            continue
        files[name] = {
            one: compare(reference[one].on_grid(), found[one].on_grid()) for one in found
        }
        rows[name] = _row(reference, found, files[name])
        print(_line(name, rows[name]), flush=True)
    if options.worst:
        for name in rows:
            _print_worst(name, files[name], options.worst)
    if not options.only:
        _keep(rows, options, len(heard))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=SETS, default="dev")
    parser.add_argument("--count", type=int, default=60, help="utterances (speakers take turns)")
    parser.add_argument("--only", action="append", choices=list(TRACKERS), help="can be repeated")
    parser.add_argument("--reference", choices=[*TRACKERS, CONSENSUS], default=REFERENCE)
    parser.add_argument("--worst", type=int, default=0, help="list this many worst files")
    parser.add_argument("--fresh", action="store_true", help="measure the rivals again too")
    return parser.parse_args()


def _row(reference: dict[str, Heard], found: dict[str, Heard], files: dict[str, Agreement]) -> Row:
    pooled = sum(files.values(), Agreement())
    joint = max(pooled.jointly_voiced, 1)
    # Where the values agree best; voicing says little about time, for Harvest voices generously.
    by_lag = [
        sum(
            (compare(reference[one].on_grid(), found[one].on_grid(lag_s)) for one in found),
            Agreement(),
        ).median_cents
        for lag_s in LAGS_S
    ]
    cpu_s = sum(one.cpu_s for one in found.values())
    return Row(
        within_5_percent=pooled.within_fine_share,
        beyond_20_percent=pooled.gross_share,
        octave_down=pooled.octave_down / joint,
        octave_up=pooled.octave_up / joint,
        false_voiced=pooled.false_voiced_share,
        missed_voiced=pooled.missed_voiced_share,
        voicing_errors=pooled.voicing_error_share,
        frame_errors=pooled.frame_error_share,
        right_of_reference_voiced=pooled.right_share,
        median_cents=pooled.median_cents,
        bias_cents=pooled.bias_cents,
        best_lag_ms=float(LAGS_S[int(np.argmin(by_lag))] * 1e3),
        times_real_time=sum(one.audio_s for one in found.values()) / cpu_s,
        utterances=len(found),
    )


HEADER = (
    f"{'tracker':<15}{'≤5 %':>7}{'>20 %':>7}{'oct-':>6}{'oct+':>6}{'false':>7}{'missed':>7}"
    f"{'v.err':>7}{'f.err':>7}{'right':>7}{'|cents|':>8}{'bias':>6}{'lag ms':>7}{'x real':>8}"
    f"{'files':>6}"
)


def _line(name: str, row: Row) -> str:
    return (
        f"{name:<15}{100 * row.within_5_percent:7.2f}{100 * row.beyond_20_percent:7.2f}"
        f"{100 * row.octave_down:6.2f}{100 * row.octave_up:6.2f}{100 * row.false_voiced:7.2f}"
        f"{100 * row.missed_voiced:7.2f}{100 * row.voicing_errors:7.2f}"
        f"{100 * row.frame_errors:7.2f}{100 * row.right_of_reference_voiced:7.2f}"
        f"{row.median_cents:8.1f}{row.bias_cents:6.1f}{row.best_lag_ms:7.1f}"
        f"{row.times_real_time:8.0f}{row.utterances:6d}"
    )


def _print_worst(name: str, files: dict[str, Agreement], count: int) -> None:
    print(f"\n{name}: worst files by frame errors (voicing, or more than 20 % off)")
    ordered = sorted(files, key=lambda one: files[one].frame_error_share, reverse=True)
    for one in ordered[:count]:
        found = files[one]
        print(
            f"  {one:<22} frame errors {100 * found.frame_error_share:6.2f}  "
            f"within 5 % {100 * found.within_fine_share:6.2f}  "
            f"false {100 * found.false_voiced_share:5.2f}  "
            f"missed {100 * found.missed_voiced_share:5.2f}  "
            f"octave -{found.octave_down} +{found.octave_up} frames"
        )


def _keep(rows: dict[str, Row], options: argparse.Namespace, count: int) -> None:
    RESULTS.mkdir(exist_ok=True)
    today = datetime.date.today().isoformat()
    report = {
        "what": "f0 accuracy",
        "date": today,
        "cpu": cpu_model(),
        "reference": options.reference,
        "set": options.set,
        "utterances": count,
        "range_hz": [FLOOR_HZ, CEILING_HZ],
        "trackers": {name: asdict(row) for name, row in rows.items()},
    }
    against = "" if options.reference == REFERENCE else f"-{options.reference.replace(' ', '-')}"
    path = RESULTS / f"{today}-f0-{options.set}{against}.json"
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"kept in benchmarks/results/{path.name}")


if __name__ == "__main__":
    sys.exit(main())
