"""The check of one recording: words, timing, delivery, signal, and what is left of the original."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.audio import check_audio
from voiceanon.checks.assessment import Analysis, analyse
from voiceanon.checks.copies import COPY_CORRELATION, copied_share, largest_correlation
from voiceanon.checks.delivery import compare_delivery
from voiceanon.checks.pitch import f0_missing
from voiceanon.checks.recognisers import find_recogniser
from voiceanon.checks.signal import measure_signal
from voiceanon.checks.sound import RATE_HZ
from voiceanon.checks.timing import compare_timing
from voiceanon.checks.transcript import Recogniser
from voiceanon.checks.verdicts import CheckReport, Limit, Measure, Verdict, judged, overall
from voiceanon.checks.words import compare_texts
from voiceanon.errors import InputError

__all__ = ["LIMITS", "check"]

Float32 = npt.NDArray[np.float32]

LIMITS: dict[str, Limit] = {
    "words.lost_percent": Limit(25.0, 60.0),
    "timing.length_difference_samples": Limit(None, 1.0),
    "timing.lag_s": Limit(0.06, 0.3),
    "timing.agreement": Limit(0.85, 0.6, is_floor=True),
    "timing.longest_lost_s": Limit(0.15, 0.5),
    "timing.longest_added_s": Limit(0.15, 0.5),
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

# Fewer words say nothing about how many are lost.
_LEAST_WORDS = 3
_LEAST_PAUSES = 4
# The model of pocketsphinx's package knows English alone.
_ENGLISH = ("en",)


def check(
    original: npt.NDArray[Any],
    anonymized: npt.NDArray[Any],
    rate: int,
    *,
    transcript: str | None = None,
    language: str = "en",
    recogniser: Recogniser | None = None,
) -> CheckReport:
    """Return whether an output keeps words and delivery, and nothing of the original's sound.

    Each channel is compared with its own; copies are looked for between all. Of several channels
    the worst counts, measure by measure.

    Parameters
    ----------
    original, anonymized : ndarray, shape (n,) or (channels, n)
        float32, float64 or int16; the output of the original, of one shape but for its length.
    rate : int
        Samples a second of both, 8000 to 192000.
    transcript : str, optional
        What is said in it, where that is known: the words lost are then counted against it.
        Mono only.
    language : str
        Of the speech, as ISO 639-1; ``"en"`` is what the recognisers that come with extras know.
    recogniser : Recogniser, optional
        Who judges the words; by default what `voiceanon.checks.recognisers.find_recogniser` finds.

    Returns
    -------
    CheckReport
        ``verdict`` is ``"pass"``, ``"hold"``, ``"fail"`` or ``"not measured"``; ``measures`` has
        each with value, limit, verdict and reason.

    Raises
    ------
    InputError
        If an argument is not what it must be. An output that is not finite is no error: it fails.
    """
    before = check_audio(original, rate)
    made = np.asarray(anonymized)
    if made.dtype.kind == "f" and not np.all(np.isfinite(made)):
        measure = Measure(
            "signal.is_finite", 0.0, None, Verdict.FAIL, "the output has values that are not finite"
        )
        return CheckReport(Verdict.FAIL, (measure,))
    after = check_audio(made, rate)
    channels = len(before.data)
    if len(after.data) != channels:
        raise InputError(f"original has {channels} channels, output {len(after.data)}")
    if transcript is not None and channels > 1:
        raise InputError("a transcript is of one channel: check each by itself")
    judge, missing = _judge(recogniser, language)
    pairs = [
        _Pair.of(before.data[c], after.data[c], before.rate, transcript or "")
        for c in range(channels)
    ]
    found = [_measures(pair, judge, missing) for pair in pairs]
    copied = [_copies(pair, [p.original for p in pairs]) for pair in pairs]
    rows = [measures + copies for measures, copies in zip(found, copied, strict=True)]
    worst = tuple(_worst([row[k] for row in rows]) for k in range(len(rows[0])))
    return CheckReport(overall(worst), worst)


@dataclass(frozen=True)
class _Pair:
    """One channel before and after, at 16 kHz."""

    original: Float32
    anonymized: Float32
    before: Analysis
    after: Analysis
    length_difference: int
    transcript: str

    @classmethod
    def of(cls, original: Float32, anonymized: Float32, rate: int, transcript: str) -> _Pair:
        before, after = (_at_judged_rate(part, rate) for part in (original, anonymized))
        difference = abs(len(original) - len(anonymized))
        return cls(before, after, analyse(before), analyse(after), difference, transcript)


def _judge(recogniser: Recogniser | None, language: str) -> tuple[Recogniser | None, str]:
    if recogniser is None:
        recogniser, missing = find_recogniser()
        if recogniser is None:
            return None, missing
    if recogniser.is_weak and language not in _ENGLISH:
        return None, f"{recogniser.name} knows English, not {language!r}"
    return recogniser, ""


def _measures(pair: _Pair, judge: Recogniser | None, missing: str) -> list[Measure]:
    return [_words(pair, judge, missing), *_timing(pair), *_delivery(pair), *_signal(pair)]


def _words(pair: _Pair, judge: Recogniser | None, missing: str) -> Measure:
    name = "words.lost_percent"
    if judge is None:
        return judged(name, None, LIMITS[name], "", missing=missing)
    before, after = (judge.transcribe(part) for part in (pair.original, pair.anonymized))
    row = compare_texts(before, after, pair.transcript)
    lost: float | None = None
    if row.anonymized.words >= _LEAST_WORDS:
        own = 0 if row.original is None else row.original.word_errors
        lost = 100.0 * max(0, row.anonymized.word_errors - own) / row.anonymized.words
    return judged(
        name,
        lost,
        LIMITS[name],
        f"{{:.0f}} % of {row.anonymized.words} words are lost",
        missing=f"{row.anonymized.words} words were heard in the original: too few to judge",
        judge=f"{judge.name}, against the {row.reference}",
    )


def _timing(pair: _Pair) -> list[Measure]:
    timing = compare_timing(pair.before, pair.after)
    name = "timing.length_difference_samples"
    found = [
        judged(
            name,
            float(pair.length_difference),
            LIMITS[name],
            "the lengths differ by {:.0f} samples",
        )
    ]
    for name, part, said in (
        ("timing.lag_s", "lag_s", "the output lies {:.3f} s off"),
        ("timing.agreement", "agreement", "sound and silence agree in {:.2f} of the time"),
        ("timing.longest_lost_s", "longest_lost_s", "the longest sound lost lasts {:.2f} s"),
        ("timing.longest_added_s", "longest_added_s", "the longest sound added lasts {:.2f} s"),
    ):
        value = None if timing is None else abs(float(getattr(timing, part)))
        found.append(judged(name, value, LIMITS[name], said, missing="the original is silent"))
    name = "timing.pauses_kept"
    kept = timing.pauses_kept if timing is not None else None
    # Speech without a pause is not unmeasured, and of a few each would weigh too much: then only
    # `timing.longest_added_s` judges them.
    limit = LIMITS[name] if timing is not None and timing.pauses >= _LEAST_PAUSES else None
    return [*found, judged(name, kept, limit, "{:.2f} of the pauses are kept", missing="no pauses")]


def _delivery(pair: _Pair) -> list[Measure]:
    delivery = compare_delivery(pair.before, pair.after)
    short = "too little sounds in both"
    f0 = delivery.f0_contour
    f0_name = "delivery.f0_contour_r"
    return [
        judged(
            "delivery.energy_contour_r",
            delivery.energy_contour,
            LIMITS["delivery.energy_contour_r"],
            "the level's contour correlates by {:.2f}",
            missing=short,
        ),
        judged(
            "delivery.voicing_agreement",
            delivery.voicing_agreement,
            LIMITS["delivery.voicing_agreement"],
            "voicing agrees in {:.2f} of the time",
            missing=short,
            judge=delivery.judged_by,
        ),
        # A monotone voice is a choice of the recipe, and pyworld an extra: only told, if missing.
        judged(
            f0_name,
            f0,
            LIMITS[f0_name] if f0 is not None else None,
            "the contour of f0 correlates by {:.2f}",
            missing=f0_missing() or "too little is voiced in both, or it is monotone",
            judge=delivery.judged_by,
        ),
    ]


def _signal(pair: _Pair) -> list[Measure]:
    signal = measure_signal(pair.anonymized, pair.after.level)
    silent = "the output is silent"
    values = {
        "signal.level_dbfs": (signal.level_dbfs, "it sounds at {:.1f} dB of full scale"),
        "signal.clipped_percent": (signal.clipped_percent, "{:.2f} % of the samples are clipped"),
        "signal.offset_percent": (signal.offset_percent, "the mean is {:.2f} % of full scale"),
        "signal.bandwidth_hz": (signal.bandwidth_hz, "it reaches up to {:.0f} Hz"),
    }
    return [
        judged(name, value, LIMITS[name], said, missing=silent)
        for name, (value, said) in values.items()
    ]


def _copies(pair: _Pair, originals: list[Float32]) -> list[Measure]:
    name = "identity.largest_correlation"
    most = max(largest_correlation(original, pair.anonymized) for original in originals)
    share = max(copied_share(original, pair.anonymized) for original in originals)
    said = "no stretch is a copy: correlations reach {:.2f}"
    if most >= COPY_CORRELATION:
        said = f"{100 * share:.0f} % of it copies the original: correlations reach {{:.2f}}"
    silent = not pair.anonymized.any()
    return [
        judged(name, None if silent else most, LIMITS[name], said, missing="the output is silent")
    ]


def _worst(measures: list[Measure]) -> Measure:
    """Return the measure of the channel in which it is worst."""
    if len(measures) == 1:
        return measures[0]

    def badness(at: int) -> tuple[Verdict, float]:
        measure = measures[at]
        value = 0.0 if measure.value is None else measure.value
        is_floor = measure.limit is not None and measure.limit.is_floor
        return measure.verdict, -value if is_floor else value

    verdict = overall(measures)
    among = [at for at, measure in enumerate(measures) if measure.verdict is verdict]
    at = max(among, key=lambda k: badness(k)[1])
    return replace(measures[at], reason=f"channel {at + 1}: {measures[at].reason}")


def _at_judged_rate(samples: Float32, rate: int) -> Float32:
    if rate == RATE_HZ:
        return samples
    import soxr

    return np.asarray(soxr.resample(samples, rate, RATE_HZ, quality="HQ"), np.float32)
