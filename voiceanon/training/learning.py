"""The training itself: the encoder learns to hear words, then both learn to speak them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from voiceanon.bottleneck import draw_accent
from voiceanon.checks.optional import load
from voiceanon.keys import Draws
from voiceanon.privacy.drawing import uniform
from voiceanon.training.adversary import Pressure, who_loss
from voiceanon.training.bands import Bands, scaled, voice_f0
from voiceanon.training.losses import (
    hearing_apart,
    importance,
    letters_loss,
    pause_loss,
    reading,
    speaking,
)
from voiceanon.training.material import LEVEL_STEP_DB, PAUSE_STEP
from voiceanon.training.networks import bounded, quantised
from voiceanon.training.prepared import Batch, Prepared

__all__ = ["Learning", "Listener", "Trainer"]

_VIEWS = 2
_WINDOW_S = 15.0  # of what the recogniser hears at once: its cost grows with the square of it
_UNTOLD_SHARE = 0.4  # of utterances that the decoder speaks without being told whose they are
# Below which draw which share of the digits is kept.
_KEPT_SHARES = ((0.1, 2 / 6), (0.25, 3 / 6), (0.4, 4 / 6), (0.55, 5 / 6), (1.0, 1.0))
_AS_RECORDED_SHARE = 0.6  # of utterances whose second voice is the recorded one
_WARM_STEPS = 200
_SPEAKING_RATE = 0.8  # of the learning rate
_CHASING_RATE = 1e-3  # the adversary's
_LOWEST_VOICE_HZ, _HIGHEST_VOICE_HZ = 85.0, 257.0
_PAUSE = 0.5
_LARGEST_VALUE = 6.0  # deviations, of what the recogniser is given

T = TypeVar("T")
Progress = Callable[[float, dict[str, float]], None]
Losses = dict[str, Any]


class Listener(Protocol):
    """A recogniser with gradients, as `voiceanon.training.recogniser.Recogniser`."""

    def hear(self, bands: Any) -> list[Any]:
        """Return what its layers hear."""


@dataclass(frozen=True)
class Learning:
    """Settings of a training.

    Attributes
    ----------
    hearing, speaking : float
        Passes over the whole material of the encoder alone, and then of all.
    batch_s : float
        Speech in a batch, in seconds.
    perturbed : bool
        Whether the encoder hears everything in two voices at once, other people's or, the second
        and often, the recorded one; otherwise only as it was recorded.
    learning_rate : float
        The highest, of AdamW; it warms up over 200 steps and falls along half a cosine.
    teaching, letters, phones, pause, same : float
        Weights of the encoder's losses: the teacher's features, the letters of transcripts
        (connectionist temporal classification, Graves et al. 2006), the teacher's phones, the
        frames in which nobody speaks, and how far apart two voices saying the same lie (as in Qian
        et al. 2022, ContentVec).
    adversary : float
        How hard units are kept from telling who speaks: the norm of that gradient by the norm of
        the gradient of reading words from them.
    accent : float
        Largest spread of the accents that units are heard and spoken with.
    sounds, change, voicing, heard : float
        Weights of the losses of what is spoken: its values, how they change from row to row, which
        rows are voiced, and how far from the recording a recogniser hears it: words count, not
        distances. With `heard` 0 it is not asked.
    """

    hearing: float = 13.0
    speaking: float = 22.0
    batch_s: float = 240.0
    perturbed: bool = True
    learning_rate: float = 1.5e-3
    teaching: float = 0.5
    letters: float = 0.3
    phones: float = 0.5
    pause: float = 1.0
    same: float = 4.0
    adversary: float = 1.0
    accent: float = 0.2
    sounds: float = 0.5
    change: float = 0.25
    voicing: float = 0.15
    heard: float = 2.0


@dataclass(frozen=True)
class Trainer:
    """Trains the networks in place.

    Attributes
    ----------
    network : torch.nn.Module
        From `voiceanon.training.networks.build`; left in evaluation mode.
    levels : tuple of int
        Of the units.
    prepared : Prepared
        What is learned from.
    settings : Learning
        How.
    draws : Draws
        Orders everything that is drawn.
    progress : callable
        Called after each step with the part done, 0 to 1, and the running means of the losses.
    stop : callable
        Whether to end now; the network is then as far as it got.
    against : torch.nn.Module, optional
        From `voiceanon.training.adversary.adversary`: units learn to tell it nothing. It hears the
        last voice of each batch, which is often the recorded one.
    """

    network: Any
    levels: tuple[int, ...]
    prepared: Prepared
    settings: Learning
    draws: Draws
    progress: Progress
    stop: Callable[[], bool] = lambda: False
    against: Any = None

    def hear(self) -> None:
        """Train the encoder, and the reader that tells whether its units hold the words.

        Units learn from words alone, and from one sentence in two voices being the same units, if
        there are two.
        """
        drawn = Draws(self.draws.bytes(32), "digits")
        pressure = Pressure(self.settings.adversary)
        network = self.network
        trained = [*network.encoder.parameters(), *network.reader.parameters()]
        self._descend(
            trained,
            self.settings.hearing,
            self.settings.learning_rate,
            lambda batch: self._hearing(batch, drawn, pressure).losses,
        )

    def speak(self, listener: Listener) -> None:
        """Train everything: the decoder says what the recording says, to the listener's ear.

        The encoder has heard the words in another voice than the decoder is to say them in, so
        that nothing about the speaker helps it.
        """
        torch = load("torch")
        drawn = Draws(self.draws.bytes(32), "digits")
        pressure = Pressure(self.settings.adversary, growing_steps=1)
        important = torch.as_tensor(importance(self.prepared))
        bands = Bands(self.prepared)

        def losses(batch: Batch) -> Losses:
            heard = self._hearing(batch, drawn, pressure)
            spoken, weight, pause = _tensors(torch, batch.spoken, batch.weight, batch.pause)
            voices = self.network.voices(_whose(torch, batch)) * _is_known(torch, batch, drawn)
            given = [heard.codes, _quiet_prosody(torch, batch, heard.speaks), voices]
            with torch.autocast(weight.device.type, torch.bfloat16):
                made = self.network.decoder(torch.cat(given, 1), torch.as_tensor(batch.mask))
            rows = [x.float().reshape(4 * len(weight), -1) for x in (made, spoken)]
            row_weight = weight.expand(-1, 4).reshape(-1)
            found = heard.losses | speaking(rows[0], rows[1], row_weight, important)
            if self.settings.heard > 0:
                f0 = voice_f0(
                    rows[1][:, 0] > 0.5,
                    torch.as_tensor(batch.pitch),
                    _voice_hz(torch, batch, drawn),
                )
                audible = (heard.speaks, (pause < _PAUSE).float())
                power = [
                    bands.power(x[:, 1:].clamp(-_LARGEST_VALUE, _LARGEST_VALUE), f0, speaks)
                    for x, speaks in zip(rows, audible, strict=True)
                ]
                found["heard"] = self._misheard(listener, power, weight)
            return found

        self._descend(
            list(self.network.parameters()),
            self.settings.speaking,
            _SPEAKING_RATE * self.settings.learning_rate,
            losses,
        )

    def _misheard(self, listener: Listener, power: list[Any], weight: Any) -> Any:
        """How far from the bands to be spoken, the last, a recogniser hears those made."""
        torch = load("torch")
        made_bands, spoken_bands = (
            x.reshape(len(x), self._windows, -1).transpose(0, 1) for x in power
        )
        top = spoken_bands.amax((1, 2), keepdim=True)
        with torch.no_grad():
            right = listener.hear(scaled(spoken_bands, top))
        return hearing_apart(
            listener.hear(scaled(made_bands, top)), right, weight.reshape(self._windows, -1, 1)
        )

    @property
    def _windows(self) -> int:
        """How many stretches of a batch the recogniser hears, one by one."""
        return max(1, round(self.settings.batch_s / _WINDOW_S))

    def _hearing(self, batch: Batch, drawn: Draws, pressure: Pressure) -> _Heard:
        torch, network = load("torch"), self.network
        heard, teacher, phones, weight, mask, speech, pause = _tensors(
            torch,
            batch.heard,
            batch.teacher,
            batch.phones,
            batch.weight,
            batch.mask,
            batch.speech,
            batch.pause,
        )
        digits = len(self.levels)
        kept = _kept_digits(torch, batch, digits, drawn)
        with torch.autocast(weight.device.type, torch.bfloat16):
            given = [network.encoder(view, mask).float() for view in heard]
            places = [bounded(one[:, :digits]) for one in given]
            silent = [one[:, digits:] for one in given]
            speaks = [(one.detach() <= 0).float() * speech for one in silent]
            said = [_accented(torch, p, batch, self.settings.accent, drawn) for p in places]
            codes = [
                quantised(place, self.levels)[0] * kept * is_speech
                for place, is_speech in zip(said, speaks, strict=True)
            ]
            shown = codes[-1] if self.against is None else pressure.read(codes[-1])
            read = [network.reader(code, mask).float() for code in (*codes[:-1], shown)]
        features = self.prepared.features
        views = [
            reading(part, teacher, phones, weight, features)
            | {"letters": letters_loss(part[:, features:], batch)}
            | {"pause": pause_loss(one, pause, speech)}
            for part, one in zip(read, silent, strict=True)
        ]
        found = {name: sum(view[name] for view in views) / len(views) for name in views[0]}
        if len(places) > 1:
            apart = ((places[0] - places[1]) ** 2).mean(1)
            found["same"] = (apart * speaks[0][:, 0]).sum() / weight.sum()
        if self.against is not None:
            with torch.autocast(weight.device.type, torch.bfloat16):
                found["who"] = who_loss(
                    self.against, pressure.told(codes[-1]), phones, speaks[-1], batch
                )
        return _Heard(codes[0], speaks[0], found)

    def _descend(
        self,
        trained: list[Any],
        passes: float,
        highest_rate: float,
        losses_of: Callable[[Batch], Losses],
    ) -> None:
        """Follow the losses' gradient for so many passes."""
        torch, settings, prepared = load("torch"), self.settings, self.prepared
        frames = round(50 * settings.batch_s / self._windows) * self._windows
        batches = _ahead(
            _passes(
                lambda: prepared.batches(
                    frames,
                    self.draws,
                    views=_VIEWS if settings.perturbed else 0,
                    as_recorded=_AS_RECORDED_SHARE,
                )
            )
        )
        optimiser = torch.optim.AdamW(trained, lr=highest_rate, weight_decay=0.01)
        chased = [] if self.against is None else list(self.against.train().parameters())
        chases = torch.optim.AdamW(chased, lr=_CHASING_RATE) if chased else None
        steps = math.ceil(passes * sum(map(len, prepared.material.utterances)) / frames)
        means: dict[str, float] = {}
        self.network.train()
        for step, batch in zip(range(steps), batches, strict=False):
            if self.stop():
                break
            rate = highest_rate * min(1.0, (step + 1) / _WARM_STEPS)
            rate *= 0.02 + 0.49 * (1 + math.cos(math.pi * step / steps))
            for group in optimiser.param_groups:
                group["lr"] = rate
            losses = losses_of(batch)
            who = losses.get("who", 0.0)  # its pull on the units is a ratio, set by the pressure
            loss = who + sum(
                getattr(settings, name) * value for name, value in losses.items() if name != "who"
            )
            optimiser.zero_grad(set_to_none=True)
            if chases:
                chases.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 2.0)
            optimiser.step()
            if chases:
                torch.nn.utils.clip_grad_norm_(chased, 1.0)
                chases.step()
            for name, value in losses.items():
                new = float(value.detach())
                means[name] = new if name not in means else 0.97 * means[name] + 0.03 * new
            self.progress((step + 1) / steps, means)
        self.network.eval()


