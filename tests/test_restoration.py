"""The attacker who turns speech back: a known change is found and undone, a known map learned."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import sounds
from attack_evidence import FakeEvidence, LongTermSpectrum, noise
from hypothesis import given
from hypothesis import strategies as st

from voiceanon import analyze, synthesize, transform
from voiceanon.errors import InputError
from voiceanon.keys import Draws
from voiceanon.privacy.attackers.restoration import BestUndoing, Restoration, learned_restoration
from voiceanon.privacy.backends import unit
from voiceanon.privacy.drawing import normal
from voiceanon.privacy.mcadams import mcadams
from voiceanon.privacy.parameter_search import _Search, common_guess
from voiceanon.privacy.regression import STRENGTHS, fit_ridge, speaker_folds
from voiceanon.privacy.undoing import HeardUndone, Undoing, loudest_stretch, undone

RATE = 16_000
MODEL = LongTermSpectrum()


def moved(samples: np.ndarray, scale: float, semitones: float) -> np.ndarray:
    frames = analyze(samples, RATE)
    return synthesize(transform.shift_pitch(transform.scale_formants(frames, scale), semitones))


# --- undoing -------------------------------------------------------------------------------------


def long_term_db(samples: np.ndarray) -> np.ndarray:
    """Mean log envelope under 3 kHz less its own mean: what a warp of the axis moves."""
    envelope = analyze(samples, RATE).envelope[:, 8:192]
    level_db = 10 * np.log10(np.maximum(envelope, 1e-12)).mean(0)
    return level_db - level_db.mean()


def test_a_warp_is_undone_by_its_inverse() -> None:
    original = sounds.speech(2.5)
    warped = moved(original, 1.25, 4.0)
    (back,) = undone(warped, [Undoing(1 / 1.25, -4.0)])
    before, after = (
        np.sqrt(np.mean((long_term_db(s) - long_term_db(original)) ** 2)) for s in (warped, back)
    )
    assert after < 0.4 * before
    first, second = analyze(original, RATE), analyze(back, RATE)
    both = first.voiced & second.voiced
    off = sounds.cents(second.f0_hz[both], first.f0_hz[both])
    assert both.mean() > 0.3
    assert abs(np.median(off)) < 20


def test_the_inverse_exponent_undoes_mcadams() -> None:
    original = sounds.speech(2.5)
    (back,) = undone(mcadams(original, RATE, 0.7), [Undoing(exponent=1 / 0.7)])
    before, after = (
        np.sqrt(np.mean((long_term_db(s) - long_term_db(original)) ** 2))
        for s in (mcadams(original, RATE, 0.7), back)
    )
    assert after < 0.5 * before


def test_the_loudest_stretch_is_where_the_sound_is() -> None:
    samples = 0.001 * noise(3.0)
    samples[20_000:28_000] += 0.1 * noise(0.5)
    found = loudest_stretch(samples, 0.5)
    assert len(found) == 8000
    assert np.array_equal(found, samples[20_000:28_000])
    assert loudest_stretch(samples, 5.0) is samples


def test_a_click_draws_no_stretch_to_it() -> None:
    samples = 0.01 * noise(3.0)
    samples[20_000:28_000] *= 3
    samples[100] = 1.0
    start = np.flatnonzero(samples == loudest_stretch(samples, 0.5)[0])[0]
    assert abs(start - 20_000) < 800


def test_what_is_heard_names_everything_it_depends_on() -> None:
    heard = HeardUndone(MODEL, (Undoing(0.9), Undoing(exponent=1.3)), 2.0)
    others = [
        replace(heard, guesses=(Undoing(0.9),)),
        replace(heard, guesses=heard.guesses[::-1]),
        replace(heard, length_s=2.5),
        replace(heard, model=LongTermSpectrum(version="2")),
    ]
    assert len({h.name for h in [heard, *others]}) == 5
    samples = sounds.speech(1.0)
    first = heard(samples)
    assert first.shape == (2 * MODEL.dimensions,)
    assert np.array_equal(first, pickle.loads(pickle.dumps(heard))(samples))
    assert np.array_equal(
        first[: MODEL.dimensions], MODEL.embed(undone(samples, heard.guesses[:1])[0])
    )


# --- choosing among guesses ----------------------------------------------------------------------


def test_the_guess_that_suits_an_enrolment_counts() -> None:
    people = unit(normal(Draws(bytes(32), "people"), 4, 16))
    wrong = unit(normal(Draws(bytes(32), "wrong"), 4, 16))
    # Each recording is turned back by another of the four guesses.
    tried = np.stack([np.where(np.arange(4)[:, None] == g, people, wrong) for g in range(4)])
    eye = np.eye(4)
    for choice in ("pair", "recording"):
        scores = BestUndoing(people, tried, choice, centred=False).scores(eye, eye)
        assert np.array_equal(scores.argmax(1), np.arange(4))
        assert np.allclose(np.diag(scores), 1.0)
    unsearched = BestUndoing(people, tried[:1], "pair", centred=False).scores(eye, eye)
    assert (np.diag(unsearched)[1:] < 0.9).all()


def test_a_guess_that_makes_everybody_similar_does_not_win() -> None:
    draws = Draws(bytes(32), "similar")
    common = unit(normal(draws, 1, 64))[0]
    people = unit(0.5 * unit(normal(draws, 4, 64)) + common)
    blurred = unit(people + 0.6 * unit(normal(draws, 4, 64)))
    mean_voice = unit(people.mean(0) + 0.02 * unit(normal(draws, 4, 64)))
    tried = np.stack([blurred, mean_voice])
    eye = np.eye(4)
    plain = BestUndoing(people, tried, "recording", centred=False).scores(eye, eye)
    centred = BestUndoing(people, tried, "recording", centred=True).scores(eye, eye)
    assert np.ptp(plain, axis=1).max() < 0.1  # the mean voice won: it tells nobody apart
    assert np.array_equal(centred.argmax(1), np.arange(4))


@given(st.integers(1, 5), st.integers(1, 4), st.booleans(), st.sampled_from(["pair", "recording"]))
def test_a_group_scores_as_the_mean_of_its_recordings(
    guesses: int, group: int, centred: bool, choice: str
) -> None:
    draws = Draws(bytes(32), f"{guesses} {group}")
    verifier = BestUndoing(normal(draws, 8, 5), normal(draws, guesses, 8, 5), choice, centred)
    enrol = np.kron(np.eye(4), np.ones((1, 2)))
    pooled = np.zeros((1, 8))
    pooled[0, :group] = 1
    single = verifier.scores(enrol, np.eye(8)[:group])
    assert np.allclose(verifier.scores(enrol, pooled), single.mean(0))


# --- the search over a corpus --------------------------------------------------------------------


def test_a_constant_change_is_found(tmp_path) -> None:
    evidence = FakeEvidence(lambda samples, _key: moved(samples, 1.25, 0.0), cache_folder=tmp_path)
    guess = common_guess(evidence, MODEL, recordings=4, length_s=1.2)
    assert guess.exponent == 1.0
    assert abs(guess.formant_scale - 1 / 1.25) < 0.06


def test_untouched_speech_is_left_alone(tmp_path) -> None:
    evidence = FakeEvidence(lambda samples, _key: samples, cache_folder=tmp_path)
    guess = common_guess(evidence, MODEL, recordings=4, length_s=1.2)
    assert abs(guess.formant_scale - 1.0) < 0.04


def test_a_search_hears_no_guess_twice() -> None:
    evidence = FakeEvidence(lambda samples, _key: moved(samples, 1.25, 0.0))
    search = _Search(evidence, MODEL, np.arange(3), 1.0)
    first = search.best([Undoing(), Undoing(0.8)])

    def deaf(*_: object) -> None:
        raise AssertionError("heard again")

    evidence.features = deaf
    assert search.best([Undoing(0.8), Undoing()]) == first


def test_the_voter_s_own_original_does_not_help_it() -> None:
    evidence = FakeEvidence(lambda samples, _key: samples, per_speaker=1)
    voters = np.arange(evidence.count("trial"))
    search = _Search(evidence, MODEL, voters, 9.0)
    own = unit(evidence.vectors("original", MODEL))
    neutral = [undone(evidence.samples("trial", int(i)), [Undoing()])[0] for i in voters]
    heard = unit(np.stack([MODEL.embed(s) for s in neutral]))
    cosines = unit(heard - own.mean(0)) @ unit(own - own.mean(0)).T
    assert cosines.argmax(1).tolist() == voters.tolist()
    expected = np.mean([np.delete(row, i).max() for i, row in enumerate(cosines)])
    search.best([Undoing()])
    assert search.closeness[Undoing()] == pytest.approx(expected)


# --- the attacker --------------------------------------------------------------------------------


def labels(evidence: FakeEvidence) -> np.ndarray:
    return np.array([r.speaker for r in evidence.recordings])


def shares_recognised(evidence: FakeEvidence, verifiers: dict) -> dict[str, float]:
    """Rank 1 of every recording against everybody's other recordings."""
    whose = labels(evidence)
    names = sorted(set(whose))
    found = {}
    for name, verifier in verifiers.items():
        right = 0
        for i, own in enumerate(whose):
            enrol = np.array([(whose == n) & (np.arange(len(whose)) != i) for n in names], float)
            right += (
                names[int(verifier.scores(enrol, np.eye(len(whose))[i : i + 1]).argmax())] == own
            )
        found[name] = right / len(whose)
    return found


