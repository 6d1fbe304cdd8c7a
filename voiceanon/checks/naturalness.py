"""How natural listeners would find a recording, as two networks trained on their scores predict."""

from __future__ import annotations

import contextlib
import io
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from voiceanon.checks.optional import load, version_of, why_missing
from voiceanon.checks.transcript import RATE_HZ, Float32, hearable
from voiceanon.errors import InputError

__all__ = ["DistillMos", "Dnsmos", "Predictor", "find_predictors"]

# DNSMOS hears 9.01 s at once.
_DNSMOS_SAMPLES = 144_160
# DistillMOS hears 7.68 s at once, every second: longer recordings are judged by their middle.
_DISTILLMOS_SAMPLES = 30 * RATE_HZ
# In the order of the network's outputs: from these to the scale of listeners, the quadratic fits of
# the DNS challenge's organisers.
_DNSMOS_FITS = {
    "dnsmos_signal": (-0.08397278, 1.22083953, 0.0052439),
    "dnsmos_background": (-0.13166888, 1.60915514, -0.39604546),
    "dnsmos": (-0.06766283, 1.11546468, 0.04602535),
}


class Predictor(Protocol):
    """Predicts the mean opinion score of listeners, 1 (bad) to 5 (excellent).

    Neither predictor was trained on anonymised speech, and DNSMOS is kind to robotic voices: read
    differences within one run, not the absolute figure.

    Attributes
    ----------
    name : str
        For tables.
    version : str
        Changes whenever the same samples may give other scores: goes into cache keys.
    measures : tuple of str
        The keys of what `scores` returns.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 (said by the class)
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def measures(self) -> tuple[str, ...]: ...  # noqa: D102

    def scores(self, samples: Float32) -> dict[str, float | None]:
        """Return a score per measure; None for silence and below 0.1 s.

        Parameters
        ----------
        samples : ndarray of float32, shape (n,)
            Mono, 16 kHz.
        """
        ...


class Dnsmos:
    """DNSMOS P.835: overall quality, the signal's own and the background's.

    Reddy, Gopal & Cutler, ICASSP 2022. The network comes with the package speechmos and is run
    directly: one window of 9.01 s from the middle, a shorter recording repeated until it fills it.

    Parameters
    ----------
    threads : int
        Threads of the processor.

    Raises
    ------
    InputError
        If speechmos or onnxruntime is not installed.
    """

    name = "DNSMOS P.835"
    measures = ("dnsmos", "dnsmos_signal", "dnsmos_background")

    def __init__(self, threads: int = 1) -> None:
        reason = _dnsmos_missing()
        if reason is not None:
            raise InputError(reason)
        onnxruntime = load("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.version = f"speechmos {version_of('speechmos')}, 1"
        self._session: Any = onnxruntime.InferenceSession(
            str(_dnsmos_network()), options, providers=["CPUExecutionProvider"]
        )

    def scores(self, samples: Float32) -> dict[str, float | None]:
        """Return three scores, 1 to 5, of mono samples at 16 kHz, shape (n,)."""
        if hearable(samples) is None:
            return dict.fromkeys(self.measures)
        window = np.resize(_middle(samples, _DNSMOS_SAMPLES), _DNSMOS_SAMPLES)
        raw = self._session.run(None, {self._session.get_inputs()[0].name: window[None]})[0][0]
        made = {
            measure: float(np.polyval(fit, float(value)))
            for (measure, fit), value in zip(_DNSMOS_FITS.items(), raw, strict=True)
        }
        return {measure: made[measure] for measure in self.measures}


class DistillMos:
    """DistillMOS: overall quality by a small network distilled from a large one.

    Stahl & Gamper, ICASSP 2025. The middle 30 s are judged.

    Parameters
    ----------
    threads : int
        Threads of the processor; torch has one number for the whole process.

    Raises
    ------
    InputError
        If distillmos or torch is not installed.
    """

    name = "DistillMOS"
    measures = ("distillmos",)

    def __init__(self, threads: int = 1) -> None:
        reason = _distillmos_missing()
        if reason is not None:
            raise InputError(reason)
        self._torch = load("torch")
        self._torch.set_num_threads(threads)
        self.version = f"distillmos {version_of('distillmos')}, 1"
        # It says on standard output where its weights lie: that place is ours for results.
        with contextlib.redirect_stdout(io.StringIO()):
            self._network: Any = _distillmos().ConvTransformerSQAModel().eval()

    def scores(self, samples: Float32) -> dict[str, float | None]:
        """Return one score, 1 to 5, of mono samples at 16 kHz, shape (n,)."""
        if hearable(samples) is None:
            return {"distillmos": None}
        wave = self._torch.from_numpy(_middle(samples, _DISTILLMOS_SAMPLES)[None])
        with self._torch.no_grad():
            return {"distillmos": float(self._network(wave))}


def find_predictors(threads: int = 1) -> tuple[tuple[Predictor, ...], dict[str, str]]:
    """Return the predictors that are installed and, by name, why the others are missing.

    Parameters
    ----------
    threads : int
        Threads of the processor for each.
    """
    found: list[Predictor] = []
    missing: dict[str, str] = {}
    for kind, reason in ((Dnsmos, _dnsmos_missing()), (DistillMos, _distillmos_missing())):
        if reason is None:
            found.append(kind(threads))
        else:
            missing[kind.name] = reason
    return tuple(found), missing


def _middle(samples: Float32, longest: int) -> Float32:
    start = max(0, (len(samples) - longest) // 2)
    part = np.clip(np.asarray(samples, np.float32)[start : start + longest], -1.0, 1.0)
    return np.ascontiguousarray(part)


def _dnsmos_network() -> Path | None:
    # Found without importing the package: its import needs librosa, which only reads files there.
    spec = find_spec("speechmos")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        network = Path(folder) / "dnsmos_models" / "sig_bak_ovr.onnx"
        if network.is_file():
            return network
    return None


def _dnsmos_missing() -> str | None:
    if _dnsmos_network() is None:
        return "speechmos is not installed: pip install --no-deps speechmos"
    return why_missing("onnxruntime")


def _distillmos_missing() -> str | None:
    reason = why_missing("torch")
    if reason is not None:
        return reason
    try:
        _distillmos()
    except ImportError:
        return "distillmos is not installed: pip install --no-deps distillmos xls-r-sqa"
    return None


def _distillmos() -> Any:
    """Import distillmos without torchaudio, which only its command line uses."""
    import importlib

    stand_in = "torchaudio" not in sys.modules and find_spec("torchaudio") is None
    if stand_in:
        sys.modules["torchaudio"] = ModuleType("torchaudio")
    try:
        return importlib.import_module("distillmos")
    finally:
        if stand_in:
            del sys.modules["torchaudio"]
