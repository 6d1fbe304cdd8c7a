"""Figures in bits and densities: Cllr, calibration, D_sys and ZEBRA against integrals and twins."""

from __future__ import annotations

import math
import time
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_cases import drawn_scores, gaussian_scores, scored_trials

from voiceanon.privacy.metrics import (
    calibrated_llr,
    cllr,
    cllr_min,
    d_sys,
    zebra,
)
from voiceanon.privacy.metrics.zero_evidence import _integrated_cost

ALL_TOLD = 1 / (2 * math.log(2))


@pytest.mark.parametrize("d_prime", [0.5, 1.0, 2.0, 4.0])
def test_cllr_of_calibrated_gaussians_is_their_integral(d_prime: float) -> None:
    scores, targets = gaussian_scores(d_prime, 4000, 4000)
    # The log-likelihood ratio of N(d', 1) to N(0, 1) is d' s - d'² / 2.
    value = cllr(d_prime * scores - d_prime**2 / 2, targets)
    s = np.linspace(-10.0, 10.0 + d_prime, 200_001)
    ratio = d_prime * s - d_prime**2 / 2
    density = np.exp(-0.5 * (s - d_prime) ** 2) / math.sqrt(2 * math.pi)
    other = np.exp(-0.5 * s**2) / math.sqrt(2 * math.pi)
    integrand = density * np.logaddexp(0, -ratio) + other * np.logaddexp(0, ratio)
    expected = np.sum(integrand) * (s[1] - s[0]) / (2 * math.log(2))
    assert value == pytest.approx(expected, abs=2e-3)
    # The best rising map of the very scores can only be a little better.
    assert value - 0.02 < cllr_min(scores, targets) <= value + 1e-12


def test_cllr_min_of_many_scores_is_the_cllr_of_their_calibration() -> None:
    scores, targets = drawn_scores(7, 20_000, digits=6)
    calibrated = calibrated_llr(scores, targets)
    assert cllr_min(scores, targets) == pytest.approx(cllr(calibrated, targets), abs=1e-12)


def test_cllr_at_the_ends() -> None:
    targets = np.array([True] * 30 + [False] * 70)
    assert cllr_min(np.zeros(100), targets) == pytest.approx(1.0)
    assert cllr_min(targets.astype(float), targets) == 0.0
    assert cllr_min(-targets.astype(float), targets) == pytest.approx(1.0)
    certain = np.where(targets, np.inf, -np.inf)
    assert cllr(certain, targets) == 0.0
    assert cllr(-certain, targets) == math.inf


def slow_d_sys(scores: np.ndarray, targets: np.ndarray) -> float:
    """The definition, score by score."""
    mated, others = scores[targets].tolist(), scores[~targets].tolist()
    bins = int(min(len(mated) / 10, 100))
    low, high = min(scores), max(scores)
    width = (high - low) / bins

    def bin_of(s: float) -> int:
        return min(int((s - low) / width), bins - 1)

    total = 0.0
    for s in mated:
        here = sum(bin_of(m) == bin_of(s) for m in mated) / (len(mated) * width)
        there = sum(bin_of(o) == bin_of(s) for o in others) / (len(others) * width)
        ratio = here / there if there else math.inf
        if ratio > 1:
            total += 1.0 if there == 0 else 2 * ratio / (1 + ratio) - 1
    return total / len(mated)


@pytest.mark.parametrize("seed", range(6))
def test_d_sys_agrees_with_its_definition(seed: int) -> None:
    scores, targets = drawn_scores(seed, 250, d_prime=0.5 * seed, digits=6)
    assert d_sys(scores, targets) == pytest.approx(slow_d_sys(scores, targets), abs=1e-12)


def test_d_sys_of_gaussians_is_its_integral() -> None:
    scores, targets = gaussian_scores(2.0, 20_000, 40_000)
    s = np.linspace(-8, 10, 100_001)
    mated, other = np.exp(-0.5 * (s - 2) ** 2), np.exp(-0.5 * s**2)
    expected = np.sum(np.maximum(mated - other, 0) / (mated + other) * mated) / np.sum(mated)
    assert d_sys(scores, targets) == pytest.approx(expected, abs=0.01)


def test_d_sys_at_the_ends() -> None:
    targets = np.arange(100) < 40
    assert d_sys(targets.astype(float), targets) == 1.0
    # Blind to direction: densities that lie apart link whichever is the higher.
    assert d_sys(-targets.astype(float), targets) == 1.0
    assert d_sys(np.zeros(100), targets) == 0.0
    same = np.concatenate((np.arange(40.0), np.arange(40.0)))
    assert d_sys(same, np.arange(80) < 40) == 0.0
    # Too few mated scores fill no two bins: not measured, which is not unlinkable.
    assert d_sys(np.arange(100.0) < 20, np.arange(100) < 20) == 1.0
    assert d_sys(np.arange(100.0) < 19, np.arange(100) < 19) is None


