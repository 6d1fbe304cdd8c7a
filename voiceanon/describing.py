"""Describes a recording: what is heard of it, frame by frame, becomes its description."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voiceanon.abstraction import RECIPE_BYTES, Abstraction, bottleneck_recipe
from voiceanon.audio import check_audio, check_rate
from voiceanon.bottleneck import bottleneck_tables
from voiceanon.errors import InputError
from voiceanon.keys import check_secret, fresh_secret
from voiceanon.profile import Profiler
from voiceanon.recipe import DESCRIBING_RECIPE, Recipe
from voiceanon.speaking import Labels
from voiceanon.stream import Hearing

__all__ = ["abstract", "description_of"]

_BLOCK_S = 1

Float32 = npt.NDArray[np.float32]


def abstract(
    samples: object,
    rate: object,
    secret: bytes | None = None,
    *,
    recipe: str | Recipe = DESCRIBING_RECIPE,
    recording: str = "",
) -> Abstraction:
    """Return the description of a mono recording.

    Parameters
    ----------
    samples : ndarray of float32, float64 or int16, shape (n,) or (1, n)
        The recording; it is not changed.
    rate : int
        Samples a second, 8000 to 192000.
    secret : bytes of length 32, optional
        Makes the accent repeatable; otherwise every call draws another.
    recipe : str, Recipe
        What is kept: `unit_digits`, `accent` and `pitch_levels` of a recipe whose removal is
        ``"bottleneck"``.
    recording : str
        Label that the accent is drawn for.

    Returns
    -------
    Abstraction
        One frame every 20 ms.

    Raises
    ------
    InputError, RecipeError, SecretError
        If an argument is not as described.

    Notes
    -----
    What is said and how it is timed remain: words, accent and rhythm can tell who speaks.

    Examples
    --------
    >>> wave = 0.1 * np.sign(np.sin(np.arange(16000) / 20))
    >>> described = abstract(wave, 16000)
    >>> described.units.shape, described.pitch_levels
    ((51, 6), 1)
    """
    chosen = bottleneck_recipe(recipe)
    secret = fresh_secret() if secret is None else check_secret(secret)
    checked = check_audio(samples, check_rate(rate))
    if checked.data.shape[0] != 1:
        raise InputError(
            f"samples has {checked.data.shape[0]} channels: an abstraction is of one voice"
        )
    channel = checked.data[0]
    step = _BLOCK_S * checked.rate
    blocks = [channel[at : at + step] for at in range(0, len(channel), step)]
    profiler = Profiler(checked.rate)
    for block in blocks:
        profiler.process(block)
    (profile,) = profiler.finish()
    hearing = Hearing(chosen, checked.rate, profile, Labels(secret, recording, None), 0)
    frames = np.concatenate([*map(hearing.process, blocks), *hearing.finish()])
    return description_of(frames, chosen, len(channel), checked.rate)


def description_of(frames: Float32, recipe: Recipe, n_samples: int, rate: int) -> Abstraction:
    """Return the description that `voiceanon.stream.Hearing` has heard, frame by frame.

    Parameters
    ----------
    frames : ndarray of float32, shape (t, digits + 3)
        All that it gave.
    recipe : Recipe
        What decides how much of them is kept.
    n_samples, rate : int
        Of the recording.
    """
    digits = len(bottleneck_tables()["levels"])
    steps = np.rint(frames[:, digits + 2] * (recipe.pitch_levels / 5.0))
    return Abstraction(
        units=frames[:, : recipe.unit_digits].astype(np.int8),
        voiced=frames[:, digits] > 0.5,
        energy=frames[:, digits + 1].astype(np.int8),
        pitch=steps.astype(np.int8),
        pitch_levels=recipe.pitch_levels,
        n_samples=n_samples,
        rate=rate,
        recipe=recipe.hash[: 2 * RECIPE_BYTES],
    )
