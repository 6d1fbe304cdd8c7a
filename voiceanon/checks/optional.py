"""Loads an optional package, or says in one line which one is missing and how to get it."""

from __future__ import annotations

import importlib
import warnings
from functools import cache
from typing import Any

from voiceanon.errors import InputError

__all__ = ["load", "version_of", "why_missing"]

# How a package is got: an extra of ours, or what to type where no extra fits.
_HOW = {
    "pyworld": "pip install 'voiceanon[world]'",
    "pocketsphinx": "pip install 'voiceanon[checks]'",
    "jiwer": "pip install 'voiceanon[checks]'",
    "whisper_normalizer": "pip install 'voiceanon[checks]'",
    "faster_whisper": "pip install 'voiceanon[whisper]'",
    "onnxruntime": "pip install 'voiceanon[eval]'",
    "torch": "pip install torch",
    "cryptography": "pip install 'voiceanon[encryption]'",
    "boto3": "pip install 'voiceanon[s3]'",
    "botocore": "pip install 'voiceanon[s3]'",
    "pyarrow": "pip install 'voiceanon[arrow]'",
    "ray": "pip install 'voiceanon[ray]'",
    "keyring": "pip install keyring",
    "speechmos": "pip install --no-deps speechmos",
    "distillmos": "pip install --no-deps distillmos xls-r-sqa",
}


def why_missing(package: str) -> str | None:
    """Return why a package cannot be used here and how to get it, or None if it can.

    Parameters
    ----------
    package : str
        The name it is imported by.
    """
    try:
        _import(package.split(".", maxsplit=1)[0])
    except ImportError as error:
        # A package may be there and lack one of its own (pyworld needs pkg_resources).
        lacking = getattr(error, "name", None) or package
        inner = "" if lacking.split(".")[0] == package else f" (it lacks {lacking})"
        how = _HOW.get(package, f"pip install {package}")
        return f"{package} is not installed{inner}: {how}"
    return None


def load(module: str) -> Any:
    """Return an optional module.

    Parameters
    ----------
    module : str
        Dotted name.

    Raises
    ------
    InputError
        If its package is not installed; the message says how to get it.
    """
    reason = why_missing(module.split(".", maxsplit=1)[0])
    if reason is not None:
        raise InputError(reason)
    return _import(module)


@cache
def version_of(package: str) -> str:
    """Return the installed version of a distribution, "" if it is not installed."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _import(module: str) -> Any:
    with warnings.catch_warnings():
        # pyworld imports pkg_resources, which warns that it will go; no user can act on that.
        warnings.simplefilter("ignore")
        return importlib.import_module(module)
