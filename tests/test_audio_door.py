"""The one door lets right arrays in unchanged and refuses the rest with one clear error."""

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from bad_arrays import BAD, BAD_CHUNK, ODD, RATE, N, Row, refuses, tone
from hypothesis import given
from hypothesis.extra import numpy as hnp

from voiceanon.audio import (
    MAX_PEAK,
    check_audio,
    check_channels,
    check_chunk,
    check_rate,
)
from voiceanon.errors import InputError, VoiceanonError

SCALE = {"f": 1.0, "i": 32_768.0}


@BAD
def test_bad_arrays_are_refused(row: Row) -> None:
    with refuses(row):
        check_audio(row.samples(), row.rate)


@ODD
def test_odd_arrays_are_admitted_and_come_back_in_their_own_form(row: Row) -> None:
    samples = row.samples()
    checked = check_audio(samples, row.rate)
    assert checked.data.dtype == np.float32
    assert checked.data.dtype.isnative
    assert checked.data.flags.c_contiguous
    assert checked.data.flags.aligned
    assert checked.data.ndim == 2
    expected = np.atleast_2d(samples).astype(np.float64) / SCALE[samples.dtype.kind]
    expected = expected.clip(-MAX_PEAK, MAX_PEAK)
    np.testing.assert_allclose(checked.data, expected, rtol=1e-6)
    assert checked.rate == row.rate
    assert type(checked.rate) is int
    restored = checked.restore(checked.data.copy())
    assert restored.shape == samples.shape
    assert restored.dtype == samples.dtype
    limited = expected.reshape(samples.shape) * SCALE[samples.dtype.kind]
    np.testing.assert_allclose(restored.astype(np.float64), limited, rtol=1e-6)


def test_checked_samples_cannot_be_written_to() -> None:
    samples = tone()
    with pytest.raises(ValueError, match="read-only"):
        check_audio(samples, RATE).data[0, 0] = 1.0
    samples[0] = 0.25  # while the caller's own array stays writable


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_the_result_may_not_lie_in_the_memory_of_the_input(dtype: type) -> None:
    checked = check_audio(tone(dtype), RATE)
    with pytest.raises(VoiceanonError, match="shares memory"):
        checked.restore(checked.data)
    with pytest.raises(VoiceanonError, match="shares memory"):
        checked.restore(checked.data[:, ::-1])


