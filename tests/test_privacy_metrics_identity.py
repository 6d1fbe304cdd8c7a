"""Linking, singling out and what is left of voices: against every group and the legal toolkit."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_cases import draws

from voiceanon.errors import InputError
from voiceanon.privacy.metrics import (
    CHANCE_OF_SINGLING_OUT,
    eer_hull,
    linkability,
    rank1,
    read_legal_scores,
    singling_out,
)


def drawn_matrix(seed: int, trials: int = 9, enrolments: int = 6, digits: int = 3):
    generator = np.random.default_rng(seed)
    right = generator.integers(enrolments, size=trials)
    matrix = generator.normal(size=(trials, enrolments))
    matrix[np.arange(trials), right] += 0.7
    return np.round(matrix, digits), right


def slow_linkability(matrix: np.ndarray, right: np.ndarray, among: int) -> float:
    """Try every group; a tie of k at the top is won in one of k cases."""
    won = []
    for row, own in zip(matrix, right, strict=True):
        rivals = [score for column, score in enumerate(row) if column != own]
        for group in itertools.combinations(rivals, among - 1):
            level = 1 + sum(score == row[own] for score in group)
            won.append(0.0 if max(group) > row[own] else 1.0 / level)
    return float(np.mean(won))


@pytest.mark.parametrize("digits", [3, 0])
@pytest.mark.parametrize("among", [2, 3, 5, 6])
def test_linkability_agrees_with_trying_every_group(digits: int, among: int) -> None:
    matrix, right = drawn_matrix(3, digits=digits)
    value = linkability(matrix, right, among)
    assert value == pytest.approx(slow_linkability(matrix, right, among), abs=1e-12)
    if among == 6:
        assert rank1(matrix, right) == pytest.approx(value, abs=1e-12)


@given(st.integers(0, 2**16), st.integers(0, 1))
def test_laws_of_linkability(seed: int, digits: int) -> None:
    matrix, right = drawn_matrix(seed, digits=digits)
    values = [linkability(matrix, right, among) for among in range(2, 7)]
    assert all(0.0 <= v <= 1.0 + 1e-12 for v in values)
    # More people to search never help the attacker.
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(values))
    # A rising map may differ from trial to trial.
    rising = np.exp(matrix / 4) * (1 + np.arange(len(matrix)))[:, None]
    assert [linkability(rising, right, among) for among in range(2, 7)] == values
    # The order of the enrolled is no matter.
    order = np.random.default_rng(seed).permutation(6)
    moved = linkability(matrix[:, order], np.argsort(order)[right], 3)
    assert moved == pytest.approx(values[1], abs=1e-12)
    # A pair's tie counts half, so that turning the scores round turns the outcome round.
    assert linkability(-matrix, right, 2) == pytest.approx(1.0 - values[0], abs=1e-12)


@pytest.mark.parametrize("enrolments", [2, 20, 3000])
def test_linkability_at_the_ends(enrolments: int) -> None:
    right = np.arange(2)
    best = np.zeros((2, enrolments))
    best[right, right] = 1.0
    for among in {2, min(20, enrolments), enrolments}:
        assert linkability(best, right, among) == pytest.approx(1.0, abs=1e-9)
        assert linkability(-best, right, among) == 0.0
        # Scores that tell nothing give chance, not half.
        nothing = np.ones((2, enrolments))
        assert linkability(nothing, right, among) == pytest.approx(1 / among, rel=1e-7)
    assert (rank1(best, right), rank1(-best, right)) == (1.0, 0.0)
    assert rank1(np.ones((2, enrolments)), right) == 1 / enrolments


def test_linkability_agrees_with_the_legal_toolkit(tmp_path) -> None:
    legal_eval = pytest.importorskip("legal_eval")
    toolkit_io = pytest.importorskip("legal_eval.io")
    matrix, right = drawn_matrix(11, trials=60, enrolments=30, digits=9)
    names = [f"s{i}" for i in range(30)]
    theirs = toolkit_io.ScoreMatrix(matrix.T, names, [names[i] for i in right], {"L": 1})
    for among in (2, 3, 20, 30):
        exact = legal_eval.linkability(theirs, among, estimator="exact")[0]
        assert linkability(matrix, right, among) == pytest.approx(exact, abs=1e-9)
        sampled = np.mean(legal_eval.linkability(theirs, among, n_runs=400))
        assert linkability(matrix, right, among) == pytest.approx(sampled, abs=0.02)

    # What the toolkit writes is read back here with the same scores and the same hull EER.
    toolkit_io.save_score_matrix(theirs, tmp_path / "scores.npy")
    read = read_legal_scores(tmp_path / "scores.npy")
    assert np.array_equal(read.matrix, matrix)
    assert np.array_equal(read.right, right)
    assert read.speakers == tuple(names)
    trials = read.trials
    ours = eer_hull(trials.scores, trials.targets)
    kinds = trials.targets
    both = trials.scores[kinds], trials.scores[~kinds]
    assert ours == pytest.approx(legal_eval.rocch_eer(*both), abs=1e-12)


def conversations(seed: int, speakers: int = 7, each: int = 3, effect: float = 1.0):
    """Scores of every speaker's enrolled voice against a test and further conversations."""
    generator = np.random.default_rng(seed)
    own = np.arange(speakers)
    owner = own.repeat(each)
    tested = generator.normal(size=(speakers, speakers)) + effect * np.eye(speakers)
    further = generator.normal(size=(speakers, len(owner))) + effect * (own[:, None] == owner)
    return tested, own, further, owner


