"""The training itself: first the encoder learns to hear words, then the decoder to speak units."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from voiceanon.bottleneck import draw_accent
from voiceanon.checks.optional import load
from voiceanon.keys import Draws
from voiceanon.privacy.drawing import uniform
from voiceanon.training.networks import LETTERS, bounded, quantised
from voiceanon.training.prepared import Batch, Prepared

__all__ = ["Learning", "learn_to_hear", "learn_to_speak"]

_VIEWS = 2
_UNTOLD_SHARE = 0.2  # of utterances that the decoder speaks without being told whose they are
# Below which draw which share of the digits is kept.
_KEPT_SHARES = ((0.1, 2 / 6), (0.25, 3 / 6), (0.4, 4 / 6), (0.55, 5 / 6), (1.0, 1.0))
_AGAIN_FROM = 0.1  # part of the training before which the decoder's output is no speech yet
_WARM_STEPS = 200

T = TypeVar("T")
Progress = Callable[[float, dict[str, float]], None]


@dataclass(frozen=True)
class Learning:
    """Settings of a training.

    Attributes
    ----------
    hearing, speaking : float
        Passes over the whole material of the encoder, and then of the decoder.
    batch_s : float
        Speech in a batch, in seconds; the encoder hears half as much, in two voices.
    learning_rate : float
        The highest, of AdamW; it warms up over 200 steps and falls along half a cosine.
    teaching, letters, phones, same : float
        Weights of the encoder's losses: the teacher's features, the letters of transcripts
        (connectionist temporal classification, Graves et al. 2006), the teacher's phones, and how
        far apart two voices saying the same lie (as in Qian et al. 2022, ContentVec).
    accent : float
        Largest spread of the accents that units are heard and spoken with.
    sounds, change, voicing, again : float
        Weights of the decoder's losses: the values spoken, how they change from row to row, which
        rows are voiced, and whether the encoder hears in them the same features and phones again:
        words count, not distances.
    """

    hearing: float = 6.0
    speaking: float = 5.0
    batch_s: float = 60.0
    learning_rate: float = 1.5e-3
    teaching: float = 0.5
    letters: float = 0.3
    phones: float = 0.5
    same: float = 4.0
    accent: float = 0.35
    sounds: float = 1.0
    change: float = 0.5
    voicing: float = 0.3
    again: float = 0.3


def learn_to_hear(
    network: Any,
    levels: tuple[int, ...],
    prepared: Prepared,
    settings: Learning,
    draws: Draws,
    progress: Progress,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train the encoder, and the reader that tells whether its units hold the words, in place.

    The decoder has no say in it: units learn from words alone, and from one sentence in two voices
    being the same units.

    Parameters
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
    """
    torch = load("torch")
    drawn = Draws(draws.bytes(32), "digits")

    def losses(batch: Batch, _done: float) -> dict[str, Any]:
        heard, teacher, phones, weight, mask = _tensors(
            torch, batch.heard, batch.teacher, batch.phones, batch.weight, batch.mask
        )
        kept = _kept_digits(torch, batch, len(levels), drawn)
        views, total = len(heard), weight.sum()
        with torch.autocast("cpu", torch.bfloat16):
            places = [bounded(network.encoder(view, mask)) for view in heard]
            said = [_accented(torch, place, batch, settings.accent, drawn) for place in places]
            codes = [quantised(place, levels)[0] * kept for place in said]
            read = [network.reader(code, mask).float() for code in codes]
        found: dict[str, Any] = {}
        for part in read:
            for name, value in _reading(torch, part, teacher, phones, weight, prepared).items():
                found[name] = found.get(name, 0.0) + value / views
            letters = _letters_loss(torch, part[:, prepared.features :], batch)
            found["letters"] = found.get("letters", 0.0) + letters / views
        apart = (places[0] - places[1]) ** 2
        found["same"] = (apart.mean(1) * torch.from_numpy(batch.speech)[:, 0]).sum() / total
        return found

    trained = [*network.encoder.parameters(), *network.reader.parameters()]
    frames = round(50 * settings.batch_s / _VIEWS)
    batches = _ahead(_passes(lambda: prepared.batches(frames, draws, views=_VIEWS)))
    _descend(
        network,
        trained,
        prepared,
        settings,
        settings.hearing,
        frames,
        batches,
        losses,
        progress,
        stop,
    )


