"""Laws of the single transformations of frames: neutral settings, composition, what stays."""

from dataclasses import fields, replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given
from transform_cases import ALL, ARRAYS, BINS, EACH, RATE, draws, frames_of_all_kinds, made_frames

from voiceanon import Frames, synthesize, transform
from voiceanon.transform.pace import time_path


def assert_same(one: Frames, other: Frames, *, but: tuple[str, ...] = ()) -> None:
    for field in fields(Frames):
        if field.name not in but:
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def test_every_public_transformation_is_swept() -> None:
    assert set(ALL) == set(transform.__all__)


@EACH
@given(frames=frames_of_all_kinds)
def test_only_what_is_named_changes_and_the_result_can_be_spoken(name: str, frames: Frames) -> None:
    change, _, arrays = ALL[name]
    before = {key: getattr(frames, key).copy() for key in ARRAYS}
    changed = change(frames)
    assert_same(changed, frames, but=arrays)
    for key in ARRAYS:
        assert getattr(changed, key).dtype == before[key].dtype
        np.testing.assert_array_equal(getattr(frames, key), before[key])
    samples = synthesize(changed)
    assert samples.shape == (frames.n_samples,)
    assert np.isfinite(samples).all()


@EACH
def test_a_strong_setting_changes_something(name: str) -> None:
    change, _, arrays = ALL[name]
    frames = made_frames(3, 60)
    changed = change(frames)
    for key in arrays:
        assert not np.array_equal(getattr(changed, key), getattr(frames, key)), key


@pytest.mark.parametrize("name", [name for name, (_, neutral, _) in ALL.items() if neutral])
@given(frames=frames_of_all_kinds)
def test_the_neutral_setting_is_bit_equal(name: str, frames: Frames) -> None:
    neutral = ALL[name][1]
    assert neutral is not None
    assert_same(neutral(frames), frames)


@given(frames_of_all_kinds)
def test_smoothing_that_keeps_every_quefrency_keeps_every_value(frames: Frames) -> None:
    whole = transform.smooth_envelope(frames, BINS - 1)
    np.testing.assert_allclose(whole.envelope, frames.envelope, rtol=5e-7)


@EACH
@given(frames=frames_of_all_kinds)
def test_silence_stays_silence(name: str, frames: Frames) -> None:
    silent = replace(frames, envelope=np.zeros_like(frames.envelope))
    assert not ALL[name][0](silent).envelope.any()


@given(frames_of_all_kinds, st.floats(-12, 12), st.floats(-12, 12))
def test_shifts_add_up_and_a_shift_back_returns(frames: Frames, one: float, other: float) -> None:
    twice = transform.shift_pitch(transform.shift_pitch(frames, one), other)
    np.testing.assert_allclose(
        twice.f0_hz, transform.shift_pitch(frames, one + other).f0_hz, rtol=3e-7
    )
    back = transform.shift_pitch(transform.shift_pitch(frames, one), -one)
    np.testing.assert_allclose(back.f0_hz, frames.f0_hz, rtol=3e-7)


@given(frames_of_all_kinds, st.floats(0, 2), st.floats(0, 2))
def test_pitch_ranges_multiply_around_one_mean(frames: Frames, one: float, other: float) -> None:
    assume(frames.voiced.any())
    twice = transform.scale_pitch_range(transform.scale_pitch_range(frames, one), other)
    once = transform.scale_pitch_range(frames, one * other)
    np.testing.assert_allclose(twice.f0_hz, once.f0_hz, rtol=1e-6)
    means = [np.log(f.f0_hz[f.voiced].astype(float)).mean() for f in (frames, once)]
    assert means[0] == pytest.approx(means[1], abs=1e-6)
    spreads = [np.log(f.f0_hz[f.voiced].astype(float)).std() for f in (frames, once)]
    assert spreads[1] == pytest.approx(one * other * spreads[0], abs=1e-6)


@given(frames_of_all_kinds, st.integers(1, 12))
def test_quantised_pitch_lies_on_levels_and_stays_there(frames: Frames, levels: int) -> None:
    assume(frames.voiced.any())
    stepped = transform.quantise_pitch(frames, levels)
    assert len(set(stepped.f0_hz[frames.voiced].tolist())) <= levels
    again = transform.quantise_pitch(stepped, levels)
    np.testing.assert_allclose(again.f0_hz, stepped.f0_hz, rtol=3e-7)
    log_f0 = np.log(frames.f0_hz[frames.voiced].astype(float))
    if levels > 1:
        step = np.ptp(log_f0) / (levels - 1)
        moved = np.log(stepped.f0_hz[frames.voiced].astype(float)) - log_f0
        assert np.abs(moved).max() <= 0.6 * step + 1e-6


@given(frames_of_all_kinds, st.floats(0.5, 2.0), st.integers(0, BINS - 1))
def test_formants_and_detail_change_at_equal_power(
    frames: Frames, scale: float, order: int
) -> None:
    power = frames.envelope.mean(axis=1, dtype=np.float64)
    for changed in (
        transform.scale_formants(frames, scale),
        transform.smooth_envelope(frames, order),
    ):
        np.testing.assert_allclose(changed.envelope.mean(axis=1, dtype=float), power, rtol=1e-6)


