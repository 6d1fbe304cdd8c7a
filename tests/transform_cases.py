"""What the tests of single transformations share: frames of all kinds, and a table of the calls."""

from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import pytest

from voiceanon import Frames, transform
from voiceanon.keys import Draws

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
