"""Scores with known answers, for every test of a figure of merit."""

from statistics import NormalDist

import numpy as np
from hypothesis import strategies as st

from voiceanon.keys import Draws


def gaussian_scores(d_prime: float, targets: int, others: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores at the quantiles of N(d', 1) and N(0, 1): no sampling noise."""
    normal = NormalDist()
    right = [normal.inv_cdf((i + 0.5) / targets) + d_prime for i in range(targets)]
    wrong = [normal.inv_cdf((i + 0.5) / others) for i in range(others)]
    return np.array(right + wrong), np.arange(targets + others) < targets


def drawn_scores(seed: int, count: int = 60, d_prime: float = 0.8, digits: int = 1):
    """Return noisy scores with many ties, and their targets."""
    generator = np.random.default_rng(seed)
    targets = generator.random(count) < 0.3
    targets[:2] = True, False
    return np.round(generator.normal(size=count) + d_prime * targets, digits), targets


def draws(*labels: str) -> Draws:
    return Draws(bytes(range(32)), "tests", *labels)


@st.composite
def scored_trials(draw, max_size: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Whole scores, so that ties abound and every rising map is exact, of both kinds."""
    kinds = [*draw(st.lists(st.booleans(), max_size=max_size)), True, False]
    scores = draw(st.lists(st.integers(-20, 20), min_size=len(kinds), max_size=len(kinds)))
    order = draw(st.permutations(range(len(kinds))))
    return np.array(scores, float), np.array(kinds)[list(order)]
