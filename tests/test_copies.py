"""Copies of the original are found in whatever disguise; vocoders and recipes are no copies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sounds import clip, clip_names, speech

import voiceanon
from voiceanon.checks.copies import COPY_CORRELATION, copied_share, largest_correlation
from voiceanon.privacy.mcadams import mcadams


@given(
    st.floats(-2.0, 2.0).filter(lambda g: abs(g) > 0.01),
    st.integers(-1500, 1500),
    st.sampled_from(["float", "8 bits"]),
)
def test_a_scaled_shifted_or_coarse_copy_is_found(gain: float, shift: int, kind: str) -> None:
    original = speech(2.0)
    copy = np.roll(original * gain, shift)
    if kind == "8 bits":
        copy = np.round(copy / np.abs(copy).max() * 127) / 127
    assert largest_correlation(original, copy.astype(np.float32)) > 0.97
    assert copied_share(original, copy.astype(np.float32)) > 0.5


@pytest.mark.parametrize("name", clip_names())
def test_an_anonymized_recording_is_no_copy_but_one_with_a_raw_stretch_is(name: str) -> None:
    original, rate = clip(name)
    made = voiceanon.anonymize(original, rate, secret=bytes(32))
    assert largest_correlation(original, made) < 0.5
    pieced = made.copy()
    start = int(np.argmax(np.convolve(original**2, np.ones(12000), "valid")))
    pieced[start : start + 12000] = original[start : start + 12000]
    assert largest_correlation(original, pieced) > 0.99
    assert 0 < copied_share(original, pieced) < 0.5


def test_a_moved_voice_is_no_copy() -> None:
    original = speech(3.0).astype(np.float64)
    assert largest_correlation(original, mcadams(original, 16000, 0.8)) < COPY_CORRELATION


@pytest.mark.parametrize("length", [0, 1, 4095, 4096, 9000])
def test_silence_and_short_recordings_are_no_copies(length: int) -> None:
    silence = np.zeros(length, np.float32)
    assert largest_correlation(silence, silence) == 0.0
    assert copied_share(silence, silence) == 0.0
