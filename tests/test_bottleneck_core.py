"""The bottleneck in the core: against plain NumPy, in any chunks, and on hostile tables."""

from __future__ import annotations

import numpy as np
import pytest
import sounds
from hypothesis import given
from hypothesis import strategies as st
from made_up_tables import LEVELS, ROW, VALUES, counts, random_tables

from voiceanon import _engine
from voiceanon.bottleneck import (
    bits_per_second,
    decoder,
    draw_accent,
    encoder,
    make_bottleneck_model,
)
from voiceanon.keys import Draws
from voiceanon.profile import Profiler
from voiceanon.template import engine_model, tables, whole_removal

VOICE = 2


def reference(arrays: dict[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    """The network over (frames, inputs) in double precision, all frames at once."""
    weights = arrays[f"{name}_weights"].astype(np.float64)
    biases = arrays[f"{name}_biases"].astype(np.float32).astype(np.float64)
    layers = []
    for inputs, outputs in counts(tuple(arrays[f"{name}_sizes"]), arrays[f"{name}_blocks"]):
        layers.append((weights[: inputs * outputs].reshape(outputs, inputs), biases[:outputs]))
        weights, biases = weights[inputs * outputs :], biases[outputs:]

    def convolve(x: np.ndarray, layer: tuple, dilation: int, ahead: int) -> np.ndarray:
        padded = np.pad(x, (((2 - ahead) * dilation, ahead * dilation), (0, 0)))
        taps = [padded[tap * dilation :][: len(x)] for tap in range(3)]
        return np.maximum(np.hstack(taps) @ layer[0].T + layer[1], 0.0)

    x = convolve(x, layers[0], 1, 1)
    for number, (dilation, ahead) in enumerate(arrays[f"{name}_blocks"]):
        wide, mix = layers[1 + 2 * number], layers[2 + 2 * number]
        x = x + convolve(x, wide, dilation, ahead) @ mix[0].T + mix[1]
    return x @ layers[-1][0].T + layers[-1][1]


def rows_of(seconds: float, start: float = 1.0) -> np.ndarray:
    """Speaker-removed rows of real speech."""
    clip, rate = sounds.clip(sounds.clip_names()[0])
    profiler = Profiler(rate)
    profiler.process(clip[round(start * rate) : round((start + seconds) * rate)])
    (profile,) = profiler.finish()
    return whole_removal(profile.state).process(profiler.remembered[0])


def encoder_input(rows: np.ndarray, arrays: dict[str, np.ndarray]) -> np.ndarray:
    rows = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % 4, 0)]).astype(np.float64)
    kind = np.where(rows[:, 0] > 0.5, 0, 1)
    plain = tables()["mean"][kind] + tables()["deviation"][kind] * rows[:, 3:]
    scaled = (np.clip(plain, -60, 60) - arrays["input_mean"]) / arrays["input_scale"]
    return np.hstack([rows[:, :1], np.clip(scaled, -5, 5)]).reshape(-1, ROW)


def test_units_are_those_of_the_network_in_numpy() -> None:
    arrays, rows = random_tables(), rows_of(3.1)
    heard = reference(arrays, "encoder", encoder_input(rows, arrays))
    arrays["encoder_biases"][-1] -= np.median(heard[:, 3])  # so that half of it is a pause
    encoder = _engine.ContentEncoder(make_bottleneck_model(arrays), digits=3, pitch_levels=4)
    frames = np.concatenate([encoder.process(rows), encoder.finish()])
    given = reference(arrays, "encoder", encoder_input(rows, arrays))
    place, silent = np.tanh(given[:, :3]), given[:, 3]
    expected = place * (np.array(LEVELS) // 2)
    assert len(frames) == len(expected) == -(-len(rows) // 4)
    in_pause = frames[:, 4] < -6
    sure = np.abs(silent) > 1e-3
    assert in_pause[sure & (silent > 0)].all()
    assert 0.05 < (in_pause & (silent > 0)).mean() < 0.95
    assert not frames[in_pause, 3].any()
    assert not frames[in_pause, 5].any()
    expected[in_pause] = 0.0
    assert np.abs(frames[:, :3] - expected).max() <= 0.5 + 1e-4
    assert len(np.unique(frames[:, :3], axis=0)) > 3


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.6])
@pytest.mark.parametrize("seconds", [0.4, 3.0])
def test_how_high_a_voice_is_does_not_show_in_its_pitch(factor: float, seconds: float) -> None:
    clip, rate = sounds.clip(sounds.clip_names()[0])
    profiler = Profiler(rate)
    profiler.process(clip[rate : rate + round(seconds * rate)])
    profiler.finish()
    rows = profiler.remembered[0]
    moved = rows.copy()
    moved[:, 0] *= factor

    def pitch(rows: np.ndarray) -> np.ndarray:
        profile = _engine.SpeakerProfile(engine_model())
        profile.update(rows)
        described = whole_removal(profile.state()).process(rows)
        return described[described[:, 0] > 0, 1]

    assert len(pitch(rows)) > 20
    np.testing.assert_allclose(pitch(moved), pitch(rows), atol=1e-3)


