"""How wrong the networks are: what is read from units, what is spoken, what a recogniser hears."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from voiceanon.checks.optional import load
from voiceanon.training.networks import LETTERS
from voiceanon.training.prepared import Batch, Prepared

__all__ = ["hearing_apart", "importance", "letters_loss", "pause_loss", "reading", "speaking"]


def reading(read: Any, teacher: Any, phones: Any, weight: Any, features: int) -> dict[str, Any]:
    """How far what was read is from what the teacher heard, and from its phones (cross entropy)."""
    total = weight.sum()
    off = ((read[:, :features] - teacher) ** 2).mean(1)
    said = load("torch").nn.functional.log_softmax(read[:, features + 1 + len(LETTERS) :], 1)
    return {
        "teaching": (off * weight[:, 0]).sum() / total,
        "phones": -((phones * said).sum(1) * weight[:, 0]).sum() / total,
    }


def letters_loss(read: Any, batch: Batch) -> Any:
    """Connectionist temporal classification (Graves et al. 2006) of the texts that are known."""
    torch = load("torch")
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


def pause_loss(silent: Any, pause: Any, speech: Any) -> Any:
    """How wrong the logits of pauses are (cross entropy), where it is loud enough for speech."""
    wrong = load("torch").nn.functional.binary_cross_entropy_with_logits(
        silent, pause, reduction="none"
    )
    return (wrong * speech).sum() / speech.sum().clamp(min=1.0)


def speaking(made: Any, spoken: Any, weight: Any, important: Any) -> dict[str, Any]:
    """How far the rows made are from those spoken: values, how they change, which are voiced.

    Parameters
    ----------
    made, spoken : torch.Tensor, shape (rows, 1 + values)
        Of `made`, voicing is a logit.
    weight : torch.Tensor, shape (rows,)
        Of each row.
    important : torch.Tensor, shape (values,)
        From `importance`.
    """
    total = weight.sum()
    off = (made - spoken)[:, 1:] * important
    voiced = load("torch").nn.functional.binary_cross_entropy_with_logits(
        made[:, 0], spoken[:, 0], reduction="none"
    )
    return {
        "sounds": (off.abs().mean(1) * weight).sum() / total,
        "change": (off.diff(dim=0).abs().mean(1) * weight[1:]).sum() / total,
        "voicing": (voiced * weight).sum() / total,
    }


def hearing_apart(made: Sequence[Any], spoken: Sequence[Any], weight: Any) -> Any:
    """How far apart a recogniser's layers hear two things, by how much each layer varies.

    Parameters
    ----------
    made, spoken : sequence of torch.Tensor, shape (n, t, size)
        A layer each.
    weight : torch.Tensor, shape (n, t, 1)
        Of each frame.
    """
    total, apart = weight.sum(), 0.0
    for one, other in zip(made, spoken, strict=True):
        middle = (other * weight).sum((0, 1)) / total
        spread = ((other - middle) ** 2 * weight).sum()
        apart = apart + ((one - other) ** 2 * weight).sum() / spread
    return apart / len(made)


def importance(prepared: Prepared) -> np.ndarray:
    """How much each value moves the log spectrum: its deviation, by the mean of all."""
    deviation = prepared.scale * np.where(np.arange(prepared.values) > 0, 2.0**0.5, 1.0)
    return np.asarray(deviation / deviation.mean(), np.float32)