@dataclass(frozen=True)
class _Heard:
    """Units of the first voice, in which frames somebody speaks, and how wrong the hearing was."""

    codes: Any
    speaks: Any
    losses: Losses


def _passes(one: Callable[[], Iterable[T]]) -> Iterator[T]:
    while True:
        yield from one()


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the items of an endless iterator, each made in a thread while the last one is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items)
        while True:
            item = coming.result()
            coming = thread.submit(next, items)
            yield item


def _tensors(torch: Any, *arrays: np.ndarray) -> tuple[Any, ...]:
    return tuple(torch.as_tensor(array) for array in arrays)


def _kept_digits(torch: Any, batch: Batch, digits: int, draws: Draws) -> Any:
    """1 for the digits of a unit that an utterance keeps: the first ones, as many as drawn.

    Nested dropout (Rippel et al. 2014): the first digits come to hold what matters most. Pauses
    keep none.
    """
    kept = np.zeros((len(batch.mask), digits), np.float32)
    drawn = uniform(draws, len(batch.spans))
    for (start, end), u in zip(batch.spans, drawn, strict=True):
        share = next(share for part, share in _KEPT_SHARES if u < part)
        kept[start:end, : max(1, round(share * digits))] = 1.0
    return torch.as_tensor(kept * batch.speech)


