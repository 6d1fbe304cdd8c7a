"""The way out: a description on its way to samples, in the voice that the draws give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon import _engine
from voiceanon.bottleneck import decoder
from voiceanon.errors import InputError
from voiceanon.keys import Draws, derive
from voiceanon.marking.pattern import PERIOD_ROWS, PUBLIC_KEY
from voiceanon.marking.writing import MarkWriter, mark_basis
from voiceanon.melody import DrawnMelody
from voiceanon.pace import PaceWarp
from voiceanon.recipe import Recipe
from voiceanon.resampling import Resampler, lag_s
from voiceanon.template import engine_model, tables
from voiceanon.voice import Voice, draw_voice, named_voice, neutral_voice
from voiceanon.warping import synthesis_basis, wide_synthesis

__all__ = ["HOP_S", "ORDERS", "Labels", "Speaking", "voice_of"]

HOP_S = 0.005
# Quefrencies analysed and, above 16 kHz, spoken.
ORDERS = {16_000: 255, 24_000: 511, 48_000: 1023}
# Quefrencies spoken at 16 kHz: half the synthesis FFT of 512, less one.
_SPOKEN_ORDER = 199
_NARROW_HZ = 16_000
# Level of voiced speech that the template and an average drawn voice come out at, measured; the
# recipe's level is reached from there.
_TEMPLATE_LEVEL_DB = -28.1
_NOISE_KEY_BYTES = 8

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, repr=False)
class Labels:
    """What the draws of a recording are made from."""

    secret: bytes
    recording: str
    speaker: str | None
    mark_key: bytes = PUBLIC_KEY

    def noise_key(self, channel: int) -> int:
        """Return what chooses a channel's noise."""
        key = derive(self.secret, "noise", self.recording, str(channel))
        return int.from_bytes(key[:_NOISE_KEY_BYTES], "big")

    def accent(self, channel: int) -> Draws:
        """Return what a channel's accent is drawn from."""
        return Draws(self.secret, "accent", self.recording, str(channel))

    def pace(self, amount: float, channel: int) -> PaceWarp | None:
        """Return the change of pace of a channel, if the recipe asks for one."""
        if amount == 0.0:
            return None
        return PaceWarp(amount, self.secret, "pace", self.recording, str(channel))

    def melody(self, channel: int) -> DrawnMelody:
        """Return the made-up melody of a channel."""
        return DrawnMelody(self.secret, "melody", self.recording, str(channel))

    def mark(self, strength_db: float, channel: int) -> MarkWriter | None:
        """Return what marks a channel, if the recipe has a strength for it."""
        if strength_db == 0.0:
            return None
        start = Draws(self.secret, "start of the mark", self.recording, str(channel))
        return MarkWriter(self.mark_key, strength_db, start.integer(PERIOD_ROWS))


