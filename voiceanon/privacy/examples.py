"""A few anonymised recordings beside the report, to be heard; never an original."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from voiceanon.formats import AudioWriter
from voiceanon.privacy.collected import Collected
from voiceanon.privacy.sounds import read_at_own_rate

__all__ = ["write_examples"]

_COUNT = 4
_LONGEST_S = 12.0


def write_examples(collected: Collected, folder: Path) -> list[dict[str, Any]]:
    """Write up to four of a variant's recordings, of different speakers, as FLAC.

    Parameters
    ----------
    collected : Collected
        A variant that protects.
    folder : Path
        The report's folder; they lie in ``examples`` below it.

    Returns
    -------
    list of dict
        ``recording`` and ``path`` relative to `folder`.
    """
    chosen: list[int] = []
    seen: set[str] = set()
    # Women and men take turns where the corpus tells them apart.
    by_turns = sorted(
        range(len(collected.recordings)),
        key=lambda i: (
            sum(r.sex == collected.recordings[i].sex for r in collected.recordings[:i]),
            i,
        ),
    )
    for index in by_turns:
        recording = collected.recordings[index]
        seconds = recording.length_s or recording.duration_s or 0.0
        if recording.speaker not in seen and seconds <= _LONGEST_S:
            seen.add(recording.speaker)
            chosen.append(index)
        if len(chosen) == _COUNT:
            break
    place = folder / "examples"
    place.mkdir(exist_ok=True, mode=0o700)
    written = []
    for number, index in enumerate(sorted(chosen), 1):
        samples, rate = read_at_own_rate(collected.sounds("trial")[index])
        path = place / f"{collected.variant}-{number}.flac"
        with AudioWriter(path, rate, 1, len(samples), overwrite=True) as writer:
            writer.write(samples[None, :])
            writer.commit()
        written.append(
            {
                "recording": collected.recordings[index].key,
                "path": path.relative_to(folder).as_posix(),
            }
        )
    return written
