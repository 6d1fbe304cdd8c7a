"""The stream: one recording on its way through the core's stages, in chunks of any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon import _engine
from voiceanon.audio import Layout, check_chunk
from voiceanon.errors import InputError, StreamStateError
from voiceanon.frames import fill
from voiceanon.keys import Draws, derive
from voiceanon.pace import PaceWarp
from voiceanon.profile import Profile
from voiceanon.recipe import Recipe
from voiceanon.resampling import Resampler, lag_s
from voiceanon.template import ANALYSIS_ORDER, TEMPLATE_RATE_HZ, basis, engine_model, tables
from voiceanon.voice import Voice, draw_voice, neutral_voice
from voiceanon.warping import synthesis_basis, wide_synthesis

__all__ = ["Labels", "Stream"]

# Quefrencies spoken: half the synthesis FFT of 512, less one.
_SPOKEN_ORDER = 199
_ORDERS = {16_000: 255, 24_000: 511, 48_000: 1023}
_VALUE_STEP = 0.125
# Level of voiced speech that the template and an average drawn voice come out at, measured; the
# recipe's level is reached from there.
_TEMPLATE_LEVEL_DB = -28.1
_NOISE_KEY_BYTES = 8
_ROWS_AT_ONCE = 200
_HOP_S = 0.005

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Road:
    """The stages that one channel passes: its own analysis, removal, voice and synthesis."""

    to_band: Resampler
    analyzer: _engine.Analyzer
    removal: _engine.SpeakerRemoval | None
    pace: PaceWarp | None
    voice: _engine.PseudoVoice | None
    synthesizer: _engine.Synthesizer
    from_band: Resampler

    def reset(self) -> None:
        for stage in (self.to_band, self.analyzer, self.synthesizer, self.from_band):
            stage.reset()
        if self.removal is not None:
            self.removal.reset()
        if self.pace is not None:
            self.pace.reset()

    def speak(self, rows: Float32) -> Float32:
        if self.removal is not None and self.voice is not None:
            description = self.removal.process(rows)
            if self.pace is not None:
                description = self.pace.process(description)
            rows = self.voice.process(description)
        return self.synthesizer.process(rows)

    def speak_rest(self) -> Float32:
        """What the change of pace still holds, once every row has been spoken."""
        if self.pace is None or self.voice is None:
            return np.empty(0, np.float32)
        rest = self.pace.finish()
        return self.synthesizer.process(self.voice.process(rest)) if len(rest) else rest.reshape(-1)


@dataclass(frozen=True, repr=False)
class Labels:
    """What the draws of a recording are made from."""

    secret: bytes
    recording: str
    speaker: str | None

    def noise_key(self, channel: int) -> int:
        """Return what chooses a channel's noise."""
        key = derive(self.secret, "noise", self.recording, str(channel))
        return int.from_bytes(key[:_NOISE_KEY_BYTES], "big")

    def pace(self, amount: float, channel: int) -> PaceWarp | None:
        """Return the change of pace of a channel, if the recipe asks for one."""
        if amount == 0.0:
            return None
        return PaceWarp(amount, self.secret, "pace", self.recording, str(channel))


