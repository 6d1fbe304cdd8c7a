"""Where the mark lies: a keyed pattern of signs over cells of time and frequency, repeated.

A cell is 20 ms of one of twenty bands between 200 and 3800 Hz: within what a telephone, a speech
codec and 8 kHz leave. Its sign says whether the voice is a fraction of a dB louder or softer there.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from voiceanon.keys import Draws

__all__ = [
    "BANDS",
    "CELLS",
    "CELL_ROWS",
    "PERIOD_ROWS",
    "PUBLIC_KEY",
    "ROW_S",
    "band_shapes",
    "signs",
]

ROW_S = 0.005
# Short cells are many, and the ear needs a larger step the shorter a sound is; a speech codec has
# new envelopes every 20 ms.
CELL_ROWS = 4
CELLS = 192
PERIOD_ROWS = CELLS * CELL_ROWS  # 3.84 s
BANDS = 20
_LOW_HZ, _HIGH_HZ = 200.0, 3800.0
_CROSSFADE = 0.5  # of a band's width

# Everybody's: a mark that it finds says that voiceanon spoke, and no more.
PUBLIC_KEY = b"voiceanon's mark known to anyone"

Float64 = npt.NDArray[np.float64]


def band_shapes(hz: Float64) -> Float64:
    """Return how much each band has of each frequency; neighbours add up to 1.

    Parameters
    ----------
    hz : ndarray of float64, shape (n,)
        Frequencies, in Hz.

    Returns
    -------
    ndarray of float64, shape (n, BANDS)
        Within 0 to 1. The bands are equally wide in Bark (Traunmüller 1990, eq. 6).
    """
    low, high = _bark(np.array([_LOW_HZ, _HIGH_HZ]))
    place = (_bark(hz) - low) / (high - low) * BANDS  # in bands
    off = np.abs(place[:, None] - (np.arange(BANDS) + 0.5))
    into = np.clip((off - 0.5) / _CROSSFADE + 0.5, 0.0, 1.0)
    shapes: Float64 = np.asarray(0.5 + 0.5 * np.cos(np.pi * into), np.float64)
    return shapes


@cache
def signs(key: bytes) -> Float64:
    """Return the pattern of a key.

    Parameters
    ----------
    key : bytes
        32 bytes.

    Returns
    -------
    ndarray of float64, shape (CELLS, BANDS)
        Each 1 or -1, equally likely over the choice of a key.
    """
    drawn = np.frombuffer(Draws(key, "pattern of the mark").bytes(CELLS * BANDS // 8), np.uint8)
    pattern = 2.0 * np.unpackbits(drawn).reshape(CELLS, BANDS).astype(np.float64) - 1.0
    pattern.flags.writeable = False
    return pattern


def _bark(hz: Float64) -> Float64:
    bark: Float64 = np.asarray(26.81 * hz / (1960.0 + hz) - 0.53, np.float64)
    return bark
