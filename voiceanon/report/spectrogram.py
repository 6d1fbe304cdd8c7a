"""Draws what anonymizing did to a recording: spectrograms one below the other, with their pitch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from voiceanon.audio import check_audio
from voiceanon.errors import InputError
from voiceanon.frames import analyze
from voiceanon.report.picture import check_name, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "AFTER_COLOUR",
    "BEFORE_COLOUR",
    "LONGEST_S",
    "before_after_plot",
    "draw_pitch",
    "draw_spectrogram",
    "pitch_of",
    "voices_plot",
]

# A page shows no more than this; longer recordings are drawn from their start.
LONGEST_S = 15.0
_MOST_VOICES = 6
_WINDOW_S = 0.032  # long enough to separate the harmonics of a low voice
_HOP_S = 0.005
_RANGE_DB = 60.0
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 8_000.0
_TICKS_HZ = (100, 200, 400, 1000, 2000, 4000, 8000)
_WIDTH_IN = 9.0
# Blue and vermilion (Okabe & Ito 2008) differ for every kind of colour vision, and in lightness.
BEFORE_COLOUR, AFTER_COLOUR = "#0072B2", "#D55E00"

Float32 = npt.NDArray[np.float32]


def before_after_plot(
    original: npt.NDArray[Any],
    anonymized: npt.NDArray[Any],
    rate: int,
    path: str | os.PathLike[str],
    *,
    title: str = "One sentence, before and after anonymizing",
) -> Path:
    """Draw a recording above its anonymized version, each with its pitch, into a PNG.

    Parameters
    ----------
    original, anonymized : ndarray of float32, float64 or int16, shape (n,) or (1, n)
        Two recordings of one length; their first 15 s are drawn.
    rate : int
        Samples a second of both, 8000 to 192000.
    path : path
        A file name that ends in ``.png``, in an existing folder; replaced if it is there.
    title : str
        Stands above the picture.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        If the samples, the rate or the name are not as described, or matplotlib is missing.
    DestinationError
        If the file cannot be written.

    Notes
    -----
    The picture shows the original: treat it like the recording. Darkness spans 60 dB below the
    loudest point of each panel; the axis of frequency is logarithmic. The pitch is that of
    `voiceanon.analyze`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> tone = 0.1 * np.sin(np.arange(8000) / 20)
    >>> with TemporaryDirectory() as folder:
    ...     before_after_plot(tone, tone, 16000, Path(folder) / "plot.png").stat().st_size > 0
    True
    """
    return _draw(
        [("Original", original), ("Anonymized", anonymized)], rate, path, title, compare=True
    )


def voices_plot(
    original: npt.NDArray[Any],
    voices: Sequence[npt.NDArray[Any]],
    rate: int,
    path: str | os.PathLike[str],
    *,
    title: str = "One sentence in several pseudo-voices",
) -> Path:
    """Draw a recording above several anonymized versions of it into a PNG.

    Parameters
    ----------
    original : ndarray of float32, float64 or int16, shape (n,) or (1, n)
        The recording.
    voices : sequence of ndarray
        1 to 6 anonymized versions of its length.
    rate, path, title
        As in `before_after_plot`.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError, DestinationError
        As `before_after_plot`; also if there are no voices or more than 6.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> tone = 0.1 * np.sin(np.arange(8000) / 20)
    >>> with TemporaryDirectory() as folder:
    ...     voices_plot(tone, [tone, tone], 16000, Path(folder) / "plot.png").stat().st_size > 0
    True
    """
    if not 1 <= len(voices) <= _MOST_VOICES:
        raise InputError(f"{len(voices)} voices were given: 1 to {_MOST_VOICES} can be drawn")
    named = [(f"Voice {number}", samples) for number, samples in enumerate(voices, 1)]
    return _draw([("Original", original), *named], rate, path, title, compare=False)


def _draw(
    panels: Sequence[tuple[str, npt.NDArray[Any]]],
    rate: int,
    path: str | os.PathLike[str],
    title: str,
    *,
    compare: bool,
) -> Path:
    check_name(path)
    shown = [(name, _start_of(samples, rate)) for name, samples in panels]
    lengths = {len(samples) for _, samples in shown}
    if len(lengths) > 1:
        raise InputError(f"recordings have {sorted(lengths)} samples: they must have one length")
    figure = new_figure(_WIDTH_IN, 0.9 + 2.0 * len(shown))
    all_axes = figure.subplots(len(shown), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    original_f0_hz = pitch_of(shown[0][1], rate)
    for axes, (name, samples) in zip(all_axes, shown, strict=True):
        draw_spectrogram(axes, samples, rate)
        is_original = axes is all_axes[0]
        if is_original:
            draw_pitch(axes, original_f0_hz, BEFORE_COLOUR, "pitch")
        else:
            if compare:
                draw_pitch(axes, original_f0_hz, BEFORE_COLOUR, "pitch of the original", ":")
            draw_pitch(axes, pitch_of(samples, rate), AFTER_COLOUR, "pitch")
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 0.99),
            ncols=2,
            fontsize=9,
            frameon=False,
            borderaxespad=0.2,
        )
        axes.set_title(name, loc="left", fontsize=11, fontweight="bold")
        axes.set_ylabel("Frequency (Hz)")
    all_axes[-1].set_xlabel("Time (s) · darker is louder")
    figure.suptitle(title, fontsize=13, parse_math=False)
    return save_figure(figure, path)


def _start_of(samples: npt.NDArray[Any], rate: int) -> Float32:
    """The part that is drawn, checked at the door."""
    checked = check_audio(samples, rate)
    if checked.data.shape[0] != 1:
        raise InputError(f"samples has {checked.data.shape[0]} channels: draw each on its own")
    return checked.data[0, : int(LONGEST_S * checked.rate)]


def pitch_of(samples: Float32, rate: int) -> Float32:
    """Return f0 every 5 ms, not a number where unvoiced, so that lines break there."""
    frames = analyze(samples, rate)
    return np.where(frames.voiced, frames.f0_hz, np.float32(np.nan))


def _power_db(samples: Float32, rate: int) -> Float32:
    """Power spectra, shape (bins, frames), in dB re the loudest of them."""
    window = np.hanning(max(8, round(_WINDOW_S * rate))).astype(np.float32)
    hop = max(1, round(_HOP_S * rate))
    padded = np.pad(samples, len(window) // 2)
    padded = np.pad(padded, (0, max(0, len(window) - len(padded))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, len(window))[::hop] * window
    size = 2 ** int(np.ceil(np.log2(2 * len(window))))
    power = np.abs(np.fft.rfft(frames, size, axis=1)).T ** 2
    loudest = max(float(power.max()), 1e-12)
    decibels: Float32 = (10 * np.log10(np.maximum(power / loudest, 1e-12))).astype(np.float32)
    return decibels


def draw_spectrogram(axes: Axes, samples: Float32, rate: int) -> None:
    """Draw the spectrogram of checked samples, shape (n,), into axes of its own."""
    power_db = _power_db(samples, rate)
    highest_hz = min(_HIGHEST_HZ, rate / 2)
    bins_hz = np.linspace(0.0, rate / 2, len(power_db))
    # Read off at frequencies with a constant ratio: an image on a logarithmic axis stays small.
    rows_hz = np.geomspace(_LOWEST_HZ, highest_hz, 400)
    at = np.searchsorted(bins_hz, rows_hz)
    part = ((rows_hz - bins_hz[at - 1]) / (bins_hz[at] - bins_hz[at - 1]))[:, None]
    rows = (1 - part) * power_db[at - 1] + part * power_db[at]
    times_s = np.arange(rows.shape[1]) * (max(1, round(_HOP_S * rate)) / rate)
    axes.set_yscale("log")
    axes.pcolormesh(
        times_s,
        rows_hz,
        rows,
        cmap="gray_r",
        vmin=-_RANGE_DB,
        vmax=0.0,
        shading="nearest",
        rasterized=True,
    )
    ticks = [tick for tick in _TICKS_HZ if tick <= highest_hz]
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.set_xlim(0.0, len(samples) / rate)
    axes.set_ylim(_LOWEST_HZ, highest_hz)


def draw_pitch(axes: Axes, f0_hz: Float32, colour: str, label: str, style: str = "-") -> None:
    """Draw f0 as `pitch_of` returns it over a spectrogram; the label is for a legend."""
    from matplotlib.patheffects import withStroke

    axes.plot(
        np.arange(len(f0_hz)) * _HOP_S,
        f0_hz,
        style,
        color=colour,
        linewidth=2.2,
        label=label,
        # A white border keeps the line apart from the harmonics below it.
        path_effects=[withStroke(linewidth=4.2, foreground="white")],
    )
