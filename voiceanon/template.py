"""The shipped tables: the template that every voice is mapped to, and how voices differ."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon import _engine
from voiceanon.warping import analysis_basis

__all__ = ["ANALYSIS_ORDER", "TEMPLATE_RATE_HZ", "basis", "engine_model", "tables", "whole_removal"]

TEMPLATE_RATE_HZ = 16_000
# Quefrencies up to 12.5 ms: all that the warped values can hold.
ANALYSIS_ORDER = 199
_PATH = Path(__file__).parent / "models" / "template.npz"


@cache
def tables() -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of ``models/template.npz`` by name; see ``models/template.md``."""
    with np.load(_PATH, allow_pickle=False) as archive:
        return {name: np.ascontiguousarray(archive[name]) for name in archive.files}


@cache
def engine_model() -> _engine.TemplateModel:
    """Return the template in the form the core takes."""
    return make_engine_model(tables())


@cache
def basis() -> npt.NDArray[np.float32]:
    """Return the matrix from a cepstrum to the template's values."""
    return analysis_basis(ANALYSIS_ORDER, tables()["mean"].shape[1])


def whole_removal(state: npt.NDArray[np.float64] | None) -> _engine.SpeakerRemoval:
    """Return a removal that takes the speaker out and keeps all detail: what a bottleneck hears.

    Mean and deviation of pitch are the recording's alone: a mean that leans to the template's would
    leave low voices below it and high ones above, which tells sex.

    Parameters
    ----------
    state : ndarray of float64, optional
        Of a profile; without it the removal adapts.
    """
    return _engine.SpeakerRemoval(
        engine_model(),
        state,
        residual=1.0,
        pitch_prior_frames=0.0,
        pitch_levels=0,
        detail_order=0,
        value_step=0.0,
    )


def make_engine_model(arrays: dict[str, npt.NDArray[Any]]) -> _engine.TemplateModel:
    """Return the core's form of template tables."""
    model = _engine.TemplateModel(
        warp=arrays["warp"],
        warp_log_det=arrays["warp_log_det"],
        mean=arrays["mean"],
        deviation=arrays["deviation"],
        aperiodicity=arrays["aperiodicity"],
        log_f0_mean=float(arrays["log_f0"][0]),
        log_f0_deviation=float(arrays["log_f0"][1]),
    )
    for kind, name in enumerate(("voiced", "unvoiced")):
        model.set_mixture(
            kind,
            weight=arrays[f"{name}_weight"],
            mean=arrays[f"{name}_mean"],
            variance=arrays[f"{name}_variance"],
        )
    return model
