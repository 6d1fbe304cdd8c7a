"""Cents, hertz and decibels on vowels of exactly known f0 and formants, and on noise."""

from dataclasses import replace

import numpy as np
import pytest
from chains import SECRET
from sounds import (
    VOWEL_A,
    VOWEL_E,
    Formants,
    cents,
    clip,
    clip_names,
    level_db,
    speech,
    vowel,
    vowel_power,
)

from voiceanon import _engine, speaking
from voiceanon.anonymizer import Anonymizer
from voiceanon.frames import BANDS_HZ, analyze
from voiceanon.profile import profile
from voiceanon.recipe import Recipe
from voiceanon.voice import Voice

RATE = 16_000
EDGE = 12  # frames: the windows of the first and last ones reach beyond the sound
VOWELS = pytest.mark.parametrize("formants", [VOWEL_A, VOWEL_E], ids=["a", "e"])
STEADY = pytest.mark.parametrize("f0_hz", [90.0, 123.4, 170.0, 233.3, 320.0])
# From and to, in Hz, within one second.
GLIDES = pytest.mark.parametrize("ends_hz", [(90, 180), (180, 90), (320, 160), (100, 300)])


def glide(ends_hz: tuple[float, float]) -> np.ndarray:
    return np.geomspace(*ends_hz, RATE)


def resynthesised(samples: np.ndarray, rate: int = RATE, band_hz: int = 16_000) -> np.ndarray:
    recipe = Recipe.named("resynthesis", allow_unprotected=True)
    recipe = replace(recipe, band_hz=band_hz, allow_unprotected=True)
    return Anonymizer(recipe, SECRET)(samples, rate)


def harvest(samples: np.ndarray) -> np.ndarray:
    pyworld = pytest.importorskip("pyworld", reason="Harvest is the independent judge of f0")
    return pyworld.harvest(samples.astype(np.float64), RATE, f0_floor=60.0, f0_ceil=600.0)[0]


# Pitch


@VOWELS
@STEADY
@pytest.mark.parametrize("band_hz", BANDS_HZ)
def test_f0_of_a_vowel_is_known_to_a_cent(f0_hz: float, formants: Formants, band_hz: int) -> None:
    rate = max(RATE, band_hz)
    frames = analyze(vowel(f0_hz, 0.5, rate, formants), rate, band_hz=band_hz)
    inner = frames.f0_hz[EDGE:-EDGE]
    assert frames.voiced[EDGE:-EDGE].all()
    assert np.abs(cents(inner, f0_hz)).max() < 1.0


@GLIDES
def test_f0_of_a_glide_is_known_within_10_cents(ends_hz: tuple[float, float]) -> None:
    truth = glide(ends_hz)
    frames = analyze(vowel(truth), RATE)
    inner = np.arange(EDGE, len(frames) - EDGE)
    assert frames.voiced[inner].all()
    assert np.abs(cents(frames.f0_hz[inner], truth[80 * inner])).max() < 10.0


@VOWELS
@STEADY
def test_resynthesis_keeps_f0(f0_hz: float, formants: Formants) -> None:
    found = harvest(resynthesised(vowel(f0_hz, 1.0, formants=formants)))[20:-20]
    assert (found > 0).all()
    assert abs(np.median(cents(found, f0_hz))) < 5.0
    assert np.percentile(np.abs(cents(found, f0_hz)), 90) < 10.0


@GLIDES
def test_resynthesis_keeps_a_glide(ends_hz: tuple[float, float]) -> None:
    truth = glide(ends_hz)
    found = harvest(resynthesised(vowel(truth)))[:200]
    inner = np.arange(20, 180)
    off = np.abs(cents(np.maximum(found[inner], 1.0), truth[80 * inner]))
    assert np.median(off) < 10.0
    # Measured: 0 to 4 % of the frames.
    assert np.mean(off > 20.0) < 0.1


@pytest.mark.parametrize("amplitude", [0.3, 0.003])
def test_noise_and_silence_are_unvoiced(amplitude: float) -> None:
    noise = amplitude * np.random.default_rng(1).standard_normal(2 * RATE)
    frames = analyze(np.clip(noise, -1, 1), RATE)
    assert frames.voiced.mean() < 0.01
    assert (frames.f0_hz[~frames.voiced] == 0).all()
    silent = analyze(np.zeros(RATE, np.float32), RATE)
    assert not silent.voiced.any()
    assert not silent.envelope.any()


def test_voicing_begins_and_ends_with_the_voice() -> None:
    noise = 0.003 * np.random.default_rng(2).standard_normal(3 * RATE).astype(np.float32)
    noise[RATE : 2 * RATE] += vowel(140.0, 1.0)
    voiced = np.flatnonzero(analyze(noise, RATE).voiced)
    assert abs(voiced.min() * 0.005 - 1.0) < 0.02
    assert abs(voiced.max() * 0.005 - 2.0) < 0.02


