"""Makes the rows of a ledger that was lost again, from the outputs that are there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from voiceanon.archive.entries import Entry
from voiceanon.archive.ledger import Row
from voiceanon.archive.opening import open_source
from voiceanon.archive.run_folder import RunSettings
from voiceanon.archive.work import MOST_CHANNELS, output_of
from voiceanon.container.voa import SUFFIX
from voiceanon.errors import VoiceanonError
from voiceanon.formats import AudioReader
from voiceanon.storage.loading import load

__all__ = ["is_whole", "rebuilt"]

_BLOCK_FRAMES = 1 << 16


def rebuilt(entries: Iterable[Entry], settings: RunSettings, work_folder: Path) -> Iterator[Row]:
    """Yield a row for every recording whose outputs are all there and whole.

    They had their names only because they were checked and verified: what the check said is lost,
    and the row says that it was rebuilt.

    Parameters
    ----------
    entries : iterable of Entry
        Of the shard.
    settings : RunSettings
        Of the run.
    work_folder : Path
        Where members of archives are put to be read.
    """
    for entry in entries:
        place = Path(settings.destination) / entry.output
        suffixes = _suffixes(place, settings)
        if suffixes is None:
            continue
        paths = [place.with_name(place.name + suffix) for suffix in suffixes]
        facts = [is_whole(path) for path in paths]
        if all(fact is not None for fact in facts):
            frames, rate, channels = facts[0] or (0, 0, 0)
            if settings.level:
                described = len(paths) - bool(settings.audio)
                if not settings.audio:
                    channels = _channels_of(entry, work_folder)
                if described != channels:
                    continue  # killed between the channels
            yield Row(
                entry.id,
                "done",
                reason="rebuilt from its outputs",
                verdict="pass" if settings.check and not settings.allow_unmeasured else "unknown",
                frames=frames,
                rate=rate,
                channels=channels,
                outputs=tuple(map(output_of, paths, suffixes)),
            )


def is_whole(path: Path) -> tuple[int, int, int] | None:
    """Return samples, rate and channels of an output that can be read to its end, else None."""
    try:
        if path.suffix == SUFFIX:
            held = load(path)
            return getattr(held, "n_samples", 0), getattr(held, "rate", 0), 1
        with AudioReader(path) as reader:
            for _ in reader.blocks(_BLOCK_FRAMES):
                pass
            return reader.declared_frames, reader.rate, reader.channels
    except VoiceanonError:
        return None


def _channels_of(entry: Entry, work_folder: Path) -> int:
    """Return how many channels a recording has; 0 if it cannot be read."""
    try:
        with open_source(entry, work_folder) as source, AudioReader(source) as reader:
            return reader.channels
    except VoiceanonError:
        return 0


def _suffixes(place: Path, settings: RunSettings) -> list[str] | None:
    """Return the suffixes of the outputs that a recording needs, None where one is not there."""

    def is_there(suffix: str) -> bool:
        return os.path.lexists(place.with_name(place.name + suffix))

    found = [settings.audio] if settings.audio else []
    if settings.level:
        several = [f".{number}{SUFFIX}" for number in range(1, MOST_CHANNELS + 1)]
        numbered = [suffix for suffix in several if is_there(suffix)]
        found += numbered or [SUFFIX]
    return found if all(map(is_there, found)) else None
