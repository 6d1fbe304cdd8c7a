"""Equalised content: against plain NumPy, in any chunks, and on references that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
import sounds
from drawn_networks import LEVELS, random_tables, rows_of
from hypothesis import given
from hypothesis import strategies as st

from voiceanon import Anonymizer, _engine
from voiceanon.bottleneck import (
    content_reference_tables,
    encoder,
    make_bottleneck_model,
    make_content_reference,
)
from voiceanon.keys import Draws
from voiceanon.privacy.drawing import normal

DIGITS = len(LEVELS)
PRIOR = 50  # frames
PITCH_STEP, PITCH_BINS, LOWEST_DB, LEVEL_BINS = 0.05, 101, -60, 73
Tables = dict[str, np.ndarray]


def drawn_reference(seed: str = "reference") -> Tables:
    draws = Draws(bytes(32), seed)
    spread = 0.08 * normal(draws, DIGITS * DIGITS).reshape(DIGITS, DIGITS)
    covariance = (spread @ spread.T + 0.01 * np.eye(DIGITS)).astype(np.float32)
    found = {
        "place_mean": (0.1 * normal(draws, DIGITS)).astype(np.float32),
        "place_covariance": (covariance + covariance.T) / 2,
    }
    for name, bins in (
        ("pitch_shares", PITCH_BINS),
        ("level_shares", LEVEL_BINS),
    ):
        shares = np.abs(normal(draws, bins)) * np.hanning(bins + 2)[1:-1]
        found[name] = (shares / shares.sum()).astype(np.float32)
    return found


def hears(reference: Tables | None, **settings: bool) -> _engine.ContentEncoder:
    model = make_bottleneck_model(random_tables(pauses=False))
    made = None if reference is None else make_content_reference(reference)
    return _engine.ContentEncoder(
        model, digits=DIGITS, pitch_levels=0, rounded=False, reference=made, **settings
    )


def all_of(stage: _engine.ContentEncoder, rows: np.ndarray) -> np.ndarray:
    return np.concatenate([stage.process(rows), stage.finish()])


def power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T


def matched(values: np.ndarray, low: float, step: float, shares: np.ndarray) -> np.ndarray:
    """Histogram equalisation, bin by bin, through both cumulative distributions."""
    bins = np.clip(np.rint((values - low) / step), 0, len(shares) - 1).astype(int)
    shares = shares.astype(np.float64)
    own = np.bincount(bins, minlength=len(shares)) + PRIOR * shares
    own /= len(values) + PRIOR
    middle = np.cumsum(own) - own / 2
    edges = np.concatenate([[0.0], np.cumsum(shares)])
    return low + step * (np.interp(middle[bins], edges, np.arange(len(edges))) - 0.5)


def expected(heard: np.ndarray, reference: Tables) -> np.ndarray:
    """The equalised frames in double precision."""
    made = heard.astype(np.float64)
    places, (voiced, level, pitch) = made[:, :DIGITS], made[:, DIGITS:].T
    speech = level > -42
    x, mean = places[speech], reference["place_mean"].astype(np.float64)
    wanted = reference["place_covariance"].astype(np.float64)
    weight = len(x) + PRIOR
    own_mean = (x.sum(0) + PRIOR * mean) / weight
    own = (len(x) * np.cov(x.T, bias=True) + PRIOR * wanted) / weight
    half, back = power(own, 0.5), power(own, -0.5)
    move = back @ power(half @ wanted @ half, 0.5) @ back
    places[speech] = np.clip((x - own_mean) @ move + mean, -1, 1)
    is_voiced = voiced > 0.5
    pitch[is_voiced] = matched(
        pitch[is_voiced], -PITCH_STEP * (PITCH_BINS // 2), PITCH_STEP, reference["pitch_shares"]
    )
    level[speech] = matched(level[speech], LOWEST_DB, 1.0, reference["level_shares"])
    return made


def test_content_is_that_of_numpy() -> None:
    rows, reference = rows_of(6.0), drawn_reference()
    heard = all_of(hears(None), rows)
    made = all_of(hears(reference, whole=True), rows)
    wanted = expected(heard, reference)
    # Pitch within ±2.5 comes out so, and a float32 may lie across a bin's edge.
    wanted[:, -1] = np.clip(wanted[:, -1], -2.5, 2.5)
    assert np.abs(made[:, :DIGITS] - wanted[:, :DIGITS]).max() < 1e-4
    assert np.abs(made[:, DIGITS + 1 :] - wanted[:, DIGITS + 1 :]).max() < 1e-2
    assert np.abs(made[:, :DIGITS] - heard[:, :DIGITS]).max() > 0.05


def test_means_and_distributions_come_out_as_the_references() -> None:
    rows, reference = np.tile(rows_of(6.0), (8, 1)), drawn_reference()
    heard = all_of(hears(None), rows)
    made = all_of(hears(reference, whole=True), rows)
    assert np.array_equal(made[:, DIGITS] > 0.5, heard[:, DIGITS] > 0.5)  # voicing stays
    speech = heard[:, DIGITS + 1] > -42
    assert np.array_equal(made[~speech], heard[~speech])  # and pauses
    places = made[speech, :DIGITS].astype(np.float64)
    own_mean = heard[speech, :DIGITS].mean(0)
    wanted = reference["place_mean"]
    assert np.abs(places.mean(0) - wanted).max() < 0.1 * np.abs(own_mean - wanted).max()
    voiced = speech & (made[:, DIGITS] > 0.5)
    for values, name, low, step in (
        (made[speech, -2], "level_shares", LOWEST_DB, 1.0),
        (made[voiced, -1], "pitch_shares", -PITCH_STEP * (PITCH_BINS // 2), PITCH_STEP),
    ):
        edges = low + step * (np.arange(len(reference[name])) + 0.5)
        found = np.searchsorted(np.sort(values), edges) / len(values)
        assert np.abs(found - np.cumsum(reference[name])).max() < 0.1


def test_content_that_is_as_the_reference_stays() -> None:
    rows = rows_of(6.0)
    heard = all_of(hears(None), rows).astype(np.float64)
    speech = heard[heard[:, DIGITS + 1] > -42]
    is_voiced = speech[:, DIGITS] > 0.5

    def shares(values: np.ndarray, bins: int) -> np.ndarray:
        counts = np.bincount(np.rint(values).astype(int), minlength=bins)
        return (counts / counts.sum()).astype(np.float32)

    covariance = np.cov(speech[:, :DIGITS].T, bias=True).astype(np.float32)
    own = {
        "place_mean": speech[:, :DIGITS].mean(0).astype(np.float32),
        "place_covariance": (covariance + covariance.T) / 2,
        "pitch_shares": shares(speech[is_voiced, -1] / PITCH_STEP + PITCH_BINS // 2, PITCH_BINS),
        "level_shares": shares(speech[:, -2] - LOWEST_DB, LEVEL_BINS),
    }
    made = all_of(hears(own, whole=True), rows)
    assert np.abs(made[:, :DIGITS] - heard[:, :DIGITS]).max() < 2e-3
    assert np.abs(made[:, DIGITS + 1] - heard[:, DIGITS + 1]).max() <= 0.5
    assert np.abs(made[:, -1] - heard[:, -1]).max() <= PITCH_STEP


@given(st.lists(st.integers(0, 300), max_size=8), st.booleans(), st.booleans())
def test_any_chunks_give_the_same_content(
    lengths: list[int], is_whole: bool, is_rounded: bool
) -> None:
    rows, model = rows_of(2.0), make_bottleneck_model(random_tables())
    stage = _engine.ContentEncoder(
        model,
        digits=DIGITS,
        pitch_levels=4,
        reference=make_content_reference(drawn_reference()),
        whole=is_whole,
        rounded=is_rounded,
    )
    wanted = all_of(stage, rows)
    cuts = np.minimum(np.cumsum(lengths, dtype=int), len(rows))
    for _ in range(2):  # and anew after a reset
        stage.reset()
        parts = [stage.process(part) for part in np.split(rows, cuts)]
        assert not (is_whole and any(map(len, parts)))
        assert np.array_equal(np.concatenate([*parts, stage.finish()]), wanted)


def test_an_adapting_encoder_comes_to_do_the_same() -> None:
    rows, reference = np.tile(rows_of(6.0), (8, 1)), drawn_reference()
    adapted = all_of(hears(reference), rows)
    whole = all_of(hears(reference, whole=True), rows)
    apart = np.abs(adapted - whole)[:, :DIGITS].mean(1)
    assert apart[-300:].mean() < 0.2 * apart[:50].mean()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("place_mean", lambda x: x[:2], "covariance does not fit"),
        ("place_mean", lambda x: x * np.nan, "within 1"),
        ("place_covariance", lambda x: -x, "vary"),
        ("place_covariance", lambda x: x + np.triu(np.ones_like(x), 1), "symmetric"),
        ("pitch_shares", lambda x: x[1:], "bins"),
        ("level_shares", lambda x: -x, "negative"),
        ("level_shares", lambda x: 2 * x, "add up"),
        ("level_shares", lambda x: x * np.nan, "negative"),
    ],
)
def test_references_that_do_not_fit_are_refused(name: str, change, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make_content_reference({**drawn_reference(), name: change(drawn_reference()[name])})


def test_a_reference_of_other_digits_is_refused() -> None:
    with pytest.raises(ValueError, match="digits"):
        _engine.ContentEncoder(
            make_bottleneck_model(random_tables()),
            digits=DIGITS,
            pitch_levels=4,
            reference=make_content_reference(content_reference_tables()),
        )


def test_places_of_speech_come_nearer_to_the_shipped_reference() -> None:
    rows, wanted = rows_of(5.0), content_reference_tables()
    apart = []
    for is_shared in (False, True):
        made = all_of(encoder(6, 0, shared=is_shared, whole=True, rounded=False), rows)
        places = made[made[:, -2] > -42, :6].astype(np.float64)
        covariance = np.cov(places.T)
        apart.append(
            (
                np.abs(places.mean(0) - wanted["place_mean"]).mean(),
                np.abs(covariance - wanted["place_covariance"]).mean(),
            )
        )
    (own_mean, own_covariance), (mean, covariance_apart) = apart
    assert mean < 0.5 * own_mean
    assert covariance_apart < 0.5 * own_covariance


def test_a_stream_that_waits_says_what_the_call_says() -> None:
    clip, rate = sounds.clip(sounds.clip_names()[0])
    samples = clip[: 3 * rate]
    anonymizer = Anonymizer("bottleneck", bytes(32))
    profiler = anonymizer.profiler(rate)
    profiler.process(samples)
    stream = anonymizer.stream(rate, profiles=profiler.finish(), whole=True)
    assert stream.waits
    assert not len(stream.process(samples[:rate]))
    assert not len(stream.process(samples[rate:]))
    parts = list(stream.finish_in_parts())
    assert len(parts) > 2
    assert np.array_equal(np.concatenate(parts, axis=1)[0], anonymizer(samples, rate))
    assert not anonymizer.stream(rate).waits
    assert not Anonymizer("template").stream(rate, whole=True).waits


def test_what_is_typical_is_not_taken_out_where_it_is_asked_to_stay() -> None:
    rows = rows_of(2.0)
    model = make_bottleneck_model(random_tables())
    plain, asked = (encoder(DIGITS, 4, model, whole=whole) for whole in (False, True))
    assert np.array_equal(all_of(plain, rows), all_of(asked, rows))