def theirs_of(singling, tested, further, each: int, columns):
    """Return the toolkit's outcomes for all speakers in `columns`, a group of everybody."""
    names = [f"s{c}" for c in columns]
    picked = [each * c + k for c in columns for k in range(each)]
    scores = singling.ConversationScores(
        names,
        names,
        tested[np.ix_(columns, columns)],
        further[np.ix_(columns, picked)],
        [(each * i, each * i + each) for i in range(len(columns))],
    )
    outcomes = singling.singling_out(scores, len(columns), n_runs=1)
    return {c: outcomes[f"s{c}"][0] for c in columns}


@pytest.mark.parametrize("effect", [0.0, 1.0, 3.0])
def test_singling_out_agrees_with_the_legal_toolkit(effect: float) -> None:
    singling = pytest.importorskip("legal_eval.metrics.singling_out")
    for seed in range(8):
        tested, own, further, owner = conversations(seed, effect=effect)
        ours = singling_out(tested, own, further, owner, 7, draws("a"))
        outcomes = theirs_of(singling, tested, further, 3, range(7))
        assert ours == np.mean(list(outcomes.values()))
    # Many further conversations: the threshold lies between the M-th and the next, M = 9.
    large = conversations(9, speakers=40, each=9, effect=effect)
    outcomes = theirs_of(singling, large[0], large[2], 9, range(40))
    assert singling_out(*large, 40, draws("a")) == np.mean(list(outcomes.values()))
    # Of smaller groups: all of them by the toolkit, many drawn ones here.
    every = [
        theirs_of(singling, tested, further, 3, group)[s]
        for group in itertools.combinations(range(7), 4)
        for s in group
    ]
    ours = singling_out(tested, own, further, owner, 4, draws("a"), rounds=600)
    assert ours == pytest.approx(np.mean(every), abs=0.03)


def test_singling_out_by_chance_and_for_sure() -> None:
    tested, own, further, owner = conversations(1, speakers=60, each=4, effect=0.0)
    # A threshold estimated from few scores spreads the rate a little below that of a fixed one.
    found = np.mean([singling_out(*conversations(s, 60, 4, 0.0), 60, draws("a")) for s in range(8)])
    assert found == pytest.approx(CHANCE_OF_SINGLING_OUT, abs=0.06)
    assert singling_out(tested + 99 * np.eye(60), own, further, owner, 60, draws("a")) < 0.6
    sure = conversations(1, speakers=60, each=4, effect=99.0)
    assert singling_out(*sure, 60, draws("a")) == 1.0
    assert singling_out(*sure, 7, draws("a"), rounds=3) == 1.0
    drawn = [singling_out(tested, own, further, owner, 7, draws(name)) for name in "aab"]
    assert drawn[0] == drawn[1] != drawn[2]


