"""What the mark is looked for in: outputs on their way through the world, and unmarked sounds."""

from __future__ import annotations

import hashlib
import io
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon import Anonymizer, Recipe
from voiceanon.keys import Draws
from voiceanon.privacy.corpora import read_corpus
from voiceanon.privacy.drawing import integers, normal
from voiceanon.privacy.mcadams import mcadams
from voiceanon.resampling import Resampler

Samples = npt.NDArray[np.float32]
Channel = Callable[[Samples, Draws], tuple[Samples, int, float]]

RATE = 16_000
CLIP_S = 10
RECIPES = ("template", "bottleneck")
NOISE_S = 60


@dataclass(frozen=True)
class Clip:
    """Ten seconds of one speaker, joined from recordings."""

    name: str
    speaker: str
    samples: Samples

    def secret(self, recipe: str) -> bytes:
        """Return what an output of it is drawn from."""
        return hashlib.sha256(f"{self.name} {recipe}".encode()).digest()


def clips_of(folder: Path, most_a_speaker: int | None = None) -> list[Clip]:
    """Return all clips of ten seconds that a corpus gives."""
    import soundfile

    by_speaker: dict[str, list[Path]] = defaultdict(list)
    for recording in read_corpus(folder).recordings:
        by_speaker[recording.speaker].append(recording.path)
    made = []
    for speaker, paths in sorted(by_speaker.items()):
        parts = [soundfile.read(path, dtype="float32") for path in sorted(paths)]
        if any(rate != RATE for _, rate in parts):
            raise ValueError(f"{folder} is not at {RATE} Hz")
        whole = np.concatenate([samples for samples, _ in parts])
        count = len(whole) // (CLIP_S * RATE)
        for k in range(count if most_a_speaker is None else min(count, most_a_speaker)):
            cut = whole[k * CLIP_S * RATE : (k + 1) * CLIP_S * RATE]
            made.append(Clip(f"{folder.name}-{speaker}-{k}", speaker, cut))
    return made


def spoken(clip: Clip, recipe: str, mark_db: float) -> Samples:
    """Return an output of a clip; only the mark differs between strengths."""
    chosen = replace(Recipe.named(recipe), mark_db=mark_db)
    return np.asarray(Anonymizer(chosen, clip.secret(recipe))(clip.samples, RATE), np.float32)


