"""Every recipe and rate that the laws are swept over, and ways to run a recording through them."""

from collections.abc import Sequence

import numpy as np
import pytest

from voiceanon.anonymizer import Anonymizer, Stream
from voiceanon.profile import Profile
from voiceanon.recipe import Recipe, recipe_names

SECRET = bytes(range(32))
RATES = (8_000, 16_000, 22_050, 44_100, 48_000, 96_000)

# Two names may stand for one recipe; each recipe is swept once, under the last of its names. The
# settings that change the road through the core are swept as recipes of their own.
_NAMED = {
    recipe.hash: recipe
    for recipe in (Recipe.named(name, allow_unprotected=True) for name in recipe_names())
}
_VARIED = (
    Recipe(name="wide-and-warped", band_hz=48_000, time_warp=0.1, pitch_range="voice"),
    Recipe(name="adapting-and-warped", band_hz=24_000, time_warp=0.2, profile_source="adapting"),
    Recipe(name="wide-resynthesis", band_hz=48_000, removal="none", allow_unprotected=True),
)
RECIPES = (*_NAMED.values(), *_VARIED)
PROTECTING = tuple(recipe for recipe in RECIPES if recipe.protects)

EVERY_RECIPE = pytest.mark.parametrize("recipe", RECIPES, ids=[r.name for r in RECIPES])
EVERY_PROTECTING_RECIPE = pytest.mark.parametrize(
    "recipe", PROTECTING, ids=[r.name for r in PROTECTING]
)
EVERY_RATE = pytest.mark.parametrize("rate", RATES)


def profiles_of(
    anonymizer: Anonymizer, samples: np.ndarray, rate: int
) -> tuple[Profile, ...] | None:
    """Return what a first pass over the recording gives, where the recipe makes one."""
    if not anonymizer.recipe.protects or anonymizer.recipe.profile_source == "adapting":
        return None
    profiler = anonymizer.profiler(rate, 1 if samples.ndim == 1 else len(samples))
    profiler.process(samples)
    return profiler.finish()


def run(stream: Stream, samples: np.ndarray, lengths: Sequence[int] = ()) -> np.ndarray:
    """Return all that a stream gives for chunks of these lengths, the rest as one chunk."""
    parts, at = [], 0
    for length in lengths:
        parts.append(stream.process(samples[..., at : at + length]))
        at += length
    parts += [stream.process(samples[..., at:]), stream.finish()]
    return np.concatenate(parts, axis=-1)
