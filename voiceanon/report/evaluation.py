"""Writes what `voiceanon evaluate` found as one page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from voiceanon.report import evaluation_headline as top
from voiceanon.report import evaluation_methods as methods
from voiceanon.report import evaluation_tables as tables
from voiceanon.report import utility_tables as utility
from voiceanon.report.assessment_part import assessment_part
from voiceanon.report.descriptions_part import descriptions_part
from voiceanon.report.evaluation_origin import corpus_words, duration_words, origin
from voiceanon.report.evaluation_plots import det_panel, linkability_plot, privacy_words_plot
from voiceanon.report.markup import Html, Node, join, tag
from voiceanon.report.measured import (
    Variant,
    check_schema,
    mapping,
    number,
    pooling_order,
    text,
    variants,
)
from voiceanon.report.page import whole_page
from voiceanon.report.page_parts import data_table, foldable, name_of
from voiceanon.report.players import players
from voiceanon.report.whole_text import write_whole
from voiceanon.report.wording import pooling_label

__all__ = ["REPORT_NAME", "write_report"]

REPORT_NAME = "report.html"


def write_report(results: dict[str, Any], folder: Path) -> Path:
    """Write ``report.html``: figures, plots, players and limits of one evaluation.

    Parameters
    ----------
    results : dict
        What stands in ``results.json`` (schema ``voiceanon-evaluation/1``). What is absent or
        null is reported as not measured; every text in it is data and never markup.
    folder : Path
        Where the report goes. Anonymised examples are read from the places under it that the
        results name, and put into the page; one that is missing is said to be.

    Returns
    -------
    Path
        The report, readable by its owner only. It loads nothing from anywhere, runs no script,
        and a content security policy in it forbids both.

    Raises
    ------
    InputError
        If the results are of another schema.
    DestinationError
        If the file cannot be written.
    """
    known = check_schema(results)
    page = _page(known, variants(known), folder)
    return write_whole(folder / REPORT_NAME, page)


def _page(results: Mapping[str, Any], found: list[Variant], folder: Path) -> str:
    corpus = mapping(results.get("corpus"))
    return whole_page(
        f"Voice anonymisation measured: {text(corpus.get('name'), 'a corpus')}",
        _heading(results, found, corpus),
        _sections(results, found, folder),
        _FOOTER,
    )


_FOOTER = (
    "This page names speakers and recordings as the corpus does and plays anonymised speech: keep "
    "it as confidential as the corpus. It holds no original recording and loads nothing."
)


def _heading(
    results: Mapping[str, Any], found: Sequence[Variant], corpus: Mapping[str, Any]
) -> Node:
    version = text(mapping(results.get("versions")).get("voiceanon"), "version not recorded")
    created = text(results.get("created"), "time not recorded")
    took = number(results.get("took_s"))
    facts = [f"voiceanon {version}", created]
    if took is not None:
        facts.append(f"took {duration_words(took)}")
    is_study = any("assessment" in variant.data for variant in found)
    asked = "Do assessments still work?" if is_study else "Can the speaker be found again?"
    if any("descriptions" in variant.data for variant in found):
        asked = "Can the speaker be found again in what is stored instead of audio?"
    return join(
        tag("p", "Voice anonymisation, measured", class_="kicker"),
        tag("h1", asked),
        tag("p", name_of(corpus_words(corpus)), class_="on"),
        tag("p", name_of(" · ".join(facts)), class_="quiet"),
    )


def _sections(
    results: Mapping[str, Any], found: list[Variant], folder: Path
) -> list[tuple[str, str, Node]]:
    """Anchor, title and content of every section that has something to say."""
    poolings = pooling_order(results, found)
    ours_first = sorted(found, key=lambda variant: not variant.is_recipe)
    sections: list[tuple[str, str, Node]] = [
        (
            "findings",
            "What was found",
            [top.banners(results, found), top.findings(results, found), top.ruler(ours_first)],
        ),
        ("attackers", "Attackers and pooling", _attacks(ours_first, poolings)),
        ("plots", "Trade-offs", _plots(ours_first, poolings)),
        ("people", "Worst speakers, copies and clones", _people(ours_first)),
        ("speech", "Words, delivery and naturalness", _speech(results, ours_first)),
        ("listening", "Listening", _listening(ours_first, folder)),
        ("gaps", "What was not measured", _gaps(results, found)),
        ("methods", "Methods and limits", _methods(found)),
        ("origin", "How to repeat it", origin(results, found)),
    ]
    studied = assessment_part(ours_first)
    if studied is not None:
        # Nobody attacked: what would say so at length is left out.
        sections = [part for part in sections if part[0] not in ("attackers", "plots", "people")]
        sections.insert(0, ("assessment", "Assessments", studied))
    stored = descriptions_part(ours_first)
    if stored is not None:
        # No audio was made: there is nothing to hear, and no word was lost.
        sections = [part for part in sections if part[0] not in ("people", "speech", "listening")]
        sections.insert(1, ("descriptions", "Stored descriptions", stored))
    return sections


def _attacks(found: Sequence[Variant], poolings: Sequence[str]) -> Node:
    parts: list[Node] = [
        tag(
            "p",
            "EER in percent: 0 is always recognised, 50 is chance. Columns are recordings pooled, "
            "known : unknown. The lowest figure of a column is the one that counts.",
        )
    ]
    for variant in found:
        table = tables.attack_table(variant, poolings)
        parts.append(tag("h3", name_of(variant.label)))
        if table is None:
            parts.append(tag("p", "No attack was run on it."))
        else:
            every = foldable(f"Every figure: {variant.label}", tables.every_figure(variant))
            parts += [table, every]
    return parts


def _plots(found: list[Variant], poolings: Sequence[str]) -> Node:
    panels: list[Node] = []
    wanted = dict.fromkeys([p for p in poolings if p == "1-1"] + list(poolings[-1:]))
    for pooling in wanted:
        curves: list[tuple[Node, str, Any]] = []
        for variant in found:
            best = variant.lowest(pooling)
            if best is not None:
                named = join(name_of(variant.label), " · ", name_of(best.attacker))
                curves.append((named, f"{variant.label}, {best.attacker}", best))
        panels.append(
            det_panel(f"Strongest attacker on each variant, {pooling_label(pooling)}", curves)
        )
    for variant in found:
        if variant.is_recipe and poolings:
            names = dict.fromkeys(a.attacker for a in variant.attacks)
            attacks = [(n, variant.find(n, poolings[-1], "all")) for n in names]
            panels.append(
                det_panel(
                    f"Every attacker on {variant.label}, {pooling_label(poolings[-1])}",
                    [(name_of(name), name, attack) for name, attack in attacks if attack],
                )
            )
    if poolings:
        panels.append(linkability_plot(found, poolings[-1]))
    drawn = [panel for panel in panels if panel is not None]
    words = privacy_words_plot(found)
    if not drawn and words is None:
        return tag("p", "Nothing can be drawn: no attack gave a curve.")
    return [words, tag("div", drawn, class_="panels")]


def _people(found: Sequence[Variant]) -> Node:
    worst, same, clones = (
        tables.worst_speakers(found), tables.copies(found), utility.cloning_table(found)
    )  # fmt: skip
    return [
        tag("h3", "Worst speakers"),
        tag("p", "An average hides people. These are recognised most easily."),
        worst or _nothing("Worst speakers"),
        tag("h3", "Copies"),
        tag("p", "Every output was compared with its input: a copy protects nobody."),
        same or _nothing("Copies"),
        tag("h3", "Cloning"),
        tag(
            "p",
            "A voice conversion takes anonymised speech as its model, and the clone is compared "
            "with the original speaker. The closer to what raw speech gives, the less is hidden.",
        ),
        clones or _nothing("Cloning"),
    ]


def _speech(results: Mapping[str, Any], found: list[Variant]) -> Node:
    return [
        tag("h3", "Words"),
        methods.recogniser_note(results),
        utility.words_table(found) or _nothing("Words"),
        tag("h3", "Delivery"),
        utility.delivery_table(found) or _nothing("Delivery"),
        tag("h3", "Naturalness and voices"),
        utility.naturalness_table(found) or _nothing("Naturalness"),
    ]


_SINGULAR = ("Delivery", "Naturalness", "Cloning")


def _nothing(what: str) -> Html:
    return tag(
        "p",
        f"{what} {'was' if what in _SINGULAR else 'were'} not measured.",
        class_="quiet",
    )


def _listening(found: Sequence[Variant], folder: Path) -> Node:
    heard = [(variant, players(variant, folder)) for variant in found]
    parts = [(tag("h3", name_of(v.label)), playing) for v, playing in heard if playing]
    return [
        tag(
            "p",
            "Anonymised examples of recipes that remove the speaker. Originals and baselines, "
            "which keep the voice, are never put into this page.",
        ),
        parts or tag("p", "No example is at hand.", class_="quiet"),
    ]


def _gaps(results: Mapping[str, Any], found: Sequence[Variant]) -> Node:
    missing: dict[tuple[str, str], list[str]] = {}
    for of, what, why in methods.gaps(results, found):
        missing.setdefault((what, why), []).append(of)
    if not missing:
        return tag("p", "The results name nothing that was left out.")
    listed: list[list[Node]] = [
        [name_of(what), name_of("the whole run" if "all" in of else ", ".join(of)), name_of(why)]
        for (what, why), of in missing.items()
    ]
    return [
        tag("p", "Not measured is no pass."),
        data_table("What was not measured, and why", ["What", "Of", "Why"], listed),
    ]


def _methods(found: Sequence[Variant]) -> Node:
    known = methods.attackers(found)
    return [
        tag("h3", "What the figures do not say"),
        methods.limits(),
        tag("h3", "Who attacked"),
        known or tag("p", "Nobody: no attack was run."),
        tag("h3", "Words of the field"),
        methods.terms(),
    ]