# Formants


def formants_of(envelope: np.ndarray, near_hz: np.ndarray) -> np.ndarray:
    """Return the frequency of the highest peak within 20 % of each formant, in Hz."""
    hz = np.linspace(0, RATE / 2, len(envelope))
    peaks = 1 + np.flatnonzero((envelope[1:-1] > envelope[:-2]) & (envelope[1:-1] >= envelope[2:]))
    found = []
    for formant_hz in near_hz:
        close = peaks[np.abs(hz[peaks] / formant_hz - 1) < 0.2]
        assert len(close), f"no peak near {formant_hz:.0f} Hz"
        top = close[np.argmax(envelope[close])]
        before, at, after = np.log(envelope[top - 1 : top + 2])
        found.append(hz[1] * (top + 0.5 * (before - after) / (before - 2 * at + after)))
    return np.array(found)


def mean_envelope(samples: np.ndarray) -> np.ndarray:
    envelope = analyze(samples, RATE).envelope[20:-20]
    return np.exp(np.mean(np.log(envelope), axis=0))


@VOWELS
def test_formants_are_found_where_they_are(formants: Formants) -> None:
    # A glide moves the harmonics over the formants: their mean shows what one pitch hides.
    hz = np.linspace(0, RATE / 2, 513)
    truth = formants_of(vowel_power(hz, RATE, formants), np.array(formants)[:, 0])
    found = formants_of(mean_envelope(vowel(glide((90, 180)), formants=formants)), truth)
    np.testing.assert_allclose(found, truth, rtol=0.03)


@VOWELS
@pytest.mark.parametrize("f0_hz", [100.0, 130.0, (90, 180), (120, 240)])
def test_resynthesis_keeps_formants(f0_hz: float | tuple[float, float], formants: Formants) -> None:
    original = vowel(glide(f0_hz) if isinstance(f0_hz, tuple) else f0_hz, formants=formants)
    before = formants_of(mean_envelope(original), np.array(formants)[:, 0])
    after = formants_of(mean_envelope(resynthesised(original)), before)
    np.testing.assert_allclose(after, before, rtol=0.03)


# Level


@VOWELS
@STEADY
def test_resynthesis_keeps_the_level_of_a_vowel(f0_hz: float, formants: Formants) -> None:
    original = vowel(f0_hz, 1.0, formants=formants)
    copy = resynthesised(original)
    # Measured: 0.2 to 1.5 dB, where WORLD has 0.5 to 2.6: the less the harmonics hit the formants,
    # the more any smooth envelope must guess.
    assert abs(level_db(copy[2_000:-2_000]) - level_db(original[2_000:-2_000])) < 1.8


@VOWELS
@GLIDES
def test_resynthesis_keeps_the_level_of_a_glide(ends_hz, formants: Formants) -> None:
    original = vowel(glide(ends_hz), formants=formants)
    copy = resynthesised(original)
    # Measured: 0.1 to 1.1 dB.
    assert abs(level_db(copy[2_000:-2_000]) - level_db(original[2_000:-2_000])) < 1.3


@pytest.mark.parametrize("level", [-50.0, -20.0, -6.0])
def test_resynthesis_keeps_the_level_of_noise(level: float) -> None:
    noise = np.random.default_rng(3).standard_normal(RATE)
    noise *= 10 ** (level / 20) / np.sqrt(np.mean(noise**2))
    copy = resynthesised(np.clip(noise, -1, 1).astype(np.float32))
    assert abs(level_db(copy[2_000:-2_000]) - level) < 1.0


@pytest.mark.parametrize("band_hz", BANDS_HZ)
def test_every_band_keeps_level(band_hz: int) -> None:
    noise = 0.05 * np.random.default_rng(4).standard_normal(48_000)
    smooth = np.convolve(noise, np.hanning(32) / 16, "same").astype(np.float32)  # below 3 kHz
    copy = resynthesised(smooth, 48_000, band_hz)
    assert abs(level_db(copy[6_000:-6_000]) - level_db(smooth[6_000:-6_000])) < 1.0


def test_levels_of_frames_are_those_of_the_samples() -> None:
    analyzer = _engine.Analyzer(RATE)
    for level in (-60.0, -30.0, -3.0):
        sine = 10 ** (level / 20) * np.sin(2 * np.pi * 300 * np.arange(RATE) / RATE) * np.sqrt(2)
        analyzer.reset()
        rows = analyzer.process(sine.astype(np.float32))
        assert np.abs(rows[20:-20, 1] - level).max() < 0.3


# Aperiodicity


