"""Error rates that privacy claims rest on, held against closed forms and slow, obvious twins."""

from __future__ import annotations

import itertools
import json
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_cases import drawn_scores, gaussian_scores, scored_trials

from voiceanon.errors import InputError
from voiceanon.privacy import metrics
from voiceanon.privacy.metrics import (
    Trials,
    cllr,
    cllr_min,
    d_sys,
    det_points,
    eer,
    eer_hull,
    tpr_at_fpr,
    worst_speakers,
    zebra,
)


def operating_points(scores: np.ndarray, targets: np.ndarray) -> list[tuple[float, float]]:
    """(false accept, false reject) of every threshold, by counting."""
    thresholds = [-np.inf, *sorted({float(s) for s in scores})]
    points = []
    for t in thresholds:
        accepted = [s > t for s in scores]
        far = np.mean([a for a, target in zip(accepted, targets, strict=True) if not target])
        frr = np.mean([not a for a, target in zip(accepted, targets, strict=True) if target])
        points.append((float(far), float(frr)))
    return points


def slow_eer(scores: np.ndarray, targets: np.ndarray) -> float:
    """Where neighbouring thresholds, mixed in some part, have equal rates."""
    for (far, frr), (far2, frr2) in itertools.pairwise(operating_points(scores, targets)):
        if frr <= far and frr2 >= far2:
            change = (frr2 - far2) - (frr - far)
            part = (far - frr) / change if change else 0.0
            return frr + part * (frr2 - frr)
    raise AssertionError("the rates never cross")


def slow_hull(scores: np.ndarray, targets: np.ndarray) -> float:
    """The lowest equal rate among mixtures of any two thresholds."""
    best = 1.0
    for (far, frr), (far2, frr2) in itertools.combinations(operating_points(scores, targets), 2):
        before, after = frr - far, frr2 - far2
        if before <= 0 <= after:
            part = -before / (after - before) if after > before else 0.0
            best = min(best, frr + part * (frr2 - frr))
    return best


