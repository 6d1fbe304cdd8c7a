"""How far one f0 track is from another: the numbers of the f0 accuracy table, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

HOP_S = 0.005
FINE_SHARE = 0.05
GROSS_SHARE = 0.20

Track = NDArray[np.float64]


def on_grid(
    times_s: Track, f0_hz: Track, frames: int, *, hop_s: float = HOP_S, shift_s: float = 0.0
) -> Track:
    """The track at ``i * hop_s``, taken from the nearest of its own frames.

    Parameters
    ----------
    times_s, f0_hz : arrays of one length, times ascending
        The track; 0 or NaN where unvoiced.
    frames : int
        Length of the grid.
    shift_s : float
        Added to ``times_s``: positive where the tracker reports too early.

    Returns
    -------
    array of shape (frames,), 0 where unvoiced. A grid time further from every frame of the track
    than half the track's own hop (or half a grid hop, whichever is longer) is unvoiced.
    """
    if len(times_s) != len(f0_hz):
        raise ValueError(f"{len(times_s)} times for {len(f0_hz)} values of f0")
    grid = np.zeros(frames)
    if len(times_s) == 0 or frames == 0:
        return grid
    times_s = np.asarray(times_s, dtype=float) + shift_s
    voiced_hz = np.nan_to_num(np.asarray(f0_hz, dtype=float), nan=0.0)
    own_hop_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else hop_s
    reach_s = 0.5 * max(own_hop_s, hop_s) + 1e-6
    wanted_s = np.arange(frames) * hop_s
    right = np.clip(np.searchsorted(times_s, wanted_s), 0, len(times_s) - 1)
    left = np.maximum(right - 1, 0)
    left_is_nearer = np.abs(times_s[left] - wanted_s) <= np.abs(times_s[right] - wanted_s)
    nearest = np.where(left_is_nearer, left, right)
    near_enough = np.abs(times_s[nearest] - wanted_s) <= reach_s
    grid[near_enough] = np.maximum(voiced_hz[nearest[near_enough]], 0.0)
    return grid


@dataclass(frozen=True)
class Agreement:
    """Counts of one comparison; add two to pool them. Shares are 0..1 and NaN where undefined."""

    frames: int = 0
    jointly_voiced: int = 0
    beyond_fine: int = 0
    beyond_gross: int = 0
    octave_down: int = 0
    octave_up: int = 0
    false_voiced: int = 0
    missed_voiced: int = 0
    reference_voiced: int = 0
    cents: tuple[Track, ...] = field(default=(), repr=False, compare=False)

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            self.frames + other.frames,
            self.jointly_voiced + other.jointly_voiced,
            self.beyond_fine + other.beyond_fine,
            self.beyond_gross + other.beyond_gross,
            self.octave_down + other.octave_down,
            self.octave_up + other.octave_up,
            self.false_voiced + other.false_voiced,
            self.missed_voiced + other.missed_voiced,
            self.reference_voiced + other.reference_voiced,
            self.cents + other.cents,
        )

    @property
    def within_fine_share(self) -> float:
        """Share of jointly voiced frames within 5 % of the reference."""
        return 1.0 - _share(self.beyond_fine, self.jointly_voiced)

    @property
    def gross_share(self) -> float:
        """Share of jointly voiced frames more than 20 % from the reference."""
        return _share(self.beyond_gross, self.jointly_voiced)

    @property
    def false_voiced_share(self) -> float:
        """Frames voiced here and not in the reference, as a share of all frames."""
        return _share(self.false_voiced, self.frames)

    @property
    def missed_voiced_share(self) -> float:
        """Frames voiced in the reference and not here, as a share of all frames."""
        return _share(self.missed_voiced, self.frames)

    @property
    def voicing_error_share(self) -> float:
        """False and missed voicing together, as a share of all frames."""
        return _share(self.false_voiced + self.missed_voiced, self.frames)

    @property
    def frame_error_share(self) -> float:
        """Voicing and gross errors together, as a share of all frames (Chu and Alwan 2009)."""
        return _share(self.false_voiced + self.missed_voiced + self.beyond_gross, self.frames)

    @property
    def right_share(self) -> float:
        """Share of the reference's voiced frames voiced here too and within 5 %."""
        return _share(self.jointly_voiced - self.beyond_fine, self.reference_voiced)

    @property
    def median_cents(self) -> float:
        """Median absolute deviation from the reference where both are voiced, in cents."""
        return float(np.median(np.abs(np.concatenate(self.cents)))) if self._any_cents else np.nan

    @property
    def bias_cents(self) -> float:
        """Median signed deviation from the reference where both are voiced, in cents."""
        return float(np.median(np.concatenate(self.cents))) if self._any_cents else np.nan

    @property
    def _any_cents(self) -> bool:
        return sum(map(len, self.cents)) > 0


def compare(reference_hz: Track, f0_hz: Track) -> Agreement:
    """Two tracks on one grid (0 where unvoiced) → their agreement.

    Raises
    ------
    ValueError
        The tracks differ in length.
    """
    if reference_hz.shape != f0_hz.shape:
        raise ValueError(f"tracks of {reference_hz.shape} and {f0_hz.shape} frames")
    reference_voiced = reference_hz > 0
    voiced = f0_hz > 0
    both = reference_voiced & voiced
    ratio = f0_hz[both] / reference_hz[both]
    cents = 1200.0 * np.log2(ratio)
    return Agreement(
        frames=len(f0_hz),
        jointly_voiced=int(both.sum()),
        beyond_fine=int((np.abs(ratio - 1.0) > FINE_SHARE).sum()),
        beyond_gross=int((np.abs(ratio - 1.0) > GROSS_SHARE).sum()),
        octave_down=int((cents < -600.0).sum()),
        octave_up=int((cents > 600.0).sum()),
        false_voiced=int((voiced & ~reference_voiced).sum()),
        missed_voiced=int((reference_voiced & ~voiced).sum()),
        reference_voiced=int(reference_voiced.sum()),
        cents=(cents,),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
