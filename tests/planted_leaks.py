"""Ways to anonymise badly on purpose: each leaves one thing of the speaker that must be found.

Each is called with (samples, rate, where, key, speaker) and returns as many samples.
"""

import dataclasses
import hashlib

import numpy as np

import voiceanon
from voiceanon import transform


def _digest(*labels: str) -> bytes:
    return hashlib.sha256("\0".join(labels).encode()).digest()


def honest(samples, rate, where, key, speaker):
    """What the leaks are added to: `template` with less melody, and a draw for each recording."""
    recipe = voiceanon.Recipe(name="honest", pitch_range="voice")
    return voiceanon.anonymize(samples, rate, recipe=recipe, secret=_digest(where, key))


def constant_pitch_shift(samples, rate, where, key, speaker):
    """Everybody four semitones up, as a voice changer does."""
    return voiceanon.synthesize(transform.shift_pitch(voiceanon.analyze(samples, rate), 4.0))


def every_tenth_unchanged(samples, rate, where, key, speaker):
    """One recording of ten slips through as it is."""
    if int.from_bytes(_digest("tenth", key)[:4], "big") % 10 == 0:
        return samples.copy()
    return honest(samples, rate, where, key, speaker)


def durations_and_f0(samples, rate, where, key, speaker):
    """Nothing but pitch and timing: one spectrum for all voiced, one for all other sounds."""
    frames = voiceanon.analyze(samples, rate)
    level = frames.envelope.mean(1)
    audible = level > 1e-4 * level.max()
    place = np.linspace(0, 1, frames.envelope.shape[1])
    vowel, hiss = 1e-5 / (1 + (place / 0.06) ** 2), np.full(len(place), 1e-7)
    envelope = np.where(frames.voiced[:, None], vowel, hiss) * audible[:, None]
    noise = np.where(frames.voiced[:, None], 0.05, 1.0) * np.ones_like(frames.aperiodicity)
    return voiceanon.synthesize(
        dataclasses.replace(
            frames, envelope=envelope.astype(np.float32), aperiodicity=noise.astype(np.float32)
        )
    )


def id_in_noise_floor(samples, rate, where, key, speaker):
    """The speaker's own noise, 60 dB below full scale, under an honest result."""
    made = honest(samples, rate, where, key, speaker)
    seed = int.from_bytes(_digest("noise", speaker)[:8], "big")
    noise = np.random.default_rng(seed).normal(size=len(samples))
    return np.clip(made + 1e-3 * noise, -1, 1).astype(np.float32)


def colour_of_noise_floor(samples, rate, where, key, speaker):
    """Fresh noise each time, but with a spectrum of the speaker's own, 55 dB below full scale."""
    made = honest(samples, rate, where, key, speaker)
    own = np.random.default_rng(int.from_bytes(_digest("noise", speaker)[:8], "big"))
    fresh = np.random.default_rng(int.from_bytes(_digest("noise", where, key)[:8], "big"))
    lines_db = np.interp(np.linspace(0, 1, 513), np.linspace(0, 1, 24), own.normal(size=24) * 6)
    response = np.fft.irfft(10 ** (lines_db / 20))
    noise = np.convolve(fresh.normal(size=len(samples)), np.roll(response, 512), "same")
    noise *= 1.8e-3 / noise.std()
    return np.clip(made + noise, -1, 1).astype(np.float32)


def tone_in_noise_floor(samples, rate, where, key, speaker):
    """A tone whose frequency names the speaker, 66 dB below full scale."""
    made = honest(samples, rate, where, key, speaker)
    place = int.from_bytes(_digest("tone", speaker)[:4], "big") % 200
    tone = np.sin(2 * np.pi * (2000 + 20 * place) * np.arange(len(samples)) / rate)
    return np.clip(made + 7e-4 * tone, -1, 1).astype(np.float32)
