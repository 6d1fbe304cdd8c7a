"""Pictures of privacy against words with intervals: every variant, settings of `bottleneck`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from figure_style import FAINT, INK, OURS, REFERENCE, RIVAL, WIDTH_IN, save, styled

from voiceanon.recipe import recipe_names

RESULTS = Path(__file__).parent / "results"
# Only runs under all attackers, of the shipped tables: lighter ones would look more private.
RUNS = {
    "2026-11-27-evaluation-dev.json": {
        "raw": "raw speech",
        "world": "WORLD copy",
        "mcadams": "McAdams",
        "template": "template",
    },
    "2026-11-27-evaluation-bottleneck-dev.json": {"bottleneck": "bottleneck"},
    "2026-11-27-evaluation-plain-dev.json": {"plain": "plain"},
}
PANELS = {
    "headline_single": "One utterance on each side",
    "headline": "All utterances of a person pooled",
}
COLOURS = {"raw speech": REFERENCE, "WORLD copy": REFERENCE, "McAdams": RIVAL}
# Where each label begins, in points from its point, and on which side of it; far ones have a line.
PLACES = {
    ("headline_single", "raw speech"): (-18, 22, "center"),
    ("headline_single", "WORLD copy"): (29, -3.5, "left"),
    ("headline_single", "McAdams"): (6, 7, "left"),
    ("headline_single", "template"): (6, 7, "left"),
    ("headline_single", "bottleneck"): (-7, -13, "right"),
    ("headline_single", "plain"): (6, 7, "left"),
    ("headline", "raw speech"): (-18, 22, "center"),
    ("headline", "WORLD copy"): (6, 38, "center"),
    ("headline", "McAdams"): (6, 6, "left"),
    ("headline", "template"): (7, 6, "left"),
    ("headline", "bottleneck"): (-6, 13, "right"),
    ("headline", "plain"): (6, 7, "left"),
}

# The same under the light attackers, who are weaker: for comparing settings, and nothing else.
SETTINGS_RUN = "2026-11-27-frontier-light-dev.json"
SETTINGS = {
    "raw": "raw speech",
    "world": "WORLD copy",
    "mcadams": "McAdams",
    "template": "template",
    "own": "bottleneck",
    "units-4": "4 digits",
    "flat": "without melody",
    "flat-12": "… and 12 dB steps",
    "flat-12-accent": "… and accent 0.12",
}
SETTINGS_PLACES = {
    ("headline_single", "raw speech"): (-4, 27, "left"),
    ("headline_single", "WORLD copy"): (8, -5, "left"),
    ("headline_single", "McAdams"): (6, 7, "left"),
    ("headline_single", "template"): (6, 7, "left"),
    ("headline_single", "bottleneck"): (-50, -34, "right"),
    ("headline_single", "4 digits"): (-60, 24, "right"),
    ("headline_single", "without melody"): (40, -32, "left"),
    ("headline_single", "… and 12 dB steps"): (-14, 40, "right"),
    ("headline_single", "… and accent 0.12"): (8, 7, "left"),
    ("headline", "raw speech"): (-4, 27, "left"),
    ("headline", "WORLD copy"): (6, -10, "left"),
    ("headline", "McAdams"): (6, 7, "left"),
    ("headline", "template"): (7, 6, "left"),
    ("headline", "bottleneck"): (-45, 22, "right"),
    ("headline", "4 digits"): (-8, -30, "right"),
    ("headline", "without melody"): (75, -22, "left"),
    ("headline", "… and 12 dB steps"): (-14, 40, "right"),
    ("headline", "… and accent 0.12"): (8, 7, "left"),
}


def points(results: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """Return WER and the worst attackers' EER of every variant, in %: value, lowest, highest."""
    found = {}
    for run, names in RUNS.items():
        report = json.loads((results / run).read_text(encoding="utf-8"))
        variants = {variant["name"]: variant for variant in report["variants"]}
        for name, label in names.items():
            told = variants[name]
            one = {"wer_percent": _rounded(told["words"]["wer_percent"])}
            for panel in PANELS:
                headline = told["privacy"][panel]
                one[panel] = _rounded(headline["eer_percent"])
                one[f"{panel}_attacker"] = headline["attacker"]
            found[label] = one
    return found


def _rounded(interval: list[float]) -> list[float]:
    return [round(value, 1) for value in interval]


def settings_points(results: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """Return the same of settings, words as points of WER above raw speech."""
    rows = {
        row["name"]: row for row in json.loads((results / SETTINGS_RUN).read_text(encoding="utf-8"))
    }
    return {
        label: {
            "wer_percent": _rounded(rows[name]["wer_minus_raw_points"]),
            "headline_single": _rounded(rows[name]["1-1"]["eer_percent"]),
            "headline": _rounded(rows[name]["all-all"]["eer_percent"]),
        }
        for name, label in SETTINGS.items()
    }


def draw(path: Path) -> None:
    """Write the picture of variants as SVG."""
    _draw(path, points(), PLACES, "Words that a recogniser gets wrong (WER), %", 0)


def draw_settings(path: Path) -> None:
    """Write the picture of settings as SVG."""
    told = "More words wrong than in raw speech, points of WER"
    _draw(path, settings_points(), SETTINGS_PLACES, told, -1)


def _draw(
    path: Path,
    drawn: dict[str, dict[str, Any]],
    places: dict[tuple[str, str], tuple[float, float, str]],
    what: str,
    least: float,
) -> None:
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH_IN, 6.9), layout="constrained")
        for axes, (panel, title) in zip(
            figure.subplots(2, 1, sharex=True), PANELS.items(), strict=True
        ):
            axes.set_title(title)
            for label, one in drawn.items():
                _draw_point(axes, panel, label, one, places)
            axes.axhline(50, color=FAINT, linewidth=0.8, linestyle=(0, (2, 3)))
            axes.text(
                least + 0.3, 48.6, "50 %: attackers guess", color=FAINT, fontsize=8.5, va="top"
            )
            axes.set_ylim(-2.5, 52)
            axes.set_yticks(range(0, 51, 10))
            axes.set_ylabel("EER of the worst attacker, %")
            axes.set_xlim(least, 24 + least)
        figure.axes[0].annotate(
            "better",
            xy=(0.03, 0.86),
            xytext=(0.17, 0.68),
            xycoords="axes fraction",
            ha="center",
            color=FAINT,
            arrowprops={"arrowstyle": "->", "color": FAINT},
        )
        figure.axes[1].set_xlabel(what)
        save(figure, path, drawn)


def _draw_point(
    axes: Any,
    panel: str,
    label: str,
    one: dict[str, Any],
    places: dict[tuple[str, str], tuple[float, float, str]],
) -> None:
    wer, eer = one["wer_percent"], one[panel]
    colour = COLOURS.get(label, OURS)
    axes.errorbar(
        wer[0],
        eer[0],
        xerr=[[wer[0] - wer[1]], [wer[2] - wer[0]]],
        yerr=[[eer[0] - eer[1]], [eer[2] - eer[0]]],
        fmt="o" if label in recipe_names() or colour != OURS else "D",
        markersize=6,
        color=colour,
        ecolor=(colour, 0.45),
        elinewidth=1.3,
        zorder=3,
    )
    right, up, side = places[panel, label]
    axes.annotate(
        label,
        (wer[0], eer[0]),
        (right, up),
        textcoords="offset points",
        ha=side,
        color=INK if colour == REFERENCE else colour,
        fontweight="bold" if colour == OURS else "normal",
        arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.6} if abs(up) > 20 else None,
        zorder=4,
    )