def warped(samples: np.ndarray, key: str) -> np.ndarray:
    return mcadams(samples, RATE, Draws(bytes(32), "change", key).uniform(0.55, 0.9))


@pytest.fixture(scope="module")
def attacked(tmp_path_factory) -> FakeEvidence:
    return FakeEvidence(warped, training=True, cache_folder=tmp_path_factory.mktemp("attacked"))


@pytest.mark.slow
def test_searching_recognises_what_comparing_does_not(attacked: FakeEvidence) -> None:
    verifiers = Restoration().verifiers(attacked)
    found = shares_recognised(attacked, verifiers)
    searched = max(share for name, share in found.items() if "exponents" in name)
    assert searched > found["as it is, centred"]
    assert any(name.startswith("learned") for name in verifiers)


@pytest.mark.slow
def test_without_training_the_way_back_is_not_learned(attacked: FakeEvidence, tmp_path) -> None:
    evidence = FakeEvidence(warped, per_speaker=1, cache_folder=tmp_path)
    attacker = Restoration()
    assert attacker.missing(evidence) is None
    assert "--train" in str(attacker.missing_regression(evidence))
    assert not any(name.startswith("learned") for name in attacker.verifiers(evidence))
    assert attacker.missing_regression(attacked) is None


def test_without_a_speaker_model_nothing_is_measured() -> None:
    evidence = FakeEvidence(warped, models=())
    assert Restoration().missing(evidence) == "no speaker model is installed"


