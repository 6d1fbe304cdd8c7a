"""What is measured of one channel before and after, and from where on each is held or fails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from voiceanon.checks.assessment import Analysis, analyse
from voiceanon.checks.copies import COPY_CORRELATION, stretch_correlations
from voiceanon.checks.delivery import Delivery, compare_delivery
from voiceanon.checks.phones import agreement
from voiceanon.checks.pitch import f0_missing
from voiceanon.checks.signal import measure_signal
from voiceanon.checks.sound import FRAME_HOP_S, RATE_HZ, at_judged_rate
from voiceanon.checks.timing import Timing, compare_timing
from voiceanon.checks.verdicts import Limit, Measure, judged, overall

__all__ = [
    "LIMITS",
    "Pair",
    "Tally",
    "copies",
    "in_order",
    "part_measures",
    "why_not_judged",
    "worst",
    "worst_at",
]

Float32 = npt.NDArray[np.float32]
Limits = dict[str, Limit]

LIMITS: dict[str, Limit] = {
    "words.agreement": Limit(0.85, 0.6, is_floor=True),
    "words.worst_agreement": Limit(0.5, 0.2, is_floor=True),
    "words.lost_percent": Limit(25.0, 60.0),
    "timing.length_difference_samples": Limit(None, 1.0),
    "timing.lag_s": Limit(0.06, 0.3),
    "timing.agreement": Limit(0.85, 0.6, is_floor=True),
    "timing.longest_lost_s": Limit(0.4, 0.5),
    "timing.longest_added_s": Limit(0.4, 0.5),
    "timing.lost_s_per_min": Limit(0.25, 1.25),
    "timing.added_s_per_min": Limit(0.25, 1.25),
    "timing.pauses_kept": Limit(0.7, 0.3, is_floor=True),
    "delivery.energy_contour_r": Limit(0.6, 0.2, is_floor=True),
    "delivery.voicing_agreement": Limit(0.6, 0.4, is_floor=True),
    "delivery.f0_contour_r": Limit(0.0, None, is_floor=True),
    "signal.level_dbfs": Limit(-50.0, -70.0, is_floor=True),
    "signal.clipped_percent": Limit(0.1, 1.0),
    "signal.offset_percent": Limit(1.0, 10.0),
    "signal.bandwidth_hz": Limit(3_000.0, 1_500.0, is_floor=True),
    "identity.largest_correlation": Limit(None, COPY_CORRELATION),
}
"""From where on each measure is held, and from where it fails."""

_LEAST_PAUSES = 4
# Of speech that the network is sure of.
_LEAST_SPEECH_S = 0.5
_LEAST_CONFIDENCE = 0.5
_JUDGE = "phones of the package's own judge"
_SILENT = "the original is silent"
_SHORT = "too little sounds in both"
# What is judged on the whole: what is said of the value, and why there is none.
_ON_THE_WHOLE = {
    "timing.agreement": ("sound and silence agree in {:.2f} of the time", _SILENT),
    "timing.lost_s_per_min": ("{:.2f} s of sound are lost a minute", _SILENT),
    "timing.added_s_per_min": ("{:.2f} s of sound are added a minute", _SILENT),
    "timing.pauses_kept": ("{:.2f} of the pauses are kept", "no pauses"),
    "delivery.energy_contour_r": ("the level's contour correlates by {:.2f}", _SHORT),
    "delivery.voicing_agreement": ("voicing agrees in {:.2f} of the time", _SHORT),
}


@dataclass(frozen=True)
class Pair:
    """One channel before and after, at 16 kHz."""

    original: Float32
    anonymized: Float32
    before: Analysis
    after: Analysis
    length_difference: int

    @classmethod
    def of(cls, original: Float32, anonymized: Float32, rate: int, *, with_f0: bool = True) -> Pair:
        """Return both at 16 kHz and analysed; f0 takes pyworld and time."""
        before, after = (at_judged_rate(part, rate) for part in (original, anonymized))
        difference = abs(len(original) - len(anonymized))
        one, other = (analyse(part, with_f0=with_f0) for part in (before, after))
        return cls(before, after, one, other, difference)

    @cached_property
    def timing(self) -> Timing | None:
        """How speech and pauses agree; None where the original is silent."""
        return compare_timing(self.before, self.after)

    @cached_property
    def delivery(self) -> Delivery:
        """How contours and voicing agree."""
        return compare_delivery(self.before, self.after)

    @property
    def sounds_s(self) -> float:
        """Seconds that sound, in whichever has more of them."""
        levels = (analysis.level for analysis in (self.before, self.after))
        frames = [0 if level is None else int(level.is_sounding.sum()) for level in levels]
        return max(frames) * FRAME_HOP_S


def part_measures(pair: Pair, limits: Limits, not_judged: str = "") -> list[Measure]:
    """Return what no part of a recording may miss, without recogniser and other channels.

    Parameters
    ----------
    pair : Pair
        One channel.
    limits : dict
        By name, as `LIMITS`.
    not_judged : str
        Why phones cannot be judged; empty if they can.
    """
    return [
        *_agreement(pair, limits, not_judged),
        *_timing(pair, limits),
        _f0(pair, limits),
        *_signal(pair, limits),
    ]


class Tally:
    """What is judged of a channel on the whole: means over its parts, however many they are.

    A part in which a pause is lost or a faint sound added is found in every long recording; what
    counts is how much of it there is. Sounds lost and added count per minute of sound, and against
    a minute at least.

    Attributes
    ----------
    sounds_s : float
        Seconds that sound, in whichever has more of them.
    """

    def __init__(self) -> None:
        self.sounds_s = 0.0
        self._sums: dict[str, tuple[float, float]] = {}
        self._judge = ""

    def add(self, pair: Pair) -> Tally:
        """Count the next part; returns itself."""
        sounds_s = pair.sounds_s
        self.sounds_s += sounds_s
        timing, delivery = pair.timing, pair.delivery
        if timing is not None:
            self._count("timing.agreement", timing.agreement, len(pair.original) / RATE_HZ)
            self._sum("timing.lost_s_per_min", timing.lost_s, sounds_s / 60)
            self._sum("timing.added_s_per_min", timing.added_s, sounds_s / 60)
            self._count("timing.pauses_kept", timing.pauses_kept, timing.pauses)
        self._judge = delivery.judged_by
        self._count("delivery.energy_contour_r", delivery.energy_contour, sounds_s)
        self._count("delivery.voicing_agreement", delivery.voicing_agreement, sounds_s)
        return self

    def measures(self, limits: Limits) -> list[Measure]:
        """Return the measures of all parts counted so far."""
        found = []
        for name, (said, missing) in _ON_THE_WHOLE.items():
            total, weight = self._sums.get(name, (0.0, 0.0))
            limit: Limit | None = limits[name]
            # Speech without a pause is not unmeasured, and of a few each would weigh too much:
            # then only the sounds added judge them.
            if name == "timing.pauses_kept" and self.sounds_s and weight < _LEAST_PAUSES:
                limit = None
            value = None
            if weight > 0.0:
                value = total / (max(weight, 1.0) if name.endswith("_per_min") else weight)
            judge = self._judge if name == "delivery.voicing_agreement" else ""
            found.append(judged(name, value, limit, said, missing=missing, judge=judge))
        return found

    def _count(self, name: str, value: float | None, weight: float) -> None:
        if value is not None:
            self._sum(name, value * weight, weight)

    def _sum(self, name: str, value: float, weight: float) -> None:
        total, weights = self._sums.get(name, (0.0, 0.0))
        self._sums[name] = (total + value, weights + weight)


def in_order(measures: Iterable[Measure]) -> tuple[Measure, ...]:
    """Return measures with those of one group together, the groups as `LIMITS` has them."""
    groups = list(dict.fromkeys(name.partition(".")[0] for name in LIMITS))
    return tuple(sorted(measures, key=lambda m: groups.index(m.name.partition(".")[0])))


def why_not_judged(language: str) -> str:
    """Return why phones cannot be judged in a language, empty if they can."""
    return "" if language == "en" else f"the judge knows English, not {language!r}"


def _agreement(pair: Pair, limits: Limits, not_judged: str) -> list[Measure]:
    found = None if not_judged else agreement(pair.before.phones, pair.after.phones)
    missing = not_judged
    if found is not None:
        if found.speech_s < _LEAST_SPEECH_S:
            missing = f"{found.speech_s:.1f} s of speech are too little to judge"
        elif found.confidence < _LEAST_CONFIDENCE:
            missing = (
                f"the original is hardly clear speech (phones are {found.confidence:.2f} sure)"
            )
    values = (None, None) if found is None or missing else (found.mean, found.worst)
    return [
        judged(name, value, limits.get(name), said, missing=missing, judge=_JUDGE)
        for name, value, said in zip(
            ("words.agreement", "words.worst_agreement"),
            values,
            ("phones agree by {:.2f}", "in the worst half second phones agree by {:.2f}"),
            strict=True,
        )
    ]


def _timing(pair: Pair, limits: Limits) -> list[Measure]:
    timing = pair.timing
    name = "timing.length_difference_samples"
    found = [
        judged(
            name,
            float(pair.length_difference),
            limits[name],
            "the lengths differ by {:.0f} samples",
        )
    ]
    for name, part, said in (
        ("timing.lag_s", "lag_s", "the output lies {:.3f} s off"),
        ("timing.longest_lost_s", "longest_lost_s", "the longest sound lost lasts {:.2f} s"),
        ("timing.longest_added_s", "longest_added_s", "the longest sound added lasts {:.2f} s"),
    ):
        value = None if timing is None else abs(float(getattr(timing, part)))
        found.append(judged(name, value, limits[name], said, missing=_SILENT))
    return found


def _f0(pair: Pair, limits: Limits) -> Measure:
    delivery = pair.delivery
    name = "delivery.f0_contour_r"
    # A monotone voice is a choice of the recipe, and pyworld an extra: only told, if missing.
    return judged(
        name,
        delivery.f0_contour,
        limits[name] if delivery.f0_contour is not None else None,
        "the contour of f0 correlates by {:.2f}",
        missing=f0_missing() or "too little is voiced in both, or it is monotone",
        judge=delivery.judged_by,
    )


def _signal(pair: Pair, limits: Limits) -> list[Measure]:
    signal = measure_signal(pair.anonymized, pair.after.level)
    silent = "the output is silent"
    values = {
        "signal.level_dbfs": (signal.level_dbfs, "it sounds at {:.1f} dB of full scale"),
        "signal.clipped_percent": (signal.clipped_percent, "{:.2f} % of the samples are clipped"),
        "signal.offset_percent": (signal.offset_percent, "the mean is {:.2f} % of full scale"),
        "signal.bandwidth_hz": (signal.bandwidth_hz, "it reaches up to {:.0f} Hz"),
    }
    return [
        judged(name, value, limits[name], said, missing=silent)
        for name, (value, said) in values.items()
    ]


def copies(pair: Pair, originals: Sequence[Float32], limits: Limits) -> list[Measure]:
    """Return whether a channel of the output copies any channel of the original."""
    name = "identity.largest_correlation"
    found = [stretch_correlations(original, pair.anonymized) for original in originals]
    most = max(float(each.max(initial=0.0)) for each in found)
    said = "no stretch is a copy: correlations reach {:.2f}"
    if most >= COPY_CORRELATION:
        share = max(float((each >= COPY_CORRELATION).mean()) for each in found if len(each))
        said = f"{100 * share:.0f} % of it copies the original: correlations reach {{:.2f}}"
    silent = not pair.anonymized.any()
    return [
        judged(name, None if silent else most, limits[name], said, missing="the output is silent")
    ]


def worst(measures: Sequence[Measure], where: Sequence[str]) -> Measure:
    """Return the measure of the part in which it is worst, its reason saying which part.

    Parameters
    ----------
    measures : sequence of Measure
        Of one name, a part each.
    where : sequence of str
        What each part is called.
    """
    if len(measures) == 1:
        return measures[0]
    at = worst_at(measures)
    return replace(measures[at], reason=f"{where[at]}: {measures[at].reason}")


def worst_at(measures: Sequence[Measure]) -> int:
    """Return which of several measures of one name is worst; of equals, the first."""

    def badness(at: int) -> float:
        measure = measures[at]
        value = 0.0 if measure.value is None else measure.value
        is_floor = measure.limit is not None and measure.limit.is_floor
        return -value if is_floor else value

    verdict = overall(measures)
    among = [at for at, measure in enumerate(measures) if measure.verdict is verdict]
    return max(among or range(len(measures)), key=badness)  # none where all are only told
