"""Predicted naturalness by two networks trained on listeners' scores: DNSMOS and DistillMOS.

Neither was trained on anonymised speech and DNSMOS is kind to robotic voices: read differences
within one run, not the absolute figure.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from quality_cache import Cache
from quality_metrics import mean_with_interval
from quality_sets import Item

MEASURE = "mos-dnsmos-distillmos-2"
NAMES = ("dnsmos_overall", "dnsmos_signal", "dnsmos_background", "distillmos")


class Predictor:
    """Both predictors, loaded on the first recording that is not in the cache."""

    def __init__(self, cache: Cache, threads: int) -> None:
        self._cache, self._threads = cache, threads
        self._distill: Any = None

    def scores(self, path: Path) -> np.ndarray:
        digest = self._cache.hash_of(path)
        known = self._cache.array(MEASURE, digest)
        if known is None:
            known = self._measure(path)
            self._cache.put_array(MEASURE, digest, known)
        return known

    def _measure(self, path: Path) -> np.ndarray:
        import soundfile
        import soxr
        import torch
        from speechmos import dnsmos

        if self._distill is None:
            # distillmos imports torchaudio for its command line only; it is hard to install beside
            # a CPU build of torch.
            sys.modules.setdefault("torchaudio", ModuleType("torchaudio"))
            import distillmos

            torch.set_num_threads(self._threads)
            self._distill = distillmos.ConvTransformerSQAModel().eval()
        samples, rate = soundfile.read(path, dtype="float32")
        samples = soxr.resample(samples, rate, 16000) if rate != 16000 else samples
        samples = np.clip(samples, -1, 1)
        # One window of 9.01 s an utterance: DNSMOS's own loop hears short ones up to nine times.
        window = round(9.02 * 16000)
        start = max(0, (len(samples) - window) // 2)
        dns = dnsmos.run(np.resize(samples[start:], window), sr=16000)
        with torch.no_grad():
            distilled = float(self._distill(torch.from_numpy(samples)[None]))
        return np.array([dns["ovrl_mos"], dns["sig_mos"], dns["bak_mos"], distilled])


def _mean(summed: np.ndarray) -> float:
    return float(summed[1] / summed[0])


def mos_result(predictor: Predictor, items: list[Item], paths: list[Path]) -> dict[str, Any]:
    """Return each predictor's mean with its interval over speakers."""
    speakers = {name: i for i, name in enumerate(sorted({item.speaker for item in items}))}
    rows = [
        [float(speakers[item.speaker]), 1.0, *map(float, predictor.scores(path))]
        for item, path in zip(items, paths, strict=True)
    ]
    result: dict[str, Any] = {"utterances": len(rows)}
    for column, name in enumerate(NAMES, 1):
        result[name] = mean_with_interval([[r[0], r[1], r[1 + column]] for r in rows], _mean)
    return result
