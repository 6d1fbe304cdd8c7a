"""The measures of delivery that spoken-language assessments score, of one recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon.checks.phones import Float32, phones_heard
from voiceanon.checks.pitch import F0Track, f0_missing, f0_track, voicing_of
from voiceanon.checks.rhythm import rhythm_of
from voiceanon.checks.sound import (
    FRAME_HOP_S,
    RATE_HZ,
    Float64,
    Level,
    checked,
    level_in,
)
from voiceanon.checks.transcript import Transcript

__all__ = [
    "MEASURES",
    "Analysis",
    "analyse",
    "measures_missing",
    "measures_of",
    "speech_measures",
]

# Each with its source: see `speech_measures`.
MEASURES = (
    "speech_rate_syllables_per_s",
    "articulation_rate_syllables_per_s",
    "pause_rate_per_s",
    "mean_pause_s",
    "phonation_ratio",
    "f0_range_semitones",
    "loudness_range_db",
    "filled_pauses",
)

# A range told by less voice is a guess.
_LEAST_VOICED_S = 0.1


@dataclass(frozen=True)
class Analysis:
    """What all measures of a recording are told by, found once.

    Attributes
    ----------
    level : Level or None
        None where nothing sounds.
    f0 : F0Track or None
        By pyworld; None where it is not installed.
    voicing : F0Track
        By the autocorrelation tracker, with pyworld and without.
    phones : ndarray of float32, shape (t, 40)
        How likely each phone is every 20 ms, as `voiceanon.checks.phones.phones_heard` tells.

    Examples
    --------
    >>> analysis = analyse(np.zeros(16000), with_f0=False)
    >>> analysis.level is None, analysis.phones.shape
    (True, (50, 40))
    """

    level: Level | None
    f0: F0Track | None
    voicing: F0Track
    phones: Float32

    @property
    def judged_by(self) -> str:
        """Which estimators told f0 and voicing."""
        if self.f0 is None:
            return f"{self.voicing.judged_by}; no f0 without pyworld"
        return f"f0: {self.f0.judged_by}"


def analyse(
    samples: npt.NDArray[np.floating], rate: int = RATE_HZ, *, with_f0: bool = True
) -> Analysis:
    """Return level, f0 and voicing of a recording over time.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Mono; any gain and any length.
    rate : int
        Must be 16000.
    with_f0 : bool
        Whether pyworld shall judge f0; it takes most of the time.

    Raises
    ------
    InputError
        If the samples are not mono, floating-point and finite, or of another rate.

    Examples
    --------
    >>> analysis = analyse(0.1 * np.sin(np.arange(16000) / 20), with_f0=False)
    >>> analysis.level is None
    False
    """
    wave = checked(samples, rate)
    f0 = None if not with_f0 or f0_missing() else f0_track(wave)
    phones = phones_heard(wave.astype(np.float32))
    return Analysis(level_in(wave), f0, voicing_of(wave), phones)


def speech_measures(
    samples: npt.NDArray[np.floating],
    rate: int = RATE_HZ,
    *,
    transcript: Transcript | None = None,
) -> dict[str, float | None]:
    """Return the assessment measures of a recording; no measure depends on its gain.

    The response is what lies between the first phone and the last: silence before and after is no
    part of it.

    - ``speech_rate_syllables_per_s``: syllables per second of the response. They are the vowels
      that a network of English phones expects (Yuan & Liberman, Interspeech 2010), which agrees
      far better with the syllables of transcripts than peaks of the level do (de Jong & Wempe,
      Behavior Research Methods 2009), and stays when the voice is another; see `Rhythm`.
    - ``articulation_rate_syllables_per_s``: the same per second of sound, pauses left out.
    - ``pause_rate_per_s``: silences of at least 0.25 s inside the response, per second of it
      (threshold: Goldman-Eisler 1968; De Jong & Bosker 2013).
    - ``mean_pause_s``: their mean length; None where there is none.
    - ``phonation_ratio``: share of the response that is sound, 0 to 1 (Kormos & Dénes 2004).
    - ``f0_range_semitones``: from the 5th to the 95th percentile of f0 where the voice sounds.
    - ``loudness_range_db``: from the 10th to the 95th percentile of the level of the sounds, the
      percentiles of loudness range (EBU Tech 3342), in windows of 64 ms.
    - ``filled_pauses``: hesitations a recogniser wrote down; None without one that keeps them.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Mono, 16 kHz; any gain and any length.
    rate : int
        Must be 16000.
    transcript : Transcript, optional
        What a recogniser heard in the same samples.

    Returns
    -------
    dict
        A finite number for each of `MEASURES`, or None where it is not defined (silence, no pause
        to take the mean of) or cannot be had here (see `measures_missing`).

    Raises
    ------
    InputError
        If the samples are not mono, floating-point and finite, or of another rate.

    Examples
    --------
    >>> speech_measures(np.zeros(16000))["phonation_ratio"] is None
    True
    """
    return measures_of(analyse(samples, rate), transcript=transcript)


def measures_of(
    analysis: Analysis, *, transcript: Transcript | None = None
) -> dict[str, float | None]:
    """Return what `speech_measures` returns, of a recording that is analysed already.

    Parameters
    ----------
    analysis : Analysis
        What `analyse` found.
    transcript : Transcript, optional
        What a recogniser heard in the same samples.

    Returns
    -------
    dict
        As `speech_measures`.

    Examples
    --------
    >>> list(measures_of(analyse(np.zeros(16000)))) == list(MEASURES)
    True
    """
    made: dict[str, float | None] = dict.fromkeys(MEASURES)
    if transcript is not None and transcript.filled_pauses is not None:
        made["filled_pauses"] = float(transcript.filled_pauses)
    level = analysis.level
    if level is None or not level.is_sounding.any():
        return made
    rhythm = rhythm_of(analysis.phones)
    if rhythm is not None:
        pauses_s = rhythm.pauses_s
        made["speech_rate_syllables_per_s"] = rhythm.syllables / rhythm.response_s
        made["articulation_rate_syllables_per_s"] = rhythm.syllables / rhythm.sounding_s
        made["pause_rate_per_s"] = len(pauses_s) / rhythm.response_s
        made["mean_pause_s"] = float(np.mean(pauses_s)) if pauses_s else None
        made["phonation_ratio"] = rhythm.sounding_s / rhythm.response_s
    made["loudness_range_db"] = _between(level.smooth_db[level.is_sounding], 10, 95)
    if analysis.f0 is not None:
        voice_hz = _voice_hz(level, analysis.f0)
        if len(voice_hz) * FRAME_HOP_S >= _LEAST_VOICED_S:
            made["f0_range_semitones"] = _between(12 * np.log2(voice_hz), 5, 95)
    return made


def measures_missing() -> dict[str, str]:
    """Return, by name, why measures cannot be had here, whatever the recording.

    Examples
    --------
    >>> set(measures_missing()) <= set(MEASURES)
    True
    """
    reason = f0_missing()
    return {} if reason is None else {"f0_range_semitones": reason}


def _voice_hz(level: Level, f0: F0Track) -> Float64:
    """Return f0 in Hz of every frame of 5 ms in which the voice sounds."""
    times_s = np.arange(len(level.is_loud)) * FRAME_HOP_S
    nearest = np.minimum(np.rint(times_s / f0.hop_s).astype(int), len(f0.f0_hz) - 1)
    f0_hz = f0.f0_hz[nearest]
    voiced: Float64 = f0_hz[(f0_hz > 0) & level.is_loud]
    return voiced


def _between(values: Float64, low: float, high: float) -> float:
    lower, upper = np.percentile(values, [low, high])
    return float(upper - lower)