def resampled(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Return samples at another rate."""
    resampler = Resampler(from_hz, to_hz)
    whole = [resampler.process(np.asarray(samples, np.float32)), resampler.finish()]
    return np.clip(np.concatenate(whole), -1.0, 1.0)


def _coded(kind: str, subtype: str, level: float, samples: Samples, _draws: Draws) -> Any:
    import soundfile

    file = io.BytesIO()
    mode = {"bitrate_mode": "CONSTANT"} if kind == "MP3" else {}
    soundfile.write(
        file, samples, RATE, format=kind, subtype=subtype, compression_level=level, **mode
    )
    kbit_s = 8e-3 * file.tell() / (len(samples) / RATE)
    file.seek(0)
    decoded, rate = soundfile.read(file, dtype="float32")
    return np.clip(decoded, -1.0, 1.0), rate, kbit_s


def _louder(gain_db: float, samples: Samples, _draws: Draws) -> Any:
    made = np.clip(samples * np.float32(10 ** (gain_db / 20)), -1.0, 1.0)
    return np.rint(made * 32767).astype(np.int16), RATE, 0.0


def _noisy(snr_db: float, samples: Samples, draws: Draws) -> Any:
    return _mixed(samples, _noise(draws), snr_db), RATE, 0.0


def _babble(snr_db: float, samples: Samples, draws: Draws) -> Any:
    chosen = integers(draws, len(BABBLERS), 6)
    return _mixed(samples, sum(BABBLERS[int(k)] for k in chosen), snr_db), RATE, 0.0


def _mixed(samples: Samples, other: npt.NDArray[Any], snr_db: float) -> Samples:
    other = other[: len(samples)]
    gain = math.sqrt(np.mean(samples**2) / np.mean(other**2)) * 10 ** (-snr_db / 20)
    return np.clip(samples + gain * other, -1.0, 1.0).astype(np.float32)


def _cropped(seconds: float, samples: Samples, draws: Draws) -> Any:
    size = round(seconds * RATE)
    at = int(integers(draws, len(samples) - size + 1, 1)[0])
    return samples[at : at + size], RATE, 0.0


def _narrow(samples: Samples, _draws: Draws) -> Any:
    return resampled(samples, RATE, 8000), 8000, 0.0


def _quicker(percent: float, samples: Samples, _draws: Draws) -> Any:
    # Played faster: the same samples at a lower rate, taken for the old one.
    return resampled(samples, RATE, round(RATE / (1 + percent / 100))), RATE, 0.0


BABBLERS: list[Samples] = []  # speech of others, filled before workers are forked


@cache
def white() -> npt.NDArray[np.float64]:
    return normal(Draws(bytes(32), "white noise"), NOISE_S * RATE)


def _noise(draws: Draws) -> npt.NDArray[np.float64]:
    """Return ten seconds of white noise from somewhere in a minute of it."""
    at = int(integers(draws, (NOISE_S - CLIP_S) * RATE, 1)[0])
    return white()[at : at + CLIP_S * RATE]


CHANNELS: dict[str, Channel] = {
    "as it is": lambda samples, _draws: (samples, RATE, 0.0),
    "MP3, 64 kbit/s": partial(_coded, "MP3", "MPEG_LAYER_III", 0.65),
    "Opus, 24 kbit/s": partial(_coded, "OGG", "OPUS", 0.927),
    "8 kHz": _narrow,
    "6 dB louder": partial(_louder, 6.0),
    "6 dB softer": partial(_louder, -6.0),
    "white noise, 20 dB": partial(_noisy, 20.0),
    "babble, 20 dB": partial(_babble, 20.0),
    "cut to 7 s": partial(_cropped, 7.0),
    # Beyond what is asked for, to see where it ends.
    "cut to 5 s": partial(_cropped, 5.0),
    "cut to 3 s": partial(_cropped, 3.0),
    "Opus, 12 kbit/s": partial(_coded, "OGG", "OPUS", 0.975),
    "white noise, 10 dB": partial(_noisy, 10.0),
    "0.2 % quicker": partial(_quicker, 0.2),
    "1 % quicker": partial(_quicker, 1.0),
}
ASKED = tuple(CHANNELS)[:9]
CURVE = ("as it is", "Opus, 24 kbit/s", "white noise, 20 dB", "babble, 20 dB")


def unmarked_sounds(clip: Clip) -> Iterator[tuple[str, Samples]]:
    """Yield sounds that carry no mark."""
    yield "raw speech", clip.samples
    yield "McAdams", np.asarray(mcadams(clip.samples, RATE), np.float32)
    for recipe in RECIPES:
        yield f"{recipe}, unmarked", spoken(clip, recipe, 0.0)
    draws = Draws(clip.secret("noise"), "noise")
    yield "white noise", np.asarray(0.1 * _noise(draws), np.float32)
    yield "chords", _chords(draws)


def _chords(draws: Draws) -> Samples:
    """Return plucked triads on a beat, with slight noise."""
    t = np.arange(CLIP_S * RATE) / RATE
    made = 1e-4 * _noise(draws)
    beat_s = 0.25 + 0.01 * int(integers(draws, 40, 1)[0])
    for k in range(int(CLIP_S / beat_s)):
        since = t - k * beat_s
        root = 110.0 * 2 ** (int(integers(draws, 24, 1)[0]) / 12)
        for interval in (0, 4, 7):
            for harmonic in range(1, 7):
                hz = root * 2 ** (interval / 12) * harmonic
                tone = np.sin(2 * np.pi * hz * since) * np.exp(-4 * np.maximum(since, 0))
                made += (since >= 0) * 0.05 / harmonic * tone
    return np.clip(made, -1.0, 1.0).astype(np.float32)
