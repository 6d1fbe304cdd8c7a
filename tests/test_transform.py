"""Laws of the single transformations of frames, and facts of sound measured by pyworld."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given

from voiceanon import Frames, InputError, analyze, synthesize, transform
from voiceanon.keys import Draws
from voiceanon.transform.pace import time_path

RATE = 16_000
BINS = 513
HZ = np.linspace(0, RATE / 2, BINS)
ARRAYS = ("f0_hz", "voiced", "envelope", "aperiodicity")


def draws(label: str = "pace") -> Draws:
    return Draws(bytes(range(32)), label)


def made_frames(seed: int, t: int) -> Frames:
    """Return frames with voiced, unvoiced and silent stretches and rough envelopes."""
    rng = np.random.default_rng(seed)
    voiced = np.repeat(rng.random(t) < 0.6, 5)[:t]
    f0_hz = np.where(voiced, 200 * np.exp(0.3 * rng.standard_normal(t).clip(-2, 2)), 0)
    log_power = -9 + np.cumsum(0.2 * rng.standard_normal((t, BINS)), axis=1).clip(-9, 9)
    envelope = np.exp(log_power) * ~np.repeat(rng.random(t) < 0.2, 3)[:t, None]
    aperiodicity = np.where(voiced[:, None], rng.random((t, BINS)), 1.0)
    return Frames(
        f0_hz.astype(np.float32),
        voiced,
        envelope.astype(np.float32),
        aperiodicity.astype(np.float32),
        0.005,
        RATE,
        16_000,
        80 * t,
    )


frames_of_all_kinds = st.builds(made_frames, st.integers(0, 2**32), st.integers(1, 40))


def assert_same(one: Frames, other: Frames, *, but: tuple[str, ...] = ()) -> None:
    for field in fields(Frames):
        if field.name not in but:
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


# Every transformation: its name, a call at a setting that changes much, at its neutral setting,
# and the arrays that it may change.
Transformation = Callable[[Frames], Frames]
ALL: dict[str, tuple[Transformation, Transformation | None, tuple[str, ...]]] = {
    "shift_pitch": (
        lambda f: transform.shift_pitch(f, -7.5),
        lambda f: transform.shift_pitch(f, 0),
        ("f0_hz",),
    ),
    "scale_pitch_range": (
        lambda f: transform.scale_pitch_range(f, 1.7),
        lambda f: transform.scale_pitch_range(f, 1),
        ("f0_hz",),
    ),
    "quantise_pitch": (lambda f: transform.quantise_pitch(f, 3), None, ("f0_hz",)),
    "scale_formants": (
        lambda f: transform.scale_formants(f, 0.8),
        lambda f: transform.scale_formants(f, 1.0),
        ("envelope",),
    ),
    "tilt_spectrum": (
        lambda f: transform.tilt_spectrum(f, 4.0),
        lambda f: transform.tilt_spectrum(f, 0.0),
        ("envelope",),
    ),
    "smooth_envelope": (lambda f: transform.smooth_envelope(f, 30), None, ("envelope",)),
    "blend_breathiness": (
        lambda f: transform.blend_breathiness(f, 0.4),
        lambda f: transform.blend_breathiness(f, 0.0),
        ("aperiodicity",),
    ),
    "warp_time": (
        lambda f: transform.warp_time(f, 0.4, draws()),
        lambda f: transform.warp_time(f, 0.0, draws()),
        ARRAYS,
    ),
}
EACH = pytest.mark.parametrize("name", ALL)


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
    again = transform.quantise_pitch(stepped, 1 if levels == 1 else levels)
    kept_ends = np.ptp(stepped.f0_hz[frames.voiced]) == np.ptp(frames.f0_hz[frames.voiced])
    if levels == 1 or kept_ends:  # otherwise the levels of the result are others
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


# Facts of sound.

FORMANTS_HZ = np.array([600.0, 1500.0, 2500.0, 3500.0])
BANDWIDTHS_HZ = np.array([60.0, 90.0, 120.0, 150.0])


def vowel(seconds: float = 1.2) -> np.ndarray:
    """Return a pulse train of gliding pitch through four resonators, at -20 dB re full scale."""
    from scipy.signal import lfilter

    t = np.arange(int(seconds * RATE)) / RATE
    f0_hz = 110 * 2 ** (1.5 / 12 * np.sin(2 * np.pi * 3 * t))
    source = np.diff(np.floor(np.cumsum(f0_hz) / RATE), prepend=0.0)
    source += 1e-3 * np.random.default_rng(0).standard_normal(len(t))
    samples = lfilter([1], [1, -0.96], source)
    for hz, bandwidth_hz in zip(FORMANTS_HZ, BANDWIDTHS_HZ, strict=True):
        r = np.exp(-np.pi * bandwidth_hz / RATE)
        samples = lfilter([1], [1, -2 * r * np.cos(2 * np.pi * hz / RATE), r * r], samples)
    return 0.1 * samples / samples.std()


def peaks_hz(log_power: np.ndarray, near_hz: np.ndarray) -> np.ndarray:
    """Return the peak around each frequency, by a parabola through three bins."""
    found = []
    for hz in near_hz:
        around = np.flatnonzero(np.abs(HZ - hz) < 0.15 * hz)
        i = around[log_power[around].argmax()]
        below, at, above = log_power[i - 1 : i + 2]
        found.append(HZ[i] + HZ[1] * 0.5 * (below - above) / (below - 2 * at + above))
    return np.array(found)


@pytest.fixture(scope="module")
def world() -> Any:
    return pytest.importorskip("pyworld")


@pytest.fixture(scope="module")
def vowel_frames() -> Frames:
    return analyze(vowel(), RATE)


def inner_voiced(world: Any, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return f0 by Harvest and log power by CheapTrick, less 0.15 s at both ends."""
    wide = samples.astype(np.float64)
    f0_hz, times_s = world.harvest(wide, RATE, 71.0, 600.0, 5.0)
    power = world.cheaptrick(wide, f0_hz, times_s, RATE, fft_size=1024)
    return f0_hz[30:-30], np.log(power[30:-30])