def test_an_accent_moves_every_place_before_it_is_rounded() -> None:
    arrays, rows = random_tables(pauses=False), rows_of(2.0)
    model = make_bottleneck_model(arrays)
    shares = draw_accent(3, 0.4, Draws(bytes(32), "accent"))
    hears = _engine.ContentEncoder(model, digits=3, pitch_levels=4, accent=shares)
    frames = np.concatenate([hears.process(rows), hears.finish()])
    place = np.tanh(reference(arrays, "encoder", encoder_input(rows, arrays))[:, :3])
    accent = np.reshape(shares, (3, 4))
    expected = np.clip(place + accent[:, 0] + place @ accent[:, 1:].T, -1, 1) * (
        np.array(LEVELS) // 2
    )
    expected[frames[:, 4] < -6] = 0.0
    assert np.abs(frames[:, :3] - expected).max() <= 0.5 + 1e-4
    plain = encoder(3, 4, model)
    assert not np.array_equal(frames, np.concatenate([plain.process(rows), plain.finish()]))
    for wrong in ([0.0] * 3, [np.inf] * 12):
        with pytest.raises(ValueError, match="accent"):
            _engine.ContentEncoder(model, digits=3, pitch_levels=4, accent=wrong)


def test_an_accent_is_as_wide_as_asked() -> None:
    drawn = np.array([draw_accent(6, 0.3, Draws(bytes(32), str(n))) for n in range(1000)])
    shifts, shares = np.split(drawn.reshape(1000, 6, 7), [1], axis=2)
    assert shifts.std() == pytest.approx(0.3, rel=0.05)
    assert shares.std() == pytest.approx(0.3 / 2**0.5, rel=0.05)
    assert abs(drawn.mean()) < 0.01
    same = draw_accent(6, 0.3, Draws(bytes(32), "0"))
    assert same == drawn[0].tolist()


