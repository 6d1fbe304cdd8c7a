"""What a worker does with one recording: outputs made, checked, placed and summed up."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from voiceanon.anonymizer import Anonymizer
from voiceanon.archive.entries import Entry
from voiceanon.archive.ledger import Output, Row
from voiceanon.archive.opening import open_source
from voiceanon.archive.run_folder import RunSettings
from voiceanon.container.voa import SUFFIX, Level
from voiceanon.errors import CheckError, DestinationError, VoiceanonError
from voiceanon.file_plan import make_folder
from voiceanon.files import FileResult, anonymize_file
from voiceanon.formats import EmptyRecordingError
from voiceanon.keys import derive
from voiceanon.storage.files import abstract_file, channel_paths

__all__ = ["Job", "job_of", "make_work", "output_of", "output_paths"]

_BLOCK_BYTES = 1 << 20
_PER_SPEAKER = "speaker"


@dataclass(frozen=True)
class Job:
    """One recording for a worker, with a secret that draws its voice and no other."""

    entry: Entry
    secret: bytes


def job_of(entry: Entry, settings: RunSettings, key: bytes) -> Job:
    """Return the job of an entry.

    A recipe that draws a voice for each speaker gets a secret for each; a recording without a
    speaker is somebody of its own.
    """
    by_speaker = settings.recipe.get("voice_draw") == _PER_SPEAKER and entry.speaker
    label = ("voice of speaker", entry.speaker) if by_speaker else ("voice of entry", entry.id)
    return Job(replace(entry, speaker=""), derive(key, *label))


def output_paths(settings: RunSettings, entry: Entry, row: Row) -> list[Path]:
    """Return where the outputs of a row are."""
    place = Path(settings.destination) / entry.output
    return [place.with_name(place.name + output.suffix) for output in row.outputs]


def make_work(
    given: tuple[RunSettings, Path],
) -> Callable[[Job, Callable[[float], None]], Row]:
    """Return what does a job, in a worker's process; given the run's settings and its folder.

    Everything that can go wrong with a recording is in the row that it returns; it counts one
    attempt. A row that is still "working" says that nothing can be delivered: the run must stop.
    """
    settings, own_folder = given
    recipe = settings.recipe_made()

    def work(job: Job, tell: Callable[[float], None]) -> Row:
        began_s = time.monotonic()
        try:
            row = _done(job, settings, recipe, own_folder, tell)
        except EmptyRecordingError as error:
            row = Row(job.entry.id, "empty", reason=str(error))
        except CheckError as error:
            verdict, redraws = error.report["verdict"], error.report["redraws"]
            row = Row(job.entry.id, "held", 1, str(error), verdict, redraws)
        except DestinationError as error:
            # A full or vanished disk is no fault of the recording's: it is tried again.
            stops = str(error).startswith("cannot be")
            row = Row(job.entry.id, "working" if stops else "failed", reason=str(error))
        except VoiceanonError as error:
            row = Row(job.entry.id, "failed", reason=str(error))
        except Exception as error:  # noqa: BLE001 (one recording never stops a run)
            row = Row(job.entry.id, "failed", reason=f"unexpected {type(error).__name__}")
        return replace(row, elapsed_s=round(time.monotonic() - began_s, 3))

    return work


def _done(
    job: Job,
    settings: RunSettings,
    recipe: Any,
    own_folder: Path,
    tell: Callable[[float], None],
) -> Row:
    entry = job.entry
    place = Path(settings.destination) / entry.output
    made_folders = make_folder(place.parent)
    parts = bool(settings.audio) + bool(settings.level)
    placed: list[Path] = []
    results: list[FileResult] = []

    def progress(done: int, total: int) -> None:
        tell((len(results) + done / max(total, 1)) / parts)

    gate: dict[str, Any] = {
        "check": settings.check,
        "allow_unmeasured": settings.allow_unmeasured,
        "language": settings.language,
    }
    try:
        with open_source(entry, own_folder) as source:
            if settings.audio:
                path = place.with_name(place.name + settings.audio)
                # One voice a speaker is one secret a speaker here: see `job_of`.
                own = replace(recipe, voice_draw="recording") if _is_by_speaker(recipe) else recipe
                results.append(
                    anonymize_file(
                        Anonymizer(own, job.secret),
                        source,
                        path,
                        overwrite=True,
                        recording="" if _is_by_speaker(recipe) else entry.id,
                        progress=progress,
                        **gate,
                    )
                )
                placed.append(path)
            if settings.level:
                path = place.with_name(place.name + SUFFIX)
                result = abstract_file(
                    source,
                    path,
                    level=Level[settings.level.upper()],
                    recipe=recipe if recipe.removal == "bottleneck" else "bottleneck",
                    secret=job.secret,
                    recording=entry.id,
                    overwrite=True,
                    progress=progress,
                    **gate,
                )
                results.append(result)
                placed += channel_paths(path, result.channels)
    except BaseException:
        # All outputs of a recording, or none.
        for path in placed:
            path.unlink(missing_ok=True)
        for folder in made_folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    first = results[0]
    return Row(
        entry.id,
        "done",
        verdict=first.check,
        redraws=first.redraws,
        frames=first.frames,
        rate=first.rate,
        channels=first.channels,
        outputs=tuple(output_of(path, path.name[len(place.name) :]) for path in placed),
    )


def _is_by_speaker(recipe: Any) -> bool:
    return bool(recipe.voice_draw == _PER_SPEAKER)


def output_of(path: Path, suffix: str) -> Output:
    """Return size and hash of a file that was delivered."""
    found = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            found.update(block)
            size += len(block)
    return Output(suffix, size, found.hexdigest())
