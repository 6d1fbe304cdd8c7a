"""The attacker who clones voices: conversion takes the target's sounds, and clones are counted."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sounds
from attack_evidence import FakeEvidence, LongTermSpectrum, noise
from hypothesis import given
from hypothesis import strategies as st

from voiceanon import analyze, synthesize, transform
from voiceanon.checks.bands import whisper_bands
from voiceanon.errors import InputError
from voiceanon.privacy.attackers.cloning import Cloning, HeardClones, content_encoder
from voiceanon.privacy.backends import unit
from voiceanon.privacy.clone_making import CloneSettings, clone_sides, heard_clones, sources
from voiceanon.privacy.clones import clone_result, equal_error_threshold
from voiceanon.privacy.content import CepstralContent, WhisperContent
from voiceanon.privacy.conversion import convert, listen, target_voice
from voiceanon.privacy.undoing import Undoing

MODEL = LongTermSpectrum()
CEPSTRA = CepstralContent()
FEW = CloneSettings(per_speaker=2, source_s=1.0)


# --- what is said --------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.1, 0.5, 1.234])
def test_cepstra_come_every_20_ms_and_have_length_1(seconds: float) -> None:
    content = CEPSTRA(sounds.speech(seconds))
    assert abs(len(content) - seconds / 0.02) <= 1
    assert content.dtype == np.float32
    assert np.allclose(np.linalg.norm(content, axis=1), 1.0, atol=1e-5)


def test_cepstra_do_not_depend_on_a_fixed_filter_or_level() -> None:
    samples = sounds.speech(2.0)
    filtered = 0.3 * np.convolve(samples, [1.0, -0.6])[: len(samples)].astype(np.float32)
    same = (CEPSTRA(samples) * CEPSTRA(filtered)).sum(1)
    assert np.median(same) > 0.95


def test_whisper_s_bands_are_faster_whisper_s() -> None:
    extractor = pytest.importorskip("faster_whisper.feature_extractor")
    samples = sounds.speech(1.5)
    expected = extractor.FeatureExtractor()(samples, padding=False)
    assert np.abs(whisper_bands(samples) - expected).max() < 1e-4


def test_whisper_s_bands_of_a_tone_peak_at_its_band() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 16000).astype(np.float32)
    bands = whisper_bands(tone)
    assert bands.shape == (80, 50)
    # Slaney's scale: 1 kHz is mel 15 of 45.245, and 82 edges divide that evenly.
    assert abs(bands[:, 25].argmax() - (15 / 45.245 * 81 - 1)) <= 1
    assert bands.max() - bands.min() <= 2.0 + 1e-6


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.bin"):
        WhisperContent(tmp_path)
    assert isinstance(content_encoder(None), CepstralContent)


# --- conversion ----------------------------------------------------------------------------------


def long_term_db(samples: np.ndarray) -> np.ndarray:
    envelope = analyze(samples, 16_000).envelope[:, 4:256]
    loud = envelope.mean(1) > 0.1 * envelope.mean()
    level_db = 10 * np.log10(np.maximum(envelope[loud], 1e-12)).mean(0)
    return level_db - level_db.mean()


def distance_db(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.sqrt(np.mean((long_term_db(first) - long_term_db(second)) ** 2)))


@pytest.mark.parametrize(
    ("said", "voice"), list(itertools.permutations([sounds.clip_names()[k] for k in (0, 2, 5)], 2))
)
def test_a_clone_has_the_target_s_spectrum(said: str, voice: str) -> None:
    source, target = sounds.speech(1.5, name=said), sounds.speech(4.0, name=voice)
    clone = convert(listen(source, CEPSTRA), target_voice([listen(target, CEPSTRA)]))
    assert distance_db(clone, target) < distance_db(clone, source)


@pytest.fixture
def unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `convert` return the frames it would make sound of."""
    monkeypatch.setattr("voiceanon.privacy.conversion.synthesize", lambda frames: frames)


