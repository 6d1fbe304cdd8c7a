"""How well speakers are recognised again after anonymisation, by attackers from weak to strong.

Protocol: each speaker's utterances are split into enrolment and trial, by chapter where there are
several, in `SPLITS` drawn ways whose scores are judged together. Both sides are pooled (the mean
over utterances) as `POOLINGS` says. The least EER over all attackers is the headline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from quality_attackers import Attacker, Cosine, Pooled, Sum, trained_attackers
from quality_metrics import (
    Trials,
    eer,
    eer_with_interval,
    linkability,
    minimum_cllr,
)
from quality_sets import Item, split_speaker

SPLITS = 10
SPLITS_OF_SINGLES = 3  # each holds 36 pairs a speaker
POOLINGS = {"1-1": (1, 1), "all-1": (0, 1), "3-3": (3, 3), "all-all": (0, 0)}  # 0: all of a side


@dataclass(frozen=True)
class Sides:
    """Which utterances are pooled on each side of one split: rows of averaging weights."""

    enrol: np.ndarray  # (enrolments, utterances)
    enrol_speaker: np.ndarray
    trial: np.ndarray
    trial_speaker: np.ndarray


def _groups(at: np.ndarray, size: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Cut one speaker's utterances on one side into whole groups of `size` (0: one group)."""
    if size == 0 or len(at) <= size:
        return [at]
    order = generator.permutation(at)
    return [order[i : i + size] for i in range(0, len(at) - size + 1, size)]


def split_sides(items: list[Item], pooling: str, splits: int = SPLITS) -> list[Sides]:
    """Return the enrolment and trial groups of each drawn split, the same for every variant."""
    names = sorted({item.speaker for item in items})
    owner = np.array([names.index(item.speaker) for item in items])
    sizes = POOLINGS[pooling]
    drawn = []
    for number in range(splits):
        generator = np.random.default_rng([20, number])
        rows: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        speakers: tuple[list[int], list[int]] = ([], [])
        for speaker in range(len(names)):
            at = np.flatnonzero(owner == speaker)
            mask = split_speaker([items[i].chapter for i in at], generator)
            for side, chosen in enumerate((at[mask], at[~mask])):
                for group in _groups(chosen, sizes[side], generator):
                    row = np.zeros(len(items))
                    row[group] = 1.0
                    rows[side].append(row)
                    speakers[side].append(speaker)
        drawn.append(
            Sides(
                np.array(rows[0]), np.array(speakers[0]), np.array(rows[1]), np.array(speakers[1])
            )
        )
    return drawn


def _pooled(rows: np.ndarray, vectors: np.ndarray) -> Pooled:
    counts = rows.sum(1)
    return Pooled(rows @ vectors / counts[:, None], counts)


def _matrices(
    attacker: Attacker, enrol: np.ndarray, trial: np.ndarray, sides: list[Sides]
) -> list[np.ndarray]:
    """Return the scores, (trials, enrolments), of every split; vectors are prepared ones."""
    result = []
    for side in sides:
        result.append(attacker.scores(_pooled(side.enrol, enrol), _pooled(side.trial, trial)))
    return result


def _trials(matrices: list[np.ndarray], sides: list[Sides], female: np.ndarray | None) -> Trials:
    """Flatten all splits; with `female` (by speaker) given, keep only same-gender pairs."""
    scores, enrol, trial = [], [], []
    for matrix, side in zip(matrices, sides, strict=True):
        shape = matrix.shape
        scores.append(matrix.ravel())
        enrol.append(np.broadcast_to(side.enrol_speaker, shape).ravel())
        trial.append(np.broadcast_to(side.trial_speaker[:, None], shape).ravel())
    flat = np.concatenate(scores), np.concatenate(enrol), np.concatenate(trial)
    if female is not None:
        kept = female[flat[1]] == female[flat[2]]
        flat = flat[0][kept], flat[1][kept], flat[2][kept]
    return Trials(*flat)


