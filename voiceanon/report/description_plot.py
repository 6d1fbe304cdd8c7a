"""Draws what a description holds: units, level and pitch over time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from voiceanon.abstraction import Abstraction
from voiceanon.bottleneck import FRAME_S
from voiceanon.report.picture import check_name, new_figure, save_figure
from voiceanon.report.spectrogram import LONGEST_S

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["description_plot", "draw_units"]

_WIDTH_IN, _HEIGHT_IN = 9.0, 5.4
_PAUSE = -8  # steps of level; a pause and silence have no unit


def description_plot(described: Abstraction, path: str | os.PathLike[str]) -> Path:
    """Draw the first 15 s of a description into a PNG.

    Parameters
    ----------
    described : Abstraction
        What is drawn.
    path : path
        A file name that ends in ``.png``, in an existing folder; replaced if it is there.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        If the name is another, or matplotlib is missing.
    DestinationError
        If the file cannot be written.
    """
    check_name(path)
    figure = new_figure(_WIDTH_IN, _HEIGHT_IN)
    axes = figure.subplots(3, 1, sharex=True, height_ratios=[3, 1.4, 1.4])
    count = min(described.frames, round(LONGEST_S / FRAME_S))
    end_s = max(count, 1) * FRAME_S
    edges_s = FRAME_S * np.arange(count + 1)
    speaks = described.energy[:count] > _PAUSE
    draw_units(axes[0], described, count)
    level_db = np.where(speaks, 6.0 * described.energy[:count], np.nan)
    axes[1].stairs(level_db, edges_s, baseline=None)
    axes[1].set_ylabel("level, dB")
    axes[1].set_ylim(-42, 18)
    pitch = np.where(described.voiced[:count], described.pitch[:count], np.nan)
    axes[2].stairs(pitch, edges_s, baseline=None)
    highest = described.pitch_levels // 2
    axes[2].set_ylabel("step of pitch" if highest else "voiced")
    if not highest:
        axes[2].set_yticks([])  # no melody is kept
    axes[2].set_ylim(-highest - 0.5, highest + 0.5)
    axes[2].set_xlabel("time, s")
    axes[2].set_xlim(0, end_s)
    axes[0].set_title(
        f"{described.duration_s:.1f} s in {described.bits_per_second:.0f} bit/s; "
        "gaps are pauses and unvoiced sounds"
    )
    return save_figure(figure, path)


def draw_units(axes: Axes, described: Abstraction, count: int) -> None:
    """Draw the digits of the first `count` frames' units, one row each; pauses stay empty."""
    speaks = described.energy[:count] > _PAUSE
    units = np.ma.masked_array(
        described.units[:count].T, np.broadcast_to(~speaks, (described.units.shape[1], count))
    )
    digits, end_s = units.shape[0], max(count, 1) * FRAME_S
    axes.imshow(
        units, aspect="auto", interpolation="nearest", cmap="cividis", extent=(0, end_s, digits, 0)
    )
    axes.set_yticks(np.arange(digits) + 0.5, [str(k + 1) for k in range(digits)])
    axes.set_ylabel("digit of the unit")
