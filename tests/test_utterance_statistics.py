"""The attacker's plain statistics: finite for anything, true on sounds that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sounds import speech, vowel

from voiceanon.privacy.statistics import RHYTHM, UtteranceStatistics, log_mel, pitch_track


@given(st.integers(0, 6000), st.sampled_from(["silence", "noise", "clipped", "one"]))
def test_any_samples_give_finite_statistics_of_one_size(length: int, kind: str) -> None:
    generator = np.random.default_rng(length)
    samples = {
        "silence": np.zeros(length),
        "noise": generator.normal(size=length) * 0.1,
        "clipped": np.sign(generator.normal(size=length)),
        "one": np.ones(length),
    }[kind].astype(np.float32)
    found = UtteranceStatistics()(samples)
    assert np.isfinite(found).all()
    assert found.shape == UtteranceStatistics()(speech(1.0)).shape


@pytest.mark.parametrize("f0_hz", [90.0, 150.0, 240.0])
def test_pitch_of_a_known_vowel(f0_hz: float) -> None:
    track, _ = pitch_track(vowel(f0_hz, 0.6))
    voiced = track[track > 0]
    assert len(voiced) > 0.9 * len(track)
    assert np.median(voiced) == pytest.approx(f0_hz, rel=0.03)


def test_bands_follow_the_spectrum() -> None:
    time_s = np.arange(16000) / 16000
    peaks = [
        log_mel(np.sin(2 * np.pi * hz * time_s).astype(np.float32)).mean(0).argmax()
        for hz in (200, 800, 2500, 6000)
    ]
    assert peaks == sorted(set(peaks))


def test_rhythm_columns_know_nothing_of_the_spectrum() -> None:
    samples = speech(3.0)
    # A gain changes every band and no duration, pitch or relative level.
    loud, soft = (UtteranceStatistics()(samples * np.float32(g)) for g in (1.0, 0.25))
    assert loud[RHYTHM] == pytest.approx(soft[RHYTHM], abs=0.05)
    assert np.abs(loud[: RHYTHM.start] - soft[: RHYTHM.start]).max() > 2
