"""Tables of a small bottleneck whose weights are drawn, for tests."""

from __future__ import annotations

import numpy as np

from voiceanon.keys import Draws
from voiceanon.privacy.drawing import normal

VALUES = 25
ROW = 4 * (VALUES + 1)
LEVELS = (3, 5, 7)
ENCODER = ((1, 1), (2, 0), (3, 1))
DECODER = ((2, 1), (1, 0))
ENCODER_SIZES, DECODER_SIZES = (ROW, 20, len(LEVELS) + 1), (len(LEVELS) + 2 + 2, 12, ROW)


def counts(sizes: tuple[int, int, int], blocks: tuple) -> list[tuple[int, int]]:
    """Inputs and outputs of every layer, in the order their weights lie in."""
    inputs, channels, outputs = sizes
    inner = [(3 * channels, channels), (channels, channels)] * len(blocks)
    return [(3 * inputs, channels), *inner, (channels, outputs)]


def random_tables(seed: str = "tables", *, pauses: bool = True) -> dict[str, np.ndarray]:
    """Drawn tables, with an encoder that takes many frames for pauses, or none."""
    draws = Draws(bytes(32), seed)
    found = {
        "levels": np.array(LEVELS),
        "input_mean": normal(draws, VALUES),
        "input_scale": np.abs(normal(draws, VALUES)) + 3.0,
    }
    for name, sizes, blocks in (
        ("encoder", ENCODER_SIZES, ENCODER),
        ("decoder", DECODER_SIZES, DECODER),
    ):
        layers = counts(sizes, blocks)
        weights = [normal(draws, i * o) * (1.5 / i) ** 0.5 for i, o in layers]
        if name == "encoder":
            weights[-1] = 0.15 * weights[-1]  # within the quantiser's range
        found[f"{name}_sizes"] = np.array(sizes)
        found[f"{name}_blocks"] = np.array(blocks)
        found[f"{name}_weights"] = np.concatenate(weights).astype(np.float16)
        found[f"{name}_biases"] = 0.1 * normal(draws, sum(o for _, o in layers))
    if not pauses:
        found["encoder_biases"][-1] = -1e3
    return found
