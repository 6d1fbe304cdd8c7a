"""The McAdams rival does what the paper says, and its fast and plain forms agree."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from speech_sets import joined

from voiceanon.privacy.mcadams import BLOCK_FRAMES, burg, burg_plain, mcadams, mcadams_plain

RATE = 16000


def speech(seconds: float) -> np.ndarray:
    try:
        return joined(seconds).astype(np.float64)
    except FileNotFoundError as missing:
        pytest.skip(str(missing))


def vowel(formants_hz: list[float], seconds: float = 1.0, f0_hz: float = 110.0) -> np.ndarray:
    pulses = np.zeros(round(seconds * RATE))
    pulses[:: round(RATE / f0_hz)] = 1.0
    for formant_hz in formants_hz:
        radius = np.exp(-np.pi * 80.0 / RATE)
        angle = 2.0 * np.pi * formant_hz / RATE
        pulses = scipy.signal.lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], pulses)
    # A little noise: an exactly periodic signal makes the predictor polynomial ill-conditioned.
    noise = 1e-3 * np.random.default_rng(3).standard_normal(len(pulses))
    return 0.5 * pulses / np.abs(pulses).max() + noise


@pytest.mark.parametrize("alpha", [0.5, 0.8, 1.2])
def test_the_fast_and_the_plain_form_agree_on_speech(alpha: float) -> None:
    samples = speech(6.0)
    assert len(samples) / (0.01 * RATE) > BLOCK_FRAMES  # so that a block ends inside
    fast = mcadams(samples, RATE, alpha)
    plain = mcadams_plain(samples, RATE, alpha)
    # A thirtieth of a 16-bit step; poles pushed onto z = -1 by α > 1 amplify the rounding.
    np.testing.assert_allclose(fast, plain, rtol=0, atol=1e-6 * np.abs(plain).max())


@settings(deadline=None, max_examples=30)
@given(
    length=st.integers(0, 2500),
    rate=st.sampled_from([8000, 11025, 16000, 22050]),
    alpha=st.floats(0.5, 1.5),
    seed=st.integers(0, 999),
)
def test_the_fast_and_the_plain_form_agree_on_noise(
    length: int, rate: int, alpha: float, seed: int
) -> None:
    samples = np.random.default_rng(seed).standard_normal(length)
    fast = mcadams(samples, rate, alpha)
    plain = mcadams_plain(samples, rate, alpha)
    assert fast.shape == (length,)
    np.testing.assert_allclose(fast, plain, rtol=0, atol=1e-6 * np.abs(samples).max(initial=1.0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [1, 159, 160, 161, 5000])
def test_a_coefficient_of_one_changes_nothing(dtype: type, length: int) -> None:
    samples = np.random.default_rng(length).uniform(-0.5, 0.5, length).astype(dtype)
    same = mcadams(samples, RATE, alpha=1.0)
    assert same.dtype == dtype
    np.testing.assert_allclose(same, samples, rtol=0, atol=1e-6)


def test_formants_move_to_the_angle_raised_to_alpha() -> None:
    formants_hz, alpha = [700.0, 3500.0], 0.8
    moved = mcadams(vowel(formants_hz), RATE, alpha)
    freq_hz, power = scipy.signal.welch(moved, RATE, nperseg=512)
    for formant_hz in formants_hz:
        angle = (2.0 * np.pi * formant_hz / RATE) ** alpha
        expected_hz = angle * RATE / (2.0 * np.pi)
        assert abs(expected_hz - formant_hz) > 150
        near = np.abs(freq_hz - expected_hz) < 400
        smooth_db = scipy.signal.savgol_filter(10 * np.log10(power), 9, 2)
        peak_hz = freq_hz[near][np.argmax(smooth_db[near])]
        assert abs(peak_hz - expected_hz) < 120, (formant_hz, expected_hz, peak_hz)


def test_pitch_stays() -> None:
    samples = vowel([700.0, 1800.0], f0_hz=125.0)
    moved = mcadams(samples, RATE, 0.7)
    correlation = scipy.signal.correlate(moved, moved)[len(moved) - 1 :]
    assert 60 + int(np.argmax(correlation[60:300])) == pytest.approx(RATE / 125.0, abs=1)


def test_silence_stays_silence_and_the_peak_stays_the_peak() -> None:
    assert not mcadams(np.zeros(4000), RATE).any()
    samples = speech(1.0)
    assert np.abs(mcadams(samples, RATE, 0.6)).max() == pytest.approx(np.abs(samples).max())


def test_burg_finds_the_filter_that_made_the_sound() -> None:
    true = np.poly([0.95 * np.exp(0.5j), 0.95 * np.exp(-0.5j), 0.9 * np.exp(2j), 0.9 * np.exp(-2j)])
    noise = np.random.default_rng(0).standard_normal(20000)
    sound = scipy.signal.lfilter([1.0], true.real, noise)
    np.testing.assert_allclose(burg_plain(sound, 4), true.real, atol=0.03)
    np.testing.assert_allclose(burg(sound[None], 4)[0], burg_plain(sound, 4), atol=1e-12)


@pytest.mark.parametrize(
    ("samples", "alpha", "said"),
    [
        (np.zeros((2, 100)), 0.8, "one channel"),
        (np.zeros(100, dtype=np.int16), 0.8, "int16"),
        (np.zeros(100), 0.0, "alpha 0.0"),
    ],
)
def test_what_cannot_be_done_is_refused(samples: np.ndarray, alpha: float, said: str) -> None:
    for form in (mcadams, mcadams_plain):
        with pytest.raises(ValueError, match=said):
            form(samples, RATE, alpha)