class Stream:
    """One recording on its way through the core, in chunks; made by `Anonymizer.stream`.

    Attributes
    ----------
    rate : int
        Samples a second, in and out.
    channels : int
        Number of channels.
    """

    def __init__(
        self,
        recipe: Recipe,
        rate: int,
        channels: int,
        profiles: tuple[Profile, ...] | None,
        draws: Labels,
    ) -> None:
        self.rate = rate
        self.channels = channels
        self._recipe = recipe
        self._roads = [
            _road(recipe, rate, profiles[channel] if profiles else None, draws, channel)
            for channel in range(channels)
        ]
        self._layout: Layout | None = None
        self._taken = self._given = 0
        self._is_over = False

    @property
    def latency_samples(self) -> int:
        """Samples of input after which a sample has come out, at most."""
        road = self._roads[0]
        band = self._recipe.band_hz
        heard = TEMPLATE_RATE_HZ if self._recipe.protects else band
        seconds = road.analyzer.latency_samples / heard + road.synthesizer.latency_samples / band
        if road.pace is not None:
            seconds += road.pace.latency_rows * _HOP_S
        seconds += lag_s(self.rate, heard) + lag_s(band, self.rate)
        return round(seconds * self.rate)

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
            If the stream is finished.
        """
        if self._is_over:
            raise StreamStateError("this stream is finished: reset it or make another")
        checked = check_chunk(chunk, self.rate, self.channels, self._layout)
        self._layout = checked.layout
        self._taken += checked.data.shape[1]
        made = [
            [
                road.from_band.process(
                    road.speak(road.analyzer.process(road.to_band.process(samples)))
                )
            ]
            for road, samples in zip(self._roads, checked.data, strict=True)
        ]
        return self._hand_out(made, is_last=False)

    def finish(self) -> npt.NDArray[Any]:
        """Return the rest, in the form of the chunks."""
        if self._is_over:
            raise StreamStateError("this stream is finished: reset it or make another")
        self._is_over = True
        made = []
        for road in self._roads:
            rest = road.speak(road.analyzer.process(road.to_band.finish()))
            tail = road.speak(road.analyzer.finish())
            made.append(self._end(road, [rest, tail]))
        return self._hand_out(made, is_last=True)

    def speak_remembered(self, rows: list[Float32], n: int) -> Float32:
        """Return the whole output from a first pass's rows: `process` and `finish` in one.

        Parameters
        ----------
        rows : list of ndarray of float32
            One channel's analysis each, as `Profiler.remembered` holds them.
        n : int
            Length of the recording, in samples.

        Returns
        -------
        ndarray of float32, shape (channels, n)
            The samples that `process` and `finish` would return.
        """
        self._is_over = True
        self._taken = n
        data = np.empty((self.channels, n), np.float32)
        for road, heard, whole in zip(self._roads, rows, data, strict=True):
            steps = range(0, len(heard), _ROWS_AT_ONCE)
            fill(
                whole, self._end(road, [road.speak(heard[at : at + _ROWS_AT_ONCE]) for at in steps])
            )
        return data

    def _end(self, road: _Road, parts: list[Float32]) -> list[Float32]:
        """The parts and everything that is still inside the stages, at the outer rate."""
        total = -(-self._taken * self._recipe.band_hz // self.rate)
        parts = [*parts, road.speak_rest(), road.synthesizer.finish(total)]
        return [*map(road.from_band.process, parts), road.from_band.finish()]

    def reset(self) -> None:
        """Make the stream new: the same voices, nothing heard yet."""
        for road in self._roads:
            road.reset()
        self._layout = None
        self._taken = self._given = 0
        self._is_over = False

    def _hand_out(self, made: list[list[Float32]], *, is_last: bool) -> npt.NDArray[Any]:
        """Resampling rounds lengths: what comes out in the end is exactly what went in."""
        left = self._taken - self._given
        length = left if is_last else min(sum(map(len, made[0])), left)
        data = np.empty((self.channels, length), np.float32)
        for whole, parts in zip(data, made, strict=True):
            fill(whole, parts)
        self._given += length
        layout = self._layout or Layout(np.dtype(np.float32), self.channels == 1)
        return layout.restore(data)


def _road(recipe: Recipe, rate: int, profile: Profile | None, draws: Labels, channel: int) -> _Road:
    noise_key = draws.noise_key(channel)
    band = recipe.band_hz
    if not recipe.protects:
        order = _ORDERS[band]
        return _Road(
            Resampler(rate, band),
            _engine.Analyzer(band, order=order),
            None,
            None,
            None,
            _engine.Synthesizer(band, values=order + 1, noise_key=noise_key),
            Resampler(band, rate),
        )
    voice = _voice(recipe, draws, channel)
    values = tables()["mean"].shape[1]
    return _Road(
        Resampler(rate, TEMPLATE_RATE_HZ),
        _engine.Analyzer(TEMPLATE_RATE_HZ, order=ANALYSIS_ORDER, basis=basis()),
        _engine.SpeakerRemoval(
            engine_model(),
            profile.state if profile else None,
            residual=recipe.residual,
            pitch_levels=recipe.pitch_levels,
            detail_order=recipe.detail_order,
            value_step=_VALUE_STEP,
        ),
        draws.pace(recipe.time_warp, channel),
        _engine.PseudoVoice(
            engine_model(),
            f0_hz=voice.f0_hz,
            f0_spread=_f0_spread(recipe, voice, profile),
            colour=list(voice.colour),
            breathiness=voice.breathiness,
            gain_db=recipe.level_dbfs - _TEMPLATE_LEVEL_DB,
            gate_db=recipe.noise_gate_db,
            bands=len(_engine.aperiodicity_edges_hz(band)),
        ),
        _spoken_at(band, voice, values, noise_key),
        Resampler(band, rate),
    )


def _spoken_at(band: int, voice: Voice, values: int, noise_key: int) -> _engine.Synthesizer:
    if band == TEMPLATE_RATE_HZ:
        matrix = synthesis_basis(_SPOKEN_ORDER, values, voice.formant_scale)
        return _engine.Synthesizer(band, values=values, noise_key=noise_key, basis=matrix)
    matrix, bias = wide_synthesis(_ORDERS[band], values, band, voice.formant_scale)
    return _engine.Synthesizer(band, values=values, noise_key=noise_key, basis=matrix, bias=bias)


def _f0_spread(recipe: Recipe, voice: Voice, profile: Profile | None) -> float:
    if recipe.pitch_range == "constant":
        return 0.0
    if recipe.pitch_range == "recording" and profile is not None:
        return profile.f0_deviation
    return voice.f0_spread


def _voice(recipe: Recipe, draws: Labels, channel: int) -> Voice:
    if recipe.voice_draw == "constant":
        return neutral_voice()
    if recipe.voice_draw == "speaker":
        if draws.speaker is None:
            raise InputError("this recipe draws a voice for each speaker: give the label `speaker`")
        return draw_voice(Draws(draws.secret, "voice of speaker", draws.speaker, str(channel)))
    return draw_voice(Draws(draws.secret, "voice of recording", draws.recording, str(channel)))