@pytest.mark.parametrize("figure", [eer, eer_hull])
@pytest.mark.parametrize("d_prime", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_eer_of_equal_gaussians_is_the_tail_beyond_half_d_prime(figure, d_prime: float) -> None:
    scores, targets = gaussian_scores(d_prime, 2000, 7000)
    assert figure(scores, targets) == pytest.approx(NormalDist().cdf(-d_prime / 2), abs=1e-3)


@pytest.mark.parametrize("seed", range(12))
def test_both_eers_agree_with_slow_twins(seed: int) -> None:
    scores, targets = drawn_scores(seed, 40, d_prime=0.4 * (seed % 4))
    assert eer(scores, targets) == pytest.approx(slow_eer(scores, targets), abs=1e-12)
    assert eer_hull(scores, targets) == pytest.approx(slow_hull(scores, targets), abs=1e-12)


@given(scored_trials())
def test_laws_of_error_rates(case) -> None:
    scores, targets = case
    value, hull = eer(scores, targets), eer_hull(scores, targets)
    assert 0.0 <= value <= 1.0
    assert 0.0 <= hull <= min(0.5, value + 1e-12)
    # The direction of the scores is all there is to mirror.
    assert eer(-scores, targets) == pytest.approx(1.0 - value, abs=1e-9)
    assert eer(scores, ~targets) == pytest.approx(1.0 - value, abs=1e-9)
    ones = np.ones(len(scores))
    assert eer(scores, targets, ones) == value
    assert eer_hull(scores, targets, ones) == hull
    assert eer(scores, targets, 7.0 * ones) == pytest.approx(value, abs=1e-12)


@given(scored_trials(), st.integers(0, 2**16))
def test_only_the_order_of_scores_counts(case, seed: int) -> None:
    scores, targets = case
    mixed = np.random.default_rng(seed).permutation(len(scores))
    for rising in (lambda s: np.exp(s / 8.0), lambda s: 3.0 * s - 5.0, lambda s: s**3):
        mapped = rising(scores)[mixed]
        for figure in (
            eer,
            eer_hull,
            cllr_min,
            zebra,
            lambda s, t: tpr_at_fpr(s, t, 0.1),
            lambda s, t: sorted(det_points(s, t)),
        ):
            assert np.array_equal(figure(mapped, targets[mixed]), figure(scores, targets))


@given(scored_trials(), st.data())
def test_a_weight_counts_like_a_repeated_score(case, data) -> None:
    scores, targets = case
    times = np.array(
        data.draw(st.lists(st.integers(0, 4), min_size=len(scores), max_size=len(scores)))
    )
    times[np.argmax(targets)] = times[np.argmin(targets)] = 2
    again = np.repeat(scores, times), np.repeat(targets, times)
    for figure in (eer, eer_hull):
        assert figure(scores, targets, times) == pytest.approx(figure(*again), abs=1e-12)


def test_eer_at_the_ends_and_with_ties() -> None:
    targets = np.array([True, True, False, False])
    assert eer([3.0, 2.0, 1.0, 0.0], targets) == eer_hull([3.0, 2.0, 1.0, 0.0], targets) == 0.0
    assert eer([0.0, 1.0, 2.0, 3.0], targets) == 1.0
    assert eer_hull([0.0, 1.0, 2.0, 3.0], targets) == 0.5
    assert eer(np.ones(4), targets) == eer_hull(np.ones(4), targets) == pytest.approx(0.5)
    # One target level with one impostor, the rest apart: the tie is a quarter of either kind.
    assert eer([2.0, 1.0, 1.0, 0.0], targets) == pytest.approx(0.25)


def test_det_points_are_measured_ones_with_both_ends() -> None:
    scores, targets = gaussian_scores(1.5, 300, 900)
    points = det_points(scores, targets, 50)
    assert len(points) <= 50
    assert points[0] == (1.0, 0.0)
    assert points[-1] == (0.0, 1.0)
    every = operating_points(scores, targets)
    for far, frr in points:
        assert min(abs(far - x) + abs(frr - y) for x, y in every) < 1e-12
    # Thinned or not, the curve is the same to a hundredth.
    full = np.array(sorted(det_points(scores, targets, 10_000)))
    thin = np.array(sorted(points))
    assert len(full) == len(every)
    across = np.linspace(0.001, 0.9, 200)
    drop = np.interp(across, *full.T) - np.interp(across, *thin.T)
    assert np.abs(drop).max() < 0.02
    assert sum(far < 0.01 for far, _ in points) >= 5
    json.dumps(points)


@pytest.mark.parametrize("fpr", [0.0, 0.001, 0.01, 0.1, 1.0])
def test_tpr_at_fpr_of_gaussians(fpr: float) -> None:
    scores, targets = gaussian_scores(2.0, 4000, 20_000)
    expected = 1.0
    if 0 < fpr < 1:
        expected = 1.0 - NormalDist().cdf(NormalDist().inv_cdf(1.0 - fpr) - 2.0)
    elif fpr == 0:
        expected = float((scores[targets] > scores[~targets].max()).mean())
    assert tpr_at_fpr(scores, targets, fpr) == pytest.approx(expected, abs=2e-3)


def test_tpr_takes_the_best_threshold_and_mixes_two() -> None:
    targets = np.array([True] * 4 + [False] * 2)
    scores = np.array([9.0, 7.0, 5.0, 1.0, 6.0, 2.0])
    assert [tpr_at_fpr(scores, targets, f) for f in (0.0, 0.25, 0.5, 1.0)] == [0.5, 0.5, 0.75, 1.0]
    # A tie of one target and one other is taken in parts.
    assert tpr_at_fpr([2.0, 2.0], [True, False], 0.25) == pytest.approx(0.25)


def test_worst_speakers_by_hand() -> None:
    generator = np.random.default_rng(4)
    enrol, trial = (g.ravel() for g in np.meshgrid(np.arange(6), np.arange(6).repeat(8)))
    scores = generator.normal(size=len(enrol)) + (enrol == trial) * (0.3 * enrol)
    trials = Trials(scores, enrol, trial)
    found = worst_speakers(trials, 3)
    expected = []
    for s in range(6):
        rows = [
            (x, e == t)
            for x, e, t in zip(scores, enrol, trial, strict=True)
            if (e == t == s) or (e != t and s in (e, t))
        ]
        expected.append((slow_eer(*map(np.array, zip(*rows, strict=True))), s))
    assert [s for s, _ in found] == [s for _, s in sorted(expected)[:3]]
    assert [v for _, v in found] == pytest.approx([v for v, _ in sorted(expected)[:3]])
    assert len(worst_speakers(trials, 99)) == 6
    # A speaker who is enrolled but never tried has no rate of its own.
    assert [s for s, _ in worst_speakers(Trials([1.0, 0.0, 2.0], [0, 1, 2], [0, 0, 0]), 9)] == [0]


TWO_KINDS = [eer, eer_hull, cllr, cllr_min, d_sys, zebra, det_points, metrics.calibrated_llr]
TWO_KINDS += [metrics.calibrate_linear, lambda s, t: tpr_at_fpr(s, t, 0.1)]


@pytest.mark.parametrize("figure", TWO_KINDS)
def test_every_figure_refuses_what_is_no_set_of_trials(figure) -> None:
    for scores, targets, says in [
        ([1.0, 2.0], [True, True], "2 targets among 2 trials: both kinds"),
        ([1.0, 2.0], [False, False], "0 targets among 2 trials: both kinds"),
        ([], [], "0 targets among 0 trials: both kinds"),
        ([1.0, np.nan], [True, False], "1 NaN"),
        ([1.0, 2.0, 3.0], [True, False], r"shape \(2,\): it must be \(3,\)"),
        ([[1.0, 2.0]], [[True, False]], r"shape \(1, 2\): it must have 1 dimension"),
        ([1.0, 2.0], [1, 0], "int64: it must be bool"),
        (["a", "b"], [True, False], "no array of numbers"),
    ]:
        with pytest.raises(InputError, match=says):
            figure(scores, targets)
    if figure is not cllr:  # a likelihood ratio may be infinite
        with pytest.raises(InputError, match="1 infinite"):
            figure([1.0, np.inf], [True, False])


def test_bad_settings_are_refused_with_what_is_allowed() -> None:
    scores, targets = drawn_scores(1)
    trials = Trials(scores, np.zeros(60, int), np.where(targets, 0, 1))
    for call, says in [
        (lambda: eer(scores, targets, -np.ones(60)), "holds -1.0: it must be 0 or more"),
        (lambda: eer(scores, targets, np.ones(3)), r"shape \(3,\): it must be \(60,\)"),
        (lambda: eer(scores, targets, np.full(60, np.nan)), "60 NaN"),
        (lambda: eer(scores, targets, 1.0 * targets), "both must be above 0"),
        (lambda: eer_hull(scores, targets, 1.0 * ~targets), "both must be above 0"),
        (lambda: tpr_at_fpr(scores, targets, 1.5), "fpr is 1.5: it must be from 0 to 1"),
        (lambda: tpr_at_fpr(scores, targets, np.nan), "fpr is nan"),
        (lambda: det_points(scores, targets, 1), "limit is 1: .* 2 or more"),
        (lambda: worst_speakers(trials, 0), "count is 0: .* 1 or more"),
        (lambda: worst_speakers(trials, True), "count is True"),
        (lambda: Trials([1.0], [0, 1], [0]), r"enrol has shape \(2,\): it must be \(1,\)"),
        (lambda: Trials([1.0], [0], [-1]), "trial holds -1: it must be 0 or more"),
        (lambda: Trials([1.0], [0.5], [1]), "float64: it must be whole numbers"),
        (lambda: Trials([np.nan], [0], [0]), "1 NaN"),
    ]:
        with pytest.raises(InputError, match=says):
            call()


def test_every_public_name_is_there_and_sorted() -> None:
    assert metrics.__all__ == sorted(metrics.__all__)
    assert all(hasattr(metrics, name) for name in metrics.__all__)
