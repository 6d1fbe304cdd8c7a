"""Envelopes of frames changed alone: formant positions, tilt and detail; pitch stays in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon import _kernels
from voiceanon.frames import Frames
from voiceanon.transform.checks import Float32, check_frames, doubles, float32, made, number, whole

__all__ = ["scale_formants", "smooth_envelope", "tilt_spectrum"]

MIN_FORMANT_SCALE, MAX_FORMANT_SCALE = 0.5, 2.0
MAX_TILT_DB_PER_OCTAVE = 12.0

# The tilt turns around 1 kHz, and is flat under 100 Hz, where an octave is only a few bins.
_TILT_PIVOT_HZ = 1000.0
_TILT_FLOOR_HZ = 100.0
# What a logarithm of power is floored at, as in synthesis.
_FLOOR_POWER = 1e-13
# Frames smoothed at once: their logarithms are held in double precision.
_BLOCK_FRAMES = 1000


def scale_formants(frames: Frames, scale: float) -> Frames:
    """Return frames spoken by a shorter (above 1) or longer (below 1) vocal tract.

    Parameters
    ----------
    frames : Frames
        As `analyze` returns them.
    scale : float
        Factor on all formant frequencies, 0.5 to 2; 1 changes nothing.

    Returns
    -------
    Frames
        Envelopes stretched along frequency, the power of every frame kept; all else as it was.

    Raises
    ------
    InputError
        If an argument is out of range.

    Notes
    -----
    ``P'(f) = P(f / scale)``, linear in log power between bins. Below 1 the top of the band has no
    source and repeats the highest bin. A uniform tube's formants scale with its inverse length
    (Fant 1960).

    Examples
    --------
    >>> power = np.full((2, 513), 1e-6, np.float32)
    >>> power[:, 100] = 1e-3
    >>> frames = Frames(np.zeros(2, np.float32), np.zeros(2, bool), power, np.ones_like(power),
    ...     0.005, 16000, 16000, 160)
    >>> scale_formants(frames, 1.2).envelope.argmax(axis=1).tolist()
    [120, 120]
    """
    check_frames(frames)
    scale = number("scale", scale, MIN_FORMANT_SCALE, MAX_FORMANT_SCALE)
    envelope = float32(frames.envelope)
    return made(frames, envelope=_with_power_of(envelope, _kernels.warp_envelope(envelope, scale)))


def tilt_spectrum(frames: Frames, db_per_octave: float) -> Frames:
    """Return frames that sound brighter (above 0) or darker (below 0).

    Parameters
    ----------
    frames : Frames
        As `analyze` returns them.
    db_per_octave : float
        Slope added to the spectrum, -12 to 12 dB an octave; 0 changes nothing.

    Returns
    -------
    Frames
        Envelopes tilted around 1 kHz, where they stay as they were; all else as it was.

    Raises
    ------
    InputError
        If an argument is out of range, or the power would pass 1e9.

    Notes
    -----
    One filter for all frames, so levels change as those of filtered speech do. Under 100 Hz the
    gain is that of 100 Hz.

    Examples
    --------
    >>> flat = np.full((2, 513), 1e-6, np.float32)
    >>> frames = Frames(np.zeros(2, np.float32), np.zeros(2, bool), flat, np.ones_like(flat),
    ...     0.005, 16000, 16000, 160)
    >>> at_4_khz = tilt_spectrum(frames, -6.0).envelope[0, 256]
    >>> round(10 * float(np.log10(at_4_khz / 1e-6)), 3)
    -12.0
    """
    check_frames(frames)
    slope = number("db_per_octave", db_per_octave, -MAX_TILT_DB_PER_OCTAVE, MAX_TILT_DB_PER_OCTAVE)
    hz = np.linspace(0.0, 0.5 * frames.band_hz, frames.envelope.shape[1])
    octaves = np.log2(np.maximum(hz, _TILT_FLOOR_HZ) / _TILT_PIVOT_HZ)
    gain = 10.0 ** (0.1 * slope * octaves)
    return made(frames, envelope=float32(float32(frames.envelope) * gain))


def smooth_envelope(frames: Frames, order: int) -> Frames:
    """Return frames with less spectral detail.

    Parameters
    ----------
    frames : Frames
        As `analyze` returns them.
    order : int
        Highest quefrency kept, 0 (flat) to ``bins - 1`` (all of them); order *q* keeps ripples no
        finer than ``band_hz / q``.

    Returns
    -------
    Frames
        Envelopes smoothed in log power, the power of every frame kept; all else as it was.

    Raises
    ------
    InputError
        If an argument is not as described.

    Notes
    -----
    Liftering: the real cepstrum of the envelope, cut above `order` (Bogert, Healy & Tukey 1963).
    Power under 1e-13 counts as 1e-13, as it does in `synthesize`.

    Examples
    --------
    >>> power = np.full((2, 513), 1e-6, np.float32)
    >>> power[:, 100] = 1e-3
    >>> frames = Frames(np.zeros(2, np.float32), np.zeros(2, bool), power, np.ones_like(power),
    ...     0.005, 16000, 16000, 160)
    >>> bool(smooth_envelope(frames, 20).envelope.max() < 1e-4)
    True
    """
    check_frames(frames)
    bins = frames.envelope.shape[1]
    order = whole("order", order, 0, bins - 1)
    envelope = float32(frames.envelope)
    smooth = np.empty_like(envelope)
    for start in range(0, len(envelope), _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        log_power = np.log(np.maximum(doubles(envelope[block]), _FLOOR_POWER))
        cepstrum = np.fft.irfft(log_power, n=2 * (bins - 1), axis=1)
        cepstrum[:, order + 1 : len(cepstrum[0]) - order] = 0.0
        log_power = np.fft.rfft(cepstrum, axis=1).real
        # Relative to each frame's peak, which may ring far over the range of float32.
        power = np.exp(log_power - log_power.max(axis=1, keepdims=True))
        smooth[block] = _with_power_of(envelope[block], power)
    return made(frames, envelope=smooth)


def _with_power_of(before: Float32, after: npt.NDArray[Any]) -> Float32:
    """Return `after` with the power that each frame had before."""
    was = before.mean(axis=1, dtype=np.float64)
    now = after.mean(axis=1, dtype=np.float64)
    gain = np.divide(was, now, out=np.ones_like(was), where=now > 0)
    return float32(after * gain[:, None])
