"""Tables of who recognised whom: attacker by pooling, every figure, and the worst speakers."""

from __future__ import annotations

from collections.abc import Sequence

from voiceanon.report.markup import Html, Node, join, tag
from voiceanon.report.measured import Attack, Variant, figure, mapping, number, rows, text
from voiceanon.report.page_parts import data_table, name_of, scrolling, titled
from voiceanon.report.wording import (
    NOT_MEASURED,
    interval_words,
    number_words,
    percent_words,
    pooling_label,
)

__all__ = ["attack_table", "copies", "every_figure", "worst_speakers"]

_TRIALS = (("all", "All pairs of speakers"), ("same", "Pairs of the same sex"))


def attack_table(variant: Variant, poolings: Sequence[str]) -> Html | None:
    """EER by attacker and pooling, the lowest of each column named; None without attacks."""
    columns = [
        (pooling, gender)
        for gender, _ in _TRIALS
        for pooling in poolings
        if any((a.pooling, a.gender) == (pooling, gender) for a in variant.attacks)
    ]
    if not columns:
        return None
    groups = [
        tag("th", title, colspan=count, scope="colgroup", class_="first")
        for gender, title in _TRIALS
        if (count := sum(g == gender for _, g in columns))
    ]
    first = {next(i for i, (_, g) in enumerate(columns) if g == gender) for _, gender in columns}
    head = tag(
        "thead",
        tag("tr", tag("th", "Attacker", rowspan=2, scope="col"), groups),
        tag(
            "tr",
            [
                tag("th", pooling_label(p), scope="col", class_="first" if i in first else None)
                for i, (p, _) in enumerate(columns)
            ],
        ),
    )
    lowest = [variant.lowest(pooling, gender) for pooling, gender in columns]
    names = list(dict.fromkeys(a.attacker for a in variant.attacks))
    body = []
    for name in names:
        cells = []
        for i, (pooling, gender) in enumerate(columns):
            attack = variant.find(name, pooling, gender)
            cells.append(_cell(attack, attack is not None and attack is lowest[i], i in first))
        sides = next(a.sides for a in variant.attacks if a.attacker == name)
        shown = join(name_of(name), (" ", tag("small", name_of(sides))) if sides else None)
        body.append(tag("tr", tag("th", shown, scope="row"), cells))
    caption = titled("EER (%) and 95 % interval by attacker: ", name_of(variant.label))
    table = tag("table", caption, head, tag("tbody", body), class_="attacks")
    return scrolling(f"EER by attacker and pooling: {variant.label}", table)


def _cell(attack: Attack | None, is_lowest: bool, is_first: bool) -> Html:
    style = " ".join(s for s, use in (("lowest", is_lowest), ("first", is_first)) if use) or None
    if attack is None or attack.eer is None:
        missing = (tag("span", "–", aria_hidden="true"), tag("span", NOT_MEASURED, class_="unseen"))
        return tag("td", missing, class_=style)
    value = number_words(attack.eer.value)
    return tag(
        "td",
        tag("strong", value) if is_lowest else value,
        " ",
        tag("small", interval_words(attack.eer)),
        (" ", tag("small", "lowest", class_="said")) if is_lowest else None,
        class_=style,
    )


def every_figure(variant: Variant) -> Html:
    """One row for each attack with all that was computed."""
    columns = [
        "Attacker", "Configuration", "Tried", "Pooling", "Trials of", "Trials", "Targets",
        "EER %", "EER % (hull)", "Cllr", "Cllr min", "D_sys", "ZEBRA bits", "ZEBRA worst",
        "TPR % at FPR 0.1 %", "TPR % at FPR 1 %", "Rank-1 %", "Linked of 2 %", "Linked of 20 %",
        "Worst speaker",
    ]  # fmt: skip
    return data_table(
        f"Every figure of every attack: {variant.label}",
        columns,
        [_figures(attack) for attack in variant.attacks],
    )


def _figures(attack: Attack) -> list[Node]:
    data, zebra = attack.data, mapping(attack.data.get("zebra"))
    found = mapping(data.get("tpr_percent_at_fpr"))
    worst = mapping(data.get("worst_speaker"))
    rank = _value(data.get("rank1"))
    worst_eer = _value(worst.get("eer_percent"))
    category = text(zebra.get("category"))
    return [
        name_of(attack.attacker), name_of(attack.configuration),
        _count(data.get("configurations_tried")), pooling_label(attack.pooling),
        "same sex" if attack.gender == "same" else name_of(attack.gender),
        _count(data.get("trials")), _count(data.get("targets")),
        percent_words(attack.eer, 2), number_words(_value(data.get("eer_hull_percent")), 2),
        number_words(_value(data.get("cllr")), 3), number_words(_value(data.get("cllr_min")), 3),
        number_words(_value(data.get("d_sys")), 3),
        number_words(_value(zebra.get("expected_bits")), 3),
        [number_words(_value(zebra.get("worst_log10_lr")), 2),
         name_of(f" ({category})") if category else None],
        number_words(_value(found.get("0.001"))), number_words(_value(found.get("0.01"))),
        number_words(None if rank is None else 100 * rank),
        *(number_words(100 * attack.linkability[n] if n in attack.linkability else None)
          for n in (2, 20)),
        [name_of(text(worst.get("speaker"))), f" ({number_words(worst_eer)} %)"]
        if worst else NOT_MEASURED,
    ]  # fmt: skip


def _value(raw: object) -> float | None:
    """The value of a figure that may carry an interval."""
    found = figure(raw)
    return found.value if found else None


def _count(raw: object) -> str:
    value = number(raw)
    return NOT_MEASURED if value is None else f"{value:,.0f}"


def worst_speakers(variants: Sequence[Variant]) -> Html | None:
    """The people whom each recipe hides least."""
    found: list[list[Node]] = []
    # Baselines hide nobody, so their worst speakers would only be noise beside a recipe's.
    recipes = [variant for variant in variants if variant.is_recipe] or variants
    for variant in recipes:
        for row in rows(mapping(variant.data.get("privacy")).get("worst_speakers")):
            found.append(
                [
                    name_of(variant.label),
                    name_of(text(row.get("speaker"), "?")),
                    name_of(text(row.get("sex"), "unknown")),
                    number_words(_value(row.get("eer_percent"))),
                    name_of(text(row.get("attacker"), "?")),
                    pooling_label(text(row.get("pooling"), "?")),
                ]
            )
    if not found:
        return None
    return data_table(
        "Worst-protected speakers, lowest EER first",
        ["Variant", "Speaker", "Sex", "EER %", "Attacker", "Pooling"],
        found,
    )


def copies(variants: Sequence[Variant]) -> Html | None:
    """Recordings that came out as they went in."""
    found: list[list[Node]] = []
    for variant in variants:
        data = mapping(mapping(variant.data.get("privacy")).get("copies"))
        if not data or variant.kind == "raw":
            continue
        listed = rows(data.get("found"))
        shown: list[Node] = [
            [
                "; " if i else "",
                name_of(text(row.get("recording"), "?")),
                f" ({number_words(number(row.get('correlation')), 3)})",
            ]
            for i, row in enumerate(listed[:20])
        ]
        if len(listed) > 20:
            shown.append(f"; and {len(listed) - 20} more")
        found.append(
            [
                name_of(variant.label),
                _count(data.get("checked")),
                str(len(listed)),
                shown or "none",
            ]
        )
    if not found:
        return None
    return data_table(
        "Outputs that are a copy of their input",
        ["Variant", "Checked", "Copies found", "Which (correlation)"],
        found,
    )
