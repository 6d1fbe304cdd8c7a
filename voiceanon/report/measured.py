"""Reads results.json as it comes: what is missing, null or no number was not measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voiceanon.errors import InputError

__all__ = [
    "SCHEMA",
    "Attack",
    "Figure",
    "Variant",
    "check_schema",
    "figure",
    "mapping",
    "number",
    "reasons",
    "rows",
    "text",
    "variants",
]

SCHEMA = "voiceanon-evaluation/1"
_LABELS = {"raw": "raw speech", "world": "WORLD copy", "mcadams": "McAdams (B2)"}
_PLAIN_RECIPES = {"resynthesis"}


@dataclass(frozen=True)
class Figure:
    """A measured figure and its 95 % interval, where there is one.

    Attributes
    ----------
    value : float
        Finite.
    low, high : float or None
        Ends of the interval, in the unit of the value.
    """

    value: float
    low: float | None = None
    high: float | None = None


def number(raw: object) -> float | None:
    """A finite number, or None for anything else."""
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        return None
    try:
        value = float(raw)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def figure(raw: object) -> Figure | None:
    """What stands as ``[value, low, high]`` or as a bare number; None if no value is there."""
    if isinstance(raw, (list, tuple)):
        value = number(raw[0]) if raw else None
        ends = [number(end) for end in raw[1:3]]
        low, high = ends if len(ends) == 2 else (None, None)
        if low is None or high is None or low > high:
            low = high = None
    else:
        value, low, high = number(raw), None, None
    return None if value is None else Figure(value, low, high)


def mapping(raw: object) -> Mapping[str, Any]:
    """A JSON object, or an empty one for anything else."""
    return raw if isinstance(raw, Mapping) else {}


def rows(raw: object) -> list[Mapping[str, Any]]:
    """The JSON objects of a list; anything else is left out."""
    return [row for row in raw if isinstance(row, Mapping)] if isinstance(raw, list | tuple) else []


def text(raw: object, otherwise: str = "") -> str:
    """A text or a number as text; `otherwise` for null, absent, empty or structured values."""
    if isinstance(raw, bool) or raw is None or isinstance(raw, (Mapping, list, tuple)):
        return otherwise
    return str(raw) or otherwise


def reasons(raw: object) -> list[tuple[str, str]]:
    """What was not measured, each with why."""
    return [
        (text(row.get("what"), "?"), text(row.get("why"), "no reason given")) for row in rows(raw)
    ]


@dataclass(frozen=True)
class Attack:
    """One attacker at one pooling and one kind of trials.

    Attributes
    ----------
    attacker, configuration, sides, knowledge : str
        Who attacks, how, from which side, knowing what.
    pooling : str
        Enrolment and trial recordings that are averaged: ``"1-1"``, ``"all-all"``.
    gender : str
        ``"all"`` or ``"same"``.
    eer : Figure or None
        Equal error rate in percent.
    det : tuple of pairs
        False accepts and false rejects, 0 to 1 each.
    linkability : dict
        Probability that the right speaker comes first, by number of people.
    data : mapping
        The row itself, with every other figure.
    """

    attacker: str
    configuration: str
    sides: str
    knowledge: str
    pooling: str
    gender: str
    eer: Figure | None
    det: tuple[tuple[float, float], ...]
    linkability: dict[int, float]
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Variant:
    """One way of treating the speech: a recipe, or a baseline.

    Attributes
    ----------
    name, label : str
        Its key and what a reader sees.
    kind : str
        ``"recipe"``, ``"raw"``, ``"world"``, ``"mcadams"`` or another.
    attacks : tuple of Attack
        Every attack that was run on it.
    headline, headline_single : Attack or None
        The lowest EER at the largest pooling, and with single recordings.
    data : mapping
        The object itself.
    """

    name: str
    label: str
    kind: str
    attacks: tuple[Attack, ...]
    headline: Attack | None
    headline_single: Attack | None
    data: Mapping[str, Any]

    @property
    def is_recipe(self) -> bool:
        """Whether it is one of ours, not a baseline."""
        return self.kind == "recipe"

    @property
    def hides_voices(self) -> bool:
        """Whether its sound may be heard: a recipe that removes the speaker, no baseline."""
        recipe = mapping(self.data.get("recipe"))
        settings = mapping(recipe.get("settings"))
        plain = {self.name, text(recipe.get("name"))} & _PLAIN_RECIPES
        return self.is_recipe and not plain and settings.get("removal") != "none"

    @property
    def wer(self) -> Figure | None:
        """Word error rate in percent."""
        return figure(mapping(self.data.get("words")).get("wer_percent"))

    def find(self, attacker: str, pooling: str, gender: str) -> Attack | None:
        """The attack by this attacker, at this pooling, in these trials."""
        wanted = (attacker, pooling, gender)
        found = (a for a in self.attacks if (a.attacker, a.pooling, a.gender) == wanted)
        return next(found, None)

    def lowest(self, pooling: str, gender: str = "all") -> Attack | None:
        """The attack with the lowest EER in a column of the table."""
        column = [a for a in self.attacks if a.pooling == pooling and a.gender == gender and a.eer]
        return min(column, key=lambda a: a.eer.value if a.eer else math.inf, default=None)


def check_schema(results: object) -> Mapping[str, Any]:
    """Results as they came, if they are of the kind that this version reads.

    Raises
    ------
    InputError
        If they are no JSON object or name another schema.
    """
    if not isinstance(results, Mapping):
        raise InputError(f"results are a {type(results).__name__}: a JSON object is needed")
    schema = results.get("schema", SCHEMA)
    if schema != SCHEMA:
        raise InputError(f"results have the schema {schema!r}: this version reads {SCHEMA!r}")
    return results


def variants(results: Mapping[str, Any]) -> list[Variant]:
    """Every variant of the results, in their order, with unique labels."""
    found: list[Variant] = []
    speakers = number(mapping(results.get("corpus")).get("speakers"))
    for place, data in enumerate(rows(results.get("variants"))):
        kind = text(data.get("kind"), "recipe")
        name = text(data.get("name"), kind)
        label = text(data.get("label")) or _LABELS.get(kind, name)
        if any(label == other.label for other in found):
            label = f"{label} [{place + 1}]"
        privacy = mapping(data.get("privacy"))
        attacks = tuple(_attack(row, speakers) for row in rows(privacy.get("attacks")))
        variant = Variant(name, label, kind, attacks, None, None, data)
        largest = pooling_order(results, [variant])[-1:]
        found.append(
            Variant(
                name,
                label,
                kind,
                attacks,
                _headline(privacy.get("headline"), variant, largest, speakers),
                _headline(privacy.get("headline_single"), variant, ["1-1"], speakers),
                data,
            )
        )
    return found


def pooling_order(results: Mapping[str, Any], among: list[Variant]) -> list[str]:
    """Poolings from single recordings to the largest: the protocol's, then any other."""
    listed = mapping(results.get("protocol")).get("poolings")
    planned = [text(p) for p in listed] if isinstance(listed, (list, tuple)) else []
    met = {attack.pooling for variant in among for attack in variant.attacks}
    return [p for p in dict.fromkeys(planned) if p in met] + sorted(met - set(planned), key=_size)


