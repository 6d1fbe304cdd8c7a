"""Any ONNX speaker network that the user names, fed through one of three front ends."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError
from voiceanon.privacy.speaker_models.kaldi_bands import kaldi_bands
from voiceanon.privacy.speaker_models.mel_bands import log_mel_40
from voiceanon.privacy.speaker_models.onnx_session import hash_of_file, open_session
from voiceanon.privacy.speaker_models.stretches import (
    SHORTEST_SAMPLES,
    pieces,
    repeated,
    windows,
)

__all__ = ["INPUTS", "OnnxFile", "open_onnx_file"]

Real = npt.NDArray[np.float64]
Inputs = npt.NDArray[np.float32]

# What a network may be fed with, and the number of bands by which a declared shape tells.
INPUTS = {
    "fbank80": "80 Kaldi log-mel bands every 10 ms, the mean of each taken off",
    "mel40": "40 log10 mel bands every 10 ms",
    "waveform": "16 kHz samples of full scale 1",
}
_BANDS = {"fbank80": 80, "mel40": 40}
_FRONT_END_VERSION = "1"  # changes when kaldi_bands, mel_bands or the cutting below change
_LONGEST_FRAMES = 2000  # 20 s: bounds the memory of the convolutions
_LONGEST_SAMPLES = 320_000
_SHORTEST_SAMPLES = 16_000  # shorter speech is repeated, as networks were trained on seconds
_BATCH = 32


@dataclass
class OnnxFile:
    """A speaker network in an ONNX file; picklable, opened on first use in each process.

    Parameters
    ----------
    name : str
        For tables.
    path : Path
        The file.
    kind : str
        One of `INPUTS`.
    bands_first : bool
        The input is (batch, bands, frames) rather than (batch, frames, bands).
    rank : int
        Axes of the input: 2 or 3.
    fixed : int or None
        Frames or samples that the network takes at a time; None for any number.
    batch : bool
        Whether several windows may be given at once.
    dimensions : int
        Of the vector.
    licence : str
        Of the weights.
    threads : int
        Processor threads of the network.
    """

    name: str
    path: Path
    kind: str
    bands_first: bool
    rank: int
    fixed: int | None
    batch: bool
    dimensions: int
    licence: str = "unknown"
    threads: int = 1
    version: str = field(init=False)

    def __post_init__(self) -> None:
        self.version = f"{hash_of_file(self.path)}-{self.kind}-{_FRONT_END_VERSION}"

    def embed(self, samples: npt.NDArray[np.float32]) -> Real:
        """Return the vector, (dimensions,), of 16 kHz mono speech of any length from 0.1 s.

        Long speech is cut into equal pieces of at most 20 s and their vectors averaged. A network
        of fixed input length hears half-overlapping windows, whose unit vectors are averaged.

        Raises
        ------
        InputError
            If the samples are unsuitable, or the network gives no finite vector.
        """
        inputs = self._inputs(samples)
        if self.fixed is not None:
            stretches = windows(len(inputs), self.fixed, max(1, self.fixed // 2))
            vectors = self._windows(inputs, stretches)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-12
            mean = vectors.mean(0)
            return np.asarray(mean / (np.linalg.norm(mean) + 1e-12))
        longest = _LONGEST_SAMPLES if self.kind == "waveform" else _LONGEST_FRAMES
        stretches = pieces(len(inputs), longest)
        found = np.stack([self._run(self._centred(inputs[at])[None])[0] for at in stretches])
        sizes = np.array([at.stop - at.start for at in stretches], dtype=np.float64)
        return np.asarray(sizes @ found / sizes.sum())

    def _inputs(self, samples: npt.NDArray[np.float32]) -> Inputs:
        """Return samples, (n,), or bands, (frames, bands), enough for one window."""
        least = _SHORTEST_SAMPLES
        if self.fixed is not None:
            least = max(least, self.fixed if self.kind == "waveform" else 160 * self.fixed + 512)
        enough = repeated(samples, least)
        if self.kind == "fbank80":
            return kaldi_bands(enough)
        return log_mel_40(enough) if self.kind == "mel40" else enough

    def _centred(self, inputs: Inputs) -> Inputs:
        return inputs - inputs.mean(0) if self.kind == "fbank80" else inputs

    def _windows(self, inputs: Inputs, stretches: list[slice]) -> Real:
        found = []
        size = _BATCH if self.batch else 1
        for first in range(0, len(stretches), size):
            some = [self._centred(inputs[at]) for at in stretches[first : first + size]]
            found.append(self._run(np.stack(some)))
        return np.concatenate(found)

    def _run(self, inputs: Inputs) -> Real:
        """Return (batch, dimensions) of (batch, frames, bands) or (batch, samples)."""
        if self.bands_first:
            inputs = inputs.transpose(0, 2, 1)
        elif self.kind == "waveform" and self.rank == 3:
            inputs = inputs[:, None]
        session = open_session(self.path, self.threads)
        fed = {session.get_inputs()[0].name: np.ascontiguousarray(inputs, dtype=np.float32)}
        try:
            output = np.asarray(session.run(None, fed)[0], dtype=np.float64)
        except Exception as error:  # onnxruntime's exceptions share no narrower base
            reason = str(error).strip().splitlines()[0]
            raise InputError(
                f"{self.path.name} refuses {self.kind} input {inputs.shape}: {reason}"
            ) from error
        if output.size % len(inputs) or not np.isfinite(output).all() or output.ndim == 0:
            raise InputError(
                f"{self.path.name} gave {output.shape} for a batch of {len(inputs)}: "
                "one finite vector for each is needed"
            )
        return output.reshape(len(inputs), -1)


def open_onnx_file(
    path: Path,
    kind: str | None = None,
    *,
    name: str | None = None,
    licence: str = "unknown",
    threads: int = 1,
) -> OnnxFile:
    """Return the network in a file after hearing it once.

    Parameters
    ----------
    path : Path
        An ONNX file with one input of speech and the speaker vector as its first output.
    kind : str, optional
        One of `INPUTS`; told by the declared shape of the input if not given.
    name, licence : str
        For tables; the name is ``onnx:`` and the file's if not given.
    threads : int
        Processor threads.

    Raises
    ------
    InputError
        If onnxruntime is missing, the file is no such network, or its kind cannot be told.
    """
    if kind is not None and kind not in INPUTS:
        raise InputError(f"input is {kind!r}: it must be one of {_options()}")
    session = open_session(path, threads)
    declared = session.get_inputs()
    if len(declared) != 1 or declared[0].type != "tensor(float)":
        kinds = ", ".join(f"{one.name}: {one.type}" for one in declared)
        raise InputError(f"{path.name} takes {kinds}: one input of float32 is needed")
    shape = [size if isinstance(size, int) and size > 0 else None for size in declared[0].shape]
    told = kind or _kind_of(shape)
    if told is None or len(shape) not in (2, 3) or (told != "waveform" and len(shape) != 3):
        raise InputError(
            f"{path.name} takes {_shown(declared[0].shape)}: say onnx:PATH:INPUT with INPUT one of "
            + _options()
        )
    bands_first = told != "waveform" and shape[2] != _BANDS[told] and shape[1] == _BANDS[told]
    time_axis = -1 if told == "waveform" or bands_first else 1
    model = OnnxFile(
        name=name or f"onnx:{path.name}",
        path=path,
        kind=told,
        bands_first=bands_first,
        rank=len(shape),
        fixed=shape[time_axis],
        batch=shape[0] is None,
        dimensions=0,
        licence=licence,
        threads=threads,
    )
    # A second of a fixed tone complex: says the width of the vector where no shape declares it.
    times_s = np.arange(16_000) / 16_000.0
    tone = sum(0.02 * np.sin(2 * np.pi * 120.0 * k * times_s) for k in range(1, 20))
    vector = model.embed(np.asarray(tone, dtype=np.float32))
    if len(vector) < 2:
        raise InputError(f"{path.name} gave a vector of {len(vector)}: no speaker can be told")
    return replace(model, dimensions=len(vector))


def _kind_of(shape: list[Any]) -> str | None:
    """Return the kind of input that only one front end fits, or None."""
    # Fewer samples than 0.1 s at a time hold no voice: such an axis is something else.
    whole = shape and (shape[-1] is None or shape[-1] >= SHORTEST_SAMPLES)
    if len(shape) == 2:
        return "waveform" if whole else None
    if len(shape) != 3:
        return None
    if shape[1] == 1:
        return "waveform" if whole else None
    fitting = [kind for kind, bands in _BANDS.items() if bands in shape[1:]]
    # (batch, 80, 40) could be either: the last axis holds the bands where both fit.
    if len(fitting) == 2:
        fitting = [kind for kind in fitting if shape[2] == _BANDS[kind]]
    return fitting[0] if len(fitting) == 1 else None


def _options() -> str:
    return "; ".join(f"{kind} ({what})" for kind, what in INPUTS.items())


def _shown(shape: list[Any]) -> str:
    return "(" + ", ".join(str(size) for size in shape) + ")"
