"""The picture of the speed benchmark: each rival's ratio to the pyworld chain in the same run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from figure_style import FAINT, INK, OURS, RIVAL, WIDTH_IN, save, styled

RESULTS = Path(__file__).parent / "results"
AGAINST = "pyworld DIO chain"
# What changes the whole voice; names as people who read the picture know them.
NAMES = {
    "ours: resynthesis": "resynthesis",
    "ours: template, v4": "template, AVX-512",
    "ours: template, v3": "template, AVX2",
    "ours: template, baseline": "template, any x86-64",
    "ours: bottleneck, v4": "bottleneck, AVX-512",
    "ours: bottleneck, v3": "bottleneck, AVX2",
    "ours: bottleneck, baseline": "bottleneck, any x86-64",
    "ours: template, stream of 20 ms": "template, 20 ms chunks",
    "Praat Change gender": "Praat, Change gender",
    "McAdams B2, vectorised": "McAdams",
    "pedalboard, formants kept": "pedalboard, formants kept",
    AGAINST: "WORLD (DIO chain)",
    "pyworld Harvest chain": "WORLD (Harvest chain)",
}


def ratios(results: Path = RESULTS) -> dict[str, Any]:
    """Return each ratio to the pyworld chain in the same run: value, lowest and highest round."""
    newest = max(results.glob("*-speed.json"))
    report = json.loads(newest.read_text(encoding="utf-8"))
    told: dict[str, Any] = {name: report[name] for name in ("date", "cpu", "audio_s", "rounds")}
    told["ratios"] = {}
    for name in [name for name in NAMES if name in report["rivals"]]:
        row = report["rivals"][name]
        if row["against"] != AGAINST:
            raise ValueError(f"{name} was compared with {row['against']}, not with {AGAINST}")
        told["ratios"][NAMES[name]] = [
            round(row[k], 2) for k in ("ratio", "ratio_low", "ratio_high")
        ]
    return told


def draw(path: Path) -> None:
    """Write the picture as SVG."""
    told = ratios()
    ours = {label for name, label in NAMES.items() if name.startswith("ours")}
    rows = sorted(told["ratios"].items(), key=lambda row: row[1][0])
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH_IN, 0.32 * len(rows) + 1.1), layout="constrained")
        axes = figure.subplots()
        for place, (label, (ratio, low, high)) in enumerate(rows):
            colour = OURS if label in ours else RIVAL
            axes.plot([1, ratio], [place, place], color=(colour, 0.25), linewidth=1.5)
            axes.plot([low, high], [place, place], color=(colour, 0.55), linewidth=4)
            axes.plot(ratio, place, "o", color=colour, markersize=7)
            shown = f"{ratio:.0f}×" if ratio >= 10 else f"{ratio:.2g}×"
            axes.text(max(high, 1) * 1.25, place, shown, va="center", color=colour)
        axes.set_yticks(range(len(rows)), [label for label, _ in rows])
        for text, (label, _) in zip(axes.get_yticklabels(), rows, strict=True):
            text.set_fontweight("bold" if label in ours else "normal")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.axvline(1, color=FAINT, linewidth=0.8)
        axes.set_xscale("log")
        axes.set_xlim(0.2, 100)
        axes.set_xticks([1, 10, 100], ["1×", "10×", "100×"])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("times as fast as WORLD, one core", color=INK)
        save(figure, path, told)
