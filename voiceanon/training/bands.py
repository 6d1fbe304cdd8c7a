"""What a recogniser's bands show of rows that are spoken, without making the sound.

Rows say the envelope, and harmonics follow from the pitch: the log-mel of the speech can be
computed from them, with a gradient, a thousand times faster than by synthesis and analysis.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from voiceanon.checks.bands import slaney_weights
from voiceanon.checks.optional import load
from voiceanon.training.prepared import Prepared
from voiceanon.warping import log_power_basis

__all__ = ["Bands", "scaled", "voice_f0"]

_BANDS = 80
_HALF_RATE_HZ = 8_000.0
_WINDOW_S = 0.025
_WINDOW_WEIGHTS = (0.2, 0.3, 0.3, 0.2)  # of rows of 5 ms, near to a window of 25 ms
_LOBE_AREA = 1.5 / _WINDOW_S  # Hz: of a Hann window's power, its height being 1
_NOISE_SHARE = 0.03  # between harmonics
_FAINTEST = 1e-12
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 400.0
_PITCH_SPREAD = 0.2
_TOP = 1.0  # loudest band, as in speech at a usual level
_RANGE = 8.0


class Bands:
    """From scaled values to the log-mel that Whisper takes.

    Parameters
    ----------
    prepared : Prepared
        Scales the values.
    """

    def __init__(self, prepared: Prepared) -> None:
        torch = load("torch")
        filters = slaney_weights(_BANDS, round(2 * _HALF_RATE_HZ * _WINDOW_S))
        self._filters = torch.as_tensor(filters.astype(np.float32))
        basis = log_power_basis(prepared.values, len(filters))
        self._basis = torch.as_tensor(basis.T.copy())
        self._mean, self._scale = (torch.as_tensor(x) for x in (prepared.mean, prepared.scale))
        self._hz = torch.linspace(0.0, _HALF_RATE_HZ, len(filters))

    def power(self, values: Any, f0_hz: Any, speech: Any) -> Any:
        """Return log10 of the power in each band, (80, 2 t).

        Parameters
        ----------
        values : torch.Tensor, shape (4 t, values)
            Scaled, one row every 5 ms.
        f0_hz : torch.Tensor, shape (4 t,)
            0 where unvoiced.
        speech : torch.Tensor, shape (t, 1)
            1 in speech; there is no power elsewhere.
        """
        torch = load("torch")
        logs = (values * self._scale + self._mean) @ self._basis
        power = torch.exp(logs.clamp(-40.0, 25.0))
        wide = torch.cat([power[:1], power, power[-1:], power[-1:]])
        window = sum(
            weight * wide[k : k + len(power) : 2] for k, weight in enumerate(_WINDOW_WEIGHTS)
        )
        heard = (window * self._harmonics(f0_hz[::2])) @ self._filters
        heard = heard * speech.repeat_interleave(2, 0)
        return torch.log10(heard.clamp(min=_FAINTEST)).T

    def _harmonics(self, f0_hz: Any) -> Any:
        """Return what is left of each bin's power when it gathers in harmonics; about 1 on mean."""
        torch = load("torch")
        spacing = f0_hz.clamp(min=_LOWEST_HZ)[:, None]
        nearest = (self._hz / spacing).round().clamp(min=1.0) * spacing
        lobes = _hann_power((self._hz - nearest).abs() * _WINDOW_S) * spacing / _LOBE_AREA
        gathered = _NOISE_SHARE + (1 - _NOISE_SHARE) * lobes
        return torch.where(f0_hz[:, None] > 0, gathered, torch.ones_like(gathered))


def scaled(power: Any, top: Any) -> Any:
    """Return bands as Whisper scales them, where `top` is the loudest: 80 dB below are kept."""
    return ((power - top).clamp(min=-_RANGE) + _TOP + 4.0) / 4.0


def voice_f0(voiced: Any, pitch: Any, mean_hz: Any) -> Any:
    """Return the f0 of rows, in Hz, of voices with these means; 0 where unvoiced."""
    torch = load("torch")
    spoken = (mean_hz * torch.exp(_PITCH_SPREAD * pitch)).clamp(_LOWEST_HZ, _HIGHEST_HZ)
    return torch.where(voiced, spoken, torch.zeros_like(spoken))


def _hann_power(x: Any) -> Any:
    """Power of a Hann window's transform within its main lobe, 1 at 0, x in 1 / length."""
    torch = load("torch")
    x = x.clamp(max=2.0)
    near = (x - 1.0).abs() < 1e-3
    safe = torch.where(near, torch.full_like(x, 0.5), x)
    shape = torch.where(near, torch.full_like(x, 0.5), torch.sinc(safe) / (1.0 - safe * safe))
    return shape * shape