@pytest.mark.parametrize("shape", [(1, 1_599), (2, 1_600), (1_600,), (1, 0)])
def test_a_result_of_another_shape_is_withheld(shape: tuple[int, ...]) -> None:
    with pytest.raises(VoiceanonError, match="shape"):
        check_audio(tone(), RATE).restore(np.zeros(shape, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_a_result_that_is_not_finite_is_withheld(value: float, dtype: type) -> None:
    result = np.zeros((1, 1_600), np.float32)
    result[0, 3] = value
    with pytest.raises(VoiceanonError, match="not finite"):
        check_audio(tone(dtype), RATE).restore(result)


@given(hnp.arrays(np.int16, st.integers(2, 50)))
def test_int16_comes_back_bit_equal(samples: np.ndarray) -> None:
    checked = check_audio(samples, RATE)
    np.testing.assert_array_equal(checked.restore(checked.data.copy()), samples)


@given(st.floats(-2.0, 2.0, width=32))
def test_integers_are_limited_instead_of_wrapping(value: float) -> None:
    restored = check_audio(np.zeros(2, np.int16), RATE).restore(np.full((1, 2), value, "f4"))
    assert restored[0] == np.clip(np.rint(np.float32(value) * 32_768), -32_768, 32_767)


finite_or_not = st.sampled_from(["f4", "f8"]).flatmap(
    lambda kind: hnp.arrays(
        np.dtype(kind), hnp.array_shapes(min_dims=1, max_dims=2, min_side=2, max_side=30)
    )
)


@given(finite_or_not)
def test_every_finite_array_is_admitted_in_range_and_no_other(samples: np.ndarray) -> None:
    before = samples.copy()
    if np.isfinite(samples).all():
        data = check_audio(samples, RATE).data
        limited = np.atleast_2d(samples).clip(-MAX_PEAK, MAX_PEAK)
        np.testing.assert_array_equal(data, limited.astype(np.float32))
    else:
        at = np.argwhere(~np.isfinite(np.atleast_2d(samples)))[0]
        with pytest.raises(InputError, match=rf"samples\[{at[0]}, {at[1]}\] is .*finite"):
            check_audio(samples, RATE)
    np.testing.assert_array_equal(samples, before)


def test_limiting_leaves_the_callers_array_alone() -> None:
    samples = np.full(N, 1e300)
    assert check_audio(samples, RATE).data.max() == MAX_PEAK
    assert (samples == 1e300).all()


@given(st.integers(-(10**6), 10**6) | st.floats())
def test_rates_are_admitted_exactly_when_whole_and_in_range(rate: float) -> None:
    if rate in range(8_000, 192_001):
        assert check_rate(rate) == rate
    else:
        with pytest.raises(InputError, match="rate is"):
            check_rate(rate)


@pytest.mark.parametrize("channels", [1, 2, 64, np.int64(3)])
def test_right_channel_counts(channels: int) -> None:
    assert check_channels(channels) == channels


@pytest.mark.parametrize("channels", [0, -1, 65, 10**9, True, 2.0, "2", None, np.array([2])])
def test_wrong_channel_counts(channels: object) -> None:
    with pytest.raises(InputError, match="channels is .*from 1 to 64"):
        check_channels(channels)


@pytest.mark.parametrize("n", [0, 1, 7])
def test_chunks_may_be_of_any_length(n: int) -> None:
    assert check_chunk(tone()[:n], RATE, 1).data.shape == (1, n)
    assert check_chunk(tone(shape=(2, 9))[:, :n], RATE, 2).data.shape == (2, n)


@pytest.mark.parametrize(
    ("shape", "channels"), [((5,), 2), ((3, 5), 2), ((2, 5), 1), ((0, 5), 1), ((1, 5), 2)]
)
def test_chunks_of_other_channels_are_refused(shape: tuple[int, ...], channels: int) -> None:
    with pytest.raises(InputError, match=r"chunk has shape|channels"):
        check_chunk(np.zeros(shape, np.float32), RATE, channels)


def test_chunks_keep_one_form() -> None:
    layout = check_chunk(tone(np.int16), RATE, 1).layout
    assert check_chunk(tone(np.int16)[:3], RATE, 1, layout).layout == layout
    for other in (tone(np.float32), tone(np.int16)[None]):
        with pytest.raises(InputError, match=r"chunks before were \(n,\) int16"):
            check_chunk(other, RATE, 1, layout)


@BAD_CHUNK
def test_bad_arrays_are_refused_as_chunks(row: Row) -> None:
    with refuses(row):
        check_chunk(row.samples(), RATE, 2 if row.name == "nan in one channel" else 1)


ALLOWED_RATE = "it must be a whole number of samples a second from 8000 to 192000"
ALLOWED_CHANNELS = "it must be a whole number from 1 to 64"
ALLOWED_ARRAY = "it must be a NumPy array of float32, float64 or int16"
ALLOWED_SHAPE = "it must be (channels, n) with 1 to 64 channels"


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        (lambda: check_rate("16000"), f"rate is of type str: {ALLOWED_RATE}"),
        (lambda: check_rate(7), f"rate is 7 (int): {ALLOWED_RATE}"),
        (lambda: check_rate(None), f"rate is None (NoneType): {ALLOWED_RATE}"),
        (lambda: check_channels([1]), f"channels is of type list: {ALLOWED_CHANNELS}"),
        (lambda: check_channels(np.int64(65)), f"channels is 65 (int64): {ALLOWED_CHANNELS}"),
        (lambda: check_audio([0.5], RATE), f"samples is of type list: {ALLOWED_ARRAY}"),
        (lambda: check_audio(None, RATE), f"samples is None (NoneType): {ALLOWED_ARRAY}"),
        (lambda: check_audio(0.5, RATE), f"samples is 0.5 (float): {ALLOWED_ARRAY}"),
        (
            lambda: check_audio(np.ma.masked_array(tone()), RATE),
            "samples is a masked array: fill or cut the masked samples first",
        ),
        (
            lambda: check_audio(np.zeros((1, 2, 3)), RATE),
            "samples has 3 dimensions, shape (1, 2, 3): it must be (n,) or (channels, n)",
        ),
        (
            lambda: check_audio(np.zeros((0, 5)), RATE),
            f"samples has shape (0, 5), which means 0 channels: {ALLOWED_SHAPE}",
        ),
        (
            lambda: check_audio(np.zeros((90, 0)), RATE),
            f"samples has shape (90, 0), which means 90 channels: {ALLOWED_SHAPE}, "
            "so transpose it if it is (n, channels)",
        ),
        (
            lambda: check_chunk(np.zeros((3, 5)), RATE, 2),
            "chunk has shape (3, 5): this stream takes (2, n)",
        ),
        (
            lambda: check_chunk(np.zeros((3, 5)), RATE, 1),
            "chunk has shape (3, 5): this stream takes (n,) or (1, n)",
        ),
        (
            lambda: check_chunk(tone()[None], RATE, 1, check_chunk(tone(), RATE, 1).layout),
            "chunk is (channels, n) float32: the chunks before were (n,) float32, "
            "and the form may not change within a stream",
        ),
    ],
)
def test_a_refusal_says_what_came_and_what_is_allowed(refused: Any, says: str) -> None:
    with pytest.raises(InputError) as refusal:
        refused()
    assert str(refusal.value) == says


def test_what_is_withheld_says_why() -> None:
    checked = check_audio(tone(), RATE)
    for data, says in (
        (np.full((1, N), np.nan, np.float32), "the result is not finite, so it is withheld"),
        (checked.data, "the result shares memory with the input, so it is withheld"),
        (np.zeros((1, 3), np.float32), f"the result has shape (1, 3) instead of (1, {N}), so it "),
    ):
        with pytest.raises(VoiceanonError) as refusal:
            checked.restore(data)
        assert str(refusal.value).startswith(says)


def test_what_is_checked_keeps_its_rate() -> None:
    assert check_chunk(tone(), RATE, 1).rate == check_audio(tone(), RATE).rate == RATE


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64, ">f4"])
def test_channels_in_any_memory_order_lie_one_after_the_other_inside(dtype: Any) -> None:
    samples = np.asfortranarray(tone(dtype, (2, N)))
    samples[1] *= 2
    data = check_audio(samples, RATE).data
    assert data.flags.c_contiguous
    np.testing.assert_array_equal(data, check_audio(np.ascontiguousarray(samples), RATE).data)