@pytest.mark.parametrize("semitones", [-5, 3, 7])
def test_harvest_hears_the_pitch_shift(world: Any, vowel_frames: Frames, semitones: int) -> None:
    before_hz, _ = inner_voiced(world, vowel())
    shifted = synthesize(transform.shift_pitch(vowel_frames, semitones))
    after_hz, log_power = inner_voiced(world, shifted)
    both = (before_hz > 0) & (after_hz > 0)
    assert both.mean() > 0.95
    cents = 1200 * np.log2(after_hz[both] / before_hz[both]) - 100 * semitones
    assert abs(np.median(cents)) < 10
    # Formants stay; the first is left out, since harmonics lie too far apart to measure 3 % of it.
    found_hz = peaks_hz(log_power.mean(axis=0), FORMANTS_HZ[1:])
    np.testing.assert_allclose(found_hz, FORMANTS_HZ[1:], rtol=0.03)


@pytest.mark.parametrize("scale", [0.8, 0.87, 1.15, 1.25])
def test_cheaptrick_sees_the_formants_move(world: Any, vowel_frames: Frames, scale: float) -> None:
    before_hz, original = inner_voiced(world, vowel())
    moved = synthesize(transform.scale_formants(vowel_frames, scale))
    after_hz, log_power = inner_voiced(world, moved)
    measured_hz = peaks_hz(original.mean(axis=0), FORMANTS_HZ[1:])
    found_hz = peaks_hz(log_power.mean(axis=0), scale * FORMANTS_HZ[1:])
    np.testing.assert_allclose(found_hz, scale * measured_hz, rtol=0.03)
    cents = 1200 * np.log2(after_hz[after_hz > 0].mean() / before_hz[before_hz > 0].mean())
    assert abs(cents) < 10


