"""The networks that learn: encoder, quantiser, decoder, and the heads that only training needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from voiceanon.checks.optional import load

__all__ = ["LETTERS", "Shape", "bounded", "build", "convolution", "quantised", "stack"]

# What a transcript may hold; the blank of connectionist temporal classification is class 0.
LETTERS = " 'ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TAPS = 3
_SPEECH_AT_FIRST = -2.0


@dataclass(frozen=True)
class Shape:
    """How large the networks are.

    Attributes
    ----------
    levels : tuple of int
        Odd numbers of levels, one a digit of the unit. The first digits are a unit by themselves:
        training leaves out the last ones at random, so that fewer can be stored.
    encoder, decoder : int
        Channels.
    encoder_blocks, decoder_blocks : tuple of (int, int)
        Dilation of each residual block, and how many of its three taps lie ahead: 1 or 0.
    voices : int
        Size of the vector that says who speaks, to the decoder.
    """

    levels: tuple[int, ...] = (3,) * 6
    encoder: int = 256
    decoder: int = 224
    encoder_blocks: tuple[tuple[int, int], ...] = (
        (1, 1),
        (2, 1),
        (1, 0),
        (2, 1),
        (4, 0),
        (1, 1),
        (8, 0),
        (2, 1),
        (4, 0),
        (2, 1),
    )
    decoder_blocks: tuple[tuple[int, int], ...] = ((1, 1), (2, 1), (1, 0), (2, 0), (4, 0))
    voices: int = 16


def bounded(place: Any) -> Any:
    """Return places within ±1, before anything is rounded."""
    return load("torch").tanh(place.float())


def quantised(within: Any, levels: tuple[int, ...]) -> tuple[Any, Any]:
    """Return codes within ±1, and whole levels around 0, of (frames, digits) within ±1.

    Finite scalar quantisation (Mentzer et al. 2023): each digit is bounded and rounded, and the
    gradient passes as if it were not.
    """
    torch = load("torch")
    half = torch.tensor([(level - 1) / 2 for level in levels], device=within.device)
    scaled = within * half
    whole = torch.round(scaled)
    return (scaled + (whole - scaled).detach()) / half, whole


def convolution(inputs: int, outputs: int, dilation: int, ahead: int) -> Any:
    """Return three taps over frames, `ahead` of them in the future, as a torch module."""
    return _convolution_class()(inputs, outputs, dilation, ahead)


@cache
def _convolution_class() -> Any:
    torch = load("torch")
    nn, functional = torch.nn, torch.nn.functional

    class Convolution(nn.Module):  # type: ignore[misc, name-defined]
        """Three taps as one product; `ahead` of them lie in the future, zeros beyond both ends."""

        def __init__(self, inputs: int, outputs: int, dilation: int, ahead: int) -> None:
            super().__init__()
            self.pad = ((_TAPS - 1 - ahead) * dilation, ahead * dilation)
            self.dilation = dilation
            self.taps = nn.Linear(_TAPS * inputs, outputs)

        def forward(self, x: Any) -> Any:
            wide = functional.pad(x, (0, 0, *self.pad))
            parts = [wide[tap * self.dilation :][: len(x)] for tap in range(_TAPS)]
            return self.taps(torch.cat(parts, 1))

    return Convolution


@cache
def _stack_class() -> Any:
    torch = load("torch")
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        """Convolution, normalisation, rectifier, mixing of channels, added to what came in."""

        def __init__(self, channels: int, dilation: int, ahead: int) -> None:
            super().__init__()
            self.wide = convolution(channels, channels, dilation, ahead)
            self.norm = nn.BatchNorm1d(channels)
            self.mix = nn.Linear(channels, channels)

        def forward(self, x: Any, mask: Any) -> Any:
            return (x + self.mix(functional.relu(self.norm(self.wide(x))))) * mask

    class Stack(nn.Module):  # type: ignore[misc, name-defined]
        """A convolution, blocks, and a linear map of each frame; all (frames, channels)."""

        def __init__(
            self, inputs: int, channels: int, outputs: int, blocks: tuple[tuple[int, int], ...]
        ) -> None:
            super().__init__()
            self.stem = convolution(inputs, channels, 1, 1)
            self.blocks = nn.ModuleList([Block(channels, *block) for block in blocks])
            self.top = nn.Linear(channels, outputs)

        def forward(self, x: Any, mask: Any) -> Any:
            x = functional.relu(self.stem(x)) * mask
            for block in self.blocks:
                x = block(x, mask)
            return self.top(x)

    return Stack


def stack(inputs: int, channels: int, outputs: int, blocks: tuple[tuple[int, int], ...]) -> Any:
    """Return a network of frames as the core runs it, (t, inputs) and a mask to (t, outputs).

    A convolution, residual blocks and a linear map; weights are torch's drawn ones.

    Parameters
    ----------
    inputs, channels, outputs : int
        Sizes.
    blocks : tuple of (int, int)
        Dilation of each, and how many of its three taps lie ahead: 1 or 0.
    """
    made = _stack_class()(inputs, channels, outputs, blocks)
    with load("torch").no_grad():
        for block in made.blocks:
            block.mix.weight.mul_(0.5)
    return made


def build(shape: Shape, *, values: int, read: int, speakers: int, seed: int) -> Any:
    """Return the whole as a torch module with drawn weights.

    Parameters
    ----------
    shape : Shape
        Sizes.
    values : int
        Values of a row.
    read : int
        What the reader tells of every frame: the teacher's features, letters, phones.
    speakers : int
        In the training speech.
    seed : int
        Draws the weights.
    """
    torch = load("torch")

    class Bottleneck(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            units = len(shape.levels)
            # The last output says whether a frame is a pause.
            self.encoder = stack(4 * (values + 1), shape.encoder, units + 1, shape.encoder_blocks)
            self.decoder = stack(
                units + 2 + shape.voices, shape.decoder, 4 * (values + 1), shape.decoder_blocks
            )
            self.reader = stack(units, 256, read, ((1, 1), (2, 1), (4, 1)))
            self.voices = torch.nn.Embedding(speakers, shape.voices)

    torch.manual_seed(seed)
    made = Bottleneck()
    with torch.no_grad():
        made.voices.weight.mul_(0.3)
        made.encoder.top.bias[-1] = _SPEECH_AT_FIRST
    return made
