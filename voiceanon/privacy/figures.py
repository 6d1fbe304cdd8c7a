"""The figures of one attack: every configuration is tried, the one that recognises best counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.keys import Draws, derive
from voiceanon.privacy.attack import Named, Verifier
from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.metrics import (
    Trials,
    calibrate_linear,
    cllr,
    cllr_min,
    d_sys,
    det_points,
    eer,
    eer_hull,
    eer_with_interval,
    linkability,
    rank1,
    tpr_at_fpr,
    worst_speakers,
    zebra,
)
from voiceanon.privacy.trials import (
    POOLINGS,
    Pooling,
    Sides,
    matrices,
    pooled_trials,
    speaker_names,
    split_sides,
)
from voiceanon.privacy.variants import EVALUATION_SECRET
from voiceanon.privacy.workers import Workers

__all__ = ["Protocol", "attack_figures"]

Real = npt.NDArray[np.float64]

AMONG = (2, 20)
FALSE_ACCEPTS = (0.001, 0.01)
_RESAMPLES = 200


@dataclass(frozen=True)
class Protocol:
    """The splits that every variant and attacker is measured on.

    Parameters
    ----------
    recordings : tuple of Recording
        The measured corpus.
    trial_list : tuple of (str, str, bool)
        Its own list of trials, if it has one.
    """

    recordings: tuple[Recording, ...]
    trial_list: tuple[tuple[str, str, bool], ...] = ()

    @property
    def sex(self) -> list[str]:
        """By speaker: F, M or nothing."""
        by_name = {recording.speaker: recording.sex for recording in self.recordings}
        return [by_name[name] for name in speaker_names(self.recordings)]

    def sides(self) -> dict[Pooling, list[Sides]]:
        """Return the splits of every pooling that the corpus is large enough for."""
        secret = derive(EVALUATION_SECRET, "splits")
        found = {}
        for pooling in POOLINGS:
            draws = Draws(secret, pooling.name)
            drawn = split_sides(self.recordings, pooling, draws, self.trial_list)
            if drawn is not None:
                found[pooling] = drawn
        return found


@dataclass(frozen=True)
class _Job:
    """What a process needs to turn one attack's scores into figures."""

    trials: Trials
    names: tuple[str, ...]
    gender: str
    scores: tuple[Real, ...] = ()
    owners: tuple[npt.NDArray[np.int64], ...] = ()


def attack_figures(
    attacker: Named,
    verifiers: dict[str, Verifier],
    protocol: Protocol,
    drawn: dict[Pooling, list[Sides]],
    pool: Workers,
    what: str,
) -> list[dict[str, Any]]:
    """Return one row of figures a pooling and gender rule; see the schema in `evaluation`.

    Parameters
    ----------
    attacker : Named
        Whose verifiers they are.
    verifiers : dict of str to Verifier
        By configuration.
    protocol : Protocol
        The corpus.
    drawn : dict of Pooling to list of Sides
        What `Protocol.sides` returned.
    pool : Workers
        Who computes the intervals.
    what : str
        For the progress bar.
    """
    rows, jobs = [], []
    sexes = {"all": None, "same": protocol.sex}
    names = tuple(speaker_names(protocol.recordings))
    for pooling, sides in drawn.items():
        best: dict[str, tuple[float, str, Trials, list[Real]]] = {}
        for name, verifier in verifiers.items():
            scores = matrices(verifier, sides)
            for gender, sex in sexes.items():
                trials = pooled_trials(scores, sides, sex)
                if trials is None:
                    continue
                value = eer(trials.scores, trials.targets)
                if gender not in best or value < best[gender][0]:
                    best[gender] = (value, name, trials, scores)
        for gender, (_, name, trials, scores) in best.items():
            rows.append(
                {
                    "attacker": attacker.name,
                    "configuration": name,
                    "configurations_tried": len(verifiers),
                    "sides": attacker.sides,
                    "knowledge": attacker.knowledge,
                    "pooling": pooling.name,
                    "gender": gender,
                    "enrol_utterances": float(np.mean([s.enrol.sum(1).mean() for s in sides])),
                    "trial_utterances": float(np.mean([s.trial.sum(1).mean() for s in sides])),
                }
            )
            linked = gender == "all" and _one_enrolment_each(sides)
            jobs.append(
                _Job(
                    trials,
                    names,
                    gender,
                    tuple(scores) if linked else (),
                    tuple(_own_columns(side) for side in sides) if linked else (),
                )
            )
    found = pool.map(what, _figures, jobs)
    return [row | figures for row, figures in zip(rows, found, strict=True)]


def _one_enrolment_each(sides: Sequence[Sides]) -> bool:
    return all(
        s.listed is None and len(np.unique(s.enrol_speaker)) == len(s.enrol_speaker) for s in sides
    )


def _own_columns(side: Sides) -> npt.NDArray[np.int64]:
    """For each trial the enrolment of its own speaker, −1 if there is none."""
    place = {speaker: column for column, speaker in enumerate(side.enrol_speaker)}
    return np.array([place.get(speaker, -1) for speaker in side.trial_speaker])


def _figures(job: _Job) -> dict[str, Any]:
    trials = job.trials
    scores, targets = trials.scores, trials.targets
    draws = Draws(derive(EVALUATION_SECRET, "bootstrap"), "eer")
    value, low, high = eer_with_interval(trials, draws, resamples=_RESAMPLES)
    bits, worst, category = zebra(scores, targets)
    slope, offset = calibrate_linear(scores, targets)
    found: dict[str, Any] = {
        "trials": len(scores),
        "targets": int(targets.sum()),
        "eer_percent": [100 * value, 100 * low, 100 * high],
        "eer_hull_percent": 100 * eer_hull(scores, targets),
        # The line is fitted on these very trials: how the scores are scaled costs nothing.
        "cllr": cllr(slope * scores + offset, targets),
        "cllr_min": cllr_min(scores, targets),
        "d_sys": d_sys(scores, targets),
        "zebra": {"expected_bits": bits, "worst_log10_lr": worst, "category": category},
        "tpr_percent_at_fpr": {
            f"{fpr:g}": 100 * tpr_at_fpr(scores, targets, fpr) for fpr in FALSE_ACCEPTS
        },
        "worst_speakers": [
            {"speaker": job.names[index], "eer_percent": 100 * eer}
            for index, eer in worst_speakers(trials, 5)
        ],
    }
    found["worst_speaker"] = found["worst_speakers"][0] if found["worst_speakers"] else None
    if job.gender == "all":
        found["det"] = [[float(a), float(r)] for a, r in det_points(scores, targets)]
    if job.scores:
        found |= _linked(job)
    return found


def _linked(job: _Job) -> dict[str, Any]:
    """Rank 1 and linkability, averaged over the splits."""
    people = min(matrix.shape[1] for matrix in job.scores)
    sizes = sorted({n for n in (*AMONG, people) if n <= people})
    linked: dict[str, list[float]] = {str(n): [] for n in sizes}
    first = []
    for matrix, own in zip(job.scores, job.owners, strict=True):
        kept = own >= 0
        first.append(rank1(matrix[kept], own[kept]))
        for n in sizes:
            linked[str(n)].append(linkability(matrix[kept], own[kept], n))
    return {
        "rank1": float(np.mean(first)),
        "linkability": {n: float(np.mean(values)) for n, values in linked.items()},
    }