class Speaking:
    """One channel's description spoken: decoded, paced, voiced, marked, synthesised, resampled.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    rate : int
        Of what comes out, in Hz.
    draws : Labels
        Source of voice, noise and pace.
    channel : int
        Which one; each has draws of its own.
    own_spread : float, optional
        Deviation of the recording's log f0, for recipes that keep it.
    voice : Voice, optional
        Who speaks, instead of the recipe's draw.
    pitch_levels : int, optional
        Steps of pitch in the description, instead of the recipe's; where there is but one, the
        melody is made up.
    """

    def __init__(
        self,
        recipe: Recipe,
        rate: int,
        draws: Labels,
        channel: int,
        own_spread: float | None = None,
        voice: Voice | None = None,
        *,
        pitch_levels: int | None = None,
    ) -> None:
        band, noise_key = recipe.band_hz, draws.noise_key(channel)
        self._band = band
        self._rate = rate
        self._decoder = decoder() if recipe.removal == "bottleneck" else None
        self._pace = draws.pace(recipe.time_warp, channel) if recipe.protects else None
        levels = recipe.pitch_levels if pitch_levels is None else pitch_levels
        self._melody = draws.melody(channel) if recipe.protects and levels == 1 else None
        self._mark = draws.mark(recipe.mark_db, channel) if recipe.protects else None
        self._voice: _engine.PseudoVoice | None = None
        if recipe.protects:
            voice = voice_of(recipe, draws, channel) if voice is None else voice
            self._voice = _pseudo_voice(recipe, voice, own_spread)
            is_marked = self._mark is not None
            self._synthesizer = _synthesizer(band, voice, noise_key, is_marked=is_marked)
        else:
            values = ORDERS[band] + 1
            self._synthesizer = _engine.Synthesizer(band, values=values, noise_key=noise_key)
        self._from_band = Resampler(band, rate)

    @property
    def latency_s(self) -> float:
        """Time after which a sample has come out, at most, in seconds."""
        seconds = self._synthesizer.latency_samples / self._band + lag_s(self._band, self._rate)
        if self._decoder is not None:
            seconds += self._decoder.lookahead_rows * HOP_S
        if self._pace is not None:
            seconds += self._pace.latency_rows * HOP_S
        return seconds

    def reset(self) -> None:
        """Make it new, with the same draws."""
        stages = (self._decoder, self._pace, self._melody, self._mark)
        for stage in (*stages, self._synthesizer, self._from_band):
            if stage is not None:
                stage.reset()

    def process(self, description: Float32) -> Float32:
        """Return the samples that are final after this much of a description."""
        if self._decoder is not None:
            description = self._decoder.process(description)
        return self._from_band.process(self._spoken(description))

    def finish(self, total: int) -> list[Float32]:
        """Return the rest in parts; `total` samples came in at the outer rate."""
        spoken = []
        if self._decoder is not None:
            spoken.append(self._spoken(self._decoder.finish()))
        if self._pace is not None:
            spoken.append(self._voiced(self._pace.finish()))
        spoken.append(self._synthesizer.finish(-(-total * self._band // self._rate)))
        return [*map(self._from_band.process, spoken), self._from_band.finish()]

    def _spoken(self, rows: Float32) -> Float32:
        return self._voiced(rows if self._pace is None else self._pace.process(rows))

    def _voiced(self, rows: Float32) -> Float32:
        if self._melody is not None:
            rows = self._melody.process(rows)
        if self._voice is not None:
            # An empty stage hands out rows of no width.
            rows = self._voice.process(rows) if len(rows) else rows[:0]
        if self._mark is not None and len(rows):
            rows = self._mark.process(rows)
        return self._synthesizer.process(rows) if len(rows) else np.empty(0, np.float32)


def voice_of(recipe: Recipe, draws: Labels, channel: int) -> Voice:
    """Return the pseudo-voice that speaks a channel."""
    if recipe.voice != "drawn":
        return named_voice(recipe.voice)
    if recipe.voice_draw == "constant":
        return neutral_voice()
    if recipe.voice_draw == "speaker":
        if draws.speaker is None:
            raise InputError("this recipe draws a voice for each speaker: give the label `speaker`")
        return draw_voice(Draws(draws.secret, "voice of speaker", draws.speaker, str(channel)))
    return draw_voice(Draws(draws.secret, "voice of recording", draws.recording, str(channel)))


def _pseudo_voice(recipe: Recipe, voice: Voice, own_spread: float | None) -> _engine.PseudoVoice:
    spread = voice.f0_spread
    if recipe.pitch_range == "constant":
        spread = 0.0
    elif recipe.pitch_range == "recording" and own_spread is not None:
        spread = own_spread
    return _engine.PseudoVoice(
        engine_model(),
        f0_hz=voice.f0_hz,
        f0_spread=spread,
        colour=list(voice.colour),
        breathiness=voice.breathiness,
        gain_db=recipe.level_dbfs - _TEMPLATE_LEVEL_DB,
        gate_db=recipe.noise_gate_db,
        bands=len(_engine.aperiodicity_edges_hz(recipe.band_hz)),
    )


def _synthesizer(
    band: int, voice: Voice, noise_key: int, *, is_marked: bool
) -> _engine.Synthesizer:
    values, order = tables()["mean"].shape[1], ORDERS[band]
    bias = None
    if band == _NARROW_HZ:
        order = _SPOKEN_ORDER
        matrix = synthesis_basis(order, values, voice.formant_scale)
    else:
        matrix, bias = wide_synthesis(order, values, band, voice.formant_scale)
    if is_marked:
        matrix = np.concatenate([matrix, mark_basis(order, band)], axis=1)
    return _engine.Synthesizer(
        band, values=matrix.shape[1], noise_key=noise_key, basis=matrix, bias=bias
    )
