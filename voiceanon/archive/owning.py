"""A mark in a destination: which run it belongs to, so that no other writes there meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

from voiceanon.archive.places import Place, place_of
from voiceanon.archive.run_folder import RunSettings
from voiceanon.errors import DestinationError, RecordingError
from voiceanon.formats.placing import TEMPORARY_PREFIX
from voiceanon.formats.source import Source

__all__ = ["MARK", "claim", "refuse_foreign", "release"]

MARK = f"{TEMPORARY_PREFIX}run"
"""Name of the mark; it holds the name of a run, drawn when it was planned, and nothing else."""

_MOST_BYTES = 1024


def refuse_foreign(settings: RunSettings, folder: Path) -> bool:
    """Refuse a destination of another run; return whether it is marked as this run's.

    Parameters
    ----------
    settings : RunSettings
        Of the run.
    folder : Path
        Where what lies in a bucket is put to be read.

    Raises
    ------
    DestinationError
        If another run is at work there, or whose it is cannot be read.
    """
    owner = _owner(place_of(settings), folder)
    if owner is not None and owner != settings.run:
        raise DestinationError(
            f"destination {settings.destination!r} belongs to another run ({owner}): go on with "
            f"that one's --run FOLDER, or finish it; or, if it is given up, remove {MARK!r} there"
        )
    return owner is not None


def claim(settings: RunSettings, folder: Path) -> None:
    """Mark a destination as this run's, if it is nobody's; of two runs, one gets it.

    A run that was planned before there were marks puts it there when it goes on.

    Parameters
    ----------
    settings : RunSettings
        Of the run.
    folder : Path
        Where what goes to a bucket is made, and what lies there is put to be read.

    Raises
    ------
    DestinationError
        If it belongs to another run, or cannot be marked.
    """
    if refuse_foreign(settings, folder):
        return
    text = json.dumps({"run": settings.run}).encode() + b"\n"
    try:
        place_of(settings).write(MARK, text, folder, is_new=True)
    except DestinationError as error:
        if not refuse_foreign(settings, folder):  # no other run was a moment earlier
            raise DestinationError(f"destination cannot be marked: {error}") from error


def release(settings: RunSettings, folder: Path) -> None:
    """Remove the mark of a run that is finished, or that could not be planned."""
    place = place_of(settings)
    if _owner(place, folder) == settings.run:
        place.remove(MARK)


def _owner(place: Place, folder: Path) -> str | None:
    """Return the name of the run that a destination is marked with."""
    if place.status(MARK) is None:
        return None
    with place.reading(MARK, folder) as path:
        try:
            with Source(path) as source:
                found = json.loads(source.read(0, _MOST_BYTES))["run"]
        except RecordingError as error:
            raise DestinationError(f"{MARK!r} in the destination {error}") from error
        except (ValueError, LookupError, TypeError) as error:
            raise DestinationError(
                f"{MARK!r} in the destination, which says whose it is, is damaged: remove it if no "
                "other run is at work there"
            ) from error
    return str(found)