def vowel_envelope() -> np.ndarray:
    """Return the exact power of the four resonators, without any harmonics."""
    z = np.exp(2j * np.pi * HZ / RATE)
    power = np.full(BINS, 1e-6)
    for hz, bandwidth_hz in zip(FORMANTS_HZ, BANDWIDTHS_HZ, strict=True):
        pole = np.exp((-np.pi * bandwidth_hz + 2j * np.pi * hz) / RATE)
        power /= np.abs((1 - pole / z) * (1 - np.conj(pole) / z)) ** 2
    return power


@pytest.mark.parametrize("scale", [0.6, 0.8, 0.95, 1.05, 1.25, 1.6])
def test_every_formant_of_a_known_envelope_moves_by_the_factor(scale: float) -> None:
    frames = replace(made_frames(0, 1), envelope=vowel_envelope()[None].astype(np.float32))
    moved = transform.scale_formants(frames, scale)
    found_hz = peaks_hz(np.log(moved.envelope[0]), scale * FORMANTS_HZ)
    measured_hz = peaks_hz(np.log(frames.envelope[0]), FORMANTS_HZ)
    np.testing.assert_allclose(found_hz, scale * measured_hz, rtol=0.01)
    # There and back again returns what did not leave the band, but for interpolation at sharp peaks.
    back = transform.scale_formants(moved, 1 / scale)
    inside = (HZ > 50) & (HZ < 7900 * min(1, 1 / scale))
    difference_db = 10 * np.log10(back.envelope[0] / frames.envelope[0])[inside]
    assert np.ptp(difference_db) < 1.5


# The door.

BAD_SETTINGS = [
    ("shift_pitch", (25,), "semitones is 25: .*-24 to 24"),
    ("shift_pitch", (-24.1,), "semitones is -24.1"),
    ("shift_pitch", (np.nan,), "semitones is nan"),
    ("shift_pitch", ("2",), "semitones is '2'"),
    ("shift_pitch", (True,), "semitones is True"),
    ("shift_pitch", (None,), "semitones is None"),
    ("shift_pitch", (np.array([1.0]),), r"semitones is array\(\[1.\]\)"),
    ("scale_pitch_range", (-0.1,), "factor is -0.1: .*0 to 4"),
    ("scale_pitch_range", (np.inf,), "factor is inf"),
    ("quantise_pitch", (0,), "levels is 0: .*1 to 1000"),
    ("quantise_pitch", (1001,), "levels is 1001"),
    ("quantise_pitch", (2.0,), "levels is 2.0: .*whole"),
    ("quantise_pitch", (True,), "levels is True"),
    ("scale_formants", (0.49,), "scale is 0.49: .*0.5 to 2"),
    ("scale_formants", (2.01,), "scale is 2.01"),
    ("scale_formants", (0,), "scale is 0"),
    ("scale_formants", (10**400,), "scale is 1000"),
    ("tilt_spectrum", (12.5,), "db_per_octave is 12.5: .*-12 to 12"),
    ("tilt_spectrum", (1j,), "db_per_octave is 1j"),
    ("smooth_envelope", (-1,), "order is -1: .*0 to 512"),
    ("smooth_envelope", (513,), "order is 513"),
    ("smooth_envelope", (20.0,), "order is 20.0: .*whole"),
    ("blend_breathiness", (1.01,), "amount is 1.01: .*-1 to 1"),
    ("warp_time", (0.51, draws()), "amount is 0.51: .*0 to 0.5"),
    ("warp_time", (-0.1, draws()), "amount is -0.1"),
    ("warp_time", (0.1, None), "draws is of type NoneType"),
    ("warp_time", (0.1, np.random.default_rng(0)), "draws is of type Generator"),
]