@given(st.integers(0, 2**16))
def test_d_sys_keeps_its_value_in_other_units(seed: int) -> None:
    scores, targets = drawn_scores(seed, 200, digits=3)
    value = d_sys(scores, targets)
    assert 0.0 <= value <= 1.0
    assert d_sys(4.0 * scores, targets) == value  # exact in binary, so that no bin edge moves


def expected_by_integration(scores: np.ndarray, targets: np.ndarray) -> float:
    """The area between no evidence and the calibrated cross-entropy, over all priors."""
    llr = calibrated_llr(scores, targets)
    steps = 4000
    prior = (np.arange(steps) + 0.5) / steps
    log_odds = np.log(prior) - np.log1p(-prior)
    missed = np.array([np.logaddexp(0, -(llr[targets] + o)).mean() for o in log_odds])
    accepted = np.array([np.logaddexp(0, llr[~targets] + o).mean() for o in log_odds])
    cross_entropy = prior * missed + (1 - prior) * accepted
    none = -prior * np.log(prior) - (1 - prior) * np.log1p(-prior)
    return float(np.mean(none - cross_entropy) / math.log(2))


@pytest.mark.parametrize("seed", range(5))
def test_zebra_agrees_with_integrating_over_the_prior(seed: int) -> None:
    scores, targets = drawn_scores(seed, 120, d_prime=0.6 * seed)
    bits, worst, category = zebra(scores, targets)
    assert bits == pytest.approx(expected_by_integration(scores, targets), abs=1e-5)
    finite = calibrated_llr(scores, targets, laplace=True)
    assert worst == pytest.approx(np.abs(finite).max() / math.log(10))
    assert category == ("A" if worst < 1 else "B")


@pytest.mark.parametrize("c", [1e-9, 1e-6, -1e-4, 9e-4, -9e-4, 1.1e-3, -1.1e-3, 0.1, -0.9, 50.0])
def test_integrated_cost_near_no_evidence_agrees_with_many_digits(c: float) -> None:
    llr = math.log1p(c)
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(llr).exp() - 1
        expected = float((exact - Decimal(llr)) / (2 * exact * exact))
    assert _integrated_cost(np.array([llr]))[0] == pytest.approx(expected, rel=1e-10)
    assert _integrated_cost(np.array([0.0, np.inf])).tolist() == [0.25, 0.0]


@given(scored_trials())
def test_laws_of_zebra(case) -> None:
    scores, targets = case
    bits, worst, category = zebra(scores, targets)
    assert 0.0 <= bits <= ALL_TOLD + 1e-12
    assert worst >= 0.0
    assert category in tuple("0ABCDEF")
    # Which kind is called target makes no difference to evidence when scores turn with it.
    turned = zebra(-scores, ~targets)
    assert turned[:2] == pytest.approx((bits, worst), abs=1e-9)


@pytest.mark.parametrize(
    ("each", "category"), [(3, "A"), (50, "B"), (500, "C"), (50_000, "D"), (150_000, "E")]
)
def test_zebra_of_perfect_separation_is_bounded_by_the_number_of_trials(
    each: int, category: str
) -> None:
    targets = np.arange(2 * each) < each
    bits, worst, found = zebra(targets.astype(float), targets)
    assert bits == pytest.approx(0.7213, abs=1e-4)
    assert bits == pytest.approx(ALL_TOLD, abs=1e-12)
    # The end blocks hold their own kind and one of either by Laplace's rule.
    assert worst == pytest.approx(math.log10(each + 1), abs=1e-9)
    assert found == category


def test_zebra_of_no_separation_is_zero() -> None:
    assert zebra(np.zeros(80), np.arange(80) < 40) == (0.0, 0.0, "0")
    # Of unequal numbers Laplace's rule leaves a trace, as in the authors' program: the pair put
    # below all scores, of even odds, is pooled with them.
    bits, worst, category = zebra(np.zeros(400), np.arange(400) < 20)
    assert bits == pytest.approx(0.0, abs=1e-12)
    assert worst == pytest.approx(math.log10(21 / 381 / (20 / 380)))
    assert category == "A"


def test_sixty_thousand_scores_take_no_minute() -> None:
    # A guard against a quadratic pass, with room for a slow machine; 0.1 s is usual.
    scores, targets = drawn_scores(9, 60_000, digits=12)
    before = time.process_time()
    cllr_min(scores, targets)
    assert time.process_time() - before < 5