@pytest.mark.parametrize("noise_share", [0.03, 0.1, 0.2])
def test_aperiodicity_is_the_share_of_noise(noise_share: float) -> None:
    harmonic = vowel(120.0, 2.0, formants=(), level_dbfs=-20.0)
    noise = np.random.default_rng(5).standard_normal(2 * RATE)
    # The same spectrum for both: all poles but the tilt are left out.
    for n in range(1, len(noise)):
        noise[n] += 0.9 * noise[n - 1]
    noise *= 0.1 / np.sqrt(np.mean(noise**2))
    both = np.sqrt(1 - noise_share) * harmonic + np.sqrt(noise_share) * noise.astype(np.float32)
    frames = analyze(both.astype(np.float32), RATE)
    power = np.mean(frames.aperiodicity[frames.voiced][:, 16:330] ** 2)
    assert abs(power - noise_share) < 0.1  # measured: 0.03 to 0.06 too much


# The template and its pseudo-voices


ITS_OWN = {"pitch_range": "voice"}


def spoken(samples: np.ndarray, voice: Voice, monkeypatch, **settings) -> np.ndarray:
    monkeypatch.setattr(speaking, "draw_voice", lambda draws: voice)
    return Anonymizer(Recipe(name="measured", **settings), SECRET)(samples, RATE)


@pytest.mark.parametrize("f0_hz", [90.0, 150.0, 240.0])
@pytest.mark.parametrize("name", clip_names())
def test_a_pseudo_voice_has_its_own_f0(f0_hz: float, name: str, monkeypatch) -> None:
    output = spoken(clip(name)[0], Voice(f0_hz=f0_hz, f0_spread=0.15), monkeypatch, **ITS_OWN)
    found = analyze(output, RATE)
    assert found.voiced.mean() > 0.2
    assert abs(np.log(np.median(found.f0_hz[found.voiced]) / f0_hz)) < 0.12


def test_a_pseudo_voice_of_constant_pitch_has_one(monkeypatch) -> None:
    voice = Voice(f0_hz=150.0)
    output = spoken(speech(3.0), voice, monkeypatch, pitch_range="constant")
    found = analyze(output, RATE)
    assert np.median(np.abs(cents(found.f0_hz[found.voiced], 150.0))) < 15.0


def test_a_wider_spread_moves_pitch_more(monkeypatch) -> None:
    def deviation(spread: float) -> float:
        found = analyze(spoken(speech(4.0), Voice(f0_spread=spread), monkeypatch, **ITS_OWN), RATE)
        low, high = np.percentile(np.log(found.f0_hz[found.voiced]), [15, 85])
        return float(high - low)

    narrow, wide = deviation(0.08), deviation(0.3)
    assert wide > 2 * narrow


@pytest.mark.parametrize("scale", [0.85, 0.93, 1.08, 1.2])
def test_formant_scale_moves_formants(scale: float, monkeypatch) -> None:
    # The mean log envelope of the scaled voice is that of the plain one, read at other frequencies.
    def log_envelope(formant_scale: float) -> np.ndarray:
        voice = Voice(f0_hz=110.0, f0_spread=0.1, formant_scale=formant_scale)
        frames = analyze(spoken(speech(4.0), voice, monkeypatch), RATE)
        return np.log(frames.envelope[frames.voiced]).mean(axis=0)

    plain, scaled = log_envelope(1.0), log_envelope(scale)
    hz = np.linspace(0, RATE / 2, len(plain))
    inner = (hz > 300) & (hz < 3_500)
    scales = np.arange(0.75, 1.35, 0.01)
    misfits = [np.std((scaled - np.interp(hz / s, hz, plain))[inner]) for s in scales]
    assert abs(scales[np.argmin(misfits)] - scale) < 0.035


@pytest.mark.parametrize("name", clip_names())
def test_loudness_of_the_input_does_not_show(name: str) -> None:
    samples = clip(name)[0]
    outputs = []
    for level in (-50.0, -26.0, -6.0):
        gain = 10 ** ((level - level_db(samples)) / 20)
        loud = np.clip(gain * samples, -1, 1).astype(np.float32)
        outputs.append(level_db(Anonymizer("template", SECRET)(loud, RATE)))
    assert max(outputs) - min(outputs) < 1.5


@pytest.mark.parametrize("level", [-32.0, -26.0, -20.0])
def test_the_recipes_level_is_reached(level: float, monkeypatch) -> None:
    recipe = Recipe(name="levelled", level_dbfs=level)
    reached = [
        profile(Anonymizer(recipe, bytes([draw]) * 32)(clip(name)[0], RATE), RATE).level_db
        for draw, name in enumerate(clip_names())
    ]
    # Measured: 2.1 dB too quiet in the mean, 3.4 dB at most; voices differ in colour.
    assert abs(np.mean(reached) - level) < 3.0
    assert np.abs(np.array(reached) - level).max() < 4.5
