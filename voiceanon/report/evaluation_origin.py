"""Where the figures come from: corpus, protocol, recipes, models, versions, command."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from voiceanon.report.markup import Html, Node, tag
from voiceanon.report.measured import Variant, mapping, number, rows, text
from voiceanon.report.page_parts import data_table, foldable, name_of, titled
from voiceanon.report.wording import NOT_MEASURED, number_words, pooling_label

__all__ = ["corpus_words", "duration_words", "origin"]


_PROTOCOL = {
    "splits": "random splits",
    "bootstrap": "bootstraps over speakers",
    "poolings": "poolings (known : unknown)",
    "among": "N′",
    "secret": "hash of the secret",
}


def corpus_words(corpus: Mapping[str, Any]) -> str:
    """A corpus in one line: name, people, recordings, hours.

    Examples
    --------
    >>> corpus_words({"name": "dev", "speakers": 20, "recordings": 240, "hours": 0.6})
    'dev: 20 speakers, 240 recordings, 0.6 hours'
    """
    parts = []
    for key, unit in (("speakers", "speakers"), ("recordings", "recordings")):
        count = number(corpus.get(key))
        if count is not None:
            parts.append(f"{count:,.0f} {unit if count != 1 else unit[:-1]}")
    hours = number(corpus.get("hours"))
    if hours is not None:
        parts.append(f"{number_words(hours, 1 if hours >= 0.1 else 3)} hours")
    return (
        f"{text(corpus.get('name'), 'corpus without a name')}: {', '.join(parts) or 'no figures'}"
    )


def duration_words(seconds: float | None) -> str:
    """How long something took.

    Examples
    --------
    >>> duration_words(3723.0)
    '62 min 3 s'
    """
    if seconds is None:
        return NOT_MEASURED
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def origin(results: Mapping[str, Any], variants: Sequence[Variant]) -> Html:
    """Everything that is needed to repeat the run."""
    models = mapping(results.get("models"))
    protocol = mapping(results.get("protocol"))
    recipes = [v for v in variants if mapping(v.data.get("recipe"))]
    command = text(results.get("command"))
    parts: list[Node] = [
        tag("h3", "Command"),
        tag("pre", tag("code", command or "not recorded"), tabindex=0),
        tag("h3", "Data"),
        _corpus(mapping(results.get("corpus")), "Measured on"),
        _corpus(mapping(results.get("training")), "Attackers trained on")
        if mapping(results.get("training"))
        else tag(
            "p", "No training corpus was given: attackers that train were not at full strength."
        ),
        tag("h3", "Protocol"),
        _pairs(
            "Protocol",
            [(_PROTOCOL.get(key, str(key)), _shown(key, value)) for key, value in protocol.items()],
            is_titled=True,
        ),
    ]
    if recipes:
        parts += [tag("h3", "Recipes"), [_recipe(variant) for variant in recipes]]
    speaker_models = rows(models.get("speaker"))
    recogniser = mapping(models.get("recogniser"))
    listed: list[list[Node]] = [
        [
            name_of(text(model.get("name"), "?")),
            "speaker model",
            name_of(text(model.get("version"), "not recorded")),
            name_of(text(model.get("licence"), "not recorded")),
        ]
        for model in speaker_models
    ]
    if recogniser:
        listed.append(
            [
                name_of(text(recogniser.get("name"), "?")),
                "weak recogniser" if recogniser.get("is_weak") is True else "recogniser",
                name_of(text(recogniser.get("version"), "not recorded")),
                name_of(text(recogniser.get("licence"), "not recorded")),
            ]
        )
    if listed:
        parts += [
            tag("h3", "Models"),
            data_table("Models that judged", ["Model", "Use", "Version", "Licence"], listed),
        ]
    versions = mapping(results.get("versions"))
    if versions:
        shown = [(str(key), text(value, "?")) for key, value in versions.items()]
        parts += [tag("h3", "Versions"), _pairs("Software versions", shown, is_titled=True)]
    return tag("div", parts)


def _corpus(corpus: Mapping[str, Any], title: str) -> Html:
    known: list[tuple[str, str]] = [("corpus", corpus_words(corpus))]
    women, men = number(corpus.get("female")), number(corpus.get("male"))
    if women is not None and men is not None:
        known.append(("women, men", f"{women:.0f}, {men:.0f}"))
    if isinstance(corpus.get("sessions"), bool):
        known.append(("sessions known", "yes" if corpus["sessions"] else "no"))
    if number(corpus.get("transcripts")) is not None:
        known.append(("transcripts", f"{corpus['transcripts']:,.0f}"))
    known.append(("hash", text(corpus.get("hash"), "not recorded")))
    notes = corpus.get("notes")
    listed = [text(note) for note in notes] if isinstance(notes, (list, tuple)) else []
    return tag(
        "div",
        _pairs(title, known),
        tag("ul", [tag("li", name_of(note)) for note in listed if note]) if any(listed) else None,
    )


def _recipe(variant: Variant) -> Html:
    recipe = mapping(variant.data.get("recipe"))
    known = [
        ("name", text(recipe.get("name"), variant.name)),
        ("version", text(recipe.get("version"), "not recorded")),
        ("hash", text(recipe.get("hash"), "not recorded")),
    ]
    settings = mapping(recipe.get("settings"))
    folded = (
        foldable(
            f"Settings of {variant.label}",
            _pairs(
                f"Settings of {variant.label}", [(str(k), _plain(v)) for k, v in settings.items()]
            ),
        )
        if settings
        else None
    )
    return tag("div", _pairs(variant.label, known), folded)


def _shown(key: str, value: object) -> str:
    if key == "poolings" and isinstance(value, (list, tuple)):
        return ", ".join(pooling_label(text(pooling)) for pooling in value)
    return _plain(value)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _pairs(caption: str, pairs: Sequence[tuple[str, str]], *, is_titled: bool = False) -> Html:
    """A table of names and values; under a heading of the same words, its caption is not seen."""
    body = [
        tag("tr", tag("th", name_of(key), scope="row"), tag("td", name_of(value)))
        for key, value in pairs
    ]
    title = titled(name_of(caption), is_seen=not is_titled)
    return tag("table", title, tag("tbody", body), class_="pairs")
