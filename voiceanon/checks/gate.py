"""The gate: judges an output while it is spoken, in stretches, whatever the recording's length."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from voiceanon.checks.measures import (
    LIMITS,
    Pair,
    Tally,
    copies,
    in_order,
    part_measures,
    why_not_judged,
    worst,
    worst_at,
)
from voiceanon.checks.verdicts import CheckReport, Limit, Measure, Verdict, overall

__all__ = ["Gate"]

_STRETCH_S = 30
_SHORTEST_S = 3  # a shorter rest is judged with the stretch before it
_QUIET_S = 1.0  # what sounds for less is not missed where it is not measured

Float32 = npt.NDArray[np.float32]


class Gate:
    """Takes a recording and its output piece by piece, and says in the end how the output is.

    It needs no recogniser and nothing beyond the package. Words, copies, signal and the longest
    sound lost are judged in stretches of 30 s, and the worst counts, measure by measure; what would
    be found in any recording that is long enough is judged on the whole (`Tally`). Of several
    channels the worst counts. What is not measured in a stretch in which somebody may speak is not
    measured at all.

    Parameters
    ----------
    rate : int
        Samples a second of both.
    channels : int
        Of both; copies are looked for between all.
    limits : mapping of str to Limit
        In the place of those of `voiceanon.checks.measures.LIMITS` that have the same names.
    language : str
        Of the speech, as ISO 639-1.
    """

    def __init__(
        self,
        rate: int,
        channels: int,
        limits: Mapping[str, Limit] | None = None,
        language: str = "en",
    ) -> None:
        self._rate = rate
        self._not_judged = why_not_judged(language)
        self._limits = {**LIMITS, **(limits or {})}
        self._waiting = [[np.zeros((channels, 0), np.float32)] for _ in range(2)]
        self._had = [0, 0]
        self._tallies = [Tally() for _ in range(channels)]
        self._begin = 0  # of the stretch that comes, in samples
        self._found: dict[str, list[tuple[Measure, str]]] = {}
        self._missed: dict[str, list[tuple[Measure, str]]] = {}

    def hear(self, original: Float32) -> None:
        """Take the next samples of the recording, (channels, n)."""
        self._take(0, original)

    def spoken(self, anonymized: Float32) -> None:
        """Take the next samples of the output, (channels, n), in any pieces."""
        self._take(1, anonymized)

    def finish(self) -> CheckReport:
        """Judge what is left, and return the report of the whole."""
        rest = max(self._had) - self._begin
        if rest > 0:
            self._judge(rest)
        for channel, tally in enumerate(self._tallies):
            where = f"channel {channel + 1}"
            for measure in tally.measures(self._limits):
                self._keep(measure, where, is_quiet=tally.sounds_s < _QUIET_S)
        found = []
        for name in self._missed | self._found:
            told = self._found.get(name) or self._missed[name]
            found.append(worst([m for m, _ in told], [where for _, where in told]))
        return CheckReport(overall(found), in_order(found))

    def _take(self, which: int, samples: Float32) -> None:
        self._waiting[which].append(np.array(samples, np.float32))
        self._had[which] += samples.shape[1]
        stretch = _STRETCH_S * self._rate
        while min(self._had) - self._begin >= stretch + _SHORTEST_S * self._rate:
            self._judge(stretch)

    def _judge(self, count: int) -> None:
        before, after = (self._next(which, count) for which in range(2))
        start_s, end_s = (at / self._rate for at in (self._begin, self._begin + count))
        self._begin += count
        pairs = [
            Pair.of(one, other, self._rate, with_f0=False)
            for one, other in zip(before, after, strict=True)
        ]
        originals = [pair.original for pair in pairs]
        for channel, pair in enumerate(pairs):
            where = f"{start_s:.0f} to {end_s:.0f} s"
            if len(pairs) > 1:
                where = f"channel {channel + 1}, {where}"
            self._tallies[channel].add(pair)
            for measure in [
                *part_measures(pair, self._limits, self._not_judged),
                *copies(pair, originals, self._limits),
            ]:
                self._keep(measure, where, is_quiet=pair.sounds_s < _QUIET_S)

    def _keep(self, measure: Measure, where: str, *, is_quiet: bool) -> None:
        missed = is_quiet and measure.verdict is Verdict.NOT_MEASURED
        kept = self._missed if missed else self._found
        told = kept.setdefault(measure.name, [])
        told.append((measure, where))
        if len(told) > 2:  # the worst so far, and that there were others, say enough
            at = worst_at([one for one, _ in told])
            told[:] = [told[at], told[at - 1]]

    def _next(self, which: int, count: int) -> Float32:
        whole = np.concatenate(self._waiting[which], axis=1)
        self._waiting[which] = [whole[:, count:]]
        return whole[:, :count]
