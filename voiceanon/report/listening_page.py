"""Writes a page on which recordings are heard in several pseudo-voices, and seen, and judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voiceanon.report.evaluation_style import STYLE
from voiceanon.report.listening_limits import limits_section
from voiceanon.report.listening_reading import reading_section, unit_count
from voiceanon.report.listening_script import SCRIPT
from voiceanon.report.listening_style import LISTENING_STYLE
from voiceanon.report.listening_takes import Listened
from voiceanon.report.markup import Html, Node, join, tag
from voiceanon.report.page import whole_page
from voiceanon.report.whole_text import write_whole
from voiceanon.version import __version__

__all__ = ["write_listening_page"]

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
        (
            "reading-it",
            "What you see",
            _explained(any(one.original is not None for one in listened)),
        ),
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
        [reading_section(number, one) for number, one in enumerate(listened, 1)],
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


def _explained(has_original: bool) -> Html:
    told = (
        ("Before and after", "What sounds when, low below and high above; darker is louder. The "
         "pattern in time stays, because the words and the pace stay. The stripes move, because "
         "another voice has other resonances and another pitch."),
        ("Melody", "How fast the vocal folds beat, from 60 to 400 Hz; where there is no line, "
         "nothing is voiced. The melody is laid into the range of the new voice, in steps."),
        ("Units", f"bottleneck writes down, 50 times a second, which of {unit_count()} shared "
         "sounds is spoken, how loud in steps of 6 dB, and one of five steps of pitch. "
         "Like colours are like sounds. Every bottleneck voice here was made from this strip."),
        ("Gate", "Every output is compared with its recording before it is delivered. One measure "
         "beyond its limit is enough: then another voice is drawn, and if none passes, nothing is "
         "delivered. The gate is about words and copies; it does not measure who is recognised."),
    )  # fmt: skip
    shown = [(key, what) for key, what in _KEYS if has_original or key != "0"]
    keys = [(tag("dt", tag("kbd", key)), tag("dd", what)) for key, what in shown]
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
