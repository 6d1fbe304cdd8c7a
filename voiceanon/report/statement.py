"""Writes one page for a privacy officer: what was measured, by whom, on what, and what was not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from voiceanon.report.evaluation_methods import LIMITS, gaps
from voiceanon.report.evaluation_origin import corpus_words
from voiceanon.report.markup import clean
from voiceanon.report.measured import (
    Variant,
    check_schema,
    mapping,
    number,
    pooling_order,
    rows,
    text,
    variants,
)
from voiceanon.report.whole_text import write_whole
from voiceanon.report.wording import (
    NOT_MEASURED,
    percent_words,
    plain_percent,
    pooling_label,
    pooling_words,
    rate_words,
)

__all__ = ["STATEMENT_NAME", "write_statement"]

STATEMENT_NAME = "statement.md"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~&])")
_SPACES = re.compile(r"\s+")


def write_statement(results: dict[str, Any], folder: Path) -> Path:
    """Write ``statement.md``: the measurement in one page, with its attackers, data and gaps.

    Parameters
    ----------
    results : dict
        What stands in ``results.json`` (schema ``voiceanon-evaluation/1``).
    folder : Path
        Where the statement goes.

    Returns
    -------
    Path
        The statement, in Markdown, readable by its owner only.

    Raises
    ------
    InputError
        If the results are of another schema.
    DestinationError
        If the file cannot be written.
    """
    known = check_schema(results)
    return write_whole(folder / STATEMENT_NAME, "\n".join(_lines(known)) + "\n")


def _lines(results: Mapping[str, Any]) -> list[str]:
    found = sorted(variants(results), key=lambda variant: not variant.is_recipe)
    corpus, training = mapping(results.get("corpus")), mapping(results.get("training"))
    red = [row for row in rows(results.get("warnings")) if text(row.get("level")) == "red"]
    lines = ["# Voice anonymisation: statement of a measurement", ""]
    for warning in red:
        lines += [f"> **Warning.** {_words(text(warning.get('text')))}", ""]
    lines += [
        "This is a measurement, not a promise: it holds for the attackers, the data, the pooling "
        "and the versions named here.",
        "",
        "## What was measured",
        "",
    ]
    recipes = [variant for variant in found if variant.is_recipe]
    lines += [f"- Recipe {_recipe(variant)}" for variant in recipes] or ["- No recipe."]
    lines.append(f"- Software: {_versions(results)}")
    lines.append(f"- Measured on {_corpus(corpus)}")
    if training:
        lines.append(f"- Attackers trained on {_corpus(training)}")
    else:
        lines.append("- Attackers had no speech to train on: they were not at full strength.")
    lines += _pooling_lines(results, found)
    lines += ["", "## What was found", "", *_findings(results, found)]
    lines += ["", "## Who attacked", "", *_attackers(found)]
    lines += ["", "## What was not measured", "", *_gaps(results, found)]
    lines += ["", "## What the figures do not say", "", *(f"- {limit}" for limit in LIMITS)]
    command = clean(text(results.get("command"), "the command was not recorded"))
    lines += [
        "",
        "## How to repeat it",
        "",
        f"Run on {_words(text(results.get('created'), 'a day not recorded'))}:",
        "",
        f"    {_SPACES.sub(' ', command)}",
        "",
        "With the same versions, data and models the same figures come out: every draw is derived "
        "from the evaluation secret with the hash "
        f"{_words(text(mapping(results.get('protocol')).get('secret'), 'not recorded'))}. "
        "`results.json` holds every figure, `report.html` shows them.",
    ]
    return lines


def _words(raw: str) -> str:
    """Text out of the data, on one line, with nothing that Markdown or HTML would act on."""
    return _MARKDOWN.sub(r"\\\1", _SPACES.sub(" ", clean(raw)).strip())


def _recipe(variant: Variant) -> str:
    recipe = mapping(variant.data.get("recipe"))
    version = text(recipe.get("version"), "not recorded")
    known = f"{_words(variant.label)}, version {_words(version)}"
    return f"{known}, hash {_words(text(recipe.get('hash'), 'not recorded'))}"


def _versions(results: Mapping[str, Any]) -> str:
    versions = mapping(results.get("versions"))
    listed = [f"{_words(str(name))} {_words(text(v, '?'))}" for name, v in versions.items()]
    models = [
        f"{_words(text(model.get('name'), '?'))} ({_words(text(model.get('version'), '?'))})"
        for model in rows(mapping(results.get("models")).get("speaker"))
    ]
    told = ", ".join(listed) or "versions not recorded"
    return f"{told}; speaker models: {', '.join(models)}" if models else told


def _corpus(corpus: Mapping[str, Any]) -> str:
    return (
        f"{_words(corpus_words(corpus))}; hash {_words(text(corpus.get('hash'), 'not recorded'))}"
    )


def _pooling_lines(results: Mapping[str, Any], found: Sequence[Variant]) -> list[str]:
    poolings = pooling_order(results, list(found))
    if not poolings:
        return ["- Pooling: no attack was run."]
    labels = ", ".join(_words(pooling_label(pooling)) for pooling in poolings)
    people = sorted({n for v in found for a in v.attacks for n in a.linkability})
    among = ", ".join(str(n) for n in people) or NOT_MEASURED
    return [
        f"- Pooling L, known : unknown recordings of a person: {labels}. The headline gives the "
        f"attacker {_words(pooling_words(poolings[-1]))}.",
        f"- Linkability among N′ people, N′ = {among}; chance is 1/N′.",
    ]


def _findings(results: Mapping[str, Any], found: Sequence[Variant]) -> list[str]:
    if not found:
        return ["Nothing: the results hold no variant."]
    people = max((n for v in found if v.headline for n in v.headline.linkability), default=None)
    link = f"Right one first among {people}" if people else "Linkability"
    lines = [
        f"| | Lowest EER, largest pooling | by | Lowest EER, single | {link} | WER |",
        "|---|---|---|---|---|---|",
    ]
    for variant in found:
        best, single = variant.headline, variant.headline_single
        share = best.linkability.get(people) if best and people else None
        kind = "recipe" if variant.is_recipe else "baseline"
        who = f"{best.attacker}, {best.configuration}".rstrip(", ") if best else NOT_MEASURED
        cells = [
            f"{_words(variant.label)} ({kind})",
            percent_words(best.eer if best else None),
            _words(who),
            percent_words(single.eer if single else None),
            rate_words(share),
            percent_words(variant.wer),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    draws = number(mapping(results.get("protocol")).get("bootstrap"))
    how = f", {draws:,.0f} draws" if draws is not None else ""
    return [
        *lines,
        "",
        f"EER (equal error rate): {plain_percent(50, 0)} is chance, {plain_percent(0, 0)} is "
        "always recognised; higher protects better. WER: words that a recogniser gets wrong. In "
        f"brackets: 95 % intervals by bootstrap over speakers{how}. The lowest EER over all "
        "attackers counts. Read a recipe beside the baselines: raw speech says how strong the "
        "attackers are.",
    ]


def _attackers(found: Sequence[Variant]) -> list[str]:
    known: dict[str, str] = {}
    for variant in found:
        for attack in variant.attacks:
            sides = f" ({_words(attack.sides)})" if attack.sides else ""
            knowledge = _words(attack.knowledge or "no description given")
            known.setdefault(
                attack.attacker, f"- **{_words(attack.attacker)}**{sides}: {knowledge}"
            )
    return list(known.values()) or ["Nobody: no attack was run."]


def _gaps(results: Mapping[str, Any], found: Sequence[Variant]) -> list[str]:
    missing: dict[tuple[str, str], list[str]] = {}
    for label, what, why in gaps(results, found):
        missing.setdefault((what, why), []).append(label)
    lines = []
    for (what, why), of in missing.items():
        where = "" if "all" in of or len(of) == len(found) else f" ({_words(', '.join(of))})"
        lines.append(f"- {_words(what)}{where}: {_words(why)}")
    return lines or ["The results name nothing that was left out."]
