"""Whether samples carry the mark of a key, with a bound on how often chance would say so."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.audio import check_audio
from voiceanon.errors import InputError
from voiceanon.keys import check_secret
from voiceanon.marking.hearing import HEARD_HZ, HOP, evidence
from voiceanon.marking.pattern import (
    BANDS,
    CELL_ROWS,
    CELLS,
    PERIOD_ROWS,
    PUBLIC_KEY,
    ROW_S,
    signs,
)
from voiceanon.resampling import Resampler

__all__ = ["FALSE_ALARMS", "MarkReport", "detect", "detect_blocks"]

# How often the mark of a key that nobody used may be found in a recording.
FALSE_ALARMS = 1e-6
_BLOCK_S = 30
_SHORTEST_S = 0.5  # below this there is nothing to listen to

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MarkReport:
    """What a detector heard.

    Attributes
    ----------
    found : bool
        Whether the mark is there: ``p_bound`` is at most 10⁻⁶.
    p_bound : float
        No larger chance than this has a key that nobody used to be found as clearly in these same
        samples, 0 to 1.
    score : float
        How well the pattern fits where it fits best, in deviations of a wrong key's.
    start_s : float
        Where in the pattern the part begins in which it fits best, in seconds, 0 to 3.84.
    listened_s : float
        How much of the recording was neither silent nor too short, in seconds, all channels.
    key : str
        ``"public"`` or ``"own"``.

    Examples
    --------
    >>> report = detect(np.zeros(16000), 16000)
    >>> report.found, report.p_bound, report.listened_s
    (False, 1.0, 0.0)
    """

    found: bool
    p_bound: float
    score: float
    start_s: float
    listened_s: float
    key: str


def detect(samples: object, rate: object, *, key: bytes | None = None) -> MarkReport:
    """Say whether samples carry the mark that voiceanon writes into the voices it makes.

    Parameters
    ----------
    samples : ndarray of float32, float64 or int16, shape (n,) or (channels, n)
        Whatever may have become of an output; about ten seconds of speech or more.
    rate : int
        Samples a second, 8000 to 192000.
    key : bytes of length 32, optional
        Your own, if the outputs were marked with it; without it, everybody's.

    Returns
    -------
    MarkReport
        The mark is found in a recording if it is found in one channel, on the whole or in one of
        its half minutes; the bound counts all that was tried.

    Raises
    ------
    InputError
        If the samples or the rate are not as described.
    SecretError
        If the key is not 32 bytes.

    Notes
    -----
    Let A be what is heard in the cells of one period and s the key's signs. For a key that was
    drawn without regard to the samples, Σ s A exceeds t √(Σ A²) with a chance of at most exp(−t²/2)
    (Hoeffding 1963, theorem 2), whatever the samples are. All 768 places where the pattern may
    begin are tried, in every part, and each counts. The bound says nothing of somebody who knows
    the key, and builds samples that fit it.

    Examples
    --------
    >>> detect(np.zeros(16000), 16000).found
    False
    """
    checked = check_audio(samples, rate)
    step = checked.rate
    blocks = (checked.data[:, at : at + step] for at in range(0, checked.data.shape[1], step))
    return detect_blocks(blocks, checked.rate, checked.data.shape[0], key=key)


def detect_blocks(
    blocks: Iterable[npt.NDArray[Any]], rate: int, channels: int, *, key: bytes | None = None
) -> MarkReport:
    """Say the same of a recording that comes in blocks, in bounded memory.

    Parameters
    ----------
    blocks : iterable of ndarray of float32
        Shape (channels, n) each.
    rate : int
        Samples a second.
    channels : int
        Rows of a block.
    key : bytes of length 32, optional
        As in `detect`.

    Raises
    ------
    InputError
        If a block has other rows.
    SecretError
        If the key is not 32 bytes.
    """
    pattern = signs(PUBLIC_KEY if key is None else check_secret(key))
    listeners = [_Listener(rate, pattern) for _ in range(channels)]
    for block in blocks:
        if block.shape[0] != channels:
            raise InputError(f"a block has {block.shape[0]} channels: it must have {channels}")
        for listener, samples in zip(listeners, block, strict=True):
            listener.process(samples)
    for listener in listeners:
        listener.finish()
    tries = sum(listener.tries for listener in listeners)
    score, start = max(listener.best for listener in listeners)
    log_p = math.log(PERIOD_ROWS * max(tries, 1)) - 0.5 * max(score, 0.0) ** 2
    p_bound = math.exp(min(log_p, 0.0))
    return MarkReport(
        found=p_bound <= FALSE_ALARMS,
        p_bound=p_bound,
        score=score,
        start_s=start * ROW_S,
        listened_s=sum(listener.active_rows for listener in listeners) * ROW_S,
        key="public" if key is None else "own",
    )


class _Listener:
    """One channel heard, half a minute at a time, each for itself and all of them together."""

    def __init__(self, rate: int, pattern: Float64) -> None:
        self._resampler = Resampler(rate, HEARD_HZ)
        self._pattern = pattern
        self._waiting = np.empty(0, np.float32)
        self._whole = np.zeros((PERIOD_ROWS, BANDS))
        self._rows = 0
        self.best = (0.0, 0)
        self.tries = 0
        self.active_rows = 0

    def process(self, samples: npt.NDArray[np.float32]) -> None:
        self._take(self._resampler.process(np.ascontiguousarray(samples, np.float32)))

    def finish(self) -> None:
        self._take(self._resampler.finish())
        if len(self._waiting) >= _SHORTEST_S * HEARD_HZ:
            self._listen(self._waiting)
        if self.tries > 1:
            self._judge(self._whole)

    def _take(self, samples: npt.NDArray[np.float32]) -> None:
        self._waiting = np.concatenate([self._waiting, samples])
        for part in self._whole_parts():
            self._listen(part)

    def _whole_parts(self) -> Iterator[npt.NDArray[np.float32]]:
        size = _BLOCK_S * HEARD_HZ
        while len(self._waiting) >= size:
            yield self._waiting[:size]
            self._waiting = self._waiting[size:]

    def _listen(self, samples: npt.NDArray[np.float32]) -> None:
        # The row in the middle of the last hop belongs to what comes next.
        heard = evidence(samples)[: -(-len(samples) // HOP)]
        self.active_rows += int(np.count_nonzero(heard.any(axis=1)))
        folded = np.zeros((PERIOD_ROWS, BANDS))
        places = (self._rows + np.arange(len(heard))) % PERIOD_ROWS
        np.add.at(folded, places, heard)
        self._rows += len(heard)
        self._whole += folded
        self._judge(folded)

    def _judge(self, folded: Float64) -> None:
        self.tries += 1
        self.best = max(self.best, _best_fit(folded, self._pattern))


def _best_fit(folded: Float64, pattern: Float64) -> tuple[float, int]:
    """Return the best score of all starts, and the row of the pattern at row 0."""
    scores = all_fits(folded, pattern[None])[0]
    at = int(scores.argmax())
    return float(scores[at]), -at % PERIOD_ROWS


def all_fits(folded: Float64, patterns: Float64) -> Float64:
    """Return how well patterns fit at every row where they may begin.

    Parameters
    ----------
    folded : ndarray of float64, shape (PERIOD_ROWS, BANDS)
        Evidence, summed over periods.
    patterns : ndarray of float64, shape (k, CELLS, BANDS)
        Of as many keys.

    Returns
    -------
    ndarray of float64, shape (k, PERIOD_ROWS)
        In deviations of what a drawn key has; 0 in digital silence.
    """
    # Evidence of the cell that begins at each row.
    cells = sum(np.roll(folded, -row, axis=0) for row in range(CELL_ROWS))
    by_phase = np.asarray(cells).reshape(CELLS, CELL_ROWS, BANDS)
    # Σ over bands of circular correlations along time: (frequency, keys, bands) @ (…, phases).
    keys = np.conj(np.fft.rfft(patterns, axis=1)).transpose(1, 0, 2)
    heard = np.fft.rfft(by_phase, axis=0).transpose(0, 2, 1)
    sums = np.fft.irfft(keys @ heard, n=CELLS, axis=0)
    norms = np.sqrt((by_phase**2).sum(axis=(0, 2)))
    scores = sums / np.where(norms > 1e-9, norms, np.inf)
    fits: Float64 = scores.transpose(1, 0, 2).reshape(len(patterns), PERIOD_ROWS)
    return fits