def test_a_clone_keeps_the_source_s_melody_at_the_target_s_height(unheard: None) -> None:
    names = sounds.clip_names()
    source = listen(sounds.speech(1.5, name=names[0]), CEPSTRA)
    target = target_voice([listen(sounds.speech(2.0, name=names[5]), CEPSTRA)])
    clone = convert(source, target)
    voiced = clone.voiced
    assert voiced.any()
    before, after = (np.log2(f.f0_hz[: len(clone)][voiced]) for f in (source.frames, clone))
    assert np.allclose(after - np.median(after), before - np.median(before), atol=1e-3)
    assert np.median(after) == pytest.approx(target.log_f0_hz / np.log(2), abs=1e-3)


def test_a_voice_cloned_from_itself_stays_as_it_is(unheard: None) -> None:
    spoken = listen(sounds.speech(2.0), CEPSTRA)
    copy = convert(spoken, target_voice([spoken]), neighbours=1)
    # Every sound's nearest is itself.
    kept = slice(len(copy))
    assert abs(len(copy) - len(spoken.frames)) <= 4
    assert np.array_equal(copy.voiced, spoken.frames.voiced[kept])
    assert np.allclose(copy.envelope, spoken.frames.envelope[kept], rtol=1e-4, atol=1e-12)
    assert np.allclose(copy.aperiodicity, spoken.frames.aperiodicity[kept], atol=1e-6)
    assert np.allclose(copy.f0_hz, spoken.frames.f0_hz[kept], rtol=5e-3)


def test_neighbours_are_the_nearest_and_averaged_in_log_power(unheard: None) -> None:
    source = listen(sounds.speech(0.5), CEPSTRA)
    target = target_voice([listen(sounds.speech(1.5, name=sounds.clip_names()[0]), CEPSTRA)])
    clone = convert(source, target, neighbours=3)
    for place, content in enumerate(source.content):  # the slow twin
        near = np.argsort([-float(content @ other) for other in target.content])[:3]
        expected = np.exp(np.mean([target.log_envelope[i] for i in near], axis=0))
        found = clone.envelope[4 * place : 4 * place + 4]
        assert np.allclose(found, expected, rtol=1e-3)


def test_a_clone_is_timed_like_its_source() -> None:
    source = np.concatenate([sounds.speech(0.8), np.zeros(8000, np.float32), sounds.speech(0.8)])
    source = source + 1e-4 * noise(len(source) / 16_000)
    target = target_voice([listen(sounds.speech(4.0, 0.0), CEPSTRA)])
    clone = convert(listen(source, CEPSTRA), target)
    frames, moved = analyze(source, 16_000), analyze(clone, 16_000)
    assert not moved.voiced[180:240].any()
    count = min(len(frames), len(moved))
    assert (frames.voiced[:count] == moved.voiced[:count]).mean() > 0.8


def test_references_stop_where_there_is_enough() -> None:
    heard = []

    def recordings():
        for second in range(4):
            heard.append(second)
            yield listen(sounds.speech(1.0, float(second)), CEPSTRA)

    target = target_voice(recordings(), most_s=1.9)
    assert heard == [0, 1]
    assert abs(target.seconds - 2.0) < 0.1
    assert len(target.content) == len(target.log_envelope) == len(target.aperiodicity)


def test_a_target_without_pitch_keeps_the_source_s() -> None:
    hiss = target_voice([listen(0.01 * noise(1.0), CEPSTRA)])
    assert hiss.log_f0_hz is None
    assert np.isfinite(convert(listen(sounds.speech(1.0), CEPSTRA), hiss)).all()


def test_conversion_refuses_what_does_not_fit() -> None:
    spoken = listen(sounds.speech(0.5), CEPSTRA)
    with pytest.raises(InputError, match="neighbours is 0"):
        convert(spoken, target_voice([spoken]), 0)
    with pytest.raises(InputError, match="one recording"):
        target_voice([])
    other = type(spoken)(spoken.content[:, :5], spoken.frames)
    with pytest.raises(InputError, match="one encoder"):
        convert(spoken, target_voice([other]))


# --- the threshold -------------------------------------------------------------------------------


def test_a_threshold_between_classes_apart_favours_the_attacker() -> None:
    assert equal_error_threshold(np.array([0.7, 0.9]), np.array([0.1, 0.3])) == 0.3


scores = st.lists(st.integers(0, 20), min_size=1, max_size=30)


