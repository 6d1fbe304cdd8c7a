"""What attackers see of a recording: a CAM++ speaker embedding and plain utterance statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from quality_cache import Cache

EMBEDDING = "campplus-192-1"
STATISTICS = "statistics-1"
RATE = 16000
HOP_S = 0.01
LOWEST_F0_HZ, HIGHEST_F0_HZ = 60.0, 420.0


def mel_bands(samples: np.ndarray) -> np.ndarray:
    """Return Kaldi's 80 log-mel bands, (frames, 80), 25 ms every 10 ms, without dither."""
    import kaldi_native_fbank as knf

    options = knf.FbankOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = 80
    bank = knf.OnlineFbank(options)
    bank.accept_waveform(RATE, samples.tolist())
    bank.input_finished()
    return np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)])


def pitch_track(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return f0 in Hz (0 where unvoiced) and the frame level in dB, every 10 ms.

    Boersma's (1993) autocorrelation divided by that of the window, the best peak of each frame
    taken as it is: an attacker's rough tracker, quick rather than right.
    """
    half = samples[: len(samples) // 2 * 2].reshape(-1, 2).mean(1)
    rate, width, hop = RATE // 2, 320, 80
    if len(half) < width:
        half = np.pad(half, (0, width - len(half)))
    frames = np.lib.stride_tricks.sliding_window_view(half, width)[::hop]
    window = np.hanning(width)
    level_db = 10 * np.log10((frames**2).mean(1) + 1e-10)
    spectra = np.abs(np.fft.rfft((frames - frames.mean(1, keepdims=True)) * window, 1024)) ** 2
    bare = np.fft.irfft(np.abs(np.fft.rfft(window, 1024)) ** 2)
    shortest, longest = int(rate / HIGHEST_F0_HZ), int(rate / LOWEST_F0_HZ)
    lags = np.arange(shortest, longest)
    correlation = np.fft.irfft(spectra)
    normal = correlation[:, lags] / (correlation[:, :1] + 1e-12) / (bare[lags] / bare[0])
    best = (normal - 0.02 * np.log2(lags / shortest)).argmax(1)
    strength = np.take_along_axis(normal, best[:, None], 1)[:, 0]
    voiced = (strength > 0.5) & (level_db > np.percentile(level_db, 95) - 35)
    return np.where(voiced, rate / lags[best], 0.0), level_db


def _spread(values: np.ndarray) -> list[float]:
    if not len(values):
        return [0.0] * 7
    marks = np.percentile(values, [5, 25, 50, 75, 95])
    return [float(values.mean()), float(values.std()), *map(float, marks)]


def statistics(samples: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Return means and deviations of log-mel bands (voiced and not), of f0, level and durations."""
    f0_hz, level_db = pitch_track(samples)
    count = min(len(f0_hz), len(bands))
    f0_hz, level_db, bands = f0_hz[:count], level_db[:count], bands[:count]
    coarse = bands.reshape(count, 40, 2).mean(2)
    voiced = f0_hz > 0
    parts: list[np.ndarray] = []
    for mask in (voiced, ~voiced):
        chosen = coarse[mask] if mask.any() else coarse
        parts += [chosen.mean(0), chosen.std(0)]
    steps = np.abs(np.diff(coarse, axis=0))
    parts.append(steps.mean(0) if len(steps) else np.zeros(40))
    log_f0 = np.log2(f0_hz[voiced] / 100) if voiced.any() else np.zeros(1)
    moves = np.diff(np.where(voiced, np.log2(np.maximum(f0_hz, 1) / 100), np.nan))
    moves = moves[np.isfinite(moves)]
    scalars = _spread(log_f0) + _spread(moves) + _spread(np.abs(moves))
    edges = np.flatnonzero(np.diff(voiced.astype(int))) + 1
    runs = np.diff(np.concatenate([[0], edges, [count]])) * HOP_S
    first = bool(voiced[0]) if count else False
    for wanted in (True, False):
        own = runs[0::2] if first == wanted else runs[1::2]
        scalars += _spread(np.log2(own + HOP_S))
    loud = level_db > np.percentile(level_db, 95) - 30
    scalars += [float(voiced.mean()), float(loud.mean()), len(runs) / max(count * HOP_S, 0.1)]
    scalars += _spread(level_db - level_db.max())
    return np.concatenate([*parts, np.array(scalars)])


class Listener:
    """Gives embeddings and statistics of recordings, out of the cache where they are known."""

    def __init__(self, cache: Cache, network: Path, threads: int) -> None:
        self._cache, self._path, self._threads = cache, network, threads
        self._network: Any = None

    def _embedding(self, bands: np.ndarray) -> np.ndarray:
        if self._network is None:
            import onnxruntime

            if not self._path.exists():
                from quality_campplus import export

                export(self._path)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self._threads
            self._network = onnxruntime.InferenceSession(
                str(self._path), options, providers=["CPUExecutionProvider"]
            )
        centred = (bands - bands.mean(0))[None].astype(np.float32)
        return np.asarray(self._network.run(None, {"bands": centred})[0][0])

    def hear(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        """Return the embedding, (192,), and the statistics of one recording."""
        digest = self._cache.hash_of(path)
        embedding = self._cache.array(EMBEDDING, digest)
        figures = self._cache.array(STATISTICS, digest)
        if embedding is not None and figures is not None:
            return embedding, figures
        import soundfile
        import soxr

        samples, rate = soundfile.read(path, dtype="float32")
        samples = soxr.resample(samples, rate, RATE) if rate != RATE else samples
        bands = mel_bands(samples)
        if embedding is None:
            embedding = self._embedding(bands)
            self._cache.put_array(EMBEDDING, digest, embedding)
        if figures is None:
            figures = statistics(samples, bands)
            self._cache.put_array(STATISTICS, digest, figures)
        return embedding, figures

    def hear_all(self, paths: list[Path]) -> dict[str, np.ndarray]:
        heard = [self.hear(path) for path in paths]
        return {
            "campplus": np.stack([embedding for embedding, _ in heard]).astype(float),
            "statistics": np.stack([figures for _, figures in heard]).astype(float),
        }
