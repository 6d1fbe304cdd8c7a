"""What descriptions say about a speaker who is not recognised: sex, age group, first language."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.keys import Draws
from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.descriptions.attacking import View
from voiceanon.privacy.metrics import speaker_bootstrap
from voiceanon.privacy.regression import fit_ridge

__all__ = ["ATTRIBUTES", "inferred"]

Real = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]

ATTRIBUTES = ("sex", "age_group", "first_language")
_LEAST = 2  # speakers of each kind, on either side


@dataclass(frozen=True)
class _Known:
    """Those recordings whose speakers are of a kind that is known and frequent enough."""

    rows: npt.NDArray[np.int64]
    kinds: Names
    speakers: Names


def inferred(
    attribute: str,
    views: Mapping[str, View],
    training: Sequence[Recording],
    measured: Sequence[Recording],
    draws: Draws,
) -> dict[str, Any] | str:
    """Return how well an attribute is told, or why that was not measured.

    A ridge regression on the kinds of the training speakers, each kind of equal weight; a
    recording is of the kind whose average prediction is nearest. A speaker's recordings are pooled
    by averaging predictions.

    Parameters
    ----------
    attribute : str
        One of `ATTRIBUTES`.
    views : mapping of str to pair of ndarray
        Vectors of training and measured recordings, by what they hold.
    training, measured : sequence of Recording
        Whose they are.
    draws : Draws
        Where resamples come from.

    Returns
    -------
    dict or str
        ``kinds``, ``chance``, and of each view in ``views`` the balanced accuracy (mean over kinds
        of the share told right, 0 to 1), ``single`` and ``pooled``, each (value, low, high) over
        speakers; ``single`` and ``pooled`` are those of the view that tells most.
    """
    kinds = _frequent(attribute, training) & _frequent(attribute, measured)
    if len(kinds) < 2:
        return f"fewer than two kinds of {attribute} have {_LEAST} speakers or more in both corpora"
    names = sorted(kinds)
    known, seen = (_of_kinds(attribute, part, names) for part in (training, measured))
    found: dict[str, dict[str, list[float | None]]] = {}
    for view, (taught, tried) in views.items():
        told = _predictions(taught[known.rows], known, tried[seen.rows], names)
        pooled = np.stack([told[seen.speakers == one].mean(0) for one in np.unique(seen.speakers)])
        first = [int(np.flatnonzero(seen.speakers == one)[0]) for one in np.unique(seen.speakers)]
        found[view] = {
            "single": _accuracy(told, seen.kinds, seen.speakers, names, draws),
            "pooled": _accuracy(pooled, seen.kinds[first], seen.speakers[first], names, draws),
        }
    return {
        "kinds": names,
        "chance": 1 / len(names),
        "recordings": len(seen.rows),
        "speakers": len(np.unique(seen.speakers)),
        **{
            pooling: max(
                (view[pooling] for view in found.values()), key=lambda figure: figure[0] or 0.0
            )
            for pooling in ("single", "pooled")
        },
        "views": found,
    }


def _frequent(attribute: str, recordings: Sequence[Recording]) -> set[str]:
    who: dict[str, set[str]] = {}
    for recording in recordings:
        who.setdefault(getattr(recording, attribute), set()).add(recording.speaker)
    return {kind for kind, speakers in who.items() if kind and len(speakers) >= _LEAST}


def _of_kinds(attribute: str, recordings: Sequence[Recording], names: Sequence[str]) -> _Known:
    kinds = np.array([getattr(recording, attribute) for recording in recordings])
    rows = np.flatnonzero(np.isin(kinds, names))
    return _Known(rows, kinds[rows], np.array([recordings[int(i)].speaker for i in rows]))


def _predictions(taught: Real, known: _Known, tried: Real, names: Sequence[str]) -> Real:
    """Return minus the squared distance of each prediction from every kind's average, (n, kinds).

    The averages are of predictions for speakers who were held out, so that frequent kinds are not
    preferred.
    """
    wanted = (known.kinds[:, None] == np.array(names)).astype(np.float64)
    ridge = fit_ridge(taught, wanted, known.speakers)
    middles = np.stack([ridge.held_out[known.kinds == name].mean(0) for name in names])
    apart = ridge(tried)[:, None] - middles
    return -np.asarray((apart**2).sum(2))


def _accuracy(
    told: Real, kinds: Names, speakers: Names, names: Sequence[str], draws: Draws
) -> list[float | None]:
    """Return the balanced accuracy and its interval over speakers."""
    right = np.array(names)[told.argmax(1)] == kinds
    own = (kinds[:, None] == np.array(names)).astype(np.float64)

    def balanced(sums: Real) -> float:
        hits, counts = np.split(sums, 2)
        return float((hits / counts).mean()) if counts.all() else float("nan")

    rows = np.hstack([own * right[:, None], own])
    # Few speakers of a kind may be missing from every resample: then there is no interval.
    figures = speaker_bootstrap(rows, speakers, balanced, draws)
    return [figure if math.isfinite(figure) else None for figure in figures]
