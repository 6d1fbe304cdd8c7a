"""Facts of sound about single transformations, measured by pyworld or on known envelopes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from transform_cases import BINS, HZ, RATE, made_frames

from voiceanon import Frames, analyze, synthesize, transform

FORMANTS_HZ = np.array([600.0, 1500.0, 2500.0, 3500.0])
BANDWIDTHS_HZ = np.array([60.0, 90.0, 120.0, 150.0])


def vowel(seconds: float = 1.2) -> np.ndarray:
    """Return a pulse train of gliding pitch through four resonators, at -20 dB re full scale."""
    from scipy.signal import lfilter

    t = np.arange(int(seconds * RATE)) / RATE
    f0_hz = 110 * 2 ** (1.5 / 12 * np.sin(2 * np.pi * 3 * t))
    source = np.diff(np.floor(np.cumsum(f0_hz) / RATE), prepend=0.0)
    source += 1e-3 * np.random.default_rng(0).standard_normal(len(t))
    samples = lfilter([1], [1, -0.96], source)
    for hz, bandwidth_hz in zip(FORMANTS_HZ, BANDWIDTHS_HZ, strict=True):
        r = np.exp(-np.pi * bandwidth_hz / RATE)
        samples = lfilter([1], [1, -2 * r * np.cos(2 * np.pi * hz / RATE), r * r], samples)
    return 0.1 * samples / samples.std()


def peaks_hz(log_power: np.ndarray, near_hz: np.ndarray) -> np.ndarray:
    """Return the peak around each frequency, by a parabola through three bins."""
    found = []
    for hz in near_hz:
        around = np.flatnonzero(np.abs(HZ - hz) < 0.15 * hz)
        i = around[log_power[around].argmax()]
        below, at, above = log_power[i - 1 : i + 2]
        found.append(HZ[i] + HZ[1] * 0.5 * (below - above) / (below - 2 * at + above))
    return np.array(found)


@pytest.fixture(scope="module")
def world() -> Any:
    return pytest.importorskip("pyworld")


@pytest.fixture(scope="module")
def vowel_frames() -> Frames:
    return analyze(vowel(), RATE)


def inner_voiced(world: Any, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return f0 by Harvest and log power by CheapTrick, less 0.15 s at both ends."""
    wide = samples.astype(np.float64)
    f0_hz, times_s = world.harvest(wide, RATE, 71.0, 600.0, 5.0)
    power = world.cheaptrick(wide, f0_hz, times_s, RATE, fft_size=1024)
    return f0_hz[30:-30], np.log(power[30:-30])


@pytest.mark.parametrize("semitones", [-5, 3, 7])
def test_harvest_hears_the_pitch_shift(world: Any, vowel_frames: Frames, semitones: int) -> None:
    before_hz, _ = inner_voiced(world, vowel())
    shifted = synthesize(transform.shift_pitch(vowel_frames, semitones))
    after_hz, log_power = inner_voiced(world, shifted)
    both = (before_hz > 0) & (after_hz > 0)
    assert both.mean() > 0.95
    cents = 1200 * np.log2(after_hz[both] / before_hz[both]) - 100 * semitones
    assert abs(np.median(cents)) < 10
    # Formants stay; the first is left out, since harmonics lie too far apart to measure 3 % of it.
    found_hz = peaks_hz(log_power.mean(axis=0), FORMANTS_HZ[1:])
    np.testing.assert_allclose(found_hz, FORMANTS_HZ[1:], rtol=0.03)


@pytest.mark.parametrize("scale", [0.8, 0.87, 1.15, 1.25])
def test_cheaptrick_sees_the_formants_move(world: Any, vowel_frames: Frames, scale: float) -> None:
    before_hz, original = inner_voiced(world, vowel())
    moved = synthesize(transform.scale_formants(vowel_frames, scale))
    after_hz, log_power = inner_voiced(world, moved)
    measured_hz = peaks_hz(original.mean(axis=0), FORMANTS_HZ[1:])
    found_hz = peaks_hz(log_power.mean(axis=0), scale * FORMANTS_HZ[1:])
    np.testing.assert_allclose(found_hz, scale * measured_hz, rtol=0.03)
    cents = 1200 * np.log2(after_hz[after_hz > 0].mean() / before_hz[before_hz > 0].mean())
    assert abs(cents) < 10


def vowel_envelope() -> np.ndarray:
    """Return the exact power of the four resonators, without any harmonics."""
    z = np.exp(2j * np.pi * HZ / RATE)
    power = np.full(BINS, 1e-6)
    for hz, bandwidth_hz in zip(FORMANTS_HZ, BANDWIDTHS_HZ, strict=True):
        pole = np.exp((-np.pi * bandwidth_hz + 2j * np.pi * hz) / RATE)
        power /= np.abs((1 - pole / z) * (1 - np.conj(pole) / z)) ** 2
    return power


@pytest.mark.parametrize("scale", [0.6, 0.8, 0.95, 1.05, 1.25, 1.6])
def test_every_formant_of_a_known_envelope_moves_by_the_factor(scale: float) -> None:
    frames = replace(made_frames(0, 1), envelope=vowel_envelope()[None].astype(np.float32))
    moved = transform.scale_formants(frames, scale)
    found_hz = peaks_hz(np.log(moved.envelope[0]), scale * FORMANTS_HZ)
    measured_hz = peaks_hz(np.log(frames.envelope[0]), FORMANTS_HZ)
    np.testing.assert_allclose(found_hz, scale * measured_hz, rtol=0.01)
    # There and back returns what did not leave the band, but for interpolation at sharp peaks.
    back = transform.scale_formants(moved, 1 / scale)
    highest_hz = 7900 * min(1, 1 / scale)
    inside = np.clip(HZ, 50, highest_hz) == HZ
    difference_db = 10 * np.log10(back.envelope[0] / frames.envelope[0])[inside]
    assert np.ptp(difference_db) < 1.5
