"""The GE2E voice encoder of an installed Resemblyzer, run in torch on our own mel bands."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.checks.optional import load
from voiceanon.errors import InputError
from voiceanon.privacy.speaker_models.mel_bands import mel_40
from voiceanon.privacy.speaker_models.onnx_session import hash_of_file
from voiceanon.privacy.speaker_models.stretches import repeated, windows

__all__ = ["Ge2e", "open_ge2e"]

Real = npt.NDArray[np.float64]

_FRONT_END_VERSION = "1"
_CELLS, _LAYERS, _DIMENSIONS = 256, 3, 256
_WINDOW, _STEP = 160, 77  # 1.6 s, 1.3 windows a second
_QUIETEST_DB = -30.0  # quieter speech is raised to this level
_PAUSE_BLOCK = 480  # 30 ms
_PAUSE_DB = -40.0  # below the loudest: no voice
_KEPT_AROUND = 7  # blocks on both sides of a voice that stay with it
_BATCH = 32
_HOW = (
    "ge2e comes from Resemblyzer: pip install --no-deps Resemblyzer==0.1.4, with torch, "
    "or name its pretrained.pt as ge2e:PATH"
)


@dataclass
class Ge2e:
    """The voice encoder trained with the generalised end-to-end loss (Wan et al. 2018).

    Parameters
    ----------
    path : Path
        ``pretrained.pt`` of Resemblyzer.
    threads : int
        Processor threads.
    """

    path: Path
    threads: int = 1
    name: str = "ge2e"
    dimensions: int = _DIMENSIONS
    licence: str = "Apache-2.0"
    version: str = field(init=False)

    def __post_init__(self) -> None:
        self.version = f"{hash_of_file(self.path)}-{_FRONT_END_VERSION}"

    def embed(self, samples: npt.NDArray[np.float32]) -> Real:
        """Return the vector, (256,), of 16 kHz mono speech of any length from 0.1 s.

        Raises
        ------
        InputError
            If the samples are unsuitable.
        """
        torch = load("torch")
        speech = _without_pauses(_loud_enough(repeated(samples, 0)))
        bands = mel_40(repeated(speech, 160 * _WINDOW))
        encode = _network(self.path)
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        found = []
        try:
            stretches = windows(len(bands), _WINDOW, _STEP)
            for first in range(0, len(stretches), _BATCH):
                some = np.stack([bands[at] for at in stretches[first : first + _BATCH]])
                found.append(encode(some))
        finally:
            torch.set_num_threads(before)
        mean = np.concatenate(found).mean(0)
        return np.asarray(mean / (np.linalg.norm(mean) + 1e-12))


def _loud_enough(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    level_db = 10.0 * np.log10(float(np.mean(samples.astype(np.float64) ** 2)) + 1e-12)
    gain = 10.0 ** (max(0.0, _QUIETEST_DB - level_db) / 20.0)
    return np.asarray(samples * np.float32(gain), dtype=np.float32)


def _without_pauses(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the blocks near a voice, by level; the network was trained without long pauses."""
    count = len(samples) // _PAUSE_BLOCK
    blocks = samples[: count * _PAUSE_BLOCK].reshape(count, _PAUSE_BLOCK)
    level_db = 10.0 * np.log10((blocks.astype(np.float64) ** 2).mean(1) + 1e-12)
    is_voice = (level_db > np.percentile(level_db, 95) + _PAUSE_DB).astype(float)
    near = np.convolve(is_voice, np.ones(2 * _KEPT_AROUND + 1), "same")[:count] > 0
    # "same" gives the longer of both lengths where there are fewer blocks than weights.
    kept = blocks[near[: len(blocks)]].ravel() if len(near) == count else samples
    return kept if len(kept) >= 1600 else samples


@lru_cache(maxsize=2)
def _network(path: Path) -> Any:
    """Return a function from windows, (batch, 160, 40), to vectors of length 1, (batch, 256)."""
    torch = load("torch")
    lstm = torch.nn.LSTM(40, _CELLS, _LAYERS, batch_first=True)
    linear = torch.nn.Linear(_CELLS, _DIMENSIONS)
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        for name, part in (("lstm", lstm), ("linear", linear)):
            part.load_state_dict({key: stored[f"{name}.{key}"] for key in part.state_dict()})
    except (RuntimeError, KeyError, TypeError, OSError, ValueError, UnpicklingError) as error:
        raise InputError(f"{path.name} holds no GE2E voice encoder: {error}") from error

    def encode(windows_of_bands: npt.NDArray[np.float32]) -> Real:
        with torch.inference_mode():
            _, (state, _) = lstm(torch.from_numpy(windows_of_bands))
            raised = torch.relu(linear(state[-1]))
            return np.asarray((raised / (raised.norm(dim=1, keepdim=True) + 1e-12)).double())

    return encode


def open_ge2e(path: Path | None = None, *, threads: int = 1) -> Ge2e:
    """Return the GE2E voice encoder.

    Parameters
    ----------
    path : Path, optional
        Its weights; those of an installed Resemblyzer if not given.
    threads : int
        Processor threads.

    Raises
    ------
    InputError
        If weights or torch are missing.
    """
    load("torch")
    if path is None:
        package = importlib.util.find_spec("resemblyzer")
        if package is None or package.origin is None:
            raise InputError(_HOW)
        path = Path(package.origin).parent / "pretrained.pt"
    hash_of_file(path)
    _network(path)
    return Ge2e(path, threads)
