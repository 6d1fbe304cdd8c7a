"""The pictures of a listening page: a PNG that holds what was drawn, and draws what sounds."""

import base64
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy
from sounds import clip, clip_names, vowel

from voiceanon.bottleneck import bottleneck_tables
from voiceanon.describing import abstract
from voiceanon.report.listening_pictures import (
    _png,
    description_picture,
    melody_path,
    sound_picture,
    unit_numbers,
)


def _pixels(address):
    image = pytest.importorskip("PIL.Image")
    return np.asarray(
        image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGBA")
    )


@given(
    of_numpy.arrays(np.uint8, of_numpy.array_shapes(min_dims=2, max_dims=2, max_side=12),
                    elements=st.integers(0, 15)),
    st.sampled_from([16, 200]),
)  # fmt: skip
def test_a_png_holds_what_was_drawn(places, size):
    colours = [(k, 255 - k, (7 * k) % 256) for k in range(size)]
    alpha = [(k * 3) % 256 for k in range(size)]
    pixels = _pixels(_png(places, colours, alpha))
    assert (pixels[..., :3] == np.array(colours)[places]).all()
    assert (pixels[..., 3] == np.array(alpha)[places]).all()


def test_a_spectrogram_shows_what_sounds_where_it_sounds():
    rate = 16_000
    samples = np.zeros(2 * rate, np.float32)
    samples[rate:] = 0.1 * np.sin(2 * np.pi * 200 * np.arange(rate) / rate)
    ink = _pixels(sound_picture(samples, (0, 0, 0)))[..., 3].astype(int)
    width = ink.shape[1]
    assert ink[:, : width // 2 - 2].max() == 0
    assert ink[:, width // 2 + 2 :].max(axis=0).min() > 200
    assert ink[: len(ink) // 2, width // 2 + 2 : -2].max() == 0  # nothing high sounds
    assert _pixels(sound_picture(np.zeros(10, np.float32), (0, 0, 0)))[..., 3].max() == 0


def test_a_higher_voice_is_drawn_higher_by_the_same_for_an_octave():
    middles = []
    for f0_hz in (90, 180, 360):
        path = melody_path(vowel(f0_hz), 16_000, 1000.0, 120.0)
        middles.append(np.median([float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]))
    steps = -np.diff(middles)
    assert steps[0] == pytest.approx(120 * np.log(2) / np.log(400 / 60), rel=0.05)
    assert steps[1] == pytest.approx(steps[0], rel=0.05)


def test_equal_units_have_equal_numbers_and_pauses_none():
    samples, rate = clip(clip_names()[0])
    described = abstract(samples, rate)
    numbers = unit_numbers(described, 60.0)
    assert len(numbers) == described.frames
    speaks = described.energy > -8
    assert all((number > 0) == speaking for number, speaking in zip(numbers, speaks, strict=True))
    units = {tuple(u): n for u, n, on in zip(described.units, numbers, speaks, strict=True) if on}
    assert len(set(units.values())) == len(units) == len({n for n in numbers if n})
    assert max(numbers) <= np.prod(bottleneck_tables()["levels"])
    assert len(unit_numbers(described, 1.0)) == 50


def test_a_bar_is_as_high_as_its_level():
    samples, rate = clip(clip_names()[0])
    described = abstract(samples, rate)
    ink = _pixels(description_picture(described, 60.0))[..., 3] > 0
    assert ink.shape == (10, described.frames)
    assert (ink.sum(axis=0) == np.clip(described.energy.astype(int) + 8, 0, 10)).all()
    assert (np.diff(ink.astype(int), axis=0) >= 0).all()  # bars stand on the ground
