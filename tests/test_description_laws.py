"""The laws of privacy: outputs follow description and secret alone, and people stay apart."""

from collections.abc import Callable
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from chains import (
    EVERY_PROTECTING_RECIPE,
    EVERY_RATE,
    EVERY_RECIPE,
    PROTECTING,
    RATES,
    RECIPES,
    SECRET,
    run,
)
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from sounds import clip, clip_names, speech, vowel

from voiceanon import _engine
from voiceanon.anonymizer import Anonymizer
from voiceanon.recipe import Recipe
from voiceanon.template import ANALYSIS_ORDER, basis, engine_model

recipes = st.sampled_from(RECIPES)
protecting = st.sampled_from(PROTECTING)
rates = st.sampled_from(RATES)
labels = st.text(max_size=12)
secrets = st.binary(min_size=32, max_size=32)
ZERO = np.zeros(1, np.float32)
PLAIN = Recipe.named("template")
HEADER = 2  # f0 and level stand before the aperiodicity in a row of the analysis


class Recited:
    """Stands where the analysis stands: whatever it hears, it says the rows that it was given."""

    latency_samples = 0

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def process(self, samples: np.ndarray) -> np.ndarray:
        return self.rows[:0]

    def finish(self) -> np.ndarray:
        return self.rows


def rows_of(samples: np.ndarray) -> np.ndarray:
    analyzer = _engine.Analyzer(16_000, order=ANALYSIS_ORDER, basis=basis())
    return np.concatenate([analyzer.process(samples), analyzer.finish()])


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest normalised correlation of two signals over all lags, 0 to 1."""
    size = 2 ** int(np.ceil(np.log2(len(a) + len(b))))
    product = np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size))
    energy = np.sqrt(np.sum(np.square(a, dtype=float)) * np.sum(np.square(b, dtype=float)))
    return float(np.abs(np.fft.irfft(product)).max() / energy)


# Descriptions


@EVERY_PROTECTING_RECIPE
@pytest.mark.parametrize("seed", range(5))
def test_equal_descriptions_give_equal_bits(recipe: Recipe, seed: int, monkeypatch) -> None:
    rng = np.random.default_rng(seed)
    heard, other = speech(0.7), 0.3 * rng.standard_normal(11_200).astype(np.float32)
    anonymizer = Anonymizer(recipe, SECRET)
    profiler = anonymizer.profiler(16_000)
    profiler.process(speech(2.0))
    profiles = profiler.finish()
    rows = rows_of(heard)

    def described(rows: np.ndarray) -> np.ndarray:
        hearing = anonymizer.stream(16_000, profiles=profiles)._hearing[0]
        return np.concatenate([hearing.describe(rows), *hearing.describe_rest()])

    # Other frames: pitch, level and envelope a little elsewhere, aperiodicity anywhere. As long as
    # the description tells them apart, more of the first recording's frames are taken after all.
    bands = engine_model().bands
    others = rows * (1 + 0.002 * rng.standard_normal(rows.shape).astype(np.float32))
    others[:, HEADER : HEADER + bands] = rng.uniform(0, 1, (len(rows), bands))
    expected = described(rows)
    for _ in range(60):
        is_told_apart = (described(others) != expected).any(axis=1)
        if not is_told_apart.any():
            break
        near = np.repeat(is_told_apart, -(-len(rows) // len(expected)))[: len(rows)]
        near = near | (rng.uniform(0, 1, len(rows)) < 0.1 * (len(expected) < len(rows)))
        others[near, HEADER + bands :] = rows[near, HEADER + bands :]
        others[near, :HEADER] = rows[near, :HEADER]
    assert (rows != others).any(axis=1).all()
    assert (rows[:, HEADER + bands :] != others[:, HEADER + bands :]).any()

    outputs = []
    for samples, said in ((heard, rows), (other, others)):
        monkeypatch.setattr(_engine, "Analyzer", lambda *_, said=said, **__: Recited(said))
        outputs.append(run(anonymizer.stream(16_000, profiles=profiles), samples).tobytes())
    assert outputs[0] == outputs[1]
    assert any(outputs[0])


@settings(max_examples=20)
@given(recipes, rates, st.sampled_from([np.float32, np.float64, np.int16]))
def test_a_recording_upside_down_has_the_same_description(recipe, rate, dtype) -> None:
    # Frames are made of powers and correlations: the sign of the samples is not in them, so the
    # output of the recording turned upside down must be the same, and not turned with it.
    samples = (speech(0.5) * (32_767 if dtype is np.int16 else 1)).astype(dtype)
    anonymizer = Anonymizer(recipe, SECRET)
    assert anonymizer(samples, rate).tobytes() == anonymizer(-samples, rate).tobytes()


@EVERY_PROTECTING_RECIPE
@pytest.mark.parametrize("name", clip_names())
def test_no_trace_of_the_waveform(recipe: Recipe, name: str) -> None:
    samples, rate = clip(name)
    assert likeness(samples, Anonymizer(recipe, SECRET)(samples, rate)) < 0.2


@EVERY_PROTECTING_RECIPE
@pytest.mark.parametrize("f0_hz", [95.0, 160.0, 260.0])
def test_no_trace_of_a_vowel(recipe: Recipe, f0_hz: float) -> None:
    # The hardest sound: all its periods are alike, so one that comes through would show.
    samples = vowel(f0_hz, 1.0)
    assert likeness(samples, Anonymizer(recipe, SECRET)(samples, 16_000)) < 0.5


@settings(max_examples=60)
@given(recipes, rates, st.integers(2, 600), st.integers(0, 2**32 - 1), st.sampled_from("fi"))
def test_no_stretch_of_a_short_recording_comes_out(recipe, rate, n, seed, kind) -> None:
    samples = np.random.default_rng(seed).uniform(-0.9, 0.9, n).astype(np.float32)
    if kind == "i":
        samples = np.rint(samples * 32_767).astype(np.int16)
    output = Anonymizer(recipe, SECRET)(samples, rate)
    length = 4  # neighbouring samples that agree by chance: never, also in whole numbers
    stretches = {samples[i : i + length].tobytes() for i in range(n - length + 1)}
    spoken = [output[i : i + length] for i in range(n - length + 1)]
    assert not any(part.tobytes() in stretches for part in spoken if part.any())


# Secrets and voices


@settings(max_examples=12)
@given(recipes, secrets, secrets, labels, labels)
def test_output_follows_secret_and_label(recipe, secret, other_secret, label, other_label) -> None:
    samples = speech(0.3)
    output = Anonymizer(recipe, secret)(samples, 16_000, recording=label)
    for another in ((secret, label), (other_secret, label), (secret, other_label)):
        again = Anonymizer(recipe, another[0])(samples, 16_000, recording=another[1])
        assert (again.tobytes() == output.tobytes()) == (another == (secret, label))


@EVERY_RECIPE
def test_without_a_secret_no_two_outputs_agree(recipe: Recipe) -> None:
    anonymizer = Anonymizer(recipe)
    assert len({anonymizer(speech(0.3), 16_000).tobytes() for _ in range(4)}) == 4


def test_what_a_voice_is_drawn_for(monkeypatch) -> None:
    made, make = [], _engine.PseudoVoice
    monkeypatch.setattr(
        _engine, "PseudoVoice", lambda model, **voice: made.append(voice) or make(model, **voice)
    )

    def repeats_the_first(draw: str) -> list[bool]:
        recipe = replace(PLAIN, voice_draw=draw)
        first = {"recording": "a", "speaker": "a"}
        others = (first, first | {"recording": "b"}, first | {"speaker": "b"})
        made.clear()
        for labels in (first, *others):
            Anonymizer(recipe, SECRET).stream(16_000, **labels)
        Anonymizer(recipe, bytes(32)).stream(16_000, **first)
        return [voice == made[0] for voice in made[1:]]

    # The same once more, another recording, another speaker, another secret.
    assert repeats_the_first("recording") == [True, False, True, False]
    assert repeats_the_first("speaker") == [True, True, False, False]
    assert repeats_the_first("constant") == [True, True, True, True]


# Channels are different people


@EVERY_RECIPE
@EVERY_RATE
def test_channels_are_never_mixed(recipe: Recipe, rate: int) -> None:
    n = rate // 2
    a, b, silence = (np.resize(sound, n) for sound in (speech(0.5), vowel(200.0, 0.5), ZERO))

    def spoken(*channels: np.ndarray) -> np.ndarray:
        return Anonymizer(recipe, SECRET)(np.stack(channels), rate)

    both = spoken(a, b)
    assert both[0].tobytes() == spoken(a, silence)[0].tobytes()
    assert both[1].tobytes() == spoken(silence, b)[1].tobytes()
    assert not spoken(a, silence)[1].any()
    assert both[0].tobytes() == Anonymizer(recipe, SECRET)(a, rate).tobytes()


@EVERY_RECIPE
def test_one_recording_twice_is_two_people(recipe: Recipe) -> None:
    twice = Anonymizer(recipe, SECRET)(np.stack([speech(0.5)] * 2), 16_000)
    assert twice[0].tobytes() != twice[1].tobytes()


@settings(max_examples=10)
@given(protecting, hnp.arrays(np.float32, (3, 2_000), elements=st.floats(-1, 1, width=32)))
def test_the_order_of_the_others_does_not_matter(recipe, others) -> None:
    mine = speech(0.125)
    outputs = {
        Anonymizer(recipe, SECRET)(np.stack([mine, *order]), 16_000)[0].tobytes()
        for order in (others, others[::-1], np.zeros_like(others))
    }
    assert len(outputs) == 1


# Settings


OTHER_SETTINGS: dict[str, Callable[[Recipe], Recipe]] = {
    f"{name}={value}": lambda recipe, name=name, value=value: replace(recipe, **{name: value})
    for name, value in (
        ("band_hz", 24_000),
        ("pitch_levels", 4),
        ("pitch_range", "constant"),
        ("pitch_range", "voice"),
        ("residual", 1.0),
        ("detail_order", 8),
        ("voice_draw", "constant"),
        ("profile_source", "adapting"),
        ("level_dbfs", -20.0),
        ("time_warp", 0.1),
        ("noise_gate_db", -20.0),
    )
}


@pytest.mark.parametrize("setting", OTHER_SETTINGS)
def test_every_setting_is_heard(setting: str) -> None:
    samples = speech(1.0)
    plain, other = (
        Anonymizer(recipe, SECRET)(samples, 16_000)
        for recipe in (PLAIN, OTHER_SETTINGS[setting](PLAIN))
    )
    assert not np.array_equal(plain, other)
