"""One adapter a tracker, all with one shape: samples at 16 kHz in, (times, f0) out.

Every tracker searches the same range, and hears the same samples. ``shift_s`` repairs a constant
time offset of a tracker's own frames, so that no rival is marked down for how it labels time:
measured on a synthetic glide of known f0, and the same values agree best with Harvest on speech.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 16000
HOP_S = 0.005
FLOOR_HZ = 71.0  # pyworld's default
CEILING_HZ = 600.0

Samples = NDArray[np.float32]
Track = NDArray[np.float64]
Run = Callable[[Samples], tuple[Track, Track]]


@dataclass(frozen=True)
class Tracker:
    """A way to make one: ``make`` imports what it needs and raises ImportError without it."""

    name: str
    make: Callable[[], Run]
    shift_s: float = 0.0
    most_files: int = 10_000
    is_ours: bool = False


def _grid_s(f0_hz: Track) -> Track:
    return np.arange(len(f0_hz)) * HOP_S


def _harvest() -> Run:
    import pyworld

    def run(samples: Samples) -> tuple[Track, Track]:
        f0_hz, times_s = pyworld.harvest(
            samples.astype(np.float64), RATE, FLOOR_HZ, CEILING_HZ, HOP_S * 1e3
        )
        return times_s, f0_hz

    return run


def _dio(with_stonemask: bool) -> Callable[[], Run]:
    def make() -> Run:
        import pyworld

        def run(samples: Samples) -> tuple[Track, Track]:
            wide = samples.astype(np.float64)
            f0_hz, times_s = pyworld.dio(wide, RATE, FLOOR_HZ, CEILING_HZ, frame_period=HOP_S * 1e3)
            if with_stonemask:
                f0_hz = pyworld.stonemask(wide, f0_hz, times_s, RATE)
            return times_s, f0_hz

        return run

    return make


def _praat(method: str) -> Callable[[], Run]:
    def make() -> Run:
        import parselmouth

        def run(samples: Samples) -> tuple[Track, Track]:
            sound = parselmouth.Sound(samples.astype(np.float64), RATE)
            search = getattr(sound, f"to_pitch_{method}")
            pitch = search(time_step=HOP_S, pitch_floor=FLOOR_HZ, pitch_ceiling=CEILING_HZ)
            return pitch.xs(), pitch.selected_array["frequency"]

        return run

    return make


def _sptk(method: str) -> Callable[[], Run]:
    def make() -> Run:
        import pysptk

        hop = round(HOP_S * RATE)

        def run(samples: Samples) -> tuple[Track, Track]:
            # SPTK is written for 16-bit values; RAPT takes float32, SWIPE float64.
            dtype = np.float32 if method == "rapt" else np.float64
            scaled = np.ascontiguousarray(samples * 32768.0, dtype=dtype)
            track = getattr(pysptk, method)
            f0_hz = track(scaled, RATE, hop, min=FLOOR_HZ, max=CEILING_HZ, otype="f0")
            f0_hz = np.asarray(f0_hz, dtype=np.float64)
            return _grid_s(f0_hz), f0_hz

        return run

    return make


def _reaper() -> Run:
    import pyreaper

    def run(samples: Samples) -> tuple[Track, Track]:
        whole = np.clip(np.round(samples * 32768.0), -32768, 32767).astype(np.int16)
        _, _, times_s, f0_hz, _ = pyreaper.reaper(
            whole, RATE, minf0=FLOOR_HZ, maxf0=CEILING_HZ, frame_period=HOP_S
        )
        return times_s.astype(np.float64), f0_hz.astype(np.float64)

    return run


def _pyin() -> Run:
    import librosa

    hop = round(HOP_S * RATE)

    def run(samples: Samples) -> tuple[Track, Track]:
        f0_hz, voiced, _ = librosa.pyin(
            samples, fmin=FLOOR_HZ, fmax=CEILING_HZ, sr=RATE, frame_length=1024, hop_length=hop
        )
        f0_hz = np.where(voiced, f0_hz, 0.0)
        return _grid_s(f0_hz), f0_hz

    return run


def _ours() -> Run:
    from voiceanon import _engine

    analyzer = _engine.Analyzer(RATE, order=15)  # the envelope comes along; no tracker without it

    def run(samples: Samples) -> tuple[Track, Track]:
        analyzer.reset()
        blocks = [samples[at : at + RATE] for at in range(0, len(samples), RATE)]
        rows = np.concatenate([*map(analyzer.process, blocks), analyzer.finish()])
        f0_hz = rows[:, 0].astype(np.float64)
        return np.arange(len(f0_hz)) * analyzer.hop / RATE, f0_hz

    return run


REFERENCE = "Harvest"
TRACKERS = {
    tracker.name: tracker
    for tracker in (
        Tracker("Harvest", _harvest),
        Tracker("DIO", _dio(with_stonemask=False)),
        Tracker("DIO+StoneMask", _dio(with_stonemask=True)),
        Tracker("Praat ac", _praat("ac")),
        Tracker("Praat cc", _praat("cc"), shift_s=-0.0045),
        Tracker("RAPT", _sptk("rapt"), shift_s=0.0065),
        Tracker("SWIPE", _sptk("swipe")),
        Tracker("REAPER", _reaper, shift_s=0.003),
        Tracker("pYIN", _pyin, shift_s=0.0015, most_files=10),
        Tracker("ours", _ours, is_ours=True),
    )
}
