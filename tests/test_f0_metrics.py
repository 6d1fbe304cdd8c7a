"""The f0 accuracy table counts what it says it counts."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from f0_metrics import Agreement, compare, on_grid

TRACKS = st.lists(
    st.tuples(
        st.one_of(st.just(0.0), st.floats(60.0, 600.0)),
        st.one_of(st.just(0.0), st.floats(60.0, 600.0)),
    ),
    min_size=1,
    max_size=60,
)


def test_each_kind_of_frame_is_counted_once() -> None:
    #                     right  3 %   7 %   octave+ octave-  false  missed  silent
    reference = np.array([100.0, 100.0, 100.0, 100.0, 100.0, 0.0, 100.0, 0.0])
    found = np.array([100.0, 103.0, 107.0, 201.0, 50.0, 100.0, 0.0, 0.0])
    row = compare(reference, found)
    assert (row.frames, row.jointly_voiced, row.reference_voiced) == (8, 5, 6)
    assert (row.beyond_fine, row.beyond_gross) == (3, 2)
    assert (row.octave_up, row.octave_down) == (1, 1)
    assert (row.false_voiced, row.missed_voiced) == (1, 1)
    assert row.within_fine_share == pytest.approx(2 / 5)
    assert row.gross_share == pytest.approx(2 / 5)
    assert row.voicing_error_share == pytest.approx(2 / 8)
    assert row.frame_error_share == pytest.approx(4 / 8)
    assert row.right_share == pytest.approx(2 / 6)
    assert row.bias_cents == pytest.approx(1200 * np.log2(1.03))
    assert row.median_cents == pytest.approx(1200 * np.log2(1.07))


@given(TRACKS)
def test_a_track_agrees_with_itself_and_the_parts_make_the_whole(pairs: list) -> None:
    reference, found = np.array(pairs).T
    itself = compare(reference, reference)
    assert itself.voicing_error_share == 0.0
    assert itself.beyond_fine == 0
    row = compare(reference, found)
    silent = int(((reference == 0) & (found == 0)).sum())
    assert row.jointly_voiced + row.false_voiced + row.missed_voiced + silent == row.frames
    assert row.jointly_voiced + row.missed_voiced == row.reference_voiced
    assert row.beyond_gross <= row.beyond_fine <= row.jointly_voiced


@given(TRACKS, st.integers(0, 60))
def test_pooling_two_halves_is_the_whole(pairs: list, cut: int) -> None:
    reference, found = np.array(pairs).T
    whole = compare(reference, found)
    halves = [compare(reference[:cut], found[:cut]), compare(reference[cut:], found[cut:])]
    pooled = sum(halves, Agreement())
    assert pooled == whole
    np.testing.assert_equal(pooled.median_cents, whole.median_cents)


def test_tracks_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3,\) and \(4,\)"):
        compare(np.zeros(3), np.zeros(4))


def test_the_grid_takes_the_nearest_frame() -> None:
    times_s = np.array([0.001, 0.006, 0.011])
    f0_hz = np.array([100.0, 200.0, 300.0])
    np.testing.assert_array_equal(on_grid(times_s, f0_hz, 3), [100.0, 200.0, 300.0])
    moved = on_grid(times_s, f0_hz, 3, shift_s=0.005)
    np.testing.assert_array_equal(moved, [0.0, 100.0, 200.0])


def test_a_sparser_track_holds_for_its_own_hop_and_no_longer() -> None:
    times_s = np.array([0.0, 0.02, 0.04])
    grid = on_grid(times_s, np.array([100.0, 200.0, np.nan]), 14)
    assert list(grid[:3]) == [100.0] * 3
    assert list(grid[3:7]) == [200.0] * 4
    assert not grid[7:].any()


def test_an_empty_track_is_unvoiced_everywhere() -> None:
    assert not on_grid(np.array([]), np.array([]), 5).any()
    assert np.isnan(compare(np.zeros(4), np.zeros(4)).median_cents)
