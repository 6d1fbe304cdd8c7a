"""Hostile bytes end as a value or as one of the package's errors; the fuzzers' finds stay found."""

import hypothesis.strategies as st
import pytest
from fuzz_parsers import PARSERS
from fuzz_seeds import seeds_of
from hypothesis import given, settings

from voiceanon.errors import RecipeError
from voiceanon.recipe import Recipe

EVERY_PARSER = pytest.mark.parametrize("name", PARSERS)
# Without the shared corpus: the same examples everywhere.
OWN_SEEDS = {name: list(seeds_of(name, shared=False)) for name in PARSERS}


@EVERY_PARSER
def test_every_seed_is_answered(name: str) -> None:
    for seed in seeds_of(name):
        PARSERS[name](seed)


@EVERY_PARSER
@settings(max_examples=40)
@given(st.data())
def test_damage_is_answered(name: str, data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(OWN_SEEDS[name])))
    for _ in range(data.draw(st.integers(1, 4))):
        # Headers lie at the front, so that most of the damage is done there.
        near = st.integers(0, min(len(damaged), 64))
        at = data.draw(near | st.integers(0, len(damaged)))
        cut = data.draw(st.integers(0, 4))
        damaged[at : at + cut] = data.draw(st.binary(max_size=8))
    PARSERS[name](bytes(damaged))


@EVERY_PARSER
@given(st.binary(max_size=200))
def test_any_bytes_are_answered(name: str, data: bytes) -> None:
    PARSERS[name](data)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("[" * 3_000, "nested too deeply"),
        ("9" * 5_000, "not TOML: .*4300 digits"),
        ("0x" + "f" * 5_000, "version is a number of over 4000 digits: it must be a whole number"),
        ("'" + "x" * 5_000 + "'", "version is 'x{79}…: it must be a whole number"),
    ],
    ids=["deep", "long", "long hexadecimal", "long text"],
)
def test_a_monstrous_setting_is_a_short_refusal(value: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says) as refusal:
        Recipe.from_toml(f'name = "x"\nversion = {value}')
    assert len(str(refusal.value)) < 300
