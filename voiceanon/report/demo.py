"""Draws one recording before and after out of two files: the picture of `voiceanon demo`."""

from __future__ import annotations

from pathlib import Path

from voiceanon.formats import AudioReader
from voiceanon.report.spectrogram import LONGEST_S, before_after_plot

__all__ = ["draw_demo"]


def draw_demo(before: Path, after: Path, plot: Path, *, title: str) -> Path:
    """Draw the first channel of a recording and of its output into a PNG.

    Parameters
    ----------
    before, after : Path
        A recording, and what was made of it.
    plot : Path
        Where the picture goes; replaced if it is there.
    title : str
        Stands above it.

    Returns
    -------
    Path
        `plot`.

    Raises
    ------
    InputError
        If matplotlib is missing.
    RecordingError, DestinationError
        If a recording cannot be read or the plot cannot be written.
    """
    with AudioReader(before) as reader, AudioReader(after) as other:
        frames = min(reader.declared_frames, int(LONGEST_S * reader.rate))
        return before_after_plot(
            next(iter(reader.blocks(frames)))[0],
            next(iter(other.blocks(frames)))[0],
            reader.rate,
            plot,
            title=title,
        )
