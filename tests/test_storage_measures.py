"""Measures on their grids, and made so coarse that every row is like k − 1 others."""

import pickle
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import clip, clip_names
from stored_examples import alike, measures

from voiceanon import InputError, Measures
from voiceanon.checks.assessment import MEASURES, speech_measures
from voiceanon.measures import GRIDS, LENGTH_GRID, Grid
from voiceanon.storage import coarsen

GRID = st.sampled_from([*GRIDS.values(), LENGTH_GRID])
NONE = Measures.of({})


def combination(row: Measures) -> tuple:
    return (*row.numbers, row.length_s, row.transcript)


# Grids


def test_every_measure_has_a_grid() -> None:
    assert tuple(GRIDS) == MEASURES
    assert all(grid.places < 65_535 for grid in (*GRIDS.values(), LENGTH_GRID))


@given(GRID, st.floats(-1e9, 1e9))
def test_a_number_goes_to_the_nearest_value_of_its_grid(grid: Grid, number: float) -> None:
    value = grid.value(grid.place(number))
    assert grid.lowest <= value <= grid.highest
    if grid.lowest <= number <= grid.highest:
        assert abs(value - number) <= grid.step / 2 + 1e-9
    assert grid.place(value) == grid.place(number)


@given(measures())
def test_putting_on_a_grid_twice_changes_nothing(row: Measures) -> None:
    again = Measures.of(row.values, length_s=row.length_s, transcript=row.transcript)
    assert again == row
    assert hash(again) == hash(row)
    assert pickle.loads(pickle.dumps(row)) == row


def test_what_was_measured_is_taken_as_it_is() -> None:
    samples, rate = clip(clip_names()[0])
    measured = speech_measures(samples, rate)
    row = Measures.of(measured, length_s=len(samples) / rate)
    for name, value in measured.items():
        if value is None:
            assert row.values[name] is None
        else:
            assert abs(row.values[name] - value) <= GRIDS[name].step / 2 + 1e-9
    assert row.length_s == 5 * round(len(samples) / rate / 5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Measures.of({"age": 3.0}), "'age' is no measure"),
        (lambda: Measures.of({"mean_pause_s": float("nan")}), "finite"),
        (lambda: Measures.of({}, length_s=float("inf")), "finite"),
        (lambda: Measures((0.123, *[None] * 7)), "steps of 0.1"),
        (lambda: Measures((12.1, *[None] * 7)), "0 to 12"),
        (lambda: Measures((1.0,)), "must have 8"),
        (lambda: Measures(NONE.numbers, 3.0), "length_s"),
        (lambda: Measures(NONE.numbers, coarsened_to=1), "coarsened_to"),
        (lambda: Measures.of({}, transcript="\ud800"), "UTF-8"),
        (lambda: Measures.of({}, transcript=b"text"), "text"),
        (lambda: Measures.of({}, transcript="x" * (1 << 21)), "at most"),
    ],
)
def test_what_is_on_no_grid_is_refused(make, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


# Coarsening


@given(
    st.lists(measures() | alike(), max_size=25), st.integers(2, 7), st.sampled_from([0, 0.05, 1])
)
@settings(max_examples=100)
def test_every_combination_is_shared_by_k(rows: list[Measures], k: int, emptied: float) -> None:
    if 0 < len(rows) < k:
        with pytest.raises(InputError, match="fewer than"):
            coarsen(rows, k)
        return
    coarse = coarsen(rows, k, most_emptied=emptied)
    assert len(coarse) == len(rows)
    assert all(count >= k for count in Counter(map(combination, coarse)).values())
    assert all(row.coarsened_to == k and row.transcript is None for row in coarse)


@given(st.lists(measures() | alike(), max_size=10))
def test_one_changes_nothing(rows: list[Measures]) -> None:
    assert coarsen(rows, 1) == rows


@given(st.lists(alike(), min_size=5, max_size=25))
def test_rows_that_are_alike_stay_alike_and_none_stays_none(rows: list[Measures]) -> None:
    coarse = coarsen(rows, 5)
    for one, made in zip(rows, coarse, strict=True):
        for other, made_other in zip(rows, coarse, strict=True):
            if combination(one) == combination(other):
                assert made == made_other
        for name, value in made.values.items():
            assert value is None or one.values[name] is not None


@given(st.lists(alike(), min_size=4, max_size=25))
def test_what_is_shared_already_keeps_its_values(rows: list[Measures]) -> None:
    coarse = coarsen(rows * 3, 3)
    assert [combination(row) for row in coarse] == [combination(row) for row in rows * 3]


def test_the_measure_that_tells_rows_apart_gives_way_and_the_others_stay() -> None:
    apart = [float(i) for i in range(20)]
    rows = [Measures.of({"f0_range_semitones": a, "mean_pause_s": 1.0}) for a in apart]
    coarse = coarsen(rows, 4)
    assert {row.values["mean_pause_s"] for row in coarse} == {1.0}
    values = [row.values["f0_range_semitones"] for row in coarse]
    assert len(set(values)) > 1
    for value, number in zip(values, apart, strict=True):
        assert abs(value - number) <= 4


def test_rows_that_are_like_no_others_are_emptied_for_the_sake_of_the_rest() -> None:
    rows = [
        Measures.of(
            {
                "speech_rate_syllables_per_s": 3 + (i * 7 % 40) / 20,
                "phonation_ratio": 0.6 + (i * 3 % 30) / 100,
                "f0_range_semitones": 6 + i * 11 % 8,
            },
            length_s=30 + i * 13 % 200,
        )
        for i in range(1000)
    ]
    rows += [Measures.of({"f0_range_semitones": 20 + i % 13}, length_s=900) for i in range(26)]
    coarse = coarsen(rows, 5)
    kinds = Counter(map(combination, coarse))
    assert min(kinds.values()) >= 5
    assert len(kinds) >= 20
    empty = [row for row in coarse if row.length_s is None and set(row.numbers) == {None}]
    assert len(empty) == 26
    fewer = Counter(map(combination, coarsen(rows, 5, most_emptied=0.0)))
    assert len(fewer) < len(kinds)


def test_k_is_one_or_more() -> None:
    with pytest.raises(InputError, match="k is 0"):
        coarsen([NONE], 0)
    assert coarsen([], 5) == []
    with pytest.raises(InputError, match="most_emptied"):
        coarsen([NONE], 1, most_emptied=2.0)