@given(scores, scores)
def test_no_threshold_has_closer_error_rates(targets: list[int], others: list[int]) -> None:
    good, bad = np.array(targets, float), np.array(others, float)

    def gap(threshold: float) -> float:
        return float(abs((good <= threshold).mean() - (bad > threshold).mean()))

    found = equal_error_threshold(good, bad)
    assert gap(found) <= min(gap(t) for t in np.arange(0.0, 21.0, 0.5)) + 1e-9


# --- counting clones -----------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def nothing_to_undo() -> Iterator[None]:
    """The search for what to undo has tests of its own, and takes its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("voiceanon.privacy.clones.common_guess", lambda *_: Undoing())
        yield


def keep(samples: np.ndarray, _key: str) -> np.ndarray:
    return samples


def one_voice(samples: np.ndarray, _key: str) -> np.ndarray:
    """Everybody has the same flat spectrum: a clone of it is nobody's."""
    frames = analyze(samples, 16_000)
    return synthesize(transform.smooth_envelope(frames, 0))


@pytest.fixture(scope="module")
def protected(tmp_path_factory) -> dict:
    evidence = FakeEvidence(
        one_voice, training=True, cache_folder=tmp_path_factory.mktemp("protected")
    )
    result = clone_result(evidence, evidence.models, CEPSTRA, FEW)
    return {"evidence": evidence, "result": result}


def test_clones_of_raw_speech_pass_more_often_than_of_one_voice(protected: dict) -> None:
    result = protected["result"]
    raw, ours = result["accepted_of_raw_reference_percent"], result["accepted_percent"]
    assert raw[0] > ours[0] + 20
    for value, low, high in (raw, ours):
        assert 0 <= low <= value <= high <= 100
    assert result["clones"] == 2 * result["speakers"] == 12
    assert result["note"] is None or "too weak" in result["note"]
    assert (result["note"] is None) == (raw[0] >= 50)


def warped(samples: np.ndarray, _key: str) -> np.ndarray:
    return synthesize(transform.scale_formants(analyze(samples, 16_000), 1.3))


def test_references_are_turned_back_before_they_are_cloned(tmp_path: Path) -> None:
    evidence = FakeEvidence(warped, training=True, cache_folder=tmp_path)
    side = clone_sides(evidence)
    enrolled = unit(side.enrol @ unit(evidence.vectors("original", MODEL)))
    closeness = []
    for undo in (None, Undoing(formant_scale=1 / 1.3)):
        clones = heard_clones(evidence, "trial", (MODEL,), CEPSTRA, FEW, undo)
        goal = enrolled[[list(side.enrol_speaker).index(s) for s in clones.speakers]]
        closeness.append((clones.vectors[0] * goal).sum(1).mean())
    assert closeness[1] > closeness[0] + 0.01


def test_the_better_of_both_ways_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guess = Undoing(formant_scale=1 / 1.3)
    monkeypatch.setattr("voiceanon.privacy.clones.common_guess", lambda *_: guess)
    evidence = FakeEvidence(warped, training=True, cache_folder=tmp_path)
    result = clone_result(evidence, evidence.models, CEPSTRA, FEW)
    ways = [result[f"accepted_{how}_percent"] for how in ("when_restored", "as_they_are")]
    assert result["accepted_percent"] == max(ways)
    assert result["restored"] == guess.label


def test_unprotected_speech_is_cloned_like_raw_speech(tmp_path: Path) -> None:
    evidence = FakeEvidence(keep, training=True, cache_folder=tmp_path)
    result = clone_result(evidence, evidence.models, CEPSTRA, FEW)
    assert result["accepted_percent"][0] == result["accepted_of_raw_reference_percent"][0]


def test_the_same_run_gives_the_same_clones(protected: dict, tmp_path: Path) -> None:
    again = FakeEvidence(one_voice, training=True, cache_folder=tmp_path)
    assert clone_result(again, again.models, CEPSTRA, FEW) == protected["result"]


