"""Fits speech to what a network takes: short speech is repeated, long speech is cut into pieces."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError

__all__ = ["SHORTEST_SAMPLES", "pieces", "repeated", "windows"]

Samples = npt.NDArray[np.float32]

SHORTEST_SAMPLES = 1600  # 0.1 s of 16 kHz: less holds no voice to know


def repeated(samples: npt.NDArray[np.floating], least: int) -> Samples:
    """Return the samples, said again from the start until there are `least` of them.

    Parameters
    ----------
    samples : ndarray of float, shape (n,)
        16 kHz mono, at least 0.1 s, finite.
    least : int
        Samples wanted.

    Raises
    ------
    InputError
        If the samples are not one channel, too short, or not finite.
    """
    plain = np.asarray(samples, dtype=np.float32)
    if plain.ndim != 1:
        raise InputError(f"samples have shape {plain.shape}: a speaker model takes one channel")
    if len(plain) < SHORTEST_SAMPLES:
        raise InputError(
            f"{len(plain)} samples: a speaker model takes at least {SHORTEST_SAMPLES} (0.1 s)"
        )
    if not np.isfinite(plain).all():
        raise InputError("samples are not finite: a speaker model takes finite samples")
    return plain if len(plain) >= least else np.resize(plain, least)


def pieces(count: int, longest: int) -> list[slice]:
    """Return equal stretches that cover `count` frames, none longer than `longest`."""
    edges = np.linspace(0, count, -(-count // longest) + 1).round().astype(int)
    return [slice(int(first), int(end)) for first, end in pairwise(edges)]


def windows(count: int, width: int, step: int) -> list[slice]:
    """Return windows of `width` out of `count` frames every `step`; the rest is dropped."""
    return [slice(first, first + width) for first in range(0, count - width + 1, step)]
