"""Every way this package refuses or fails: one tree, and each class knows its exit code."""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "CheckError",
    "DestinationError",
    "InputError",
    "RecipeError",
    "RecordingError",
    "SecretError",
    "StreamStateError",
    "VoiceanonError",
]


class VoiceanonError(Exception):
    """The root of the tree: catch it to catch everything this package raises on purpose.

    Attributes
    ----------
    exit_code : int
        What the command line ends with when this error ends it.

    Examples
    --------
    >>> import voiceanon
    >>> try:
    ...     voiceanon.Recipe.named("tempalte")
    ... except voiceanon.VoiceanonError as error:
    ...     print(error.exit_code)
    2
    """

    exit_code: ClassVar[int] = 1


class InputError(VoiceanonError, ValueError):
    """An argument is not what the interface takes: an array, a rate, a name, a number."""

    exit_code: ClassVar[int] = 2


class RecipeError(InputError):
    """A recipe is unknown, has an unknown or impossible setting, or needs a permission."""


class RecordingError(VoiceanonError):
    """A recording cannot be read whole: unreadable, truncated, or of an unsupported kind."""

    exit_code: ClassVar[int] = 3


class CheckError(VoiceanonError):
    """A check of the result did not pass, so the result is held.

    Attributes
    ----------
    report : dict
        Plain values with stable keys: the verdict, why, and each measure.
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, report: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.report = report or {}


class SecretError(VoiceanonError):
    """A secret is missing, malformed, or not the one that is needed."""

    exit_code: ClassVar[int] = 5


class DestinationError(VoiceanonError):
    """A place to write is refused: inside the source, already there, or open to others."""

    exit_code: ClassVar[int] = 6


class StreamStateError(VoiceanonError, RuntimeError):
    """A stream was used out of order, for example after it was finished."""
