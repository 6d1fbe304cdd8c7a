"""What an attack yields, scores between known speakers, and the door that refuses bad scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError

__all__ = [
    "Bools",
    "Floats",
    "Integers",
    "Trials",
    "check_fraction",
    "check_numbers",
    "check_scores",
    "check_whole",
    "check_whole_numbers",
]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Trials:
    """Scores of one attack, each with the speaker enrolled and the speaker tried.

    Parameters
    ----------
    scores : array of float, (n,)
        Higher means more likely the same speaker; finite.
    enrol, trial : array of int, (n,)
        Speakers as indices from 0; a trial is a target where both are equal.

    Raises
    ------
    InputError
        If shapes differ, a score is not finite, or a speaker is not a whole number from 0.

    Examples
    --------
    >>> Trials([0.9, 0.1], [0, 0], [0, 1]).targets.tolist()
    [True, False]
    """

    scores: Floats
    enrol: Integers
    trial: Integers

    def __post_init__(self) -> None:
        scores = check_numbers("scores", self.scores)
        object.__setattr__(self, "scores", scores)
        for name in ("enrol", "trial"):
            speakers = check_whole_numbers(name, getattr(self, name), len(scores))
            object.__setattr__(self, name, speakers)

    @property
    def targets(self) -> Bools:
        """True where both speakers are the same, (n,)."""
        return np.asarray(self.enrol == self.trial)


def check_numbers(
    name: str,
    values: npt.ArrayLike,
    *,
    dimensions: int = 1,
    infinite: bool = False,
    nan: bool = False,
) -> Floats:
    """Return values as float64, or refuse what has another shape or is not a number."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is no array of numbers: {error}") from error
    if array.ndim != dimensions:
        raise InputError(f"{name} has shape {array.shape}: it must have {dimensions} dimension(s)")
    if not nan and np.isnan(array).any():
        raise InputError(f"{name} has {int(np.isnan(array).sum())} NaN: every value must be finite")
    if not infinite and np.isinf(array).any():
        count = int(np.isinf(array).sum())
        raise InputError(f"{name} has {count} infinite value(s): every value must be finite")
    return array


def check_whole_numbers(
    name: str, values: npt.ArrayLike, length: int, below: int | None = None
) -> Integers:
    """Return indices as int64, (length,), or refuse others; `below` is the first not allowed."""
    array = np.asarray(values)
    if array.shape != (length,):
        raise InputError(f"{name} has shape {array.shape}: it must be ({length},)")
    if length and array.dtype.kind not in "iu":
        raise InputError(f"{name} is of dtype {array.dtype}: it must be whole numbers")
    outside = array[(array < 0) | (array >= below)] if below is not None else array[array < 0]
    if outside.size:
        allowed = "0 or more" if below is None else f"0 to {below - 1}"
        raise InputError(f"{name} holds {outside[0]}: it must be {allowed}")
    return array.astype(np.int64)


def check_scores(
    scores: npt.ArrayLike, targets: npt.ArrayLike, *, infinite: bool = False
) -> tuple[Floats, Bools]:
    """Return scores and targets as arrays, (n,) each, with at least one trial of either kind."""
    values = check_numbers("scores", scores, infinite=infinite)
    kinds = np.asarray(targets)
    if kinds.shape != values.shape:
        raise InputError(f"targets has shape {kinds.shape}: it must be {values.shape}, like scores")
    if kinds.dtype != np.bool_ and values.size:
        raise InputError(f"targets is of dtype {kinds.dtype}: it must be bool")
    count = int(kinds.sum())
    if count in (0, kinds.size):
        raise InputError(
            f"targets holds {count} targets among {kinds.size} trials: both kinds are needed"
        )
    return values, kinds


def check_whole(name: str, value: int, low: int, high: int | None = None) -> int:
    """Return a whole number from low to high, or refuse it."""
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    if not is_whole or value < low or (high is not None and value > high):
        allowed = f"{low} or more" if high is None else f"from {low} to {high}"
        raise InputError(f"{name} is {value!r}: it must be a whole number, {allowed}")
    return int(value)


def check_fraction(name: str, value: float) -> float:
    """Return a number from 0 to 1, or refuse it."""
    if not 0.0 <= value <= 1.0:  # NaN fails too
        raise InputError(f"{name} is {value}: it must be from 0 to 1")
    return float(value)
