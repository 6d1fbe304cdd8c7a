"""The part of the report that says whether assessments still work."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from voiceanon.report.markup import Html, Node, tag
from voiceanon.report.measured import Variant, figure, mapping, number, text
from voiceanon.report.page_parts import data_table, name_of
from voiceanon.report.plot import Axis, Plot
from voiceanon.report.wording import NOT_MEASURED, number_words, with_interval

__all__ = ["MEASURE_NAMES", "assessment_part"]

MEASURE_NAMES = {
    "speech_rate_syllables_per_s": "Speech rate, syllables/s",
    "articulation_rate_syllables_per_s": "Articulation rate, syllables/s",
    "pause_rate_per_s": "Pause rate, 1/s",
    "mean_pause_s": "Mean pause, s",
    "phonation_ratio": "Phonation ratio",
    "f0_range_semitones": "f0 range, semitones",
    "loudness_range_db": "Loudness range, dB",
    "filled_pauses": "Filled pauses",
    "f0_contour": "f0 contour",
    "energy_contour": "Energy contour",
}
_TICKS = 5


def assessment_part(variants: Sequence[Variant]) -> list[Node] | None:
    """Tables and scatter plots of the study of assessments; None where there was none."""
    studied = [(v, mapping(v.data.get("assessment"))) for v in variants]
    studied = [(v, found) for v, found in studied if found]
    if not studied:
        return None
    parts: list[Node] = [
        tag(
            "p",
            "What assessments are made of, measured in every recording before and after: r is "
            "Pearson's correlation over recordings (1 = the same order and distances), the "
            "difference is anonymised less original.",
        )
    ]
    for variant, found in studied:
        measures = mapping(found.get("measures"))
        parts += [
            tag("h3", name_of(variant.label)),
            _table(measures),
            _scorer_words(mapping(found.get("scorer"))),
        ]
        if variant.kind != "raw":
            panels = [_scatter(name, mapping(measure)) for name, measure in measures.items()]
            parts.append(tag("div", [panel for panel in panels if panel], class_="panels"))
    return parts


def _table(measures: Mapping[str, Any]) -> Html:
    rows: list[list[Node]] = []
    for name, raw in measures.items():
        measure = mapping(raw)
        count = number(measure.get("recordings"))
        rows.append(
            [
                name_of(MEASURE_NAMES.get(name, name)),
                with_interval(figure(measure.get("r")), 2),
                number_words(number(measure.get("mean_original")), 2),
                with_interval(figure(measure.get("mean_difference")), 2),
                NOT_MEASURED if count is None else f"{count:,.0f}",
            ]
        )
    return data_table(
        "Assessment measures before and after, 95 % intervals over speakers",
        ["Measure", "r", "Mean before", "Difference", "Recordings"],
        rows,
    )


def _scorer_words(scorer: Mapping[str, Any]) -> Html:
    if not scorer:
        return tag("p", "Too few recordings have every measure to train a scorer on.")
    said = (
        f"A scorer trained on originals alone ({text(scorer.get('trained_on'))}, "
        f"{number_words(number(scorer.get('recordings')), 0)} recordings) ranks anonymised "
        f"recordings as it ranks originals: Spearman's r {_said(scorer.get('rank_r'))}."
    )
    to_scores = mapping(scorer.get("r_to_scores"))
    if to_scores:
        said += (
            f" Its r to the scores that were given: {_said(to_scores.get('original'))} from "
            f"originals, {_said(to_scores.get('anonymized'))} from anonymised recordings."
        )
    return tag("p", said)


def _said(raw: object) -> str:
    found = figure(raw)
    if found is None:
        return "not defined"
    return str(with_interval(found, 2))


def _scatter(name: str, measure: Mapping[str, Any]) -> Html | None:
    """Each recording a dot: before across, after upwards; on the line nothing changed."""
    pairs = list(_pairs(measure.get("pairs")))
    if len(pairs) < 2:
        return None
    values = [value for pair in pairs for value in pair]
    low, high = min(values), max(values)
    margin = 0.04 * (high - low) or 0.5
    low, high = low - margin, high + margin
    label = MEASURE_NAMES.get(name, name)
    found = figure(measure.get("r"))
    r = "not defined" if found is None else f"{found.value:.2f}"
    ticks = list(_round_ticks(low, high))
    plot = Plot(
        Axis("original", low, high, ticks),
        Axis("anonymised", low, high, ticks),
        f"{label}, before and after",
        f"{len(pairs)} recordings, r {r}",
    )
    plot.line([(low, low), (high, high)], None)
    for x, y in pairs:
        plot.dot(x, y)
    return tag("figure", tag("figcaption", f"{label}: r {r}"), plot.svg())


def _pairs(raw: object) -> Iterable[tuple[float, float]]:
    for pair in raw if isinstance(raw, list) else []:
        if isinstance(pair, list) and len(pair) == 2:
            x, y = number(pair[0]), number(pair[1])
            if x is not None and y is not None:
                yield x, y


def _round_ticks(low: float, high: float) -> Iterable[tuple[float, str]]:
    """Yield multiples of 1, 2 or 5 times a power of ten between the ends, with their words."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    digits = max(0, -math.floor(math.log10(step)))
    for k in range(math.ceil(low / step), math.floor(high / step) + 1):
        yield k * step, f"{k * step:.{digits}f}"
