"""The pseudo-voice: a voice that is nobody's, drawn from how real voices differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from voiceanon.errors import InputError
from voiceanon.keys import Draws
from voiceanon.template import tables

__all__ = ["Voice", "draw_voice", "named_voice", "neutral_voice", "voice_names"]

# Draws stop here, in standard deviations of each direction: no voice is odd enough to stand out.
_WIDEST_DRAW = 2.0
# Voices are drawn wider than people differ: one person's recordings then lie as far apart as two
# people's do, which costs a listener nothing and an attacker without many recordings much.
_SPREAD = 1.4


@dataclass(frozen=True)
class Voice:
    """A pseudo-voice.

    Attributes
    ----------
    f0_hz : float
        Geometric mean of the fundamental frequency, in Hz, 60 to 400.
    f0_spread : float
        Standard deviation of log f0, 0 (monotone) to 0.5.
    formant_scale : float
        Factor on the template's formant frequencies, 0.75 to 1.35.
    breathiness : float
        Added to the share of noise power in voiced speech, -0.5 to 0.5.
    colour : tuple of float
        Added to the template's spectrum, as mel-warped cepstral values; may be empty.

    Raises
    ------
    InputError
        If a value is out of range.

    Examples
    --------
    >>> Voice(f0_hz=120.0).formant_scale
    1.0
    """

    f0_hz: float = 150.0
    f0_spread: float = 0.18
    formant_scale: float = 1.0
    breathiness: float = 0.0
    colour: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name, low, high in (
            ("f0_hz", 60.0, 400.0),
            ("f0_spread", 0.0, 0.5),
            ("formant_scale", 0.75, 1.35),
            ("breathiness", -0.5, 0.5),
        ):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and low <= value <= high):
                raise InputError(
                    f"{name} of a voice is {value!r}: it must be within {low:g} to {high:g}"
                )
        if len(self.colour) > 64 or not all(math.isfinite(value) for value in self.colour):
            raise InputError("colour of a voice must be at most 64 finite numbers")


# Made up, none after a person: pitch, its spread, tract length and breath set apart by hand, and a
# number that timbre follows: 0 is the average, and no two lean the same way from it.
_NAMED = {
    "female-low": (172.0, 0.15, 1.04, 0.0, 1),
    "female-mid": (204.0, 0.18, 1.08, 0.04, 2),
    "female-high": (238.0, 0.20, 1.14, -0.04, 3),
    "neutral-low": (136.0, 0.12, 1.0, 0.02, 4),
    "neutral-mid": (150.0, 0.16, 0.98, 0.0, 0),
    "neutral-high": (164.0, 0.20, 1.02, -0.02, 5),
    "male-low": (88.0, 0.14, 0.87, 0.0, 6),
    "male-mid": (106.0, 0.17, 0.92, 0.03, 7),
    "male-high": (120.0, 0.19, 0.95, -0.03, 8),
}
_TIMBRE = 0.9  # of the deviation among people, in each direction


def voice_names() -> tuple[str, ...]:
    """Return the names that `named_voice` knows."""
    return tuple(_NAMED)


def named_voice(name: str) -> Voice:
    """Return one of the voices that a recipe can ask for by name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in _NAMED:
        raise InputError(f"voice is {name!r}: it must be one of {', '.join(_NAMED)}")
    f0_hz, f0_spread, formant_scale, breathiness, number = _NAMED[name]
    loadings = tables()["voice_loadings"][4:].astype(float)
    # Rows of a Hadamard matrix: as far from each other as signs can be.
    signs = [(-1.0) ** ((number - 1) & axis).bit_count() for axis in range(loadings.shape[1])]
    colour = tables()["voice_mean"][4:].astype(float)
    if number > 0:
        colour = colour + _TIMBRE * loadings @ np.array(signs)
    return Voice(f0_hz, f0_spread, formant_scale, breathiness, tuple(colour.tolist()))


def neutral_voice() -> Voice:
    """Return the average over all training speakers: one constant voice for everybody."""
    return _voice_at(np.zeros(tables()["voice_loadings"].shape[1]))


def draw_voice(draws: Draws) -> Voice:
    """Return a voice from a keyed stream of draws.

    A Gaussian model in the directions in which the speakers of the training speech differ most
    (see ``models/template.md``); no real person's values are kept in it.
    """
    directions = tables()["voice_loadings"].shape[1]
    drawn = [min(max(draws.normal(), -_WIDEST_DRAW), _WIDEST_DRAW) for _ in range(directions)]
    return _voice_at(_SPREAD * np.array(drawn))


def _voice_at(place: np.ndarray) -> Voice:
    model = tables()
    values = model["voice_mean"].astype(float) + model["voice_loadings"].astype(float) @ place
    mean_breath = float(model["voice_mean"][3])
    return Voice(
        f0_hz=float(np.clip(math.exp(values[0]), 80.0, 260.0)),
        f0_spread=float(np.clip(math.exp(values[1]), 0.08, 0.3)),
        formant_scale=float(np.clip(math.exp(values[2]), 0.86, 1.16)),
        breathiness=float(np.clip(values[3] - mean_breath, -0.1, 0.1)),
        colour=tuple(float(value) for value in values[4:]),
    )