@given(frames_of_all_kinds, st.floats(-6, 6), st.floats(-6, 6))
def test_tilts_add_up_and_leave_1_khz(frames: Frames, one: float, other: float) -> None:
    once = transform.tilt_spectrum(frames, one + other)
    twice = transform.tilt_spectrum(transform.tilt_spectrum(frames, one), other)
    np.testing.assert_allclose(twice.envelope, once.envelope, rtol=5e-7)
    np.testing.assert_allclose(once.envelope[:, 64], frames.envelope[:, 64], rtol=1e-7)
    loud = frames.envelope.all(axis=1)
    for low, high in ((32, 64), (128, 256), (200, 400)):
        gain_db = 10 * np.log10(once.envelope[loud] / frames.envelope[loud])
        np.testing.assert_allclose(gain_db[:, high] - gain_db[:, low], one + other, atol=1e-4)


@given(frames_of_all_kinds, st.integers(0, 100), st.integers(0, 100))
def test_the_smoother_of_two_smoothings_decides(frames: Frames, one: int, other: int) -> None:
    twice = transform.smooth_envelope(transform.smooth_envelope(frames, one), other)
    once = transform.smooth_envelope(frames, min(one, other))
    np.testing.assert_allclose(twice.envelope, once.envelope, rtol=3e-6)
    flat = transform.smooth_envelope(frames, 0).envelope
    np.testing.assert_allclose(flat, np.broadcast_to(flat[:, :1], flat.shape), rtol=1e-6)


@given(frames_of_all_kinds, st.floats(0, 0.9), st.floats(0, 0.9))
def test_breathiness_fills_the_share_that_is_left(frames: Frames, one: float, other: float) -> None:
    twice = transform.blend_breathiness(transform.blend_breathiness(frames, one), other)
    once = transform.blend_breathiness(frames, 1 - (1 - one) * (1 - other))
    np.testing.assert_allclose(twice.aperiodicity, once.aperiodicity, atol=1e-6)
    whisper = transform.blend_breathiness(frames, 1.0).aperiodicity
    buzz = transform.blend_breathiness(frames, -1.0).aperiodicity
    assert (whisper == 1.0).all()
    assert (buzz[frames.voiced] == 0.0).all()
    assert (buzz[~frames.voiced] == 1.0).all()


@given(st.integers(1, 3000), st.floats(0, 0.5), st.text(max_size=5))
def test_a_time_path_keeps_its_ends_and_its_pace(count: int, amount: float, label: str) -> None:
    path = time_path(count, amount, draws(label))
    assert len(path) == count
    assert path[0] == 0
    assert path[-1] == count - 1
    pace = np.diff(path)
    assert (np.abs(pace - 1) <= amount + 1e-9).all()
    np.testing.assert_array_equal(path, time_path(count, amount, draws(label)))


def test_a_time_path_uses_its_freedom_and_differs_by_its_draws() -> None:
    one, other = (time_path(1000, 0.3, draws(label)) for label in ("a", "b"))
    assert np.abs(np.diff(one) - 1).max() > 0.15
    assert np.abs(one - other).max() > 5


@given(frames_of_all_kinds, st.floats(0, 0.5))
def test_a_time_warp_keeps_ends_and_order_and_makes_up_no_pitch(
    frames: Frames, amount: float
) -> None:
    warped = transform.warp_time(frames, amount, draws())
    for key in ARRAYS:
        for end in (0, -1):
            np.testing.assert_array_equal(getattr(warped, key)[end], getattr(frames, key)[end])
    np.testing.assert_array_equal(warped.voiced, warped.f0_hz > 0)
    assert (warped.aperiodicity[~warped.voiced] == 1.0).all()
    near = np.rint(time_path(len(frames), amount, draws())).astype(int)
    around = [np.clip(near + step, 0, len(frames) - 1) for step in (-1, 0, 1)]
    heard = np.array([np.where(frames.f0_hz[i] > 0, frames.f0_hz[i], np.nan) for i in around])
    voiced = warped.voiced
    assert (warped.f0_hz[voiced] >= np.nanmin(heard[:, voiced], axis=0) * (1 - 1e-6)).all()
    assert (warped.f0_hz[voiced] <= np.nanmax(heard[:, voiced], axis=0) * (1 + 1e-6)).all()


def test_a_rising_pitch_still_rises_after_a_time_warp() -> None:
    t = 400
    f0_hz = np.linspace(100, 200, t, dtype=np.float32)
    flat = np.full((t, BINS), 1e-6, np.float32)
    frames = Frames(f0_hz, f0_hz > 0, flat, 0 * flat, 0.005, RATE, 16_000, 80 * t)
    warped = transform.warp_time(frames, 0.5, draws())
    assert (np.diff(warped.f0_hz) > 0).all()
    assert np.abs(warped.f0_hz - f0_hz).max() > 1
