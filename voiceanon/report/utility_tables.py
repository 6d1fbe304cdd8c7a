"""Tables of what speech lost or kept: words, delivery, naturalness, voices, cloning, speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voiceanon.report.assessment_part import MEASURE_NAMES
from voiceanon.report.markup import Html, Node, tag
from voiceanon.report.measured import Variant, figure, mapping, number
from voiceanon.report.page_parts import data_table, name_of
from voiceanon.report.wording import NOT_MEASURED, number_words, percent_words, with_interval

__all__ = ["cloning_table", "delivery_table", "naturalness_table", "words_table"]


def words_table(variants: Sequence[Variant]) -> Html | None:
    """Word and character error rates, and what was lost against raw speech."""
    if not any(mapping(v.data.get("words")) for v in variants):
        return None
    found: list[list[Node]] = []
    for variant in variants:
        words = mapping(variant.data.get("words"))
        found.append(
            [
                name_of(variant.label),
                percent_words(figure(words.get("wer_percent"))),
                _lost(variant, words.get("wer_minus_raw_points")),
                percent_words(figure(words.get("cer_percent"))),
                _lost(variant, words.get("cer_minus_raw_points")),
                _count(words.get("utterances")),
            ]
        )
    return data_table(
        "Words: error rates of a recogniser with 95 % intervals",
        ["Variant", "WER", "WER minus raw, points", "CER", "CER minus raw, points", "Utterances"],
        found,
    )  # fmt: skip


def delivery_table(variants: Sequence[Variant]) -> Html | None:
    """Pearson correlations of assessment measures, original against anonymised."""
    by_variant = [
        (v, mapping(mapping(v.data.get("delivery")).get("correlations"))) for v in variants
    ]
    by_variant = [(v, found) for v, found in by_variant if found]
    if not by_variant:
        return None
    measures = dict.fromkeys(key for _, found in by_variant for key in found)
    return data_table(
        "Delivery: correlation with the original over recordings (1 = kept), 95 % intervals",
        ["Measure", *(name_of(v.label) for v, _ in by_variant)],
        [
            [
                name_of(MEASURE_NAMES.get(key, str(key))),
                *(with_interval(figure(found.get(key)), 2) for _, found in by_variant),
            ]
            for key in measures
        ],
    )


def naturalness_table(variants: Sequence[Variant]) -> Html | None:
    """Predicted quality, distinctness of voices, kept melody, speed, size of descriptions."""
    found: list[list[Node]] = []
    for variant in variants:
        quality = mapping(variant.data.get("naturalness"))
        voices = mapping(variant.data.get("voices"))
        speed = number(variant.data.get("speed_x_real_time"))
        size = number(mapping(variant.data.get("description")).get("bits_per_second"))
        if quality or voices or speed is not None:
            found.append(
                [
                    name_of(variant.label),
                    with_interval(figure(quality.get("dnsmos")), 2),
                    with_interval(figure(quality.get("distillmos")), 2),
                    with_interval(figure(voices.get("g_vd_db")), 1, "\N{NO-BREAK SPACE}dB"),
                    with_interval(figure(voices.get("rho_f0")), 2),
                    NOT_MEASURED if speed is None else f"{speed:,.0f} ×",
                    "" if size is None else f"{size:,.0f}",
                ]
            )
    if not found:
        return None
    return data_table(
        "Naturalness and voices, with 95 % intervals",
        ["Variant", "DNSMOS (1–5)", "DistillMOS (1–5)", "Distinct voices, G_VD", "ρ of f0",
         "Speed, real time", "Description, bit/s"],
        found,
    )  # fmt: skip


def cloning_table(variants: Sequence[Variant]) -> Html | None:
    """How often a clone made from anonymised speech passes as the original speaker."""
    found: list[list[Node]] = []
    for variant in variants:
        cloning: Mapping[str, Any] = mapping(mapping(variant.data.get("privacy")).get("cloning"))
        if cloning:
            raw = figure(cloning.get("accepted_of_raw_reference_percent"))
            found.append(
                [
                    name_of(variant.label),
                    percent_words(figure(cloning.get("accepted_percent"))),
                    percent_words(raw),
                    _count(cloning.get("clones")),
                    number_words(number(cloning.get("threshold")), 3),
                ]
            )
    if not found:
        return None
    return data_table(
        "Clones accepted as the original speaker, with 95 % intervals",
        ["Variant", "Made from anonymised speech", "Made from raw speech", "Clones", "Threshold"],
        found,
    )


def _lost(variant: Variant, raw: object) -> str:
    """What anonymising added to an error rate; raw speech is what others are compared with."""
    return "reference" if variant.kind == "raw" and not raw else with_interval(figure(raw))


def _count(raw: object) -> Node:
    value = number(raw)
    return tag("span", NOT_MEASURED if value is None else f"{value:,.0f}")
