"""The training itself: everything at once, so that units hold what words and sounds need."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from voiceanon.checks.optional import load
from voiceanon.keys import Draws
from voiceanon.privacy.drawing import uniform
from voiceanon.training.networks import quantised
from voiceanon.training.prepared import Batch, Prepared

__all__ = ["Learning", "learn"]

_UNTOLD_SHARE = 0.2  # of utterances that the decoder speaks without being told whose they are
# Below which draw which share of the digits is kept.
_KEPT_SHARES = ((0.1, 1 / 3), (0.55, 1 / 2), (0.7, 2 / 3), (0.8, 5 / 6), (1.0, 1.0))
_AGAIN_FROM = 0.5  # part of the training before which the decoder's output is no speech yet


@dataclass(frozen=True)
class Learning:
    """Settings of a training.

    Attributes
    ----------
    passes : int
        Over the whole material.
    batch_s : float
        Speech in a batch, in seconds.
    learning_rate : float
        The highest, of AdamW; it warms up over 200 steps and falls along half a cosine.
    teaching, letters, sounds, change, voicing : float
        Weights of the losses: the teacher's features, transcripts (connectionist temporal
        classification, Graves et al. 2006), the values spoken, how they change from row to row,
        and which rows are voiced.
    shaping : float
        Share of the decoder's gradient that reaches the encoder, 0 to 1: with 0 the units learn
        from words alone, and the decoder makes do with them.
    again : float
        Weight of what the encoder hears in the decoder's own output: it must lead to the same
        features of the teacher. Words count, not distances.
    """

    passes: int = 8
    batch_s: float = 60.0
    learning_rate: float = 2e-3
    teaching: float = 1.0
    letters: float = 0.3
    sounds: float = 1.0
    change: float = 0.5
    voicing: float = 0.3
    shaping: float = 1.0
    again: float = 0.3


def learn(
    network: Any,
    levels: tuple[int, ...],
    prepared: Prepared,
    settings: Learning,
    draws: Draws,
    progress: Callable[[float, dict[str, float]], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train the network in place.

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
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=0.01
    )
    total_s = sum(len(u) for u in prepared.material.utterances) / 50
    steps = max(1, round(settings.passes * total_s / settings.batch_s))
    means: dict[str, float] = {}
    step = 0
    network.train()
    for _ in range(settings.passes + 1):
        for batch in prepared.batches(round(50 * settings.batch_s), draws):
            if step >= steps or stop():
                network.eval()
                return
            done = step / steps
            rate = settings.learning_rate * min(1.0, (step + 1) / 200)
            rate *= 0.02 + 0.49 * (1 + math.cos(math.pi * done))
            for group in optimiser.param_groups:
                group["lr"] = rate
            losses = _losses(torch, network, levels, batch, prepared, settings, done, draws)
            loss = sum(getattr(settings, name) * value for name, value in losses.items())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimiser.step()
            for name, value in losses.items():
                new = float(value.detach())
                means[name] = new if name not in means else 0.97 * means[name] + 0.03 * new
            step += 1
            progress(step / steps, means)
    network.eval()


def _losses(
    torch: Any,
    network: Any,
    levels: tuple[int, ...],
    batch: Batch,
    prepared: Prepared,
    settings: Learning,
    done: float,
    draws: Draws,
) -> dict[str, Any]:
    functional = torch.nn.functional
    heard, spoken, prosody, teacher, weight, mask = (
        torch.from_numpy(x)
        for x in (batch.heard, batch.spoken, batch.prosody, batch.teacher, batch.weight, batch.mask)
    )
    t, features = len(heard), prepared.features
    total = weight.sum()
    with torch.autocast("cpu", torch.bfloat16):
        codes, _ = quantised(network.encoder(heard, mask), levels)
        codes = codes * mask * _kept_digits(torch, batch, codes.shape[1], draws)
        read = network.reader(codes, mask).float()
        voices = network.voices(_whose(torch, batch)) * _is_known(torch, batch, draws)
        given = settings.shaping * codes + (1.0 - settings.shaping) * codes.detach()
        made = network.decoder(torch.cat([given, prosody, voices], 1), mask).float()
    found = {
        "teaching": (((read[:, :features] - teacher) ** 2).mean(1) * weight[:, 0]).sum() / total,
        "letters": _letters_loss(torch, read[:, features:], batch),
    }
    made_rows, spoken_rows = made.reshape(4 * t, -1), spoken.reshape(4 * t, -1)
    importance = torch.from_numpy(_importance(prepared))
    row_weight = weight.expand(-1, 4).reshape(-1)
    off = ((made_rows - spoken_rows)[:, 1:]) * importance
    found["sounds"] = (off.abs().mean(1) * row_weight).sum() / (4 * total)
    change = off.diff(dim=0).abs().mean(1)
    found["change"] = (change * row_weight[1:]).sum() / (4 * total)
    voiced = functional.binary_cross_entropy_with_logits(
        made_rows[:, 0], spoken_rows[:, 0], reduction="none"
    )
    found["voicing"] = (voiced * row_weight).sum() / (4 * total)
    if settings.again > 0 and done > _AGAIN_FROM:
        read = _read_again(torch, network, levels, made_rows, mask)[:, :features]
        found["again"] = (((read - teacher) ** 2).mean(1) * weight[:, 0]).sum() / total
    return found


def _kept_digits(torch: Any, batch: Batch, digits: int, draws: Draws) -> Any:
    """1 for the digits of a unit that an utterance keeps: the first ones, as many as drawn.

    Nested dropout (Rippel et al. 2014): the first digits come to hold what matters most.
    """
    kept = np.zeros((len(batch.mask), digits), np.float32)
    drawn = uniform(draws, len(batch.spans))
    for (start, end), u in zip(batch.spans, drawn, strict=True):
        share = next(share for part, share in _KEPT_SHARES if u < part)
        kept[start:end, : max(1, round(share * digits))] = 1.0
    return torch.from_numpy(kept)


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


def _read_again(
    torch: Any, network: Any, levels: tuple[int, ...], made_rows: Any, mask: Any
) -> Any:
    """What the encoder and the reader, held fixed, make of the decoder's own output."""
    voiced = torch.sigmoid(made_rows[:, :1])
    again = torch.cat([voiced, made_rows[:, 1:].clamp(-5, 5)], 1).reshape(len(mask), -1) * mask
    fixed = [*network.encoder.parameters(), *network.reader.parameters()]
    for parameter in fixed:
        parameter.requires_grad_(False)
    network.encoder.eval()
    network.reader.eval()
    with torch.autocast("cpu", torch.bfloat16):
        codes, _ = quantised(network.encoder(again, mask), levels)
        read = network.reader(codes * mask, mask).float()
    network.encoder.train()
    network.reader.train()
    for parameter in fixed:
        parameter.requires_grad_(True)
    return read


def _letters_loss(torch: Any, logits: Any, batch: Batch) -> Any:
    told = [i for i, text in enumerate(batch.texts) if text]
    if not told:
        return logits.sum() * 0.0
    stretches = [logits[slice(*batch.spans[i])] for i in told]
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
