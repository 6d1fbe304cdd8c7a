"""The picture of one bundled recording before and after: spectrograms, pitch, and what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from figure_style import WIDTH_IN, save, styled

from voiceanon import Abstraction, Anonymizer, abstract
from voiceanon.report.description_plot import draw_units
from voiceanon.report.spectrogram import (
    AFTER_COLOUR,
    BEFORE_COLOUR,
    draw_pitch,
    draw_spectrogram,
    pitch_of,
)

RECORDING = Path(__file__).resolve().parents[1] / "voiceanon" / "samples" / "4446-2275-0021.flac"
SECRET = bytes(32)  # the same voices every time
_DPI = 150
_GREYS = 40
_UNIT_COLOURS = ("#00224E", "#7D7C78", "#FEE838")  # of cividis: a digit's three levels


def sounds() -> tuple[dict[str, Any], Abstraction, int]:
    """Return the recording, its outputs by recipe, its description and its rate."""
    samples, rate = soundfile.read(RECORDING, dtype="float32")
    made = {"recording": samples}
    for recipe in ("template", "bottleneck"):
        made[recipe] = Anonymizer(recipe, SECRET)(samples, rate, recording="figure")
    return made, abstract(samples, rate, SECRET, recipe="bottleneck", recording="figure"), rate


def numbers(made: dict[str, Any], described: Abstraction, rate: int) -> dict[str, Any]:
    """Return what the picture shows, in few numbers."""
    told: dict[str, Any] = {"recording": RECORDING.stem, "frames": described.frames}
    told["bits_per_second"] = round(described.bits_per_second, 1)
    for name, samples in made.items():
        told[f"median_f0_hz_{name}"] = round(float(np.nanmedian(pitch_of(samples, rate))), 1)
    return told


def draw(path: Path) -> None:
    """Write the picture as PNG."""
    made, described, rate = sounds()
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH_IN, 7.6), dpi=_DPI, layout="constrained")
        all_axes = figure.subplots(4, 1, sharex=True, height_ratios=[3, 3, 3, 1.5])
        f0_hz = pitch_of(made["recording"], rate)
        titles = ("Recording", "template speaks", "bottleneck speaks")
        for axes, title, samples in zip(all_axes[:3], titles, made.values(), strict=True):
            draw_spectrogram(axes, samples, rate)
            draw_pitch(axes, f0_hz, BEFORE_COLOUR, "", "-" if samples is made["recording"] else ":")
            if samples is not made["recording"]:
                draw_pitch(axes, pitch_of(samples, rate), AFTER_COLOUR, "")
            axes.set_title(title)
            axes.set_ylabel("Hz")
        _say(all_axes[0], "its pitch", BEFORE_COLOUR)
        _say(all_axes[1], "pitch of the pseudo-voice", AFTER_COLOUR)
        draw_units(all_axes[3], described, described.frames)
        all_axes[3].set_title("Kept by bottleneck: six digits every 20 ms")
        all_axes[3].set_ylabel("")
        all_axes[3].set_yticks([])
        all_axes[3].set_xlabel("seconds")
        all_axes[3].set_xlim(0, len(made["recording"]) / rate)
        save(figure, path, numbers(made, described, rate))
    _shrink(path)


def _say(axes: Any, text: str, colour: str) -> None:
    axes.set_title(text, loc="right", color=colour, fontsize=9.5, fontweight="normal")


def _shrink(path: Path) -> None:
    """Keep greys and what the lines mix with them: the file becomes a third."""
    from PIL import Image, PngImagePlugin

    palette = [[grey] * 3 for grey in np.linspace(0, 255, _GREYS).astype(int)]
    for colour in (BEFORE_COLOUR, AFTER_COLOUR, *_UNIT_COLOURS):
        pure = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
        palette += [(255 - share * (255 - pure)).astype(int) for share in (1, 0.7, 0.4, 0.2)]
    with Image.new("P", (1, 1)) as colours, Image.open(path) as picture:
        colours.putpalette(np.concatenate(palette).tolist())
        told = PngImagePlugin.PngInfo()
        told.add_text("Description", picture.info["Description"])
        few = picture.convert("RGB").quantize(palette=colours, dither=Image.Dither.NONE)
    few.save(path, optimize=True, pnginfo=told)
