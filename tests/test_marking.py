"""The mark: in every voice, found by its key and by no other, and telling nobody apart."""

import itertools
import math
import pickle
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from chains import EVERY_PROTECTING_RECIPE, SECRET
from hypothesis import given, settings
from sounds import clip, clip_names

import voiceanon
from voiceanon.anonymizer import Anonymizer
from voiceanon.errors import SecretError
from voiceanon.keys import Draws
from voiceanon.marking.detection import all_fits, detect_blocks
from voiceanon.marking.hearing import HEARD_HZ, evidence, levels_db
from voiceanon.marking.network import ACROSS, DILATIONS, REACH, inputs_of, mark_network
from voiceanon.marking.pattern import (
    BANDS,
    CELL_ROWS,
    CELLS,
    PERIOD_ROWS,
    PUBLIC_KEY,
    ROW_S,
    band_shapes,
    signs,
)
from voiceanon.marking.writing import MarkWriter, mark_basis
from voiceanon.recipe import Recipe
from voiceanon.resampling import Resampler
from voiceanon.speaking import Labels

RATE = 16_000
OWN_KEY = bytes(range(32, 64))
STRENGTH_DB = Recipe.named("template").mark_db
keys = st.binary(min_size=32, max_size=32)


def ten_seconds(first: int = 0) -> np.ndarray:
    """Return two recordings of tests/data, one after the other."""
    names = itertools.islice(itertools.cycle(clip_names()), first, first + 2)
    return np.concatenate([clip(name)[0] for name in names])


def at_rate(samples: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    resampler = Resampler(from_hz, to_hz)
    whole = np.concatenate([resampler.process(samples), resampler.finish()])
    return np.clip(whole, -1.0, 1.0)


def start_of(secret: bytes, recording: str = "", channel: int = 0) -> int:
    return Draws(secret, "start of the mark", recording, str(channel)).integer(PERIOD_ROWS)


def rows_apart(a: float, b: float) -> float:
    """Return the distance of two starts on the circle of the pattern, in rows."""
    off = abs(a - b) % PERIOD_ROWS
    return min(off, PERIOD_ROWS - off)


@pytest.fixture(scope="module")
def marked() -> np.ndarray:
    return Anonymizer(secret=SECRET)(ten_seconds(), RATE)


# Laws


@given(keys)
@settings(max_examples=20)
def test_a_pattern_is_signs_that_its_key_alone_decides(key: bytes) -> None:
    pattern = signs(key)
    assert pattern.shape == (CELLS, BANDS)
    assert set(np.unique(pattern)) == {-1.0, 1.0}
    # Five deviations of a fair coin.
    assert abs(pattern.sum()) < 5 * math.sqrt(pattern.size)
    other = signs(bytes([key[0] ^ 1]) + key[1:])
    assert abs((pattern * other).sum()) < 5 * math.sqrt(pattern.size)


@given(st.lists(st.integers(0, 200), max_size=8), st.integers(0, PERIOD_ROWS - 1))
@settings(max_examples=20, deadline=None)
def test_any_chunks_of_rows_are_marked_alike(lengths: list[int], start: int) -> None:
    rows = np.arange(1000 * 3, dtype=np.float32).reshape(1000, 3)
    writer = MarkWriter(PUBLIC_KEY, 1.0, start)
    whole = writer.process(rows)
    np.testing.assert_array_equal(whole[:, :3], rows)
    by_row = np.repeat(signs(PUBLIC_KEY), CELL_ROWS, axis=0)
    expected = by_row[(start + np.arange(1000)) % PERIOD_ROWS]
    np.testing.assert_array_equal(whole[:, 3:], expected)
    writer.reset()
    edges = [*itertools.accumulate([0, *lengths])]
    parts = [writer.process(rows[a:b]) for a, b in itertools.pairwise(edges)]
    parts.append(writer.process(rows[edges[-1] :]))
    np.testing.assert_array_equal(np.concatenate(parts), whole[: sum(map(len, parts))])


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3]))
@settings(max_examples=8, deadline=None)
def test_fits_agree_with_a_plain_sum(seed: int, count: int) -> None:
    folded = np.random.default_rng(seed).normal(size=(PERIOD_ROWS, BANDS))
    patterns = np.stack([signs(bytes([k]) * 32) for k in range(count)])
    fits = all_fits(folded, patterns)
    for row in (0, 1, 403, PERIOD_ROWS - 1):
        places = (row + np.arange(PERIOD_ROWS)) % PERIOD_ROWS
        cells = folded[places].reshape(CELLS, CELL_ROWS, BANDS).sum(axis=1)
        plain = (patterns * cells).sum(axis=(1, 2)) / np.sqrt((cells**2).sum())
        np.testing.assert_allclose(fits[:, row], plain, atol=1e-9)


