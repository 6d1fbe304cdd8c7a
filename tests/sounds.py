"""Sounds whose truth is known, and the project's real speech: what the engine's tests hear."""

import csv
from functools import cache
from pathlib import Path

import numpy as np

DATA = Path(__file__).parents[1] / "voiceanon" / "samples"
# An open and a front vowel: frequencies and bandwidths of four formants, in Hz.
VOWEL_A = ((730.0, 80.0), (1090.0, 90.0), (2440.0, 120.0), (3400.0, 160.0))
VOWEL_E = ((530.0, 70.0), (1840.0, 100.0), (2480.0, 130.0), (3500.0, 170.0))

Formants = tuple[tuple[float, float], ...]


def clip_names() -> list[str]:
    with (DATA / "metadata.csv").open(newline="") as file:
        return [row["path"] for row in csv.DictReader(file)]


@cache
def clip(name: str) -> tuple[np.ndarray, int]:
    """Return a recording of voiceanon/samples, float32, and its rate; nobody may write to it."""
    import soundfile

    samples, rate = soundfile.read(DATA / name, dtype="float32")
    samples.flags.writeable = False
    return samples, rate


def speech(seconds: float, start_s: float = 0.6, name: str = "2300-131720-0038.flac") -> np.ndarray:
    """Return a stretch of real speech at 16 kHz."""
    samples, rate = clip(name)
    start = round(start_s * rate)
    return samples[start : start + round(seconds * rate)].copy()


def vowel(
    f0_hz: float | np.ndarray,
    seconds: float = 1.0,
    rate: int = 16_000,
    formants: Formants = VOWEL_A,
    level_dbfs: float = -20.0,
) -> np.ndarray:
    """Return a vowel of exactly known f0 (a constant, or one value a sample) and formants.

    A train of band-limited pulses (the sum of all harmonics below 0.45 of the rate, so that a
    period need not be a whole number of samples), tilted by 6 dB an octave, through one resonator a
    formant.
    """
    n = round(seconds * rate)
    f0 = np.broadcast_to(np.asarray(f0_hz, float), (n,))
    phase = 2 * np.pi * np.cumsum(f0) / rate
    w = 2 * np.pi * f0 / rate
    wave = np.zeros(n)
    for harmonic in range(1, int(0.45 * rate / f0.min()) + 1):
        audible = harmonic * f0 < 0.45 * rate
        response = _response(harmonic * w, rate, formants)
        wave += audible * np.abs(response) * np.cos(harmonic * phase + np.angle(response))
    wave *= 10 ** (level_dbfs / 20) / np.sqrt(np.mean(wave**2))
    return wave.astype(np.float32)


def vowel_power(hz: np.ndarray, rate: int = 16_000, formants: Formants = VOWEL_A) -> np.ndarray:
    """Return the power response of the vowel's filter: what an envelope should show, but level."""
    return np.abs(_response(2 * np.pi * np.asarray(hz) / rate, rate, formants)) ** 2


def _response(w: np.ndarray, rate: int, formants: Formants) -> np.ndarray:
    z = np.exp(-1j * w)
    response = 1 / (1 - 0.9 * z)
    for centre_hz, bandwidth_hz in formants:
        pole = np.exp(-np.pi * bandwidth_hz / rate + 2j * np.pi * centre_hz / rate)
        response = response * abs(1 - pole) ** 2 / ((1 - pole * z) * (1 - np.conj(pole) * z))
    return response


def cents(f0_hz: np.ndarray, reference_hz: np.ndarray | float) -> np.ndarray:
    return 1200 * np.log2(np.asarray(f0_hz) / reference_hz)


def level_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.asarray(samples, float) ** 2) + 1e-30))
