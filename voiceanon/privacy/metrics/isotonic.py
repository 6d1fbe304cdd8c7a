"""Pooling of adjacent violators: the best rising map from scores to the odds of a target.

Ayer et al. (1955). The blocks it finds are also the corners of the ROC's convex hull (Fawcett and
Niculescu-Mizil 2007), so hull EER, Cllr_min and ZEBRA rest on this one pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voiceanon.privacy.metrics.trials import Bools, Floats, Integers

__all__ = ["Blocks", "pool_adjacent_violators"]


@dataclass(frozen=True, eq=False)
class Blocks:
    """Scores pooled into blocks in which targets are ever more frequent.

    Attributes
    ----------
    targets, others : array of float, (blocks,)
        Weight of either kind in each block, from the lowest scores up.
    of_score : array of int, (n,)
        The block of each score.
    """

    targets: Floats
    others: Floats
    of_score: Integers


def pool_adjacent_violators(
    scores: Floats, targets: Bools, weights: Floats, *, laplace: bool = False
) -> Blocks:
    """Return the blocks; equal scores always share one.

    Parameters
    ----------
    scores : array of float, (n,)
        Checked.
    targets : array of bool, (n,)
        Checked.
    weights : array of float, (n,)
        0 or more.
    laplace : bool
        Add one target and one other below all scores, and again above them (Laplace's rule of
        succession): no block is then without either kind.
    """
    _, group = np.unique(scores, return_inverse=True)
    group = group.reshape(-1)  # some releases of numpy 2 keep another shape
    hits = np.bincount(group, weights=np.where(targets, weights, 0.0))
    misses = np.bincount(group, weights=np.where(targets, 0.0, weights))
    if laplace:
        hits, misses = (np.concatenate(([1.0], kind, [1.0])) for kind in (hits, misses))
        group = group + 1

    pooled_hits, pooled_misses, sizes = _pool(hits.tolist(), misses.tolist())
    block_of_group = np.repeat(np.arange(len(sizes)), sizes)
    return Blocks(np.array(pooled_hits), np.array(pooled_misses), block_of_group[group])


def _pool(hits: list[float], misses: list[float]) -> tuple[list[float], list[float], list[int]]:
    """Return weights of either kind and the number of groups of each block."""
    pooled_hits: list[float] = []
    pooled_misses: list[float] = []
    sizes: list[int] = []
    for group_hits, group_misses in zip(hits, misses, strict=True):
        hit, miss, size = group_hits, group_misses, 1
        # The odds of the block before must be below the odds here; products divide by no 0.
        while sizes and pooled_hits[-1] * miss >= hit * pooled_misses[-1]:
            hit += pooled_hits.pop()
            miss += pooled_misses.pop()
            size += sizes.pop()
        pooled_hits.append(hit)
        pooled_misses.append(miss)
        sizes.append(size)
    return pooled_hits, pooled_misses, sizes
