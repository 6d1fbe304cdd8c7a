"""Bad arrays at every public entry of the engine are one clear error; odd ones are let in."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bad_arrays import BAD, BAD_CHUNK, ODD, RATE, Row, refuses, tone

import voiceanon
from voiceanon.anonymizer import Anonymizer
from voiceanon.errors import InputError, RecipeError, SecretError, StreamStateError
from voiceanon.frames import Frames
from voiceanon.profile import Profiler
from voiceanon.recipe import Recipe

RESYNTHESIS = Recipe.named("resynthesis", allow_unprotected=True)
ENTRIES: dict[str, Callable[[Any, Any], Any]] = {
    "anonymize": voiceanon.anonymize,
    "anonymize, resynthesis": lambda samples, rate: voiceanon.anonymize(
        samples, rate, recipe=RESYNTHESIS
    ),
    "Anonymizer": lambda samples, rate: Anonymizer()(samples, rate),
    "profile": voiceanon.profile,
    "analyze": voiceanon.analyze,
    "detect": voiceanon.detect,
}
MONO = ("profile", "analyze")
STREAMS: dict[str, Callable[..., Any]] = {
    "stream": Anonymizer(secret=bytes(32)).stream,
    "stream, resynthesis": Anonymizer(RESYNTHESIS, bytes(32)).stream,
    "profiler": Anonymizer().profiler,
}
EVERY_ENTRY = pytest.mark.parametrize("entry", ENTRIES)
EVERY_STREAM = pytest.mark.parametrize("kind", STREAMS)


@EVERY_ENTRY
@BAD
def test_bad_arrays_are_refused(entry: str, row: Row) -> None:
    with refuses(row):
        ENTRIES[entry](row.samples(), row.rate)


@EVERY_ENTRY
@ODD
def test_odd_arrays_are_done(entry: str, row: Row) -> None:
    samples = row.samples()
    if entry in MONO and samples.ndim == 2 and len(samples) > 1:
        with pytest.raises(InputError, match=f"{len(samples)} channels"):
            ENTRIES[entry](samples, row.rate)
        return
    result = ENTRIES[entry](samples, row.rate)
    if entry == "detect":
        assert not result.found
    elif entry not in MONO:
        assert result.shape == samples.shape
        assert result.dtype == samples.dtype
        assert np.isfinite(result.astype(float)).all()


@EVERY_STREAM
@BAD_CHUNK
def test_bad_chunks_are_refused_and_do_no_harm(kind: str, row: Row) -> None:
    channels = 2 if "one channel" in row.name else 1

    def ended(between: Callable[[Any], None]) -> bytes:
        stream = STREAMS[kind](RATE, channels)
        stream.process(tone(shape=(channels, 1_600)))
        between(stream)
        stream.process(tone(shape=(channels, 1_600)))
        end = stream.finish()
        return end[0].state.tobytes() if kind == "profiler" else end.tobytes()

    def refused(stream: Any) -> None:
        with refuses(row):
            stream.process(row.samples())

    assert ended(refused) == ended(lambda stream: None)


@EVERY_STREAM
def test_the_form_of_chunks_may_not_change(kind: str) -> None:
    stream = STREAMS[kind](RATE)
    stream.process(tone())
    with pytest.raises(InputError, match="2, 1600"):
        stream.process(tone(shape=(2, 1_600)))
    if kind != "profiler":  # which hands nothing back, so that any form will do
        with pytest.raises(InputError, match="int16.*float32.*may not change"):
            stream.process(tone(np.int16))
        with pytest.raises(InputError, match="channels, n.*may not change"):
            stream.process(tone(shape=(1, 1_600)))


@EVERY_STREAM
def test_after_the_end_nothing_is_taken(kind: str) -> None:
    stream = STREAMS[kind](RATE)
    stream.process(tone())
    stream.finish()
    for use in (lambda: stream.process(tone()), stream.finish):
        with pytest.raises(StreamStateError, match="finished"):
            use()


@EVERY_STREAM
def test_nothing_at_all_is_no_error(kind: str) -> None:
    ended = STREAMS[kind](RATE).finish()
    assert len(ended) == (1 if kind == "profiler" else 0)


@EVERY_STREAM
@pytest.mark.parametrize("row", [row for row in BAD.args[1] if row.name.startswith("rate ")])
def test_a_stream_refuses_bad_rates_when_it_is_made(kind: str, row: Row) -> None:
    with refuses(row):
        STREAMS[kind](row.rate)


@pytest.mark.parametrize("channels", [0, -1, 65, 1.5, "2", None, True, np.array([1])])
def test_channels_are_counted(channels: Any) -> None:
    for entry in (Anonymizer().stream, Anonymizer().profiler, Profiler):
        with pytest.raises(InputError, match="channels is .*whole number from 1 to 64"):
            entry(RATE, channels)


def test_profiles_are_one_for_each_channel() -> None:
    own = voiceanon.profile(tone(), RATE)
    for profiles in ((), (own, own), (own.state,), (None,)):
        with pytest.raises(InputError, match="one Profile for each of the 1 channels"):
            Anonymizer()(tone(), RATE, profiles=profiles)
        with pytest.raises(InputError, match="one Profile for each of the 1 channels"):
            Anonymizer().stream(RATE, profiles=profiles)


@pytest.mark.parametrize("label", [3, b"bytes", ["list"]])
def test_labels_are_text(label: Any) -> None:
    for name in ("recording", "speaker"):
        with pytest.raises(InputError, match=f"{name} is of type .*must be text"):
            Anonymizer()(tone(), RATE, **{name: label})


def test_a_voice_for_each_speaker_needs_the_speaker() -> None:
    anonymizer = Anonymizer(Recipe(name="by-speaker", voice_draw="speaker"))
    with pytest.raises(InputError, match="speaker"):
        anonymizer(tone(), RATE)


@pytest.mark.parametrize("recipe", ["no such recipe", "Template", "", None, 3, b"template", {}])
def test_recipes_are_known_ones(recipe: Any) -> None:
    with pytest.raises(InputError, match="recipe is "):
        voiceanon.anonymize(tone(), RATE, recipe=recipe)


def test_what_protects_nobody_needs_permission() -> None:
    with pytest.raises(RecipeError, match="protects nobody"):
        voiceanon.anonymize(tone(), RATE, recipe="resynthesis")


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33), "text", 12_345, [0] * 32])
def test_secrets_are_32_bytes_and_not_shown(secret: Any) -> None:
    with pytest.raises(SecretError, match="must") as refusal:
        voiceanon.anonymize(tone(), RATE, secret=secret)
    assert not secret or repr(secret) not in str(refusal.value)


FRAMES = voiceanon.analyze(tone(), RATE)
BAD_FRAMES: dict[str, Callable[[Frames], Any]] = {
    "not frames": lambda frames: frames.f0_hz,
    "nothing": lambda frames: None,
    "fewer envelopes": lambda frames: dataclasses.replace(frames, envelope=frames.envelope[1:]),
    "fewer bins": lambda frames: dataclasses.replace(
        frames, aperiodicity=frames.aperiodicity[:, 1:]
    ),
    "nan in f0": lambda frames: dataclasses.replace(frames, f0_hz=frames.f0_hz * np.nan),
    "negative f0": lambda frames: dataclasses.replace(frames, f0_hz=-frames.f0_hz - 1),
    "negative power": lambda frames: dataclasses.replace(frames, envelope=-frames.envelope - 1),
    "nan in the envelope": lambda frames: dataclasses.replace(
        frames, envelope=frames.envelope * np.nan
    ),
    "infinite power": lambda frames: dataclasses.replace(frames, envelope=frames.envelope + np.inf),
    "too aperiodic": lambda frames: dataclasses.replace(
        frames, aperiodicity=frames.aperiodicity + 1
    ),
    "too long": lambda frames: dataclasses.replace(frames, n_samples=10**9),
    "no length": lambda frames: dataclasses.replace(frames, n_samples=0),
    "another rate": lambda frames: dataclasses.replace(frames, rate=7),
    "another band": lambda frames: dataclasses.replace(frames, band_hz=44_100),
    "a wider band": lambda frames: dataclasses.replace(frames, band_hz=48_000),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_bad_frames_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="frames|rate is|band_hz is"):
        voiceanon.synthesize(BAD_FRAMES[name](FRAMES))


@pytest.mark.parametrize("noise_key", [-1, 2**64, 1.5, "0", None, True])
def test_noise_keys_are_64_bits(noise_key: Any) -> None:
    with pytest.raises(InputError, match="noise_key is "):
        voiceanon.synthesize(FRAMES, noise_key=noise_key)


@pytest.mark.parametrize("settings", [{"band_hz": 8_000}, {"band_hz": "16000"}, {"band_hz": True}])
def test_bands_are_known_ones(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="band_hz is "):
        voiceanon.analyze(tone(), RATE, **settings)


@pytest.mark.parametrize("span", [(20, 600), (65, 2_000), (300, 200), (100, 100), (np.nan, 600)])
def test_pitch_ranges_are_sensible(span: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="f0 range"):
        voiceanon.analyze(tone(), RATE, f0_floor_hz=span[0], f0_ceil_hz=span[1])
