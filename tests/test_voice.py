"""Voices within their ranges, and none without: what a caller gives is refused with its name."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceanon.errors import InputError
from voiceanon.voice import Voice, named_voice, voice_names

RANGES = {
    "f0_hz": (60.0, 400.0),
    "f0_spread": (0.0, 0.5),
    "formant_scale": (0.75, 1.35),
    "breathiness": (-0.5, 0.5),
}


@given(st.sampled_from(sorted(RANGES)), st.floats())
def test_a_value_is_within_its_range_or_refused_by_name(name, value) -> None:
    low, high = RANGES[name]
    if low <= value <= high:
        assert getattr(Voice(**{name: value}), name) == value
    else:
        with pytest.raises(InputError, match=f"{name} of a voice is .* within {low:g} to {high:g}"):
            Voice(**{name: value})


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", [None, "100", 1j, [0.1]])
def test_what_is_no_number_is_refused(name, value) -> None:
    with pytest.raises(InputError, match=f"{name} of a voice"):
        Voice(**{name: value})


@pytest.mark.parametrize("colour", [(math.nan,), (0.0, math.inf), (0.0,) * 65])
def test_a_colour_is_a_few_finite_numbers(colour) -> None:
    with pytest.raises(InputError, match="at most 64 finite numbers"):
        Voice(colour=colour)
    assert Voice(colour=(0.5,) * 64).colour == (0.5,) * 64


def test_named_voices_differ_and_others_are_refused_with_the_list() -> None:
    voices = {named_voice(name) for name in voice_names()}
    assert len(voices) == len(voice_names()) == 9
    with pytest.raises(InputError) as caught:
        named_voice("Female-Low")
    assert all(name in str(caught.value) for name in voice_names())
