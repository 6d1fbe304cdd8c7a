"""The check of one recording: words, timing, delivery, signal, and what is left of the original."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from voiceanon.audio import check_audio
from voiceanon.checks.measures import (
    LIMITS,
    Pair,
    Tally,
    copies,
    in_order,
    part_measures,
    why_not_judged,
    worst,
)
from voiceanon.checks.recognisers import find_recogniser
from voiceanon.checks.transcript import Recogniser
from voiceanon.checks.verdicts import CheckReport, Measure, Verdict, judged, overall
from voiceanon.checks.words import compare_texts
from voiceanon.errors import InputError

__all__ = ["check"]

# Fewer words say nothing about how many are lost.
_LEAST_WORDS = 3


# An embedding of less says nothing.
_LEAST_SAMPLES = 16_000


class SpeakerModel(Protocol):
    """What embeds a voice, as `voiceanon.privacy.speaker_models` opens them."""

    name: str

    def embed(self, samples: Any) -> Any:
        """Return the vector of 16 kHz mono speech."""


def check(
    original: npt.NDArray[Any],
    anonymized: npt.NDArray[Any],
    rate: int,
    *,
    transcript: str | None = None,
    language: str = "en",
    recogniser: Recogniser | None = None,
    speaker_model: SpeakerModel | None = None,
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
    speaker_model : SpeakerModel, optional
        Who tells how alike the voices are, as `identity.speaker_similarity`. It is told and not
        judged: one recording against its own output says little about who can be found by it.

    Returns
    -------
    CheckReport
        ``verdict`` is ``"pass"``, ``"hold"``, ``"fail"`` or ``"not measured"``; ``measures`` has
        each with value, limit, verdict and reason.

    Raises
    ------
    InputError
        If an argument is not what it must be. An output that is not finite is no error: it fails.

    Examples
    --------
    >>> silence = np.zeros(16000, np.float32)
    >>> report = check(silence, silence, 16000)
    >>> print(report.verdict)
    not measured
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
        raise InputError(
            f"original has {channels} channels, output {len(after.data)}: they must agree"
        )
    if transcript is not None and channels > 1:
        raise InputError("a transcript is of one channel: check each by itself")
    judge, missing = _judge(recogniser, language)
    pairs = [Pair.of(before.data[c], after.data[c], before.rate) for c in range(channels)]
    not_judged = why_not_judged(language)
    limits = dict(LIMITS)
    if not_judged and judge is not None:
        # A recogniser that knows the language judges the words alone.
        del limits["words.agreement"], limits["words.worst_agreement"]
    originals = [pair.original for pair in pairs]
    rows = [
        [
            _words(pair, transcript or "", judge, missing),
            *part_measures(pair, limits, not_judged),
            *Tally().add(pair).measures(limits),
            *copies(pair, originals, limits),
            *_similarity(pair, speaker_model),
        ]
        for pair in pairs
    ]
    channel = [f"channel {c + 1}" for c in range(channels)]
    found = in_order(worst([row[k] for row in rows], channel) for k in range(len(rows[0])))
    return CheckReport(overall(found), found)


def _judge(recogniser: Recogniser | None, language: str) -> tuple[Recogniser | None, str]:
    if recogniser is None:
        recogniser, missing = find_recogniser()
        if recogniser is None:
            return None, missing
    if recogniser.is_weak and language != "en":
        return None, f"{recogniser.name} knows English, not {language!r}"
    return recogniser, ""


def _words(pair: Pair, transcript: str, judge: Recogniser | None, missing: str) -> Measure:
    name = "words.lost_percent"
    if judge is None:
        # The phones have judged: it is only told that no recogniser did.
        return judged(name, None, None, "", missing=missing)
    before, after = (judge.transcribe(part) for part in (pair.original, pair.anonymized))
    row = compare_texts(before, after, transcript)
    lost: float | None = None
    if row.anonymized.words >= _LEAST_WORDS:
        own = 0 if row.original is None else row.original.word_errors
        lost = 100.0 * max(0, row.anonymized.word_errors - own) / row.anonymized.words
    # A weak recogniser mishears too much to hold an output that the phones let pass.
    limit = None if judge.is_weak else LIMITS[name]
    if judge.is_weak:
        said = f"it hears {{:.0f}} % of {row.anonymized.words} words otherwise"
    else:
        said = f"{{:.0f}} % of {row.anonymized.words} words are lost"
    return judged(
        name,
        lost,
        limit,
        said,
        missing=f"{row.anonymized.words} words were heard in the original: too few to judge",
        judge=f"{judge.name}, against the {row.reference}",
    )


def _similarity(pair: Pair, speaker_model: SpeakerModel | None) -> list[Measure]:
    if speaker_model is None:
        return []
    value: float | None = None
    if min(len(pair.original), len(pair.anonymized)) >= _LEAST_SAMPLES and pair.anonymized.any():
        one, other = (speaker_model.embed(part) for part in (pair.original, pair.anonymized))
        value = float(one @ other / max(np.linalg.norm(one) * np.linalg.norm(other), 1e-12))
    return [
        judged(
            "identity.speaker_similarity",
            value,
            None,
            "the voices are alike by {:.2f} (cosine)",
            missing="less than a second, or silence",
            judge=speaker_model.name,
        )
    ]