@pytest.mark.slow
def test_two_runs_give_the_same_scores(attacked: FakeEvidence, tmp_path) -> None:
    eye = np.eye(len(attacked.recordings))
    again = FakeEvidence(warped, training=True, cache_folder=tmp_path)
    first, second = (Restoration().verifiers(e) for e in (attacked, again))
    assert list(first) == list(second)
    for name, verifier in first.items():
        assert np.array_equal(verifier.scores(eye, eye), second[name].scores(eye, eye)), name


@pytest.mark.slow
@pytest.mark.parametrize(("budget_s", "length_s"), [(1e6, 3.0), (1.0, 2.0)])
def test_the_budget_sets_how_much_is_heard(
    attacked: FakeEvidence, budget_s: float, length_s: float
) -> None:
    attacked.options["restoration_budget_s"] = budget_s
    try:
        assert any(f"on {length_s:.1f} s" in name for name in Restoration().verifiers(attacked))
    finally:
        attacked.options.clear()


# --- regression ----------------------------------------------------------------------------------


def test_a_known_linear_map_is_recovered() -> None:
    draws = Draws(bytes(32), "map")
    inputs, weights = 3 * normal(draws, 200, 6) + 1, normal(draws, 6, 3)
    outputs = inputs @ weights + 5
    speakers = np.array([f"s{i % 20}" for i in range(200)])
    ridge = fit_ridge(inputs, outputs, speakers)
    assert ridge.strength == STRENGTHS[0]
    fresh = normal(draws, 50, 6)
    assert np.abs(ridge(fresh) - (fresh @ weights + 5)).max() < 0.03
    assert np.abs(ridge.held_out - outputs).max() < 0.1


