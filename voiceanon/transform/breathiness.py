"""Breathiness of frames changed alone: how noise and voice share the power of voiced frames."""

from __future__ import annotations

import numpy as np

from voiceanon.frames import Frames
from voiceanon.transform.checks import check_frames, doubles, float32, made, number

__all__ = ["blend_breathiness"]


def blend_breathiness(frames: Frames, amount: float) -> Frames:
    """Return frames whose voiced parts are breathier (above 0) or clearer (below 0).

    Parameters
    ----------
    frames : Frames
        As `analyze` returns them.
    amount : float
        -1 (no noise at all) to 1 (whisper); 0 changes nothing.

    Returns
    -------
    Frames
        Above 0, that share of the periodic power of voiced frames became noise; below 0, that share
        of their noise power became periodic. All else, the level too, as it was.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> flat = np.full((2, 513), 1e-6, np.float32)
    >>> f0_hz = np.array([100, 0], np.float32)
    >>> noise = np.array([[0.0], [1.0]], np.float32) + 0 * flat
    >>> frames = Frames(f0_hz, f0_hz > 0, flat, noise, 0.005, 16000, 16000, 160)
    >>> blend_breathiness(frames, 0.25).aperiodicity[:, 0].tolist()
    [0.5, 1.0]
    """
    check_frames(frames)
    amount = number("amount", amount, -1.0, 1.0)
    aperiodicity = float32(frames.aperiodicity).copy()
    voiced = np.asarray(frames.voiced)
    noise = doubles(aperiodicity[voiced]) ** 2
    noise += amount * (1.0 - noise if amount > 0 else noise)
    aperiodicity[voiced] = np.sqrt(np.clip(noise, 0.0, 1.0))
    return made(frames, aperiodicity=aperiodicity)
