"""Privacy against words along the settings of `bottleneck`: `voiceanon evaluate` at every point.

    python benchmarks/bottleneck_frontier.py DEV --train TRAIN -o REPORT [evaluate's options]

Every setting that trades one for the other is moved alone from the recipe's own. REPORT/report.html
draws all points beside raw speech, McAdams, the WORLD copy and `template`; REPORT-frontier.json has
the table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from voiceanon import Recipe

# The recipe's own setting comes first: every other point differs from it in one thing.
POINTS: dict[str, dict[str, Any]] = {
    "own": {},
    "accent-10": {"accent": 0.1},
    "accent-20": {"accent": 0.2},
    "accent-30": {"accent": 0.3},
    "units-3": {"unit_digits": 3},
    "units-4": {"unit_digits": 4},
    "units-5": {"unit_digits": 5},
    "pitch-flat": {"pitch_range": "constant"},
    "pitch-2": {"pitch_levels": 2},
    "pitch-16": {"pitch_levels": 16},
    "jitter-10": {"time_warp": 0.1},
    "jitter-20": {"time_warp": 0.2},
    "one-voice": {"voice": "neutral-mid"},
}
# Guarded, since the worker processes import what started them.
EVALUATE = "from voiceanon.cli.app import main\nif __name__ == '__main__':\n    main()"
POOLS = {"1-1": "one utterance", "all-all": "all pooled"}


def recipe_of(name: str) -> Recipe:
    """Return the recipe of a point."""
    settings = Recipe.named("bottleneck").settings()
    del settings["name"]
    return Recipe(name=name, **(settings | POINTS[name]))


def table(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row a variant: worst attackers, words, size."""
    rows = []
    for variant in results["variants"]:
        row: dict[str, Any] = {"name": variant["name"]}
        row |= variant.get("description", {})
        for pool in POOLS:
            attacks = [
                attack
                for attack in variant["privacy"]["attacks"]
                if attack["pooling"] == pool
                and attack["gender"] == "all"
                and attack["attacker"] != "ignorant"
            ]
            if attacks:
                worst = min(attacks, key=lambda attack: attack["eer_percent"][0])
                row[pool] = {"eer_percent": worst["eer_percent"], "attacker": worst["attacker"]}
        if variant["words"]:
            row["wer_minus_raw_points"] = variant["words"]["wer_minus_raw_points"]
        rows.append(row)
    return rows


def shown(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a table in Markdown."""
    lines = ["| point | " + " | ".join(POOLS.values()) + " | WER above raw | bit/s |"]
    lines.append("|---" * (len(POOLS) + 3) + "|")
    for row in rows:
        cells = [row["name"]]
        for pool in POOLS:
            found = row.get(pool)
            cells.append(f"{found['eer_percent'][0]:.1f}; {found['attacker']}" if found else "–")
        lost = row.get("wer_minus_raw_points")
        cells.append(f"{lost[0]:.1f}" if lost else "–")
        size = row.get("bits_per_second")
        cells.append("–" if size is None else f"{size:.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--points", default=",".join(POINTS), help="which, by commas")
    arguments, options = parser.parse_known_args()
    command = [sys.executable, "-c", EVALUATE, "evaluate", str(arguments.corpus)]
    command += ["--train", str(arguments.train), "-o", str(arguments.out), "--recipe", "template"]
    with TemporaryDirectory() as folder:
        for name in arguments.points.split(","):
            path = Path(folder) / f"{name}.toml"
            path.write_text(recipe_of(name).to_toml())
            command += ["--recipe", str(path)]
        ended = subprocess.call(command + options)
    if ended != 0:
        return ended
    results = json.loads((arguments.out / "results.json").read_text())
    rows = table(results)
    found = arguments.out.with_name(f"{arguments.out.name}-frontier.json")
    found.write_text(json.dumps(rows, indent=1) + "\n")
    print(shown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