def test_wrong_keys_score_no_higher_than_the_bound_says() -> None:
    # Whatever is heard: here as lopsided as it can be, a few cells that outweigh all the others.
    uneven = np.random.default_rng(5).standard_cauchy((PERIOD_ROWS, BANDS)) ** 3
    patterns = np.stack([signs(k.to_bytes(32, "big")) for k in range(200)])
    for folded in (uneven, np.ones((PERIOD_ROWS, BANDS))):
        fits = all_fits(folded, patterns)
        for score in (1.0, 2.0, 3.0):
            assert (fits > score).mean() <= math.exp(-0.5 * score**2)


def plain_network(level: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return what the network hears, every place by a sum over the places it sees."""
    network = mark_network()
    values = inputs_of(level, weight).astype(float)
    layers = zip(network.taps, network.biases, REACH, ACROSS, DILATIONS, strict=True)
    for k, (taps, bias, reach, across, apart) in enumerate(layers):
        made = np.zeros((len(bias), *level.shape))
        for row, band in itertools.product(range(len(level)), range(BANDS)):
            made[:, row, band] = bias[:, band]
            for tap, (down, over) in enumerate(
                itertools.product(range(-reach, reach + 1), range(-across, across + 1))
            ):
                at = row + apart * down, band + over
                if 0 <= at[0] < len(level) and 0 <= at[1] < BANDS:
                    made[:, row, band] += taps[tap] @ values[:, at[0], at[1]]
        made = np.maximum(made, 0.0)
        values = made + values if k else made
    return (values * network.weights[:, None]).sum(axis=0)


def test_the_network_is_a_plain_sum() -> None:
    drawn = np.random.default_rng(3)
    level, weight = 8.0 * drawn.normal(size=(23, BANDS)), drawn.uniform(size=(23, BANDS))
    heard = mark_network()(level, weight)
    np.testing.assert_allclose(heard, plain_network(level, weight), rtol=1e-4, atol=1e-4)


@given(st.integers(990, 2200))
@settings(max_examples=5, deadline=None)
def test_the_network_hears_long_sounds_as_a_whole(rows: int) -> None:
    drawn = np.random.default_rng(rows)
    level, weight = 8.0 * drawn.normal(size=(rows, BANDS)), drawn.uniform(size=(rows, BANDS))
    heard = mark_network()(level, weight)
    # What one hears of rows that see neither end.
    part = mark_network()(level[960:], weight[960:])
    np.testing.assert_allclose(heard[976:], part[16:], rtol=1e-4, atol=1e-4)


@given(st.lists(st.integers(1, 70_000), max_size=6))
@settings(max_examples=5, deadline=None)
def test_any_blocks_are_heard_alike(marked, lengths: list[int]) -> None:
    edges = [0, *np.minimum(np.cumsum(lengths, dtype=int), len(marked)), len(marked)]
    blocks = [marked[None, a:b] for a, b in itertools.pairwise(edges)]
    assert detect_blocks(blocks, RATE, 1) == voiceanon.detect(marked, RATE)


@EVERY_PROTECTING_RECIPE
def test_every_recipe_marks_and_only_its_key_finds_it(recipe: Recipe) -> None:
    made = Anonymizer(recipe, SECRET)(ten_seconds(), RATE)
    report = voiceanon.detect(made, RATE)
    assert report.found
    assert report.key == "public"
    assert rows_apart(report.start_s / ROW_S, start_of(SECRET)) <= 1
    assert not voiceanon.detect(made, RATE, key=OWN_KEY).found
    plain = Anonymizer(replace(recipe, mark_db=0.0), SECRET)(ten_seconds(), RATE)
    assert not voiceanon.detect(plain, RATE).found


def test_a_mark_of_ones_own_is_found_with_its_key_alone() -> None:
    made = Anonymizer(secret=SECRET, mark_key=OWN_KEY)(ten_seconds(), RATE)
    own = voiceanon.detect(made, RATE, key=OWN_KEY)
    assert own.found
    assert own.key == "own"
    assert not voiceanon.detect(made, RATE).found
    described = voiceanon.abstract(ten_seconds(), RATE, SECRET, recipe="bottleneck")
    spoken = described.render(SECRET, mark_key=OWN_KEY)
    anonymizer = Anonymizer("bottleneck", SECRET, mark_key=OWN_KEY)
    np.testing.assert_array_equal(spoken, anonymizer(ten_seconds(), RATE))
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(anonymizer))(ten_seconds(), RATE), spoken
    )
    assert repr(OWN_KEY) not in repr(anonymizer)


def test_the_mark_changes_no_description() -> None:
    described = [
        voiceanon.abstract(
            ten_seconds(), RATE, SECRET, recipe=replace(Recipe.named("bottleneck"), mark_db=mark_db)
        )
        for mark_db in (0.0, 3.0)
    ]
    for name in ("units", "voiced", "energy", "pitch"):
        np.testing.assert_array_equal(*(getattr(one, name) for one in described))


def test_analysis_and_synthesis_alone_are_not_marked() -> None:
    outputs = [
        Anonymizer(
            replace(
                Recipe.named("resynthesis", allow_unprotected=True),
                mark_db=mark_db,
                allow_unprotected=True,
            ),
            SECRET,
        )(ten_seconds(), RATE)
        for mark_db in (0.0, 3.0)
    ]
    np.testing.assert_array_equal(*outputs)
    assert not voiceanon.detect(outputs[0], RATE).found


@pytest.mark.parametrize("wrong", [b"", bytes(31), "x" * 32, 5])
def test_a_key_is_32_bytes(wrong) -> None:
    with pytest.raises(SecretError):
        Anonymizer(mark_key=wrong)
    with pytest.raises(SecretError):
        voiceanon.detect(np.zeros(RATE, np.float32), RATE, key=wrong)


# Facts of sound


def test_bands_cover_their_range_once() -> None:
    shapes = band_shapes(np.linspace(0.0, 8000.0, 2001))
    total = shapes.sum(axis=1)
    inside = (np.linspace(0.0, 8000.0, 2001) > 230) & (np.linspace(0.0, 8000.0, 2001) < 3680)
    np.testing.assert_allclose(total[inside], 1.0, atol=1e-9)
    assert total.max() < 1.0 + 1e-9
    assert not shapes[np.linspace(0.0, 8000.0, 2001) > 3950].any()


@pytest.mark.parametrize(("band_hz", "order"), [(16_000, 199), (24_000, 511), (48_000, 1023)])
def test_a_gain_of_one_db_is_one_db(band_hz: int, order: int) -> None:
    cepstrum = mark_basis(order, band_hz).astype(float) @ np.ones(BANDS)
    hz = np.array([500.0, 1500.0, 3000.0, 5000.0, 7000.0])
    angles = np.outer(np.arange(order + 1), 2 * np.pi * hz / band_hz)
    log_power = 2.0 * cepstrum @ np.cos(angles) - cepstrum[0]
    np.testing.assert_allclose(10 * log_power / math.log(10), [1, 1, 1, 0, 0], atol=0.02)


def test_the_mark_is_small_and_where_it_should_be(marked) -> None:
    plain = Anonymizer(replace(Recipe.named("template"), mark_db=0.0), SECRET)(ten_seconds(), RATE)
    change = marked.astype(float) - plain
    # The rounding of sums apart.
    assert np.sqrt(np.mean(change**2) / np.mean(plain**2)) < 1.2 * (10 ** (STRENGTH_DB / 20) - 1)
    assert not np.any(marked[plain == 0.0])
    power = np.abs(np.fft.rfft(change)) ** 2
    hz = np.fft.rfftfreq(len(change), 1 / RATE)
    assert power[(hz < 100) | (hz > 4200)].sum() < 0.02 * power.sum()
    both = [levels_db(at_rate(samples, RATE, HEARD_HZ)) for samples in (marked, plain)]
    moved = np.abs(both[0][0] - both[1][0])[both[1][1] > 0.9]
    assert np.median(moved) < STRENGTH_DB


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000, 192_000])
def test_outputs_of_every_rate_are_marked(rate: int) -> None:
    made = Anonymizer(secret=SECRET)(at_rate(ten_seconds(), RATE, rate), rate)
    assert voiceanon.detect(made, rate).found
    assert voiceanon.detect(at_rate(made, rate, 8_000), 8_000).found


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_level_whole_numbers_and_cuts_take_nothing_away(marked, gain: float) -> None:
    cut = np.clip(gain * marked[12_345:], -1.0, 1.0)
    report = voiceanon.detect(np.rint(cut * 32_767).astype(np.int16), RATE)
    assert report.found
    assert rows_apart(report.start_s / ROW_S, start_of(SECRET) + 12_345 / (RATE * ROW_S)) <= 1


def test_channels_are_marked_each_for_itself() -> None:
    both = np.zeros((2, 10 * RATE), np.float32)
    for channel, first in enumerate((0, 2)):
        samples = ten_seconds(first)[: 10 * RATE]
        both[channel, : len(samples)] = samples
    made = Anonymizer(secret=SECRET)(both, RATE)
    for channel in range(2):
        report = voiceanon.detect(made[channel], RATE)
        assert report.found
        assert rows_apart(report.start_s / ROW_S, start_of(SECRET, channel=channel)) <= 1
    made[0] = ten_seconds()[: 10 * RATE]
    assert voiceanon.detect(made, RATE).found


def test_long_recordings_are_heard_by_half_minutes(marked) -> None:
    other = clip(clip_names()[3])[0]
    speech = np.tile(other, 7)[: 30 * RATE]
    # A marked part after unmarked speech, and two outputs joined: neither fits one pattern.
    report = voiceanon.detect(np.concatenate([speech, marked]), RATE)
    assert report.found
    assert report.listened_s > 35
    assert not voiceanon.detect(speech, RATE).found


def test_nothing_is_found_where_nothing_is() -> None:
    for samples in (np.zeros(5 * RATE), np.zeros(100), np.full(5 * RATE, 0.5)):
        report = voiceanon.detect(samples, RATE)
        assert not report.found
        assert report.p_bound == 1.0
    assert not evidence(np.zeros(HEARD_HZ)).any()
    for name in clip_names():
        assert not voiceanon.detect(*clip(name)).found


# Whom it tells apart


def test_where_the_pattern_begins_is_drawn_for_each_recording_and_channel() -> None:
    starts = [start_of(SECRET, f"recording {k}") for k in range(4096)]
    counts = np.bincount(np.array(starts) // (PERIOD_ROWS // 16), minlength=16)
    chi_square = ((counts - 256.0) ** 2 / 256.0).sum()
    assert chi_square < 39.3  # 15 degrees of freedom, one of 1700
    # The speaker's label moves nothing: two recordings of one person begin where they like.
    rows = np.zeros((PERIOD_ROWS, 1), np.float32)
    writers = [Labels(SECRET, "a", speaker).mark(1.0, 0) for speaker in (None, "s1", "s2")]
    for writer in writers[1:]:
        np.testing.assert_array_equal(writer.process(rows), writers[0].process(rows))
        writers[0].reset()


def test_two_outputs_of_a_person_are_no_more_alike_than_two_people_s() -> None:
    heard = []
    for person, name in enumerate(clip_names()):
        samples, rate = clip(name)
        for take in range(3):
            # Fresh secrets, repeatable: what the operating system would give.
            secret = Draws(SECRET, "link", str(person), str(take)).bytes(32)
            report = voiceanon.detect(Anonymizer(secret=secret)(samples, rate), rate)
            heard.append((person, report.start_s / ROW_S, report.score))
    same, different = [], []
    for (a, start_a, _), (b, start_b, _) in itertools.combinations(heard, 2):
        (same if a == b else different).append(rows_apart(start_a, start_b))
    assert len(same) == 18
    # Uniform on the circle: distances from 0 to half a period, their mean 192 ± 111 rows.
    deviation = PERIOD_ROWS / 2 / math.sqrt(12)
    for distances in (same, different):
        off = abs(np.mean(distances) - PERIOD_ROWS / 4)
        assert off < 3 * deviation / math.sqrt(len(same))
    ranks = np.mean([[a < b for b in different] for a in same])
    assert abs(ranks - 0.5) < 0.2
