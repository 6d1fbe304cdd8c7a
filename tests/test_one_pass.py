"""A short recording is analysed once: what comes out is what two passes make, bit for bit."""

import sys
from pathlib import Path
from unittest import mock

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import soundfile

from voiceanon.anonymizer import Anonymizer
from voiceanon.audio import MIN_SAMPLES
from voiceanon.errors import StreamStateError
from voiceanon.files import BLOCK_FRAMES, anonymize_file
from voiceanon.formats import AudioReader
from voiceanon.profile import Profiler
from voiceanon.recipe import Recipe
from voiceanon.stream import Stream

SPEECH = sorted((Path(__file__).parents[1] / "voiceanon" / "samples").glob("*.flac"))
SECRET = bytes(range(32))
ROWS_A_SECOND = 200
CUT_ROWS = 300  # of all channels, in the place of two minutes
RECIPES = ("template", "bottleneck", "warped", "wide")


def recipe_of(name):
    if name == "warped":
        return Recipe(name=name, time_warp=0.1, pitch_range="recording", voice="male-low")
    if name == "wide":
        return Recipe(name=name, band_hz=24_000)
    return Recipe.named(name)


def written(folder, rate, channels, frames):
    """Return a recording of so many people, each somewhere else in the bundled speech."""
    speech = np.concatenate([soundfile.read(path)[0] for path in SPEECH])
    people = [np.resize(np.roll(speech, -7_000 * channel), frames) for channel in range(channels)]
    path = folder / "in.flac"
    soundfile.write(path, 0.9 * np.stack(people, 1), rate)
    return path


def outcome(source, recipe, rows_kept, **options):
    """Return the bytes of an output and how often its recording was analysed."""
    path = source.with_name("out.flac")
    passes = []
    blocks, once = AudioReader.blocks, Stream.speak_remembered
    with (
        mock.patch.object(sys.modules[Profiler.__module__], "_MOST_ROWS_KEPT", rows_kept),
        mock.patch.object(AudioReader, "blocks", lambda *a: passes.append("read") or blocks(*a)),
        mock.patch.object(
            Stream, "speak_remembered", lambda *a: passes.append("remembered") or once(*a)
        ),
    ):
        anonymizer = Anonymizer(recipe, SECRET)
        result = anonymize_file(
            anonymizer, source, path, overwrite=True, allow_unmeasured=True, **options
        )
    return path.read_bytes(), passes, result.report


@hypothesis.settings(max_examples=25)
@hypothesis.given(
    name=st.sampled_from(RECIPES),
    channels=st.integers(1, 3),
    rate=st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000]),
    rows=st.integers(CUT_ROWS - 2, CUT_ROWS + 2) | st.integers(1, 2 * CUT_ROWS),
    more=st.integers(0, 300),
)
@hypothesis.example(name="template", channels=1, rate=16_000, rows=CUT_ROWS, more=0)
@hypothesis.example(name="template", channels=1, rate=16_000, rows=CUT_ROWS, more=1)
@hypothesis.example(name="template", channels=3, rate=8_000, rows=1, more=0)
def test_one_pass_and_two_make_the_same_bytes(tmp_path_factory, name, channels, rate, rows, more):
    frames = max(MIN_SAMPLES, rows * rate // ROWS_A_SECOND // channels + more)
    source = written(tmp_path_factory.mktemp("one"), rate, channels, frames)
    recipe = recipe_of(name)
    once, passes, _ = outcome(source, recipe, 10 * CUT_ROWS, check=False)
    assert passes == ["read", "remembered"]
    twice, passes, _ = outcome(source, recipe, 0, check=False)
    assert passes == ["read", "read"]
    assert once == twice
    at_the_cut, passes, _ = outcome(source, recipe, CUT_ROWS, check=False)
    assert passes[0] == "read"
    assert at_the_cut == once


def test_the_cut_lies_where_it_is_said(tmp_path):
    for frames, wanted in ((CUT_ROWS * 80 - 1, "remembered"), (CUT_ROWS * 80, "read")):
        source = written(tmp_path, 16_000, 1, frames)
        _, passes, _ = outcome(source, recipe_of("template"), CUT_ROWS, check=False)
        assert passes == ["read", wanted]


def test_the_gate_hears_the_same_of_both(tmp_path):
    source = written(tmp_path, 16_000, 2, 2 * BLOCK_FRAMES + 5_000)
    once, passes, report = outcome(source, recipe_of("template"), 100_000)
    assert passes == ["read", "read", "remembered"]  # the gate hears it again
    twice, passes, again = outcome(source, recipe_of("template"), 0)
    assert passes == ["read", "read"]
    assert (once, report) == (twice, again)


def test_what_protects_nobody_is_analysed_as_it_is_spoken(tmp_path):
    recipe = Recipe(name="plain", removal="none", allow_unprotected=True)
    source = written(tmp_path, 16_000, 1, 20_000)
    _, passes, _ = outcome(source, recipe, 100_000, check=False)
    assert passes == ["read", "read"]


def test_a_stream_speaks_once():
    anonymizer = Anonymizer("template", SECRET)
    profiler = anonymizer.profiler(16_000)
    profiler.process(np.zeros(16_000, np.float32))
    stream = anonymizer.stream(16_000, profiles=profiler.finish())
    parts = list(stream.speak_remembered(profiler.remembered, 16_000))
    assert sum(part.shape[1] for part in parts) == 16_000
    with pytest.raises(StreamStateError):
        next(stream.speak_remembered(profiler.remembered, 16_000))
