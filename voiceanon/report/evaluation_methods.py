"""Methods, limits and words of the field, told to a reader who is responsible but no researcher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voiceanon.report.markup import Html, Node, tag
from voiceanon.report.measured import Variant, mapping, reasons, rows, text
from voiceanon.report.page_parts import name_of

__all__ = ["LIMITS", "attackers", "gaps", "limits", "recogniser_note", "terms"]

_TERMS: tuple[tuple[str, str], ...] = (
    (
        "Attacker",
        "A program that gets recordings of known people and an anonymised recording of an unknown "
        "one, and says how alike they sound. Some know this software and train on its output. Each "
        "is a lower bound on what somebody could do: a stronger one may exist.",
    ),
    (
        "EER, equal error rate",
        "The attacker decides “same person” above a threshold. At the threshold where it misses as "
        "many true pairs as it accepts false ones, that share is the EER. 50 % is chance: the "
        "attacker could as well toss a coin. 0 % means that it is never wrong. Higher protects "
        "better.",
    ),
    (
        "Lowest EER",
        "A recipe is as good as it is against the strongest attacker, so the lowest EER counts, "
        "never an average over attackers.",
    ),
    (
        "Pooling",
        "How many recordings of one person the attacker averages: known ones first, unknown ones "
        "second. “1 : 1” is one against one; “all : all” gives the attacker everything. An archive "
        "holds many recordings of a person, so the largest pooling is the headline.",
    ),
    (
        "Linkability among N′ people",
        "How often the right person comes first when the attacker looks among N′ people. Chance is "
        "1/N′. EER can look good while this does not.",
    ),
    (
        "95 % interval",
        "How far the figure moves when the speakers are drawn anew from those of this corpus. With "
        "few speakers it is wide. It does not cover attackers that were not tried.",
    ),
    (
        "Known and unknown side",
        "“o–a”: the attacker knows original recordings and attacks anonymised ones. “a–a”: it "
        "anonymises what it knows first, with draws of its own, so that both sides sound alike; "
        "this is usually the stronger attack.",
    ),
    (
        "Error trade-off curve (DET)",
        "All thresholds of one attacker. The further up and right a curve runs, the more the "
        "attacker errs. The dashed falling line is chance.",
    ),
    (
        "WER and CER",
        "Share of words and of characters that a recogniser gets wrong, against the transcript. "
        "“Minus raw” is what anonymising added.",
    ),
    (
        "Other figures",
        "Cllr and Cllr min: cost of the attacker’s scores as evidence, 1 is no evidence. D_sys: "
        "0 cannot link, 1 always links. ZEBRA: expected and worst-case disclosure. TPR at FPR: "
        "speakers found while only so many others are accused. Rank-1: the right person comes "
        "first among all. G_VD: how distinct voices stay from each other, 0 dB as before. ρ of f0: "
        "how much of the melody is kept, 1 is all. DNSMOS and DistillMOS: naturalness from 1 to 5, "
        "as predicted by a model.",
    ),
)

_SECTIONS = (
    ("words", "words (WER, CER)"),
    ("delivery", "delivery"),
    ("naturalness", "naturalness"),
    ("cloning", "cloning"),
)

LIMITS: tuple[str, ...] = (
    "Every figure holds for these attackers, this corpus, this pooling and this version. Other "
    "speakers, longer recordings or a stronger attacker can give a lower EER.",
    "Nothing here says what people hear who know the speaker. A colleague or a relative uses "
    "wording, habits and context that no attacker here has.",
    "What is said is outside the scope: names, places and stories in the words identify people.",
    "Word choice is outside the scope, and so are accent and timing where the recipe keeps them.",
    "A computer that is under somebody else’s control while it anonymises is outside the scope.",
    "Predicted naturalness comes from models trained on other speech; DNSMOS is kind to robotic "
    "speech. No person listened.",
    "A recogniser’s errors are not a listener’s. A weak recogniser is good for comparing "
    "rows only.",
    "What was not measured has not passed.",
)


def terms() -> Html:
    """The words of the field, each explained in a sentence or three."""
    return tag("dl", [(tag("dt", term), tag("dd", meaning)) for term, meaning in _TERMS])


def limits() -> Html:
    """What the figures do not say."""
    return tag("ul", [tag("li", limit) for limit in LIMITS])


def attackers(variants: Sequence[Variant]) -> Html | None:
    """Every attacker of the run with what it has and does."""
    known: dict[str, tuple[str, str]] = {}
    for variant in variants:
        for attack in variant.attacks:
            known.setdefault(attack.attacker, (attack.sides, attack.knowledge))
    if not known:
        return None
    return tag(
        "dl",
        [
            (
                tag("dt", name_of(name), tag("small", " ", name_of(sides)) if sides else None),
                tag("dd", name_of(knowledge or "No description given.")),
            )
            for name, (sides, knowledge) in known.items()
        ],
    )


def gaps(results: Mapping[str, Any], variants: Sequence[Variant]) -> list[tuple[str, str, str]]:
    """What was not measured: of which variant, what, and why.

    Returns
    -------
    list of tuple of str
        Variant (``"all"`` for the whole run), what, why. Sections that are null are in it even
        where the results give no reason, because silence must not look like a pass.
    """
    found = [("all", what, why) for what, why in reasons(results.get("not_measured"))]
    for variant in variants:
        privacy = mapping(variant.data.get("privacy"))
        found += [(variant.label, *gap) for gap in reasons(privacy.get("not_measured"))]
        is_stored = "descriptions" in variant.data or variant.kind == "measures"
        told = " ".join(what.lower() for of, what, _ in found if of in ("all", variant.label))
        for key, what in _SECTIONS:
            if variant.kind == "raw" and key in ("delivery", "cloning"):
                continue  # these compare with raw speech
            if is_stored:
                continue  # there is no sound
            part = mapping(privacy.get(key) if key == "cloning" else variant.data.get(key))
            if not part and what.split()[0].lower() not in told and key not in told:
                found.append((variant.label, what, "the results hold none and give no reason"))
        if variant.headline is None and "privacy" not in told:
            found.append((variant.label, "privacy", "the results hold no equal error rate"))
    return found


def recogniser_note(results: Mapping[str, Any]) -> Node:
    """Which recogniser judged the words, and that it is weak where it is."""
    recogniser = mapping(mapping(results.get("models")).get("recogniser"))
    if not recogniser:
        of_words = [mapping(v.get("words")) for v in rows(results.get("variants"))]
        names = [text(words.get("recogniser")) for words in of_words]
        recogniser = {"name": next(filter(None, names))} if any(names) else {}
    if not recogniser:
        return None
    weak = recogniser.get("is_weak") is True
    return tag(
        "p",
        "Recogniser: ",
        name_of(text(recogniser.get("name"), "without a name")),
        ". It is a weak one: its error rates are high on raw speech too, so compare rows with each "
        "other and read no row by itself."
        if weak
        else ".",
        class_="strongly" if weak else None,
    )
