"""What words, delivery and naturalness lost: each recording judged once, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.checks.assessment import MEASURES, measures_missing
from voiceanon.checks.delivery import compare_delivery
from voiceanon.checks.naturalness import find_predictors
from voiceanon.checks.recognisers import find_recogniser, open_recogniser
from voiceanon.checks.words import compare_texts, normaliser
from voiceanon.errors import InputError
from voiceanon.keys import Draws, derive
from voiceanon.privacy.assessment_study import assessment_study
from voiceanon.privacy.backends import unit
from voiceanon.privacy.cache import Cache
from voiceanon.privacy.collected import Collected
from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.metrics import (
    correlation_with_interval,
    g_vd_db,
    mean_with_interval,
    ratio_with_interval,
    voice_similarity_matrix,
)
from voiceanon.privacy.settings import Settings
from voiceanon.privacy.sounds import Sound
from voiceanon.privacy.variants import EVALUATION_SECRET
from voiceanon.privacy.workers import Workers

__all__ = ["Utility", "spread_over_speakers"]

Real = npt.NDArray[np.float64]

_WORDS, _WORDS_WEAK = 80, 10
_NATURALNESS = 60
_DELIVERY, _DELIVERY_LIGHT = 240, 60
_DELIVERY_VERSION = "delivery-1"
_CONTOURS = ("f0_contour", "energy_contour", "voicing_agreement", "rho_f0")


class Utility:
    """Judges every variant on the same recordings.

    Parameters
    ----------
    recordings : tuple of Recording
        The measured corpus.
    settings : Settings
        Recogniser, number of utterances, naturalness.
    store : Cache
        Keeps transcripts and scores by content.
    pool : Workers
        Who computes.

    Attributes
    ----------
    recogniser_facts : dict or None
        Name, version and whether it is weak.
    not_measured : list of dict
        What is missing, and why.
    """

    def __init__(
        self, recordings: tuple[Recording, ...], settings: Settings, store: Cache, pool: Workers
    ) -> None:
        self._recordings, self._settings = recordings, settings
        self._store, self._pool = store, pool
        self.not_measured: list[dict[str, str]] = []
        self.recogniser_facts = self._choose_recogniser()
        self._predictors: tuple[str, ...] = ()
        if settings.naturalness and not settings.light and not settings.assessment:
            found, missing = find_predictors()
            self._predictors = tuple(predictor.name for predictor in found)
            for name, why in missing.items():
                self.not_measured.append({"what": f"naturalness by {name}", "why": why})
        else:
            self.not_measured.append({"what": "naturalness", "why": "not asked for"})
        for name, why in measures_missing().items():
            self.not_measured.append({"what": name, "why": why})

    def _choose_recogniser(self) -> dict[str, Any] | None:
        spec = self._settings.recogniser
        if spec == "none":
            self.not_measured.append({"what": "words", "why": "no recogniser was asked for"})
            return None
        if spec == "auto" and self._settings.light:
            spec = "pocketsphinx"
        if spec == "auto":
            found, why = find_recogniser()
            if found is None:
                self.not_measured.append({"what": "words", "why": why})
                return None
        else:
            try:
                found = open_recogniser(spec)
            except InputError as error:
                if self._settings.recogniser != "auto":
                    raise
                self.not_measured.append({"what": "words", "why": str(error)})
                return None
        self._spec = spec
        return {"name": found.name, "version": found.version, "is_weak": found.is_weak}

    def measured(self, collected: Collected) -> dict[str, Any]:
        """Return ``words``, ``delivery``, ``naturalness`` and ``voices`` of a variant.

        A study of assessments adds ``assessment``.
        """
        chosen = self._compared_recordings()
        rows = self._delivered(collected, chosen)
        found = {
            "words": self._words(collected),
            "delivery": self._delivery(rows, chosen),
            "naturalness": self._naturalness(collected),
            "voices": self._voices(collected),
        }
        if self._settings.assessment:
            found["assessment"] = assessment_study(
                rows,
                [self._recordings[i].score for i in chosen],
                self._owners(chosen),
                self._draws("assessment"),
            )
        return found

    def _draws(self, what: str) -> Draws:
        return Draws(derive(EVALUATION_SECRET, "bootstrap"), what)

    def _owners(self, chosen: Sequence[int]) -> list[str]:
        return [self._recordings[i].speaker for i in chosen]

    # --- words ----------------------------------------------------------------------------------

    def _words(self, collected: Collected) -> dict[str, Any] | None:
        if self.recogniser_facts is None:
            return None
        weak = self.recogniser_facts["is_weak"]
        count = self._settings.words or (_WORDS_WEAK if weak else _WORDS)
        chosen = spread_over_speakers(self._recordings, count)
        measure = f"words-{self.recogniser_facts['name']}-{self.recogniser_facts['version']}"
        texts = {}
        for where in ("original", "trial"):
            sounds = [collected.sounds(where)[i] for i in chosen]
            hear = partial(_heard_text, self._spec, measure, self._store.folder)
            what = f"{collected.variant}: recognising {where} speech"
            texts[where] = self._pool.map(what, hear, sounds)
        rows = [
            compare_texts(before, after, self._recordings[i].text)
            for i, before, after in zip(chosen, texts["original"], texts["trial"], strict=True)
        ]
        owners = self._owners(chosen)
        found: dict[str, Any] = {
            "utterances": len(rows),
            "recogniser": self.recogniser_facts["name"],
            "normaliser": normaliser().name,
            "references": sorted({row.reference for row in rows}),
        }
        for name, wrong, whole in (
            ("wer", "word_errors", "words"),
            ("cer", "char_errors", "characters"),
        ):
            parts = np.array([getattr(row.anonymized, wrong) for row in rows], float)
            wholes = np.array([getattr(row.anonymized, whole) for row in rows], float)
            if wholes.sum() == 0:
                return {**found, "wer_percent": None, "cer_percent": None}
            # What the original loses itself is taken off, utterance by utterance.
            before = [row.original for row in rows]
            lost = np.array([getattr(b, wrong) if b is not None else 0 for b in before], float)
            found[f"{name}_percent"] = self._percent(parts, wholes, owners)
            found[f"{name}_minus_raw_points"] = self._percent(parts - lost, wholes, owners)
        return found

    def _percent(self, parts: Real, wholes: Real, owners: list[str]) -> list[float | None]:
        if len(set(owners)) < 2:  # an interval over speakers needs two
            return [100 * float(parts.sum() / wholes.sum()), None, None]
        found = ratio_with_interval(parts, wholes, owners, self._draws("words"))
        return [100 * value for value in found]

    # --- delivery -------------------------------------------------------------------------------

    def _compared_recordings(self) -> list[int]:
        if self._settings.assessment:
            return list(range(len(self._recordings)))
        count = _DELIVERY_LIGHT if self._settings.light else _DELIVERY
        return spread_over_speakers(self._recordings, count)

    def _delivered(self, collected: Collected, chosen: Sequence[int]) -> list[dict[str, Any]]:
        pairs = [(collected.sounds("original")[i], collected.sounds("trial")[i]) for i in chosen]
        what = f"{collected.variant}: delivery"
        return self._pool.map(what, partial(_compared, self._store.folder), pairs)

    def _delivery(self, rows: Sequence[dict[str, Any]], chosen: Sequence[int]) -> dict[str, Any]:
        owners = self._owners(chosen)
        correlations: dict[str, Any] = {}
        for measure in MEASURES:
            first, second = (
                np.array([_number(row[side].get(measure)) for row in rows])
                for side in ("original", "anonymized")
            )
            found = correlation_with_interval(first, second, owners, self._draws("r"))
            correlations[measure] = None if found is None else list(found)
        contours = {name: self._mean(rows, name, owners) for name in _CONTOURS}
        correlations |= {name: contours[name] for name in ("f0_contour", "energy_contour")}
        return {
            "utterances": len(rows),
            "judged_by": rows[0]["judged_by"],
            "correlations": correlations,
            "voicing_agreement": contours["voicing_agreement"],
            "rho_f0": contours["rho_f0"],
        }

    def _mean(
        self, rows: Sequence[dict[str, Any]], name: str, owners: Sequence[str]
    ) -> list[float | None] | None:
        kept = [i for i, row in enumerate(rows) if row[name] is not None]
        if not kept:
            return None
        values = np.array([rows[i][name] for i in kept], float)
        if len({owners[i] for i in kept}) < 2:
            return [float(values.mean()), None, None]
        found = mean_with_interval(values, [owners[i] for i in kept], self._draws(name))
        return list(found)

    # --- naturalness and voices -----------------------------------------------------------------

    def _naturalness(self, collected: Collected) -> dict[str, Any] | None:
        if not self._predictors:
            return None
        chosen = spread_over_speakers(self._recordings, _NATURALNESS)
        sounds = [collected.sounds("trial")[i] for i in chosen]
        what = f"{collected.variant}: naturalness"
        rows = self._pool.map(what, partial(_judged, self._store.folder), sounds)
        names = sorted({name for row in rows for name in row})
        found: dict[str, Any] = {"utterances": len(rows)}
        for name in names:
            found[name] = self._mean(
                [{name: row.get(name)} for row in rows], name, self._owners(chosen)
            )
        return found

    def _voices(self, collected: Collected) -> dict[str, Any] | None:
        if not collected.models:
            return None
        owners = [recording.speaker for recording in self._recordings]
        counts = {name: owners.count(name) for name in owners}
        kept = [i for i, name in enumerate(owners) if counts[name] > 1]
        if len({owners[i] for i in kept}) < 2:
            return None
        model = collected.models[0]
        similar = []
        for where in ("original", "trial"):
            vectors = unit(collected.vectors(where, model)[kept])
            names = [owners[i] for i in kept]
            similar.append(voice_similarity_matrix(vectors @ vectors.T, names))
        try:
            gain = g_vd_db(similar[0], similar[1])
        except InputError:
            return None
        return {"g_vd_db": gain if math.isfinite(gain) else None, "model": model.name}


def spread_over_speakers(recordings: Sequence[Recording], count: int) -> list[int]:
    """Return the places of up to `count` recordings, in turns over the speakers.

    Within a speaker they lie at even distances, so that sessions are covered from end to end.
    """
    grouped: dict[str, list[int]] = {}
    for place, recording in enumerate(recordings):
        grouped.setdefault(recording.speaker, []).append(place)
    share, extra = divmod(count, len(grouped))
    picked: list[int] = []
    for rank, group in enumerate(grouped.values()):
        wanted = min(len(group), share + (rank < extra))
        if wanted:
            picked += [group[i] for i in np.linspace(0, len(group) - 1, wanted).round().astype(int)]
    return sorted(picked)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


@cache
def _recogniser(spec: str) -> Any:
    return open_recogniser(spec)


def _heard_text(spec: str, measure: str, folder: Path, sound: Sound) -> str:
    store = Cache(folder)
    digest = sound.digest()
    known = store.record(measure, digest)
    if known is None:
        known = _recogniser(spec).transcribe(sound.read()).text
        store.put_record(measure, digest, known)
    return str(known)


def _compared(folder: Path, pair: tuple[Sound, Sound]) -> dict[str, Any]:
    store = Cache(folder)
    digest = f"{pair[0].digest()[:32]}{pair[1].digest()[:32]}"
    known = store.record(_DELIVERY_VERSION, digest)
    if known is None:
        found = compare_delivery(pair[0].read(), pair[1].read())
        known = {
            "original": found.original,
            "anonymized": found.anonymized,
            "judged_by": found.judged_by,
            **{name: getattr(found, name) for name in _CONTOURS},
        }
        store.put_record(_DELIVERY_VERSION, digest, known)
    return dict(known)


@cache
def _predictors() -> Any:
    return find_predictors()[0]


def _judged(folder: Path, sound: Sound) -> dict[str, float | None]:
    store = Cache(folder)
    digest = sound.digest()
    scores: dict[str, float | None] = {}
    for predictor in _predictors():
        measure = f"naturalness-{predictor.name}-{predictor.version}"
        known = store.record(measure, digest)
        if known is None:
            known = predictor.scores(sound.read())
            store.put_record(measure, digest, known)
        scores |= known
    return scores
