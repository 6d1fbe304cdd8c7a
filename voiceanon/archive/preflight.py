"""What is looked at before any work: whether outputs may be put where they are to go."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path

from voiceanon.archive.run_folder import RunSettings
from voiceanon.archive.s3.preflight import check_bucket
from voiceanon.archive.s3.store import Store
from voiceanon.archive.s3.urls import S3Url, is_url
from voiceanon.errors import DestinationError
from voiceanon.file_plan import make_folder
from voiceanon.formats.placing import NewFile

__all__ = ["check_destination", "remove_folders"]

_CANARY = "canary.tmp"


def check_destination(settings: RunSettings, needed_bytes: int = 0) -> list[Path]:
    """Refuse a destination that others can read, that lies in the source, or that is too small.

    A bucket is looked at by `voiceanon.archive.s3.preflight`.

    Parameters
    ----------
    settings : RunSettings
        Of the run; the folder is made, for its owner alone, if it is not there.
    needed_bytes : int
        What the outputs are expected to take.

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
        _check_place(destination, needed_bytes)
    except BaseException:
        remove_folders(made)
        raise
    return made


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


def _check_place(destination: Path, needed_bytes: int) -> None:
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
    free = shutil.disk_usage(destination).free
    if free < needed_bytes:
        raise DestinationError(
            f"destination {str(destination)!r} has {free / 1e9:.1f} GB free: about "
            f"{needed_bytes / 1e9:.1f} GB are needed"
        )
    if not os.access(destination, os.W_OK | os.X_OK):
        raise DestinationError(f"destination {str(destination)!r} cannot be written: chmod u+wx it")
