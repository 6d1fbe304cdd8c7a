"""Pretrained speaker networks behind one protocol; nothing is downloaded by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from voiceanon.errors import InputError
from voiceanon.privacy.attack import SpeakerModel
from voiceanon.privacy.speaker_models.cam_plus_plus import open_cam_plus_plus
from voiceanon.privacy.speaker_models.d_vector import open_d_vector
from voiceanon.privacy.speaker_models.ge2e import open_ge2e
from voiceanon.privacy.speaker_models.onnx_file import INPUTS, open_onnx_file

__all__ = ["SpeakerModel", "available_models", "open_speaker_model"]

# Strongest first, by the EER of raw LibriSpeech test-clean: 1.8, 3.6 and 4.4 %.
_KNOWN: dict[str, Callable[..., SpeakerModel]] = {
    "cam++": open_cam_plus_plus,
    "d-vector": open_d_vector,
    "ge2e": open_ge2e,
}


def open_speaker_model(spec: str, threads: int = 1) -> SpeakerModel:
    """Return the speaker model that a specification names.

    Parameters
    ----------
    spec : str
        ``"cam++"``, ``"d-vector"`` or ``"ge2e"``, out of an installed package; the same with
        ``:PATH`` to use another copy of their weights; or ``"onnx:PATH"`` or
        ``"onnx:PATH:INPUT"`` for any ONNX network, with INPUT one of ``fbank80``, ``mel40`` and
        ``waveform``.
    threads : int
        Processor threads of the network; results may differ in the last bits between numbers.

    Returns
    -------
    SpeakerModel

    Raises
    ------
    InputError
        If the specification is unknown, or what it names is missing or unfit.
    """
    if threads < 1:
        raise InputError(f"threads is {threads}: it must be 1 or more")
    name, _, rest = spec.partition(":")
    if name == "onnx" and rest:
        path, _, kind = rest.rpartition(":")
        # Only a known kind is cut off: paths may hold colons.
        if path and (kind in INPUTS or Path(path).is_file()):
            return open_onnx_file(Path(path), kind, threads=threads)
        return open_onnx_file(Path(rest), threads=threads)
    if name not in _KNOWN or spec.endswith(":"):
        known = ", ".join(f"{known}[:PATH]" for known in _KNOWN)
        raise InputError(f"speaker model is {spec!r}: it must be {known} or onnx:PATH[:INPUT]")
    return _KNOWN[name](Path(rest) if rest else None, threads=threads)


def available_models(
    threads: int = 1,
) -> tuple[tuple[SpeakerModel, ...], tuple[tuple[str, str], ...]]:
    """Return the models that installed packages give, strongest first, and why others are missing.

    Parameters
    ----------
    threads : int
        Processor threads of each network.

    Returns
    -------
    models : tuple of SpeakerModel
    missing : tuple of (name, reason)
    """
    found: list[SpeakerModel] = []
    missing: list[tuple[str, str]] = []
    for name in _KNOWN:
        try:
            found.append(open_speaker_model(name, threads))
        except InputError as error:
            missing.append((name, str(error)))
    return tuple(found), tuple(missing)
