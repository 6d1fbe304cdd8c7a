"""The coder of descriptions: whatever goes in comes out, no bytes break it, and it is small."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sounds import clip, clip_names
from stored_examples import abstractions

from voiceanon import Abstraction, RecordingError, abstract
from voiceanon.coding import contexts
from voiceanon.coding.content import Content
from voiceanon.coding.contexts import ALPHABETS, table
from voiceanon.coding.description_code import Ladders, Symbols, Tracks, decode, encode
from voiceanon.coding.range_coder import TOTAL, RangeDecoder, RangeEncoder


def tracks_of(described: Abstraction) -> Tracks:
    return Tracks(described.units, described.voiced, described.energy, described.pitch)


def same(one: Tracks, other: Tracks) -> bool:
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one, other, strict=True))


# The range coder


@st.composite
def messages(draw: st.DrawFn) -> list[tuple[list[int], int]]:
    """Return symbols, each with the bounds of its alphabet: also the narrowest and the widest."""
    inner = st.lists(st.integers(1, TOTAL - 1) | st.sampled_from([1, TOTAL - 1]), max_size=6)
    alphabets = draw(st.lists(inner, max_size=60))
    bounds = [sorted({0, TOTAL, *cuts}) for cuts in alphabets]
    return [(bound, draw(st.integers(0, len(bound) - 2))) for bound in bounds]


def coded(message: list[tuple[list[int], int]]) -> bytes:
    coder = RangeEncoder()
    starts = [bounds[symbol] for bounds, symbol in message]
    coder.put(starts, [b[s + 1] - b[s] for b, s in message])
    return coder.finish()


@given(messages())
def test_every_message_comes_back(message) -> None:
    decoder = RangeDecoder(coded(message))
    assert [decoder.take(bounds) for bounds, _ in message] == [symbol for _, symbol in message]
    decoder.finish()


@given(messages())
def test_the_bytes_are_the_exact_coders_to_within_rounding(message) -> None:
    # The slow twin narrows an interval of fractions; its width tells the bits that must be spent.
    width = Fraction(1)
    for bounds, symbol in message:
        width *= Fraction(bounds[symbol + 1] - bounds[symbol], TOTAL)
    bits = (width.denominator // width.numerator).bit_length() - 1
    # The last bytes are left out where zeros say the same.
    assert bits - 32 <= 8 * len(coded(message)) <= bits + 10 + 0.002 * len(message)


def test_carries_reach_back_over_full_bytes() -> None:
    top, low = [0, TOTAL - 1, TOTAL], [0, 1, TOTAL]
    for count in range(1, 40):
        for last in (0, 1):
            message = [(top, 1)] * count + [(low, 1)] * 30 + [(top, last)]
            decoder = RangeDecoder(coded(message))
            assert [decoder.take(b) for b, _ in message] == [s for _, s in message]


def test_bytes_left_over_are_refused() -> None:
    message = [([0, 5, TOTAL], 1)] * 10
    decoder = RangeDecoder(coded(message) + b"\0" * 5)
    for bounds, _ in message:
        decoder.take(bounds)
    with pytest.raises(RecordingError, match="follow"):
        decoder.finish()


# Descriptions


@given(abstractions())
def test_every_description_comes_back_bit_for_bit(described: Abstraction) -> None:
    tracks, levels = tracks_of(described), described.pitch_levels
    data = encode(tracks, levels)
    assert same(decode(data, described.frames, described.units.shape[1], levels), tracks)


@pytest.mark.parametrize("name", clip_names())
@pytest.mark.parametrize(("recipe", "most"), [("bottleneck", 400), ("plain", 500)])
def test_real_speech_comes_back_and_is_small(name: str, recipe: str, most: int) -> None:
    described = abstract(*clip(name), bytes(32), recipe=recipe)
    data = encode(tracks_of(described), described.pitch_levels)
    assert same(decode(data, described.frames, 6, described.pitch_levels), tracks_of(described))
    assert 8 * len(data) / described.duration_s < most  # drawn accents are less expected


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(1, 6), st.integers(1, 256))
def test_any_bytes_give_tracks_or_one_error(data, frames, digits, levels) -> None:
    try:
        tracks = decode(data, frames, digits, levels)
    except RecordingError:
        return
    assert tracks.units.shape == (frames, digits)
    assert same(decode(encode(tracks, levels), frames, digits, levels), tracks)


def test_a_few_bytes_never_stand_for_many_frames() -> None:
    with pytest.raises(RecordingError, match="cannot hold 4000000 frames"):
        decode(bytes(10), 4_000_000, 6, 4)


def test_a_quiet_day_is_coded_as_it_is() -> None:
    frames = 100_000
    still = np.zeros(frames, np.int8)
    tracks = Tracks(np.zeros((frames, 6), np.int8), still > 0, still - 20, still)
    data = encode(tracks, 4)
    assert same(decode(data, frames, 6, 4), tracks)


# Contexts and tables


@given(abstractions())
def test_contexts_of_arrays_are_those_of_numbers(described: Abstraction) -> None:
    # The decoder has one symbol at a time; what it finds must be what the encoder found.
    symbols = Symbols(tracks_of(described)).of
    ladders = Ladders(symbols, described.pitch_levels).of("energy")
    before, earlier = contexts.PAUSE, contexts.PAUSE
    for frame, symbol in enumerate(symbols["energy"].tolist()):
        here = contexts.energy_contexts(before, earlier)
        assert tuple(int(step[frame]) for step in ladders) == here
        before, earlier = symbol, before


@given(abstractions())
def test_contexts_are_distinct(described: Abstraction) -> None:
    # A finer context determines the coarser ones, and none is shared by two places on a ladder.
    symbols = Symbols(tracks_of(described)).of
    ladders = Ladders(symbols, described.pitch_levels)
    for track in symbols:
        ladder = ladders.of(track)
        for step, found in enumerate(ladder):
            assert ((found & 7) == step).all()
        for coarse, fine in pairwise(ladder):
            pairs = set(zip(fine.tolist(), coarse.tolist(), strict=True))
            assert len(pairs) == len({context for context, _ in pairs})


@pytest.mark.parametrize("track", ALPHABETS)
def test_tables_are_whole(track: str) -> None:
    shipped = table(track)
    assert shipped.frequencies.min() >= 1
    assert (shipped.frequencies.sum(1) == TOTAL).all()
    known = list(shipped.bounds_of)
    assert known == sorted(set(known))
    assert known[0] == 0
    assert shipped.frequencies.shape[1] == len(ALPHABETS[track]) + (track != "voiced")


def test_contents_of_another_code_are_refused() -> None:
    still = np.zeros(5, np.int8)
    tracks = Tracks(np.zeros((5, 6), np.int8), still > 0, still, still)
    made = Content.of(tracks, pitch_levels=4, n_samples=1600, rate=16_000, model="0" * 16)
    again = Content.from_bytes(made.to_bytes())
    assert again == made
    assert same(again.tracks(), tracks)
    other = Content(**{**made.__dict__, "code": b"else"})
    with pytest.raises(RecordingError, match=b"else".hex()):
        other.tracks()
