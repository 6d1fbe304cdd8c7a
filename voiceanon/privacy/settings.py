"""What an evaluation measures, and how thoroughly: frozen, and checked before any work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from voiceanon.checks.recognisers import open_recogniser
from voiceanon.errors import InputError
from voiceanon.privacy.speaker_models import open_speaker_model
from voiceanon.privacy.variants import Variant, baseline, of_recipe
from voiceanon.recipe import Recipe

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """What is measured, and how thoroughly.

    Attributes
    ----------
    recipes : tuple of Recipe
        What is under test.
    baselines : tuple of str
        Of raw, mcadams, world: measured in the same run, so that attackers can be judged.
    others : tuple of Variant
        Further changes under test, for example another program's.
    attackers : tuple of str, optional
        By name; None for all that can be measured.
    speaker_models : tuple of str, optional
        Specifications for `open_speaker_model`; None for the two strongest that are installed.
    recogniser : str
        ``"auto"``, ``"none"``, ``"pocketsphinx"``, ``"whisper:FOLDER"`` or ``"module:function"``.
    words : int, optional
        Utterances that are recognised; None for 80 (10 with a weak, and slow, recogniser).
    light : bool
        Without torch, cloning and large networks: minutes instead of an hour.
    naturalness : bool
        Whether listeners' scores are predicted, where the predictors are installed.
    assessment : bool
        Whether to study assessments instead of privacy: no attack, no naturalness; every
        recording's measures before and after.
    abstractions : bool
        Whether attackers get stored descriptions, and assessment measures alone, instead of audio.
    training_hours : float, optional
        Of speech that attackers train on; None for 2.0 (0.7 with a light run).
    workers : int
        Processes.
    options : dict
        Settings of single attackers.
    """

    recipes: tuple[Recipe, ...]
    baselines: tuple[str, ...] = ("raw", "mcadams", "world")
    others: tuple[Variant, ...] = ()
    attackers: tuple[str, ...] | None = None
    speaker_models: tuple[str, ...] | None = None
    recogniser: str = "auto"
    words: int | None = None
    light: bool = False
    naturalness: bool = True
    assessment: bool = False
    abstractions: bool = False
    training_hours: float | None = None
    workers: int = 1
    options: dict[str, Any] = field(default_factory=dict)

    def variants(self) -> list[Variant]:
        """Return the baselines, then what is under test.

        Raises
        ------
        InputError
            If two have one name, or there is none; or if descriptions cannot be measured so.
        """
        found = [*map(baseline, self.baselines), *map(of_recipe, self.recipes), *self.others]
        if self.abstractions:
            found = self._described()
        names = [variant.name for variant in found]
        if not found or len(set(names)) < len(names):
            raise InputError(f"variants are {', '.join(names) or 'none'}: names must differ")
        return found

    def _described(self) -> list[Variant]:
        if self.assessment:
            raise InputError("abstractions and assessment are two evaluations: ask for one")
        if self.attackers is not None:
            raise InputError("attackers are of audio: all of those on abstractions are measured")
        for recipe in self.recipes:
            if recipe.removal != "bottleneck":
                raise InputError(
                    f"recipe is {recipe.name!r}: a description is made by a recipe with "
                    "removal = 'bottleneck'"
                )
        return [*map(of_recipe, self.recipes)]

    def check_models(self) -> None:
        """Open once what was asked for by name, so that a wrong name costs seconds, not an hour.

        Raises
        ------
        InputError
            If a recogniser or a speaker model is unknown or cannot be used.
        """
        if self.recogniser not in ("auto", "none"):
            open_recogniser(self.recogniser)
        for spec in self.speaker_models or ():
            open_speaker_model(spec)
