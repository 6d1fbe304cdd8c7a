"""Intervals by resampling speakers: recordings of one speaker do not vouch for other speakers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError
from voiceanon.keys import Draws
from voiceanon.privacy.drawing import integers
from voiceanon.privacy.metrics.roc import SortedScores, crossing
from voiceanon.privacy.metrics.trials import Floats, Trials, check_numbers, check_whole

__all__ = [
    "correlation_with_interval",
    "eer_with_interval",
    "mean_with_interval",
    "ratio_with_interval",
    "speaker_bootstrap",
]

_EDGES_PERCENT = (2.5, 97.5)


def eer_with_interval(
    trials: Trials, draws: Draws, resamples: int = 200
) -> tuple[float, float, float]:
    """Return the equal error rate and its 95 % interval over speakers.

    Parameters
    ----------
    trials : Trials
        Scores of one attack, of two speakers or more.
    draws : Draws
        Where the resamples come from; the same stream gives the same interval.
    resamples : int
        1 or more.

    Returns
    -------
    value, low, high : float
        0 to 1.

    Raises
    ------
    InputError
        If all trials are of one kind.

    Notes
    -----
    Speakers are drawn with return, as many as there are. A target trial of a speaker drawn k times
    counts k times; a trial between speakers i and j stands for k_i k_j pairs.

    Examples
    --------
    >>> trials = Trials([0.9, 0.2, 0.4, 0.8], enrol=[0, 1, 0, 1], trial=[0, 0, 1, 1])
    >>> eer_with_interval(trials, Draws(bytes(32)))
    (0.0, 0.0, 0.0)
    """
    check_whole("resamples", resamples, 1)
    curve = SortedScores(trials.scores, trials.targets)
    value = crossing(*curve.error_rates(np.ones(len(curve.order))))

    speakers, index = np.unique(np.concatenate((trials.enrol, trials.trial)), return_inverse=True)
    count = len(speakers)
    enrol, trial = index.reshape(2, -1)[:, curve.order]
    # The weight of a target is not squared: its second factor is read from a place that holds 1.
    trial = np.where(curve.targets, count, trial)

    right = np.flatnonzero(curve.targets)
    found: list[float] = []
    # Resamples without trials of both kinds say nothing. At most three speakers must be drawn for
    # one of each, which happens in every fifth resample or more often: the loop ends.
    while len(found) < resamples:
        times = np.append(_times_drawn(draws, count), 1.0)
        weights = times[enrol] * times[trial]
        on_targets = weights[right].sum()
        if 0.0 < on_targets < weights.sum():
            found.append(crossing(*curve.error_rates(weights)))
    low, high = np.percentile(found, _EDGES_PERCENT)
    return value, float(low), float(high)


def speaker_bootstrap(
    rows: npt.ArrayLike,
    speakers: npt.ArrayLike,
    figure: Callable[[Floats], float],
    draws: Draws,
    resamples: int = 1000,
) -> tuple[float, float, float]:
    """Return a figure of summed rows and its 95 % interval over speakers.

    Parameters
    ----------
    rows : array of float, (n, k)
        One row of numbers for each recording, for example errors and words.
    speakers : array, (n,)
        The speaker of each row, names or numbers.
    figure : callable
        Makes the figure from the sum of rows, (k,); a resample where it is not finite is left out.
    draws : Draws
        Where the resamples come from; the same stream gives the same interval.
    resamples : int
        1 or more.

    Returns
    -------
    value, low, high : float
        The bounds are NaN if no resample has a finite figure.

    Raises
    ------
    InputError
        If shapes differ, a number is not finite, or there are fewer than two speakers.

    Examples
    --------
    >>> rows = [[1, 10], [1, 10], [8, 20]]
    >>> speaker_bootstrap(rows, ["a", "a", "b"], lambda s: s[0] / s[1], Draws(bytes(32)))
    (0.25, 0.1, 0.4)
    """
    check_whole("resamples", resamples, 1)
    numbers = check_numbers("rows", rows, dimensions=2)
    names, index = np.unique(np.asarray(speakers), return_inverse=True)
    index = index.reshape(-1)
    if len(index) != len(numbers):
        raise InputError(f"speakers has {len(index)} entries: it must have {len(numbers)}")
    if len(names) < 2:
        raise InputError(f"speakers names {len(names)}: an interval over speakers needs 2 or more")
    sums = np.zeros((len(names), numbers.shape[1]))
    np.add.at(sums, index, numbers)
    value = float(figure(sums.sum(0)))
    found = np.array([figure(_times_drawn(draws, len(names)) @ sums) for _ in range(resamples)])
    found = found[np.isfinite(found)]
    if not found.size:
        return value, math.nan, math.nan
    low, high = np.percentile(found, _EDGES_PERCENT)
    return value, float(low), float(high)


def mean_with_interval(
    values: npt.ArrayLike, speakers: npt.ArrayLike, draws: Draws, resamples: int = 1000
) -> tuple[float, float, float]:
    """Return the mean over recordings and its 95 % interval over speakers.

    Parameters
    ----------
    values : array of float, (n,)
        One number for each recording; finite.
    speakers : array, (n,)
        The speaker of each recording, names or numbers.
    draws : Draws
        Where the resamples come from.
    resamples : int
        1 or more.

    Returns
    -------
    value, low, high : float
        In the unit of the values.

    Raises
    ------
    InputError
        As `speaker_bootstrap`.

    Examples
    --------
    >>> mean_with_interval([1.0, 3.0, 8.0], ["a", "a", "b"], Draws(bytes(32)))
    (4.0, 2.0, 8.0)
    """
    numbers = check_numbers("values", values)
    return ratio_with_interval(numbers, np.ones(len(numbers)), speakers, draws, resamples)


def ratio_with_interval(
    parts: npt.ArrayLike,
    wholes: npt.ArrayLike,
    speakers: npt.ArrayLike,
    draws: Draws,
    resamples: int = 1000,
) -> tuple[float, float, float]:
    """Return the sum of parts over the sum of wholes and its 95 % interval over speakers.

    Parameters
    ----------
    parts, wholes : array of float, (n,)
        For each recording, for example wrong words and words; finite.
    speakers : array, (n,)
        The speaker of each recording, names or numbers.
    draws : Draws
        Where the resamples come from.
    resamples : int
        1 or more.

    Returns
    -------
    value, low, high : float
        Resamples whose wholes sum to 0 are left out.

    Raises
    ------
    InputError
        As `speaker_bootstrap`, or if the wholes sum to 0.

    Examples
    --------
    >>> wrong, words = [1, 1, 8], [10, 10, 20]
    >>> ratio_with_interval(wrong, words, ["a", "a", "b"], Draws(bytes(32)))
    (0.25, 0.1, 0.4)
    """
    above, below = check_numbers("parts", parts), check_numbers("wholes", wholes)
    if above.shape != below.shape:
        raise InputError(f"parts has shape {above.shape}, wholes {below.shape}: they must agree")
    if below.sum() == 0.0:
        raise InputError("wholes sum to 0: a ratio needs another sum")

    def ratio(sums: Floats) -> float:
        return float(sums[0] / sums[1]) if sums[1] else math.nan

    rows = np.stack((above, below), 1)
    return speaker_bootstrap(rows, speakers, ratio, draws, resamples)


def correlation_with_interval(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    speakers: npt.ArrayLike,
    draws: Draws,
    resamples: int = 1000,
) -> tuple[float, float, float] | None:
    """Return Pearson's r over recordings and its 95 % interval over speakers.

    Parameters
    ----------
    first, second : array of float, (n,)
        One measure of each recording, twice; NaN where it was not measured.
    speakers : array, (n,)
        The speaker of each recording, names or numbers.
    draws : Draws
        Where the resamples come from.
    resamples : int
        1 or more.

    Returns
    -------
    (value, low, high) : float, or None
        -1 to 1; None where r is undefined: fewer than three pairs, fewer than two speakers, or a
        measure that is the same everywhere.

    Raises
    ------
    InputError
        If shapes differ or a value is infinite.

    Examples
    --------
    >>> before, after = [3.1, 4.0, 5.2, 4.4], [3.0, 4.1, 5.0, 4.4]
    >>> r, _, _ = correlation_with_interval(before, after, ["a", "a", "b", "b"], Draws(bytes(32)))
    >>> round(r, 3)
    0.989
    """
    x, y = check_numbers("first", first, nan=True), check_numbers("second", second, nan=True)
    names = np.asarray(speakers)
    if not x.shape == y.shape == names.shape:
        raise InputError(
            f"first has shape {x.shape}, second {y.shape}, speakers {names.shape}: they must agree"
        )
    both = ~(np.isnan(x) | np.isnan(y))
    x, y, names = x[both], y[both], names[both]
    if len(x) < 3 or len(np.unique(names)) < 2 or _is_constant(x) or _is_constant(y):
        return None
    # Around the mean and at unit scale, sums of squares lose no digits.
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()

    def correlation(sums: Floats) -> float:
        n, sx, sy, sxx, syy, sxy = sums
        spread_x, spread_y = sxx - sx * sx / n, syy - sy * sy / n
        # One measure is constant in this resample, but for rounding.
        if spread_x <= 1e-12 * sxx or spread_y <= 1e-12 * syy:
            return math.nan
        r = (sxy - sx * sy / n) / math.sqrt(spread_x * spread_y)
        return float(np.clip(r, -1.0, 1.0))

    rows = np.stack((np.ones(len(x)), x, y, x * x, y * y, x * y), 1)
    value, low, high = speaker_bootstrap(rows, names, correlation, draws, resamples)
    return None if math.isnan(value) or math.isnan(low) else (value, low, high)


def _is_constant(values: Floats) -> bool:
    """Return whether values differ by no more than rounding."""
    return bool(values.std() <= 1e-12 * np.abs(values).max())


def _times_drawn(draws: Draws, count: int) -> Floats:
    """Return how often each of `count` speakers is drawn in one resample, (count,)."""
    return np.bincount(integers(draws, count, count), minlength=count).astype(np.float64)
