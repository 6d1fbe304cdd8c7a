"""The picture of the quality benchmark: privacy against lost words, one mark a variant.

    python benchmarks/quality_plot.py results.jsonl quality.png --set dev

Privacy is the lowest EER over all attackers and poolings that quality.py measured; words are the
recogniser's WER above raw speech. Lines are the 95 % intervals; of several runs the latest counts.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

INK, OURS, OTHERS = "#222222", "#0072B2", "#D55E00"  # differ for every kind of colour vision
REFERENCES = ("raw", "world", "mcadams")


def latest(lines: list[dict[str, Any]], which: str) -> dict[str, dict[str, Any]]:
    """Return the latest measurements of every variant on one set of speech that has both kinds."""
    found: dict[str, dict[str, Any]] = {}
    for line in sorted(lines, key=lambda line: line["when"]):
        if line["set"] == which:
            kinds = {kind: line[kind] for kind in ("words", "privacy") if kind in line}
            found.setdefault(line["variant"], {}).update(kinds)
    return {name: kinds for name, kinds in found.items() if len(kinds) == 2}


def draw(variants: dict[str, dict[str, Any]], which: str, path: Path) -> None:
    """Write the plot as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 5.0), dpi=130, layout="constrained")
    axes = figure.subplots()
    for number, (name, kinds) in enumerate(variants.items()):
        eer, eer_low, eer_high = kinds["privacy"]["worst"]["eer"]
        wer, wer_low, wer_high = kinds["words"]["wer_minus_raw"]
        is_reference = name in REFERENCES
        axes.errorbar(
            [wer],
            [eer],
            # A bootstrap interval need not hold the figure itself.
            xerr=[[max(wer - wer_low, 0.0)], [max(wer_high - wer, 0.0)]],
            yerr=[[max(eer - eer_low, 0.0)], [max(eer_high - eer, 0.0)]],
            fmt="s" if is_reference else "o",
            color=OTHERS if is_reference else OURS,
            markersize=8,
            elinewidth=1.0,
            capsize=3,
        )
        axes.annotate(
            name,
            (wer, eer),
            xytext=(7, 6 if number % 2 == 0 else -15),  # neighbours stay readable
            textcoords="offset points",
            color=INK,
            parse_math=False,
        )
    axes.set_ylim(-1.5, max(20.0, axes.get_ylim()[1]))
    axes.set_xlim(left=min(-0.5, axes.get_xlim()[0]))
    axes.set_xlabel("words lost: WER above raw speech, points (left is better)")
    axes.set_ylabel("privacy: EER of the worst attacker, % (up is better, 50 is chance)")
    axes.set_title(f"Privacy and words, set {which}; squares are references", loc="left")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="JSON lines that quality.py wrote")
    parser.add_argument("plot", type=Path, help="PNG to write")
    parser.add_argument("--set", default="dev", dest="which")
    parser.add_argument("--only", nargs="*", help="variants to draw; all by default")
    arguments = parser.parse_args()
    lines = [json.loads(line) for line in arguments.results.read_text().splitlines() if line]
    variants = latest(lines, arguments.which)
    if arguments.only:
        variants = {name: variants[name] for name in arguments.only if name in variants}
    if not variants:
        raise SystemExit(f"no variant of {arguments.which} has both words and privacy")
    draw(variants, arguments.which, arguments.plot)
    print(f"{arguments.plot}: {', '.join(variants)}")


if __name__ == "__main__":
    main()