def attack_families(
    heard: dict[str, np.ndarray],
    training: list[Item],
    learned: dict[str, np.ndarray],
) -> dict[str, dict[str, tuple[Attacker, np.ndarray]]]:
    """Return attackers by family, each with the vectors it is shown."""
    speakers = np.array([item.speaker for item in training])
    families: dict[str, dict[str, tuple[Attacker, np.ndarray]]] = {
        "lazy": {"cosine": (Cosine(), heard["campplus"])}
    }
    for family, kinds in (
        ("semi", ("campplus",)),
        ("statistics", ("statistics",)),
        ("joined", ("campplus", "statistics")),
    ):
        known = np.hstack([learned[kind] for kind in kinds])
        shown = np.hstack([heard[kind] for kind in kinds])
        attackers = trained_attackers(known, speakers, shown)
        families[family] = {name: (attacker, shown) for name, attacker in attackers.items()}
    width = heard["campplus"].shape[1]
    for name in list(families["semi"]):
        if name.startswith("plda"):
            for weight in (0.2, 0.5, 1.0):
                first, second = families["semi"][name][0], families["statistics"][name][0]
                summed = Sum(first, second, width, weight)
                families["joined"][f"sum{weight:g}-{name}"] = (summed, shown)
    shown = heard["campplus"]
    families["semi"]["cosine+centred"] = (Cosine(), shown - shown.mean(0))
    return families


def privacy_result(
    items: list[Item],
    heard: dict[str, np.ndarray],
    original: dict[str, np.ndarray],
    training: list[Item],
    learned: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Return for each pooling and gender rule the least EER of each family, and the headline.

    EER in percent as (value, low, high), 95 % over speakers, for the attacker that was best.
    """
    names = sorted({item.speaker for item in items})
    sex = {item.speaker: item.sex for item in items}
    female = np.array([sex[name] == "F" for name in names])
    families = attack_families(heard, training, learned)
    ready = {
        family: {
            name: (attacker, attacker.prepare(shown)) for name, (attacker, shown) in of.items()
        }
        for family, of in families.items()
    }
    result: dict[str, Any] = {
        "speakers": len(names),
        "utterances": len(items),
        "training_speakers": len({item.speaker for item in training}),
        "training_recordings": len(training),
        "splits": SPLITS,
        "poolings": {},
    }
    for pooling in POOLINGS:
        sides = split_sides(items, pooling, SPLITS_OF_SINGLES if pooling == "1-1" else SPLITS)
        found: dict[str, dict[str, Any]] = {"all": {}, "same": {}}
        rules = {"all": None, "same": female}
        for family, attackers in ready.items():
            least = dict.fromkeys(rules, (2.0, "", Trials(np.empty(0), np.empty(0), np.empty(0))))
            linked: dict[str, float] = {}
            for name, (attacker, vectors) in attackers.items():
                matrices = _matrices(attacker, vectors, vectors, sides)
                for gender, rule in rules.items():
                    trials = _trials(matrices, sides, rule)
                    value = eer(trials.scores, trials.targets)
                    if value < least[gender][0]:
                        least[gender] = (value, name, trials)
                        linked = _linked(matrices, sides) if gender == "all" else linked
            for gender, (_, name, trials) in least.items():
                found[gender][family] = _summary(trials, name)
            found["all"][family] |= linked
        enrol, trial = (Cosine().prepare(side["campplus"]) for side in (original, heard))
        matrices = _matrices(Cosine(), enrol, trial, sides)
        for gender, rule in rules.items():
            found[gender]["ignorant"] = _summary(_trials(matrices, sides, rule), "cosine")
        result["poolings"][pooling] = found
    result["worst"] = _worst(result["poolings"])
    return result


def _worst(poolings: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Return the attack of least EER; the ignorant one is reported but never a headline."""
    attacks = [
        {"pooling": pooling, "gender": gender, "family": family, **figures}
        for pooling, genders in poolings.items()
        for gender, families in genders.items()
        for family, figures in families.items()
        if family != "ignorant"
    ]
    return min(attacks, key=lambda attack: attack["eer"][0])


def _summary(trials: Trials, name: str) -> dict[str, Any]:
    figures = [100 * value for value in eer_with_interval(trials)]
    return {
        "eer": figures,
        "attacker": name,
        "cllr_min": minimum_cllr(trials.scores, trials.targets),
    }


def _linked(matrices: list[np.ndarray], sides: list[Sides]) -> dict[str, float]:
    """Linkability among 20 where one enrolment stands for each speaker, else nothing."""
    people = len(np.unique(sides[0].enrol_speaker))
    if sides[0].enrol.shape[0] != people:
        return {}
    values = [
        linkability(matrix, side.trial_speaker, people)
        for matrix, side in zip(matrices, sides, strict=True)
    ]
    return {"rank1": float(np.mean(values))}
