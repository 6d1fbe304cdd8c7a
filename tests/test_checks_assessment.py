"""Assessment measures: known syllables, pauses and glides, laws of gain and length, real speech."""

import csv

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sounds import DATA, clip, clip_names, vowel

from voiceanon.checks import assessment, pitch, sound
from voiceanon.checks.assessment import (
    MEASURES,
    analyse,
    measures_missing,
    speech_measures,
    syllable_nuclei_s,
)
from voiceanon.checks.pitch import f0_missing, f0_track, voicing_track
from voiceanon.checks.sound import PAUSE_S, level_of, stretches
from voiceanon.checks.transcript import Transcript
from voiceanon.errors import InputError

RATE = 16_000
# Syllables of the transcripts in tests/data, counted by hand.
SYLLABLES = {
    "121-127105-0001.flac": 25,
    "4446-2275-0021.flac": 16,
    "4992-23283-0016.flac": 18,
    "2300-131720-0038.flac": 23,
    "5639-40744-0005.flac": 25,
    "7127-75947-0013.flac": 18,
}

needs_pyworld = pytest.mark.skipif(f0_missing() is not None, reason="pyworld is not installed")


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def babble(count: int, sound_s: float = 0.15, gap_s: float = 0.1, f0_hz: float = 130) -> np.ndarray:
    """Return vowels of one length with gaps that are no pauses: `count` syllables."""
    n = round(sound_s * RATE)
    edge = np.minimum(1.0, np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.02 * RATE))
    syllable = vowel(f0_hz, sound_s) * edge
    parts = [syllable, silence(gap_s)] * count
    return np.concatenate(parts[:-1]).astype(np.float32)


def test_syllables_and_pauses_of_a_known_rhythm() -> None:
    # 4 + 5 + 3 syllables with pauses of 0.5 and 0.8 s; silence around it is no part of it.
    parts = [babble(4), silence(0.5), babble(5), silence(0.8), babble(3)]
    samples = np.concatenate([silence(0.7), *parts, silence(0.4)])
    analysis = analyse(samples)
    measures = speech_measures(samples)
    response_s = sum(len(part) for part in parts) / RATE
    assert len(syllable_nuclei_s(analysis)) == 12
    assert measures["speech_rate_syllables_per_s"] == pytest.approx(12 / response_s, rel=0.02)
    speaking_s = response_s - 1.3
    articulation = measures["articulation_rate_syllables_per_s"]
    assert articulation == pytest.approx(12 / speaking_s, rel=0.03)
    assert measures["pause_rate_per_s"] == pytest.approx(2 / response_s, rel=0.02)
    assert measures["mean_pause_s"] == pytest.approx(0.65, abs=0.03)
    assert measures["phonation_ratio"] == pytest.approx(speaking_s / response_s, abs=0.015)
    # Each nucleus lies in the middle half of its vowel.
    first_s = 0.7 + 0.25 * np.arange(4)
    nuclei = syllable_nuclei_s(analysis)[:4]
    assert np.all((nuclei > first_s + 0.03) & (nuclei < first_s + 0.12))


@pytest.mark.parametrize(("gap_s", "pauses"), [(0.2, 0), (0.33, 1)])
def test_a_pause_begins_at_a_quarter_of_a_second(gap_s: float, pauses: int) -> None:
    samples = np.concatenate([babble(3), silence(gap_s), babble(3)])
    level = level_of(samples)
    assert level is not None
    assert len(stretches(level.is_sounding[10:-10], False)) == pauses
    assert (speech_measures(samples)["mean_pause_s"] is None) == (pauses == 0)
    assert PAUSE_S == 0.25


def test_noise_bursts_are_no_syllables() -> None:
    rng = np.random.default_rng(3)
    noise = (0.1 * rng.standard_normal(round(0.12 * RATE))).astype(np.float32)
    with_noise = np.concatenate([babble(4), silence(0.1), noise, silence(0.1), babble(4)])
    assert len(syllable_nuclei_s(analyse(with_noise))) in (8, 9)
    hiss = np.concatenate([noise, silence(0.1)] * 5)
    # A tenth of noise frames may look periodic to a tracker.
    assert len(syllable_nuclei_s(analyse(hiss))) <= 2


