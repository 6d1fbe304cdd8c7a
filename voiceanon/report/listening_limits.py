"""What a listening page says about who can still recognise a speaker: the README's own figures."""

from __future__ import annotations

from dataclasses import dataclass

from voiceanon.report.listening_measures import gauge
from voiceanon.report.markup import Html, Node, join, tag
from voiceanon.report.page_parts import scrolling, titled
from voiceanon.report.wording import number_words

__all__ = ["MEASURED", "Recognised", "limits_section"]


@dataclass(frozen=True)
class Recognised:
    """A row of the README's table of privacy.

    Attributes
    ----------
    variant : str
        What was attacked.
    one, pooled : float
        EER of the worst attacker, in %, from one recording and from all of a speaker.
    one_by, pooled_by : str
        Who that is.
    linked : float
        Share of speakers who come first among 20, all recordings pooled.
    """

    variant: str
    one: float
    one_by: str
    pooled: float
    pooled_by: str
    linked: float


MEASURED = (
    Recognised("raw speech", 0.5, "lazy-informed", 0.0, "lazy-informed", 1.00),
    Recognised("template", 8.4, "restoration", 1.0, "restoration", 1.00),
    Recognised("bottleneck", 25.8, "restoration", 7.1, "joined", 0.79),
)
_ATTACKERS = {
    "lazy-informed": "ready-made speaker networks",
    "joined": "several of these at once, trained on others' speech changed in the same way",
    "restoration": "undoes the change by a search, then compares with the real voice",
}
_CHANCE = 50.0


def limits_section() -> Html:
    """Who can still recognise the speaker, with figures and attackers named."""
    head = [
        tag("th", name, scope="col")
        for name in ("Voice", "From one recording", "From all recordings", "Found among 20 people")
    ]
    said = tag(
        "div",
        tag(
            "p",
            "Another voice makes automatic matching harder, not impossible. A person who sounds "
            "like somebody else to you may be found by a program. Whether people who know a "
            "speaker still hear who it is was not tested.",
            class_="lead",
        ),
        tag(
            "p",
            "LibriSpeech test-clean, 20 speakers, 240 recordings; attackers trained on 1,210 "
            "recordings of 376 other people. Not measured: an hour of speech or more, telephone "
            "and noisy recordings, children, languages other than English, listeners. Words, "
            "names, accent, pauses and pace are not hidden, whatever the recipe.",
            class_="quiet",
        ),
    )
    table = tag(
        "table",
        titled("Equal error rate of the worst of ten attackers, all with this software: "
               "0 % recognises always, 50 % is guessing. Found: how often the right person comes "
               "first, by all recordings; guessing finds 5 %"),
        tag("thead", tag("tr", head)),
        tag("tbody", [_row(measured) for measured in MEASURED]),
        class_="recognised",
    )  # fmt: skip
    attackers = tag(
        "dl",
        [(tag("dt", name), tag("dd", f"{what}.")) for name, what in _ATTACKERS.items()],
        class_="attackers",
    )
    figures = tag("div", scrolling("Errors of attackers", table), attackers)
    return tag("div", said, figures, class_="limits")


def _row(measured: Recognised) -> Html:
    return tag(
        "tr",
        tag("th", measured.variant, scope="row"),
        tag("td", _error(measured.one, measured.one_by)),
        tag("td", _error(measured.pooled, measured.pooled_by)),
        tag("td", tag("span", f"{100 * measured.linked:.0f}\u00a0%", class_="number")),
    )


def _error(percent: float, attacker: str) -> Node:
    shown = tag("span", f"{number_words(percent)}\u00a0%", class_="number")
    return join(shown, gauge(percent, _CHANCE), tag("small", attacker))
