"""What a run will take: counted, and measured on a few recordings for some seconds."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from voiceanon.anonymizer import Anonymizer
from voiceanon.archive.entries import Entry
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.opening import open_source
from voiceanon.archive.pool import Died, Pool
from voiceanon.archive.run_folder import RunSettings
from voiceanon.archive.s3.urls import is_url
from voiceanon.checks.gate import Gate
from voiceanon.formats import AudioReader

__all__ = ["Estimate", "estimate", "estimate_apart", "make_estimate"]

_HEADERS = 200
_COPIES = 5  # of recordings that must be fetched whole to be looked at
_MEASURE_S = 10.0
_LONGEST_PART_S = 10.0
_STORED_BITS_PER_SECOND = 500.0
_PCM_BYTES = 2
_STUCK_S = 60.0


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to take.

    Attributes
    ----------
    recordings : int
        How many there are.
    bytes : int
        Size of all of them.
    hours : float
        Length of all of them, from the headers of 200, or from 5 that are in a bucket.
    core_hours : float
        Work on one core, from what some seconds of some of them took here.
    output_bytes : int
        Size of all outputs.
    waiting_bytes : int
        How many of those lie in the run's own folder at once: outputs of two tar files, one of
        which is being made, and for a bucket what is being put there.
    copied_bytes : int
        Recordings that lie there at once to be read: the largest of those in tar files and buckets,
        for each processor of this machine.
    """

    recordings: int
    bytes: int
    hours: float
    core_hours: float
    output_bytes: int
    waiting_bytes: int = 0
    copied_bytes: int = 0


def estimate(
    manifest: Manifest,
    settings: RunSettings,
    work_folder: Path,
    *,
    measure_s: float = _MEASURE_S,
    progress: Callable[[float], None] = lambda _share: None,
) -> Estimate:
    """Return what a run is expected to take; recordings that cannot be read are passed over.

    Parameters
    ----------
    manifest : Manifest
        Of the run.
    settings : RunSettings
        Of the run.
    work_folder : Path
        Where members of tar files are put to be read, for a moment.
    measure_s : float
        How long is measured, in seconds.
    progress : callable
        Given how much is done, 0 to 1.
    """
    lengths, sizes, channels_s = [], [], []
    begun_s, worked_s, heard_s, made_bytes = time.monotonic(), 0.0, 0.0, 0
    sample = manifest.sample(_COPIES if is_url(settings.source) else _HEADERS)
    for at, entry in enumerate(sample):
        tick = partial(progress, at / len(sample))
        tick()
        try:
            with open_source(entry, work_folder, tick) as source, AudioReader(source) as reader:
                duration_s = reader.declared_frames / reader.rate
                lengths.append(duration_s)
                channels_s.append(duration_s * reader.channels)
                sizes.append(entry.size)
                if time.monotonic() - begun_s < measure_s:
                    took_s, part_s, size = _measured(reader, entry, settings)
                    worked_s, heard_s, made_bytes = (
                        worked_s + took_s,
                        heard_s + part_s,
                        made_bytes + size,
                    )
        except Exception:  # noqa: BLE001, S112 (the run says what is wrong with it)
            continue
    share = manifest.bytes / max(sum(sizes), 1)
    all_channels_s = sum(channels_s) * share
    output_bytes = made_bytes / max(heard_s, 1e-9) * all_channels_s
    if settings.level:
        output_bytes += all_channels_s * _STORED_BITS_PER_SECOND / 8
    return Estimate(
        len(manifest),
        manifest.bytes,
        sum(lengths) * share / 3600,
        worked_s / max(heard_s, 1e-9) * all_channels_s / 3600,
        round(output_bytes),
        round(output_bytes * _waiting(manifest, settings) / max(manifest.bytes, 1)),
        manifest.largest(copied=True) * (os.cpu_count() or 1),
    )


def _waiting(manifest: Manifest, settings: RunSettings) -> int:
    """Bytes of the recordings whose outputs are in the run's folder at once."""
    tars = manifest.largest_tars(2)
    if not is_url(settings.destination):
        return sum(tars)
    return sum(tars) + max([manifest.largest(), *tars])


def make_estimate(
    run: tuple[Path, RunSettings, Path],
) -> Callable[[float, Callable[[float], None]], Estimate]:
    """Return what measures, in a worker's process: see `estimate_apart`."""
    path, settings, work_folder = run

    def work(measure_s: float, tell: Callable[[float], None]) -> Estimate:
        with Manifest.open(path) as manifest:
            return estimate(manifest, settings, work_folder, measure_s=measure_s, progress=tell)

    return work


def estimate_apart(
    manifest: Manifest, path: Path, settings: RunSettings, work_folder: Path
) -> tuple[Estimate, str]:
    """Return what `estimate` does, measured in a process that a hostile recording may end.

    Parameters
    ----------
    manifest : Manifest
        Of the run.
    path : Path
        Where it is.
    settings : RunSettings
        Of the run.
    work_folder : Path
        Where members of tar files are put to be read, for a moment.

    Returns
    -------
    estimate : Estimate
        With zeros where nothing could be measured.
    problem : str
        Why not, else nothing.
    """
    pool = Pool(1, make_estimate, (path, settings, work_folder), _STUCK_S)
    try:
        ((_, result),) = pool.map([("estimate", _MEASURE_S)], lambda _name, _share: None)
    finally:
        pool.close()
    if isinstance(result, Died):
        return Estimate(len(manifest), manifest.bytes, 0.0, 0.0, 0), str(result)
    return result, ""


def _measured(reader: AudioReader, entry: Entry, settings: RunSettings) -> tuple[float, float, int]:
    """Seconds of work, seconds of one channel heard, bytes of output: of a recording's start."""
    import soundfile

    block = next(iter(reader.blocks(round(_LONGEST_PART_S * reader.rate))))
    channel = block[0]
    if len(channel) < reader.rate // 10:
        return 0.0, 0.0, 0
    began_s = time.process_time()
    made = Anonymizer(settings.recipe_made())(channel, reader.rate, speaker=entry.speaker or "one")
    if settings.check:
        gate = Gate(reader.rate, 1, language=settings.language)
        gate.hear(channel[None])
        gate.spoken(np.asarray(made, np.float32)[None])
        gate.finish()
    took_s = time.process_time() - began_s
    size = 0
    if settings.audio == ".wav":
        size = _PCM_BYTES * len(channel)
    elif settings.audio:
        stored = io.BytesIO()
        soundfile.write(stored, made, reader.rate, format="FLAC", subtype="PCM_16")
        size = len(stored.getvalue())
    return took_s, len(channel) / reader.rate, size
