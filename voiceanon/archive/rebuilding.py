"""Makes the rows of a ledger that was lost again, from the outputs that are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from voiceanon.archive.entries import Entry
from voiceanon.archive.ledger import Row
from voiceanon.archive.opening import open_source
from voiceanon.archive.packing import by_tar, in_tar, opened, tar_of
from voiceanon.archive.places import LocalFolder, Readable, place_of
from voiceanon.archive.run_folder import RunSettings
from voiceanon.archive.tars import extracted, index_of
from voiceanon.archive.work import existing_suffixes, output_of
from voiceanon.container.voa import SUFFIX
from voiceanon.errors import VoiceanonError
from voiceanon.formats import AudioReader
from voiceanon.formats.source import Source
from voiceanon.storage.loading import load

__all__ = ["is_whole", "rebuilt"]

_BLOCK_FRAMES = 1 << 16


def rebuilt(
    entries: Iterable[Entry], settings: RunSettings, work_folder: Path, waiting: Path
) -> Iterator[Row]:
    """Yield a row for every recording whose outputs are all there and whole.

    They had their names only because they were checked and verified: what the check said is lost,
    and the row says that it was rebuilt. Where damaged recordings are salvaged, those that may be
    are left out: they are to be done again, so that their rows say what they are.

    Parameters
    ----------
    entries : iterable of Entry
        Of the shard.
    settings : RunSettings
        Of the run.
    work_folder : Path
        Where members of archives, and what is in a bucket, are put to be read.
    waiting : Path
        Where outputs wait for the others of their tar file.
    """
    place = place_of(settings)
    for is_in_tar, found in by_tar(entries):
        if not is_in_tar:
            yield from _rows(found, settings, place, work_folder)
            continue
        together = list(found)
        with opened(place, tar_of(together), work_folder) as source:
            index = {} if source is None else index_of(source)
            for entry in together:
                files = _Files(LocalFolder(waiting), source, index, entry)
                for row in _rows([entry], settings, files, work_folder):
                    yield in_tar(row, entry) if files.is_all_in_tar else row


class _Files:
    """The outputs of one recording, wherever they are: waiting, or in a tar file."""

    def __init__(
        self,
        waiting: LocalFolder,
        source: Source | None,
        index: dict[str, tuple[int, int]],
        entry: Entry,
    ) -> None:
        self._waiting, self._source, self._index = waiting, source, index
        self._member = "" if entry.packed is None else entry.packed.member
        self._output = entry.output
        self.is_all_in_tar = True

    def existing(self, output: str, suffixes: list[str]) -> list[str]:
        waiting = self._waiting.existing(output, suffixes)
        return [one for one in suffixes if one in waiting or self._member + one in self._index]

    @contextmanager
    def reading(self, name: str, work_folder: Path) -> Iterator[Path]:
        """Yield the path of an output, or of a copy of what the tar file holds."""
        suffix = name.removeprefix(self._output)
        if self._source is None or self._member + suffix not in self._index:
            self.is_all_in_tar = False
            with self._waiting.reading(name, work_folder) as path:
                yield path
            return
        with extracted(self._source, *self._index[self._member + suffix], work_folder, suffix) as p:
            yield p


def _rows(
    entries: Iterable[Entry], settings: RunSettings, place: Readable, work_folder: Path
) -> Iterator[Row]:
    for entry in entries:
        suffixes = _suffixes(settings, place, entry)
        if suffixes is None or (settings.salvage and not _is_undamaged(entry, work_folder)):
            continue
        with ExitStack() as held:
            names = [entry.output + suffix for suffix in suffixes]
            paths = [held.enter_context(place.reading(name, work_folder)) for name in names]
            facts = [is_whole(path) for path in paths]
            if not all(fact is not None for fact in facts):
                continue
            frames, rate, channels = facts[0] or (0, 0, 0)
            if settings.level:
                described = len(paths) - bool(settings.audio)
                if not settings.audio:
                    channels = _channels_of(entry, work_folder)
                if described != channels:
                    continue  # killed between the channels
            outputs = tuple(map(output_of, paths, suffixes))
        yield Row(
            entry.id,
            "done",
            reason="rebuilt from its outputs",
            verdict="pass" if settings.check and not settings.allow_unmeasured else "unknown",
            frames=frames,
            rate=rate,
            channels=channels,
            outputs=outputs,
        )


def is_whole(path: Path) -> tuple[int, int, int] | None:
    """Return samples, rate and channels of a file that can be read to its end, else None."""
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


def _is_undamaged(entry: Entry, work_folder: Path) -> bool:
    """Return whether a recording can be read to its end."""
    try:
        with open_source(entry, work_folder) as source:
            return is_whole(source) is not None
    except VoiceanonError:
        return False


def _channels_of(entry: Entry, work_folder: Path) -> int:
    """Return how many channels a recording has; 0 if it cannot be read."""
    try:
        with open_source(entry, work_folder) as source, AudioReader(source) as reader:
            return reader.channels
    except VoiceanonError:
        return 0


def _suffixes(settings: RunSettings, place: Readable, entry: Entry) -> list[str] | None:
    """Return the suffixes of the outputs that a recording needs, None where one is not there."""
    there = existing_suffixes(settings, place, entry)
    numbered = [one for one in there if one not in (settings.audio, SUFFIX)]
    wanted = [settings.audio] if settings.audio else []
    if settings.level:
        wanted += numbered or [SUFFIX]
    return wanted if set(wanted) <= set(there) else None
