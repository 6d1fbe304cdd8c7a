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
)
from voiceanon.checks.phones import phones_heard
from voiceanon.checks.pitch import f0_missing, f0_track, voicing_track
from voiceanon.checks.rhythm import Rhythm, rhythm_of
from voiceanon.checks.sound import PAUSE_S, level_of, stretches
from voiceanon.checks.transcript import Transcript
from voiceanon.errors import InputError

RATE = 16_000
# Syllables of the transcripts in voiceanon/samples, counted by hand.
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


def said(name: str) -> np.ndarray:
    """Return a clip from its first sound to its last."""
    samples, _ = clip(name)
    level = level_of(samples)
    assert level is not None
    sounds = np.flatnonzero(level.is_sounding) * 80
    return samples[sounds[0] : sounds[-1]]


def heard(samples: np.ndarray) -> Rhythm:
    found = rhythm_of(phones_heard(samples.astype(np.float32)))
    assert found is not None
    return found


def test_rhythm_adds_up() -> None:
    # Three clips with pauses of 0.5 and 0.8 s between them; silence around it is no part of it.
    parts = [said(name) for name in clip_names()[:3]]
    alone = [heard(part) for part in parts]
    samples = np.concatenate(
        [silence(0.7), parts[0], silence(0.5), parts[1], silence(0.8), parts[2], silence(0.4)]
    )
    together, measures = heard(samples), speech_measures(samples)
    response_s = sum(map(len, parts)) / RATE + 1.3
    assert together.response_s == pytest.approx(response_s, abs=0.15)
    syllables = sum(one.syllables for one in alone)
    assert together.syllables == pytest.approx(syllables, rel=0.04)
    pauses_s = [0.5, 0.8, *(pause for one in alone for pause in one.pauses_s)]
    assert len(together.pauses_s) == len(pauses_s)
    assert sorted(together.pauses_s) == pytest.approx(sorted(pauses_s), abs=0.1)
    assert measures["speech_rate_syllables_per_s"] == pytest.approx(
        syllables / response_s, rel=0.05
    )
    assert measures["articulation_rate_syllables_per_s"] == pytest.approx(
        syllables / (response_s - sum(pauses_s)), rel=0.06
    )
    assert measures["pause_rate_per_s"] == pytest.approx(len(pauses_s) / response_s, rel=0.03)
    assert measures["mean_pause_s"] == pytest.approx(np.mean(pauses_s), abs=0.06)
    assert measures["phonation_ratio"] == pytest.approx(1 - sum(pauses_s) / response_s, abs=0.03)


@pytest.mark.parametrize(("gap_s", "pauses"), [(0.1, 0), (0.15, 0), (0.36, 1), (0.5, 1)])
def test_a_pause_begins_at_a_quarter_of_a_second(gap_s: float, pauses: int) -> None:
    samples = said(clip_names()[1])
    middle = int(np.argmax(np.convolve(samples**2, np.ones(800), "same")[RATE:-RATE])) + RATE
    parted = np.concatenate([samples[:middle], silence(gap_s), samples[middle:]])
    assert len(heard(parted).pauses_s) == len(heard(samples).pauses_s) + pauses
    level, whole = level_of(parted), level_of(samples)
    assert level is not None
    assert whole is not None
    silences = [len(stretches(one.is_sounding[10:-10], False)) for one in (level, whole)]
    assert silences[0] == silences[1] + pauses
    assert PAUSE_S == 0.25


def test_noise_is_no_syllable() -> None:
    rng = np.random.default_rng(3)
    noise = (0.1 * rng.standard_normal(round(0.12 * RATE))).astype(np.float32)
    one, other = said(clip_names()[0]), said(clip_names()[1])
    gap, filled = silence(0.32), np.concatenate([silence(0.1), noise, silence(0.1)])
    plain, noisy = (heard(np.concatenate([one, part, other])) for part in (gap, filled))
    assert noisy.syllables == pytest.approx(plain.syllables, abs=1.0)
    hiss = rhythm_of(phones_heard(np.tile(filled, 5)))
    assert hiss is None or hiss.syllables < 4  # of five bursts


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
    counted = {name: heard(clip(name)[0]).syllables for name in SYLLABLES}
    for name, syllables in SYLLABLES.items():
        assert 0.75 * syllables <= counted[name] <= 1.15 * syllables, (name, counted[name])
    assert 0.85 <= sum(counted.values()) / sum(SYLLABLES.values()) <= 1.1


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
    samples = said(clip_names()[0])[:RATE]
    with_fillers = Transcript("um well uh yes", keeps_fillers=True)
    assert speech_measures(samples)["filled_pauses"] is None
    assert speech_measures(samples, transcript=Transcript("well yes"))["filled_pauses"] is None
    assert speech_measures(samples, transcript=with_fillers)["filled_pauses"] == 2
    assert speech_measures(silence(1.0), transcript=with_fillers)["filled_pauses"] == 2


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
    parts = [said(name) for name in clip_names()[:3]]
    samples = np.concatenate([parts[0], silence(0.6), parts[1], silence(0.6), parts[2]])
    rng = np.random.default_rng(1)
    noise = 10 ** (-20 / 20) * np.std(samples) * rng.standard_normal(len(samples))
    clean, noisy = speech_measures(samples), speech_measures((samples + noise).astype(np.float32))
    assert noisy["pause_rate_per_s"] == pytest.approx(clean["pause_rate_per_s"], rel=0.2)
    assert noisy["phonation_ratio"] == pytest.approx(clean["phonation_ratio"], abs=0.05)
    assert assessment.FRAME_HOP_S == sound.FRAME_HOP_S
