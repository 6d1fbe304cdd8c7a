"""The description that stands for a recording: units, voicing, level, coarse pitch, and timing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np
import numpy.typing as npt

from voiceanon.bottleneck import FRAME_S, bits_per_second, bottleneck_tables, model_name
from voiceanon.checks.assessment import speech_measures
from voiceanon.coding.content import Content, is_name
from voiceanon.coding.description_code import Tracks
from voiceanon.container.sealing import Key
from voiceanon.container.voa import Level, read_voa, write_voa
from voiceanon.errors import InputError, RecordingError
from voiceanon.keys import SECRET_BYTES, check_secret, fresh_secret
from voiceanon.marking.pattern import PUBLIC_KEY
from voiceanon.measures import Measures
from voiceanon.recipe import Recipe
from voiceanon.speaking import Labels, Speaking
from voiceanon.version import __version__
from voiceanon.voice import Voice, neutral_voice

__all__ = [
    "Abstraction",
    "abstraction_of",
    "bottleneck_recipe",
    "content_of",
    "from_chunks",
]

RECIPE_BYTES = 8  # of the hash of the recipe that made a description

_FRAMES_AT_ONCE = 50
_JUDGED_HZ = 16_000
_NOBODYS = Labels(bytes(SECRET_BYTES), "", None)  # for what nobody is to be hidden in
_PAUSE_STEP, _SILENT_STEP, _LOUDEST_STEP = -8, -20, 2

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
    model : str
        Name of the tables that the units belong to (`voiceanon.bottleneck.model_name`), 16
        hexadecimal digits.
    recipe : str
        The first 16 digits of the hash of the recipe that made it, or nothing.

    Notes
    -----
    Two are equal when they hold the same, whichever recipe made them; ``len`` is the length in
    whole seconds, rounded.

    Examples
    --------
    >>> import voiceanon
    >>> described = voiceanon.abstract(np.zeros(16000, np.float32), 16000)
    >>> described.frames, described.duration_s, int(described.energy[0])
    (51, 1.0, -20)
    """

    units: npt.NDArray[np.int8]
    voiced: npt.NDArray[np.bool_]
    energy: npt.NDArray[np.int8]
    pitch: npt.NDArray[np.int8]
    pitch_levels: int
    n_samples: int
    rate: int
    model: str = field(default_factory=model_name)
    recipe: str = field(default="", compare=False)

    def __len__(self) -> int:
        return round(self.duration_s)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Abstraction):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name))
            for field in fields(self)
            if field.compare
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

    @cached_property
    def measures(self) -> Measures:
        """Its assessment measures, of what the neutral voice makes of it.

        The range of f0 is not among them: a description tells steps of pitch, not their size.
        """
        parts = self._spoken(bottleneck_recipe("bottleneck"), _JUDGED_HZ, voice=neutral_voice())
        measured = speech_measures(np.concatenate([*parts, np.zeros(0, np.float32)]))
        return Measures.of(measured | {"f0_range_semitones": None}, length_s=self.duration_s)

    def save(
        self, path: str | os.PathLike[str], *, key: Key | None = None, overwrite: bool = False
    ) -> None:
        """Store it in a file of its own, whole, for its owner's eyes only.

        Parameters
        ----------
        path : path
            A name that ends in ``.voa``, in an existing folder; `voiceanon.container.voa` has the
            bytes.
        key : bytes of length 32, or callable that returns them, optional
            Encrypts it.
        overwrite : bool
            Whether a file that is there may be replaced.

        Raises
        ------
        InputError
            If it is not as described above, longer than a day, or the package cryptography is
            missing.
        DestinationError
            If the place is refused.
        SecretError
            If the key is not 32 bytes.
        """
        content = content_of(self).to_bytes()
        made = bytes.fromhex(self.recipe).ljust(RECIPE_BYTES, b"\0") + __version__.encode()
        chunks = {b"CONT": content, b"made": made}
        write_voa(path, Level.CONTENT, chunks, key=key, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, key: Key | None = None) -> Abstraction:
        """Return what was stored in a file.

        Parameters
        ----------
        path : path
            The file; it is not trusted.
        key : bytes of length 32, or callable that returns them, optional
            Of an encrypted file.

        Raises
        ------
        RecordingError
            If it is no such file, damaged, or holds measures.
        SecretError
            If the key is missing, another one, or given for a file that is not encrypted.
        """
        level, chunks = read_voa(path, key=key)
        if level is not Level.CONTENT:
            raise RecordingError("holds measures alone, no content: voiceanon.Measures loads it")
        return from_chunks(chunks)

    def render(
        self,
        secret: bytes | None = None,
        *,
        recipe: str | Recipe = "bottleneck",
        recording: str = "",
        voice: Voice | None = None,
        mark_key: bytes | None = None,
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
        mark_key : bytes of length 32, optional
            Your own key for the mark; otherwise everybody's.

        Returns
        -------
        ndarray of float32, shape (n_samples,)
            At `rate`, within ±1. The same description, secret and label give the same bits, and
            those that `Anonymizer` gives for the recording.

        Raises
        ------
        InputError, SecretError
            If an argument is not as described.

        Examples
        --------
        >>> import voiceanon
        >>> described = voiceanon.abstract(np.zeros(16000, np.float32), 16000)
        >>> described.render().shape
        (16000,)
        """
        parts = self.spoken(
            secret, recipe=recipe, recording=recording, voice=voice, mark_key=mark_key
        )
        return np.concatenate([*parts, np.zeros(0, np.float32)])

    def spoken(
        self,
        secret: bytes | None = None,
        *,
        recipe: str | Recipe = "bottleneck",
        recording: str = "",
        voice: Voice | None = None,
        mark_key: bytes | None = None,
    ) -> Iterator[Float32]:
        """Yield what `render` returns, about a second at a time."""
        secret = fresh_secret() if secret is None else check_secret(secret)
        own_mark = PUBLIC_KEY if mark_key is None else check_secret(mark_key)
        labels = Labels(secret, recording, None, own_mark)
        return self._spoken(bottleneck_recipe(recipe), self.rate, labels, voice)

    def _spoken(
        self,
        recipe: Recipe,
        rate: int,
        labels: Labels = _NOBODYS,
        voice: Voice | None = None,
    ) -> Iterator[Float32]:
        self._refuse_unspeakable()
        speaking = Speaking(recipe, rate, labels, 0, voice=voice, pitch_levels=self.pitch_levels)
        frames = self._frames()
        total = -(-self.n_samples * rate // self.rate)

        def parts() -> Iterator[Float32]:
            for at in range(0, len(frames), _FRAMES_AT_ONCE):
                yield speaking.process(frames[at : at + _FRAMES_AT_ONCE])
            yield from speaking.finish(total)

        left = total
        for part in parts():
            yield np.clip(part[:left], -1.0, 1.0)
            left -= min(len(part), left)
        if left:  # resampling rounds lengths
            yield np.zeros(left, np.float32)

    def _refuse_unspeakable(self) -> None:
        if self.model != model_name():
            raise InputError(
                f"the units belong to the tables {self.model}: installed are {model_name()}"
            )
        # As integers: the magnitude of -128 does not fit int8.
        units, pitch = self.units.astype(int), self.pitch.astype(int)
        levels = bottleneck_tables()["levels"][: units.shape[1]]
        if units.shape[1] > len(levels) or (np.abs(units) > levels // 2).any():
            raise InputError(
                f"units has shape {units.shape} and digits {units.min()} to {units.max()}: the "
                f"tables have {len(levels)} digits of {', '.join(map(str, levels))} levels around 0"
            )
        is_step = (self.energy >= _PAUSE_STEP) & (self.energy <= _LOUDEST_STEP)
        if not (is_step | (self.energy == _SILENT_STEP)).all():
            raise InputError(
                f"energy is {self.energy.min()} to {self.energy.max()}: each must be "
                f"{_SILENT_STEP} or from {_PAUSE_STEP} to {_LOUDEST_STEP}"
            )
        if (np.abs(pitch) > self.pitch_levels // 2).any():
            most = self.pitch_levels // 2
            raise InputError(f"pitch is {pitch.min()} to {pitch.max()}: it must be within ±{most}")

    def _frames(self) -> Float32:
        digits = len(bottleneck_tables()["levels"])
        frames = np.zeros((self.frames, digits + 3), np.float32)
        frames[:, : self.units.shape[1]] = self.units
        frames[:, digits] = self.voiced
        frames[:, digits + 1] = self.energy
        frames[:, digits + 2] = self.pitch * np.float32(5.0 / self.pitch_levels)
        return frames


def content_of(described: Abstraction) -> Content:
    """Return a description with its tracks coded, for storing.

    Raises
    ------
    InputError
        If it is not as `Abstraction` describes, or longer than a day.
    """
    if described.recipe and not is_name(described.recipe):
        raise InputError(f"recipe is {described.recipe!r:.60}: it must be 16 hexadecimal digits")
    return Content.of(
        Tracks(described.units, described.voiced, described.energy, described.pitch),
        pitch_levels=described.pitch_levels,
        n_samples=described.n_samples,
        rate=described.rate,
        model=described.model,
    )


def abstraction_of(content: Content, recipe: str = "") -> Abstraction:
    """Return the description that a stored content holds.

    Raises
    ------
    RecordingError
        If it is damaged.
    """
    tracks = content.tracks()
    return Abstraction(
        **tracks._asdict(),
        pitch_levels=content.pitch_levels,
        n_samples=content.n_samples,
        rate=content.rate,
        model=content.model,
        recipe=recipe,
    )


def from_chunks(chunks: Mapping[bytes, bytes]) -> Abstraction:
    """Return the description that the chunks of a file hold, see `voiceanon.container.voa`.

    Raises
    ------
    RecordingError
        If they are damaged.
    """
    made = chunks.get(b"made", bytes(RECIPE_BYTES))
    if len(made) < RECIPE_BYTES:
        raise RecordingError("is damaged: what made it is cut off")
    recipe = made[:RECIPE_BYTES].hex() if any(made[:RECIPE_BYTES]) else ""
    return abstraction_of(Content.from_bytes(chunks[b"CONT"]), recipe)


def bottleneck_recipe(recipe: object) -> Recipe:
    """Return a recipe by name or as it is, if it makes descriptions.

    Raises
    ------
    InputError, RecipeError
        If it does not, or there is none of that name.
    """
    chosen = Recipe.named(recipe) if isinstance(recipe, str) else recipe
    if not isinstance(chosen, Recipe) or chosen.removal != "bottleneck":
        raise InputError(
            f"recipe is {recipe!r}: a description is made by a recipe with removal = 'bottleneck'"
        )
    if chosen.pitch_levels < 1:
        raise InputError("pitch_levels is 0: a description keeps pitch in 1 level or more")
    return chosen
