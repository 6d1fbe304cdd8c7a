"""Whether assessments still work: measures before and after, and a scorer trained on originals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.checks.assessment import MEASURES
from voiceanon.keys import Draws
from voiceanon.privacy.metrics import correlation_with_interval, mean_with_interval

__all__ = ["assessment_study"]

Real = npt.NDArray[np.float64]

_MOST_PAIRS = 300  # that are kept for drawing
_LEAST = 8  # recordings with all measures, for a scorer
_RIDGE = 1.0
# Fluency (Kormos & Dénes 2004; de Jong & Wempe 2009) and expression; few recognisers tell fillers.
_SCORED = tuple(name for name in MEASURES if name != "filled_pauses")


def assessment_study(
    rows: Sequence[Mapping[str, Any]],
    scores: Sequence[float | None],
    speakers: Sequence[str],
    draws: Draws,
) -> dict[str, Any]:
    """Return how the measures of recordings agree before and after, with intervals over speakers.

    Parameters
    ----------
    rows : sequence of mapping
        A recording each: ``original`` and ``anonymized``, the measures of
        `voiceanon.checks.assessment.speech_measures`.
    scores : sequence of float or None
        Somebody's score of each recording, where there is one.
    speakers : sequence of str
        Whose each recording is.
    draws : Draws
        Where resamples come from.

    Returns
    -------
    dict
        ``measures``: of each ``recordings``, ``r``, ``mean_original``, ``mean_difference``
        (anonymised less original) and some ``pairs``; ``scorer``, see `_scorer`.
    """
    measures = {}
    for name in MEASURES:
        first, second = (_column(rows, side, name) for side in ("original", "anonymized"))
        both = ~(np.isnan(first) | np.isnan(second))
        owners = [speaker for speaker, kept in zip(speakers, both, strict=True) if kept]
        pairs = np.stack([first, second], 1)[both]
        shown = np.linspace(0, len(pairs) - 1, min(len(pairs), _MOST_PAIRS)).round().astype(int)
        measures[name] = {
            "recordings": len(pairs),
            "r": _listed(correlation_with_interval(first, second, speakers, draws)),
            "mean_original": float(pairs[:, 0].mean()) if len(pairs) else None,
            "mean_difference": _mean(pairs[:, 1] - pairs[:, 0], owners, draws),
            "pairs": [[round(float(x), 4) for x in pairs[at]] for at in shown],
        }
    return {"measures": measures, "scorer": _scorer(rows, scores, speakers, draws)}


def _scorer(
    rows: Sequence[Mapping[str, Any]],
    scores: Sequence[float | None],
    speakers: Sequence[str],
    draws: Draws,
) -> dict[str, Any] | None:
    """Return how a scorer that has only seen originals ranks recordings before and after.

    With somebody's scores it is a ridge regression, which never sees the speaker whom it scores;
    without, the first principal component of the originals' measures. ``rank_r`` is Spearman's;
    ``r_to_scores`` Pearson's with the scores, of originals and of anonymised recordings.
    """
    names = [name for name in _SCORED if not np.isnan(_column(rows, "original", name)).all()]
    before, after = (
        np.stack([_filled(rows, side, name) for name in names], 1)
        for side in ("original", "anonymized")
    )
    given: Real = np.array([math.nan if score is None else score for score in scores], float)
    is_scored = bool((~np.isnan(given)).sum() >= _LEAST)
    needed = [before, after, given[:, None]] if is_scored else [before, after]
    whole = np.asarray(np.isfinite(np.hstack(needed)).all(1))
    if whole.sum() < _LEAST:
        return None
    before, after, given = before[whole], after[whole], given[whole]
    owners = [speaker for speaker, kept in zip(speakers, whole, strict=True) if kept]
    if is_scored and len(set(owners)) > 1:
        told = _regressed(before, after, given, owners)
    else:
        is_scored, told = False, _principal(before, after)
    found: dict[str, Any] = {
        "trained_on": "scores of the corpus" if is_scored else "first principal component",
        "recordings": len(owners),
        "measures": names,
        "rank_r": _listed(
            correlation_with_interval(_ranks(told[0]), _ranks(told[1]), owners, draws)
        ),
    }
    if is_scored:
        found["r_to_scores"] = {
            side: _listed(correlation_with_interval(part, given, owners, draws))
            for side, part in zip(("original", "anonymized"), told, strict=True)
        }
    return found


def _regressed(
    before: Real, after: Real, scores: Real, speakers: Sequence[str]
) -> tuple[Real, Real]:
    """Return scores told of originals and anonymised, each speaker's by the others' originals."""
    owners = np.asarray(speakers)
    told = np.zeros((2, len(scores)))
    for speaker in np.unique(owners):
        own = owners == speaker
        middle, spread = _standard(before[~own])
        x = (before[~own] - middle) / spread
        y = scores[~own]
        weights = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ (y - y.mean()))
        for side, part in enumerate((before, after)):
            told[side, own] = y.mean() + (part[own] - middle) / spread @ weights
    return told[0], told[1]


def _principal(before: Real, after: Real) -> tuple[Real, Real]:
    """Return the originals' first principal component, of originals and anonymised."""
    middle, spread = _standard(before)
    x = (before - middle) / spread
    _, _, directions = np.linalg.svd(x, full_matrices=False)
    return x @ directions[0], (after - middle) / spread @ directions[0]


def _standard(values: Real) -> tuple[Real, Real]:
    spread = values.std(0)
    return values.mean(0), np.where(spread > 0, spread, 1.0)


def _ranks(values: Real) -> Real:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), np.float64)


def _column(rows: Sequence[Mapping[str, Any]], side: str, name: str) -> Real:
    found = [row[side].get(name) for row in rows]
    return np.array([math.nan if value is None else value for value in found], float)


def _filled(rows: Sequence[Mapping[str, Any]], side: str, name: str) -> Real:
    """Return a measure; the mean pause of speech without pauses is 0."""
    values = _column(rows, side, name)
    if name == "mean_pause_s":
        values = np.where(
            np.isnan(values) & (_column(rows, side, "pause_rate_per_s") == 0), 0, values
        )
    return values


def _mean(values: Real, owners: Sequence[str], draws: Draws) -> list[float | None] | None:
    if not len(values):
        return None
    if len(set(owners)) < 2:  # an interval over speakers needs two
        return [float(values.mean()), None, None]
    return list(mean_with_interval(values, owners, draws))


def _listed(found: tuple[float, float, float] | None) -> list[float] | None:
    return None if found is None else list(found)