def test_noise_is_shrunk_to_the_mean() -> None:
    draws = Draws(bytes(32), "noise")
    speakers = np.array([f"s{i % 10}" for i in range(40)])
    ridge = fit_ridge(normal(draws, 40, 30), normal(draws, 40, 2), speakers)
    assert ridge.strength >= 100
    assert np.std(ridge(normal(draws, 100, 30))) < 0.5


def test_the_ridge_is_the_closed_form() -> None:
    draws = Draws(bytes(32), "oracle")
    inputs, outputs = normal(draws, 30, 4), normal(draws, 30, 2)
    speakers = np.array([f"s{i % 6}" for i in range(30)])
    ridge = fit_ridge(inputs, outputs, speakers)
    plain = (inputs - inputs.mean(0)) / inputs.std(0)
    slow = np.linalg.solve(
        plain.T @ plain + ridge.strength * np.eye(4), plain.T @ (outputs - outputs.mean(0))
    )
    assert np.allclose(ridge.weights, slow)


def test_no_speaker_predicts_itself() -> None:
    speakers = np.array(["b", "a", "b", "c", "d", "e", "f", "a"])
    folds = speaker_folds(speakers)
    assert folds[0] == folds[2]
    assert folds[1] == folds[7]
    assert set(folds) == {0, 1, 2, 3, 4}
    # Vectors that name the speaker by a column of its own help nobody held out.
    one_hot = (speakers[:, None] == np.unique(speakers)).astype(float)
    goal = normal(Draws(bytes(32), "goal"), 6, 2)[np.unique(speakers, return_inverse=True)[1]]
    held_out = fit_ridge(one_hot, goal, speakers).held_out
    assert np.abs(held_out - goal).mean() > 0.3


def test_a_constant_column_is_harmless() -> None:
    draws = Draws(bytes(32), "constant")
    inputs = np.hstack([normal(draws, 20, 2), np.full((20, 1), 7.0)])
    speakers = np.array([f"s{i % 4}" for i in range(20)])
    assert np.isfinite(fit_ridge(inputs, inputs[:, :1], speakers)(inputs + 1)).all()


@pytest.mark.parametrize(
    ("rows", "names", "says"), [(3, "ab", "must agree"), (2, "aa", "two speakers")]
)
def test_a_regression_refuses_what_cannot_be_fitted(rows: int, names: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        fit_ridge(np.ones((rows, 2)), np.ones((rows, 1)), np.array(list(names)))


def test_what_a_change_takes_from_vectors_is_given_back() -> None:
    draws = Draws(bytes(32), "given back")
    speakers = np.array([f"s{i % 25}" for i in range(200)])
    change = np.eye(6) + 0.1 * normal(draws, 6, 6)
    original = normal(draws, 260, 6)
    anonymised = original @ change + 2
    assert np.abs(anonymised - original).mean() > 1
    nothing = np.zeros((260, 0))
    restored, held_out = learned_restoration(
        anonymised[:200], original[:200], anonymised[200:], speakers, nothing
    )
    assert np.abs(restored - original[200:]).max() < 0.1
    assert np.abs(held_out - original[:200]).max() < 0.3


def test_where_nothing_can_be_learned_vectors_stay_as_they_are() -> None:
    draws = Draws(bytes(32), "nothing learned")
    speakers = np.array([f"s{i % 25}" for i in range(200)])
    anonymised, step = normal(draws, 260, 6), 0.1 * normal(draws, 200, 6)
    restored, _ = learned_restoration(
        anonymised[:200], anonymised[:200] + step, anonymised[200:], speakers, np.zeros((260, 0))
    )
    assert np.abs(restored - anonymised[200:]).max() < 0.1
