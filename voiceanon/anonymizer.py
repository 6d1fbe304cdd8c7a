"""The Anonymizer: a callable, a stream and a file converter over the same core."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from voiceanon.audio import check_audio, check_channels, check_rate
from voiceanon.errors import InputError
from voiceanon.keys import check_secret, fresh_secret
from voiceanon.marking.pattern import PUBLIC_KEY
from voiceanon.profile import Profile, Profiler
from voiceanon.recipe import Recipe
from voiceanon.stream import Labels, Stream

if TYPE_CHECKING:
    from voiceanon.files import FileResult

__all__ = ["Anonymizer", "Stream", "anonymize"]


class Anonymizer:
    """Removes the speaker from recordings and has pseudo-voices speak what is left.

    Parameters
    ----------
    recipe : str, Recipe
        What to do: the name of a recipe that comes with the package, or settings of your own.
    secret : bytes of length 32, optional
        Source of all draws. With it, the same recording and label give the same output; without it,
        every recording gets a fresh secret from the operating system that is never kept.
    mark_key : bytes of length 32, optional
        Your own key for the mark of outputs; without it, everybody's: see `voiceanon.detect`.

    Raises
    ------
    RecipeError
        If the recipe is unknown, or protects nobody and was not explicitly allowed.
    SecretError
        If the secret or the key is not 32 bytes.

    Examples
    --------
    >>> tone = 0.1 * np.sin(np.arange(16000) / 20)
    >>> Anonymizer()(tone, 16000).shape
    (16000,)
    """

    def __init__(
        self,
        recipe: str | Recipe = "default",
        secret: bytes | None = None,
        *,
        mark_key: bytes | None = None,
    ) -> None:
        if isinstance(recipe, str):
            recipe = Recipe.named(recipe)
        if not isinstance(recipe, Recipe):
            raise InputError(
                f"recipe is of type {type(recipe).__name__}: it must be a name or a Recipe"
            )
        self.recipe = recipe
        self._secret = None if secret is None else check_secret(secret)
        self._mark_key = PUBLIC_KEY if mark_key is None else check_secret(mark_key)

    def __repr__(self) -> str:
        kind = "a fresh secret per recording" if self._secret is None else "a given secret"
        return f"Anonymizer({self.recipe.name!r}, {kind})"

    def __call__(
        self,
        samples: npt.NDArray[Any],
        rate: int,
        *,
        recording: str = "",
        speaker: str | None = None,
        profiles: tuple[Profile, ...] | None = None,
    ) -> npt.NDArray[Any]:
        """Return the recording in a pseudo-voice.

        Parameters
        ----------
        samples : ndarray of float32, float64 or int16, shape (n,) or (channels, n)
            At least 2 samples, finite; the channels are different people and are never mixed.
        rate : int
            Samples a second, 8000 to 192000.
        recording : str
            Label that the draws are made for, where a secret was given.
        speaker : str, optional
            Label for the pseudo-voice where the recipe draws one a speaker.
        profiles : tuple of Profile, optional
            One a channel; otherwise a first pass over the recording makes them.

        Returns
        -------
        ndarray
            Same shape and dtype; within ±1.

        Raises
        ------
        InputError
            If the samples, the rate or the profiles are not as described.
        """
        checked = check_audio(samples, rate)
        channels, n = checked.data.shape
        step = checked.rate  # blocks of a second
        blocks = [checked.data[:, at : at + step] for at in range(0, n, step)]
        remembered = None
        if profiles is None and self._needs_profiles:
            profiler = self.profiler(checked.rate, channels)
            for block in blocks:
                profiler.process(block)
            profiles = profiler.finish()
            remembered = profiler.remembered
        stream = self.stream(
            checked.rate, channels, profiles=profiles, recording=recording, speaker=speaker
        )
        made = np.empty((channels, n), np.float32)
        at = 0
        for part in _spoken(stream, blocks, remembered, n):
            rows = part.reshape(channels, -1)
            made[:, at : at + rows.shape[1]] = rows
            at += rows.shape[1]
        return checked.restore(made[:, :at])

    def profiler(self, rate: int, channels: int = 1) -> Profiler:
        """Return what gathers the profiles of a recording, and remembers a short one."""
        return Profiler(rate, channels, remembers=self.recipe.protects)

    def stream(
        self,
        rate: int,
        channels: int = 1,
        *,
        profiles: tuple[Profile, ...] | None = None,
        recording: str = "",
        speaker: str | None = None,
    ) -> Stream:
        """Return a stream that takes chunks of any size.

        Parameters
        ----------
        rate : int
            Samples a second, 8000 to 192000.
        channels : int
            1 to 64; every channel is another person.
        profiles : tuple of Profile, optional
            One a channel. Without them each channel's profile adapts as the stream goes, beginning
            at the template: the first seconds are then protected less.
        recording, speaker : str
            Labels as in `__call__`.

        Returns
        -------
        Stream

        Raises
        ------
        InputError
            If something is out of range, or the number of profiles is not the number of channels.
        """
        rate, channels = check_rate(rate), check_channels(channels)
        if profiles is not None:
            profiles = tuple(profiles)
            if len(profiles) != channels or not all(isinstance(p, Profile) for p in profiles):
                raise InputError(
                    f"profiles must be one Profile for each of the {channels} channels"
                )
        for name, label in (("recording", recording), ("speaker", speaker or "")):
            if not isinstance(label, str):
                raise InputError(f"{name} is of type {type(label).__name__}: it must be text")
        secret = fresh_secret() if self._secret is None else self._secret
        labels = Labels(secret, recording, speaker, self._mark_key)
        return Stream(self.recipe, rate, channels, profiles, labels)

    def file(
        self,
        source: str | os.PathLike[str],
        destination: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        recording: str | None = None,
        speaker: str | None = None,
        check: bool = True,
        allow_unmeasured: bool = False,
        language: str = "en",
        salvage: bool = False,
    ) -> FileResult:
        """Anonymize and check one file; see `voiceanon.files.anonymize_file`."""
        from voiceanon.files import anonymize_file

        return anonymize_file(
            self,
            Path(source),
            Path(destination),
            overwrite=overwrite,
            recording=recording,
            speaker=speaker,
            check=check,
            allow_unmeasured=allow_unmeasured,
            language=language,
            salvage=salvage,
        )

    @property
    def _needs_profiles(self) -> bool:
        return self.recipe.protects and self.recipe.profile_source == "recording"


def _spoken(
    stream: Stream,
    blocks: Iterable[npt.NDArray[np.float32]],
    remembered: list[npt.NDArray[np.float32]] | None,
    n: int,
) -> Iterator[npt.NDArray[np.float32]]:
    if remembered is not None:
        yield from stream.speak_remembered(remembered, n)
    else:
        yield from map(stream.process, blocks)
        yield stream.finish()


def anonymize(
    samples: npt.NDArray[Any],
    rate: int,
    *,
    recipe: str | Recipe = "default",
    secret: bytes | None = None,
) -> npt.NDArray[Any]:
    """Return a recording in a pseudo-voice.

    Parameters
    ----------
    samples : ndarray of float32, float64 or int16, shape (n,) or (channels, n)
        The recording; it is not changed.
    rate : int
        Samples a second, 8000 to 192000.
    recipe : str, Recipe
        What to do.
    secret : bytes of length 32, optional
        Makes the result repeatable; otherwise every call draws afresh.

    Returns
    -------
    ndarray
        Same shape and dtype; within ±1.

    Raises
    ------
    InputError, RecipeError, SecretError
        If an argument is not as described.

    Examples
    --------
    >>> silence = np.zeros(8000, np.int16)
    >>> bool(np.any(anonymize(silence, 16000)))
    False
    """
    return Anonymizer(recipe, secret)(samples, rate)
