"""Analysis and synthesis on their own: a recording's frames, and a voice made from frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon import _engine
from voiceanon.audio import check_audio, check_rate
from voiceanon.errors import InputError
from voiceanon.resampling import Resampler

__all__ = ["BANDS_HZ", "Frames", "analyze", "synthesize"]

BANDS_HZ = (16_000, 24_000, 48_000)
_HOP_S = 0.005
_BLOCK_S = 1.0
_SILENT_DB = -200.0
# Power under which a frame is digital silence: far below the noise of 24-bit samples.
_SILENT_POWER = 1e-15

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Frames:
    """Frames of one voice, one every 5 ms, the first at the first sample.

    Attributes
    ----------
    f0_hz : ndarray of float32, shape (t,)
        Fundamental frequency, in Hz; 0 where unvoiced.
    voiced : ndarray of bool, shape (t,)
        Whether the frame is voiced.
    envelope : ndarray of float32, shape (t, bins)
        Power spectral density free of harmonics, full scale 1, from 0 to ``band_hz / 2``; digital
        silence is 0. It compares with WORLD's spectral envelope.
    aperiodicity : ndarray of float32, shape (t, bins)
        Share of noise in each bin, as an amplitude ratio, 0 to 1; 1 where unvoiced.
    hop_s : float
        Time between frames, in seconds.
    rate : int
        Rate of the recording, in Hz, and of what `synthesize` returns.
    band_hz : int
        Internal rate that the bins belong to, in Hz.
    n_samples : int
        Length of the recording, in samples.

    Examples
    --------
    >>> frames = analyze(np.zeros(16000, np.float32), 16000)
    >>> frames.f0_hz.shape, frames.envelope.shape, frames.hop_s
    ((201,), (201, 513), 0.005)
    """

    f0_hz: Float32
    voiced: npt.NDArray[np.bool_]
    envelope: Float32
    aperiodicity: Float32
    hop_s: float
    rate: int
    band_hz: int
    n_samples: int

    def __len__(self) -> int:
        return len(self.f0_hz)


def analyze(
    samples: object,
    rate: object,
    *,
    band_hz: int = 16_000,
    f0_floor_hz: float = 65.0,
    f0_ceil_hz: float = 600.0,
) -> Frames:
    """Return the frames of a mono recording.

    Parameters
    ----------
    samples : ndarray of float32, float64 or int16, shape (n,) or (1, n)
        The recording.
    rate : int
        Samples a second, 8000 to 192000.
    band_hz : {16000, 24000, 48000}
        Internal rate: frequencies up to half of it are analysed.
    f0_floor_hz, f0_ceil_hz : float
        Range searched for the fundamental frequency, in Hz, within 50 to 1000.

    Returns
    -------
    Frames
        ``ceil`` of one frame every 5 ms.

    Raises
    ------
    InputError
        If the samples, the rate or a setting are not as described.

    Notes
    -----
    f0: generalised autocorrelation with a path search (Boersma 1993; Tolonen & Karjalainen 2000;
    Talkin 1995). Envelope: CheapTrick (Morise 2015). Aperiodicity: loss of band autocorrelation
    over one period.

    Examples
    --------
    >>> t = np.arange(16000) / 16000
    >>> frames = analyze(0.1 * np.sign(np.sin(2 * np.pi * 120 * t)), 16000)
    >>> bool(abs(np.median(frames.f0_hz) - 120) < 1)
    True
    """
    checked = check_audio(samples, rate)
    if checked.data.shape[0] != 1:
        raise InputError(
            f"samples has {checked.data.shape[0]} channels: analyze takes one voice, shape (n,)"
        )
    band = _check_band(band_hz)
    if not 50 <= f0_floor_hz < f0_ceil_hz <= 1000:
        raise InputError(
            f"f0 range is {f0_floor_hz} to {f0_ceil_hz} Hz: it must ascend within 50 to 1000"
        )
    resampler = Resampler(checked.rate, band)
    order = _order(band)
    analyzer = _engine.Analyzer(band, order=order, f0_floor_hz=f0_floor_hz, f0_ceil_hz=f0_ceil_hz)
    step = int(_BLOCK_S * checked.rate)
    channel = checked.data[0]
    parts = []
    for start in range(0, len(channel), step):
        parts.append(analyzer.process(resampler.process(channel[start : start + step])))
    parts += [analyzer.process(resampler.finish()), analyzer.finish()]
    rows = np.concatenate(parts)
    return _frames_of(rows, analyzer.bands, rate=checked.rate, band=band, n_samples=len(channel))


def synthesize(frames: Frames, *, noise_key: int = 0) -> Float32:
    """Return the voice that frames describe.

    Parameters
    ----------
    frames : Frames
        As `analyze` returns them, possibly transformed; shapes must agree.
    noise_key : int
        Chooses the noise of the unvoiced part, 0 to 2**64 - 1.

    Returns
    -------
    ndarray of float32, shape (frames.n_samples,)
        At ``frames.rate``, within ±1.

    Raises
    ------
    InputError
        If shapes disagree or a value is not finite or out of range.

    Notes
    -----
    Pulses and noise through minimum-phase filters; nothing of a recording's phase is used.

    Examples
    --------
    >>> frames = analyze(0.1 * np.sin(np.arange(16000) / 20), 16000)
    >>> synthesize(frames).shape
    (16000,)
    """
    band = check_tracks(frames)
    if not (type(noise_key) is int and 0 <= noise_key < 2**64):
        raise InputError(f"noise_key is {noise_key!r}: it must be a whole number below 2**64")
    order = _order(band)
    bins = frames.envelope.shape[1]
    bands = len(_engine.aperiodicity_edges_hz(band))
    envelope = frames.envelope.astype(np.float64)
    loudness = envelope.mean(axis=1)
    log_power = np.log(np.maximum(envelope, 1e-13))
    cepstrum = np.fft.irfft(log_power, n=2 * (bins - 1), axis=1)[:, : order + 1]
    rows = np.empty((len(frames), 2 + bands + order + 1), np.float32)
    rows[:, 0] = np.where(frames.voiced, frames.f0_hz, 0.0)
    rows[:, 1] = np.where(
        loudness > _SILENT_POWER, 10 * np.log10(np.maximum(loudness, _SILENT_POWER)), _SILENT_DB
    )
    rows[:, 2 : 2 + bands] = frames.aperiodicity[:, _centre_bins(band, bins)]
    rows[:, 2 + bands :] = cepstrum
    synthesizer = _engine.Synthesizer(band, values=order + 1, noise_key=noise_key)
    resampler = Resampler(band, frames.rate)
    total = -(-frames.n_samples * band // frames.rate)
    parts = []
    for start in range(0, len(rows), 200):
        parts.append(resampler.process(synthesizer.process(rows[start : start + 200])))
    parts += [resampler.process(synthesizer.finish(total)), resampler.finish()]
    whole = np.empty(frames.n_samples, np.float32)
    fill(whole, parts)
    return whole


def fill(whole: Float32, parts: list[Float32]) -> None:
    """Fill `whole` with the parts in turn, within ±1: resampling rounds lengths and overshoots."""
    at = 0
    for part in parts:
        count = min(len(part), len(whole) - at)
        whole[at : at + count] = part[:count]
        at += count
    whole[at:] = 0.0
    np.clip(whole, -1.0, 1.0, out=whole)


def _check_band(band_hz: object) -> int:
    if isinstance(band_hz, bool) or band_hz not in BANDS_HZ:
        raise InputError(
            f"band_hz is {band_hz!r}: it must be one of {', '.join(map(str, BANDS_HZ))}"
        )
    return int(band_hz)


def _order(band: int) -> int:
    return {16_000: 255, 24_000: 511, 48_000: 1023}[band]


def _fft_size(band: int) -> int:
    return 2048 if band == 48_000 else 1024


def _centres_hz(band: int) -> Float32:
    edges = np.concatenate([[0.0], _engine.aperiodicity_edges_hz(band)])
    return np.asarray(0.5 * (edges[1:] + edges[:-1]), np.float32)


def _centre_bins(band: int, bins: int) -> npt.NDArray[np.intp]:
    nearest: npt.NDArray[np.intp] = np.rint(_centres_hz(band) / (0.5 * band) * (bins - 1)).astype(
        np.intp
    )
    return nearest


def _frames_of(rows: Float32, bands: int, *, rate: int, band: int, n_samples: int) -> Frames:
    size = _fft_size(band)
    cepstrum = np.zeros((len(rows), size // 2 + 1))
    cepstrum[:, : _order(band) + 1] = rows[:, 2 + bands :]
    # log P = c0 + 2 sum c_q cos(q w): the transform of an even sequence.
    log_power = np.fft.hfft(cepstrum, n=size, axis=1)[:, : size // 2 + 1]
    envelope = np.exp(log_power)
    envelope[rows[:, 1] <= _SILENT_DB] = 0.0
    hz = np.linspace(0, 0.5 * band, size // 2 + 1)
    power = rows[:, 2 : 2 + bands] ** 2
    centres = _centres_hz(band)
    at = np.clip(np.searchsorted(centres, hz, side="right") - 1, 0, bands - 2)
    part = np.clip((hz - centres[at]) / (centres[at + 1] - centres[at]), 0.0, 1.0)
    aperiodicity = np.sqrt((1 - part) * power[:, at] + part * power[:, at + 1])
    f0_hz = rows[:, 0].copy()
    return Frames(
        f0_hz,
        f0_hz > 0,
        envelope.astype(np.float32),
        aperiodicity.astype(np.float32),
        _HOP_S,
        rate,
        band,
        n_samples,
    )


def check_tracks(frames: object) -> int:
    """Return the band of frames whose shapes and values agree, or refuse them at once."""
    if not isinstance(frames, Frames):
        raise InputError(
            f"frames is of type {type(frames).__name__}: it must be Frames, as analyze returns them"
        )
    check_rate(frames.rate)
    band = _check_band(frames.band_hz)
    t, bins = len(frames.f0_hz), _fft_size(band) // 2 + 1
    shapes = (frames.voiced.shape, frames.envelope.shape, frames.aperiodicity.shape)
    if shapes != ((t,), (t, bins), (t, bins)) or t == 0:
        raise InputError(
            f"frames has voiced, envelope and aperiodicity of shapes {shapes}: "
            f"with {t} > 0 values of f0 they must be ({t},), ({t}, {bins}) and ({t}, {bins})"
        )
    for name, low, high in (
        ("f0_hz", 0.0, 4000.0),
        ("envelope", 0.0, 1e9),
        ("aperiodicity", 0.0, 1.0),
    ):
        values = getattr(frames, name)
        if not (values.min() >= low and values.max() <= high):
            raise InputError(f"frames.{name} must be finite and within {low:g} to {high:g}")
    if not 0 < frames.n_samples <= (t + 1) * frames.rate * frames.hop_s + 1:
        raise InputError(
            f"frames.n_samples is {frames.n_samples}: {t} frames are shorter than that"
        )
    return band
