"""Every compiled loop agrees with a slow, obvious twin, for right and for wild arguments."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from voiceanon import _kernels

ULPS = {"rtol": 3e-7, "atol": 1e-45}
power = st.just(0.0) | st.floats(2.0**-60, 2.0**20, width=32)
envelopes = hnp.arrays(np.float32, st.tuples(st.integers(1, 8), st.integers(1, 12)), elements=power)
pitch = st.just(0.0) | st.floats(50, 600, width=32)
pitches = hnp.arrays(np.float32, st.integers(1, 20), elements=pitch)
wild = st.floats(-3, 30) | st.floats()  # beyond both ends, infinite and NaN too
paths = hnp.arrays(np.float64, st.integers(0, 20), elements=wild)


def between_rows(rows: np.ndarray, position: float) -> np.ndarray:
    """Return one row read between two: the geometric mean by distance, or the nearer beside a 0."""
    if math.isnan(position):
        position = 0.0
    position = min(max(position, 0.0), len(rows) - 1.0)
    low, part = int(position), position - int(position)
    here = rows[low].astype(np.float64)
    there = rows[min(low + 1, len(rows) - 1)].astype(np.float64)
    nearer = here if part < 0.5 else there
    both = (here > 0) & (there > 0)
    mean = np.where(both, here, 1.0) ** (1 - part) * np.where(both, there, 1.0) ** part
    return np.where(both, mean, nearer)


@given(envelopes, st.floats(0.25, 4.0))
def test_warp_envelope_agrees_with_its_twin(envelope: np.ndarray, scale: float) -> None:
    twin = np.array([between_rows(envelope.T, k / scale) for k in range(envelope.shape[1])]).T
    np.testing.assert_allclose(_kernels.warp_envelope(envelope, scale), twin, **ULPS)


@given(envelopes, paths)
def test_interpolate_envelope_agrees_with_its_twin(envelope: np.ndarray, path: np.ndarray) -> None:
    twin = np.array([between_rows(envelope, position) for position in path])
    read = _kernels.interpolate_envelope(envelope, path)
    np.testing.assert_allclose(read, twin.reshape(len(path), envelope.shape[1]), **ULPS)


@given(pitches, paths)
def test_interpolate_f0_agrees_with_its_twin(f0_hz: np.ndarray, path: np.ndarray) -> None:
    twin = [between_rows(f0_hz, position) for position in path]
    np.testing.assert_allclose(_kernels.interpolate_f0(f0_hz, path), np.array(twin), **ULPS)


@given(pitches, st.floats(50, 200), st.floats(0.01, 1.0), st.integers(1, 30), st.floats(0, 0.4))
def test_quantise_f0_agrees_with_its_twin(
    f0_hz: np.ndarray, lowest_hz: float, step: float, levels: int, reluctance: float
) -> None:
    twin, level = np.zeros(len(f0_hz)), None
    for i, hz in enumerate(f0_hz.astype(np.float64)):
        if hz == 0:
            level = None
            continue
        place = (math.log(hz) - math.log(lowest_hz)) / step
        if level is None or abs(place - level) > 0.5 + reluctance:
            level = min(max(math.floor(place + 0.5), 0), levels - 1)
        twin[i] = lowest_hz * math.exp(level * step)
    quantised = _kernels.quantise_f0(f0_hz, lowest_hz, step, levels, reluctance)
    np.testing.assert_allclose(quantised, twin, rtol=1e-6)


def test_quantise_f0_does_not_flutter_where_plain_rounding_would() -> None:
    border_hz = 100 * math.exp(0.05)
    flutter = np.float32(border_hz) * np.float32([1, 1.004, 0.996, 1.004, 0.996])
    assert len(set(_kernels.quantise_f0(flutter, 100.0, 0.1, 5, 0.0).tolist())) == 2
    assert len(set(_kernels.quantise_f0(flutter, 100.0, 0.1, 5, 0.1).tolist())) == 1


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.integers(0, 20)),
        elements=st.just(0.0)
        | st.floats(-1.25, 1.25, width=32)
        | st.floats(-(2.0**-12), 2.0**-12, width=32),
    ),
    st.integers(0, 2**64 - 1),
)
def test_round_samples_agrees_with_its_twin(samples: np.ndarray, seed: int) -> None:
    words = (
        np.random.SFC64(seed).random_raw(samples.size).astype(np.uint32).reshape(samples.T.shape)
    )
    values = samples.T * np.float32(32768)
    dithered = values + (np.float32(words % 65536) - np.float32(words // 65536)) / np.float32(65536)
    twin = np.rint(np.clip(np.where(values == 0, 0, dithered), -32768, 32767))
    rounded = _kernels.round_samples(samples, words.ravel())
    np.testing.assert_array_equal(rounded, twin.astype(np.int16))


@pytest.mark.parametrize("steps", [100.0, 100.25, 100.5])
def test_triangular_dither_makes_the_error_of_rounding_the_same_for_every_sample(
    steps: float,
) -> None:
    # Mean 0 and variance 1/4 (1/6 of the dither, 1/12 of rounding): Lipshitz et al. 1992, eq. 33.
    words = np.random.SFC64(1).random_raw(40_000).astype(np.uint32)
    rounded = _kernels.round_samples(np.full((1, 40_000), steps / 32768, np.float32), words)
    assert abs(rounded.mean() - steps) < 0.0125  # five standard deviations of the mean
    assert abs(rounded.std() - 0.5) < 0.0125


@pytest.mark.parametrize("wild", [np.nan, np.inf, -np.inf, 1e30])
def test_a_wild_sample_is_full_scale_and_dither_for_others_is_refused(wild: float) -> None:
    dither = np.zeros(1, np.uint32)
    rounded = _kernels.round_samples(np.float32([[wild]]), dither)
    assert abs(int(rounded[0, 0])) >= 32767
    with pytest.raises(ValueError, match="one word for each sample"):
        _kernels.round_samples(np.zeros((2, 1), np.float32), dither)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf, -np.inf, 5e-324, 1e308])
def test_a_wild_scale_reads_nothing_but_the_envelope(scale: float) -> None:
    envelope = np.float32([[1, 2, 3, 4]])
    assert set(_kernels.warp_envelope(envelope, scale)[0].tolist()) <= {1.0, 2.0, 3.0, 4.0}


def test_nothing_to_read_from_is_refused_and_nothing_to_read_is_empty() -> None:
    for kernel, frames in (
        (_kernels.interpolate_envelope, np.zeros((0, 3), np.float32)),
        (_kernels.interpolate_f0, np.zeros(0, np.float32)),
    ):
        with pytest.raises(ValueError, match="no frames"):
            kernel(frames, np.zeros(1))
    assert _kernels.interpolate_envelope(np.ones((2, 3), np.float32), np.zeros(0)).shape == (0, 3)
    assert _kernels.warp_envelope(np.ones((2, 0), np.float32), 1.0).shape == (2, 0)
    assert _kernels.quantise_f0(np.zeros(0, np.float32), 100.0, 0.1, 3, 0.1).shape == (0,)


def test_read_only_arrays_are_taken_and_none_is_not() -> None:
    envelope = np.ones((2, 3), np.float32)
    envelope.flags.writeable = False
    np.testing.assert_array_equal(_kernels.warp_envelope(envelope, 1.3), envelope)
    with pytest.raises(TypeError, match="None"):
        _kernels.warp_envelope(None, 1.0)
