"""Thousands of calls of every part leave memory where it was."""

import gc
import inspect
import itertools
import resource
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chains import SECRET
from sounds import speech

from voiceanon import _engine, _kernels
from voiceanon.anonymizer import Anonymizer
from voiceanon.checks.phones import _network, phone_bands
from voiceanon.coding.content import Content
from voiceanon.coding.description_code import Tracks
from voiceanon.errors import VoiceanonError
from voiceanon.profile import Profiler
from voiceanon.recipe import Recipe
from voiceanon.template import engine_model

RATE = 16_000
# Four rounds of a thousand calls, or of what costs as much.
CALLS = 1_000
SLOW = {"ContentEncoder": 250, "ContentDecoder": 500, "a stored content": 100}
SLOW |= {"a stream anew": 250, "a profiler anew": 250}
ROUNDS = 4
# In a round in which nothing leaks, the allocator may still move: a leak takes memory in every one.
MOST_BYTES_A_CALL = 200


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _refused(call: Callable[[], Any]) -> None:
    try:
        call()
    except (ValueError, VoiceanonError):
        return
    raise AssertionError("it was to be refused")


def _calls() -> dict[str, Callable[[], Any]]:
    """Return one call of every class and kernel, made anew and with what outlives it."""
    piece = speech(0.05)
    unmarked = replace(Recipe.named("bottleneck"), mark_db=0.0)  # rows are what the voice makes
    stream = Anonymizer(unmarked, SECRET).stream(RATE)
    hearing, speaking = stream._hearing[0], stream._speaking[0]
    analyzer, removal, encoder = hearing._analyzer, hearing._removal, hearing._encoder
    decoder, voice, synthesizer = speaking._decoder, speaking._voice, speaking._synthesizer
    rows = analyzer.process(speech(1.0))[:40]
    removed = removal.process(rows)
    spoken = voice.process(removed)
    frames = np.zeros((10, encoder.frame_size), np.float32)
    profile = _engine.SpeakerProfile(engine_model())
    bands = phone_bands(speech(0.2))
    envelope = np.ones((20, 65), np.float32)
    positions = np.linspace(0, 19, 30)
    pitch = np.full(20, 120, np.float32)
    dither = np.arange(envelope.size, dtype=np.uint32)
    tracks = Tracks(
        np.zeros((20, 6), np.int8), np.zeros(20, bool), np.zeros(20, np.int8), np.zeros(20, np.int8)
    )

    def content() -> None:
        made = Content.of(tracks, pitch_levels=4, n_samples=6_400, rate=RATE, model="0" * 16)
        Content.from_bytes(made.to_bytes()).tracks()

    def begun(stage: Any, given: np.ndarray, *of_finish: int) -> None:
        stage.process(given)
        stage.finish(*of_finish)
        stage.reset()

    def anew() -> None:
        fresh = Anonymizer("bottleneck", SECRET).stream(RATE)
        fresh.process(piece)
        fresh.finish()

    def profiled() -> None:
        profiler = Profiler(RATE)
        profiler.process(piece)
        profiler.finish()

    def updated() -> None:
        profile.update(rows)
        profile.set_state(profile.state())
        profile.reset()

    return {
        "Analyzer": lambda: begun(analyzer, piece),
        "SpeakerRemoval": lambda: (removal.process(rows), removal.reset()),
        "SpeakerProfile": updated,
        "ContentEncoder": lambda: begun(encoder, removed),
        "ContentDecoder": lambda: begun(decoder, frames),
        "PseudoVoice": lambda: voice.process(removed),
        "Synthesizer": lambda: begun(synthesizer, spoken, 3_000),
        "Network": lambda: _network().whole(bands),
        "warp_envelope": lambda: _kernels.warp_envelope(envelope, 1.1),
        "interpolate_envelope": lambda: _kernels.interpolate_envelope(envelope, positions),
        "interpolate_f0": lambda: _kernels.interpolate_f0(pitch, positions),
        "quantise_f0": lambda: _kernels.quantise_f0(pitch, 50.0, 0.1, 16, 0.1),
        "round_samples": lambda: _kernels.round_samples(envelope, dither),
        "a stream anew": anew,
        "a profiler anew": profiled,
        "a refused analyzer": lambda: _refused(lambda: _engine.Analyzer(7)),
        "refused rows": lambda: _refused(lambda: synthesizer.process(rows[:, :3].copy())),
        "a refused chunk": lambda: _refused(lambda: stream.process(np.full(9, np.nan))),
        "a recipe": lambda: Recipe.from_toml('name = "x"'),
        "a refused recipe": lambda: _refused(lambda: Recipe.from_toml("name = 1")),
        "a stored content": content,
    }


NAMES = sorted(_calls())


def test_every_class_and_kernel_is_called() -> None:
    kind = type(_engine.Analyzer)
    made = {name for name, thing in inspect.getmembers(_engine) if type(thing) is kind}
    made |= {name for name, thing in vars(_kernels).items() if callable(thing) and name[0] != "_"}
    told_by_others = {"BottleneckModel", "TemplateModel"}  # tables, made once and shared
    assert made - told_by_others <= set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_thousands_of_calls_take_no_memory(name: str) -> None:
    call, count = _calls()[name], SLOW.get(name, CALLS)
    resident, traced = [], []
    tracemalloc.start()
    try:
        for _ in range(ROUNDS):
            for _ in range(count):
                call()
            gc.collect()
            resident.append(_rss_bytes())
            traced.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    for sizes in (resident, traced):
        grown = min(after - before for before, after in itertools.pairwise(sizes))
        assert grown < MOST_BYTES_A_CALL * count, sizes
