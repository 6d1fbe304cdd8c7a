"""What is typical of a speaker, learned from several recordings; kept in a worker's memory alone.

Every worker that needs a speaker's profile makes it anew from the same recordings in the same
order, so neither the number of workers nor a run that was stopped changes it, and it is on no disk.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence

from voiceanon.archive.entries import Entry
from voiceanon.archive.opening import open_source
from voiceanon.errors import RecordingError
from voiceanon.formats import AudioReader
from voiceanon.profile import Profile, Profiler

__all__ = ["MOST_ALIKE", "MOST_S", "SpeakerProfiles"]

MOST_ALIKE = 100
MOST_S = 600.0
"""A profile rests on so many recordings and seconds of a speaker at most: the first by id."""

_MOST_KEPT = 16
_BLOCK_FRAMES = 1 << 16

Known = tuple["Profile | None", ...]


class SpeakerProfiles:
    """The profiles of the speakers that a worker had to do with last."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[object, ...], Known] = OrderedDict()

    def of(
        self,
        alike: Sequence[Entry],
        work_folder: str | os.PathLike[str],
        tick: Callable[[], None],
        rate: int,
    ) -> Known:
        """Return a profile for each channel, None where nothing was learned.

        Parameters
        ----------
        alike : sequence of Entry
            Recordings of one speaker, in the order of their ids.
        work_folder : path
            Where what must be copied to be read is put for a moment.
        tick : callable
            Called as they are read.
        rate : int
            Only recordings of this many samples a second are used: others lack, or have, a part of
            the spectrum.
        """
        key = (rate, *(entry.id for entry in alike))
        if key not in self._made:
            self._made[key] = _learned(alike, work_folder, tick, rate)
            if len(self._made) > _MOST_KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]


def _learned(
    alike: Sequence[Entry],
    work_folder: str | os.PathLike[str],
    tick: Callable[[], None],
    rate: int,
) -> Known:
    """Profiles of channels from whole recordings; one that is damaged teaches nothing."""
    heard: list[list[Profile]] = []
    left = round(MOST_S * rate)
    for entry in alike:
        if left <= 0:
            break
        try:
            with open_source(entry, work_folder, tick) as source, AudioReader(source) as reader:
                if reader.rate != rate:
                    continue
                frames = min(left, reader.declared_frames)
                found = _profiles(reader, frames, tick)
        except RecordingError:
            continue
        left -= frames
        heard += [[] for _ in range(len(found) - len(heard))]
        for channel, one in zip(heard, found, strict=False):
            if one.voiced_s:
                channel.append(one)
    return tuple(Profile.merged(channel) if channel else None for channel in heard)


def _profiles(reader: AudioReader, frames: int, tick: Callable[[], None]) -> tuple[Profile, ...]:
    profiler = Profiler(reader.rate, reader.channels)
    for block in reader.blocks(_BLOCK_FRAMES):
        profiler.process(block[:, :frames])
        frames -= block.shape[1]
        tick()
        if frames <= 0:
            break
    return profiler.finish()
