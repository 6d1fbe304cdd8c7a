"""The top of an evaluation's report: warnings in red, then what was found in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voiceanon.report.markup import Html, Node, join, tag
from voiceanon.report.measured import Attack, Variant, mapping, reasons, rows, text
from voiceanon.report.page_parts import name_of
from voiceanon.report.plot import series_style
from voiceanon.report.wording import (
    interval_words,
    number_words,
    percent_words,
    plain_percent,
    pooling_words,
    rate_words,
)

__all__ = ["banners", "findings", "ruler"]

_RULER_END_PERCENT = 60.0


def banners(results: Mapping[str, Any], variants: Sequence[Variant]) -> Html:
    """Every warning of the results; the red ones first and loud."""
    warnings = [
        (text(row.get("level")), text(row.get("text"))) for row in rows(results.get("warnings"))
    ]
    if not any(variant.kind == "raw" and variant.headline for variant in variants):
        warnings.append(
            (
                "note",
                "Raw speech was not measured in this run, so nothing here says how strong the "
                "attackers are.",
            )
        )
    red = [
        tag(
            "div",
            tag("p", tag("strong", "Warning. "), name_of(words)),
            class_="warning",
            role="note",
        )
        for level, words in warnings
        if level == "red"
    ]
    notes = [tag("li", name_of(words)) for level, words in warnings if level != "red"]
    return join(red, tag("ul", notes, class_="notes") if notes else None)


def findings(results: Mapping[str, Any], variants: Sequence[Variant]) -> Html:
    """One finding for each recipe: a large figure and a sentence that names the attacker."""
    raw = next((v for v in variants if v.kind == "raw" and v.headline), None)
    recipes = [v for v in variants if v.is_recipe]
    if not recipes:
        return tag("p", "No recipe was measured; what follows are baselines alone.", class_="lead")
    return join([_finding(results, recipe, raw) for recipe in recipes])


def _finding(results: Mapping[str, Any], variant: Variant, raw: Variant | None) -> Html:
    attack = variant.headline
    title = tag("h3", name_of(variant.label))
    if attack is None or attack.eer is None:
        privacy = mapping(variant.data.get("privacy"))
        why = reasons(privacy.get("not_measured")) or reasons(results.get("not_measured"))
        told = [[" ", name_of(f"{what}: {reason}.")] for what, reason in why[:3]]
        return tag(
            "div",
            tag("p", tag("span", "–", class_="figure"), class_="big-figure"),
            tag("div", title, tag("p", "Privacy was not measured.", told), class_="told"),
            class_="finding",
        )
    interval = interval_words(attack.eer)
    large = tag(
        "p",
        tag("span", number_words(attack.eer.value), tag("small", " %"), class_="figure"),
        " ",
        tag("span", f"95 % interval {interval}" if interval else "no interval", class_="quiet"),
        class_="big-figure",
    )
    return tag(
        "div",
        large,
        tag("div", title, _sentences(variant, attack, raw), class_="told"),
        class_="finding",
    )


def _sentences(variant: Variant, attack: Attack, raw: Variant | None) -> Node:
    if attack.eer is None:
        return None
    who = [tag("strong", name_of(attack.attacker))]
    if attack.configuration:
        who.append(join(" (", name_of(attack.configuration), ")"))
    told: list[Node] = [
        "Lowest equal error rate of all attackers tried. The strongest one, ",
        who,
        f", compares {pooling_words(attack.pooling)} and is wrong in "
        f"{plain_percent(attack.eer.value)} of its decisions. Guessing is wrong in "
        f"{plain_percent(50, 0)}",
    ]
    if raw and raw.headline and raw.headline.eer and raw is not variant:
        told.append(f"; on raw speech the lowest is {plain_percent(raw.headline.eer.value)}")
    told.append(".")
    for people, share in attack.linkability.items():
        if people == 20:
            told.append(
                f" Among {people} people it puts the right one first {rate_words(share)} times "
                f"(chance {rate_words(1 / people)})."
            )
    single = variant.headline_single
    if single and single.eer and single.pooling != attack.pooling:
        told += [
            f" With {pooling_words(single.pooling)}, the lowest is ",
            f"{percent_words(single.eer)}, by ",
            name_of(single.attacker),
            ".",
        ]
    return tag("p", told)


def ruler(variants: Sequence[Variant]) -> Html | None:
    """All variants on one scale from "always recognised" to "chance", best seen at a glance."""
    shown = [(i, v, v.headline) for i, v in enumerate(variants) if v.headline and v.headline.eer]
    if not shown:
        return None
    items = [_ruled(series, variant, attack) for series, variant, attack in shown]
    scale = tag(
        "div",
        tag("span", "0 %, always recognised"),
        tag("span", "50 %, chance", class_="at-chance"),
        class_="scale",
        aria_hidden="true",
    )
    return tag(
        "figure",
        tag(
            "figcaption",
            "Lowest EER of all attackers at the largest pooling; bars are 95 % intervals",
        ),
        tag("ul", items, class_="ruler"),
        scale,
    )


def _ruled(series: int, variant: Variant, attack: Attack) -> Html:
    eer = attack.eer
    if eer is None:
        return Html("")
    chance = 100 * 50 / _RULER_END_PERCENT
    parts = [
        tag("line", x1="0%", x2="100%", y1=10, y2=10, class_="grid"),
        tag("line", x1=f"{chance:.2f}%", x2=f"{chance:.2f}%", y1=1, y2=19, class_="helping"),
    ]
    colour = series_style(series)
    if eer.low is not None and eer.high is not None:
        low, high = _along(eer.low), _along(eer.high)
        parts.append(tag("line", x1=low, x2=high, y1=10, y2=10, class_=f"span {colour}"))
    parts.append(tag("circle", cx=_along(eer.value), cy=10, r=6, class_=f"dot {colour}"))
    track = tag("svg", parts, class_="track", height=20, aria_hidden="true", focusable="false")
    return tag(
        "li",
        tag("span", name_of(variant.label), class_="who"),
        track,
        tag("span", percent_words(eer), class_="much"),
        tag("span", name_of(attack.attacker), class_="quiet by"),
        class_="is-ours" if variant.is_recipe else None,
    )


def _along(percent: float) -> str:
    return f"{100 * min(1.0, max(0.0, percent / _RULER_END_PERCENT)):.2f}%"
