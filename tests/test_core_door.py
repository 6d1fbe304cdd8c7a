"""The core's own door: settings with which it would divide by zero, run for ever or read beyond."""

from typing import Any

import numpy as np
import pytest

from voiceanon import _engine
from voiceanon.frames import Frames, synthesize
from voiceanon.template import engine_model, tables

NETWORK: dict[str, Any] = {
    "sizes": (1, 1, 1),
    "blocks": [],
    "weights": np.zeros(4, np.float32),
    "biases": np.zeros(2, np.float32),
}


@pytest.mark.parametrize("rate", [-16_000, 0, 1, 7_999, 8_001, 44_100, 200_000, 2**31 - 1])
def test_an_analyzer_takes_multiples_of_8000_hz(rate: int) -> None:
    with pytest.raises(ValueError, match="multiple of 8000"):
        _engine.Analyzer(rate)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"order": 0}, "order must be 1"),
        ({"order": 512}, "order must be 1"),
        ({"order": -1}, "order must be 1"),
        ({"order": 3, "basis": np.ones((2, 3), np.float32)}, "order . 1 columns"),
        ({"f0_floor_hz": 0.0}, "range of f0"),
        ({"f0_floor_hz": float("nan")}, "range of f0"),
        ({"f0_floor_hz": 300.0, "f0_ceil_hz": 300.0}, "range of f0"),
        ({"f0_ceil_hz": float("inf")}, "range of f0"),
        ({"lookahead_frames": -1}, "0 to 200 frames"),
        ({"lookahead_frames": 2**30}, "0 to 200 frames"),
        ({"voicing_threshold": float("nan")}, "threshold must be finite"),
    ],
)
def test_an_analyzer_refuses(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        _engine.Analyzer(16_000, **settings)


@pytest.mark.parametrize(
    ("rate", "settings", "says"),
    [
        (0, {"values": 5}, "synthesis rate"),
        (-8_000, {"values": 5}, "synthesis rate"),
        (16_001, {"values": 5}, "synthesis rate"),
        (2**31 - 1, {"values": 5}, "synthesis rate"),
        (16_000, {"values": 0}, "a value or more"),
        (16_000, {"values": -3}, "a value or more"),
        (16_000, {"values": 257}, "half the synthesis FFT"),
        (16_000, {"values": 3, "basis": np.ones((2, 2), np.float32)}, "one column per value"),
        (16_000, {"values": 3, "bias": np.ones(2, np.float32)}, "one value per quefrency"),
    ],
)
def test_a_synthesizer_refuses(rate: int, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        _engine.Synthesizer(rate, noise_key=0, **settings)


@pytest.mark.parametrize("f0_hz", [np.nan, np.inf, -np.inf, 1e30, 1e-42, 0.5])
def test_no_pitch_makes_the_synthesizer_run_for_ever_or_overflow(f0_hz: float) -> None:
    synthesizer = _engine.Synthesizer(16_000, values=2, noise_key=0)
    rows = np.zeros((50, synthesizer.row_size), np.float32)
    rows[:, 0], rows[:, 1] = f0_hz, -20.0
    rows[::3, 0] = 100.0
    spoken = np.concatenate([synthesizer.process(rows), synthesizer.finish(50 * 80)])
    assert len(spoken) == 50 * 80
    assert np.isfinite(spoken).all()


def test_frames_of_the_lowest_pitch_are_finite() -> None:
    t, bins = 40, 513
    frames = Frames(
        f0_hz=np.full(t, 1e-42, np.float32),
        voiced=np.ones(t, bool),
        envelope=np.full((t, bins), 1e-4, np.float32),
        aperiodicity=np.zeros((t, bins), np.float32),
        hop_s=0.005,
        rate=16_000,
        band_hz=16_000,
        n_samples=t * 80,
    )
    assert np.isfinite(synthesize(frames)).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sizes": (2**30, 1, 1)}, "1 to 65536"),
        ({"sizes": (1, 0, 1)}, "1 to 65536"),
        ({"sizes": (1, 1, -1)}, "1 to 65536"),
        ({"blocks": [(0, 0)]}, "dilation"),
        ({"blocks": [(1, 2)]}, "dilation"),
        ({"blocks": [(1, 1)]}, "fewer weights"),
        ({"weights": np.zeros(5, np.float32)}, "more weights"),
    ],
)
def test_a_network_refuses(change: dict[str, Any], says: str) -> None:
    _engine.Network(**NETWORK)
    with pytest.raises(ValueError, match=says):
        _engine.Network(**{**NETWORK, **change})


def test_rows_have_the_width_of_the_template() -> None:
    profile = _engine.SpeakerProfile(engine_model())
    values = tables()["mean"].shape[1]
    for width in (0, 3, 1 + engine_model().bands + values):
        with pytest.raises(ValueError, match="float32 rows of"):
            profile.update(np.zeros((4, width), np.float32))
    with pytest.raises(ValueError, match="another template"):
        profile.set_state(np.zeros(3))


def test_a_template_is_whole_before_it_is_used_and_does_not_change_after() -> None:
    arrays = tables()
    model = _engine.TemplateModel(
        warp=arrays["warp"],
        warp_log_det=arrays["warp_log_det"],
        mean=arrays["mean"],
        deviation=arrays["deviation"],
        aperiodicity=arrays["aperiodicity"],
        log_f0_mean=5.0,
        log_f0_deviation=0.2,
    )
    with pytest.raises(ValueError, match="lacks a mixture"):
        _engine.SpeakerProfile(model)
    mixture = {
        "weight": arrays["voiced_weight"],
        "mean": arrays["voiced_mean"],
        "variance": arrays["voiced_variance"],
    }
    with pytest.raises(ValueError, match="set once"):
        engine_model().set_mixture(0, **mixture)
    with pytest.raises(ValueError, match="multiple of 16"):
        model.set_mixture(
            0,
            weight=mixture["weight"][:5],
            mean=mixture["mean"][:5],
            variance=mixture["variance"][:5],
        )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"residual": 1.5}, "residual"),
        ({"residual": float("nan")}, "residual"),
        ({"pitch_prior_frames": -1.0}, "weight of the template"),
        ({"pitch_prior_frames": float("nan")}, "weight of the template"),
        ({"pitch_levels": -1}, "0 or more"),
        ({"detail_order": -1}, "0 or more"),
        ({"value_step": 1e-38}, "grid of values"),
        ({"value_step": -0.125}, "grid of values"),
        ({"value_step": float("nan")}, "grid of values"),
    ],
)
def test_a_removal_refuses(change: dict[str, Any], says: str) -> None:
    settings = {"residual": 0.3, "pitch_levels": 16, "detail_order": 12, "value_step": 0.125}
    _engine.SpeakerRemoval(engine_model(), None, **settings)
    with pytest.raises(ValueError, match=says):
        _engine.SpeakerRemoval(engine_model(), None, **{**settings, **change})