def learn_to_speak(
    network: Any,
    levels: tuple[int, ...],
    prepared: Prepared,
    settings: Learning,
    draws: Draws,
    progress: Progress,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train the decoder in place; the encoder and its reader are held fixed.

    Parameters are those of `learn_to_hear`.
    """
    torch = load("torch")
    drawn = Draws(draws.bytes(32), "digits")
    importance = torch.from_numpy(_importance(prepared))
    fixed = (network.encoder, network.reader)
    for part in fixed:
        part.requires_grad_(False)

    def losses(batch: Batch, done: float) -> dict[str, Any]:
        for part in fixed:
            part.eval()
        heard, spoken, prosody, teacher, phones, weight, mask = _tensors(
            torch,
            batch.heard[0],
            batch.spoken,
            batch.prosody,
            batch.teacher,
            batch.phones,
            batch.weight,
            batch.mask,
        )
        kept = _kept_digits(torch, batch, len(levels), drawn)
        voices = network.voices(_whose(torch, batch)) * _is_known(torch, batch, drawn)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                place = bounded(network.encoder(heard, mask))
                place = _accented(torch, place, batch, settings.accent, drawn)
                codes = quantised(place, levels)[0] * kept
            made = network.decoder(torch.cat([codes, prosody, voices], 1), mask).float()
        made_rows, spoken_rows = made.reshape(4 * len(mask), -1), spoken.reshape(4 * len(mask), -1)
        row_weight = weight.expand(-1, 4).reshape(-1)
        total = row_weight.sum()
        off = (made_rows - spoken_rows)[:, 1:] * importance
        voiced = torch.nn.functional.binary_cross_entropy_with_logits(
            made_rows[:, 0], spoken_rows[:, 0], reduction="none"
        )
        found = {
            "sounds": (off.abs().mean(1) * row_weight).sum() / total,
            "change": (off.diff(dim=0).abs().mean(1) * row_weight[1:]).sum() / total,
            "voicing": (voiced * row_weight).sum() / total,
        }
        if settings.again > 0 and done >= _AGAIN_FROM:
            said = torch.cat([torch.sigmoid(made_rows[:, :1]), made_rows[:, 1:].clamp(-5, 5)], 1)
            with torch.autocast("cpu", torch.bfloat16):
                place = bounded(network.encoder(said.reshape(len(mask), -1) * mask, mask))
                codes = quantised(place, levels)[0] * torch.from_numpy(batch.speech)
                read = network.reader(codes, mask).float()
            heard_again = _reading(torch, read, teacher, phones, weight, prepared)
            found["again"] = heard_again["teaching"] + heard_again["phones"]
        return found

    trained = [*network.decoder.parameters(), *network.voices.parameters()]
    frames = round(50 * settings.batch_s)
    batches = _ahead(_passes(lambda: prepared.batches(frames, draws)))
    _descend(
        network,
        trained,
        prepared,
        settings,
        settings.speaking,
        frames,
        batches,
        losses,
        progress,
        stop,
    )
    for part in fixed:
        part.requires_grad_(True)


def _descend(
    network: Any,
    trained: list[Any],
    prepared: Prepared,
    settings: Learning,
    passes: float,
    frames: int,
    batches: Iterator[Batch],
    losses_of: Callable[[Batch, float], dict[str, Any]],
    progress: Progress,
    stop: Callable[[], bool],
) -> None:
    """Follow the losses' gradient for so many passes."""
    torch = load("torch")
    optimiser = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=0.01)
    total = sum(map(len, prepared.material.utterances))
    steps = math.ceil(passes * total / frames)
    means: dict[str, float] = {}
    network.train()
    for step, batch in zip(range(steps), batches, strict=False):
        if stop():
            break
        done = step / steps
        rate = settings.learning_rate * min(1.0, (step + 1) / _WARM_STEPS)
        rate *= 0.02 + 0.49 * (1 + math.cos(math.pi * done))
        for group in optimiser.param_groups:
            group["lr"] = rate
        losses = losses_of(batch, done)
        loss = sum(getattr(settings, name) * value for name, value in losses.items())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 2.0)
        optimiser.step()
        for name, value in losses.items():
            new = float(value.detach())
            means[name] = new if name not in means else 0.97 * means[name] + 0.03 * new
        progress((step + 1) / steps, means)
    network.eval()


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
    return tuple(torch.from_numpy(array) for array in arrays)


def _reading(
    torch: Any, read: Any, teacher: Any, phones: Any, weight: Any, prepared: Prepared
) -> dict[str, Any]:
    """How far what was read is from what the teacher heard, and from its phones (cross entropy)."""
    total, features = weight.sum(), prepared.features
    off = ((read[:, :features] - teacher) ** 2).mean(1)
    said = torch.nn.functional.log_softmax(read[:, features + 1 + len(LETTERS) :], 1)
    return {
        "teaching": (off * weight[:, 0]).sum() / total,
        "phones": -((phones * said).sum(1) * weight[:, 0]).sum() / total,
    }


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
    return torch.from_numpy(kept * batch.speech)


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
    return torch.from_numpy(whose)


def _is_known(torch: Any, batch: Batch, draws: Draws) -> Any:
    """1 where the decoder is told who speaks: not in all utterances, and never between them."""
    known = np.zeros((len(batch.mask), 1), np.float32)
    told = uniform(draws, len(batch.spans)) >= _UNTOLD_SHARE
    for (start, end), is_told in zip(batch.spans, told, strict=True):
        known[start:end] = is_told
    return torch.from_numpy(known)


def _letters_loss(torch: Any, read: Any, batch: Batch) -> Any:
    told = [i for i, text in enumerate(batch.texts) if text]
    if not told:
        return read.sum() * 0.0
    stretches = [read[slice(*batch.spans[i]), : 1 + len(LETTERS)] for i in told]
    padded = torch.nn.utils.rnn.pad_sequence(stretches)
    lengths = torch.tensor([len(stretch) for stretch in stretches])
    texts = torch.tensor([letter for i in told for letter in batch.texts[i]])
    counts = torch.tensor([len(batch.texts[i]) for i in told])
    said = torch.nn.functional.log_softmax(padded, -1)
    return torch.nn.functional.ctc_loss(said, texts, lengths, counts, zero_infinity=True)


def _importance(prepared: Prepared) -> np.ndarray:
    """How much each value moves the log spectrum: its deviation, by the mean of all."""
    deviation = prepared.scale * np.where(np.arange(prepared.values) > 0, 2.0**0.5, 1.0)
    return np.asarray(deviation / deviation.mean(), np.float32)