@needs_pyworld
@pytest.mark.parametrize("semitones", [4.0, 10.0, 16.0])
def test_the_range_of_a_glide_in_semitones(semitones: float) -> None:
    # Even in semitones over time: from its 5th to its 95th percentile are nine tenths of it.
    f0_hz = 110.0 * 2 ** (np.linspace(0, semitones, 2 * RATE) / 12)
    measures = speech_measures(vowel(f0_hz, 2.0))
    assert measures["f0_range_semitones"] == pytest.approx(0.9 * semitones, abs=0.25)


@needs_pyworld
def test_one_pitch_has_no_range_and_one_level_none() -> None:
    measures = speech_measures(vowel(150.0, 2.0))
    assert measures["f0_range_semitones"] == pytest.approx(0, abs=0.1)
    # A vowel cut out of nothing rises within its first and last window.
    assert measures["loudness_range_db"] == pytest.approx(0, abs=1.0)


def test_the_loudness_range_of_loud_and_soft_halves() -> None:
    loud = vowel(150.0, 2.0)
    measures = speech_measures(np.concatenate([loud, 10 ** (-12 / 20) * loud]).astype(np.float32))
    assert measures["loudness_range_db"] == pytest.approx(12, abs=0.5)


@needs_pyworld
@pytest.mark.parametrize("f0_hz", [80.0, 150.0, 320.0, 500.0])
def test_both_trackers_hear_a_known_pitch(f0_hz: float) -> None:
    samples = vowel(f0_hz, 1.0)
    for track, cents in ((f0_track(samples), 5), (voicing_track(samples), 150)):
        middle = track.f0_hz[10:-10]
        assert np.mean(middle > 0) > 0.95
        assert abs(1200 * np.log2(np.median(middle[middle > 0]) / f0_hz)) < cents
        assert len(track.f0_hz) == 101


@needs_pyworld
def test_both_trackers_agree_on_where_real_voices_sound() -> None:
    for name in clip_names():
        samples, _ = clip(name)
        theirs, other = f0_track(samples), voicing_track(samples)
        count = min(len(theirs.f0_hz), len(other.f0_hz))
        level = level_of(samples)
        assert level is not None
        loud = level.is_loud[::2][:count]
        agree = (theirs.f0_hz[:count] > 0) == (other.f0_hz[:count] > 0)
        assert np.mean(agree[loud]) > 0.8


def test_the_syllables_of_real_speech_are_near_those_of_its_words() -> None:
    with (DATA / "metadata.csv").open(newline="") as file:
        assert {row["path"] for row in csv.DictReader(file)} == set(SYLLABLES)
    heard = {name: len(syllable_nuclei_s(analyse(clip(name)[0]))) for name in SYLLABLES}
    for name, said in SYLLABLES.items():
        assert 0.6 * said <= heard[name] <= 1.2 * said, (name, heard[name], said)
    assert 0.75 <= sum(heard.values()) / sum(SYLLABLES.values()) <= 1.1


@pytest.mark.parametrize("name", clip_names())
def test_gain_changes_no_measure(name: str) -> None:
    samples, _ = clip(name)
    plain = speech_measures(samples)
    assert all(v is not None for k, v in plain.items() if k in MEASURES[:2])
    for gain in (0.1, 0.707, 3.0):
        changed = speech_measures((samples * np.float32(gain)).astype(np.float32))
        for measure, value in plain.items():
            assert changed[measure] == (None if value is None else pytest.approx(value, rel=1e-3))


@pytest.mark.parametrize("name", clip_names()[:3])
def test_silence_before_and_after_changes_little(name: str) -> None:
    samples, _ = clip(name)
    plain = speech_measures(samples)
    # 20 ms are a whole number of frames.
    later = speech_measures(np.concatenate([silence(0.02), samples, silence(0.03)]))
    for measure in ("speech_rate_syllables_per_s", "phonation_ratio", "pause_rate_per_s"):
        assert later[measure] == pytest.approx(plain[measure], rel=0.06, abs=0.02)


def test_the_same_samples_give_the_same_numbers() -> None:
    samples, _ = clip(clip_names()[0])
    assert speech_measures(samples) == speech_measures(samples.copy())


