"""Everything that is measured of stored descriptions, as variants of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from voiceanon.keys import Draws, derive
from voiceanon.privacy.attack import Named, Verifier
from voiceanon.privacy.attackers.statistics import Statistics
from voiceanon.privacy.attackers.trained import no_training
from voiceanon.privacy.collected import Collected
from voiceanon.privacy.descriptions.attacking import DescriptionAttacker, View
from voiceanon.privacy.descriptions.attributes import ATTRIBUTES, inferred
from voiceanon.privacy.descriptions.described import Described
from voiceanon.privacy.descriptions.floors import judged
from voiceanon.privacy.descriptions.inversion import inversion
from voiceanon.privacy.descriptions.joined import JoinedDescriptions
from voiceanon.privacy.descriptions.measures_alone import KEPT, MeasuresAlone, MeasureVector
from voiceanon.privacy.descriptions.sequence_network import SequenceNetwork
from voiceanon.privacy.descriptions.singling_out import STEPS, isolated, unique_combinations
from voiceanon.privacy.descriptions.unit_statistics import UnitStatistics
from voiceanon.privacy.descriptions.unit_timing import UnitTiming
from voiceanon.privacy.figures import Protocol, attack_figures
from voiceanon.privacy.statistics import UtteranceStatistics
from voiceanon.privacy.trials import Pooling, Sides
from voiceanon.privacy.variants import EVALUATION_SECRET, Variant, of_recipe
from voiceanon.privacy.verdicts import headline, worst_speakers

__all__ = ["Descriptions"]

_Known = dict[str, dict[str, Verifier]]


@dataclass(frozen=True)
class Descriptions:
    """One evaluation of what is stored instead of audio.

    Parameters
    ----------
    originals : Collected
        The corpus and other people's speech, as they are.
    protocol : Protocol
        Of the corpus.
    drawn : dict of Pooling to list of Sides
        Its splits.
    light : bool
        Whether networks are left out.
    """

    originals: Collected
    protocol: Protocol
    drawn: dict[Pooling, list[Sides]]
    light: bool

    def reference(self) -> dict[str, Any]:
        """Return the original audio under an attacker of the same kind: how strong they are."""
        attacker = Statistics()
        why = attacker.missing(self.originals)
        known = {} if why else {attacker.name: attacker.verifiers(self.originals)}
        return _variant(self.originals.variant_made, self._privacy("raw", [(attacker, why)], known))

    def measures(self) -> dict[str, Any]:
        """Return assessment measures of the originals as if they alone were stored."""
        attacker = MeasuresAlone()
        why = attacker.missing(self.originals)
        known = {} if why else {attacker.name: attacker.verifiers(self.originals)}
        privacy = self._privacy("measures", [(attacker, why)], known)
        found = _variant(Variant("measures", "measures"), privacy)
        values = self.originals.features("original", MeasureVector())
        found["singling_out"] = {
            "measures": list(KEPT),
            "steps": STEPS,
            "recordings": len(values),
            "unique": unique_combinations(values),
        }
        return found

    def of(self, described: Described, measures: dict[str, Any]) -> dict[str, Any]:
        """Return everything measured of one recipe's descriptions.

        Parameters
        ----------
        described : Described
            The descriptions.
        measures : dict
            What `measures` returned, which one of the floors judges.
        """
        attackers: list[DescriptionAttacker] = [UnitStatistics(), UnitTiming()]
        if not self.light:
            attackers.append(SequenceNetwork())
        reasons: list[tuple[Named, str | None]] = [(o, o.missing(described)) for o in attackers]
        able = [one for one in attackers if one.missing(described) is None]
        known: _Known = {one.name: one.verifiers(described) for one in able}
        isolation = self._isolation(known)
        joined = JoinedDescriptions()
        if len(known) > 1:
            known[joined.name] = joined.verifiers(able, known)
        few = "fewer than two attackers on descriptions can be measured"
        reasons.append((joined, None if joined.name in known else few))
        privacy = self._privacy(described.recipe.name, reasons, known)
        if self.light:
            left_out = {"what": SequenceNetwork.name, "why": "a light run leaves it out"}
            privacy["not_measured"].append(left_out)
        found = _variant(of_recipe(described.recipe), privacy)
        whole = self._told(described, able, privacy["not_measured"])
        found["descriptions"] = whole = {"isolation": isolation, **whole}
        sex = whole["attributes"].get("sex")
        better = (whole["inversion"] or {}).get("better_percent")
        whole["floors"] = judged(
            {
                "EER, single descriptions": _eer(privacy["headline_single"]),
                "EER, all descriptions pooled": _eer(privacy["headline"]),
                "EER, measures alone, pooled": _eer(measures["privacy"]["headline"]),
                "inversion, better than a pseudo-voice by": better,
                "sex told, balanced accuracy": None
                if sex is None
                else max((sex["single"], sex["pooled"]), key=lambda figure: figure[0]),
            }
        )
        return found

    def _told(
        self,
        described: Described,
        able: Sequence[DescriptionAttacker],
        missed: list[dict[str, str]],
    ) -> dict[str, Any]:
        """Return what is told without recognising anybody; what is not measured joins `missed`."""
        why = no_training(described)
        found: dict[str, Any] = {"inversion": None, "attributes": {}, "original_attributes": {}}
        lengths = [one.duration_s for one in described.descriptions("trial")]
        found["seconds"] = float(np.mean(lengths))
        if why is not None:
            missed += [{"what": what, "why": why} for what in ("inversion", *ATTRIBUTES)]
            return found
        found["inversion"] = inversion(described, light=self.light)
        views: dict[str, View] = {}
        for one in able:
            for name, view in one.views(described).items():
                views[f"{one.name}, {name}"] = view
        known, seen = (
            self.originals.features(where, UtteranceStatistics()) for where in ("training", "trial")
        )
        audio: dict[str, View] = {"statistics of the audio": (known, seen)}
        for attribute in ATTRIBUTES:
            for key, told_from in (
                ("attributes", views),
                ("original_attributes", audio),
            ):
                draws = Draws(derive(EVALUATION_SECRET, "bootstrap"), attribute)
                told = inferred(
                    attribute, told_from, described.training, described.recordings, draws
                )
                if isinstance(told, str):
                    missed.append({"what": attribute.replace("_", " "), "why": told})
                    break
                found[key][attribute] = told
        return found

    def _isolation(self, known: _Known) -> dict[str, Any] | None:
        """Return singling out by the verifier that does it most often."""
        sides = next(
            (sides for pooling, sides in self.drawn.items() if pooling.name == "all-1"), []
        )
        rows = []
        for attacker, verifiers in known.items() if sides else ():
            for name, verifier in verifiers.items():
                draws = Draws(derive(EVALUATION_SECRET, "bootstrap"), "isolation")
                told = isolated(verifier, sides, draws)
                if told is not None:
                    rows.append({**told, "attacker": attacker, "configuration": name})
        return max(rows, key=lambda row: row["probability"], default=None)

    def _privacy(
        self, name: str, attackers: Sequence[tuple[Named, str | None]], known: _Known
    ) -> dict[str, Any]:
        """Return figures of the attackers, each with why it was not measured, or None."""
        found: dict[str, Any] = {"attacks": [], "not_measured": [], "copies": None}
        for attacker, why in attackers:
            if why is not None:
                found["not_measured"].append({"what": attacker.name, "why": why})
                continue
            what = f"{name}: figures of the {attacker.name} attacker"
            found["attacks"] += attack_figures(
                attacker,
                known[attacker.name],
                self.protocol,
                self.drawn,
                self.originals.pool,
                what,
            )
        found["headline"] = headline(found["attacks"])
        found["headline_single"] = headline(found["attacks"], "1-1")
        found["worst_speakers"] = worst_speakers(found["attacks"], self.protocol.recordings)
        return found


def _eer(head: dict[str, Any] | None) -> list[float] | None:
    return None if head is None else head["eer_percent"]


def _variant(variant: Variant, privacy: dict[str, Any]) -> dict[str, Any]:
    return {
        **variant.facts,
        "privacy": privacy,
        "words": None,
        "delivery": None,
        "naturalness": None,
        "voices": None,
        "examples": [],
    }
