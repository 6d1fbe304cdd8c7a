"""What the figures amount to: the headline, the worst speakers, what must be read first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.schema import are_descriptions, is_study
from voiceanon.privacy.trials import POOLINGS

__all__ = ["headline", "warnings_of", "worst_speakers"]

# Attackers that miss raw speech more often than this are too weak to say anything: pretrained
# models reach 1 to 4 % on read speech, the challenge's own attacker 4.6 %.
_WEAK_ATTACKERS_PERCENT = 6.0
_FEW_SPEAKERS = 20
# Not a headline: who does not know that speech was anonymised is no measure of protection.
_NO_HEADLINE = ("ignorant",)
_KEPT = (
    "attacker",
    "configuration",
    "pooling",
    "gender",
    "eer_percent",
    "linkability",
    "rank1",
    "enrol_utterances",
    "trial_utterances",
)


def headline(
    attacks: Sequence[dict[str, Any]], pooling: str | None = None
) -> dict[str, Any] | None:
    """Return the attack of lowest EER at a pooling (the largest that was measured), all genders."""
    measured = {attack["pooling"] for attack in attacks}
    if pooling is None:
        pooling = next((p.name for p in reversed(POOLINGS) if p.name in measured), None)
    found = [
        attack
        for attack in attacks
        if attack["pooling"] == pooling
        and attack["gender"] == "all"
        and attack["attacker"] not in _NO_HEADLINE
    ]
    if not found:
        return None
    worst = min(found, key=lambda attack: attack["eer_percent"][0])
    return {name: worst.get(name) for name in _KEPT}


def worst_speakers(
    attacks: Sequence[dict[str, Any]], recordings: Sequence[Recording], count: int = 5
) -> list[dict[str, Any]]:
    """Return the speakers who are recognised best by the worst attack on single utterances."""
    sex = {recording.speaker: recording.sex for recording in recordings}
    single = headline(attacks, "1-1")
    if single is None:
        return []
    attack = next(
        a
        for a in attacks
        if a["attacker"] == single["attacker"] and a["pooling"] == "1-1" and a["gender"] == "all"
    )
    return [
        {**row, "sex": sex[row["speaker"]], "attacker": attack["attacker"], "pooling": "1-1"}
        for row in attack["worst_speakers"][:count]
    ]


def warnings_of(results: dict[str, Any]) -> list[dict[str, str]]:
    """Return what must be read before any figure; level ``"red"`` or ``"note"``."""
    found: list[dict[str, str]] = []
    by_kind = {variant["kind"]: variant for variant in results["variants"]}
    raw = (by_kind.get("raw") or {}).get("privacy")
    if are_descriptions(results):
        found.append({"level": "note", "text": _strength_words(raw)})
    elif raw is None:
        if any(variant["privacy"] for variant in results["variants"]):
            text = "raw speech was not measured: how strong the attackers are is unknown"
            found.append({"level": "red", "text": text})
    elif raw["headline_single"] is None:
        text = "no attacker could be measured on raw speech: how strong they are is unknown"
        found.append({"level": "red", "text": text})
    else:
        value = raw["headline_single"]["eer_percent"][0]
        if value > _WEAK_ATTACKERS_PERCENT:
            text = (
                f"the attackers miss even raw speech: EER {value:.1f} % with one utterance "
                f"(they should stay below {_WEAK_ATTACKERS_PERCENT:g} %), so a high EER elsewhere "
                "in this report says little"
            )
            found.append({"level": "red", "text": text})
    for variant in results["variants"]:
        copied = ((variant.get("privacy") or {}).get("copies") or {}).get("found") or []
        if copied and variant["kind"] in ("recipe", "call"):
            checked = variant["privacy"]["copies"]["checked"]
            text = (
                f"{variant['name']}: {len(copied)} of {checked} recordings hold stretches of the "
                "original audio unchanged"
            )
            found.append({"level": "red", "text": text})
    if results["training"] is None and not is_study(results):
        text = "no training corpus was given: the trained attackers, the strongest, are missing"
        found.append({"level": "red", "text": text})
    people = results["corpus"]["speakers"]
    if 1 < people < _FEW_SPEAKERS:
        text = f"only {people} speakers: the intervals are wide, and so is what they leave out"
        found.append({"level": "note", "text": text})
    recogniser = results["models"]["recogniser"]
    if recogniser and recogniser["is_weak"]:
        text = (
            f"words were judged by {recogniser['name']}, a weak recogniser: compare rows, "
            "not absolute figures"
        )
        found.append({"level": "note", "text": text})
    return found


def _strength_words(raw: dict[str, Any] | None) -> str:
    """How strong attackers on descriptions are, told by one of their kind on the audio."""
    head = (raw or {}).get("headline_single")
    if head is None:
        return (
            "no attacker of the same kind was measured on raw speech: how strong they are is open"
        )
    value = head["eer_percent"][0]
    return (
        "attackers got descriptions and no audio; one of the same kind (LDA and PLDA on "
        f"statistics) reaches an EER of {value:.1f} % with one utterance of raw speech"
    )
