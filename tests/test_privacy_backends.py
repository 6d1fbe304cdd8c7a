"""LDA and PLDA find what holds speakers, and agree with the definitions."""

import itertools
import math

import numpy as np
import pytest

from voiceanon.errors import InputError
from voiceanon.privacy.backends import (
    Cosine,
    LdaCosine,
    Pooled,
    PooledVerifier,
    Scatter,
    TwoCovariance,
    trained_backends,
)
from voiceanon.privacy.metrics import eer


def speaker_cloud(
    seed: int, spread: tuple[float, ...] = (2.0, 1.0, 0.0, 0.0), people: int = 60
) -> tuple[np.ndarray, np.ndarray]:
    """Ten vectors a speaker: unit noise around centres that lie `spread` apart per dimension."""
    generator = np.random.default_rng(seed)
    speakers = np.arange(people).repeat(10)
    centres = generator.normal(size=(people, len(spread))) * np.array(spread)
    return centres[speakers] + generator.normal(size=(len(speakers), len(spread))), speakers


def test_scatter_finds_the_directions_that_hold_speakers() -> None:
    people = 600
    vectors, speakers = speaker_cloud(4, people=people)
    scatter = Scatter(vectors, speakers, shrinkage=0.0)
    # Within the variance is 1; between it was drawn as 4, 1, 0 and 0.
    assert scatter.between[:2] == pytest.approx([4.0, 1.0], rel=0.15)
    assert scatter.between[2:] == pytest.approx([0.0, 0.0], abs=0.1)
    projected = scatter.project(vectors, None)
    centres = np.array([projected[speakers == s].mean(0) for s in range(people)])
    apart = projected - centres[speakers]
    assert apart.T @ apart / (9 * people) == pytest.approx(np.eye(4), abs=1e-6)


def test_plda_ratio_agrees_with_joint_normal_densities() -> None:
    vectors, speakers = speaker_cloud(5)
    plda = TwoCovariance(Scatter(vectors, speakers, shrinkage=0.0))
    shown = plda.prepare(vectors[:5])
    enrol_count, trial_count = np.array([1.0, 6.0]), np.array([1.0, 3.0, 2.0])
    scores = plda.scores(Pooled(shown[:2], enrol_count), Pooled(shown[2:], trial_count))

    def density(x: np.ndarray, covariance: np.ndarray) -> float:
        inverse, size = np.linalg.inv(covariance), len(x)
        root = math.sqrt((2 * math.pi) ** size * np.linalg.det(covariance))
        return float(-0.5 * x @ inverse @ x - math.log(root))

    for t, e in itertools.product(range(3), range(2)):
        expected = 0.0
        for k, b in enumerate(plda.between):
            p, q = b + 1 / enrol_count[e], b + 1 / trial_count[t]
            pair = np.array([shown[e, k], shown[2 + t, k]])
            expected += density(pair, np.array([[p, b], [b, q]]))
            expected -= density(pair, np.diag([p, q]))
        assert scores[t, e] == pytest.approx(expected)


def test_a_trained_attacker_recognises_new_speakers_only_where_there_is_something() -> None:
    spread = (4.0, 4.0, 4.0, 0.0)
    vectors, speakers = speaker_cloud(6, spread)
    shown, owners = speaker_cloud(7, spread)
    mixed = np.random.default_rng(8).permutation(len(shown))
    attacker = LdaCosine(Scatter(vectors, speakers, 0.1), 3)
    one, others = np.ones(len(shown)), ~np.eye(len(shown), dtype=bool)
    values = []
    for order in (np.arange(len(shown)), mixed):
        ready = Pooled(attacker.prepare(shown[order]), one)
        scores = attacker.scores(ready, ready)
        values.append(eer(scores[others], (owners[:, None] == owners)[others]))
    assert values[0] < 0.2
    assert values[1] == pytest.approx(0.5, abs=0.03)


def test_pooling_averages_what_a_group_holds() -> None:
    vectors = np.random.default_rng(1).normal(size=(6, 4))
    ready = Cosine().prepare(vectors)
    verifier = PooledVerifier(Cosine(), ready, ready)
    enrol = np.array([[1.0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]])
    trial = np.array([[0.0, 0, 0, 1, 1, 1]])
    first, second = ready[:2].mean(0), ready[2]
    tried = ready[3:].mean(0)
    expected = [
        first @ tried / np.linalg.norm(first) / np.linalg.norm(tried),
        second @ tried / np.linalg.norm(tried),
    ]
    assert verifier.scores(enrol, trial)[0] == pytest.approx(expected)


def test_too_little_training_is_refused() -> None:
    vectors = np.eye(4)
    with pytest.raises(InputError, match="three speakers"):
        Scatter(vectors, np.array(["a", "a", "b", "b"]), 0.1)
    with pytest.raises(InputError, match="at most 1 recordings"):
        Scatter(vectors, np.array(["a", "b", "c", "d"]), 0.1)


def test_every_backend_gives_finite_scores_where_a_column_never_varies() -> None:
    vectors, speakers = speaker_cloud(9)
    vectors[:, 3] = 7.0
    for name, backend in trained_backends(vectors, speakers.astype(str), vectors[:50]).items():
        ready = Pooled(backend.prepare(vectors[:50]), np.ones(50))
        assert np.isfinite(backend.scores(ready, ready)).all(), name