def test_bad_matrices_are_refused() -> None:
    matrix, right = drawn_matrix(1)
    tested, own, further, owner = conversations(1)
    stream = draws("a")
    for call, says in [
        (lambda: linkability(matrix, right, 1), "among is 1: .*from 2 to 6"),
        (lambda: linkability(matrix, right, 7), "among is 7: .*from 2 to 6"),
        (lambda: linkability(matrix, right, 2.0), "among is 2.0: it must be a whole number"),
        (lambda: linkability(matrix, right[:3], 2), r"right has shape \(3,\)"),
        (lambda: linkability(matrix, right + 5, 2), "it must be 0 to 5"),
        (lambda: linkability(matrix * np.nan, right, 2), "54 NaN"),
        (lambda: linkability(matrix[0], right, 2), "2 dimension"),
        (lambda: rank1(matrix[:, :1], right * 0), r"\(9, 1\): it must have"),
        (lambda: rank1(np.empty((0, 4)), np.empty(0, int)), r"\(0, 4\): it must have"),
        (lambda: singling_out(tested, own, further[:2], owner, 3, stream), "7 rows, calibration 2"),
        (lambda: singling_out(tested, own + 1, further, owner, 3, stream), "right holds 7"),
        (lambda: singling_out(tested, own, further, owner + 1, 3, stream), "speakers holds 7"),
        (lambda: singling_out(tested, own, further, owner, 8, stream), "from 2 to 7"),
        (lambda: singling_out(tested, own, further, owner, 3, stream, 0), "rounds is 0"),
        (
            lambda: singling_out(tested, own, further[:, :3], owner[:3], 3, stream),
            "speaker 0 has 3 further conversations, the group 3",
        ),
        (
            lambda: singling_out(tested, own, further[:, 3:], owner[3:], 3, stream),
            "speaker 0 has 0 further conversations",
        ),
    ]:
        with pytest.raises(InputError, match=says):
            call()


def write_legal(path, scores, enrolled, tried) -> None:
    np.save(path, scores)
    beside = {"enroll_speakers": enrolled, "test_speakers": tried, "metadata": {}}
    path.with_name(path.name + ".json").write_text(json.dumps(beside), encoding="utf-8")


def test_legal_scores_name_their_speakers(tmp_path) -> None:
    path = tmp_path / "m.npy"
    write_legal(path, np.array([[0.9, 0.2, 0.4], [0.1, 0.8, 0.3]]), ["a", "b"], ["a", "b", "z"])
    read = read_legal_scores(path)
    assert read.speakers == ("a", "b", "z")
    assert read.trials.scores.tolist() == [0.9, 0.1, 0.2, 0.8, 0.4, 0.3]
    assert read.trials.targets.tolist() == [True, False, False, True, False, False]
    assert read.trials.trial.tolist() == [0, 0, 1, 1, 2, 2]
    with pytest.raises(InputError, match="'z' is tried but not enrolled"):
        _ = read.right


def test_bad_legal_files_are_refused(tmp_path) -> None:
    path = tmp_path / "m.npy"
    with pytest.raises(InputError, match="cannot be read as a score matrix"):
        read_legal_scores(path)
    for scores, enrolled, tried, says in [
        (np.zeros((2, 2)), ["a", "b"], ["a"], r"shape \(2, 2\): its names say \(2, 1\)"),
        (np.zeros((2, 1)), ["a", "a"], ["a"], "enrols speaker 'a' twice"),
        (np.zeros((1, 1)), "a", ["a"], "no list of names 'enroll_speakers'"),
        (np.zeros((1, 1)), ["a"], [1], "no list of names 'test_speakers'"),
        (np.full((1, 1), np.nan), ["a"], ["a"], "1 NaN"),
        (np.zeros(1), ["a"], ["a"], "2 dimension"),
    ]:
        write_legal(path, scores, enrolled, tried)
        with pytest.raises(InputError, match=says):
            read_legal_scores(path)
    # An array of objects is a pickle: never opened, since that would run what it holds.
    write_legal(path, np.array([[{}]], dtype=object), ["a"], ["a"])
    with pytest.raises(InputError, match="cannot be read"):
        read_legal_scores(path)
    write_legal(path, np.zeros((1, 1)), ["a"], ["a"])
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match="cannot be read"):
        read_legal_scores(path)
    path.with_name("m.npy.json").write_text("[", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        read_legal_scores(path)
