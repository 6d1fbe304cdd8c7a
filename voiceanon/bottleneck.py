"""The content bottleneck: what is said, as a few shared digits every 20 ms, and spoken again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon import _engine
from voiceanon.keys import Draws
from voiceanon.template import engine_model

__all__ = [
    "FRAME_S",
    "bits_per_second",
    "bottleneck_tables",
    "decoder",
    "draw_accent",
    "encoder",
    "make_bottleneck_model",
    "model_name",
    "network_tables",
]

FRAME_S = 0.02
_LEVEL_STEPS = 11  # silence, a pause, and -36 to 12 dB in steps of 6
_PATH = Path(__file__).parent / "models" / "bottleneck.npz"

Tables = dict[str, npt.NDArray[Any]]


@cache
def bottleneck_tables() -> Tables:
    """Return the arrays of ``models/bottleneck.npz`` by name; see ``models/bottleneck.md``."""
    with np.load(_PATH, allow_pickle=False) as archive:
        return {name: np.ascontiguousarray(archive[name]) for name in archive.files}


@cache
def model_name() -> str:
    """Return what names the tables in a stored description: a hash of them, 16 hexadecimal digits.

    Units of other tables mean other sounds.
    """
    found = blake2b(digest_size=8)
    for name, table in sorted(bottleneck_tables().items()):
        found.update(f"{name} {table.dtype.str} {table.shape} ".encode())
        found.update(table.tobytes())
    return found.hexdigest()


@cache
def _shipped_model() -> _engine.BottleneckModel:
    return make_bottleneck_model(bottleneck_tables())


def make_bottleneck_model(tables: Tables) -> _engine.BottleneckModel:
    """Return the core's form of trained tables, as `voiceanon.training` exports them."""
    networks = {
        f"{name}_{part}": value
        for name in ("encoder", "decoder")
        for part, value in network_tables(tables, name).items()
    }
    return _engine.BottleneckModel(
        voices=engine_model(),
        levels=[int(level) for level in tables["levels"]],
        input_mean=tables["input_mean"].astype(np.float32),
        input_scale=tables["input_scale"].astype(np.float32),
        **networks,
    )


def network_tables(tables: Mapping[str, npt.NDArray[Any]], name: str) -> dict[str, Any]:
    """Return sizes, blocks, weights and biases of one network in a file, as the core takes them."""
    return {
        "sizes": tuple(int(size) for size in tables[f"{name}_sizes"]),
        "blocks": [(int(d), int(a)) for d, a in tables[f"{name}_blocks"]],
        "weights": tables[f"{name}_weights"].astype(np.float32),
        "biases": tables[f"{name}_biases"].astype(np.float32),
    }


def encoder(
    digits: int,
    pitch_levels: int,
    model: _engine.BottleneckModel | None = None,
    *,
    level_steps: int = 1,
    accent: float = 0.0,
    draws: Draws | None = None,
) -> _engine.ContentEncoder:
    """Return what turns speaker-removed rows into frames of units.

    Parameters
    ----------
    digits : int
        Digits of a unit that are kept, 1 or more.
    pitch_levels : int
        Steps of pitch over ±2.5 deviations; 0 keeps it as it is.
    model : BottleneckModel, optional
        By default the one that is shipped.
    level_steps : int
        Steps of 6 dB that level is kept in.
    accent : float
        Spread of the drawn accent.
    draws : Draws, optional
        What it is drawn from; without them there is none.
    """
    model = _shipped_model() if model is None else model
    shares = draw_accent(model.digits, accent, draws) if accent > 0.0 and draws else []
    return _engine.ContentEncoder(
        model, digits=digits, pitch_levels=pitch_levels, level_steps=level_steps, accent=shares
    )


def draw_accent(digits: int, spread: float, draws: Draws) -> list[float]:
    """Return an accent: of each digit a shift, then its share of every digit.

    Speakers differ by small constant shifts of where their sounds lie among the units, and those
    shifts help to tell them apart once the voice is gone. A drawn one on top, the same for all of
    a recording, covers them. It hides far more from statistics of the units than from attackers
    who hear the audio: see the frontier in ``benchmarks/README.md``.

    Parameters
    ----------
    digits : int
        Of a unit.
    spread : float
        Deviation of a shift, where a digit's places lie within ±1; shares deviate by 1/√2 of it.
    draws : Draws
        Of one recording.
    """
    shares = []
    for _ in range(digits):
        shares.append(spread * draws.normal())
        shares += [spread * math.sqrt(0.5) * draws.normal() for _ in range(digits)]
    return shares


def decoder(model: _engine.BottleneckModel | None = None) -> _engine.ContentDecoder:
    """Return what speaks frames of units, four rows for each, in nobody's voice."""
    model = _shipped_model() if model is None else model
    return _engine.ContentDecoder(model, voice=[0.0] * model.voice_size)


def bits_per_second(levels: tuple[int, ...], pitch_levels: int) -> float:
    """Return the size of a description with so many digits kept, in bits a second.

    Every frame is counted whole: the unit, voiced or not, the level and the pitch, each as likely
    as any other. A compressed one is smaller.

    Parameters
    ----------
    levels : tuple of int
        Levels of each digit that is kept.
    pitch_levels : int
        Steps of pitch over ±2.5 deviations, 1 or more.

    Examples
    --------
    >>> round(bits_per_second((3,) * 6, 4))
    778
    """
    pitches = 2 * (pitch_levels // 2) + 1
    frame = sum(math.log2(level) for level in levels)
    frame += math.log2(1 + pitches) + math.log2(_LEVEL_STEPS)
    return frame / FRAME_S
