"""Intervals over speakers: repeatable, about speakers and not recordings, and wide enough."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from score_cases import draws

from voiceanon.errors import InputError
from voiceanon.privacy.drawing import integers
from voiceanon.privacy.metrics import (
    Trials,
    correlation_with_interval,
    eer,
    eer_with_interval,
    mean_with_interval,
    ratio_with_interval,
    speaker_bootstrap,
)


def attack(seed: int, speakers: int = 12, each: int = 5, effect: float = 1.5) -> Trials:
    generator = np.random.default_rng(seed)
    enrol, trial = (
        grid.ravel() for grid in np.meshgrid(np.arange(speakers), np.arange(speakers).repeat(each))
    )
    return Trials(generator.normal(size=len(enrol)) + effect * (enrol == trial), enrol, trial)


def test_interval_agrees_with_writing_every_resample_out() -> None:
    trials = attack(1, speakers=6)
    resamples, stream, rates = 25, draws("a"), []
    while len(rates) < resamples:
        people = integers(stream, 6, 6).tolist()
        scores, targets = [], []
        for place, first in enumerate(people):
            for other, second in enumerate(people):
                # A person drawn twice is compared with the copy in no trial.
                if place == other or first != second:
                    chosen = (trials.enrol == first) & (trials.trial == second)
                    scores += trials.scores[chosen].tolist()
                    targets += [first == second] * int(chosen.sum())
        if len(set(targets)) == 2:
            rates.append(eer(scores, targets))
    expected = [eer(trials.scores, trials.targets), *np.percentile(rates, [2.5, 97.5])]
    assert eer_with_interval(trials, draws("a"), resamples) == pytest.approx(expected, abs=1e-12)


def test_interval_repeats_with_its_draws_and_is_over_speakers() -> None:
    trials = attack(2)
    value, low, high = eer_with_interval(trials, draws("a"), 100)
    assert low < value < high
    assert eer_with_interval(trials, draws("a"), 100) == (value, low, high)
    assert eer_with_interval(trials, draws("b"), 100) != (value, low, high)
    # The same trials five times over tell nothing new about other speakers.
    fivefold = Trials(np.tile(trials.scores, 5), np.tile(trials.enrol, 5), np.tile(trials.trial, 5))
    assert eer_with_interval(fivefold, draws("a"), 100) == pytest.approx((value, low, high))
    # Gaps in the numbering of speakers are no speakers.
    apart = Trials(trials.scores, 7 * trials.enrol + 3, 7 * trials.trial + 3)
    assert eer_with_interval(apart, draws("a"), 100) == (value, low, high)


@pytest.mark.slow
def test_interval_covers_the_true_rate_of_a_population_about_as_often_as_it_says() -> None:
    # Speakers differ in how well they are recognised, which is what the interval must know of.
    generator = np.random.default_rng(3)

    def sample(speakers: int) -> Trials:
        enrol, trial = (g.ravel() for g in np.meshgrid(np.arange(speakers), np.arange(speakers)))
        effect = generator.normal(1.5, 0.7, speakers)
        scores = generator.normal(size=len(enrol)) + np.where(enrol == trial, effect[enrol], 0.0)
        return Trials(scores, enrol, trial)

    large = sample(1500)
    truth = eer(large.scores, large.targets)
    covered = 0
    for i in range(100):
        _, low, high = eer_with_interval(sample(40), draws(str(i)), 100)
        covered += low <= truth <= high
    assert 85 <= covered <= 99


def test_two_hundred_resamples_of_sixty_thousand_scores_take_no_minutes() -> None:
    # A guard against a loop over trials, with room for a slow machine; 1 s is usual.
    trials = attack(4, speakers=40, each=38)
    assert len(trials.scores) > 60_000
    before = time.process_time()
    eer_with_interval(trials, draws("a"), 200)
    assert time.process_time() - before < 20


def test_the_smallest_attacks_that_have_an_interval() -> None:
    # Only resamples with both speakers hold both kinds, and they all say the same.
    few = Trials([1.0, 0.0], [0, 0], [0, 1])
    assert eer_with_interval(few, draws("a"), 50) == (0.0, 0.0, 0.0)
    alone = Trials(np.arange(3.0), [0, 1, 2], [0, 1, 2])
    with pytest.raises(InputError, match="both kinds"):
        eer_with_interval(alone, draws("a"), 5)
    with pytest.raises(InputError, match="resamples is 0"):
        eer_with_interval(few, draws("a"), 0)


def test_ratio_interval_weighs_speakers_not_recordings() -> None:
    names = ["a", "a", "b"]
    value, low, high = ratio_with_interval([1, 1, 8], [10, 10, 20], names, draws("a"), 400)
    assert value == pytest.approx(10 / 40)
    assert (low, high) == pytest.approx((0.1, 0.4))
    assert ratio_with_interval([1, 1, 8], [10, 10, 20], names, draws("a"), 400) == (
        value,
        low,
        high,
    )


def test_interval_of_a_mean_of_speakers_is_the_textbook_one() -> None:
    generator = np.random.default_rng(5)
    speakers = np.arange(200).repeat(4)
    values = generator.normal(size=200)[speakers] + 0.1 * generator.normal(size=800)
    value, low, high = mean_with_interval(values, speakers, draws("a"), 2000)
    assert value == pytest.approx(values.mean())
    error = values.reshape(200, 4).mean(1).std() / math.sqrt(200)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert (low + high) / 2 == pytest.approx(value, abs=0.2 * error)


def test_correlation_agrees_with_numpy_and_leaves_out_what_was_not_measured() -> None:
    generator = np.random.default_rng(6)
    speakers = np.arange(20).repeat(6)
    x = 1e6 + generator.normal(size=120)
    y = -0.5 * x + generator.normal(size=120)
    value, low, high = correlation_with_interval(x, y, speakers, draws("a"), 300)
    assert value == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
    assert -1.0 <= low < value < high <= 1.0
    holes = np.where(np.arange(120) % 7 == 0, np.nan, x)
    kept = ~np.isnan(holes)
    found = correlation_with_interval(holes, y, speakers, draws("a"), 300)
    assert found == correlation_with_interval(x[kept], y[kept], speakers[kept], draws("a"), 300)
    # Unit and sign of a measure: r is blind to one and follows the other.
    turned = correlation_with_interval(-3.0 * x + 1.0, y, speakers, draws("a"), 300)
    assert turned == pytest.approx((-value, -high, -low), abs=1e-9)
    perfect = correlation_with_interval(x, 2.0 * x, speakers, draws("a"), 50)
    assert perfect == pytest.approx((1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("first", "second", "speakers"),
    [
        ([1.0, 2.0], [1.0, 2.0], ["a", "b"]),
        ([2.0, 2.0, 2.0], [1.0, 2.0, 3.0], ["a", "b", "b"]),
        ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], ["a", "b", "b"]),
        ([0.1, 0.1, 0.1], [1.0, 2.0, 3.0], ["a", "b", "b"]),
        ([1.0, 2.0, 3.0], [0.1, 0.1, 0.1], ["a", "b", "b"]),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], ["a", "a", "a"]),
        ([np.nan, 2.0, 3.0], [1.0, 2.0, 3.0], ["a", "b", "a"]),
        ([np.nan] * 3, [np.nan] * 3, ["a", "b", "c"]),
        ([], [], []),
    ],
)
def test_an_undefined_correlation_is_none(first, second, speakers) -> None:
    assert correlation_with_interval(first, second, speakers, draws("a"), 20) is None


def test_resamples_without_a_correlation_are_left_out() -> None:
    # Only speaker b varies: a resample of a alone has no r, and rounding must not make one.
    first = np.array([0.1, 0.1, 0.1, 0.1, 0.3, 0.7])
    value, low, high = correlation_with_interval(first, first**2, list("aaaabb"), draws("a"), 100)
    assert min(value, low, high) > 0.98


def test_a_measure_that_stands_still_in_a_resample_makes_no_correlation() -> None:
    still = np.array([0.1, 0.1, 0.1, 0.1, 0.3, 0.7])
    moves = np.array([1.0, 2.0, 3.0, 2.0, 6.0, 9.0])
    for first, second in ((still, moves), (moves, still)):
        # Resamples are of a alone, b alone or both: r is 1, or that of all, or undefined.
        value, low, high = correlation_with_interval(first, second, list("aaaabb"), draws("a"), 100)
        assert (low, high) == pytest.approx((value, 1.0), abs=1e-9)


def test_resamples_without_a_figure_are_left_out() -> None:
    rows = [[1.0, 0.0], [1.0, 2.0]]
    value, low, high = ratio_with_interval([1.0, 1.0], [0.0, 2.0], ["a", "b"], draws("a"), 100)
    assert (value, low, high) == (1.0, 0.5, 1.0)
    never = speaker_bootstrap(rows, ["a", "b"], lambda s: math.nan, draws("a"), 10)
    assert all(math.isnan(part) for part in never)


def test_bad_rows_are_refused() -> None:
    stream = draws("a")
    for call, says in [
        (lambda: mean_with_interval([1.0], ["a"], stream), "names 1: .* needs 2 or more"),
        (lambda: mean_with_interval([1.0, 2.0], ["a"], stream), "has 1 entries: it must have 2"),
        (lambda: mean_with_interval([1.0, np.nan], ["a", "b"], stream), "1 NaN"),
        (lambda: mean_with_interval([], [], stream), "wholes sum to 0"),
        (lambda: mean_with_interval([1.0, 2.0], ["a", "b"], stream, 0), "resamples is 0"),
        (lambda: ratio_with_interval([1.0], [1.0, 2.0], ["a"], stream), "they must agree"),
        (lambda: ratio_with_interval([1, 2], [0, 0], ["a", "b"], stream), "wholes sum to 0"),
        (lambda: speaker_bootstrap([1.0], ["a"], float, stream), "2 dimension"),
        (lambda: correlation_with_interval([1], [1, 2], ["a"], stream), "they must agree"),
        (lambda: correlation_with_interval([1, np.inf], [1, 2], [0, 1], stream), "1 infinite"),
    ]:
        with pytest.raises(InputError, match=says):
            call()
