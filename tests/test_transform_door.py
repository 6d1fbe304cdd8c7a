"""The transformations refuse wrong settings and wrong frames, and take any memory layout."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from transform_cases import ALL, ARRAYS, EACH, draws, made_frames

from voiceanon import Frames, InputError, transform

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
        "shapes",
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
        transform.shift_pitch(transform.shift_pitch(transform.shift_pitch(GOOD, 24), 24), 24)
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
