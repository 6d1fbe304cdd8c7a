"""The stream: one recording on its way through the core's stages, in chunks of any size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon import _engine
from voiceanon.audio import Layout, check_chunk
from voiceanon.bottleneck import encoder
from voiceanon.errors import StreamStateError
from voiceanon.frames import fill
from voiceanon.profile import Profile
from voiceanon.recipe import Recipe
from voiceanon.resampling import Resampler, lag_s
from voiceanon.speaking import HOP_S, ORDERS, Labels, Speaking
from voiceanon.template import (
    ANALYSIS_ORDER,
    TEMPLATE_RATE_HZ,
    basis,
    engine_model,
    whole_removal,
)
from voiceanon.turns import OneThread, in_turn

__all__ = ["Hearing", "Labels", "Stream"]

_VALUE_STEP = 0.125
_ROWS_AT_ONCE = 800

Float32 = npt.NDArray[np.float32]


class Hearing:
    """One channel's samples heard: resampled, analysed, the speaker removed, encoded.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    rate : int
        Of what comes in, in Hz.
    profile : Profile, optional
        Of the speaker; without one it adapts.
    draws : Labels
        Source of the accent.
    channel : int
        Which one; each has draws of its own.
    """

    def __init__(
        self, recipe: Recipe, rate: int, profile: Profile | None, draws: Labels, channel: int
    ) -> None:
        self._band = TEMPLATE_RATE_HZ if recipe.protects else recipe.band_hz
        self._rate = rate
        self._to_band = Resampler(rate, self._band)
        self._removal: _engine.SpeakerRemoval | None = None
        self._encoder: _engine.ContentEncoder | None = None
        if recipe.protects:
            self._analyzer = _engine.Analyzer(self._band, order=ANALYSIS_ORDER, basis=basis())
            self._removal = _removal(recipe, profile)
        else:
            self._analyzer = _engine.Analyzer(self._band, order=ORDERS[self._band])
        if recipe.removal == "bottleneck":
            self._encoder = encoder(
                recipe.unit_digits,
                recipe.pitch_levels,
                level_steps=recipe.level_steps,
                accent=recipe.accent,
                draws=draws.accent(channel),
            )

    @property
    def latency_s(self) -> float:
        """Time after which a sample has been described, at most, in seconds."""
        seconds = self._analyzer.latency_samples / self._band + lag_s(self._rate, self._band)
        if self._encoder is not None:
            seconds += self._encoder.lookahead_rows * HOP_S
        return seconds

    def reset(self) -> None:
        """Forget everything heard."""
        for stage in (self._to_band, self._analyzer, self._removal, self._encoder):
            if stage is not None:
                stage.reset()

    def process(self, samples: Float32) -> Float32:
        """Return the description that is final after these samples."""
        return self.describe(self._analyzer.process(self._to_band.process(samples)))

    def describe(self, rows: Float32) -> Float32:
        """Return the description that is final after these rows of an analysis."""
        if self._removal is not None:
            rows = self._removal.process(rows)
        return rows if self._encoder is None else self._encoder.process(rows)

    def finish(self) -> list[Float32]:
        """Return the rest in parts."""
        last = self.describe(self._analyzer.process(self._to_band.finish()))
        return [last, self.describe(self._analyzer.finish()), *self.describe_rest()]

    def describe_rest(self) -> list[Float32]:
        """Return what was still to be encoded once every row was described."""
        return [] if self._encoder is None else [self._encoder.finish()]


class Stream(OneThread):
    """One recording on its way through the core, in chunks; made by `Anonymizer.stream`.

    One thread at a time may use it; others are refused.

    Attributes
    ----------
    rate : int
        Samples a second, in and out.
    channels : int
        Number of channels.

    Examples
    --------
    >>> from voiceanon import Anonymizer
    >>> stream = Anonymizer().stream(16000)
    >>> given = [stream.process(np.zeros(1600, np.float32)) for _ in range(10)]
    >>> sum(map(len, given)) + len(stream.finish())
    16000
    """

    def __init__(
        self,
        recipe: Recipe,
        rate: int,
        channels: int,
        profiles: tuple[Profile, ...] | None,
        draws: Labels,
    ) -> None:
        super().__init__()
        self.rate = rate
        self.channels = channels
        self._hearing, self._speaking = [], []
        for channel in range(channels):
            profile = profiles[channel] if profiles else None
            # What a description leaves out, no voice is told of.
            is_described = recipe.removal == "bottleneck"
            own_spread = profile.f0_deviation if profile and not is_described else None
            self._hearing.append(Hearing(recipe, rate, profile, draws, channel))
            self._speaking.append(Speaking(recipe, rate, draws, channel, own_spread))
        self._layout: Layout | None = None
        self._taken = self._given = 0
        self._is_over = False

    @property
    def latency_samples(self) -> int:
        """Samples of input after which a sample has come out, at most."""
        return round((self._hearing[0].latency_s + self._speaking[0].latency_s) * self.rate)

    @in_turn
    def process(self, chunk: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the samples that are final after `chunk`; in the end as many as came in.

        Parameters
        ----------
        chunk : ndarray of float32, float64 or int16, shape (n,) or (channels, n)
            The next samples; 0 or more.

        Returns
        -------
        ndarray
            Shape (m,) or (channels, m), of the chunk's dtype.

        Raises
        ------
        InputError
            If the chunk does not fit the stream.
        StreamStateError
            If the stream is finished, or another thread is at work in it.
        """
        if self._is_over:
            raise StreamStateError("this stream is finished: reset it or make another")
        checked = check_chunk(chunk, self.rate, self.channels, self._layout)
        self._layout = checked.layout
        self._taken += checked.data.shape[1]
        made = [
            [speaking.process(hearing.process(samples))]
            for hearing, speaking, samples in zip(
                self._hearing, self._speaking, checked.data, strict=True
            )
        ]
        return self._hand_out(made, is_last=False)

    @in_turn
    def finish(self) -> npt.NDArray[Any]:
        """Return the rest, in the form of the chunks."""
        if self._is_over:
            raise StreamStateError("this stream is finished: reset it or make another")
        self._is_over = True
        made = []
        for hearing, speaking in zip(self._hearing, self._speaking, strict=True):
            made.append([*map(speaking.process, hearing.finish()), *speaking.finish(self._taken)])
        return self._hand_out(made, is_last=True)

    def speak_remembered(self, rows: list[Float32], n: int) -> Iterator[Float32]:
        """Yield the whole output from a first pass's rows, instead of `process` and `finish`.

        Parameters
        ----------
        rows : list of ndarray of float32
            One channel's analysis each, as `Profiler.remembered` holds them.
        n : int
            Length of the recording, in samples.

        Yields
        ------
        ndarray of float32, shape (channels, m)
            In all, the samples that `process` and `finish` would return.

        Raises
        ------
        StreamStateError
            If the stream is finished.
        """
        self._take_all(n)
        for at in range(0, max(map(len, rows)), _ROWS_AT_ONCE):
            yield self._speak([heard[at : at + _ROWS_AT_ONCE] for heard in rows])
        yield self._speak_rest()

    @in_turn
    def reset(self) -> None:
        """Make the stream new: the same voices, nothing heard yet."""
        for hearing, speaking in zip(self._hearing, self._speaking, strict=True):
            hearing.reset()
            speaking.reset()
        self._layout = None
        self._taken = self._given = 0
        self._is_over = False

    @in_turn
    def _take_all(self, n: int) -> None:
        if self._is_over:
            raise StreamStateError("this stream is finished: reset it or make another")
        self._is_over = True
        self._taken = n

    @in_turn
    def _speak(self, rows: list[Float32]) -> Float32:
        made = [
            [speaking.process(hearing.describe(heard))]
            for hearing, speaking, heard in zip(self._hearing, self._speaking, rows, strict=True)
        ]
        return self._next(made, is_last=False)

    @in_turn
    def _speak_rest(self) -> Float32:
        made = []
        for hearing, speaking in zip(self._hearing, self._speaking, strict=True):
            rest = map(speaking.process, hearing.describe_rest())
            made.append([*rest, *speaking.finish(self._taken)])
        return self._next(made, is_last=True)

    def _hand_out(self, made: list[list[Float32]], *, is_last: bool) -> npt.NDArray[Any]:
        """The next samples, in the form of the chunks."""
        layout = self._layout or Layout(np.dtype(np.float32), self.channels == 1)
        return layout.restore(self._next(made, is_last=is_last))

    def _next(self, made: list[list[Float32]], *, is_last: bool) -> Float32:
        """Resampling rounds lengths: what comes out in the end is exactly what went in."""
        left = self._taken - self._given
        length = left if is_last else min(sum(map(len, made[0])), left)
        data = np.empty((self.channels, length), np.float32)
        for whole, parts in zip(data, made, strict=True):
            fill(whole, parts)
        self._given += length
        return data


def _removal(recipe: Recipe, profile: Profile | None) -> _engine.SpeakerRemoval:
    state = profile.state if profile else None
    if recipe.removal == "bottleneck":
        return whole_removal(state)
    return _engine.SpeakerRemoval(
        engine_model(),
        state,
        residual=recipe.residual,
        pitch_levels=recipe.pitch_levels,
        detail_order=recipe.detail_order,
        value_step=_VALUE_STEP,
    )
