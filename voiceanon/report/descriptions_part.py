"""The part of the report that says what stored descriptions give away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voiceanon.report.evaluation_tables import worst_speakers
from voiceanon.report.markup import Html, Node, tag
from voiceanon.report.measured import Variant, figure, mapping, number, rows, text
from voiceanon.report.page_parts import data_table, name_of
from voiceanon.report.plot import Axis, Plot, legend
from voiceanon.report.wording import NOT_MEASURED, number_words, plain_percent, with_interval

__all__ = ["descriptions_part"]

_MEETS = {True: "yes", False: "no"}
_ATTRIBUTES = {"sex": "Sex", "age_group": "Age group", "first_language": "First language"}


def descriptions_part(variants: Sequence[Variant]) -> list[Node] | None:
    """Tables and a plot of an evaluation of stored descriptions; None where there was none."""
    stored = [(v, mapping(v.data.get("descriptions"))) for v in variants]
    stored = [(v, found) for v, found in stored if found]
    if not stored:
        return None
    parts: list[Node] = [
        tag(
            "p",
            "Attackers got descriptions (units, voicing, level, pitch in steps, every 20 ms) or "
            "assessment measures alone, and no audio. What is recognised in descriptions of other "
            "people they learned beforehand.",
        )
    ]
    for variant, found in stored:
        parts += [
            tag("h3", name_of(variant.label)),
            _floors(found),
            tag("p", tag("strong", "Getting the spectrum back")),
            _inversion(mapping(found.get("inversion"))),
            tag("p", tag("strong", "Telling sex, age group and first language")),
            _attributes(found),
        ]
    for variant in variants:
        alone = mapping(variant.data.get("singling_out"))
        if alone:
            parts += [
                tag("h3", "Singling out, linking, inferring (WP216)"),
                _opinion(stored, alone),
            ]
    worst = worst_speakers([variant for variant, _ in stored])
    if worst:
        parts += [tag("h3", "Worst speakers"), worst]
    return parts


def _floors(found: Mapping[str, Any]) -> Html:
    listed: list[list[Node]] = []
    for row in rows(found.get("floors")):
        unit = text(row.get("unit"))
        sign = "≥" if row.get("at_least") is True else "≤"
        goal = number(row.get("goal"))
        meets = row.get("meets")
        said = _MEETS.get(meets, NOT_MEASURED) if isinstance(meets, bool) else NOT_MEASURED
        listed.append(
            [
                name_of(text(row.get("what"), "?")),
                with_interval(figure(row.get("measured")), 1 if unit else 2, unit and f" {unit}"),
                f"{sign} {number_words(number(row.get('floor')), 0 if unit else 2)} {unit}",
                "–" if goal is None else f"{sign} {number_words(goal, 0)} {unit}",
                tag("strong", said) if meets is False else said,
            ]
        )
    return data_table(
        "Measured, with 95 % intervals over speakers, and the floor that it must keep",
        ["What", "Measured", "Floor", "Goal", "Meets the floor"],
        listed,
    )


def _inversion(found: Mapping[str, Any]) -> Node:
    if not found:
        return tag("p", "Inversion was not measured.", class_="quiet")
    shares = mapping(found.get("speaker_spectrum_r2"))
    listed: list[list[Node]] = [
        [
            name_of(name),
            with_interval(figure(error), 2, " dB"),
            "–" if name not in shares else number_words(number(shares[name]), 2),
        ]
        for name, error in mapping(found.get("errors_db")).items()
    ]
    return [
        tag(
            "p",
            "The original’s log-mel spectrum is predicted by attackers who trained on other "
            "people: from the description spoken in the neutral pseudo-voice, and from the "
            "description itself. From descriptions the error is lower by ",
            with_interval(figure(found.get("better_percent")), 1, " %"),
            " than from that voice band by band, and by ",
            with_interval(figure(found.get("better_than_regression_percent")), 1, " %"),
            " than from that voice by a regression of the same kind. The last column is the share "
            "of the variance between speakers’ average spectra that is predicted: 0 is chance.",
        ),
        data_table(
            "Error of predicted spectra over speech, dB rms",
            ["Predicted from", "Error", "Of the speaker’s average spectrum, R²"],
            listed,
        ),
    ]


def _attributes(found: Mapping[str, Any]) -> Node:
    listed: list[list[Node]] = []
    for side, words in (("attributes", "descriptions"), ("original_attributes", "audio")):
        for name, raw in mapping(found.get(side)).items():
            told = mapping(raw)
            listed.append(
                [
                    name_of(f"{_ATTRIBUTES.get(name, name)}, from {words}"),
                    with_interval(figure(told.get("single")), 2),
                    with_interval(figure(told.get("pooled")), 2),
                    number_words(number(told.get("chance")), 2),
                ]
            )
    if not listed:
        return tag("p", "No attribute was measured.", class_="quiet")
    return data_table(
        "Balanced accuracy of telling attributes, the best of all views",
        ["What", "One recording", "All of a speaker pooled", "Chance"],
        listed,
    )


def _opinion(
    stored: Sequence[tuple[Variant, Mapping[str, Any]]], alone: Mapping[str, Any]
) -> list[Node]:
    """The three questions of the opinion, and the plot of unique combinations."""
    listed: list[list[Node]] = []
    for variant, found in stored:
        isolation = mapping(found.get("isolation"))
        if isolation:
            listed.append(
                [
                    name_of(f"Singling out: {variant.label} fires on exactly one person"),
                    number_words(number(isolation.get("probability")), 2),
                    number_words(number(isolation.get("chance")), 2),
                ]
            )
        for people, share in _linked(variant).items():
            listed.append(
                [
                    name_of(f"Linking: the right one of {people} first, {variant.label}, pooled"),
                    number_words(share, 2),
                    number_words(1 / people, 2),
                ]
            )
        for name, raw in mapping(found.get("attributes")).items():
            told = mapping(raw)
            listed.append(
                [
                    name_of(f"Inferring: {_ATTRIBUTES.get(name, name)}, {variant.label}, pooled"),
                    with_interval(figure(told.get("pooled")), 2),
                    number_words(number(told.get("chance")), 2),
                ]
            )
    return [
        tag(
            "p",
            "The three questions that Opinion 05/2014 of the Article 29 Working Party asks of "
            "anonymised data. A description as a whole is as long as its recording and hardly ever "
            "the same twice; whoever has it can look for the same one.",
        ),
        data_table("Singling out, linking, inferring", ["What", "Measured", "Chance"], listed),
        _unique(alone),
    ]


def _linked(variant: Variant) -> dict[int, float]:
    """Return the highest linkability of any attacker at the largest pooling, by people."""
    found: dict[int, float] = {}
    for attack in variant.attacks if variant.headline else ():
        if variant.headline and attack.pooling == variant.headline.pooling:
            for people, share in attack.linkability.items():
                found[people] = max(share, found.get(people, 0.0))
    return found


def _unique(alone: Mapping[str, Any]) -> Html | None:
    """How many recordings are the only one with their measures, over how many are known."""
    points = [
        tuple(number(row.get(key)) for key in ("k", "mean", "highest", "expected"))
        for row in rows(alone.get("unique"))
    ]
    whole = [point for point in points if None not in point]
    if len(whole) < 2:
        return None
    steps = number_words(number(alone.get("steps")), 0)
    count = number_words(number(alone.get("recordings")), 0)
    last = whole[-1]
    plot = Plot(
        Axis("measures known", 1, len(whole), [(k, str(k)) for k in range(1, len(whole) + 1)]),
        Axis("share that is unique", 0, 1, [(v / 4, f"{25 * v} %") for v in range(5)]),
        "Recordings that are the only one with their assessment measures",
        f"{count} recordings, each measure in {steps} steps; with all {len(whole)} known, "
        f"{plain_percent(100 * (last[1] or 0))} are unique",
    )
    names = ("average combination", "worst combination", "if values were spread evenly")
    for series, _ in enumerate(names):
        plot.line([(p[0] or 0, p[series + 1] or 0) for p in whole], series)
    return tag(
        "figure",
        tag(
            "figcaption",
            f"Share of {count} recordings that are the only one with their combination of "
            f"assessment measures, each kept in {steps} equally frequent steps",
        ),
        plot.svg(),
        legend(list(enumerate(names))),
    )
