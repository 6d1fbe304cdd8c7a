"""Calibration and what is left of the cost after it, against formulas and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_cases import drawn_scores, gaussian_scores, scored_trials

from voiceanon.errors import InputError
from voiceanon.privacy.metrics import calibrate_linear, calibrated_llr, cllr, cllr_min


def slow_posterior(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Isotonic regression by its min-max formula: no pooling, no order of work."""
    levels = sorted({float(s) for s in scores})
    hits = [float(targets[scores == v].sum()) for v in levels]
    counts = [int((scores == v).sum()) for v in levels]

    def mean(a: int, b: int) -> float:
        return sum(hits[a : b + 1]) / sum(counts[a : b + 1])

    n = len(levels)
    fit = {
        levels[i]: max(min(mean(a, b) for b in range(i, n)) for a in range(i + 1)) for i in range(n)
    }
    return np.array([fit[float(s)] for s in scores])


def cllr_of(posterior: np.ndarray, targets: np.ndarray) -> float:
    odds = targets.sum() / (~targets).sum()
    with np.errstate(divide="ignore"):
        llr = np.log(posterior) - np.log1p(-posterior) - math.log(odds)
    return cllr(llr, targets)


@given(scored_trials(24))
def test_calibration_agrees_with_the_min_max_formula(case) -> None:
    scores, targets = case
    posterior = slow_posterior(scores, targets)
    odds = targets.sum() / (~targets).sum()
    llr = calibrated_llr(scores, targets)
    with np.errstate(over="ignore"):
        assert 1 / (1 + np.exp(-llr) / odds) == pytest.approx(posterior, abs=1e-12)
    value = cllr_min(scores, targets)
    assert value == pytest.approx(cllr_of(posterior, targets), abs=1e-12)
    assert 0.0 <= value <= 1.0 + 1e-12
    # No calibration of the same order is better; the raw scores are one.
    assert value <= cllr(scores, targets) + 1e-12
    assert value <= cllr(scores / 10, targets) + 1e-12
    # Finite by Laplace's rule, rising with the score, and one value for equal scores.
    finite = calibrated_llr(scores, targets, laplace=True)
    assert np.isfinite(finite).all()
    order = np.argsort(scores, kind="stable")
    assert (np.diff(finite[order]) >= 0).all()
    assert all(len(set(finite[scores == v])) == 1 for v in scores)


@pytest.mark.parametrize("seed", range(4))
def test_calibration_agrees_with_scikit_learn(seed: int) -> None:
    isotonic = pytest.importorskip("sklearn.isotonic")
    scores, targets = drawn_scores(seed, 400, digits=2)
    fit = isotonic.IsotonicRegression().fit_transform(scores, targets.astype(float))
    assert cllr_min(scores, targets) == pytest.approx(cllr_of(fit, targets), abs=1e-9)


def test_linear_calibration_agrees_with_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    scores, targets = drawn_scores(5, 300, d_prime=1.5, digits=3)
    count, other = int(targets.sum()), int((~targets).sum())
    drawn_in = 2 / (count + 2)  # targets are the fewer
    for prior in (0.5, 0.2):
        # Labels between 0 and 1 are two weighted trials each.
        label = np.where(targets, 1 - drawn_in * (1 - prior), drawn_in * prior)
        weight = np.where(targets, prior / count, (1 - prior) / other)
        model = linear.LogisticRegression(C=1e12, tol=1e-10, max_iter=10_000)
        model.fit(
            np.tile(scores, 2)[:, None],
            np.repeat([1, 0], len(scores)),
            np.concatenate((weight * label, weight * (1 - label))) * 1e3,
        )
        slope, offset = calibrate_linear(scores, targets, prior)
        assert slope == pytest.approx(model.coef_[0, 0], rel=1e-3)
        log_odds = math.log(prior / (1 - prior))
        assert offset == pytest.approx(model.intercept_[0] - log_odds, abs=2e-3)


def test_linear_calibration_finds_the_line_of_gaussians() -> None:
    scores, targets = gaussian_scores(1.5, 3000, 9000)
    for prior in (0.5, 0.1):
        slope, offset = calibrate_linear(scores, targets, prior)
        assert slope == pytest.approx(1.5, abs=0.02)
        assert offset == pytest.approx(-(1.5**2) / 2, abs=0.02)
    # Another unit of the scores is taken back by the line.
    again = calibrate_linear(1000 * scores + 77, targets)
    line = calibrate_linear(scores, targets)
    assert again[0] * 1000 == pytest.approx(line[0], rel=1e-6)
    assert again[0] * 77 + again[1] == pytest.approx(line[1], abs=1e-6)


def test_linear_calibration_of_extremes_is_finite() -> None:
    targets = np.arange(40) < 10
    slope, offset = calibrate_linear(np.where(targets, 5.0, 0.0), targets)
    assert 0 < slope < 3
    # What stays of a perfect separation is what so few trials can show.
    assert slope * 5 + offset == pytest.approx(math.log(11), abs=1e-6)
    assert offset == pytest.approx(-math.log(11), abs=1e-6)
    assert calibrate_linear(np.full(40, 0.1), targets) == (0.0, 0.0)
    assert calibrate_linear(np.where(targets, -1.0, 1.0), targets)[0] < 0
    with pytest.raises(InputError, match="prior is 1.0"):
        calibrate_linear(np.arange(40.0), targets, 1.0)


@given(
    st.integers(0, 2**16),
    st.sampled_from([1.0, 2.0, 30.0]),
    st.sampled_from([0.0, 1.0, 50.0]),
    st.sampled_from([1e-5, 0.01, 0.5, 0.99]),
)
def test_linear_calibration_is_the_least_loss_even_with_outliers(
    seed: int, freedom: float, effect: float, prior: float
) -> None:
    generator = np.random.default_rng(seed)
    targets = generator.random(int(generator.integers(3, 200))) < generator.choice([0.05, 0.5])
    targets[:2] = True, False
    scores = generator.standard_t(freedom, len(targets)) + effect * targets
    count, other = int(targets.sum()), int((~targets).sum())
    drawn_in = 2 / (min(count, other) + 2)
    label = np.where(targets, 1 - drawn_in * (1 - prior), drawn_in * prior)
    weight = np.where(targets, prior / count, (1 - prior) / other)

    def loss(slope: float, offset: float) -> float:
        z = slope * scores + offset + math.log(prior) - math.log1p(-prior)
        return float(weight @ (np.logaddexp(0, z) - label * z))

    slope, offset = calibrate_linear(scores, targets, prior)
    least = loss(slope, offset)
    spread, middle = scores.std(), scores.mean()
    for change in (0.01, 1e-3):
        for turn in np.linspace(0, 2 * math.pi, 12):
            more = change * math.cos(turn) / spread
            assert loss(slope + more, offset - more * middle + change * math.sin(turn)) > least
