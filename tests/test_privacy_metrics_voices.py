"""What is left of voices and melody: G_VD and the correlation of f0 against slow twins."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceanon.errors import InputError
from voiceanon.privacy.metrics import (
    calibrate_linear,
    f0_correlation,
    g_vd_db,
    voice_similarity_matrix,
)


def segment_scores(seed: int, effect: float, speakers: int = 6, each: int = 4):
    generator = np.random.default_rng(seed)
    owners = np.arange(speakers).repeat(each)
    noise = generator.normal(size=(len(owners), len(owners)))
    return noise + noise.T + effect * (owners[:, None] == owners), owners


def slow_similarity(llr: np.ndarray, rows, columns, same: bool) -> np.ndarray:
    names = sorted(set(rows))
    matrix = np.empty((len(names), len(names)))
    for a, first in enumerate(names):
        for b, second in enumerate(names):
            cells = [
                llr[i, j]
                for i, r in enumerate(rows)
                for j, c in enumerate(columns)
                if r == first and c == second and not (same and i == j)
            ]
            matrix[a, b] = 1 / (1 + math.exp(-sum(cells) / len(cells)))
    return matrix


def test_similarity_agrees_with_its_definition() -> None:
    scores, owners = segment_scores(1, 2.0)
    others = np.eye(len(owners)) == 0
    slope, offset = calibrate_linear(scores[others], (owners[:, None] == owners)[others])
    llr = slope * scores + offset
    expected = slow_similarity(llr, owners, owners, same=True)
    assert voice_similarity_matrix(scores, owners) == pytest.approx(expected, abs=1e-12)
    assert voice_similarity_matrix(llr, owners, calibrate=False) == pytest.approx(
        expected, abs=1e-12
    )
    # A segment's likeness to itself never enters.
    spoilt = scores + 1e6 * np.eye(len(owners))
    assert voice_similarity_matrix(spoilt, owners) == pytest.approx(expected, abs=1e-12)
    # Rows and columns of different segments, under names and in another order.
    names = np.array(list("fedcba"))[owners]
    shuffled = np.random.default_rng(2).permutation(len(owners))
    found = voice_similarity_matrix(llr[:, shuffled], names, names[shuffled], calibrate=False)
    twin = slow_similarity(llr[:, shuffled], names, names[shuffled], same=False)
    assert found == pytest.approx(twin, abs=1e-12)


def test_distinctiveness_of_known_matrices() -> None:
    voices = np.full((4, 4), 0.2) + 0.6 * np.eye(4)
    weaker = np.full((4, 4), 0.2) + 0.06 * np.eye(4)
    assert g_vd_db(voices, voices) == 0.0
    assert g_vd_db(voices, weaker) == pytest.approx(-10.0)
    assert g_vd_db(weaker, voices) == pytest.approx(10.0)
    assert g_vd_db(voices, np.full((4, 4), 0.25)) == -math.inf
    # Voices turned inside out differ as much: only the size of the difference counts.
    assert g_vd_db(voices, 1.0 - voices) == pytest.approx(0.0)


def test_voices_that_become_alike_lose_distinctiveness() -> None:
    before, owners = segment_scores(3, 6.0)
    values = []
    for effect in (6.0, 2.0, 1.0):
        after, _ = segment_scores(4, effect)
        oo, aa = (voice_similarity_matrix(s, owners) for s in (before, after))
        values.append(g_vd_db(oo, aa))
    assert values[0] == pytest.approx(0.0, abs=0.5)
    assert values[0] > values[1] > values[2]
    assert values[2] < -3
    # The same voices under a constant score for all: nothing is left.
    assert g_vd_db(oo, voice_similarity_matrix(np.ones_like(before), owners)) == -math.inf


def test_bad_similarities_are_refused() -> None:
    scores, owners = segment_scores(1, 1.0)
    good = np.full((3, 3), 0.2) + 0.5 * np.eye(3)
    for call, says in [
        (lambda: voice_similarity_matrix(scores, owners[:3]), r"shape \(3,\): it must be \(24,\)"),
        (lambda: voice_similarity_matrix(scores, owners * 0), "names 1 speaker"),
        (lambda: voice_similarity_matrix(scores, owners, owners + 1), "must name the same"),
        (lambda: voice_similarity_matrix(scores, owners, owners * 0), "must name the same"),
        (lambda: voice_similarity_matrix(scores * np.inf, owners), "NaN|infinite"),
        (lambda: voice_similarity_matrix(np.eye(3), ["a", "b", "b"]), "speaker a has 1 segment"),
        (lambda: g_vd_db(good, good[:2, :2]), "they must agree"),
        (lambda: g_vd_db(good[:2], good), "it must be square"),
        (lambda: g_vd_db(good, 2 * good), "it must be from 0 to 1"),
        (lambda: g_vd_db(np.ones((3, 3)), good), "original voices must differ"),
    ]:
        with pytest.raises(InputError, match=says):
            call()


def melody(seed: int, frames: int = 300) -> np.ndarray:
    """An f0 track that wanders, with unvoiced gaps."""
    generator = np.random.default_rng(seed)
    f0 = 150 + 20 * np.cumsum(generator.normal(size=frames)) / 5
    f0 = np.clip(f0, 60, 400)
    for start in generator.integers(frames, size=5):
        f0[start : start + 12] = 0.0
    return f0


def slow_f0_correlation(first, second, longest: int) -> float | None:
    found = []
    for lag in range(-longest, longest + 1):
        pairs = [
            (first[i], second[i + lag])
            for i in range(len(first))
            if 0 <= i + lag < len(second) and first[i] > 0 and second[i + lag] > 0
        ]
        if len(pairs) >= 20:
            x, y = np.array(pairs).T
            if x.std() > 1e-6 and y.std() > 1e-6:
                found.append(np.corrcoef(x, y)[0, 1])
    return max(found) if found else None


@pytest.mark.parametrize("seed", range(6))
def test_f0_correlation_agrees_with_its_definition(seed: int) -> None:
    first, second = melody(seed, 120), melody(seed + 100, 120 + 7 * seed)
    value = f0_correlation(first, second, 0.01, 0.05)
    assert value == pytest.approx(slow_f0_correlation(first, second, 5), abs=1e-9)
    assert f0_correlation(second, first, 0.01, 0.05) == pytest.approx(value, abs=1e-9)


@given(st.integers(-20, 20), st.floats(0.3, 3.0), st.floats(0.0, 100.0))
def test_f0_correlation_sees_through_lag_height_and_range(lag, scale, shift) -> None:
    first = melody(1)
    second = np.where(first > 0, scale * first + shift, 0.0)
    second = second[lag:] if lag > 0 else np.concatenate((np.zeros(-lag), second))
    assert f0_correlation(first, second, 0.005) == pytest.approx(1.0, abs=1e-9)


def test_f0_correlation_beyond_the_longest_lag_is_lower() -> None:
    first = melody(2)
    assert f0_correlation(first, first[40:], 0.005) < 0.99
    assert f0_correlation(first, first[40:], 0.005, 0.2) == pytest.approx(1.0)
    assert f0_correlation(first, first, 0.005, 0.0) == pytest.approx(1.0)
    # 0.1 s is twenty hops of 5 ms, not nineteen.
    assert f0_correlation(first, first[20:], 0.005, 0.1) == pytest.approx(1.0)
    assert f0_correlation(first, first[21:], 0.005, 0.1) < 1.0 - 1e-6
    turned = np.where(first > 0, 500 - first, 0.0)
    assert f0_correlation(first, turned, 0.005, 0.0) == pytest.approx(-1.0)


def test_f0_correlation_needs_twenty_frames_that_vary() -> None:
    rising = np.arange(100.0, 120.0)
    assert f0_correlation(rising, rising, 0.01) == pytest.approx(1.0)
    assert f0_correlation(rising[:19], rising[:19], 0.01) is None
    assert f0_correlation(np.full(50, 100.0), melody(1, 50) + 1, 0.01) is None
    assert f0_correlation(np.full(50, 0.1), melody(1, 50) + 1, 0.01) is None
    assert f0_correlation([], [], 0.01) is None
    assert f0_correlation(np.zeros(99), rising, 0.01) is None


def test_bad_tracks_are_refused() -> None:
    track = melody(1)
    for call, says in [
        (lambda: f0_correlation(-track, track, 0.01), "it must be 0 or more, 0 where unvoiced"),
        (lambda: f0_correlation(track, track * np.nan, 0.01), "second_f0_hz has 300 NaN"),
        (lambda: f0_correlation(track[None], track, 0.01), "1 dimension"),
        (lambda: f0_correlation(track, track, 0.0), "hop_s is 0.0: it must be above 0"),
        (lambda: f0_correlation(track, track, math.nan), "hop_s is nan"),
        (lambda: f0_correlation(track, track, 0.01, -1), "longest_lag_s is -1"),
    ]:
        with pytest.raises(InputError, match=says):
            call()
