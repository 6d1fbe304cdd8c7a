"""Delivery before and after: known delays, copies, opposite contours, and the real recipe."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sounds import clip, clip_names, vowel

import voiceanon
from voiceanon.checks import pitch
from voiceanon.checks.assessment import analyse
from voiceanon.checks.delivery import (
    MAX_LAG_S,
    compare_delivery,
    f0_tracks,
    lag_between_s,
    rho_f0,
)
from voiceanon.checks.pitch import F0Track, f0_missing
from voiceanon.checks.sound import level_of
from voiceanon.checks.transcript import Transcript
from voiceanon.errors import InputError

RATE = 16_000
needs_pyworld = pytest.mark.skipif(f0_missing() is not None, reason="pyworld is not installed")


def speech(name: str | None = None) -> np.ndarray:
    return clip(name or clip_names()[0])[0]


def delayed(samples: np.ndarray, seconds: float) -> np.ndarray:
    n = round(seconds * RATE)
    moved = np.zeros_like(samples)
    if n >= 0:
        moved[n:] = samples[: len(samples) - n]
    else:
        moved[:n] = samples[-n:]
    return moved


def glide(f0_hz: np.ndarray) -> np.ndarray:
    return vowel(f0_hz, len(f0_hz) / RATE)


@needs_pyworld
@pytest.mark.parametrize("name", clip_names())
def test_a_recording_against_itself_is_the_same(name: str) -> None:
    result = compare_delivery(speech(name), speech(name))
    assert result.f0_contour == pytest.approx(1)
    assert result.rho_f0 == pytest.approx(1)
    assert result.energy_contour == pytest.approx(1)
    assert result.voicing_agreement == 1
    assert result.lag_s == pytest.approx(0, abs=1e-6)
    assert result.original == result.anonymized
    assert "pyworld" in result.judged_by


@needs_pyworld
@pytest.mark.parametrize("seconds", [-0.2, -0.02, 0.0071, 0.02, 0.3])
@pytest.mark.parametrize("gain", [0.5, 1.0])
def test_a_delayed_copy_is_found_and_correlates(seconds: float, gain: float) -> None:
    samples = speech()
    result = compare_delivery(samples, (gain * delayed(samples, seconds)).astype(np.float32))
    assert result.lag_s == pytest.approx(seconds, abs=0.003)
    assert result.f0_contour is not None
    assert result.f0_contour > 0.98
    assert result.energy_contour > 0.99
    # Voicing is told every 10 ms: a delay between two frames moves its borders.
    assert result.voicing_agreement > (0.95 if round(seconds * 1e4) % 100 == 0 else 0.9)


def test_a_delay_is_found_both_ways_round() -> None:
    first, second = level_of(speech()), level_of(delayed(speech(), 0.125))
    assert lag_between_s(first, second) == pytest.approx(0.125, abs=0.003)
    assert lag_between_s(second, first) == pytest.approx(-0.125, abs=0.003)


@needs_pyworld
def test_an_f0_contour_that_falls_where_the_other_rises_is_opposite() -> None:
    up = 100 * 2 ** (np.linspace(0, 0.8, RATE))
    rising, falling = glide(up), glide(up[::-1])
    # Twice as high and half the steps: the contour is what it was.
    same = glide(200 * (up / 100) ** 0.5)
    assert compare_delivery(rising, falling).f0_contour == pytest.approx(-1, abs=0.02)
    assert compare_delivery(rising, same).f0_contour == pytest.approx(1, abs=0.01)
    assert compare_delivery(rising, same).rho_f0 == pytest.approx(1, abs=0.02)


@needs_pyworld
def test_a_constant_pitch_has_no_contour_to_keep() -> None:
    monotone = F0Track(np.full(200, 120.0), 0.005, "test")
    moving = F0Track(np.linspace(100, 200, 200), 0.005, "test")
    assert rho_f0(monotone, moving) is None
    assert rho_f0(moving, moving) == pytest.approx(1)


def test_pitch_correlation_of_known_tracks() -> None:
    rng = np.random.default_rng(2)
    a = 100 + 20 * rng.random(300)
    b = a + 10 * rng.random(300)
    both = rng.random(300) > 0.4
    first = F0Track(np.where(both, a, 0), 0.005, "test")
    second = F0Track(np.where(rng.random(300) > 0.3, b, 0), 0.005, "test")
    joint = (first.f0_hz > 0) & (second.f0_hz > 0)
    oracle = np.corrcoef(a[joint], b[joint])[0, 1]
    assert rho_f0(first, second) == pytest.approx(oracle)
    # Seven frames later.
    later = F0Track(np.concatenate([np.zeros(7), second.f0_hz]), 0.005, "test")
    assert rho_f0(first, later, lag_s=0.035) == pytest.approx(oracle)
    assert rho_f0(first, F0Track(np.zeros(300), 0.005, "test")) is None
    with pytest.raises(InputError, match=r"hops 0\.005 s and 0\.01 s"):
        rho_f0(first, F0Track(b, 0.01, "test"))


@needs_pyworld
def test_the_tracks_for_pitch_correlation_are_pyworlds() -> None:
    track = f0_tracks(vowel(140.0, 1.0))
    assert track.hop_s == 0.005
    assert len(track.f0_hz) == 201
    assert np.median(track.f0_hz) == pytest.approx(140, rel=0.002)


def test_without_pyworld_there_is_no_f0_contour_and_the_judge_is_named(monkeypatch) -> None:
    monkeypatch.setattr(pitch, "why_missing", lambda package: f"{package} is not installed")
    result = compare_delivery(speech(), speech())
    assert result.f0_contour is None
    assert result.rho_f0 is None
    assert result.energy_contour == pytest.approx(1)
    assert result.voicing_agreement == 1
    assert "autocorrelation" in result.judged_by


def test_silence_on_either_side_is_not_compared() -> None:
    quiet = np.zeros(RATE, np.float32)
    for pair in ((speech(), quiet), (quiet, speech()), (quiet, quiet)):
        result = compare_delivery(*pair)
        figures = (result.f0_contour, result.rho_f0, result.energy_contour, result.lag_s)
        assert figures == (None,) * 4
        assert result.voicing_agreement is None


@given(*[hnp.arrays(np.float32, st.integers(0, 6_000), elements=st.floats(-1, 1, width=32))] * 2)
def test_every_figure_is_in_its_range_or_none(first, second) -> None:
    result = compare_delivery(np.tile(first, 3), second)
    for value in (result.f0_contour, result.rho_f0, result.energy_contour):
        assert value is None or -1 <= value <= 1
    assert result.voicing_agreement is None or 0 <= result.voicing_agreement <= 1
    assert result.lag_s is None or abs(result.lag_s) <= MAX_LAG_S + 0.005


def test_what_is_analysed_already_gives_the_same() -> None:
    first, second = speech(), delayed(speech(), 0.05)
    heard = Transcript("um yes", keeps_fillers=True)
    whole = compare_delivery(first, second, heard_original=heard, heard_anonymized=heard)
    parts = compare_delivery(
        analyse(first), analyse(second), heard_original=heard, heard_anonymized=heard
    )
    assert whole == parts
    assert whole.anonymized["filled_pauses"] == 1


@needs_pyworld
def test_another_recording_keeps_less_than_the_recipe() -> None:
    names = clip_names()
    anonymizer = voiceanon.Anonymizer("template", secret=bytes(32))
    kept, swapped, rates = [], [], []
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        made = anonymizer(speech(name), RATE)
        result = compare_delivery(speech(name), made)
        kept.append(result)
        swapped.append(compare_delivery(speech(other), made))
        rates.append(
            [m["speech_rate_syllables_per_s"] for m in (result.original, result.anonymized)]
        )
        assert abs(result.lag_s) < 0.03
        assert result.energy_contour > 0.7
        assert result.voicing_agreement > 0.6
        ratios = [m["phonation_ratio"] for m in (result.original, result.anonymized)]
        assert ratios[0] == pytest.approx(ratios[1], abs=0.1)
    assert min(r.energy_contour for r in kept) > max(r.energy_contour for r in swapped)
    contours = [
        [r.f0_contour for r in some if r.f0_contour is not None] for some in (kept, swapped)
    ]
    assert len(contours[0]) == len(names)
    assert np.mean(contours[0]) > np.mean(contours[1]) + 0.3
    original, anonymized = np.array(rates).T
    assert np.max(np.abs(anonymized / original - 1)) < 0.3