def test_rows_are_those_of_the_network_in_numpy() -> None:
    arrays, rows = random_tables(), rows_of(2.0)
    model = make_bottleneck_model(arrays)
    voice = [0.5, -1.0]
    encoder = _engine.ContentEncoder(model, digits=3, pitch_levels=0)
    frames = np.concatenate([encoder.process(rows), encoder.finish()])
    decoder = _engine.ContentDecoder(model, voice=voice)
    made = np.concatenate([decoder.process(frames), decoder.finish()])
    level = 6.0 / 30.0 * np.maximum(frames[:, 4:5], -8)
    given = np.hstack(
        [
            frames[:, :3] / (np.array(LEVELS) // 2),
            frames[:, 3:4],
            level,
            np.tile(voice, (len(frames), 1)),
        ]
    )
    expected = reference(arrays, "decoder", given).reshape(-1, VALUES + 1)
    assert len(made) == len(expected)
    sure = np.abs(expected[:, 0]) > 1e-4
    assert np.array_equal(made[sure, 0] > 0.5, expected[sure, 0] > 0)
    kind = np.where(made[:, 0] > 0.5, 0, 1)
    z = (expected[:, 1:] - tables()["mean"][kind]) / tables()["deviation"][kind]
    assert np.abs(made[:, 3:] - np.clip(z, -30, 30)).max() < 1e-2
    assert made[:, 2] == pytest.approx(np.repeat(6 * frames[:, 4], 4))
    assert not made[made[:, 0] == 0, 1].any()
    assert np.abs(made[:, 1]).max() <= 2.5


@given(st.lists(st.integers(0, 130), max_size=8), st.integers(1, 160))
def test_any_chunks_give_the_same_rows(lengths: list[int], start: int) -> None:
    rows, model = rows_of(1.0, start=start / 40), make_bottleneck_model(random_tables())
    hears, speaks = encoder(3, 4, model), decoder(model)
    frames = np.concatenate([hears.process(rows), hears.finish()])
    expected = np.concatenate([speaks.process(frames), speaks.finish()])
    assert len(expected) == 4 * len(frames)
    cuts = np.minimum(np.cumsum(lengths, dtype=int), len(rows))
    for _ in range(2):  # and anew after a reset
        hears.reset()
        speaks.reset()
        parts = [speaks.process(hears.process(part)) for part in np.split(rows, cuts)]
        parts += [speaks.process(hears.finish()), speaks.finish()]
        assert np.array_equal(np.concatenate(parts), expected)


def test_a_row_comes_out_within_the_stated_latency() -> None:
    rows, model = rows_of(3.0), make_bottleneck_model(random_tables())
    hears, speaks = encoder(3, 4, model), decoder(model)
    given = 0
    for at in range(len(rows)):
        given += len(speaks.process(hears.process(rows[at : at + 1])))
        assert at + 1 - given <= hears.lookahead_rows + speaks.lookahead_rows


def test_fewer_digits_leave_the_others_zero() -> None:
    rows = rows_of(1.0)
    model = make_bottleneck_model(random_tables(pauses=False))
    all_of_them, first = (
        _engine.ContentEncoder(model, digits=digits, pitch_levels=4) for digits in (3, 2)
    )
    every = np.concatenate([all_of_them.process(rows), all_of_them.finish()])
    some = np.concatenate([first.process(rows), first.finish()])
    assert np.array_equal(some[:, :2], every[:, :2])
    assert not some[:, 2].any()
    assert every[:, 2].any()
    assert np.array_equal(some[:, 3:], every[:, 3:])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("levels", lambda x: np.array([2, 5, 7])),
        ("levels", lambda x: x[:2]),
        ("input_scale", lambda x: -x),
        ("input_mean", lambda x: x[:3]),
        ("encoder_weights", lambda x: x[:-1]),
        ("decoder_weights", lambda x: np.append(x, x[:1])),
        ("decoder_biases", lambda x: x[:-1]),
        ("encoder_blocks", lambda x: np.array([[0, 1], [2, 0], [3, 1]])),
        ("encoder_blocks", lambda x: np.array([[1, 2], [2, 0], [3, 1]])),
        ("encoder_sizes", lambda x: np.array([ROW, 0, 4])),
    ],
)
def test_tables_that_do_not_fit_are_refused(name: str, change) -> None:
    arrays = random_tables()
    arrays[name] = change(arrays[name])
    with pytest.raises(ValueError, match="bottleneck|network|digit|block"):
        make_bottleneck_model(arrays)


def test_settings_out_of_range_are_refused() -> None:
    model = make_bottleneck_model(random_tables())
    for digits in (0, 4):
        with pytest.raises(ValueError, match="digit"):
            _engine.ContentEncoder(model, digits=digits, pitch_levels=4)
    with pytest.raises(ValueError, match="voice"):
        _engine.ContentDecoder(model, voice=[0.0])


def test_silence_is_silent_and_nothing_else_is() -> None:
    model = make_bottleneck_model(random_tables())
    rows = rows_of(1.0)
    rows[40:80, 2] = -200.0
    encoder = _engine.ContentEncoder(model, digits=3, pitch_levels=4)
    frames = np.concatenate([encoder.process(rows), encoder.finish()])
    decoder = _engine.ContentDecoder(model, voice=[0.0, 0.0])
    made = np.concatenate([decoder.process(frames), decoder.finish()])
    assert (made[40:80, 2] == -200).all()
    assert (np.delete(made, slice(40, 80), 0)[:, 2] >= -60).all()


def test_all_pauses_are_the_same() -> None:
    rows = rows_of(1.0)
    rows[40:80, 2] = np.linspace(-60.0, -40.0, 40)
    rows[40:80, 0] = 1.0
    frames = np.concatenate(
        [
            (hears := encoder(3, 4, make_bottleneck_model(random_tables(pauses=False)))).process(
                rows
            ),
            hears.finish(),
        ]
    )
    assert np.array_equal(frames[10:20], np.tile([0, 0, 0, 0, -8, 0], (10, 1)))
    assert frames[:10, :3].any()
    assert (frames[:10, 4] >= -6).any()


def test_the_size_of_a_description_is_counted() -> None:
    assert bits_per_second((2,), 1) == pytest.approx(50 * (1 + 1 + np.log2(11)))
    assert bits_per_second((3,) * 6, 4) < 1000


def test_an_engine_model_is_what_the_template_s_is() -> None:
    assert engine_model().values == VALUES
