"""A small network from frames and their surroundings to spectra, trained on other speakers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.checks.optional import load
from voiceanon.keys import Draws
from voiceanon.privacy.attackers.speaker_network import computing
from voiceanon.privacy.drawing import integers

__all__ = ["FrameTraining", "fit_frame_network"]

Inputs = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FrameTraining:
    """Settings of a training.

    Attributes
    ----------
    steps : int
        Batches.
    crops : int
        Stretches in a batch.
    frames : int
        Frames of 20 ms in a stretch.
    channels : int
        Of the hidden layers.
    learning_rate : float
        Of Adam, at the start; it falls to 0 along half a cosine.
    threads : int
        Processor threads, fixed so that sums are taken in one order.
    """

    steps: int = 900
    crops: int = 32
    frames: int = 100
    channels: int = 160
    learning_rate: float = 2e-3
    threads: int = 1


def fit_frame_network(
    inputs: Sequence[Inputs],
    aims: Sequence[Inputs],
    counted: Sequence[Bools],
    settings: FrameTraining,
    draws: Draws,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Callable[[Inputs], Real]:
    """Return a function from frames, (t, d), to spectra, (t, k), that sees 12 frames each side.

    Parameters
    ----------
    inputs : sequence of ndarray of float32, shape (t, d)
        A recording each.
    aims : sequence of ndarray of float32, shape (t, k)
        What is to be predicted, in dB.
    counted : sequence of ndarray of bool, shape (t,)
        Which frames count.
    settings : FrameTraining
        Sizes and lengths.
    draws : Draws
        Weights and batches: the same stream gives the same network on one machine.
    progress : callable
        Called with steps done, of how many; may raise to stop.
    """
    torch = load("torch")
    width, outputs = inputs[0].shape[1], aims[0].shape[1]
    sampled = np.concatenate(inputs)
    middle, spread = sampled.mean(0), np.maximum(sampled.std(0), 1e-3)
    offset = np.concatenate([y[c] for y, c in zip(aims, counted, strict=True)]).mean(0)
    network = _network(width, settings.channels, outputs, draws.integer(1 << 32))
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
    with computing(settings.threads):
        for step in range(settings.steps):
            x, y, weight = _batch(inputs, aims, counted, settings, draws)
            guess = network(torch.from_numpy((x - middle) / spread).transpose(1, 2))
            apart = (guess.transpose(1, 2) - torch.from_numpy(y - offset)) ** 2
            kept = torch.from_numpy(weight)[..., None]
            loss = (apart * kept).sum() / (kept.sum() * outputs).clamp_min(1.0)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
            progress(step + 1, settings.steps)

    def predict(frames: Inputs) -> Real:
        with computing(settings.threads), torch.inference_mode():
            plain = torch.from_numpy((frames - middle) / spread).T[None]
            return np.asarray(network(plain)[0].T.double().numpy() + offset)

    return predict


def _network(width: int, channels: int, outputs: int, seed: int) -> Any:
    torch = load("torch")
    nn = torch.nn
    layers: list[Any] = []
    for before, after, taps, dilation in (
        (width, channels, 5, 1),
        (channels, channels, 5, 2),
        (channels, channels, 5, 3),
        (channels, channels, 1, 1),
        (channels, outputs, 1, 1),
    ):
        padding = (taps - 1) // 2 * dilation
        layers += [nn.Conv1d(before, after, taps, dilation=dilation, padding=padding), nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    generator = torch.Generator().manual_seed(seed)
    for part in network:
        if hasattr(part, "weight"):
            with torch.no_grad():  # He et al. 2015
                fan_in = part.weight[0].numel()
                part.weight.normal_(0.0, (2.0 / fan_in) ** 0.5, generator=generator)
                part.bias.zero_()
    return network


def _batch(
    inputs: Sequence[Inputs],
    aims: Sequence[Inputs],
    counted: Sequence[Bools],
    settings: FrameTraining,
    draws: Draws,
) -> tuple[Inputs, Inputs, Inputs]:
    """Return stretches of drawn recordings, and which of their frames count."""
    size = settings.frames
    x = np.zeros((settings.crops, size, inputs[0].shape[1]), np.float32)
    y = np.zeros((settings.crops, size, aims[0].shape[1]), np.float32)
    weight = np.zeros((settings.crops, size), np.float32)
    for row, at in enumerate(integers(draws, len(inputs), settings.crops)):
        first = int(integers(draws, max(1, len(inputs[at]) - size + 1), 1)[0])
        part = slice(first, first + size)
        length = len(inputs[at][part])
        x[row, :length], y[row, :length] = inputs[at][part], aims[at][part]
        weight[row, :length] = counted[at][part]
    return x, y, weight
