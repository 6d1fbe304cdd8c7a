"""Whether speech and pauses lie where they lay: nothing dropped, doubled or moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.checks.assessment import Analysis
from voiceanon.checks.delivery import lag_between_s
from voiceanon.checks.sound import FRAME_HOP_S, stretches

__all__ = ["Timing", "compare_timing"]

# Sounds begin and end a little earlier or later once their spectrum is another: a closure or a
# faint ending counts as a change only beyond this.
_TOLERANCE_S = 0.1
_LEAST_S = 0.1  # beyond that, which counts as a sound lost or added
_KEPT_SHARE = 0.5  # of a pause that must be silent still

Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Timing:
    """One recording before and after, the lag between them taken out.

    Attributes
    ----------
    lag_s : float
        How much later the output is; within ±0.5.
    agreement : float
        Share of the frames of 5 ms that sound in both or in neither, 0 to 1.
    longest_lost_s, longest_added_s : float
        The longest stretch that sounds in the original alone, and in the output alone, but for
        0.1 s at its edges.
    lost_s, added_s : float
        All such stretches of 0.1 s or more together.
    pauses_kept : float or None
        Share of the original's pauses of 0.25 s or more of which at least half is silent still;
        None where it has none.
    pauses : int
        How many those are.
    """

    lag_s: float
    agreement: float
    longest_lost_s: float
    longest_added_s: float
    lost_s: float
    added_s: float
    pauses_kept: float | None
    pauses: int


def compare_timing(original: Analysis, anonymized: Analysis) -> Timing | None:
    """Return how well speech and pauses agree, None where the original is silent.

    Parameters
    ----------
    original, anonymized : Analysis
        From `voiceanon.checks.assessment.analyse`.
    """
    if original.level is None or not original.level.is_sounding.any():
        return None
    sounds = original.level.is_sounding
    if anonymized.level is None:
        lag_s, made, loud = 0.0, np.zeros_like(sounds), np.zeros_like(sounds)
    else:
        lag_s = lag_between_s(original.level, anonymized.level)
        moved = round(lag_s / FRAME_HOP_S)
        made = _moved(anonymized.level.is_sounding, moved, len(sounds))
        loud = _moved(anonymized.level.is_loud, moved, len(sounds))
    first, end = stretches(sounds, True)[0][0], stretches(sounds, True)[-1][1]
    pauses = [(first + start, first + stop) for start, stop in stretches(sounds[first:end], False)]
    lost, added = _alone_s(original.level.is_loud, made), _alone_s(loud, sounds)
    silent = [1.0 - float(made[start:stop].mean()) for start, stop in pauses]
    return Timing(
        lag_s,
        float((made == sounds).mean()),
        max(lost, default=0.0),
        max(added, default=0.0),
        sum(part for part in lost if part > _LEAST_S - FRAME_HOP_S / 2),
        sum(part for part in added if part > _LEAST_S - FRAME_HOP_S / 2),
        float(np.mean([share >= _KEPT_SHARE for share in silent])) if pauses else None,
        len(pauses),
    )


def _moved(mask: Bool, frames: int, count: int) -> Bool:
    """Return a mask so many frames earlier, cut or filled to a length."""
    at = np.arange(count) + frames
    inside = (at >= 0) & (at < len(mask))
    return mask[np.clip(at, 0, len(mask) - 1)] & inside


def _alone_s(here: Bool, there: Bool) -> list[float]:
    """Return how long the sounds of one are that the other has nothing of, without edges."""
    edge = round(_TOLERANCE_S / FRAME_HOP_S)
    near = np.convolve(there, np.ones(2 * edge + 1), "full")[edge:-edge] > 0.5
    return [(stop - start) * FRAME_HOP_S for start, stop in stretches(here & ~near, True)]
