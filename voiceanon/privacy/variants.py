"""What is done to speech before an attacker gets it: a recipe, or a baseline to judge by."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.checks.optional import load, why_missing
from voiceanon.errors import InputError
from voiceanon.keys import Draws, derive
from voiceanon.recipe import Recipe

__all__ = ["BASELINES", "EVALUATION_SECRET", "Variant", "baseline", "changed", "of_recipe"]

Samples = npt.NDArray[np.float32]
Change = Callable[[Samples, int, str], Samples]

# Public and fixed, so that a run can be repeated: what is measured protects by what it discards.
EVALUATION_SECRET = hashlib.sha256(b"voiceanon evaluation 1").digest()

BASELINES = ("raw", "mcadams", "world")
_LABELS = {
    "raw": "raw speech",
    "measures": "assessment measures alone",
    "mcadams": "McAdams (B2)",
    "world": "WORLD copy",
}


@dataclass(frozen=True)
class Variant:
    """One way that speech is changed.

    Attributes
    ----------
    name : str
        For tables and file names.
    kind : {"recipe", "raw", "mcadams", "world", "call", "measures"}
        Which change; ``"measures"`` keeps assessment measures and no sound.
    recipe : Recipe, optional
        Where the kind is ``"recipe"``.
    target : str
        ``"module:function"`` where the kind is ``"call"``: called with samples, (n,), the rate and
        the label of the draw; returns as many samples.
    """

    name: str
    kind: str
    recipe: Recipe | None = None
    target: str = ""

    @property
    def label(self) -> str:
        """How the variant is called in a report."""
        if self.kind == "call":
            return f"{self.name} ({self.target})"
        return _LABELS.get(self.kind, self.name)

    @property
    def facts(self) -> dict[str, Any]:
        """What results say of it: name, kind, label, recipe."""
        recipe = self.recipe
        told: dict[str, Any] | None = None
        if recipe is not None:
            told = {
                "name": recipe.name,
                "version": recipe.version,
                "hash": recipe.hash,
                "settings": recipe.settings(),
            }
        return {"name": self.name, "kind": self.kind, "label": self.label, "recipe": told}

    @property
    def is_protection(self) -> bool:
        """Whether it is under test, rather than there to calibrate by."""
        return self.kind in ("recipe", "call")

    def why_missing(self) -> str | None:
        """Return why the change cannot be made here, and how it can, or None."""
        return why_missing("pyworld") if self.kind == "world" else None

    @property
    def keeps_the_voice(self) -> bool:
        """Whether nothing is done to the speaker: the speech itself, or a vocoder's copy."""
        return self.kind in ("raw", "world")

    @property
    def needs_two_sides(self) -> bool:
        """Whether one draw holds for all of a speaker, so that both sides need draws of their own.

        Otherwise every recording is a draw of its own, and serves as enrolment and as trial.
        """
        return self.recipe is not None and self.recipe.voice_draw == "speaker"

    @property
    def identity(self) -> str:
        """A hash of everything that the result depends on, but for the recording."""
        said: dict[str, Any] = {"kind": self.kind, "target": self.target}
        if self.recipe is not None:
            said |= {"recipe": self.recipe.hash, "engine": _engine_hash()}
        if self.kind == "mcadams":
            said["mcadams"] = 1
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def change(self, where: str) -> Callable[[Samples, int, str, str], Samples]:
        """Return the function (samples, rate, key, speaker) → samples for one side.

        Parameters
        ----------
        where : str
            ``"enrol"``, ``"trial"`` or ``"training"``: different draws of the same recording.
        """
        if self.kind == "raw":
            return lambda samples, _rate, _key, _speaker: samples
        if self.kind == "world":
            return lambda samples, rate, _key, _speaker: _world_copy(samples, rate)
        if self.kind == "mcadams":
            return lambda samples, rate, key, _speaker: _mcadams(samples, rate, where, key)
        if self.kind == "call":
            function = _called(self.target)
            return lambda samples, rate, key, speaker: np.asarray(
                function(samples, rate, where, key, speaker), dtype=np.float32
            )
        if self.recipe is None:
            raise InputError(f"variant {self.name!r} has no recipe")
        return _by_recipe(self.recipe, where)


def baseline(name: str) -> Variant:
    """Return a baseline by name: raw, mcadams or world."""
    if name not in BASELINES:
        raise InputError(f"baseline is {name!r}: it must be one of {', '.join(BASELINES)}")
    return Variant(name, name)


def of_recipe(recipe: Recipe) -> Variant:
    """Return the variant that a recipe makes."""
    return Variant(recipe.name, "recipe", recipe=recipe)


def changed(name: str, target: str) -> Variant:
    """Return the variant that any importable function makes.

    Parameters
    ----------
    name : str
        For tables and file names.
    target : str
        ``"module:function"``, called with (samples, rate, where, key, speaker).
    """
    _called(target)
    return Variant(name, "call", target=target)


def _called(target: str) -> Callable[..., Any]:
    module, colon, name = target.partition(":")
    try:
        if not colon:
            raise AttributeError
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        raise InputError(f"{target!r} is no importable module:function") from error


def _world_copy(samples: Samples, rate: int) -> Samples:
    """Analysis and synthesis by WORLD (Morise et al. 2016) with nothing changed in between."""
    pyworld = load("pyworld")
    wave = np.ascontiguousarray(samples, dtype=np.float64)
    coarse, times = pyworld.dio(wave, rate)
    f0_hz = pyworld.stonemask(wave, coarse, times, rate)
    envelope = pyworld.cheaptrick(wave, f0_hz, times, rate)
    aperiodicity = pyworld.d4c(wave, f0_hz, times, rate)
    made = pyworld.synthesize(f0_hz, envelope, aperiodicity, rate)[: len(wave)]
    return np.pad(made, (0, len(wave) - len(made))).astype(np.float32)


def _mcadams(samples: Samples, rate: int, where: str, key: str) -> Samples:
    """B2 with a coefficient drawn for each recording, as the challenge does since 2022."""
    from voiceanon.privacy.mcadams import ALPHA_RANGE, mcadams

    draws = Draws(EVALUATION_SECRET, "mcadams", where, key)
    return mcadams(samples, rate, draws.uniform(*ALPHA_RANGE))


def _by_recipe(recipe: Recipe, where: str) -> Callable[[Samples, int, str, str], Samples]:
    from voiceanon.anonymizer import Anonymizer

    # A constant voice is the same for whoever has the secret, and the attacker here has it.
    side = "" if recipe.voice_draw == "constant" else where
    anonymizer = Anonymizer(recipe, secret=derive(EVALUATION_SECRET, "recipe", side))

    def change(samples: Samples, rate: int, key: str, speaker: str) -> Samples:
        label = speaker if recipe.voice_draw == "speaker" else None
        return np.asarray(anonymizer(samples, rate, recording=key, speaker=label))

    return change


@cache
def _engine_hash() -> str:
    """A hash of the compiled engine in use, its tables and the code above it."""
    from voiceanon import _engine

    module = importlib.import_module(f"voiceanon._engine_{_engine.LEVEL}")
    package = Path(__file__).parents[1]
    parts = [Path(str(module.__file__)), *sorted(package.glob("*.py"))]
    parts += sorted((package / "models").glob("*.npz"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in parts)).hexdigest()
