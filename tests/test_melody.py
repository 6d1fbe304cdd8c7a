"""The made-up melody: what it follows from, what it never hears, and how it sounds."""

import numpy as np
import pytest
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceanon import Anonymizer, Recipe, abstract
from voiceanon.melody import DrawnMelody

SECRET = bytes(range(32))
ROWS_PER_S = 200
VOICED, PITCH, LEVEL = 0, 1, 2


def rows_of(stretches: list[tuple[int, bool, float]]) -> np.ndarray:
    """Return rows of stretches: how many, voiced or not, at which level."""
    rows = np.zeros((sum(count for count, *_ in stretches), 28), np.float32)
    at = 0
    for count, is_voiced, db in stretches:
        rows[at : at + count, VOICED] = is_voiced
        rows[at : at + count, LEVEL] = db
        at += count
    rows[:, PITCH + 2 :] = np.random.default_rng(0).normal(size=(len(rows), 25))
    return rows


STRETCHES = st.lists(
    st.tuples(st.integers(1, 80), st.booleans(), st.sampled_from([-200.0, -48.0, -12.0, 0.0, 6.0])),
    min_size=1,
    max_size=20,
)


def melody(label: str = "one") -> DrawnMelody:
    return DrawnMelody(SECRET, "melody", label)


@given(STRETCHES, st.lists(st.integers(0, 300), max_size=8))
def test_chunks_do_not_matter_and_a_reset_begins_anew(stretches, cuts) -> None:
    rows = rows_of(stretches)
    made = melody()
    whole = made.process(rows)
    made.reset()
    parts = np.split(rows, sorted(min(cut, len(rows)) for cut in cuts))
    assert np.array_equal(np.concatenate([made.process(part) for part in parts]), whole)


@given(STRETCHES)
def test_pitch_is_within_bounds_where_voiced_and_all_else_stays(stretches) -> None:
    rows = rows_of(stretches)
    before = rows.copy()
    made = melody().process(rows)
    assert np.array_equal(rows, before)
    assert np.array_equal(np.delete(made, PITCH, 1), np.delete(rows, PITCH, 1))
    assert np.abs(made[:, PITCH]).max() <= 2.5
    assert not made[rows[:, VOICED] == 0, PITCH].any()


@given(STRETCHES, st.integers(0, 2**32 - 1))
def test_the_melody_that_was_is_not_heard(stretches, seed) -> None:
    rows = rows_of(stretches)
    other = rows.copy()
    other[:, PITCH] = np.random.default_rng(seed).normal(size=len(rows))
    assert np.array_equal(melody().process(rows), melody().process(other))


def test_each_recording_has_its_own() -> None:
    rows = rows_of([(400, True, 0.0)])
    one, other = (melody(label).process(rows)[:, PITCH] for label in ("one", "other"))
    assert np.abs(one - other).mean() > 0.1


def test_phrases_fall_and_begin_high_after_a_pause() -> None:
    said = [(2 * ROWS_PER_S, True, -6.0), (40, False, -48.0)]
    starts, ends = [], []
    for label in map(str, range(50)):
        pitch = melody(label).process(rows_of(2 * said))[:, PITCH]
        for start in (0, 2 * ROWS_PER_S + 40):
            starts.append(pitch[start + 40 : start + 120].mean())
            ends.append(pitch[start + 320 : start + 400].mean())
    assert np.mean(starts) > np.mean(ends) + 1.0


def test_loud_stretches_are_higher_than_soft_ones() -> None:
    loud, soft = (
        np.mean([melody(str(n)).process(rows_of([(200, True, db)]))[:, PITCH] for n in range(50)])
        for db in (0.0, -6.0)
    )
    assert loud > soft + 0.4


def test_hours_take_no_more_memory_than_minutes() -> None:
    made = melody()
    minute = rows_of(30 * [(200, True, 0.0), (200, False, -48.0)])
    for _ in range(20):
        made.process(minute)
    assert len(made._knots) <= 2


@pytest.mark.parametrize("removal", ["template", "bottleneck"])
def test_who_keeps_no_pitch_is_given_one_unless_monotone_is_asked_for(removal: str) -> None:
    pyworld = pytest.importorskip("pyworld")
    samples, rate = sounds.clip(sounds.clip_names()[1])

    def spread(**changes) -> float:
        recipe = Recipe(name="own", removal=removal, pitch_levels=1, **changes)
        made = Anonymizer(recipe, SECRET)(samples, rate).astype(np.float64)
        f0 = pyworld.stonemask(made, *pyworld.harvest(made, rate), rate)
        return float(np.diff(np.percentile(np.log2(f0[f0 > 0]), [20, 80]))[0] * 12)

    assert spread(pitch_range="voice") > 1.5
    assert spread(pitch_range="constant") < 1.0  # what a breathy voice does to the tracker


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_a_plain_description_holds_no_pitch(seed: int) -> None:
    samples, rate = sounds.clip(sounds.clip_names()[seed % len(sounds.clip_names())])
    described = abstract(samples[: 3 * rate], rate, SECRET)
    assert described.pitch_levels == 1
    assert not described.pitch.any()
    assert not (described.energy[described.energy > -8] % 2).any()  # steps of 12 dB
