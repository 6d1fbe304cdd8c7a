"""How often a clone made from anonymised speech passes for the person who was anonymised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError
from voiceanon.keys import Draws
from voiceanon.privacy.attack import Evidence, SpeakerModel
from voiceanon.privacy.backends import unit
from voiceanon.privacy.clone_making import (
    Clones,
    CloneSettings,
    clone_sides,
    heard_clones,
    sources,
)
from voiceanon.privacy.content import ContentEncoder
from voiceanon.privacy.metrics import eer, mean_with_interval
from voiceanon.privacy.parameter_search import common_guess
from voiceanon.privacy.trials import Sides
from voiceanon.privacy.undoing import Undoing

__all__ = ["TOO_WEAK_PERCENT", "clone_result", "equal_error_threshold"]

Real = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

# Where clones of raw speech pass less often than this, a low share says nothing about the recipe.
TOO_WEAK_PERCENT = 50.0


def clone_result(
    evidence: Evidence,
    models: Sequence[SpeakerModel],
    encoder: ContentEncoder,
    settings: CloneSettings | None = None,
) -> dict[str, Any]:
    """Clone every speaker from anonymised and from raw speech; return how many clones pass.

    Parameters
    ----------
    evidence : Evidence
        Training speech is what clones say; where there is none, other people of the corpus say it.
    models : sequence of SpeakerModel
        Judges, the first of which gives the figure. None of them drives the conversion.
    encoder : ContentEncoder
        Drives the conversion.
    settings : CloneSettings, optional
        How many, of how much.

    Returns
    -------
    dict
        ``accepted_percent`` and ``accepted_of_raw_reference_percent`` as (value, low, high), 95 %
        over speakers. The first is the larger of ``accepted_as_they_are_percent``, of references
        as they are, and ``accepted_when_restored_percent``, of references turned back by the guess
        ``restored`` (None where nothing seems to be there to turn back).
        ``accepted_of_sources_percent``, the same for what was said before it was
        converted (a control); ``threshold`` and ``eer_of_raw_speech_percent`` that it belongs to;
        ``clones``, ``speakers``, ``reference_s`` (median), ``content``, ``judge``; ``by_judge``,
        the first two for every model; and ``note``, None or a sentence if the attack is too weak.

    Raises
    ------
    InputError
        If there is no judge, or the corpus cannot be split into enrolment and references.

    Notes
    -----
    A clone is compared with the average of the person's original recordings on the enrolment side;
    references are the other side's recordings. A clone passes if its cosine is above the threshold
    of equal error of single original recordings against the same averages.
    """
    if not models:
        raise InputError("clones need a speaker model to judge them")
    settings = settings or CloneSettings()
    side = clone_sides(evidence)
    if side is None:
        raise InputError("cloning needs two speakers with two recordings each")
    # Another model than the judge looks for what to undo, where there is another.
    guess = common_guess(evidence, models[-1])
    undo = None if guess == Undoing() else guess
    made = {
        "accepted_as_they_are_percent": heard_clones(evidence, "trial", models, encoder, settings),
        "accepted_of_raw_reference_percent": heard_clones(
            evidence, "original", models, encoder, settings
        ),
    }
    if undo is not None:
        made["accepted_when_restored_percent"] = heard_clones(
            evidence, "trial", models, encoder, settings, undo
        )
    said = sources(evidence, settings.per_speaker, settings.source_s)
    by_judge = {
        model.name: _judged(evidence, which, model, side, made, said)
        for which, model in enumerate(models)
    }
    result = dict(by_judge[models[0].name])
    clones = made["accepted_as_they_are_percent"]
    result |= {
        "restored": None if undo is None else undo.label,
        "clones": len(clones.speakers),
        "speakers": len(np.unique(clones.speakers)),
        "reference_s": round(float(np.median(clones.seconds)), 1),
        "content": encoder.name,
        "judge": models[0].name,
        "by_judge": {
            name: {
                key: found[key][0]
                for key in ("accepted_percent", "accepted_of_raw_reference_percent")
            }
            for name, found in by_judge.items()
        },
    }
    calibration = result["accepted_of_raw_reference_percent"][0]
    result["note"] = (
        f"only {calibration:.0f} % of clones made from raw speech pass: this conversion is too "
        "weak to say how well a recipe protects against cloning"
        if calibration < TOO_WEAK_PERCENT
        else None
    )
    return result


def equal_error_threshold(targets: Real, others: Real) -> float:
    """Return the threshold above which scores pass, where error rates of both kinds are closest.

    Where several serve, the lowest of them: it favours the attacker. It is one of the scores, the
    highest of `others` where the two kinds are apart.
    """
    thresholds = np.unique(np.concatenate([targets, others]))
    missed = np.searchsorted(np.sort(targets), thresholds, side="right") / len(targets)
    passed = 1 - np.searchsorted(np.sort(others), thresholds, side="right") / len(others)
    gap = np.abs(missed - passed)
    return float(thresholds[int(np.argmax(gap <= gap.min() + 1e-12))])


def _judged(
    evidence: Evidence,
    which: int,
    model: SpeakerModel,
    side: Sides,
    made: dict[str, Clones],
    said: Sequence[tuple[str, Float32]],
) -> dict[str, Any]:
    """Return the shares that one model accepts; `which` is its place among the judges."""
    original = unit(evidence.vectors("original", model))
    enrolled = unit(side.enrol @ original)
    tried = np.flatnonzero(side.trial.sum(0))
    owner = side.trial_speaker[side.trial[:, tried].argmax(0)]
    singles = original[tried] @ enrolled.T
    same = owner[:, None] == side.enrol_speaker
    threshold = equal_error_threshold(singles[same], singles[~same])
    place = {int(speaker): row for row, speaker in enumerate(side.enrol_speaker)}
    found: dict[str, Any] = {
        "threshold": threshold,
        "eer_of_raw_speech_percent": 100 * eer(singles.ravel(), same.ravel()),
    }
    for key, clones in made.items():
        goal = enrolled[[place[int(s)] for s in clones.speakers]]
        passed = (clones.vectors[which] * goal).sum(1) > threshold
        draws = Draws(evidence.seed, "cloning", key)
        found[key] = list(mean_with_interval(100.0 * passed, clones.speakers, draws))
    tried_ways = ("accepted_as_they_are_percent", "accepted_when_restored_percent")
    found["accepted_percent"] = max(found[key] for key in tried_ways if key in found)
    heard = unit(np.stack([model.embed(samples) for _, samples in said]))
    names = [evidence.recordings[int(row.argmax())].speaker for row in side.enrol]
    others = np.array([[name != speaker for name in names] for speaker, _ in said])
    found["accepted_of_sources_percent"] = float(
        100.0 * (heard @ enrolled.T > threshold)[others].mean()
    )
    return found
