"""One recording on a listening page: its voices, its pictures one below the other, its verdicts."""

from __future__ import annotations

from base64 import b64encode
from math import log, prod

from voiceanon.bottleneck import bottleneck_tables
from voiceanon.recipe import Recipe
from voiceanon.report.listening_measures import badge, measure_table
from voiceanon.report.listening_pictures import HIGHEST_F0_HZ, LOWEST_F0_HZ
from voiceanon.report.listening_takes import MELODY_SIZE, Heard, Listened, Take
from voiceanon.report.markup import Html, Node, join, tag
from voiceanon.report.wording import number_words

__all__ = ["reading_section", "unit_count"]

_RECIPES = {
    "template": "signal processing alone: quick, clear, protects little",
    "bottleneck": "a few hundred shared speech units: more private, fewer words survive",
}
_HELD = "Held by the gate: nothing was delivered, so there is no sound. Below stands why."
_PCM_BITS_PER_SECOND = 256_000
_HINTS = (("Space", "plays"), ("← →", "move"), ("1 … 9", "voices"), ("A", "compares"))


def reading_section(number: int, one: Listened) -> Html:
    """One recording: its voices, what is seen of each, and what the gate says.

    Parameters
    ----------
    number : int
        Its place on the page, from 1.
    one : Listened
        The recording and its takes.
    """
    title = tag("h3", one.reading.title, id=f"reading-{number}-title")
    words = tag("p", f"“{one.reading.words}”", class_="words") if one.reading.words else None
    cut = None
    if one.duration_s > one.shown_s + 0.05 or one.channels > 1:
        channel = f" of the first of {one.channels} channels" if one.channels > 1 else ""
        cut = tag(
            "p",
            f"The first {one.shown_s:.0f} s{channel} are heard; verdicts are of all of "
            f"it, {one.duration_s:.0f} s.",
            class_="quiet",
        )
    return tag(
        "article",
        tag("div", title, words, cut, class_="about"),
        _voices(one),
        tag(
            "div",
            _before(one.original),
            [_take_seen(place, take, one) for place, take in enumerate(one.takes, 1)],
            _described(one),
            tag("div", class_="cursor needs-script", aria_hidden="true"),
            class_="stage",
        ),
        tag("div", [_take_told(place, take, one) for place, take in enumerate(one.takes, 1)],
            class_="told"),
        id=f"reading-{number}",
        class_="reading",
        aria_labelledby=f"reading-{number}-title",
        data_seconds=f"{one.shown_s:.3f}",
        data_units=" ".join(map(str, one.unit_numbers)),
        data_most=str(unit_count()),
    )  # fmt: skip


def _voices(one: Listened) -> Html:
    groups = []
    if one.original is not None:
        groups.append(
            tag("div", tag("p", "the recording"), _voice_button(0, "original", "original"))
        )
    for recipe, what in _RECIPES.items():
        buttons = [
            _voice_button(place, take.voice, recipe, take.heard is None)
            for place, take in enumerate(one.takes, 1)
            if take.recipe == recipe
        ]
        groups.append(tag("div", tag("p", tag("b", recipe), f" · {what}"), buttons))
    hint = tag(
        "p",
        [(tag("kbd", key), f"\u00a0{what}  ") for key, what in _HINTS],
        class_="hint",
        aria_hidden="true",
    )
    return tag("div", groups, hint, class_="voices needs-script", role="group", aria_label="Voices")


def _voice_button(place: int, voice: str, recipe: str, is_held: bool = False) -> Html:
    kind = "is-original" if recipe == "original" else "is-held" if is_held else ""
    return tag(
        "button",
        tag("kbd", str(place), aria_hidden="true"),
        tag("span", voice, tag("small", "held") if is_held else None),
        type="button",
        class_=f"voice {kind}".strip(),
        data_take=str(place),
        data_name=voice if recipe == "original" else f"{recipe}, {voice}",
        aria_pressed="false",
    )


def _before(original: Heard | None) -> Html | None:
    if original is None:
        return None
    return tag(
        "figure",
        tag("figcaption", tag("b", "Before"), " · the original recording"),
        _sound(original, "Spectrogram of the original recording", "The original recording"),
        class_="before",
        data_take="0",
    )


