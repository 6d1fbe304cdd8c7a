"""The description of a recording: what it holds, and that nothing else reaches the audio."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import sounds
from hypothesis import given
from hypothesis import strategies as st

from voiceanon import Abstraction, Anonymizer, InputError, Recipe, RecipeError, Voice, abstract

SECRET = bytes(range(32))


def clip(seconds: float = 3.0) -> tuple[np.ndarray, int]:
    samples, rate = sounds.clip(sounds.clip_names()[1])
    return samples[rate : round((1 + seconds) * rate)], rate


@pytest.mark.parametrize("recipe", ["plain", "bottleneck"])
@pytest.mark.parametrize("rate_out", [16_000, 44_100])
def test_a_rendered_description_is_the_anonymized_recording(rate_out: int, recipe: str) -> None:
    samples, rate = clip()
    if rate_out != rate:
        import soxr

        samples = np.asarray(soxr.resample(samples, rate, rate_out), np.float32)
    described = abstract(samples, rate_out, SECRET, recipe=recipe, recording="one")
    rendered = described.render(SECRET, recording="one")
    expected = Anonymizer(recipe, SECRET)(samples, rate_out, recording="one")
    assert np.array_equal(rendered, expected)
    assert rendered.dtype == np.float32
    assert np.abs(rendered).max() > 0.01


@pytest.mark.parametrize("digits", [1, 6])
@pytest.mark.parametrize("levels", [1, 3, 16])
def test_settings_decide_what_is_kept(digits: int, levels: int) -> None:
    samples, rate = clip(1.0)
    recipe = Recipe(name="own", removal="bottleneck", unit_digits=digits, pitch_levels=levels)
    described = abstract(samples, rate, SECRET, recipe=recipe)
    assert described.units.shape == (described.frames, digits)
    assert described.frames - len(samples) // (rate // 50) in (0, 1)
    assert np.abs(described.pitch).max() <= levels // 2
    assert not described.pitch[~described.voiced].any()
    assert described.energy.min() >= -20
    assert described.energy.max() <= 2
    rendered = described.render(SECRET, recipe=recipe)
    assert np.array_equal(rendered, Anonymizer(recipe, SECRET)(samples, rate))


def test_level_may_be_kept_in_larger_steps() -> None:
    samples, rate = clip(2.0)
    fine = abstract(samples, rate, SECRET, recipe="bottleneck")
    for steps in (2, 3):
        recipe = Recipe(name="own", removal="bottleneck", pitch_levels=4, level_steps=steps)
        coarse = abstract(samples, rate, SECRET, recipe=recipe)
        speaks = fine.energy > -8
        assert np.array_equal(coarse.energy > -8, speaks)
        assert set(coarse.energy[speaks]) <= {-6, *range(-6, 3, steps), 2}
        assert np.abs(coarse.energy[speaks] - fine.energy[speaks]).max() <= (steps + 1) // 2
        assert np.array_equal(coarse.units, fine.units)


def test_equal_descriptions_give_equal_bits_and_others_do_not() -> None:
    samples, rate = clip(1.5)
    one = abstract(samples, rate, SECRET)
    other = abstract((samples * np.float32(0.999)).astype(np.float32), rate, SECRET)
    same = replace(other, units=one.units, voiced=one.voiced, energy=one.energy, pitch=one.pitch)
    assert np.array_equal(one.render(SECRET), same.render(SECRET))
    moved = one.units.copy()
    moved[20:40] = -moved[20:40] + 1
    assert not np.array_equal(
        one.render(SECRET), replace(one, units=np.clip(moved, -1, 1)).render(SECRET)
    )


def test_the_accent_follows_the_secret_and_the_recording() -> None:
    samples, rate = clip(2.0)
    accented = Recipe(name="accented", removal="bottleneck", accent=0.1)
    units = [
        abstract(samples, rate, secret, recipe=accented, recording=recording).units
        for secret, recording in ((SECRET, "a"), (SECRET, "a"), (SECRET, "b"), (bytes(32), "a"))
    ]
    assert np.array_equal(units[0], units[1])
    # Another accent moves some units, and leaves most where they were: words must survive.
    for other in (*units[2:], abstract(samples, rate, recipe=accented).units):
        assert 0.3 < (other == units[0]).mean() < 0.99
    one, other = (abstract(samples, rate, secret, recipe="bottleneck") for secret in (SECRET, None))
    assert np.array_equal(one.units, other.units)


def test_no_secret_is_another_voice_each_time() -> None:
    samples, rate = clip(1.0)
    described = abstract(samples, rate)
    assert not np.array_equal(described.render(), described.render())
    low, high = (described.render(SECRET, voice=Voice(f0_hz=f)) for f in (90.0, 220.0))
    assert not np.array_equal(low, high)


def test_silence_is_described_as_silence() -> None:
    described = abstract(np.zeros(16_000, np.int16), 16_000)
    assert (described.energy == -20).all()
    assert not described.voiced.any()
    assert not described.render(SECRET).any()


@given(st.integers(2, 4000), st.sampled_from([8_000, 16_000, 48_000]))
def test_any_length_comes_back(n: int, rate: int) -> None:
    tone = 0.1 * np.sin(np.arange(n) / 9)
    described = abstract(tone, rate)
    rendered = described.render(SECRET)
    assert rendered.shape == (n,)
    assert np.isfinite(rendered).all()


def test_its_size_is_told() -> None:
    samples, rate = clip()
    described = abstract(samples, rate)
    assert 0 < described.entropy_bits_per_second < described.bits_per_second < 1500
    assert "bit/s" in repr(described)
    assert isinstance(described, Abstraction)
    assert len(described) == 3


def test_descriptions_compare_by_what_they_hold() -> None:
    samples, rate = clip(1.0)
    one, other = (abstract(samples, rate, SECRET) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert pickle.loads(pickle.dumps(one)) == one
    assert one != replace(other, energy=other.energy - 1)
    assert one != "one"


def test_what_cannot_be_described_is_refused() -> None:
    samples, rate = clip(0.5)
    with pytest.raises(InputError, match="2 channels"):
        abstract(np.stack([samples, samples]), rate)
    with pytest.raises(InputError, match="removal"):
        abstract(samples, rate, recipe="template")
    with pytest.raises(RecipeError, match="nosuch"):
        abstract(samples, rate, recipe="nosuch")
    plain = Recipe(name="plain", removal="bottleneck", pitch_levels=0)
    with pytest.raises(InputError, match="pitch_levels"):
        abstract(samples, rate, recipe=plain)
    with pytest.raises(InputError, match="removal"):
        abstract(samples, rate).render(SECRET, recipe="template")
