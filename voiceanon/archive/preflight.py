"""What is looked at before any work: whether outputs may be put where they are to go."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from voiceanon.archive.run_folder import RunSettings
from voiceanon.archive.s3.preflight import check_bucket
from voiceanon.archive.s3.store import Store
from voiceanon.archive.s3.urls import S3Url, is_url
from voiceanon.errors import DestinationError
from voiceanon.file_plan import make_folder
from voiceanon.formats.placing import NewFile

__all__ = ["check_destination", "check_space", "remove_folders", "space_told"]

_CANARY = "canary.tmp"
# Why, libsndfile does not tell: with everything that cannot be written goes what is free.
_WRITING = ("cannot be written", "cannot be copied", "cannot be made")


def check_destination(settings: RunSettings) -> list[Path]:
    """Refuse a destination that others can read, that lies in the source, or cannot be written.

    A bucket is looked at by `voiceanon.archive.s3.preflight`.

    Parameters
    ----------
    settings : RunSettings
        Of the run; the folder is made, for its owner alone, if it is not there.

    Returns
    -------
    list of Path
        Folders that were made, the innermost first.

    Raises
    ------
    DestinationError
        With the reason and what to do; then no folder is made.
    """
    if is_url(settings.destination):
        _check_url(settings)
        return []
    destination = Path(settings.destination)
    real, source = destination.resolve(), Path(settings.source).resolve()
    is_local = not is_url(settings.source)
    if is_local and source.is_dir() and (real == source or source in real.parents):
        raise DestinationError(
            f"destination {str(destination)!r} lies inside the source; choose a place outside"
        )
    if is_local and real in source.parents:
        raise DestinationError(
            f"the source lies inside the destination {str(destination)!r}; choose another place"
        )
    made = make_folder(destination)
    try:
        _check_place(destination)
    except BaseException:
        remove_folders(made)
        raise
    return made


def check_space(
    settings: RunSettings, run: Path | None, output_bytes: int, waiting_bytes: int = 0
) -> None:
    """Refuse if there is too little room where outputs are to be, or wait on their way there.

    Where both are on one file system, it must have room for both.

    Parameters
    ----------
    settings : RunSettings
        Of the run.
    run : Path or None
        The run's own folder, there or not; None where it is not known yet, and not looked at.
    output_bytes : int
        What the outputs are expected to take.
    waiting_bytes : int
        What is in the run's folder at once.

    Raises
    ------
    DestinationError
        Which names the place.
    """
    needs = {"destination": output_bytes, "run's folder": waiting_bytes}
    for places, free in _by_file_system(settings, run):
        needed = sum(needs[name] for name in places)
        if free < needed:
            named = " and ".join(f"{name} {str(place)!r}" for name, place in places.items())
            has = "have" if len(places) > 1 else "has"
            raise DestinationError(
                f"{named} {has} {free / 1e9:.1f} GB free: about {needed / 1e9:.1f} GB are needed"
            )


def space_told(problem: str, settings: RunSettings, run: Path) -> str:
    """Return a problem, with how much is free on each disk if it is one of writing there."""
    if not any(words in problem for words in _WRITING):
        return problem
    told = [
        f"{free / 1e6:.1f} MB are free in {' and '.join(places)}"
        for places, free in _by_file_system(settings, run)
    ]
    return f"{problem} ({', '.join(told)})"


def _by_file_system(
    settings: RunSettings, run: Path | None
) -> Iterator[tuple[dict[str, Path], int]]:
    """Yield the places that outputs are written to, those of one file system together, its room."""
    local = None if is_url(settings.destination) else Path(settings.destination)
    found: dict[int, tuple[dict[str, Path], int]] = {}
    for name, place in (("destination", local), ("run's folder", run)):
        if place is not None:
            number, free = _file_system(place)
            found.setdefault(number, ({}, free))[0][name] = place
    yield from found.values()


def _file_system(place: Path) -> tuple[int, int]:
    """The number of the file system that a place is on, or would be, and bytes free there."""
    there = next(path for path in (place, *place.absolute().parents) if path.exists())
    return there.stat().st_dev, shutil.disk_usage(there).free


def _check_url(settings: RunSettings) -> None:
    url = S3Url.parse(settings.destination)
    if is_url(settings.source):
        source = S3Url.parse(settings.source)
        if source.holds(url) or url.holds(source):
            raise DestinationError(
                f"destination {str(url)!r} and the source lie in one another; choose another prefix"
            )
    check_bucket(Store(url, settings.owner), settings.allow_unchecked)


def remove_folders(made: list[Path]) -> None:
    """Remove folders that were made for nothing, if nobody has put anything there."""
    for folder in made:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _check_place(destination: Path) -> None:
    status = destination.stat()
    if status.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise DestinationError(
            f"destination {str(destination)!r} is open to others "
            f"({stat.filemode(status.st_mode)}): chmod 700 it"
        )
    try:
        # As an output is made: a place that cannot be written is refused before any work.
        NewFile(destination / _CANARY).abort()
    except DestinationError as error:
        raise DestinationError(f"destination {str(destination)!r}: {error}") from error
    if not os.access(destination, os.W_OK | os.X_OK):
        raise DestinationError(f"destination {str(destination)!r} cannot be written: chmod u+wx it")
