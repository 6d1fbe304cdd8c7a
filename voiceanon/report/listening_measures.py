"""The gate's verdict on one take in plain words: what each measure means, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voiceanon.report.markup import Html, Node, join, tag
from voiceanon.report.page_parts import titled
from voiceanon.report.wording import number_words

__all__ = ["badge", "gauge", "measure_table"]

_MARKS = {"pass": "\u2713", "hold": "\u2016", "fail": "\u2715", "not measured": "?"}
_WIDTH, _HEIGHT = 160.0, 16.0


@dataclass(frozen=True)
class _Told:
    """How a measure is shown: its name, what it means, its scale, decimals and unit."""

    label: str
    meaning: str
    high: float = 1.0
    decimals: int = 2
    unit: str = ""


_TOLD = {
    "words.agreement": _Told(
        "Speech sounds agree",
        "A small network hears the same sounds of speech in both, moment by moment. 1 is all.",
    ),
    "words.worst_agreement": _Told(
        "… in the worst half second", "The same where it is lowest: a lost word shows here."
    ),
    "timing.longest_lost_s": _Told(
        "Longest sound lost", "It sounded before and is silent after.", 0.6, 2, " s"
    ),
    "timing.longest_added_s": _Told(
        "Longest sound added", "It was silent before and sounds after.", 0.6, 2, " s"
    ),
    "timing.pauses_kept": _Told("Pauses kept", "Share of the pauses that are still pauses."),
    "delivery.energy_contour_r": _Told(
        "Loudness goes along", "How alike loudness rises and falls in both. 1 is the same."
    ),
    "delivery.voicing_agreement": _Told(
        "Voicing agrees", "Share of the time in which the voice sounds, or does not, in both."
    ),
    "identity.largest_correlation": _Told(
        "Most like the original",
        "How much any stretch of the waveform resembles the recording's. Close to 1 is a copy.",
    ),
}


def badge(verdict: str) -> Html:
    """A verdict as a word, a sign and a colour, so that no one of them has to be seen."""
    kind = verdict.replace(" ", "-")
    sign = tag("span", _MARKS.get(verdict, "?"), aria_hidden="true")
    return tag("span", sign, " ", verdict, class_=f"badge {kind}")


def gauge(
    value: float | None, high: float, limit: Mapping[str, Any] | None = None, *, low: float = 0.0
) -> Html:
    """A scale with what is held and what fails in colour, and a mark where the value stands."""

    def at(place: float) -> float:
        return _WIDTH * min(1.0, max(0.0, (place - low) / (high - low)))

    zones: list[Html] = []
    if limit is not None:
        for kind in ("hold", "fail"):
            edge = limit[kind]
            if edge is None:
                continue
            start, end = (0.0, at(edge)) if limit["is_floor"] else (at(edge), _WIDTH)
            zones.append(tag("rect", x=start, y=5.0, width=end - start, height=6.0, class_=kind))
    mark = None
    if value is not None:
        x = min(max(at(value), 4.0), _WIDTH - 4.0)
        mark = tag("circle", cx=x, cy=8.0, r=4.5, class_="value")
    ground = tag("rect", x=0.0, y=5.0, width=_WIDTH, height=6.0, class_="ground")
    box = f"0 0 {_WIDTH:g} {_HEIGHT:g}"
    return tag("svg", ground, zones, mark, viewBox=box, class_="gauge", aria_hidden="true")


def measure_table(report: Mapping[str, Any], caption: str) -> Html:
    """The main measures of a report as rows: value, limit, verdict, and what it means."""
    found = report["measures"]
    rows = [_row(found[name], told) for name, told in _TOLD.items() if name in found]
    head = [tag("th", name, scope="col") for name in ("Measure", "Value", "Held if", "Verdict")]
    return tag(
        "table",
        titled(caption, is_seen=False),
        tag("thead", tag("tr", head)),
        tag("tbody", rows),
        class_="measures",
    )


def _row(measure: Mapping[str, Any], told: _Told) -> Html:
    value, limit = measure["value"], measure["limit"]
    shown = "–" if value is None else _shown(value, limit, told)
    name = join(told.label, tag("span", told.meaning, class_="meaning"))
    return tag(
        "tr",
        tag("th", name, scope="row"),
        tag("td", tag("span", shown, class_="number"), gauge(value, told.high, limit)),
        tag("td", _limit_words(limit, told), class_="limit"),
        tag("td", _not_judged() if measure["verdict"] == "told" else badge(measure["verdict"])),
    )


def _shown(value: float, limit: Mapping[str, Any] | None, told: _Told) -> str:
    """A value with as many decimals as tell it from the limits that it misses or keeps."""
    decimals = told.decimals
    edges = [] if limit is None else [limit[kind] for kind in ("hold", "fail")]
    while decimals < 6 and any(
        edge is not None and edge != value and round(value, decimals) == edge for edge in edges
    ):
        decimals += 1
    return number_words(value, decimals) + told.unit


def _limit_words(limit: Mapping[str, Any] | None, told: _Told) -> str:
    if limit is None:
        return "–"
    edge = limit["fail"] if limit["hold"] is None else limit["hold"]
    if edge is None:
        return "–"
    side = "below" if limit["is_floor"] else "from"
    return f"{side} {number_words(edge, told.decimals)}{told.unit}"


def _not_judged() -> Node:
    return tag("span", "told only", class_="quiet")
