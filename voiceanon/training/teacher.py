"""The teacher: a frozen Whisper's encoder, which knows words and cares little who says them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voiceanon.checks.bands import whisper_bands
from voiceanon.checks.optional import load

__all__ = ["FEATURES_A_SECOND", "Teacher"]

FEATURES_A_SECOND = 50
_RATE = 16_000
_SAMPLES_A_FEATURE = _RATE // FEATURES_A_SECOND
_WINDOW_S = 30
_GAP_FEATURES = 15
_BATCH = 4

Float32 = npt.NDArray[np.float32]
Half = npt.NDArray[np.float16]


class Teacher:
    """Whisper's encoder (Radford et al. 2022), through CTranslate2.

    Parameters
    ----------
    folder : Path
        A model as faster-whisper takes it: ``model.bin``, ``config.json``, tokenizer, vocabulary.
    threads : int
        Processor threads.
    """

    def __init__(self, folder: Path, threads: int = 2) -> None:
        translate = load("ctranslate2")
        self.name = f"whisper {folder.name}"
        self._translate = translate
        self._model = translate.models.Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=threads
        )

    def hear(self, sounds: Iterable[Float32]) -> Iterator[Half]:
        """Yield the features of each recording, (t, 512), one every 20 ms.

        Several share a window of 30 s, a gap of silence between them: a window costs the same
        however much of it is speech.
        """
        windows = _packed(sounds)
        while batch := list(islice(windows, _BATCH)):
            bands = []
            for window in batch:
                whole = np.zeros(_WINDOW_S * _RATE, np.float32)
                for start, samples in window:
                    at = start * _SAMPLES_A_FEATURE
                    whole[at : at + len(samples)] = samples
                bands.append(whisper_bands(whole, self._model.n_mels))
            view = self._translate.StorageView.from_array(
                np.ascontiguousarray(np.stack(bands), np.float32)
            )
            heard = np.array(self._model.encode(view, to_cpu=True), np.float32)
            for window, features in zip(batch, heard, strict=True):
                for start, samples in window:
                    yield features[start : start + _count(samples)].astype(np.float16)


def _count(samples: Float32) -> int:
    return -(-len(samples) // _SAMPLES_A_FEATURE)


def _packed(sounds: Iterable[Float32]) -> Iterator[list[tuple[int, Float32]]]:
    """Yield windows: for each recording in it, the feature it starts at, and its samples."""
    window: list[tuple[int, Float32]] = []
    at = 0
    for sound in sounds:
        samples = sound[: _WINDOW_S * _RATE]
        if window and at + _count(samples) > _WINDOW_S * FEATURES_A_SECOND:
            yield window
            window, at = [], 0
        window.append((at, samples))
        at += _count(samples) + _GAP_FEATURES
    if window:
        yield window
