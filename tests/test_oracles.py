"""The engine against pyworld, an independent vocoder, on real speech: f0, envelope, resynthesis.

The bounds are what was measured on the six recordings of voiceanon/samples, less a margin that
another compiler or processor needs and a real fault does not fit into.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from sounds import clip, clip_names

from voiceanon.anonymizer import Anonymizer
from voiceanon.frames import Frames, analyze, synthesize
from voiceanon.recipe import Recipe

pyworld = pytest.importorskip("pyworld", reason="pyworld is not installed: pip install '.[world]'")

FLOOR_HZ, CEIL_HZ, HOP_MS = 65.0, 600.0, 5.0
NAMES = clip_names()


class Heard(NamedTuple):
    """One recording and what both analyses say of it; all f0 in Hz, one value a frame."""

    samples: np.ndarray
    rate: int
    times_s: np.ndarray
    frames: Frames
    harvest: np.ndarray
    dio: np.ndarray


@cache
def heard(name: str) -> Heard:
    samples, rate = clip(name)
    frames = analyze(samples, rate)
    span = {"f0_floor": FLOOR_HZ, "f0_ceil": CEIL_HZ, "frame_period": HOP_MS}
    double = samples.astype(np.float64)
    harvest, times_s = pyworld.harvest(double, rate, **span)
    dio, dio_times_s = pyworld.dio(double, rate, **span)
    dio = pyworld.stonemask(double, dio, dio_times_s, rate)
    n = min(len(frames), len(harvest), len(dio))
    assert max(len(frames), len(harvest), len(dio)) - n <= 1
    return Heard(double, rate, times_s[:n], frames, harvest[:n], dio[:n])


def agreement(estimates: list[np.ndarray], references: list[np.ndarray]) -> tuple[float, float]:
    """Return the share within 5 % where both are voiced, and the share of voicing errors."""
    estimate, reference = np.concatenate(estimates), np.concatenate(references)
    both = (estimate > 0) & (reference > 0)
    near = np.abs(estimate[both] / reference[both] - 1) < 0.05
    return float(near.mean()), float(np.mean((estimate > 0) != (reference > 0)))


def audible(envelope: np.ndarray, f0_hz: np.ndarray, range_db: float = 40.0) -> np.ndarray:
    """Return which frames are voiced and not far below the loudest."""
    level = 10 * np.log10(envelope.mean(axis=1) + 1e-20)
    return (f0_hz > 0) & (level > level.max() - range_db)


def test_f0_is_as_near_to_harvest_as_dio_is() -> None:
    all_heard = [heard(name) for name in NAMES]
    harvest = [one.harvest for one in all_heard]
    ours = agreement([one.frames.f0_hz[: len(one.harvest)] for one in all_heard], harvest)
    dio = agreement([one.dio for one in all_heard], harvest)
    # Measured: 94.9 % within 5 % and 18.3 % voicing errors; DIO with StoneMask 92.5 % and 18.4 %.
    # Harvest bridges gaps: it calls a sixth of the frames voiced that no other tracker does.
    assert ours[0] > 0.93
    assert ours[0] > dio[0] - 0.01
    assert ours[1] < 0.21
    assert ours[1] < dio[1] + 0.02


@pytest.mark.parametrize("name", NAMES)
def test_no_recording_is_an_octave_off(name: str) -> None:
    one = heard(name)
    f0_hz = one.frames.f0_hz[: len(one.harvest)]
    both = (f0_hz > 0) & (one.harvest > 0)
    octaves = np.abs(np.log2(f0_hz[both] / one.harvest[both]))
    assert both.sum() > 300
    assert np.median(octaves) < 0.02
    assert np.mean(octaves > 0.8) < 0.04


@pytest.mark.parametrize("name", NAMES)
def test_the_envelope_is_that_of_cheaptrick(name: str) -> None:
    one = heard(name)
    n = len(one.times_s)
    f0_hz = one.frames.f0_hz[:n].astype(
        np.float64
    )  # the same for both: only the envelope is judged
    theirs = pyworld.cheaptrick(one.samples, f0_hz, one.times_s, one.rate)
    assert theirs.shape == one.frames.envelope[:n].shape
    spoken = audible(theirs, f0_hz)
    difference_db = 10 * np.log10(one.frames.envelope[:n][spoken] / theirs[spoken])
    # Measured: 0.31 to 0.39 dB; mean within 0.01 dB.
    assert np.abs(difference_db).mean() < 0.6
    assert abs(difference_db.mean()) < 0.1
    assert np.percentile(np.abs(difference_db), 99) < 3


def test_the_envelope_of_unvoiced_frames_has_the_same_level() -> None:
    for name in NAMES:
        one = heard(name)
        n = len(one.times_s)
        f0_hz = one.frames.f0_hz[:n].astype(np.float64)
        theirs = pyworld.cheaptrick(one.samples, f0_hz, one.times_s, one.rate)
        noise = audible(theirs, 1.0 * (f0_hz == 0), 50.0)
        ours = one.frames.envelope[:n][noise]
        # CheapTrick smooths unvoiced frames twice as wide as we do: bins differ, levels do not.
        # Measured: within 0.5 dB.
        assert abs(np.mean(10 * np.log10(ours / theirs[noise]))) < 1.0


def test_aperiodicity_rises_with_frequency_and_is_full_without_a_voice() -> None:
    for name in NAMES:
        one = heard(name)
        aperiodicity = one.frames.aperiodicity
        voiced = audible(one.frames.envelope, one.frames.f0_hz, 25.0)
        assert (aperiodicity[~one.frames.voiced] == 1).all()
        low, high = aperiodicity[voiced][:, :64].mean(), aperiodicity[voiced][:, -64:].mean()
        assert low < 0.6
        assert high > low + 0.2


def envelope_distance(one: Heard, samples: np.ndarray) -> tuple[float, float]:
    """Return the log-spectral distance of a copy's voiced envelopes, and its level, both in dB."""
    n = len(one.times_s)
    f0_hz = one.frames.f0_hz[:n].astype(np.float64)
    original = pyworld.cheaptrick(one.samples, f0_hz, one.times_s, one.rate)
    double = np.ascontiguousarray(samples, np.float64)
    copy = pyworld.cheaptrick(double, f0_hz, one.times_s, one.rate)
    spoken = audible(original, f0_hz)
    difference_db = 10 * np.log10(copy[spoken] / original[spoken])
    level_db = 10 * np.log10(np.mean(double**2) / np.mean(one.samples**2))
    return float(np.sqrt((difference_db**2).mean(axis=1)).mean()), float(level_db)


