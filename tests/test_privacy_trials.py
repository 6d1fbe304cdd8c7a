"""Splits keep sessions apart, pool what they say, and repeat exactly."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceanon.keys import Draws
from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.trials import POOLINGS, matrices, pooled_trials, split_sides

BY_NAME = {pooling.name: pooling for pooling in POOLINGS}


def people(counts: list[int], sessions: int, **more: str) -> list[Recording]:
    return [
        Recording(
            f"{speaker}-{number}",
            f"s{speaker:02}",
            Path("x.wav"),
            session=str(number % sessions) if sessions else "",
            **more,
        )
        for speaker, count in enumerate(counts)
        for number in range(count)
    ]


def draws() -> Draws:
    return Draws(bytes(32), "test")


@given(
    st.lists(st.integers(2, 9), min_size=3, max_size=6),
    st.integers(0, 4),
    st.sampled_from(POOLINGS),
)
def test_laws_of_splits(counts: list[int], sessions: int, pooling) -> None:
    recordings = people(counts, sessions)
    sides = split_sides(recordings, pooling, draws())
    if sides is None:
        assert pooling.enrol > 1
        return
    owner = np.array([int(r.speaker[1:]) for r in recordings])
    for side in sides:
        for rows, speakers, size in (
            (side.enrol, side.enrol_speaker, pooling.enrol),
            (side.trial, side.trial_speaker, pooling.trial),
        ):
            assert set(np.unique(rows)) <= {0.0, 1.0}
            if size:
                assert (rows.sum(1) == size).all()
            for row, speaker in zip(rows, speakers, strict=True):
                assert (owner[row > 0] == speaker).all()
        # No recording is on both sides, and no session of a speaker who has several is.
        enrolled, tried = side.enrol.any(0), side.trial.any(0)
        assert not (enrolled & tried).any()
        for speaker in range(len(counts)):
            own = owner == speaker
            names = {recordings[i].session for i in np.flatnonzero(own)}
            if len(names) > 1:
                first = {recordings[i].session for i in np.flatnonzero(own & enrolled)}
                second = {recordings[i].session for i in np.flatnonzero(own & tried)}
                assert not first & second


def test_splits_repeat_and_differ() -> None:
    recordings = people([8, 8, 8], 4)
    first, again = (split_sides(recordings, BY_NAME["all-all"], draws()) for _ in range(2))
    assert first is not None
    assert again is not None
    for a, b in zip(first, again, strict=True):
        assert (a.enrol == b.enrol).all()
    assert len({side.enrol.tobytes() for side in first}) > 1


def test_a_pooling_that_most_speakers_cannot_fill_is_not_measured() -> None:
    assert split_sides(people([12] * 4, 2), BY_NAME["10-10"], draws()) is None
    assert split_sides(people([24] * 4, 2), BY_NAME["10-10"], draws()) is not None
    assert split_sides(people([12], 2), BY_NAME["1-1"], draws()) is None


def test_a_corpus_may_fix_its_sides() -> None:
    recordings = [
        *people([3, 3], 1, side="enrol"),
        *[Recording(f"t{i}", f"s{i % 2:02}", Path("x.wav"), side="trial") for i in range(6)],
        Recording("unused", "s00", Path("x.wav")),
    ]
    sides = split_sides(recordings, BY_NAME["all-1"], draws())
    assert sides is not None
    assert len(sides) == 1
    assert sides[0].enrol[:, :6].sum() == 6
    assert sides[0].enrol[:, 6:].sum() == 0
    assert sides[0].trial[:, 6:12].sum() == 6
    assert sides[0].trial[:, 12].sum() == 0


def test_a_corpus_may_bring_its_own_list_of_trials() -> None:
    recordings = [
        *people([2, 2, 2], 1, side="enrol"),
        *[Recording(f"t{i}", f"s{i % 3:02}", Path("x.wav"), side="trial") for i in range(6)],
    ]
    trial_list = [("s00", "t0", True), ("s01", "t0", False), ("s02", "t5", True)]
    sides = split_sides(recordings, BY_NAME["all-1"], draws(), trial_list)
    assert sides is not None
    owner = np.array([int(r.speaker[1:]) for r in recordings])
    trials = pooled_trials(matrices(ByOwner(owner), sides), sides)
    assert trials is not None
    pairs = sorted(zip(trials.enrol, trials.trial, strict=True))
    assert pairs == [(0, 0), (1, 0), (2, 2)]
    everything = split_sides(recordings, BY_NAME["all-all"], draws(), trial_list)
    assert everything is not None
    assert everything[0].listed is None  # pooled trials are on nobody's list


def test_large_corpora_are_thinned_evenly() -> None:
    sides = split_sides(people([40] * 20, 4), BY_NAME["1-1"], draws())
    assert sides is not None
    for side in sides:
        assert len(side.enrol) <= 240
        counts = np.bincount(side.trial_speaker, minlength=20)
        assert counts.min() >= counts.max() - 1 > 0


class ByOwner:
    """A verifier that knows."""

    def __init__(self, owner: np.ndarray) -> None:
        self.owner = owner

    def scores(self, enrol: np.ndarray, trial: np.ndarray) -> np.ndarray:
        own = [self.owner[row > 0][0] for row in enrol]
        tried = [self.owner[row > 0][0] for row in trial]
        return (np.array(tried)[:, None] == np.array(own)).astype(float)


def test_trials_are_targets_where_the_speaker_is_one_and_can_keep_to_one_sex() -> None:
    recordings = people([4] * 4, 2)
    sides = split_sides(recordings, BY_NAME["1-1"], draws())
    assert sides is not None
    scores = matrices(ByOwner(np.repeat(np.arange(4), 4)), sides)
    trials = pooled_trials(scores, sides)
    assert trials is not None
    assert (trials.scores == trials.targets).all()
    same = pooled_trials(scores, sides, ["F", "F", "M", ""])
    assert same is not None
    assert set(zip(same.enrol, same.trial, strict=True)) == {(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)}
    assert pooled_trials(scores, sides, [""] * 4) is None


@pytest.mark.parametrize("pooling", POOLINGS, ids=lambda p: p.name)
def test_whatever_is_drawn_names_no_side_empty(pooling) -> None:
    sides = split_sides(people([20] * 3, 1), pooling, draws())
    assert sides is not None
    assert all(side.enrol.sum() and side.trial.sum() for side in sides)