def test_clones_are_remembered(protected: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("cloned again")

    monkeypatch.setattr("voiceanon.privacy.clone_making.convert", refuse)
    evidence = protected["evidence"]
    assert clone_result(evidence, evidence.models, CEPSTRA, FEW) == protected["result"]


def test_every_judge_is_told_apart(tmp_path: Path) -> None:
    class Blind(LongTermSpectrum):
        name, dimensions = "blind", 3

        def embed(self, samples: np.ndarray) -> np.ndarray:
            return np.ones(3) + 1e-3 * super().embed(samples)[:3]

    evidence = FakeEvidence(keep, training=True, models=(MODEL, Blind()), cache_folder=tmp_path)
    one = CloneSettings(per_speaker=1, source_s=0.5)
    result = clone_result(evidence, evidence.models, CEPSTRA, one)
    assert list(result["by_judge"]) == [MODEL.name, "blind"]
    assert result["judge"] == MODEL.name


def test_nobody_is_cloned_from_their_own_words(tmp_path: Path, monkeypatch) -> None:
    made = []
    monkeypatch.setattr(
        "voiceanon.privacy.clone_making.convert",
        lambda source, target: (
            made.append((source.content[:5].tobytes(), target)),
            np.ones(1600, np.float32),
        )[1],
    )
    evidence = FakeEvidence(keep, cache_folder=tmp_path)
    said = {
        listen(sound, CEPSTRA).content[:5].tobytes(): speaker
        for speaker, sound in sources(evidence, 2, 1.0)
    }
    assert len(said) == 4
    result = clone_result(evidence, evidence.models, CEPSTRA, FEW)
    side = clone_sides(evidence)
    names = sorted({r.speaker for r in evidence.recordings})
    cloned = [names[s] for s in sorted(set(side.enrol_speaker.tolist())) for _ in range(2)]
    assert result["clones"] == len(made) == len(cloned)
    assert all(said[words] != own for (words, _), own in zip(made, cloned, strict=True))


def test_enrolment_and_references_share_no_recording() -> None:
    side = clone_sides(FakeEvidence(keep))
    assert not (side.enrol.sum(0) * side.trial.sum(0)).any()


# --- the attacker --------------------------------------------------------------------------------


def test_what_is_heard_names_everything_it_depends_on() -> None:
    words = (sounds.speech(0.5),)
    first = HeardClones(MODEL, CEPSTRA, words)
    others = [
        HeardClones(LongTermSpectrum(version="2"), CEPSTRA, words),
        HeardClones(MODEL, CEPSTRA, (sounds.speech(0.5, 1.0),)),
    ]
    assert len({h.name for h in [first, *others]}) == 3
    voice = sounds.speech(1.5, name=sounds.clip_names()[0])
    assert np.array_equal(first(voice), pickle.loads(pickle.dumps(first))(voice))


def test_the_attacker_recognises_unprotected_speech_by_its_clones(tmp_path: Path) -> None:
    evidence = FakeEvidence(keep, training=True, cache_folder=tmp_path)
    attacker = Cloning(CEPSTRA, FEW)
    assert attacker.missing(evidence) is None
    side = clone_sides(evidence)
    shares = []
    for verifier in attacker.verifiers(evidence).values():
        scores = verifier.scores(side.enrol, side.trial)
        assert scores.shape == (6, 6)
        right = side.enrol_speaker[scores.argmax(1)] == side.trial_speaker
        shares.append(right.mean())
    assert max(shares) > 0.6


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    attacker = Cloning(CEPSTRA, FEW)
    assert attacker.missing(FakeEvidence(keep, models=())) == "no speaker model is installed"
    assert "two recordings" in str(attacker.missing(FakeEvidence(keep, per_speaker=1)))
    untrained = FakeEvidence(keep, cache_folder=tmp_path)
    assert attacker.missing(untrained) is None
    assert attacker.verifiers(untrained) == {}
    with pytest.raises(InputError, match="speaker model"):
        clone_result(untrained, (), CEPSTRA)


def test_the_extra_figure_is_json(tmp_path: Path) -> None:
    import json

    evidence = FakeEvidence(keep, training=True, cache_folder=tmp_path)
    extra = Cloning(CEPSTRA, CloneSettings(per_speaker=1, source_s=0.5)).extra(evidence)
    assert json.loads(json.dumps(extra)) == extra
    assert set(extra) == {"cloning"}
