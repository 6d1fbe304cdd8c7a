"""Recipes: TOML there and back, a hash that tells settings apart, and wrong settings named."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from voiceanon.errors import RecipeError
from voiceanon.recipe import Recipe, recipe_names
from voiceanon.voice import named_voice, voice_names

SETTINGS = [setting for setting in dataclasses.fields(Recipe) if setting.metadata]


def value_of(setting: dataclasses.Field) -> st.SearchStrategy:
    """Return every value that a setting allows, read from the class itself."""
    if "allowed" in setting.metadata:
        return st.sampled_from(setting.metadata["allowed"])
    low, high = setting.metadata["low"], setting.metadata["high"]
    numbers = st.integers if isinstance(setting.default, int) else st.floats
    return numbers(low, high)


recipes = st.builds(
    Recipe,
    name=st.text("abcXYZ019-_", min_size=1, max_size=64),
    allow_unprotected=st.just(True),
    **{setting.name: value_of(setting) for setting in SETTINGS},
)


@given(recipes)
def test_toml_there_and_back(recipe: Recipe) -> None:
    again = Recipe.from_toml(recipe.to_toml(), allow_unprotected=True)
    assert again == recipe
    assert again.hash == recipe.hash


@given(recipes, recipes)
def test_equal_hash_means_equal_settings(one: Recipe, other: Recipe) -> None:
    assert (one.hash == other.hash) is (one == other)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_enters_the_hash(setting: dataclasses.Field) -> None:
    usual = Recipe(name="x")
    allowed = setting.metadata.get("allowed", ())
    other = next((x for x in allowed if x != setting.default), None)
    if other is None:
        low, high = setting.metadata["low"], setting.metadata["high"]
        other = type(setting.default)(high if setting.default != high else low)
    changed = Recipe(name="x", allow_unprotected=True, **{setting.name: other})
    assert changed.hash != usual.hash


def test_the_hash_is_the_same_in_every_process() -> None:
    code = "from voiceanon.recipe import Recipe; print(Recipe.named('template').hash)"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert hashes == {Recipe.named("template").hash}
    assert re.fullmatch(r"[0-9a-f]{64}", hashes.pop())


def test_zero_has_one_hash() -> None:
    hashes = {Recipe(name="x", time_warp=zero).hash for zero in (0, 0.0, -0.0)}
    assert len(hashes) == 1


@pytest.mark.parametrize("name", recipe_names())
def test_named_recipes(name: str) -> None:
    recipe = Recipe.named(name, allow_unprotected=True)
    assert recipe.name in recipe_names()
    assert (recipe.name == name) is (name != "default")


def test_the_default_protects() -> None:
    assert Recipe.named("default").protects


def test_permission_is_needed_and_never_stored() -> None:
    with pytest.raises(RecipeError, match="protects nobody.*allow_unprotected"):
        Recipe.named("resynthesis")
    recipe = Recipe.named("resynthesis", allow_unprotected=True)
    text = recipe.to_toml()
    assert "allow_unprotected" not in text
    with pytest.raises(RecipeError, match="protects nobody"):
        Recipe.from_toml(text)
    with pytest.raises(RecipeError, match="unknown setting 'allow_unprotected'"):
        Recipe.from_toml(text + "allow_unprotected = true\n")
    with pytest.raises(RecipeError, match="protects nobody"):
        dataclasses.replace(recipe, allow_unprotected=False)
    with pytest.raises(RecipeError, match="protects nobody"):
        Recipe(name="x", removal="none", allow_unprotected=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('name = "x"\npitch_level = 3', r"'pitch_level' \(did you mean 'pitch_levels'\?\)"),
        ('name = "x"\nqqqqqq = 3', "unknown setting 'qqqqqq': a recipe has name"),
        ("residual = 0.5", "must have a name"),
        ("name = x", "not TOML"),
        ('name = "x"\nname = "y"', "not TOML"),
        ('name = "x"\nresidual = 1.5', "residual is 1.5: it must be a number from 0 to 1"),
        ('name = "x"\nresidual = nan', "residual is nan"),
        ('name = "x"\nresidual = inf', "residual is inf"),
        ('name = "x"\nresidual = true', "residual is True"),
        ('name = "x"\nresidual = "0.5"', "residual is '0.5'"),
        ('name = "x"\nresidual = [0.5]', r"residual is \[0.5\]"),
        ('name = "x"\nband_hz = 22050', "band_hz is 22050: .*16000, 24000, 48000"),
        ('name = "x"\nband_hz = 16000.0', "band_hz is 16000.0"),
        ('name = "x"\npitch_levels = 8.0', "pitch_levels is 8.0: it must be a whole number"),
        ('name = "x"\npitch_levels = -1', "pitch_levels is -1"),
        ('name = "x"\nversion = 0', "version is 0"),
        ('name = "x"\nvoice_draw = "Speaker"', "voice_draw is 'Speaker': .*recording, speaker"),
        ('name = "x"\ntime_warp = 0.3', "time_warp is 0.3: it must be a number from 0 to 0.2"),
        ('name = ""', "name is ''"),
        ('name = "../x"', "name is '../x'"),
        ('name = "ü"', "name is 'ü'"),
        ("name = 5", "name is 5"),
        (f'name = "{"x" * 65}"', "1 to 64"),
    ],
)
def test_wrong_recipes_are_named(text: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        Recipe.from_toml(text)


@pytest.mark.parametrize(("name", "hint"), [("tempalte", "template"), ("defualt", "default")])
def test_unknown_names_get_a_suggestion(name: str, hint: str) -> None:
    with pytest.raises(RecipeError, match=f"did you mean '{hint}'"):
        Recipe.named(name)


@pytest.mark.parametrize("name", [None, 5, "", ["template"]])
def test_other_things_are_not_names(name: object) -> None:
    with pytest.raises(RecipeError, match="must be one of default, template"):
        Recipe.named(name)  # type: ignore[arg-type]


def test_a_recipe_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe.named("template").residual = 0.0  # type: ignore[misc]


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nresidual = 0\n')
    assert Recipe.read(path) == Recipe(name="mine", residual=0.0)
    path.write_text("#" * 70_000)
    with pytest.raises(RecipeError, match="65536 bytes"):
        Recipe.read(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match="cannot be read"):
        Recipe.read(path)
    with pytest.raises(RecipeError, match="cannot be read"):
        Recipe.read(tmp_path / "absent.toml")


def test_the_voices_that_can_be_asked_for_are_those_there_are() -> None:
    asked = next(s for s in SETTINGS if s.name == "voice").metadata["allowed"]
    assert asked == ("drawn", *voice_names())
    voices = [named_voice(name) for name in voice_names()]
    assert len(voices) >= 8
    colours = np.array([voice.colour for voice in voices])
    for i, one in enumerate(voices):
        for j, other in enumerate(voices[:i]):
            semitones = 12 * abs(np.log2(one.f0_hz / other.f0_hz))
            timbre = np.linalg.norm(colours[i] - colours[j]) / np.linalg.norm(colours, axis=1).max()
            assert semitones > 2 or timbre > 0.5, (one, other)
