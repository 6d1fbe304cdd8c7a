"""The laws of every recipe at every rate: form, range, silence, chunks, order, threads, memory."""

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from chains import EVERY_RATE, EVERY_RECIPE, RATES, RECIPES, SECRET, profiles_of, run
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from sounds import speech, vowel

from voiceanon import _engine
from voiceanon.anonymizer import Anonymizer
from voiceanon.recipe import Recipe
from voiceanon.template import engine_model

recipes = st.sampled_from(RECIPES)
rates = st.sampled_from(RATES)
dtypes = st.sampled_from([np.float32, np.float64, np.int16])
# Chunks of no and of one sample are the interesting ones.
chunk_lengths = st.lists(
    st.sampled_from([0, 1, 1, 2, 79, 80, 81, 160, 333, 1_000, 2_048]), max_size=12
)

LARGEST = float(np.finfo(np.float32).max)
WILD: dict[str, Callable[[int], np.ndarray]] = {
    "largest floats": lambda n: LARGEST * (-1.0) ** (np.arange(n) // 40),
    "1e30": lambda n: np.full(n, 1e30),
    "one huge impulse": lambda n: np.where(
        np.arange(n) == n // 2, 1e30, 0.1 * np.sin(np.arange(n))
    ),
    "subnormals": lambda n: np.full(n, 1e-42),
    "smallest normal": lambda n: np.tile([1.2e-38, -1.2e-38], n)[:n],
    "constant": lambda n: np.ones(n),
    "full-scale square": lambda n: np.sign(np.sin(2 * np.pi * (np.arange(n) + 0.5) / 110)),
    "highest frequency": lambda n: (-1.0) ** np.arange(n),
    "impulses": lambda n: (np.arange(n) % 100 == 0).astype(float),
    "single impulse": lambda n: (np.arange(n) == n // 3).astype(float),
    "sudden end of silence": lambda n: np.where(np.arange(n) < n // 2, 0.0, 1.0),
    "16-bit values unscaled": lambda n: 32_768 * np.sin(np.arange(n)),
    "ten magnitudes of noise": lambda n: (
        10 ** np.random.default_rng(0).uniform(-5, 5, n)
        * np.random.default_rng(1).choice([-1, 1], n)
    ),
}
SOUNDS = {"speech": speech(0.6), "vowel": vowel(130.0, 0.4)}


def stretched(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return 0.4 s of the same samples; played at another rate they are still a sound."""
    return np.resize(samples, round(0.4 * rate))


@settings(max_examples=60)
@given(recipes, rates, dtypes, st.sampled_from([None, 1, 2]), st.integers(2, 5_000), st.data())
def test_form_is_kept_and_the_input_stays(recipe, rate, dtype, channels, n, data) -> None:
    elements = st.integers(-32_768, 32_767) if dtype is np.int16 else st.floats(-2, 2, width=32)
    shape = (n,) if channels is None else (channels, n)
    samples = data.draw(hnp.arrays(dtype, shape, elements=elements, fill=elements))
    before = samples.copy()
    samples.flags.writeable = False
    output = Anonymizer(recipe)(samples, rate)
    assert output.shape == samples.shape
    assert output.dtype == samples.dtype
    assert samples.tobytes() == before.tobytes()
    assert not np.may_share_memory(output, samples)


@EVERY_RECIPE
@pytest.mark.parametrize("name", WILD)
def test_finite_in_is_finite_out_within_full_scale(recipe: Recipe, name: str) -> None:
    for rate in (8_000, 16_000, 44_100):
        output = Anonymizer(recipe, SECRET)(WILD[name](rate // 4).astype(np.float32), rate)
        assert np.isfinite(output).all()
        assert np.abs(output).max() <= 1


@settings(max_examples=50)
@given(recipes, rates, st.sampled_from([32, 64]), st.integers(2, 3_000), st.data())
def test_any_finite_samples_give_finite_ones(recipe, rate, width, n, data) -> None:
    elements = st.floats(allow_nan=False, allow_infinity=False, width=width)
    samples = data.draw(hnp.arrays(f"f{width // 8}", n, elements=elements))
    output = Anonymizer(recipe, SECRET)(samples, rate)
    assert np.isfinite(output).all()
    assert np.abs(output).max() <= 1


@EVERY_RECIPE
@EVERY_RATE
@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_silence_stays_silence(recipe: Recipe, rate: int, dtype: type) -> None:
    output = Anonymizer(recipe, SECRET)(np.zeros((2, rate // 2), dtype), rate)
    assert not output.any()


@settings(max_examples=80)
@given(recipes, rates, st.sampled_from(sorted(SOUNDS)), chunk_lengths)
def test_any_chunking_gives_the_same_bits(recipe, rate, name, lengths) -> None:
    anonymizer, samples = Anonymizer(recipe, SECRET), stretched(SOUNDS[name], rate)
    whole, cut = (run(anonymizer.stream(rate), samples, part) for part in ((), lengths))
    assert whole.tobytes() == cut.tobytes()
    assert whole.any()


@EVERY_RECIPE
def test_single_samples_give_the_same_bits(recipe: Recipe) -> None:
    anonymizer, samples = Anonymizer(recipe, SECRET), speech(0.15)
    whole = run(anonymizer.stream(16_000), samples)
    assert whole.tobytes() == run(anonymizer.stream(16_000), samples, [1] * len(samples)).tobytes()


@EVERY_RECIPE
@EVERY_RATE
def test_one_shot_is_the_stream_with_the_same_profiles(recipe: Recipe, rate: int) -> None:
    anonymizer = Anonymizer(recipe, SECRET)
    samples = np.stack([stretched(sound, rate) for sound in SOUNDS.values()])
    profiles = profiles_of(anonymizer, samples, rate)
    stream = anonymizer.stream(rate, 2, profiles=profiles)
    assert anonymizer(samples, rate).tobytes() == run(stream, samples, [777, 0, 1, 4_000]).tobytes()


@settings(max_examples=10)
@given(rates, chunk_lengths)
def test_profiles_do_not_depend_on_chunks(rate, lengths) -> None:
    anonymizer, samples = Anonymizer(), stretched(SOUNDS["speech"], rate)
    profiler, at = anonymizer.profiler(rate), 0
    for length in [*lengths, len(samples)]:
        profiler.process(samples[at : at + length])
        at += length
    (cut,), (whole,) = profiler.finish(), profiles_of(anonymizer, samples, rate)
    assert cut.state.tobytes() == whole.state.tobytes()
    assert (cut.f0_hz, cut.tract, cut.level_db) == (whole.f0_hz, whole.tract, whole.level_db)


@EVERY_RATE
def test_with_an_adapting_profile_one_shot_is_the_stream(rate: int) -> None:
    anonymizer = Anonymizer(Recipe(name="adapting", profile_source="adapting"), SECRET)
    samples = stretched(SOUNDS["speech"], rate)
    assert (
        anonymizer(samples, rate).tobytes()
        == run(anonymizer.stream(rate), samples, [5, 1_000]).tobytes()
    )


@EVERY_RECIPE
def test_a_stream_gives_back_within_its_latency(recipe: Recipe) -> None:
    for rate in RATES:
        stream, samples = Anonymizer(recipe, SECRET).stream(rate), stretched(SOUNDS["vowel"], rate)
        given_back = 0
        for taken in range(0, len(samples), 100):
            given_back += len(stream.process(samples[taken : taken + 100]))
            assert min(taken + 100, len(samples)) - given_back <= stream.latency_samples + 100


@settings(max_examples=12)
@given(recipes, rates, chunk_lengths, st.booleans())
def test_reset_makes_it_new(recipe, rate, lengths, finished) -> None:
    samples = stretched(SOUNDS["speech"], rate)
    stream = Anonymizer(recipe, SECRET).stream(rate)
    first = run(stream, samples)
    stream.reset()
    for length in lengths:
        stream.process(samples[::-1][:length])
    if finished:
        stream.finish()
    stream.reset()
    assert run(stream, samples).tobytes() == first.tobytes()


@EVERY_RECIPE
def test_after_a_reset_another_form_is_welcome(recipe: Recipe) -> None:
    stream = Anonymizer(recipe, SECRET).stream(16_000)
    run(stream, speech(0.1))
    stream.reset()
    whole = (speech(0.1) * 32_767).astype(np.int16)
    assert run(stream, whole).dtype == np.int16


@EVERY_RECIPE
def test_threads_and_order_change_nothing(recipe: Recipe) -> None:
    anonymizer = Anonymizer(recipe, SECRET)
    pieces = [(speech(0.4, start), f"piece {start}") for start in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)]

    def work(piece: tuple[np.ndarray, str]) -> bytes:
        return anonymizer(piece[0], 16_000, recording=piece[1]).tobytes()

    alone = [work(piece) for piece in pieces]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, pieces)) == alone
        assert list(pool.map(work, pieces[::-1])) == alone[::-1]


def _core_calls() -> dict[str, Callable[[], Any]]:
    """Return calls that keep each stateful part of the core busy for at least some milliseconds."""
    rng = np.random.default_rng(0)
    samples = 0.1 * rng.standard_normal(40 * 16_000).astype(np.float32)
    unmarked = replace(Recipe.named("bottleneck"), mark_db=0.0)  # rows are what the voice makes
    stream = Anonymizer(unmarked, SECRET).stream(16_000)
    hearing, speaking = stream._hearing[0], stream._speaking[0]
    analyzer, removal, encoder = hearing._analyzer, hearing._removal, hearing._encoder
    decoder, voice, synthesizer = speaking._decoder, speaking._voice, speaking._synthesizer
    rows = analyzer.process(samples)
    removed = removal.process(rows)
    frames, description = encoder.process(removed), np.tile(removed, (40, 1))
    spoken = voice.process(removed)
    profile = _engine.SpeakerProfile(engine_model())
    return {
        "Analyzer.process": lambda: analyzer.process(samples),
        "SpeakerProfile.update": lambda: profile.update(rows),
        "SpeakerRemoval.process": lambda: removal.process(rows),
        "ContentEncoder.process": lambda: encoder.process(removed),
        "ContentDecoder.process": lambda: decoder.process(frames),
        "PseudoVoice.process": lambda: voice.process(description),
        "Synthesizer.process": lambda: synthesizer.process(spoken),
    }


def test_the_interpreter_is_free_while_the_core_works() -> None:
    # With an endless switch interval, threads change only where the interpreter lock is let go of:
    # if a call held it, the counter could not move between its start and its end.
    calls = _core_calls()
    counter, is_over = [0], threading.Event()

    def moves_during(call: Callable[[], Any]) -> bool:
        before = counter[0]
        call()
        return counter[0] > before

    def count() -> None:
        while not is_over.wait(0.0002):
            counter[0] += 1

    thread = threading.Thread(target=count)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e6)
    thread.start()
    try:
        assert not moves_during(lambda: ctypes.PyDLL(None).usleep(5_000))  # which holds the lock
        for name, call in calls.items():
            # A busy machine may not wake the counter at once.
            assert any(moves_during(call) for _ in range(50)), f"{name} keeps the lock"
    finally:
        sys.setswitchinterval(interval)
        is_over.set()
        thread.join()


_LONG_STREAM = """
import resource, sys
import numpy as np
from chains import RECIPES, SECRET
from sounds import speech
from voiceanon.anonymizer import Anonymizer

recipe = {recipe.name: recipe for recipe in RECIPES}[sys.argv[1]]
stream, chunk = Anonymizer(recipe, SECRET).stream(16_000), speech(1.0)
peaks = []
for seconds in (20, 200):
    for _ in range(seconds):
        stream.process(chunk)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(peaks[1] - peaks[0])
"""


@EVERY_RECIPE
def test_memory_does_not_grow_with_the_recording(recipe: Recipe) -> None:
    command = [sys.executable, "-c", _LONG_STREAM, recipe.name]
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=here, env=environment
    )
    assert int(done.stdout) < 1_024  # KiB; 200 s of 16 kHz float32 are 12 500


def test_another_recipe_gives_another_sound() -> None:
    plain = Recipe.named("template")
    outputs = {
        Anonymizer(recipe, SECRET)(speech(0.5), 16_000).tobytes()
        for recipe in (
            *RECIPES,
            replace(plain, residual=1.0),
            replace(plain, pitch_range="constant"),
        )
    }
    assert len(outputs) == len(RECIPES) + 2
