"""What is learned from: values of every recording, beside what a teacher hears in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.errors import VoiceanonError
from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.sounds import Sound
from voiceanon.profile import Profiler
from voiceanon.template import TEMPLATE_RATE_HZ, tables, whole_removal
from voiceanon.training.phones import aligned
from voiceanon.training.teacher import FEATURES_A_SECOND, Teacher

__all__ = [
    "LEVEL_STEP_DB",
    "PAUSE_STEP",
    "ROWS_A_FRAME",
    "Material",
    "Utterance",
    "gather",
    "level_step",
    "plain_values",
    "speaker_means",
    "speech_frames",
    "usable",
]

ROWS_A_FRAME = 200 // FEATURES_A_SECOND  # rows of 5 ms in a frame of 20 ms
_SHORTEST_S, _LONGEST_S = 1.0, 18.0
_VERSION = "1"
_MEAN_PRIOR_FRAMES = 1500.0
_ALIGNED_EVERY = 3
# What a description keeps of level, in whole steps; fainter than the faintest is a pause.
LEVEL_STEP_DB = 6.0
HIGHEST_STEP, FAINTEST_STEP, PAUSE_STEP = 2.0, -6.0, -8.0

Half = npt.NDArray[np.float16]
Float32 = npt.NDArray[np.float32]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Utterance:
    """One recording.

    Attributes
    ----------
    speaker : int
        Whose it is.
    text : str
        What is said, or empty.
    rows : ndarray of float16, shape (4 t, 3 + values)
        Voiced, normalised pitch, relative level in dB, absolute values as the template speaks them.
    heard : ndarray of float16, shape (t, features)
        What the teacher hears, one frame every 20 ms.
    phones : ndarray of int8, shape (t,), optional
        The phone of every frame, where it was aligned.
    """

    speaker: int
    text: str
    rows: Half
    heard: Half
    phones: npt.NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.heard)


@dataclass(frozen=True)
class Material:
    """All of it.

    Attributes
    ----------
    utterances : list of Utterance
        In the order of the corpus.
    speakers : tuple of str
        Their names.
    """

    utterances: list[Utterance]
    speakers: tuple[str, ...]


def gather(
    recordings: Sequence[Recording], teacher: Teacher, folder: Path, progress: Progress
) -> Material:
    """Analyse and align recordings, and have the teacher hear them.

    What is in the folder is not done again.

    Parameters
    ----------
    recordings : sequence of Recording
        Training speech; those under 1 s or over 18 s are left out.
    teacher : Teacher
        The frozen recogniser.
    folder : Path
        Where results are kept; treat it like the recordings.
    progress : callable
        Called with what is done, how much, of how much.
    """
    used = usable(recordings)
    if not used:
        raise VoiceanonError(
            f"none of {len(recordings)} recordings lasts {_SHORTEST_S:g} to {_LONGEST_S:g} s"
        )
    said = json.dumps([_VERSION, teacher.name, [(r.key, r.speaker) for r in used]])
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    rows_path, heard_path = folder / f"rows-{digest}.npz", folder / f"heard-{digest}.npz"
    if not rows_path.exists():
        found: dict[str, npt.NDArray[Any]] = {}
        for number, recording in enumerate(used):
            found[str(number)] = _rows_of(Sound.of(recording).read())
            progress("analysing", number + 1, len(used))
        _keep(rows_path, found)
    if not heard_path.exists():
        found = {}
        for number, part in enumerate(teacher.hear(Sound.of(r).read() for r in used)):
            found[str(number)] = part
            progress("teacher", number + 1, len(used))
        _keep(heard_path, found)
    aligned_path = folder / f"phones-{digest}.npz"
    if not aligned_path.exists():
        chosen = [n for n, r in enumerate(used) if r.text][::_ALIGNED_EVERY]
        found = {}
        spoken = ((Sound.of(used[n]).read(), used[n].text) for n in chosen)
        for done, (number, phones_said) in enumerate(zip(chosen, aligned(spoken), strict=True)):
            if phones_said is not None:
                found[str(number)] = phones_said
            progress("aligning", done + 1, len(chosen))
        _keep(aligned_path, found)
    speakers = tuple(sorted({r.speaker for r in used}))
    number_of = {name: number for number, name in enumerate(speakers)}
    utterances = []
    with np.load(rows_path) as rows, np.load(heard_path) as heard, np.load(aligned_path) as phones:
        for number, recording in enumerate(used):
            name = str(number)
            row, features = rows[name], heard[name]
            count = min(len(row) // ROWS_A_FRAME, len(features))
            utterances.append(
                Utterance(
                    number_of[recording.speaker],
                    recording.text,
                    row[: count * ROWS_A_FRAME],
                    features[:count],
                    phones[name][:count] if name in phones.files else None,
                )
            )
    return Material(utterances, speakers)


def usable(recordings: Sequence[Recording]) -> list[Recording]:
    """Return those that are neither too short nor too long to learn from."""
    return [r for r in recordings if _SHORTEST_S <= (r.duration_s or 0.0) <= _LONGEST_S]


def plain_values(description: Float32) -> Float32:
    """Return a description's values as the template speaks them, undoing deviations and means.

    Parameters
    ----------
    description : ndarray of float32, shape (t, 3 + values)
        Rows of the core's speaker removal.
    """
    kind = np.where(description[:, 0] > 0.5, 0, 1)
    mean, deviation = tables()["mean"][kind], tables()["deviation"][kind]
    plain: Float32 = (mean + deviation * description[:, 3:]).astype(np.float32)
    return plain


def speaker_means(material: Material) -> Float32:
    """Return each speaker's mean of what the teacher hears, (speakers, features).

    It is as near to everybody's as there is little speech to know it by.
    """
    size = material.utterances[0].heard.shape[1]
    count = np.zeros(len(material.speakers))
    total = np.zeros((len(material.speakers), size))
    for u in material.utterances:
        count[u.speaker] += len(u)
        total[u.speaker] += u.heard.astype(np.float32).sum(0)
    middle = total.sum(0) / count.sum()
    own = (total + _MEAN_PRIOR_FRAMES * middle) / (count + _MEAN_PRIOR_FRAMES)[:, None]
    return np.asarray(own, np.float32)


def level_step(rows: Half) -> Float32:
    """Return the level of each frame as a description has it, in steps of 6 dB."""
    loudest = rows[:, 2].reshape(-1, ROWS_A_FRAME).max(1).astype(np.float32)
    steps = np.minimum(np.rint(loudest / LEVEL_STEP_DB), HIGHEST_STEP)
    return np.asarray(np.where(steps < FAINTEST_STEP, PAUSE_STEP, steps), np.float32)


def speech_frames(rows: Half) -> npt.NDArray[np.bool_]:
    """Whether each frame of 20 ms is speech: a pause has no unit."""
    return level_step(rows) >= FAINTEST_STEP


def _rows_of(samples: Float32) -> Half:
    profiler = Profiler(TEMPLATE_RATE_HZ)
    profiler.process(samples)
    (profile,) = profiler.finish()
    remembered = profiler.remembered
    if remembered is None:
        raise VoiceanonError("a training recording is too long to remember")
    description = whole_removal(profile.state).process(remembered[0])
    found = np.hstack([description[:, :3], np.clip(plain_values(description), -60.0, 60.0)])
    return found.astype(np.float16)


def _keep(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    part = path.with_suffix(".part.npz")
    np.savez(part, **arrays)  # type: ignore[arg-type]
    part.replace(path)
