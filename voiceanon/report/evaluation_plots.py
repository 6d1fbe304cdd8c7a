"""The plots of an evaluation: error trade-off, linkability, and privacy against words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from voiceanon.report.markup import Html, Node, join, tag
from voiceanon.report.measured import Attack, Figure, Variant
from voiceanon.report.page_parts import data_table, foldable, name_of
from voiceanon.report.plot import Axis, Plot, legend
from voiceanon.report.published import PUBLISHED, PUBLISHED_NOTE
from voiceanon.report.wording import NOT_MEASURED, number_words, percent_words, pooling_label

__all__ = ["det_panel", "linkability_plot", "privacy_words_plot"]

_DET_TICKS = ((0.001, "0.1"), (0.01, "1"), (0.05, "5"), (0.2, "20"), (0.5, "50"), (0.8, "80"))
_FALSE_ACCEPTS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5)


def det_panel(title: str, curves: Sequence[tuple[Node, str, Attack]]) -> Html | None:
    """Detection error trade-off curves, with a legend and a table; None if there is no curve.

    Parameters
    ----------
    title : str
        What the curves have in common.
    curves : sequence of (Node, str, Attack)
        Each with its name in the legend and as plain text.

    Returns
    -------
    Html or None
        A figure.
    """
    drawn = [
        (series, shown, plain, attack)
        for series, (shown, plain, attack) in enumerate(curves)
        if len(attack.det) > 1
    ]
    if not drawn:
        return None
    told = "; ".join(f"{plain}: EER {percent_words(a.eer)}" for _, _, plain, a in drawn)
    plot = Plot(
        Axis("Other people taken for the speaker (%)", 0.0008, 0.85, _DET_TICKS, "probit"),
        Axis("Speaker missed (%)", 0.0008, 0.85, _DET_TICKS, "probit"),
        f"Error trade-off: {title}",
        f"Detection error trade-off on probit axes. {told}.",
    )
    plot.line([(0.0005, 0.0005), (0.9, 0.9)], None)
    # An attacker who knows nothing: every threshold trades one error for the other.
    plot.line([(share, 1 - share) for share in (0.1, 0.2, 0.5, 0.8, 0.9)], None)
    for series, _, _, attack in drawn:
        plot.line(sorted(attack.det, key=lambda point: (point[0], -point[1])), series)
        if attack.eer and attack.eer.value >= 0.1:
            share = attack.eer.value / 100
            plot.point(share, share, series)
    table = data_table(
        f"Speaker missed (%), by how many other people are accepted: {title}",
        ["Curve", *(f"{100 * share:g} %" for share in _FALSE_ACCEPTS), "EER"],
        [
            [
                shown,
                *(_missed(attack, share) for share in _FALSE_ACCEPTS),
                percent_words(attack.eer),
            ]
            for _, shown, _, attack in drawn
        ],
    )
    return tag(
        "figure",
        tag("figcaption", title),
        plot.svg(),
        legend((series, shown) for series, shown, _, _ in drawn),
        foldable("Figures of this plot", table),
    )


def _missed(attack: Attack, false_accepts: float) -> str:
    """The fewest misses at no more than these false accepts, in percent."""
    reached = [reject for accept, reject in attack.det if accept <= false_accepts + 1e-12]
    return number_words(100 * min(reached)) if reached else NOT_MEASURED


def linkability_plot(variants: Sequence[Variant], largest: str) -> Html | None:
    """How often the right speaker comes first among N′ people, beside chance."""
    drawn = [(i, v, v.headline) for i, v in enumerate(variants) if v.headline]
    drawn = [(i, v, attack) for i, v, attack in drawn if attack.linkability]
    if not drawn:
        return None
    people = sorted({n for _, _, attack in drawn for n in attack.linkability})
    highest = max(20, *people)
    ticks = [(float(n), str(n)) for n in (2, 5, 10, 20, 50, 100, 500, 2000, 10000) if n <= highest]
    plot = Plot(
        Axis("N′, people among whom the attacker looks", 1.8, highest * 1.12, ticks, "log"),
        Axis("Right speaker comes first (%)", 0.0, 102.0, [(v, str(v)) for v in range(0, 101, 20)]),
        "Linkability against the number of people",
        "; ".join(
            f"{v.label}: " + ", ".join(f"{100 * p:.0f} % of {n}" for n, p in a.linkability.items())
            for _, v, a in drawn
        ),
    )
    steps = 40
    chance = [math.exp(math.log(2) + math.log(highest / 2) * i / steps) for i in range(steps + 1)]
    plot.line([(n, 100 / n) for n in chance], None)
    plot.note(2.1, 12.0, "chance, 1/N′")
    for series, _, attack in drawn:
        points = [(float(n), 100 * share) for n, share in attack.linkability.items()]
        plot.line(points, series)
        for x, y in points:
            plot.point(x, y, series)
    table = data_table(
        "Right speaker comes first (%), by number of people",
        ["Variant", *(str(n) for n in people)],
        [
            ["chance", *(number_words(100 / n) for n in people)],
            *(
                [
                    name_of(v.label),
                    *(
                        number_words(100 * a.linkability[n]) if n in a.linkability else NOT_MEASURED
                        for n in people
                    ),
                ]
                for _, v, a in drawn
            ),
        ],
    )
    return tag(
        "figure",
        tag(
            "figcaption", f"Linkability, pooling {pooling_label(largest)}, strongest attacker each"
        ),
        plot.svg(),
        legend((i, _named(v, a)) for i, v, a in drawn),
        foldable("Figures of this plot", table),
    )


def _named(variant: Variant, attack: Attack) -> Html:
    return join(name_of(variant.label), " · ", name_of(attack.attacker))


def privacy_words_plot(variants: Sequence[Variant]) -> Html | None:
    """Lowest EER against word error rate, with published systems as faint points."""
    drawn = [
        (i, v, v.headline.eer, v.wer)
        for i, v in enumerate(variants)
        if v.headline and v.headline.eer and v.wer
    ]
    if not drawn:
        return None
    wer_highest = max(12.0, *(_high(wer) for *_, wer in drawn), *(p.wer_percent for p in PUBLISHED))
    step = next((s for s in (2, 5, 10, 20) if wer_highest / s <= 7), 50)
    wer_end = step * math.ceil(1.04 * wer_highest / step)
    eer_end = 50.0 if max(_high(eer) for _, _, eer, _ in drawn) <= 50 else 70.0
    plot = Plot(
        Axis(
            "Word error rate (%), lower keeps more words",
            -0.02 * wer_end,
            wer_end,
            [(v, str(v)) for v in range(0, wer_end + 1, step)],
        ),
        Axis(
            "Lowest EER (%), higher protects better",
            -1.0,
            eer_end + 2,
            [(v, str(v)) for v in range(0, int(eer_end) + 1, 10)],
        ),
        "Privacy against words",
        "; ".join(
            f"{v.label}: EER {percent_words(eer)}, word error rate {percent_words(wer)}"
            for _, v, eer, wer in drawn
        ),
    )
    plot.line([(-1.0, 50.0), (wer_end, 50.0)], None)
    for series, variant, eer, wer in drawn:
        plot.point(
            wer.value,
            eer.value,
            series,
            x_interval=_ends(wer),
            y_interval=_ends(eer),
            label=variant.label,
        )
    for system in PUBLISHED:
        older, later = system.eer_2024_percent, system.eer_later_percent
        if older is not None:
            plot.faint_point(system.wer_percent, older, system.letter)
            if later is not None and older - later > 2:
                plot.faint_fall(system.wer_percent, older, later)
                plot.faint_point(system.wer_percent, later, f"{system.letter}′")
    left_out = [v for v in variants if not (v.headline and v.headline.eer and v.wer)]
    table = data_table(
        "Privacy and words of this run",
        ["Variant", "Lowest EER (%)", "Attacker", "Word error rate (%)"],
        [
            [
                name_of(v.label),
                percent_words(v.headline.eer if v.headline else None),
                name_of(v.headline.attacker) if v.headline else NOT_MEASURED,
                percent_words(v.wer),
            ]
            for v in variants
        ],
    )
    return tag(
        "figure",
        tag("figcaption", "Privacy against words: up and to the left is better"),
        plot.svg(),
        legend(((i, name_of(v.label)) for i, v, *_ in drawn), with_line=False),
        tag(
            "p",
            "Letters are published systems, listed below; a line leads down to what a later, "
            "stronger attacker left of a figure (a letter with ′).",
            class_="quiet",
        ),
        tag(
            "p",
            "Not in the plot, because one of its figures was not measured: ",
            [[", " if i else "", name_of(v.label)] for i, v in enumerate(left_out)],
            ".",
            class_="quiet",
        )
        if left_out
        else None,
        foldable("Figures of this plot", table),
        foldable("Published systems", tag("p", PUBLISHED_NOTE), _published_table()),
        class_="big",
    )


def _high(figure: Figure) -> float:
    return figure.value if figure.high is None else max(figure.value, figure.high)


def _ends(figure: Figure) -> tuple[float, float] | None:
    return None if figure.low is None or figure.high is None else (figure.low, figure.high)


def _published_table() -> Html:
    return data_table(
        "Published systems, EER and word error rate in percent",
        ["System", "Kind", "EER, attacker of 2024", "EER, later attackers", "WER", "Source"],
        [
            [
                name_of(f"{s.letter}: {s.name}"),
                name_of(s.kind),
                _or_dash(s.eer_2024_percent),
                _or_dash(s.eer_later_percent),
                f"{s.wer_percent:.1f}",
                name_of(s.source),
            ]
            for s in PUBLISHED
        ],
    )


def _or_dash(value: float | None) -> str:
    return "not published" if value is None else f"{value:.1f}"
