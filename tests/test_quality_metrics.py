"""The figures that privacy claims rest on, held against closed forms and slow, obvious twins."""

from __future__ import annotations

import itertools
import math
import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from quality_attackers import LdaCosine, Pooled, Scatter, TwoCovariance
from quality_metrics import (
    Trials,
    eer,
    eer_with_interval,
    linkability,
    mean_with_interval,
    minimum_cllr,
)
from quality_sets import split_speaker
from quality_words import edits


def gaussian_scores(d_prime: float, targets: int, others: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores at the quantiles of N(0, 1) and N(d', 1): no sampling noise."""
    normal = NormalDist()
    right = [normal.inv_cdf((i + 0.5) / targets) + d_prime for i in range(targets)]
    wrong = [normal.inv_cdf((i + 0.5) / others) for i in range(others)]
    return np.array(right + wrong), np.arange(targets + others) < targets


@pytest.mark.parametrize("d_prime", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_eer_of_equal_gaussians_is_the_tail_beyond_half_d_prime(d_prime: float) -> None:
    scores, targets = gaussian_scores(d_prime, 2000, 7000)
    assert eer(scores, targets) == pytest.approx(NormalDist().cdf(-d_prime / 2), abs=1e-3)


def test_eer_depends_on_order_only_and_turns_over_with_the_sign() -> None:
    scores, targets = gaussian_scores(1.2, 300, 900)
    value = eer(scores, targets)
    assert eer(np.exp(scores), targets) == pytest.approx(value, abs=1e-12)
    assert eer(-scores, targets) == pytest.approx(1 - value, abs=1e-9)


def test_eer_at_the_ends_and_with_ties() -> None:
    targets = np.array([True, True, False, False])
    assert eer(np.array([3.0, 2.0, 1.0, 0.0]), targets) == 0.0
    assert eer(np.array([0.0, 1.0, 2.0, 3.0]), targets) == 1.0
    assert eer(np.ones(4), targets) == pytest.approx(0.5)
    # One target level with one impostor, the rest apart: the tie is a quarter of either kind.
    assert eer(np.array([2.0, 1.0, 1.0, 0.0]), targets) == pytest.approx(0.25)


def test_eer_refuses_one_kind_of_trial_and_scores_that_are_no_numbers() -> None:
    with pytest.raises(ValueError, match="both kinds"):
        eer(np.array([1.0, 2.0]), np.array([True, True]))
    with pytest.raises(ValueError, match="finite"):
        eer(np.array([1.0, math.nan]), np.array([True, False]))


def test_a_weight_counts_like_a_repeated_score() -> None:
    scores, targets = gaussian_scores(0.8, 40, 60)
    times = np.random.default_rng(1).integers(1, 5, len(scores))
    repeated = eer(np.repeat(scores, times), np.repeat(targets, times))
    assert eer(scores, targets, times.astype(float)) == pytest.approx(repeated, abs=1e-12)


def test_interval_is_over_speakers_and_holds_the_value() -> None:
    generator = np.random.default_rng(2)
    speakers, each = 12, 5
    enrol, trial = (
        grid.ravel() for grid in np.meshgrid(np.arange(speakers), np.arange(speakers).repeat(each))
    )
    scores = generator.normal(size=len(enrol)) + 1.5 * (enrol == trial)
    value, low, high = eer_with_interval(Trials(scores, enrol, trial), resamples=100)
    assert low < value < high
    # The same trials five times over tell nothing new about other speakers.
    fivefold = Trials(np.tile(scores, 5), np.tile(enrol, 5), np.tile(trial, 5))
    assert eer_with_interval(fivefold, resamples=100) == pytest.approx((value, low, high))


def test_minimum_cllr_from_no_information_to_all() -> None:
    targets = np.array([True] * 30 + [False] * 70)
    assert minimum_cllr(np.zeros(100), targets) == pytest.approx(1.0)
    assert minimum_cllr(targets.astype(float), targets) == pytest.approx(0.0, abs=1e-9)
    scores, kinds = gaussian_scores(1.0, 500, 500)
    # Calibrated Gaussian scores are d' s - d'^2 / 2; the best monotone map can only be better.
    ratio = scores - 0.5
    plain = np.log1p(np.exp(-ratio[kinds])).mean() + np.log1p(np.exp(ratio[~kinds])).mean()
    plain /= 2 * math.log(2)
    assert plain - 0.02 < minimum_cllr(scores, kinds) <= plain


def test_linkability_agrees_with_trying_every_group() -> None:
    generator = np.random.default_rng(3)
    matrix = np.round(generator.normal(size=(7, 6)), 3)
    right = generator.integers(6, size=7)
    for among in (2, 3, 6):
        won = []
        for row, own in zip(matrix, right, strict=True):
            rivals = [score for column, score in enumerate(row) if column != own]
            groups = list(itertools.combinations(rivals, among - 1))
            won.append(np.mean([max(group) < row[own] for group in groups]))
        assert linkability(matrix, right, among) == pytest.approx(np.mean(won))
    with pytest.raises(ValueError, match="2..6"):
        linkability(matrix, right, 7)


def test_edits_agree_with_the_recursive_definition() -> None:
    def slow(a: str, b: str) -> int:
        if not a or not b:
            return len(a) + len(b)
        swap = slow(a[1:], b[1:]) + (a[0] != b[0])
        return min(swap, slow(a[1:], b) + 1, slow(a, b[1:]) + 1)

    for a, b in itertools.product(["", "abc", "bca", "aabb", "cab"], repeat=2):
        assert edits(a, b) == slow(a, b)
    assert edits(["one", "two"], ["one", "too", "two"]) == 1


def test_ratio_interval_weighs_speakers_not_utterances() -> None:
    rows = [[0.0, 1.0, 10.0], [0.0, 1.0, 10.0], [1.0, 8.0, 20.0]]
    value, low, high = mean_with_interval(rows, lambda s: s[0] / s[1], resamples=400)
    assert value == pytest.approx(10 / 40)
    assert (low, high) == pytest.approx((0.1, 0.4))


def speaker_cloud(
    seed: int, spread: tuple[float, ...] = (2.0, 1.0, 0.0, 0.0), people: int = 60
) -> tuple[np.ndarray, np.ndarray]:
    """Ten vectors a speaker: unit noise around centres that lie `spread` apart per dimension."""
    generator = np.random.default_rng(seed)
    speakers = np.arange(people).repeat(10)
    centres = generator.normal(size=(people, len(spread))) * np.array(spread)
    return centres[speakers] + generator.normal(size=(len(speakers), len(spread))), speakers


def test_scatter_finds_the_directions_that_hold_speakers() -> None:
    people = 600
    vectors, speakers = speaker_cloud(4, people=people)
    scatter = Scatter(vectors, speakers, shrinkage=0.0)
    # Within the variance is 1; between it was drawn as 4, 1, 0 and 0.
    assert scatter.between[:2] == pytest.approx([4.0, 1.0], rel=0.15)
    assert scatter.between[2:] == pytest.approx([0.0, 0.0], abs=0.1)
    projected = scatter.project(vectors, None)
    centres = np.array([projected[speakers == s].mean(0) for s in range(people)])
    apart = projected - centres[speakers]
    assert apart.T @ apart / (9 * people) == pytest.approx(np.eye(4), abs=1e-6)


def test_plda_ratio_agrees_with_joint_normal_densities() -> None:
    vectors, speakers = speaker_cloud(5)
    plda = TwoCovariance(Scatter(vectors, speakers, shrinkage=0.0))
    shown = plda.prepare(vectors[:5])
    between = plda._between
    enrol_count, trial_count = np.array([1.0, 6.0]), np.array([1.0, 3.0, 2.0])
    scores = plda.scores(Pooled(shown[:2], enrol_count), Pooled(shown[2:], trial_count))

    def density(x: np.ndarray, covariance: np.ndarray) -> float:
        inverse, size = np.linalg.inv(covariance), len(x)
        root = math.sqrt((2 * math.pi) ** size * np.linalg.det(covariance))
        return float(-0.5 * x @ inverse @ x - math.log(root))

    for t, e in itertools.product(range(3), range(2)):
        expected = 0.0
        for k, b in enumerate(between):
            p, q = b + 1 / enrol_count[e], b + 1 / trial_count[t]
            pair = np.array([shown[e, k], shown[2 + t, k]])
            expected += density(pair, np.array([[p, b], [b, q]]))
            expected -= density(pair, np.diag([p, q]))
        assert scores[t, e] == pytest.approx(expected)


def test_a_trained_attacker_recognises_new_speakers_only_where_there_is_something() -> None:
    spread = (4.0, 4.0, 4.0, 0.0)
    vectors, speakers = speaker_cloud(6, spread)
    shown, owners = speaker_cloud(7, spread)
    mixed = np.random.default_rng(8).permutation(len(shown))
    attacker = LdaCosine(Scatter(vectors, speakers, 0.1), 3)
    one, others = np.ones(len(shown)), ~np.eye(len(shown), dtype=bool)
    values = []
    for order in (np.arange(len(shown)), mixed):
        ready = Pooled(attacker.prepare(shown[order]), one)
        scores = attacker.scores(ready, ready)
        values.append(eer(scores[others], (owners[:, None] == owners)[others]))
    assert values[0] < 0.2
    assert values[1] == pytest.approx(0.5, abs=0.03)


def test_split_keeps_chapters_on_one_side_where_there_are_several() -> None:
    generator = np.random.default_rng(9)
    for chapters in (["a"] * 5 + ["b"] * 2 + ["c"] * 5, ["a"] * 6 + ["b"] * 6):
        sides = [split_speaker(chapters, generator) for _ in range(50)]
        for mask in sides:
            assert 0 < mask.sum() < len(chapters)
            for name in set(chapters):
                assert len({bool(m) for m, c in zip(mask, chapters, strict=True) if c == name}) == 1
        assert len({mask.tobytes() for mask in sides}) > 1
    assert split_speaker(["a"] * 12, generator).sum() == 6
