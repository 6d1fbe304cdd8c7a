"""What a worker does with one recording: outputs made, checked, placed and summed up."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from voiceanon.anonymizer import Anonymizer
from voiceanon.archive.entries import Entry
from voiceanon.archive.ledger import Output, Row
from voiceanon.archive.opening import open_source
from voiceanon.archive.places import LocalFolder, Place, Readable, place_of
from voiceanon.archive.run_folder import RunSettings, mark_key_beside, waiting_beside
from voiceanon.archive.speaker_profiles import SpeakerProfiles
from voiceanon.container.voa import SUFFIX, Level
from voiceanon.errors import CheckError, DestinationError, SecretError, VoiceanonError
from voiceanon.files import FileResult, anonymize_file
from voiceanon.formats import EmptyRecordingError
from voiceanon.formats.placing import cause
from voiceanon.keys import derive
from voiceanon.recipe import DESCRIBING_RECIPE
from voiceanon.storage.files import abstract_file, channel_paths

__all__ = [
    "MOST_CHANNELS",
    "Job",
    "existing_suffixes",
    "job_of",
    "make_work",
    "output_of",
    "remove_outputs",
    "trusted",
]

_BLOCK_BYTES = 1 << 20
_PER_SPEAKER = "speaker"
_SPEAKER = "one"  # each has a secret of its own: see `job_of`
_CANNOT = " cannot be "
MOST_CHANNELS = 64
"""Of a recording."""


@dataclass(frozen=True)
class Job:
    """One recording for a worker, with a secret that draws its voice and no other."""

    entry: Entry
    secret: bytes = field(repr=False)  # not for logs
    work_folder: str
    alike: tuple[Entry, ...] = ()


def job_of(
    entry: Entry,
    settings: RunSettings,
    key: bytes,
    work_folder: Path,
    alike: Sequence[Entry] = (),
) -> Job:
    """Return the job of an entry; what is no file by itself is read in the work folder.

    `alike` are recordings of its speaker, from which to learn what is removed.

    A recipe that draws a voice for each speaker gets a secret for each; a recording without a
    speaker is somebody of its own.
    """
    by_speaker = settings.recipe.get("voice_draw") == _PER_SPEAKER and entry.speaker
    label = ("voice of speaker", entry.speaker) if by_speaker else ("voice of entry", entry.id)
    nameless = tuple(replace(one, speaker="") for one in alike)
    secret = derive(key, *label)
    return Job(replace(entry, speaker=""), secret, str(work_folder), nameless)


def remove_outputs(settings: RunSettings, place: Place, entry: Entry) -> None:
    """Remove what an entry was delivered before: it is to be made again, or cannot be any more."""
    for suffix in existing_suffixes(settings, place, entry):
        place.remove(entry.output + suffix)


def existing_suffixes(settings: RunSettings, place: Readable, entry: Entry) -> list[str]:
    """Return the suffixes of outputs of an entry under which something is there."""
    suffixes = [settings.audio] if settings.audio else []
    if settings.level:
        suffixes += [SUFFIX, *(f".{number}{SUFFIX}" for number in range(1, MOST_CHANNELS + 1))]
    return place.existing(entry.output, suffixes)


def make_work(settings: RunSettings) -> Callable[[Job, Callable[[float], None]], Row]:
    """Return what does a job, in a worker's process.

    Everything that can go wrong with a recording is in the row that it returns; it counts one
    attempt. A row that is still "working" says that nothing can be delivered: the run must stop.
    """
    recipe, destination = settings.recipe_made(), place_of(settings)
    speakers = SpeakerProfiles()

    @cache
    def mark_key(work_folder: str) -> bytes | None:
        return mark_key_beside(Path(work_folder), settings)

    def work(job: Job, tell: Callable[[float], None]) -> Row:
        began_s = time.monotonic()
        try:
            own_mark = mark_key(job.work_folder)
            row = _done(job, settings, destination, recipe, own_mark, speakers, tell)
        except EmptyRecordingError as error:
            row = Row(job.entry.id, "empty", reason=str(error))
        except CheckError as error:
            verdict, redraws = error.report["verdict"], error.report["redraws"]
            row = Row(job.entry.id, "held", 1, str(error), verdict, redraws)
        except DestinationError as error:
            # A full or vanished disk is no fault of the recording's: it is tried again.
            stops = _CANNOT in f" {error}"
            row = Row(job.entry.id, "working" if stops else "failed", reason=str(error))
        except SecretError as error:  # of the mark's key: nor is that
            row = Row(job.entry.id, "working", reason=str(error))
        except VoiceanonError as error:
            row = Row(job.entry.id, "failed", reason=str(error))
        except Exception as error:  # noqa: BLE001 (one recording never stops a run)
            row = Row(job.entry.id, "failed", reason=f"unexpected {type(error).__name__}")
        return replace(row, elapsed_s=round(time.monotonic() - began_s, 3))

    return work


def _done(
    job: Job,
    settings: RunSettings,
    destination: Place,
    recipe: Any,
    own_mark: bytes | None,
    speakers: SpeakerProfiles,
    tell: Callable[[float], None],
) -> Row:
    entry = job.entry
    if entry.packed is not None:
        destination = LocalFolder(waiting_beside(Path(job.work_folder)))
    place = destination.stem(entry.output, Path(job.work_folder))
    parts = bool(settings.audio) + bool(settings.level)
    placed: list[Path] = []
    results: list[FileResult] = []

    def progress(done: int, total: int) -> None:
        tell((len(results) + done / max(total, 1)) / parts)

    options: dict[str, Any] = {
        "check": settings.check,
        "allow_unmeasured": settings.allow_unmeasured,
        "language": settings.language,
        "salvage": settings.salvage,
    }
    if job.alike:
        options["profiles"] = partial(speakers.of, job.alike, job.work_folder, lambda: tell(0.0))
    try:
        with open_source(entry, job.work_folder, lambda: tell(0.0)) as source:
            if settings.audio:
                path = place.with_name(place.name + settings.audio)
                results.append(
                    anonymize_file(
                        Anonymizer(recipe, job.secret, mark_key=own_mark),
                        source,
                        path,
                        overwrite=True,
                        recording=entry.id,
                        speaker=_SPEAKER,
                        progress=progress,
                        **options,
                    )
                )
                placed.append(path)
            if settings.level:
                path = place.with_name(place.name + SUFFIX)
                result = abstract_file(
                    source,
                    path,
                    level=Level[settings.level.upper()],
                    recipe=recipe if recipe.removal == "bottleneck" else DESCRIBING_RECIPE,
                    secret=job.secret,
                    recording=entry.id,
                    overwrite=True,
                    progress=progress,
                    **options,
                )
                results.append(result)
                placed += channel_paths(path, result.channels)
        made = {path.name[len(place.name) :]: path for path in placed}
        outputs = tuple(output_of(path, suffix) for suffix, path in made.items())
        destination.deliver(entry.output, made, lambda: tell(1.0))
    except BaseException as error:
        # All outputs of a recording, or none. Folders stay: another worker may be about to use one.
        for path in placed:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise DestinationError(f"an output cannot be read again: {cause(error)}") from error
        raise
    first = results[0]
    return Row(
        entry.id,
        "done",
        reason="" if first.salvaged is None else str(first.salvaged),
        verdict=first.check,
        redraws=first.redraws,
        frames=first.frames,
        rate=first.rate,
        channels=first.channels,
        outputs=outputs,
    )


def output_of(path: Path, suffix: str) -> Output:
    """Return size, hash and time of a file that was delivered."""
    found = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        changed_ns = os.fstat(file.fileno()).st_ctime_ns  # before: what is written meanwhile shows
        while block := file.read(_BLOCK_BYTES):
            found.update(block)
            size += len(block)
    return Output(suffix, size, found.hexdigest(), changed_ns)


def trusted(place: Place, entry: Entry, row: Row, work_folder: Path) -> Row | None:
    """Return a row whose outputs are there as they were delivered, None if one is not.

    An output of the size and time of change that the row says is believed; of any other time, it
    is read, and the row returned has the new time. What a disk changes by itself, without any
    time to tell it, `verify` finds: it reads every output.

    Parameters
    ----------
    place : Place
        The destination; where it tells no times, sizes are all that is compared.
    entry : Entry
        The recording.
    row : Row
        Its row, which says "done".
    work_folder : Path
        For copies of what cannot be read where it is.

    Returns
    -------
    Row or None
    """
    found: list[Output] = []
    for output in row.outputs:
        name = entry.output + output.suffix
        there = place.status(name)
        if there is None or there[0] != output.bytes:
            return None
        if there[1] in (0, output.changed_ns):
            found.append(output)
            continue
        with place.reading(name, work_folder) as path:
            try:
                now = output_of(path, output.suffix)
            except OSError:
                return None
        if not now.is_like(output):
            return None
        found.append(now)
    outputs = tuple(found)
    return row if outputs == row.outputs else replace(row, outputs=outputs)
