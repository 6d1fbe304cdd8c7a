"""Small pictures of a recording for a page: its sound, its melody, and what a description keeps."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode

import numpy as np
import numpy.typing as npt

from voiceanon.abstraction import Abstraction
from voiceanon.bottleneck import FRAME_S, bottleneck_tables
from voiceanon.checks.bands import mel_power
from voiceanon.frames import analyze

__all__ = [
    "HIGHEST_F0_HZ",
    "LOWEST_F0_HZ",
    "description_picture",
    "melody_path",
    "sound_picture",
    "unit_numbers",
]

LOWEST_F0_HZ, HIGHEST_F0_HZ = 60.0, 400.0
_BANDS = 64
_RANGE_DB = 60.0
_SHADES = 16
_COLOUR_DIGITS = 5
_MELODY_EVERY = 2  # frames of 5 ms: finer is not seen
_SILENT_STEP, _PAUSE_STEP, _LOUDEST_STEP = -20, -8, 2
_STEPS = _LOUDEST_STEP - _PAUSE_STEP

Float32 = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


def sound_picture(samples: Float32, ink: tuple[int, int, int]) -> str:
    """Return a spectrogram as a ``data:`` address: darker is louder, high is up.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        Mono, 16 kHz; 60 dB below its loudest point are drawn, in 64 mel bands every 20 ms.
    ink : tuple of int
        Red, green and blue of what is loudest; what is silent is left clear, for any ground.
    """
    power = mel_power(np.pad(samples, (0, max(0, 800 - len(samples)))), _BANDS)
    power = power[: len(power) // 2 * 2].reshape(-1, 2, _BANDS).mean(axis=1).T[::-1]
    decibels = 10 * np.log10(np.maximum(power, 1e-12))
    share = np.clip(1 + (decibels - decibels.max()) / _RANGE_DB, 0.0, 1.0)
    shades = np.rint(share * (_SHADES - 1)).astype(np.uint8)
    if power.max() <= 1e-12:
        shades[:] = 0
    alpha = [round(255 * (shade / (_SHADES - 1)) ** 1.3) for shade in range(_SHADES)]
    return _png(shades, [ink] * _SHADES, alpha)


def description_picture(described: Abstraction, shown_s: float) -> str:
    """Return what a description keeps as a ``data:`` address: a bar for each frame of 20 ms.

    A bar's colour is its unit, near units alike; its height is its level, in steps of 6 dB. Where
    nobody speaks there is none.

    Parameters
    ----------
    described : Abstraction
        Of the recording.
    shown_s : float
        How much of it is drawn, in seconds.
    """
    count = _frames_shown(described, shown_s)
    heights = np.clip(described.energy[:count].astype(int) - _PAUSE_STEP, 0, _STEPS)
    rows = np.arange(_STEPS, 0, -1)[:, None]
    is_bar = heights[None, :] >= rows
    # Five digits of three levels are 243 colours: such a picture has room for 256.
    digits = described.units[:count, :_COLOUR_DIGITS]
    units, which = np.unique(digits, axis=0, return_inverse=True)
    place = np.where(is_bar, 1 + which.reshape(1, -1), 0).astype(np.uint8)
    colours = [(0, 0, 0), *(_colour(unit) for unit in units)]
    return _png(place, colours, [0] + [255] * (len(colours) - 1))


def unit_numbers(described: Abstraction, shown_s: float) -> list[int]:
    """Return the unit of each frame as a number from 1; 0 where nobody speaks."""
    count = _frames_shown(described, shown_s)
    levels = bottleneck_tables()["levels"][: described.units.shape[1]].astype(int)
    digits = described.units[:count].astype(int) + levels // 2
    places = np.concatenate([[1], np.cumprod(levels[:-1])])
    numbers = 1 + digits @ places
    return [int(n) for n in np.where(described.energy[:count] > _PAUSE_STEP, numbers, 0)]


def melody_path(samples: Float32, rate: int, width: float, height: float) -> str:
    """Return f0 over time as an SVG path, broken where unvoiced; pitch is on a log scale.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        Mono.
    rate : int
        Samples a second.
    width, height : float
        Of the drawing; the width is the length of the samples, the height 60 to 400 Hz.
    """
    f0_hz = analyze(samples, rate).f0_hz[::_MELODY_EVERY].astype(float)
    inside = np.clip(f0_hz, LOWEST_F0_HZ, HIGHEST_F0_HZ)
    y = height * (1 - np.log(inside / LOWEST_F0_HZ) / np.log(HIGHEST_F0_HZ / LOWEST_F0_HZ))
    x = width * np.arange(len(f0_hz)) / max(len(f0_hz), 1)
    steps = []
    for at, voiced in enumerate(f0_hz > 0):
        if voiced:
            is_first = at == 0 or f0_hz[at - 1] <= 0
            steps.append(f"{'M' if is_first else 'L'}{x[at]:.1f} {y[at]:.1f}")
    return "".join(steps)


def _frames_shown(described: Abstraction, shown_s: float) -> int:
    return min(described.frames, round(shown_s / FRAME_S))


def _colour(unit: npt.NDArray[np.int8]) -> tuple[int, int, int]:
    """A colour of Ottosson's Oklab (2020) that moves a little where one digit does."""
    digit = np.zeros(_COLOUR_DIGITS)
    digit[: len(unit)] = unit
    lightness = 0.66 + 0.07 * digit[2]
    green_red = 0.11 * digit[0] + 0.035 * digit[3]
    blue_yellow = 0.11 * digit[1] + 0.035 * digit[4]
    root = np.array(
        [
            lightness + 0.3963377774 * green_red + 0.2158037573 * blue_yellow,
            lightness - 0.1055613458 * green_red - 0.0638541728 * blue_yellow,
            lightness - 0.0894841775 * green_red - 1.2914855480 * blue_yellow,
        ]
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip(to_rgb @ root**3, 0.0, 1.0)
    red, green, blue = np.rint(255 * linear ** (1 / 2.2)).astype(int)
    return int(red), int(green), int(blue)


def _png(places: Bytes, colours: list[tuple[int, int, int]], alpha: list[int]) -> str:
    """A picture of a palette (PNG, second edition, 2003), with how much of each colour covers."""
    height, width = places.shape
    depth = 4 if len(colours) <= 16 else 8
    rows = places
    if depth == 4:
        even = np.pad(places, ((0, 0), (0, width % 2)))
        rows = np.asarray((even[:, ::2] << 4) | even[:, 1::2], np.uint8)
    # A zero before each row: it is stored as it is, without a filter.
    raw = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 3, 0, 0, 0)),
        (b"PLTE", bytes(value for colour in colours for value in colour)),
        (b"tRNS", bytes(alpha)),
        (b"IDAT", zlib.compress(raw, 9)),
        (b"IEND", b""),
    ]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return f"data:image/png;base64,{b64encode(content).decode('ascii')}"
