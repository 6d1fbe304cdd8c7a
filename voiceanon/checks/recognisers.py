"""Which recogniser judges the words: opened by a name, a folder or a function of the user's."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path

from voiceanon.checks.optional import why_missing
from voiceanon.checks.sphinx import PocketsphinxRecogniser
from voiceanon.checks.transcript import (
    Float32,
    HeardWord,
    Recogniser,
    Transcript,
    hearable,
)
from voiceanon.checks.whisper import WhisperRecogniser
from voiceanon.errors import InputError

__all__ = [
    "WHISPER_FOLDER",
    "CallableRecogniser",
    "HeardWord",
    "PocketsphinxRecogniser",
    "Recogniser",
    "Transcript",
    "WhisperRecogniser",
    "find_recogniser",
    "open_recogniser",
]

# Names the folder of a Whisper model that "auto" takes before pocketsphinx.
WHISPER_FOLDER = "VOICEANON_WHISPER"

_ALLOWED = 'must be "auto", "pocketsphinx", "whisper:FOLDER", a folder, or "module:function"'


class CallableRecogniser:
    """Any function from samples to text, for recognisers we know nothing of.

    Parameters
    ----------
    function : callable
        Takes float32 samples, mono, 16 kHz, shape (n,), with the highest peak at 0.5; returns a
        str or a Transcript.
    name : str
        For tables.
    version : str
        Change it with the model: texts are remembered by it. By default the function's attribute
        ``version``, or "".
    is_weak : bool
        Whether its absolute error says little.

    Raises
    ------
    InputError
        If it cannot be called, or, on use, returns anything else.
    """

    def __init__(
        self,
        function: Callable[[Float32], str | Transcript],
        name: str = "",
        *,
        version: str | None = None,
        is_weak: bool = False,
    ) -> None:
        if not callable(function):
            raise InputError(f"a recogniser of type {type(function).__name__} cannot be called")
        self._function = function
        self.name = name or getattr(function, "__name__", "") or type(function).__name__
        self.version = str(getattr(function, "version", "")) if version is None else version
        self.is_weak = is_weak

    def transcribe(self, samples: Float32) -> Transcript:
        """Return what the function heard in mono samples at 16 kHz, shape (n,)."""
        audible = hearable(samples)
        if audible is None:
            return Transcript("")
        heard: object = self._function(audible)
        if isinstance(heard, Transcript):
            return heard
        if not isinstance(heard, str):
            raise InputError(
                f"recogniser {self.name} returned {type(heard).__name__}: must be text"
            )
        text = heard.strip()
        return Transcript(text, tuple(HeardWord(word) for word in text.split()))


def open_recogniser(spec: str, threads: int = 1) -> Recogniser:
    """Return the recogniser that a text names.

    Parameters
    ----------
    spec : str
        "auto" (see `find_recogniser`), "pocketsphinx", "whisper:FOLDER" or the folder alone, or
        "module:function" (see `CallableRecogniser`), the module being one that can be imported.
    threads : int
        Threads of the processor, at least 1.

    Raises
    ------
    InputError
        If the text names nothing, the folder or the package is missing, or nothing is installed
        for "auto".
    """
    if not isinstance(spec, str) or not spec:
        raise InputError(f"recogniser is {spec!r}: {_ALLOWED}")
    if spec == "auto":
        found, reason = find_recogniser(threads)
        if found is None:
            raise InputError(reason)
        return found
    if spec == "pocketsphinx":
        return PocketsphinxRecogniser(threads)
    if spec.startswith("whisper:"):
        return WhisperRecogniser(spec.removeprefix("whisper:"), threads)
    if Path(spec).is_dir() or os.sep in spec:
        return WhisperRecogniser(spec, threads)
    module, colon, function = spec.partition(":")
    if not (colon and module and function):
        raise InputError(f"recogniser is {spec!r}: {_ALLOWED}")
    try:
        found_module = importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"recogniser {spec!r}: {error}") from error
    if not hasattr(found_module, function):
        raise InputError(f"recogniser {spec!r}: module {module} has no {function}")
    return CallableRecogniser(getattr(found_module, function), spec)


def find_recogniser(threads: int = 1) -> tuple[Recogniser | None, str]:
    """Return the best recogniser that is there, and why it is this one or none.

    Whisper where the environment variable VOICEANON_WHISPER names a model folder, else
    pocketsphinx. A folder that is named and not usable is an error, not a reason for another
    judge.

    Parameters
    ----------
    threads : int
        Threads of the processor, at least 1.

    Returns
    -------
    recogniser : Recogniser or None
    reason : str
        One sentence.
    """
    folder = os.environ.get(WHISPER_FOLDER, "")
    if folder:
        return WhisperRecogniser(folder, threads), f"{WHISPER_FOLDER} names a Whisper model"
    reason = why_missing("pocketsphinx")
    if reason is None:
        return PocketsphinxRecogniser(threads), f"pocketsphinx, as {WHISPER_FOLDER} names no model"
    return None, f"no recogniser: {WHISPER_FOLDER} names no Whisper model and {reason}"
