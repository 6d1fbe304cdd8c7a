"""Pitch, formants, spectrum, breathiness and timing of frames, each changed alone: for research.

Every function takes `Frames` and returns new ones that `synthesize` accepts; the ones handed in are
never changed. At its neutral setting each gives the same values back, bit for bit, except
`smooth_envelope` (to within rounding). None of these protects a speaker: see the recipes for that.

>>> import numpy as np
>>> from voiceanon import analyze, synthesize, transform
>>> t = np.arange(16000) / 16000
>>> frames = analyze(0.1 * np.sign(np.sin(2 * np.pi * 120 * t)), 16000)
>>> higher = transform.shift_pitch(transform.scale_formants(frames, 1.15), 4)
>>> synthesize(higher).shape
(16000,)
"""

from __future__ import annotations

from voiceanon.transform.breathiness import blend_breathiness
from voiceanon.transform.pace import warp_time
from voiceanon.transform.pitch import quantise_pitch, scale_pitch_range, shift_pitch
from voiceanon.transform.spectrum import scale_formants, smooth_envelope, tilt_spectrum

__all__ = [
    "blend_breathiness",
    "quantise_pitch",
    "scale_formants",
    "scale_pitch_range",
    "shift_pitch",
    "smooth_envelope",
    "tilt_spectrum",
    "warp_time",
]
