"""ρ_F0: how far the melody of speech survives, whatever its height and range."""

from __future__ import annotations

import math

import numpy.typing as npt

from voiceanon.errors import InputError
from voiceanon.privacy.metrics.trials import Floats, check_numbers

__all__ = ["f0_correlation"]

_FEWEST_FRAMES = 20


def f0_correlation(
    first_f0_hz: npt.ArrayLike,
    second_f0_hz: npt.ArrayLike,
    hop_s: float,
    longest_lag_s: float = 0.1,
) -> float | None:
    """Return Pearson's correlation of two f0 tracks at the lag where it is largest.

    Parameters
    ----------
    first_f0_hz, second_f0_hz : array of float, (n,) and (m,)
        In Hz, 0 where unvoiced; frames that are voiced in both count.
    hop_s : float
        Time from frame to frame, above 0.
    longest_lag_s : float
        How far one track may lie behind or before the other, 0 or more.

    Returns
    -------
    float or None
        -1 to 1; None if no lag has 20 jointly voiced frames with f0 that varies in both.

    Raises
    ------
    InputError
        If a track is not finite or below 0, or a time is out of range.

    References
    ----------
    Tomashenko et al., "The VoicePrivacy 2022 Challenge Evaluation Plan", 2022.

    Examples
    --------
    >>> import numpy as np
    >>> f0_hz = 120 + 20 * np.sin(np.arange(200) / 10)
    >>> round(f0_correlation(f0_hz, 1.5 * f0_hz, hop_s=0.005), 3)
    1.0
    """
    first = _checked("first_f0_hz", first_f0_hz)
    second = _checked("second_f0_hz", second_f0_hz)
    if not (math.isfinite(hop_s) and hop_s > 0.0):
        raise InputError(f"hop_s is {hop_s}: it must be above 0")
    if not (math.isfinite(longest_lag_s) and longest_lag_s >= 0.0):
        raise InputError(f"longest_lag_s is {longest_lag_s}: it must be 0 or more")
    # A hair more, so that 0.1 s over hops of 5 ms is 20 whatever the rounding.
    longest = int(longest_lag_s / hop_s + 1e-6)
    found = [_at_lag(first, second, lag) for lag in range(-longest, longest + 1)]
    return max((r for r in found if r is not None), default=None)


def _at_lag(first: Floats, second: Floats, lag: int) -> float | None:
    """Return the correlation with the second track read `lag` frames later."""
    x, y = first[max(0, -lag) :], second[max(0, lag) :]
    length = min(len(x), len(y))
    x, y = x[:length], y[:length]
    voiced = (x > 0.0) & (y > 0.0)
    if voiced.sum() < _FEWEST_FRAMES:
        return None
    x, y = (track[voiced] - track[voiced].mean() for track in (x, y))
    spread = math.sqrt(float(x @ x) * float(y @ y))
    # Below a millionth of a hertz and its square a track stands still but for rounding.
    if spread <= 1e-12 * len(x):
        return None
    return max(-1.0, min(1.0, float(x @ y) / spread))


def _checked(name: str, track: npt.ArrayLike) -> Floats:
    f0 = check_numbers(name, track)
    if f0.size and f0.min() < 0.0:
        raise InputError(f"{name} holds {f0.min()}: it must be 0 or more, 0 where unvoiced")
    return f0