@pytest.mark.parametrize(("name", "settings", "says"), BAD_SETTINGS)
def test_bad_settings_are_refused_by_name_and_range(name: str, settings: Any, says: str) -> None:
    with pytest.raises(InputError, match=f"(?s){says}"):
        getattr(transform, name)(made_frames(0, 4), *settings)


def with_value(name: str, value: Any) -> Frames:
    array = getattr(made_frames(1, 8), name).copy()
    array[(3,) if array.ndim == 1 else (3, 100)] = value
    return replace(made_frames(1, 8), **{name: array})


GOOD = made_frames(1, 8)
BAD_FRAMES = {
    "not frames": (None, "of type NoneType"),
    "an array": (np.zeros(8, np.float32), "of type ndarray"),
    "f0 a list": (replace(GOOD, f0_hz=GOOD.f0_hz.tolist()), "f0_hz is of type list"),
    "f0 whole": (replace(GOOD, f0_hz=GOOD.f0_hz.astype(int)), "f0_hz has dtype int64"),
    "f0 a column": (replace(GOOD, f0_hz=GOOD.f0_hz[:, None]), r"f0_hz has shape \(8, 1\)"),
    "f0 nan": (with_value("f0_hz", np.nan), "f0_hz must be finite"),
    "f0 too high": (with_value("f0_hz", 5000), "f0_hz must be finite and within 0 to 4000"),
    "voiced without f0": (replace(GOOD, voiced=~(GOOD.f0_hz < 0)), "f0_hz is 0 in frame .* voiced"),
    "f0 without voice": (replace(GOOD, voiced=GOOD.f0_hz < 0), "frame .*, which is unvoiced"),
    "voiced as numbers": (replace(GOOD, voiced=GOOD.voiced.astype(int)), "voiced has dtype"),
    "voiced too short": (replace(GOOD, voiced=GOOD.voiced[:-1]), "shapes"),
    "power negative": (with_value("envelope", -1e-9), "envelope must be finite"),
    "power infinite": (with_value("envelope", np.inf), "envelope must be finite"),
    "too few bins": (replace(GOOD, envelope=GOOD.envelope[:, :257]), "shapes"),
    "noise above all": (with_value("aperiodicity", 1.1), "aperiodicity must be .* 0 to 1"),
    "another hop": (replace(GOOD, hop_s=0.01), "hop_s is 0.01: it must be 0.005"),
    "another band": (replace(GOOD, band_hz=8000), "band_hz is 8000"),
    "rate 0": (replace(GOOD, rate=0), "rate is 0"),
    "empty": (
        replace(GOOD, **{name: getattr(GOOD, name)[:0] for name in ARRAYS}),
        "not empty",
    ),
}


@EACH
@pytest.mark.parametrize("kind", BAD_FRAMES)
def test_bad_frames_are_refused(name: str, kind: str) -> None:
    frames, says = BAD_FRAMES[kind]
    with pytest.raises(InputError, match=says):
        ALL[name][0](frames)


def test_what_goes_too_far_is_refused() -> None:
    with pytest.raises(InputError, match="too far: .*f0_hz must be .* 4000"):
        transform.shift_pitch(transform.shift_pitch(GOOD, 24), 24)
    loud = replace(GOOD, envelope=np.full_like(GOOD.envelope, 9e8))
    with pytest.raises(InputError, match="too far: .*envelope must be .* 1e"):
        transform.tilt_spectrum(loud, 12)


@EACH
def test_double_precision_and_any_memory_layout_are_taken(name: str) -> None:
    frames = made_frames(5, 30)
    wide = replace(
        frames,
        f0_hz=np.repeat(frames.f0_hz.astype(np.float64), 2)[::2],
        envelope=np.asfortranarray(frames.envelope.astype(np.float64)),
        aperiodicity=frames.aperiodicity[::-1].copy()[::-1],
    )
    change, _, arrays = ALL[name]
    for key in arrays:
        np.testing.assert_array_equal(getattr(change(wide), key), getattr(change(frames), key))
