"""Every way that speech is changed: its length stays, draws repeat and differ by side and key."""

import dataclasses

import numpy as np
import pytest
from sounds import speech

from voiceanon.errors import InputError
from voiceanon.privacy.variants import baseline, changed, of_recipe
from voiceanon.recipe import Recipe

VARIANTS = {
    "raw": baseline("raw"),
    "mcadams": baseline("mcadams"),
    "world": baseline("world"),
    "template": of_recipe(Recipe.named("template")),
    "speaker": of_recipe(dataclasses.replace(Recipe.named("template"), voice_draw="speaker")),
    "constant": of_recipe(dataclasses.replace(Recipe.named("template"), voice_draw="constant")),
    "call": changed("call", "planted_leaks:honest"),
}
DRAWN = ("mcadams", "template", "call")


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return speech(1.0)


@pytest.mark.parametrize("name", VARIANTS)
def test_length_stays_and_the_same_draw_repeats(name: str, samples: np.ndarray) -> None:
    if name == "world":
        pytest.importorskip("pyworld")
    change = VARIANTS[name].change("trial")
    first, again = (change(samples, 16000, "a", "s") for _ in range(2))
    assert first.shape == samples.shape
    assert first.dtype == np.float32
    assert (first == again).all()


@pytest.mark.parametrize("name", DRAWN)
def test_another_key_or_side_is_another_draw(name: str, samples: np.ndarray) -> None:
    variant = VARIANTS[name]
    first = variant.change("trial")(samples, 16000, "a", "s")
    assert (first != variant.change("trial")(samples, 16000, "b", "s")).any()
    assert (first != variant.change("training")(samples, 16000, "a", "s")).any()
    assert not variant.needs_two_sides


def spectrum_db(samples: np.ndarray) -> np.ndarray:
    """Long-term spectrum in 32 bands: the noise of the synthesis is drawn anew for each key."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    return 10 * np.log10([band.mean() for band in np.array_split(power[: len(power) // 2], 32)])


def distance_db(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(spectrum_db(first) - spectrum_db(second)).mean())


def test_a_voice_a_speaker_holds_on_one_side_only(samples: np.ndarray) -> None:
    variant = VARIANTS["speaker"]
    assert variant.needs_two_sides
    trial, enrol = (variant.change(side) for side in ("trial", "enrol"))
    first = trial(samples, 16000, "a", "s")
    assert distance_db(first, trial(samples, 16000, "b", "s")) < 1.0
    assert distance_db(first, trial(samples, 16000, "b", "t")) > 1.5
    assert distance_db(first, enrol(samples, 16000, "a", "s")) > 1.5


def test_a_constant_voice_is_everybodys(samples: np.ndarray) -> None:
    change = VARIANTS["constant"].change
    first = change("trial")(samples, 16000, "a", "s")
    assert distance_db(first, change("training")(samples, 16000, "b", "t")) < 1.0


def test_identities_differ_with_what_is_done() -> None:
    assert len({variant.identity for variant in VARIANTS.values()}) == len(VARIANTS)


def test_unknown_baselines_and_functions_are_refused() -> None:
    with pytest.raises(InputError, match="raw, mcadams, world"):
        baseline("b7")
    for target in ("nowhere:x", "planted_leaks:x", "planted_leaks"):
        with pytest.raises(InputError, match="importable"):
            changed("x", target)