@given(
    hnp.arrays(
        np.float32,
        st.integers(0, 3_000),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    st.integers(1, 8),
)
@example(np.zeros(16_000, np.float32), 1)
@example(np.full(16_000, 3e38, np.float32), 1)
@example(np.full(4_000, 1e-45, np.float32), 1)
@example(np.eye(1, 16_000, 8_000, dtype=np.float32)[0], 1)
@example(np.resize(np.array([1, -1], np.float32), 16_000), 1)
def test_every_measure_of_anything_finite_is_finite_or_none(samples, repeats) -> None:
    measures = speech_measures(np.tile(samples, repeats))
    assert tuple(measures) == MEASURES
    for measure, value in measures.items():
        assert value is None or (np.isfinite(value) and value >= 0), measure
    ratio = measures["phonation_ratio"]
    assert ratio is None or 0 < ratio <= 1


@pytest.mark.parametrize("n", [0, 1, 2, 79, 80, 799, 800, 801, 1_600])
def test_silence_has_no_measures_at_any_length(n: int) -> None:
    assert set(speech_measures(np.zeros(n, np.float32)).values()) == {None}
    short = speech_measures(0.1 * np.sin(np.arange(n) / 16).astype(np.float32))
    assert all(value is None or np.isfinite(value) for value in short.values())


def test_without_pyworld_f0_is_none_with_a_reason(monkeypatch) -> None:
    monkeypatch.setattr(pitch, "why_missing", lambda package: f"{package} is not installed: get it")
    samples, _ = clip(clip_names()[0])
    measures = speech_measures(samples)
    assert "no f0 without pyworld" in analyse(samples).judged_by
    assert measures["f0_range_semitones"] is None
    assert measures["speech_rate_syllables_per_s"] is not None
    assert measures_missing() == {"f0_range_semitones": "pyworld is not installed: get it"}
    monkeypatch.undo()
    if f0_missing() is None:  # and nothing else depends on it
        with_f0 = speech_measures(samples)
        assert {k for k in MEASURES if with_f0[k] != measures[k]} == {"f0_range_semitones"}


@needs_pyworld
def test_with_pyworld_it_judges_and_nothing_is_missing() -> None:
    assert measures_missing() == {}
    assert analyse(vowel(120.0, 0.5)).judged_by.startswith("f0: pyworld 0.")


def test_filled_pauses_come_from_a_recogniser_that_keeps_them() -> None:
    samples = babble(3)
    heard = Transcript("um well uh yes", keeps_fillers=True)
    assert speech_measures(samples)["filled_pauses"] is None
    assert speech_measures(samples, transcript=Transcript("well yes"))["filled_pauses"] is None
    assert speech_measures(samples, transcript=heard)["filled_pauses"] == 2
    assert speech_measures(silence(1.0), transcript=heard)["filled_pauses"] == 2


@pytest.mark.parametrize(
    ("samples", "rate", "says"),
    [
        (np.zeros((2, 100), np.float32), RATE, "must be mono floating-point"),
        (np.zeros(100, np.int16), RATE, "must be mono floating-point"),
        (np.array([0, np.inf], np.float32), RATE, "not finite"),
        (np.zeros(100, np.float32), 8_000, "rate is 8000: speech is judged at 16000"),
    ],
)
def test_other_samples_are_refused(samples, rate, says) -> None:
    with pytest.raises(InputError, match=says):
        speech_measures(samples, rate)


@given(st.lists(st.booleans(), max_size=30), st.booleans())
def test_stretches_are_the_runs_of_a_value(mask, value) -> None:
    made = np.full(len(mask), not value)
    for start, end in stretches(np.array(mask, bool), value):
        assert end > start
        assert start == 0 or mask[start - 1] != value
        made[start:end] = value
    assert made.tolist() == mask


def test_noise_in_the_pauses_moves_no_pause() -> None:
    samples = np.concatenate([babble(5), silence(0.6), babble(5), silence(0.6), babble(4)])
    rng = np.random.default_rng(1)
    noise = 10 ** (-15 / 20) * np.std(samples) * rng.standard_normal(len(samples))
    clean, noisy = speech_measures(samples), speech_measures((samples + noise).astype(np.float32))
    assert noisy["pause_rate_per_s"] == pytest.approx(clean["pause_rate_per_s"], rel=0.05)
    assert noisy["mean_pause_s"] == pytest.approx(clean["mean_pause_s"], abs=0.05)
    assert assessment.FRAME_HOP_S == sound.FRAME_HOP_S