def _take_seen(place: int, take: Take, one: Listened) -> Html:
    name = f"{take.recipe}, {take.voice}"
    verdict = tag("span", badge(str(take.report["verdict"])), class_="at-end")
    title = tag("figcaption", tag("b", "After"), f" · {name}", verdict)
    if take.heard is None:
        return tag(
            "div",
            tag("figure", title, tag("p", _HELD, class_="held")),
            class_="take",
            data_take=str(place),
        )
    return tag(
        "div",
        tag("figure", title, _sound(take.heard, f"Spectrogram of {name}", name), class_="after"),
        tag(
            "figure",
            tag(
                "figcaption",
                tag("b", "Melody"),
                " · ",
                (tag("span", "original", class_="key-before"), " and ") if one.original else None,
                tag("span", "this voice", class_="key-after"),
            ),
            _melody(take.heard, one.original, name),
        ),
        class_="take",
        data_take=str(place),
    )


def _sound(heard: Heard, drawn: str, name: str) -> Html:
    source = f"data:audio/flac;base64,{b64encode(heard.flac).decode('ascii')}"
    return join(
        tag(
            "div",
            tag("img", src=heard.picture, alt=f"{drawn}: darker is louder, high sounds are up"),
            class_="sound",
        ),
        tag("audio", src=source, controls=True, preload="none", aria_label=name, class_="plain"),
    )


def _melody(heard: Heard, original: Heard | None, name: str) -> Html:
    width, height = MELODY_SIZE
    lines = [tag("path", d=f"M0 {_f0_place(hz)}H{width:g}", class_="grid") for hz in (100, 200)]
    if original is not None:
        lines.append(tag("path", d=original.melody, class_="line is-before"))
    lines.append(tag("path", d=heard.melody, class_="line is-after"))
    compared = " and of the original" if original is not None else ""
    drawing = tag(
        "svg",
        tag("title", f"Fundamental frequency of {name}{compared}"),
        lines,
        viewBox=f"0 0 {width:g} {height:g}",
        preserveAspectRatio="none",
        role="img",
    )
    marks = [tag("span", f"{hz} Hz", class_=f"hz at-{hz}", aria_hidden="true") for hz in (100, 200)]
    return tag("div", drawing, marks, class_="melody")


def _f0_place(hz: float) -> str:
    share = log(hz / LOWEST_F0_HZ) / log(HIGHEST_F0_HZ / LOWEST_F0_HZ)
    return f"{MELODY_SIZE[1] * (1 - share):.1f}"


def _described(one: Listened) -> Html:
    return tag(
        "figure",
        tag(
            "figcaption",
            tag("b", "Units"),
            tag("span", "· all that bottleneck keeps, with five steps of pitch", class_="more"),
            tag("span", class_="unit-now needs-script"),
        ),
        tag("img", src=one.units, class_="units",
            alt="One bar for every 20 ms: its colour is the unit, its height the level"),
        class_="description",
    )  # fmt: skip


def _take_told(place: int, take: Take, one: Listened) -> Html:
    name = f"{take.recipe}, {take.voice}"
    verdict = str(take.report["verdict"])
    said = "Delivered: every judged measure passes."
    if take.heard is None:
        said = f"Not delivered: {take.report['reason']}."
    if take.redraws and take.heard is not None:
        others = "one voice" if take.redraws == 1 else f"{take.redraws} voices"
        said += f" {others.capitalize()} drawn before it were held."
    return tag(
        "div",
        tag("h4", "Gate: ", badge(verdict), tag("span", f" {name}", class_="quiet")),
        tag("p", said),
        tag(
            "div",
            measure_table(take.report, f"What the gate measured of {name}"),
            tag("dl", _facts(take, one), class_="facts"),
            class_="findings",
        ),
        class_="take",
        data_take=str(place),
    )


def _facts(take: Take, one: Listened) -> Node:
    factor = _PCM_BITS_PER_SECOND / one.bits_per_second
    facts = []
    if take.recipe == "bottleneck":
        facts.append(
            (
                f"{one.bits_per_second:,.0f} bit/s",
                f"the description, stored: {one.description_bytes:,} bytes in all, "
                f"{factor:,.0f} times smaller than audio of 16 kHz",
            )
        )
    facts.append(
        (
            f"{one.speeds[take.recipe]:,.0f} × real time",
            "changed, by one core where this page was made",
        )
    )
    if take.times_real_time:
        facts.append(
            (
                f"{number_words(take.times_real_time)} × real time",
                "changed, checked, written and read again",
            )
        )
    return [tag("div", tag("dt", figure), tag("dd", what)) for figure, what in facts]


def unit_count() -> int:
    """How many units there are."""
    digits = Recipe.named("bottleneck").unit_digits
    return prod(int(levels) for levels in bottleneck_tables()["levels"][:digits])
