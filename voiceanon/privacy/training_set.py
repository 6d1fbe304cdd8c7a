"""Which speech of other people an attacker trains on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from voiceanon.privacy.corpora.recordings import Recording

__all__ = ["training_set"]

# A speaker's vectors must vary: a single recording is cut into stretches about this long.
_STRETCH_S = 4.0


def training_set(
    recordings: Sequence[Recording],
    *,
    per_speaker: int = 12,
    most_hours: float = 2.5,
    longest_s: float = 16.0,
) -> tuple[Recording, ...]:
    """Return recordings, and stretches of them, that cover as many speakers as possible.

    Parameters
    ----------
    recordings : sequence of Recording
        All there is, with their durations.
    per_speaker : int
        At most so many of a speaker, at even distances over their recordings.
    most_hours : float
        Where there would be more, speakers get fewer each, down to two; then speakers drop out.
    longest_s : float
        Longer recordings are cut to this.

    Returns
    -------
    tuple of Recording
        Speakers of one recording have it cut into stretches of
        about 4 s, each anonymised on its own.
    """
    grouped: dict[str, list[Recording]] = defaultdict(list)
    for recording in recordings:
        grouped[recording.speaker].append(recording)
    wanted = per_speaker
    while True:
        chosen = [_of_speaker(own, wanted, longest_s) for _, own in sorted(grouped.items())]
        hours = sum(_length_s(r) for own in chosen for r in own) / 3600
        if hours <= most_hours or wanted <= 2:
            break
        wanted -= 1
    if hours > most_hours:
        kept = max(3, int(len(chosen) * most_hours / hours))
        at = np.linspace(0, len(chosen) - 1, min(kept, len(chosen))).round().astype(int)
        chosen = [chosen[i] for i in at]
    return tuple(recording for own in chosen for recording in own)


def _length_s(recording: Recording) -> float:
    return recording.length_s if recording.length_s is not None else recording.duration_s or 0.0


def _of_speaker(own: list[Recording], wanted: int, longest_s: float) -> list[Recording]:
    if len(own) == 1:
        return _stretches(own[0])[:wanted]
    at = np.linspace(0, len(own) - 1, min(wanted, len(own))).round().astype(int)
    return [_cut(own[i], longest_s) for i in at]


def _cut(recording: Recording, longest_s: float) -> Recording:
    if _length_s(recording) <= longest_s:
        return recording
    return replace(recording, length_s=longest_s, duration_s=longest_s)


def _stretches(recording: Recording) -> list[Recording]:
    whole_s = _length_s(recording)
    count = max(1, int(whole_s / _STRETCH_S))
    if count == 1:
        return [recording]
    each_s = whole_s / count
    # A table's duration may be rounded up: the last stretch stays inside the file.
    return [
        replace(
            recording,
            key=f"{recording.key}_{number}",
            start_s=round(recording.start_s + number * each_s, 4),
            length_s=round(each_s - 0.01, 4),
            duration_s=round(each_s - 0.01, 4),
        )
        for number in range(count)
    ]