def _quiet_prosody(torch: Any, batch: Batch, speaks: Any) -> Any:
    """Voiced and level of each frame; where nobody speaks, those of all pauses."""
    prosody = torch.as_tensor(batch.prosody)
    quiet = torch.tensor([0.0, PAUSE_STEP * LEVEL_STEP_DB / 30.0])
    return torch.where(speaks > 0, prosody, quiet)


def _accented(torch: Any, place: Any, batch: Batch, largest: float, draws: Draws) -> Any:
    """Each utterance's places in an accent of its own, as the core draws one for a recording."""
    digits = place.shape[1]
    parts, last = [], 0
    for start, end in batch.spans:
        shares = draw_accent(digits, draws.uniform(0.0, largest), draws)
        accent = torch.tensor(shares).reshape(digits, 1 + digits)
        said = place[start:end]
        parts += [place[last:start], said + accent[:, 0] + said @ accent[:, 1:].T]
        last = end
    return torch.cat([*parts, place[last:]]).clamp(-1.0, 1.0)


def _whose(torch: Any, batch: Batch) -> Any:
    """Whose every frame is; between utterances it does not matter."""
    whose = np.zeros(len(batch.mask), np.int64)
    for (start, end), speaker in zip(batch.spans, batch.speakers, strict=True):
        whose[start:end] = speaker
    return torch.as_tensor(whose)


def _is_known(torch: Any, batch: Batch, draws: Draws) -> Any:
    """1 where the decoder is told who speaks: not in all utterances, and never between them."""
    known = np.zeros((len(batch.mask), 1), np.float32)
    told = uniform(draws, len(batch.spans)) >= _UNTOLD_SHARE
    for (start, end), is_told in zip(batch.spans, told, strict=True):
        known[start:end] = is_told
    return torch.as_tensor(known)


def _voice_hz(torch: Any, batch: Batch, draws: Draws) -> Any:
    """A mean f0 for each utterance, drawn, on every row."""
    hz = np.full(len(batch.pitch), _LOWEST_VOICE_HZ, np.float32)
    each = len(batch.pitch) // len(batch.mask)
    drawn = _LOWEST_VOICE_HZ * (_HIGHEST_VOICE_HZ / _LOWEST_VOICE_HZ) ** uniform(
        draws, len(batch.spans)
    )
    for (start, end), mean_hz in zip(batch.spans, drawn, strict=True):
        hz[each * start : each * end] = mean_hz
    return torch.as_tensor(hz)
