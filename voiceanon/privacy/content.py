"""What is said, apart from who says it: frames by which two voices' sounds can be matched."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from voiceanon.checks.bands import whisper_bands
from voiceanon.checks.optional import load
from voiceanon.errors import InputError
from voiceanon.privacy.speaker_models.onnx_session import hash_of_file
from voiceanon.privacy.statistics import RATE, log_mel

__all__ = [
    "CONTENT_HOP_S",
    "CepstralContent",
    "ContentEncoder",
    "WhisperContent",
]

Real = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

CONTENT_HOP_S = 0.02
_STRETCH_S = 30  # what Whisper's encoder was trained on, and the most it takes


class ContentEncoder(Protocol):
    """Gives a vector of what is said every 20 ms."""

    @property
    def name(self) -> str:
        """For tables."""

    @property
    def version(self) -> str:
        """Part of cache keys."""

    def __call__(self, samples: Float32) -> Float32:
        """Return (frames, d) of length 1 each, from 16 kHz speech of 0.1 s or more."""


@dataclass(frozen=True)
class WhisperContent:
    """The last layer of a Whisper encoder, less its mean over the recording; no torch needed.

    Parameters
    ----------
    folder : Path
        A model as CTranslate2 and faster-whisper store it, with ``model.bin``.
    threads : int
        Processor threads.

    Raises
    ------
    InputError
        If the folder holds no model, or ctranslate2 is not installed.

    Notes
    -----
    Radford et al. 2022; frames of a recognition network match across speakers for any-to-any
    conversion (Baas, van Niekerk and Kamper 2023, with another network).
    """

    folder: Path
    threads: int = 1

    def __post_init__(self) -> None:
        if not (self.folder / "model.bin").is_file():
            raise InputError(f"{self.folder} holds no model.bin: it must be a Whisper model folder")
        load("ctranslate2")

    @property
    def name(self) -> str:
        """The folder's name."""
        return f"whisper {self.folder.name}"

    @property
    def version(self) -> str:
        """A hash of the weights, and the front end's version."""
        return f"{_weights_hash(self.folder)}-1"

    def __call__(self, samples: Float32) -> Float32:
        """Return (frames, d), one frame every 20 ms, each of length 1."""
        network, bands = _network(self.folder, self.threads)
        storage = load("ctranslate2").StorageView
        parts = []
        for start in range(0, max(len(samples), 1), _STRETCH_S * RATE):
            stretch = samples[start : start + _STRETCH_S * RATE]
            if start and len(stretch) < RATE // 10:  # too little to be a frame of anything
                break
            heard = whisper_bands(stretch, bands)[None]
            made = network.encode(storage.from_array(heard), to_cpu=True)
            parts.append(np.asarray(made, dtype=np.float32)[0])
        return _unit(np.concatenate(parts))


@cache
def _network(folder: Path, threads: int) -> tuple[Any, int]:
    # Opened by path: nothing can be fetched. In eight-bit weights it is twice as quick.
    network = load("ctranslate2").models.Whisper(
        str(folder), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
    )
    return network, int(network.n_mels)


@cache
def _weights_hash(folder: Path) -> str:
    return hash_of_file(folder / "model.bin")


@dataclass(frozen=True)
class CepstralContent:
    """Cepstra of mel bands with mean and variance of the recording taken off: needs no network.

    Clones sound like the target no less, but their words suffer: sounds are matched by ear alone.
    """

    name: ClassVar[str] = "normalised cepstra"
    version: ClassVar[str] = "1"
    _CEPSTRA: ClassVar[int] = 16
    _REACH: ClassVar[int] = 2  # frames on either side that a sound is known by

    def __call__(self, samples: Float32) -> Float32:
        """Return (frames, d), one frame every 20 ms, each of length 1."""
        bands = log_mel(np.pad(samples, (120, 280)))  # frames around each hop
        bands = bands[: len(bands) // 2 * 2].reshape(-1, 2, bands.shape[1]).mean(1)
        quefrency = np.arange(1, self._CEPSTRA + 1)[:, None]
        angles = np.pi * quefrency * (np.arange(bands.shape[1]) + 0.5) / bands.shape[1]
        cepstra = np.hstack([bands.mean(1, keepdims=True), bands @ np.cos(angles).T])
        cepstra = (cepstra - cepstra.mean(0)) / (cepstra.std(0) + 1e-6)
        padded = np.pad(cepstra, ((self._REACH, self._REACH), (0, 0)), mode="edge")
        around = np.hstack([padded[k : k + len(cepstra)] for k in range(2 * self._REACH + 1)])
        return _unit(around.astype(np.float32))


def _unit(frames: Float32) -> Float32:
    centred = frames - frames.mean(0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(length, 1e-6), dtype=np.float32)
