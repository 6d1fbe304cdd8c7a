"""Writes a page on which recordings are heard in several pseudo-voices, and seen, and judged."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from math import log, prod
from pathlib import Path

from voiceanon.bottleneck import bottleneck_tables
from voiceanon.recipe import Recipe
from voiceanon.report.evaluation_style import STYLE
from voiceanon.report.listening_limits import limits_section
from voiceanon.report.listening_measures import badge, measure_table
from voiceanon.report.listening_pictures import HIGHEST_F0_HZ, LOWEST_F0_HZ
from voiceanon.report.listening_script import SCRIPT
from voiceanon.report.listening_style import LISTENING_STYLE
from voiceanon.report.listening_takes import MELODY_SIZE, Heard, Listened, Take
from voiceanon.report.markup import Html, Node, join, tag
from voiceanon.report.page import whole_page
from voiceanon.report.whole_text import write_whole
from voiceanon.report.wording import number_words
from voiceanon.version import __version__

__all__ = ["write_listening_page"]

_RECIPES = {
    "template": "signal processing alone: quick, clear, protects little",
    "bottleneck": "a few hundred shared speech units: more private, fewer words survive",
}
_PCM_BITS_PER_SECOND = 256_000
_HINTS = (("Space", "plays"), ("← →", "move"), ("0 … 9", "voices"), ("A", "compares"))
_KEYS = (
    ("Space", "play or pause"),
    ("← →", "half a second back or on"),
    ("1 … 9", "a pseudo-voice, at the same place"),
    ("0", "the original"),
    ("A", "compare: back to the voice before"),
    ("R", "repeat at the end"),
    ("P N", "previous or next reading"),
)


def write_listening_page(listened: Sequence[Listened], path: Path) -> Path:
    """Write the page, whole or not at all; a file that is there is replaced.

    Parameters
    ----------
    listened : sequence of Listened
        Recordings, at least one.
    path : Path
        Where the page goes.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    DestinationError
        If it cannot be written.
    """
    heading = join(
        tag("p", f"voiceanon {__version__} · listening page", class_="kicker"),
        tag("h1", "The same words, another voice"),
        tag(
            "p",
            "Recordings taken apart and spoken anew by voices that are nobody's. Change the voice "
            "while it plays: it goes on at the same syllable.",
            class_="lead",
        ),
        _privacy_note(listened),
    )
    sections: list[tuple[str, str, Node]] = [
        ("listen", "Listen", _desk(listened)),
        ("recognised", "Who can still recognise the speaker", limits_section()),
        ("reading-it", "What you see", _explained()),
        ("made", "How this page was made", _made(listened)),
    ]
    page = whole_page(
        "The same words, another voice",
        heading,
        sections,
        "This page is one file. It loads nothing and sends nothing.",
        style=STYLE + LISTENING_STYLE,
        script=SCRIPT,
    )
    return write_whole(path, page)


def _privacy_note(listened: Sequence[Listened]) -> Node:
    private = [one for one in listened if not one.reading.is_public]
    exposed = [one for one in private if one.original is not None]
    if exposed:
        what = "the original voice" if len(exposed) == 1 else f"{len(exposed)} original voices"
        words = f"This page holds {what}, to be heard and seen. Treat it like the recordings."
        return tag("div", tag("p", tag("strong", words)), class_="warning", role="note")
    if private:
        return tag(
            "p",
            "The original recordings are not on this page: neither their sound nor pictures of it.",
            class_="quiet",
        )
    return None


def _desk(listened: Sequence[Listened]) -> Html:
    links = [
        tag("a", str(number), tag("span", one.reading.title.partition(", ")[2] or "recording",
                                  class_="who"),
            href=f"#reading-{number}", aria_label=one.reading.title)
        for number, one in enumerate(listened, 1)
    ]  # fmt: skip
    tabs = tag("nav", links, class_="readings", aria_label="Readings") if len(links) > 1 else None
    return join(
        tabs,
        [_reading(number, one) for number, one in enumerate(listened, 1)],
        _player(),
    )


def _player() -> Html:
    """One for the whole page; it comes to life with the script."""
    play = tag(
        "button",
        tag("span", class_="sign", aria_hidden="true"),
        tag("span", "Play", class_="word"),
        type="button",
        id="play",
    )
    compare = "Compare with the voice before"
    return tag(
        "div",
        play,
        tag("span", id="now", class_="now"),
        tag("input", type="range", id="place", min=0, max=1, step="0.01", value=0,
            aria_label="Position in seconds"),
        tag("output", "0.0 s", id="time", for_="place"),
        tag("button", tag("kbd", "A"), tag("span", " Compare", class_="long"), type="button",
            id="compare", title=compare, aria_label=compare),
        tag("button", tag("kbd", "R"), tag("span", " Repeat", class_="long"), type="button",
            id="repeat", title="Repeat at the end", aria_label="Repeat", aria_pressed="false"),
        tag("p", id="said", class_="unseen", role="status"),
        class_="player needs-script",
        role="group",
        aria_label="Player",
    )  # fmt: skip


def _reading(number: int, one: Listened) -> Html:
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
        data_most=str(_unit_count()),
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
            tag("figure", title, tag("p", "Held by the gate: there is no sound.", class_="held")),
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
    said = "Delivered: every measure passes."
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
                f"{factor:,.0f} times smaller than the audio",
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


def _unit_count() -> int:
    digits = Recipe.named("bottleneck").unit_digits
    return prod(int(levels) for levels in bottleneck_tables()["levels"][:digits])


def _explained() -> Html:
    told = (
        ("Before and after", "What sounds when, low below and high above; darker is louder. The "
         "pattern in time stays, because the words and the pace stay. The stripes move, because "
         "another voice has other resonances and another pitch."),
        ("Melody", "How fast the vocal folds beat, from 60 to 400 Hz; where there is no line, "
         "nothing is voiced. The melody is laid into the range of the new voice, in steps."),
        ("Units", f"bottleneck writes down, 50 times a second, which of {_unit_count()} shared "
         "sounds is spoken, how loud in steps of 6 dB, and one of five steps of pitch. "
         "Like colours are like sounds. Every bottleneck voice here was made from this strip."),
        ("Gate", "Every output is compared with its recording before it is delivered. One measure "
         "beyond its limit is enough: then another voice is drawn, and if none passes, nothing is "
         "delivered. The gate is about words and copies; it does not measure who is recognised."),
    )  # fmt: skip
    keys = [(tag("dt", tag("kbd", key)), tag("dd", what)) for key, what in _KEYS]
    return join(
        tag(
            "dl",
            [tag("div", tag("dt", name), tag("dd", what)) for name, what in told],
            class_="explained",
        ),
        tag("h3", "Keys", class_="needs-script"),
        tag("dl", keys, class_="keys needs-script"),
        tag(
            "p",
            tag("label", tag("input", type="checkbox", id="keys-on", checked=True),
                " Keys are on"),
            class_="needs-script",
        ),
    )  # fmt: skip


def _made(listened: Sequence[Listened]) -> Html:
    lines: list[Node] = [
        tag(
            "p",
            "By ",
            tag("code", "voiceanon demo --web"),
            ", on the computer where it was run, without a network. Drawn voices come from a "
            "secret that is not on this page: without it nobody draws them again. The voices "
            "with names are made up, none after a person.",
        )
    ]
    if any(one.reading.is_public for one in listened):
        lines.append(
            tag(
                "p",
                "The readings that come with the package are from LibriSpeech (V. Panayotov, G. "
                "Chen, D. Povey and S. Khudanpur, ICASSP 2015), read by volunteers of LibriVox "
                "who gave their voices to the public; licence Creative Commons Attribution 4.0.",
            )
        )
    return join(lines)
