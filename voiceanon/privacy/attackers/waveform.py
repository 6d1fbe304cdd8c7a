"""The attacker who looks at the samples themselves: the same noise, a tone, a mark in the floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from voiceanon.privacy.attack import Evidence, Verifier
from voiceanon.privacy.backends import Cosine, PooledVerifier

__all__ = ["Waveform"]

Real = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]

_SIZE = 1 << 15  # 2 s: a shared sequence stands out by 45 dB, and all pairs stay affordable
_FRAME = 1024


class _Whitened:
    """The first two seconds with a flat spectrum and a flat envelope, (32768,).

    What is left are the phases, which two recordings share only where they share a waveform.
    """

    name = "whitened-2"

    def __call__(self, samples: Samples) -> Real:
        """Return the whitened start of 16 kHz samples, of length 1."""
        plain = np.zeros(_SIZE)
        plain[: len(samples)] = samples[:_SIZE]
        frames = plain.reshape(-1, 256)
        level = np.sqrt((frames**2).mean(1, keepdims=True))
        flat = np.where(level > 0, frames / np.maximum(level, 1e-9), 0.0).ravel()
        spectrum = np.fft.rfft(flat)
        white = np.fft.irfft(spectrum / np.maximum(np.abs(spectrum), 1e-9), _SIZE)
        return np.asarray(white / max(float(np.linalg.norm(white)), 1e-12))


class _FloorLines:
    """Narrow lines in the spectrum of the quietest fifth of frames, dB, (505,)."""

    name = "floor-lines-1"
    _SMOOTH: ClassVar[int] = 9

    def __call__(self, samples: Samples) -> Real:
        """Return the floor's spectrum less its own running mean."""
        if len(samples) < 2 * _FRAME:
            samples = np.pad(samples, (0, 2 * _FRAME - len(samples)))
        frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[:: _FRAME // 2]
        energy = (frames.astype(np.float64) ** 2).mean(1)
        quiet = frames[energy <= np.percentile(energy, 20)] * np.hanning(_FRAME)
        level_db = 10 * np.log10((np.abs(np.fft.rfft(quiet, axis=1)) ** 2).mean(0) + 1e-10)
        running = np.convolve(level_db, np.full(self._SMOOTH, 1 / self._SMOOTH), "valid")
        half = self._SMOOTH // 2
        return np.asarray(level_db[half:-half] - running)


@dataclass(frozen=True)
class _SharedWaveform:
    """The largest circular cross-correlation of whitened recordings, pooled by the largest."""

    peaks: Real  # (trial recordings, enrolment recordings)

    def scores(self, enrol: Real, trial: Real) -> Real:
        """Return (h, g): the largest peak between any two recordings of the groups."""
        found = np.empty((len(trial), len(enrol)))
        for row, chosen in enumerate(trial > 0):
            best = self.peaks[chosen].max(0)
            found[row] = np.where(enrol > 0, best, -1.0).max(1)
        return found


class Waveform:
    """Untrained: shared sample sequences at any lag, and narrow lines in the noise floor."""

    name = "waveform"
    sides = "a–a"
    knowledge = (
        "searches anonymised recordings for one and the same sequence of samples, or the same "
        "narrow lines in the noise floor, which no two voices share by chance"
    )

    def missing(self, evidence: Evidence) -> str | None:
        """Return why it cannot be measured, or None."""
        if evidence.count("trial") > evidence.options.get("waveform_limit", 600):
            return f"{evidence.count('trial')} recordings: every pair is compared for up to 600"
        return None

    def verifiers(self, evidence: Evidence) -> dict[str, Verifier]:
        """Return both configurations."""
        enrol, trial = (evidence.features(where, _Whitened()) for where in ("enrol", "trial"))
        lines = [evidence.features(where, _FloorLines()) for where in ("enrol", "trial")]
        middle = Cosine(np.concatenate(lines).mean(0))
        return {
            "shared sequence": _SharedWaveform(self._peaks(evidence, enrol, trial)),
            "lines in the floor": PooledVerifier(middle, *(middle.prepare(v) for v in lines)),
        }

    @staticmethod
    def _peaks(evidence: Evidence, enrol: Real, trial: Real) -> Real:
        from scipy import fft

        spectra = fft.rfft(enrol.astype(np.float32), axis=1).conj()
        peaks = np.empty((len(trial), len(enrol)))
        for row, sound in enumerate(trial.astype(np.float32)):
            crossed = fft.irfft(spectra * fft.rfft(sound), axis=1, overwrite_x=True)
            peaks[row] = np.abs(crossed).max(1)
            if row % 20 == 0:
                evidence.progress("comparing waveforms", row, len(trial))
        return peaks
