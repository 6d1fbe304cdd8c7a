"""Opens ONNX networks once a process, on one thread unless told, so that results repeat."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from voiceanon.checks.optional import load
from voiceanon.errors import InputError

__all__ = ["hash_of_file", "open_session"]


@lru_cache(maxsize=16)
def hash_of_file(path: Path) -> str:
    """Return the first 16 hexadecimal digits of a file's SHA-256.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            total = hashlib.sha256()
            while block := stream.read(1 << 20):
                total.update(block)
            return total.hexdigest()[:16]
    except OSError as error:
        raise InputError(f"speaker model {path.name}: {error.strerror}") from error


@lru_cache(maxsize=8)
def open_session(path: Path, threads: int = 1) -> Any:
    """Return an onnxruntime session on the CPU; the same one for the same arguments.

    Parameters
    ----------
    path : Path
        An ONNX file.
    threads : int
        1 or more.

    Raises
    ------
    InputError
        If onnxruntime is missing, or the file is no network that it can run.
    """
    onnxruntime = load("onnxruntime")
    hash_of_file(path)  # says what is wrong with a path more clearly
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # a model's unused weights are nothing that a user can act on
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no narrower base
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{path.name} is not an ONNX network that runs here: {reason}") from error