def _size(pooling: str) -> tuple[float, str]:
    """Sorts poolings by how many recordings they average on both sides."""
    sides = pooling.split("-")
    return sum(float(s) if s.isdecimal() else 1e9 for s in sides), pooling


def _headline(
    raw: object, variant: Variant, poolings: list[str], speakers: float | None
) -> Attack | None:
    given = mapping(raw)
    if figure(given.get("eer_percent")) is None:
        return variant.lowest(poolings[0]) if poolings else None
    attack = _attack(given, speakers)
    # The headline names its attack; the table has its curve and what the attacker knows.
    full = variant.find(attack.attacker, attack.pooling, attack.gender)
    return _attack({**full.data, **given}, speakers) if full else attack


def _attack(data: Mapping[str, Any], speakers: float | None) -> Attack:
    linkability = {}
    for people, raw in mapping(data.get("linkability")).items():
        share = figure(raw)
        count = speakers if people == "all" else number(int(people) if people.isdecimal() else None)
        if share is not None and count is not None and count >= 2:
            linkability[int(count)] = min(1.0, max(0.0, share.value))
    det = []
    raw_det = data.get("det")
    for point in raw_det if isinstance(raw_det, (list, tuple)) else ():
        if isinstance(point, (list, tuple)) and len(point) == 2:
            accept, reject = number(point[0]), number(point[1])
            if accept is not None and reject is not None:
                det.append((min(1.0, max(0.0, accept)), min(1.0, max(0.0, reject))))
    return Attack(
        attacker=text(data.get("attacker"), "attacker without a name"),
        configuration=text(data.get("configuration")),
        sides=text(data.get("sides")),
        knowledge=text(data.get("knowledge")),
        pooling=text(data.get("pooling"), "?"),
        gender=text(data.get("gender"), "all"),
        eer=figure(data.get("eer_percent")),
        det=tuple(det),
        linkability=dict(sorted(linkability.items())),
        data=data,
    )
