"""The tables of docs/limits.md, from the results of the full evaluations; a test compares them.

python benchmarks/limit_tables.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
RUNS = {
    "2026-11-27-evaluation-dev.json": ("raw", "mcadams", "template"),
    "2026-11-27-evaluation-bottleneck-dev.json": ("bottleneck",),
    "2026-11-27-evaluation-plain-dev.json": ("plain",),
}
DESCRIPTIONS = "2026-11-27-abstractions-plain-dev.json"
ASSESSMENT = "2026-11-26-assessment-dev.json"
GATE = "2026-11-26-gate-dev.json"
# Of the harms done to outputs, those that a listener would mind and the gate often lets pass.
MISSED = (
    "noise, 15 dB",
    "dropouts of 50 ms",
    "dropouts of 100 ms",
    "stutter of 200 ms",
    "300 ms reversed",
    "template, residual 0",
    "bottleneck, 3 digits",
    "bottleneck, accent 0.3",
)
LABELS = {"raw": "raw speech", "mcadams": "McAdams"} | {
    recipe: f"`{recipe}`" for recipe in ("template", "bottleneck", "plain")
}
POOLINGS = {"1-1": "one utterance", "all-all": "all pooled"}


def variants(results: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """Return what the runs found of each variant, by name."""
    found = {}
    for run, names in RUNS.items():
        report = json.loads((results / run).read_text(encoding="utf-8"))
        found |= {one["name"]: one for one in report["variants"] if one["name"] in names}
    return found


def attackers_table(found: dict[str, dict[str, Any]], pooling: str) -> str:
    """Return the equal error rate of each attacker's best configuration on each variant, in %."""
    best: dict[str, dict[str, list[float]]] = {}
    for name, variant in found.items():
        for attack in variant["privacy"]["attacks"]:
            if attack["pooling"] == pooling and attack["gender"] == "all":
                row = best.setdefault(attack["attacker"], {})
                row[name] = min(row.get(name, [100.0]), attack["eer_percent"])
    rows = [[name, *(_shown(row.get(one)) for one in found)] for name, row in best.items()]
    return _table(["attacker", *(LABELS[one] for one in found)], rows)


def people_table(found: dict[str, dict[str, Any]]) -> str:
    """Return what averages hide, each by the attacker who does best at it."""
    told: dict[str, list[str]] = {}
    for variant in found.values():
        attacks = [one for one in variant["privacy"]["attacks"] if one["attacker"] != "ignorant"]
        for pooling, which in POOLINGS.items():
            accepts = [
                attack["tpr_percent_at_fpr"]["0.01"]
                for attack in attacks
                if attack["pooling"] == pooling and attack["gender"] == "all"
            ]
            row = told.setdefault(f"true accepts at 1 % false accepts, {which}, %", [])
            row.append(f"{max(accepts):.0f}")
        worst = variant["privacy"]["worst_speakers"][0]["eer_percent"]
        told.setdefault("EER of the person found best, one utterance, %", []).append(f"{worst:.1f}")
        linked = max((attack.get("linkability") or {}).get("20", 0.0) for attack in attacks)
        told.setdefault("right person first among 20, all pooled", []).append(f"{linked:.2f}")
        wer = _shown(variant["words"]["wer_percent"])
        told.setdefault("words that a recogniser gets wrong, %", []).append(wer)
    rows = [[name, *row] for name, row in told.items()]
    return _table(["what", *(LABELS[one] for one in found)], rows)


def kept_table(results: Path = RESULTS) -> str:
    """Return how delivery survives: r between recordings and outputs, over recordings."""
    report = json.loads((results / ASSESSMENT).read_text(encoding="utf-8"))
    measures = [variant["assessment"]["measures"] for variant in report["variants"]]
    rows = [
        [name.replace("_", " "), *(_shown(one[name]["r"], digits=2) for one in measures)]
        for name in measures[0]
        if measures[0][name]["r"]
    ]
    names = [f"`{variant['name']}`" for variant in report["variants"]]
    return _table(["measure", *(f"r, {name}" for name in names)], rows)


def descriptions_table(results: Path = RESULTS) -> str:
    """Return what attackers got out of stored descriptions, beside the floors set beforehand."""
    report = json.loads((results / DESCRIPTIONS).read_text(encoding="utf-8"))
    (told,) = [one["descriptions"] for one in report["variants"] if "descriptions" in one]
    rows = []
    for floor in told["floors"]:
        digits = 1 if floor["unit"] == "%" else 2
        value, _, interval = _shown(floor["measured"], digits).partition(" ")
        sign = "≥" if floor["at_least"] else "≤"
        unit = floor["unit"] and f" {floor['unit']}"
        met = "yes" if floor["meets"] else "no"
        rows.append(
            [floor["what"], f"{value}{unit} {interval}", f"{sign} {floor['floor']:g}{unit}", met]
        )
    return _table(["what", "measured", "floor", "met"], rows)


def missed_table(results: Path = RESULTS) -> str:
    """Return which damage the check before delivery lets pass, and what it costs in words."""
    report = json.loads((results / GATE).read_text(encoding="utf-8"))
    harms = {harm["harm"]: harm for harm in report["harms"]}
    rows = [
        [name, f"{harms[name]['lost_points']:.0f}", f"{harms[name]['pass_percent']:.0f} %"]
        for name in MISSED
    ]
    return _table(["damage", "words lost more, points", "passes"], rows)


def _shown(interval: list[float] | None, digits: int = 1) -> str:
    if interval is None:
        return "–"
    value, low, high = (f"{one:.{digits}f}" for one in interval)
    return f"{value} ({low}–{high})"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tables() -> dict[str, str]:
    """Return every table by its title."""
    found = variants()
    return {
        "One utterance on each side": attackers_table(found, "1-1"),
        "All utterances of a person pooled": attackers_table(found, "all-all"),
        "What averages hide": people_table(found),
        "Delivery": kept_table(),
        "Descriptions": descriptions_table(),
        "The check before delivery": missed_table(),
    }


if __name__ == "__main__":
    for title, table in tables().items():
        print(f"### {title}\n\n{table}\n")
