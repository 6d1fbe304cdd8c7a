"""An adversary that tells who speaks from units: what it finds, the encoder learns to leave out."""

from __future__ import annotations

from functools import cache
from typing import Any

from voiceanon.checks.optional import load
from voiceanon.training.networks import convolution
from voiceanon.training.prepared import Batch

__all__ = ["Pressure", "adversary", "who_loss"]

_CHANNELS = 256
_FORGOTTEN = 0.2
_KEPT_FRAMES = 0.9
_SLOWNESS = 0.95
_FAINT = 1e-9


class Pressure:
    """Turns the adversary's gradient round, in a fixed ratio to that of what reads the words.

    A gradient turned round (Ganin et al. 2016) needs a weight that nobody knows beforehand; a ratio
    of the two gradients' norms holds whatever the losses are.

    Parameters
    ----------
    ratio : float
        Of the norms, 0 or more.
    growing_steps : int
        Over which it grows to this, 1 or more.
    """

    def __init__(self, ratio: float, *, growing_steps: int = 760) -> None:
        self._ratio, self._growing_steps = ratio, growing_steps
        self._words: Any = None
        self._steps = 0

    def read(self, codes: Any) -> Any:
        """Return the codes, for what reads words from them: how hard that pulls is remembered."""
        seen = codes.view_as(codes)
        if seen.requires_grad:
            seen.register_hook(self._remember)
        return seen

    def told(self, codes: Any) -> Any:
        """Return the codes, for the adversary: its gradient comes back the other way."""
        seen = codes.view_as(codes)
        if seen.requires_grad:
            seen.register_hook(self._turned)
        return seen

    def _remember(self, gradient: Any) -> None:
        norm = gradient.norm()
        self._words = norm if self._words is None else self._words.lerp(norm, 1 - _SLOWNESS)

    def _turned(self, gradient: Any) -> Any:
        self._steps += 1
        if self._words is None:
            return gradient * 0.0
        ratio = self._ratio * min(1.0, self._steps / self._growing_steps)
        return gradient * (-ratio * self._words / (gradient.norm() + _FAINT))


def adversary(digits: int, phones: int, speakers: int) -> Any:
    """Return what tells who speaks, as a torch module with drawn weights.

    It sees a few frames at a time, units beside the phones that are said, and adds up over an
    utterance: how somebody says a phone, hardly what is said.

    Parameters
    ----------
    digits, phones, speakers : int
        How many.
    """
    return _adversary_class()(digits, phones, speakers)


def who_loss(made: Any, codes: Any, phones: Any, speaks: Any, batch: Batch) -> Any:
    """How wrong the adversary is about whose each utterance of a batch is (cross entropy).

    Parameters
    ----------
    made : torch.nn.Module
        From `adversary`.
    codes : torch.Tensor, shape (t, digits)
        Units, as `Pressure.told` gives them.
    phones : torch.Tensor, shape (t, phones)
        How likely each is.
    speaks : torch.Tensor, shape (t, 1)
        1 where somebody speaks.
    batch : Batch
        Whose the utterances are, and where.
    """
    torch = load("torch")
    kept = speaks * (torch.rand(speaks.shape) < _KEPT_FRAMES).float()
    scores = made(torch.cat([codes * kept, phones * kept], 1), kept, batch.spans)
    return torch.nn.functional.cross_entropy(scores, torch.tensor(batch.speakers))


@cache
def _adversary_class() -> Any:
    torch = load("torch")
    nn, functional = torch.nn, torch.nn.functional

    class Adversary(nn.Module):  # type: ignore[misc, name-defined]
        """Two convolutions, mean and deviation over each utterance, a linear map."""

        def __init__(self, digits: int, phones: int, speakers: int) -> None:
            super().__init__()
            self.stem = convolution(digits + phones, _CHANNELS, 1, 1)
            self.wide = convolution(_CHANNELS, _CHANNELS, 2, 1)
            self.norms = nn.ModuleList([nn.BatchNorm1d(_CHANNELS) for _ in range(2)])
            self.forgets = nn.Dropout(_FORGOTTEN)
            self.top = nn.Linear(2 * _CHANNELS, speakers)

        def forward(self, x: Any, mask: Any, spans: list[tuple[int, int]]) -> Any:
            for layer, norm in zip((self.stem, self.wide), self.norms, strict=True):
                x = functional.relu(norm(layer(x))) * mask
            found = []
            for start, end in spans:
                said, count = x[start:end].float(), mask[start:end].sum().clamp(min=1.0)
                mean = said.sum(0) / count
                spread = ((said * said).sum(0) / count - mean * mean).clamp(min=1e-5).sqrt()
                found.append(torch.cat([mean, spread]))
            return self.top(self.forgets(torch.stack(found)))

    return Adversary