@cache
def copies(name: str) -> dict[str, np.ndarray]:
    """Return copies of a recording: by WORLD from our f0, and by both of our ways."""
    one = heard(name)
    f0_hz = one.frames.f0_hz[: len(one.times_s)].astype(np.float64)
    envelope = pyworld.cheaptrick(one.samples, f0_hz, one.times_s, one.rate)
    aperiodicity = pyworld.d4c(one.samples, f0_hz, one.times_s, one.rate)
    recipe = Recipe.named("resynthesis", allow_unprotected=True)
    return {
        "world": pyworld.synthesize(f0_hz, envelope, aperiodicity, one.rate, HOP_MS),
        "resynthesis": Anonymizer(recipe, bytes(32))(one.samples.astype(np.float32), one.rate),
        "analyze and synthesize": synthesize(one.frames),
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["resynthesis", "analyze and synthesize"])
def test_resynthesis_is_as_near_to_the_original_as_worlds(name: str, way: str) -> None:
    one = heard(name)
    distance_db, level_db = envelope_distance(one, copies(name)[way])
    worlds_distance_db, _ = envelope_distance(one, copies(name)["world"])
    # Measured: 3.7 to 4.6 dB where WORLD's copies have 3.4 to 4.6, never 0.3 dB further off.
    assert distance_db < worlds_distance_db + 0.6
    assert distance_db < 5.0
    # Measured: -0.3 to 0.7 dB, WORLD's 0.5 to 1.7.
    assert abs(level_db) < 1.0


@pytest.mark.slow
def test_resynthesis_keeps_the_melody() -> None:
    def off_in_cents(way: str) -> np.ndarray:
        """Return how far Harvest finds each copy from the f0 asked for, inside voiced stretches."""
        off = []
        for name in NAMES:
            copy = np.ascontiguousarray(copies(name)[way], np.float64)
            span = {"f0_floor": FLOOR_HZ, "f0_ceil": CEIL_HZ, "frame_period": HOP_MS}
            found, _ = pyworld.harvest(copy, heard(name).rate, **span)
            n = min(len(found), len(heard(name).frames))
            asked = heard(name).frames.f0_hz[:n]
            inside = np.convolve(asked == 0, np.ones(11), "same") == 0  # 25 ms from either end
            inside &= found[:n] > 0
            off.append(np.abs(1200 * np.log2(found[:n][inside] / asked[inside])))
        return np.concatenate(off)

    world, ours = off_in_cents("world"), off_in_cents("resynthesis")
    # Measured: 9 cents, and 2 % of the frames further than a semitone; WORLD's copies 8 and 3 %.
    assert np.median(ours) < 13
    assert np.mean(ours > 100) < 0.05
    assert np.mean(ours > 100) < np.mean(world > 100) + 0.02
