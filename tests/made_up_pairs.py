"""Pairs of a recording and its output that hold what a test says, and no sound."""

from types import SimpleNamespace
from typing import Any

import numpy as np


def timing(**changes: Any) -> SimpleNamespace:
    usual = {"lag_s": -0.01, "agreement": 0.9, "longest_lost_s": 0.1, "longest_added_s": 0.2}
    usual |= {"lost_s": 0.5, "added_s": 1.0, "pauses_kept": 0.8, "pauses": 5}
    return SimpleNamespace(**{**usual, **changes})


def delivery(**changes: Any) -> SimpleNamespace:
    usual = {"f0_contour": 0.7, "energy_contour": 0.8, "voicing_agreement": 0.75}
    return SimpleNamespace(**{**usual, "judged_by": "tracker", **changes})


def pair(seconds: float = 10.0, sounds_s: float = 8.0, **changes: Any) -> Any:
    usual = {
        "original": np.ones(round(seconds * 16_000), np.float32),
        "anonymized": np.ones(round(seconds * 16_000), np.float32),
        "before": SimpleNamespace(phones="before", level=None),
        "after": SimpleNamespace(phones="after", level="of the output"),
        "timing": timing(),
        "delivery": delivery(),
        "sounds_s": sounds_s,
        "length_difference": 0,
    }
    return SimpleNamespace(**{**usual, **changes})
