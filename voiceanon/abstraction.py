"""The description that stands for a recording: units, voicing, level, coarse pitch, and timing."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from voiceanon.audio import check_audio, check_rate
from voiceanon.bottleneck import FRAME_S, bits_per_second, bottleneck_tables
from voiceanon.errors import InputError
from voiceanon.frames import fill
from voiceanon.keys import check_secret, fresh_secret
from voiceanon.profile import Profiler
from voiceanon.recipe import Recipe
from voiceanon.speaking import Labels, Speaking
from voiceanon.stream import Hearing
from voiceanon.voice import Voice

__all__ = ["Abstraction", "abstract"]

_BLOCK_S = 1
_FRAMES_AT_ONCE = 50

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Abstraction:
    """What was said and how it was paced, in frames of 20 ms, with no audio at all.

    Attributes
    ----------
    units : ndarray of int8, shape (t, digits)
        Digits of the unit of each frame, whole numbers around 0.
    voiced : ndarray of bool, shape (t,)
        Whether the frame is voiced.
    energy : ndarray of int8, shape (t,)
        Level relative to active speech, in steps of 6 dB, -6 to 2; -8 is a pause, -20 digital
        silence. Neither has a unit.
    pitch : ndarray of int8, shape (t,)
        Steps of pitch above the middle of the voice; 0 where unvoiced.
    pitch_levels : int
        Steps over ±2.5 deviations.
    n_samples : int
        Length of the recording, in samples.
    rate : int
        Of the recording, in Hz, and of what `render` returns.

    Notes
    -----
    Two are equal when they hold the same; ``len`` is the length in whole seconds, rounded.
    """

    units: npt.NDArray[np.int8]
    voiced: npt.NDArray[np.bool_]
    energy: npt.NDArray[np.int8]
    pitch: npt.NDArray[np.int8]
    pitch_levels: int
    n_samples: int
    rate: int

    def __len__(self) -> int:
        return round(self.duration_s)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Abstraction):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name))
            for field in fields(self)
        )

    def __hash__(self) -> int:
        return hash((self.units.tobytes(), self.energy.tobytes(), self.n_samples, self.rate))

    def __repr__(self) -> str:
        return (
            f"Abstraction({self.duration_s:.1f} s, {self.units.shape[1]} digits, "
            f"{self.bits_per_second:.0f} bit/s)"
        )

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.rate

    @property
    def frames(self) -> int:
        """How many frames of 20 ms it has."""
        return len(self.units)

    @property
    def bits_per_second(self) -> float:
        """Size if every frame is stored as it is, in bits a second."""
        levels = bottleneck_tables()["levels"][: self.units.shape[1]]
        return bits_per_second(tuple(int(level) for level in levels), self.pitch_levels)

    @property
    def entropy_bits_per_second(self) -> float:
        """Size as a good compressor would reach it without looking at neighbouring frames.

        The sum of the entropies of units, voicing and pitch, and level, each over this recording.
        """
        frames = [self.units, np.stack([self.voiced, self.pitch], 1), self.energy[:, None]]
        total = 0.0
        for part in frames:
            _, counts = np.unique(part, axis=0, return_counts=True)
            share = counts / counts.sum()
            total -= float((share * np.log2(share)).sum())
        return total / FRAME_S

    def render(
        self,
        secret: bytes | None = None,
        *,
        recipe: str | Recipe = "bottleneck",
        recording: str = "",
        voice: Voice | None = None,
    ) -> Float32:
        """Return the description spoken by a pseudo-voice.

        Parameters
        ----------
        secret : bytes of length 32, optional
            Makes the result repeatable; otherwise every call draws another voice.
        recipe : str, Recipe
            How it is spoken; its removal must be ``"bottleneck"``.
        recording : str
            Label that the draws are made for.
        voice : Voice, optional
            Who speaks, instead of a draw.

        Returns
        -------
        ndarray of float32, shape (n_samples,)
            At `rate`, within ±1. The same description, secret and label give the same bits, and
            those that `Anonymizer` gives for the recording.

        Raises
        ------
        InputError, SecretError
            If an argument is not as described.
        """
        chosen = _bottleneck_recipe(recipe)
        secret = fresh_secret() if secret is None else check_secret(secret)
        speaking = Speaking(chosen, self.rate, Labels(secret, recording, None), 0, voice=voice)
        frames = self._frames()
        steps = range(0, len(frames), _FRAMES_AT_ONCE)
        parts = [speaking.process(frames[at : at + _FRAMES_AT_ONCE]) for at in steps]
        whole = np.empty(self.n_samples, np.float32)
        fill(whole, [*parts, *speaking.finish(self.n_samples)])
        return whole

    def _frames(self) -> Float32:
        digits = len(bottleneck_tables()["levels"])
        frames = np.zeros((self.frames, digits + 3), np.float32)
        frames[:, : self.units.shape[1]] = self.units
        frames[:, digits] = self.voiced
        frames[:, digits + 1] = self.energy
        frames[:, digits + 2] = self.pitch * np.float32(5.0 / self.pitch_levels)
        return frames


def abstract(
    samples: object,
    rate: object,
    secret: bytes | None = None,
    *,
    recipe: str | Recipe = "bottleneck",
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
    """
    chosen = _bottleneck_recipe(recipe)
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
    digits = len(bottleneck_tables()["levels"])
    steps = np.rint(frames[:, digits + 2] * (chosen.pitch_levels / 5.0))
    return Abstraction(
        units=frames[:, : chosen.unit_digits].astype(np.int8),
        voiced=frames[:, digits] > 0.5,
        energy=frames[:, digits + 1].astype(np.int8),
        pitch=steps.astype(np.int8),
        pitch_levels=chosen.pitch_levels,
        n_samples=len(channel),
        rate=checked.rate,
    )


def _bottleneck_recipe(recipe: object) -> Recipe:
    chosen = Recipe.named(recipe) if isinstance(recipe, str) else recipe
    if not isinstance(chosen, Recipe) or chosen.removal != "bottleneck":
        raise InputError(
            f"recipe is {recipe!r}: a description is made by a recipe with removal = 'bottleneck'"
        )
    if chosen.pitch_levels < 1:
        raise InputError("pitch_levels is 0: a description keeps pitch in 1 level or more")
    return chosen
