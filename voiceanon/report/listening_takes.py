"""Has recordings spoken by several pseudo-voices, checked, and drawn: what a listening page shows.

An output comes from `voiceanon.files.anonymize_file`, as every delivered one does; of what the gate
holds there is no sound.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.abstraction import content_of
from voiceanon.anonymizer import Anonymizer
from voiceanon.checks.sound import RATE_HZ, at_judged_rate
from voiceanon.describing import abstract
from voiceanon.errors import CheckError, RecordingError
from voiceanon.files import BLOCK_FRAMES, anonymize_file
from voiceanon.formats import AudioReader
from voiceanon.recipe import Recipe
from voiceanon.report.bundled import Reading
from voiceanon.report.listening_pictures import (
    description_picture,
    melody_path,
    sound_picture,
    unit_numbers,
)

__all__ = [
    "CAST",
    "MELODY_SIZE",
    "MOST_READINGS",
    "Heard",
    "Listened",
    "Progress",
    "Take",
    "listen",
    "seconds_shown",
]

CAST = (
    ("template", "drawn"),
    ("template", "female-mid"),
    ("template", "male-mid"),
    ("bottleneck", "drawn"),
    ("bottleneck", "female-low"),
    ("bottleneck", "female-high"),
    ("bottleneck", "neutral-mid"),
    ("bottleneck", "male-low"),
    ("bottleneck", "male-high"),
)
"""Recipe and voice of each take; as many as there are number keys."""

_SHOWN_S = 12.0
# Of all recordings together: ten sounds of each come to 8 MB.
_SHOWN_IN_ALL_S = 34.0
MOST_READINGS = 10
_LONGEST_S = 600.0
MELODY_SIZE = (1000.0, 120.0)
_BEFORE_INK, _AFTER_INK = (0, 74, 122), (138, 52, 0)

Float32 = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Heard:
    """What is heard and seen of one sound.

    Attributes
    ----------
    flac : bytes
        Its first seconds, mono, 16 kHz.
    picture : str
        Its spectrogram, as a ``data:`` address.
    melody : str
        Its f0, as an SVG path in a drawing of `MELODY_SIZE`.
    """

    flac: bytes
    picture: str
    melody: str


@dataclass(frozen=True)
class Take:
    """A recording in one pseudo-voice.

    Attributes
    ----------
    recipe, voice : str
        Who speaks, and how.
    heard : Heard or None
        None where the gate held it.
    report : dict
        What the gate found, as `voiceanon.checks.verdicts.CheckReport.as_dict` returns it.
    redraws : int
        How many drawn voices were held before.
    times_real_time : float
        How much faster than it is spoken it was made, checked, written and verified, in time of
        the processor.
    """

    recipe: str
    voice: str
    heard: Heard | None
    report: dict[str, Any]
    redraws: int
    times_real_time: float


@dataclass(frozen=True)
class Listened:
    """A recording and its takes.

    Attributes
    ----------
    reading : Reading
        The recording.
    original : Heard or None
        None unless it may be on a page.
    takes : tuple of Take
        As `CAST`.
    duration_s, shown_s : float
        Of the recording, and of what is heard of it.
    channels : int
        Of the recording; the first is heard.
    units : str
        A picture of its description, as a ``data:`` address.
    unit_numbers : list of int
        The unit of each frame of 20 ms; 0 where nobody speaks.
    description_bytes : int
        Of the whole recording, stored.
    speeds : dict of str to float
        By recipe, how much faster than it is spoken it was changed, without check and files, in
        time of the processor.
    """

    reading: Reading
    original: Heard | None
    takes: tuple[Take, ...]
    duration_s: float
    shown_s: float
    channels: int
    units: str
    unit_numbers: list[int]
    description_bytes: int
    speeds: dict[str, float]

    @property
    def bits_per_second(self) -> float:
        """Size of the description as it is stored."""
        return 8 * self.description_bytes / self.duration_s


def seconds_shown(readings: int) -> float:
    """Return how much of each recording is heard on a page of so many, in seconds."""
    return min(_SHOWN_S, _SHOWN_IN_ALL_S / readings)


def listen(
    reading: Reading,
    *,
    longest_s: float,
    with_original: bool,
    language: str,
    secret: bytes | None = None,
    progress: Progress,
) -> Listened:
    """Have a recording spoken by every voice of `CAST`, each output checked.

    Parameters
    ----------
    reading : Reading
        The recording, of at most ten minutes.
    longest_s : float
        How much of it is heard and drawn; all of it is spoken and checked.
    with_original : bool
        Whether the result holds the original's sound and pictures. A recording can be heard out
        of its spectrogram, so without leave there is neither.
    language : str
        Of the speech, as ISO 639-1.
    secret : bytes of length 32, optional
        What voices are drawn from; otherwise each from a fresh one that is not kept.
    progress : callable
        Called many times with takes done and takes in all; may raise to stop.

    Raises
    ------
    RecordingError
        If the recording cannot be read whole, or is longer.
    """
    samples, rate, channels = _first_channel(reading.path)
    progress(0, len(CAST))
    shown_s = min(longest_s, len(samples) / rate)
    described = abstract(samples, rate, recipe="bottleneck")
    speeds = {recipe: _speed(recipe, samples, rate) for recipe in dict.fromkeys(r for r, _ in CAST)}
    progress(0, len(CAST))
    with tempfile.TemporaryDirectory(prefix="voiceanon-") as folder:
        takes = tuple(_takes(reading, Path(folder), shown_s, language, secret, progress))
    return Listened(
        reading,
        _heard(samples, rate, shown_s, _BEFORE_INK) if with_original else None,
        takes,
        len(samples) / rate,
        shown_s,
        channels,
        description_picture(described, shown_s),
        unit_numbers(described, shown_s),
        len(content_of(described).to_bytes()),
        speeds,
    )


def _takes(
    reading: Reading,
    folder: Path,
    shown_s: float,
    language: str,
    secret: bytes | None,
    progress: Progress,
) -> Iterator[Take]:
    done = 0

    def still_at_it(*_: int) -> None:
        progress(done, len(CAST))

    for number, (named, voice) in enumerate(CAST):
        done = number
        recipe = replace(Recipe.named(named), voice=voice)
        started_s = time.process_time()
        try:
            made = anonymize_file(
                Anonymizer(recipe, secret),
                reading.path,
                folder / f"{number}.flac",
                language=language,
                progress=still_at_it,
            )
        except CheckError as error:
            yield Take(named, voice, None, error.report, error.report["redraws"], 0.0)
            continue
        took_s = time.process_time() - started_s
        if made.report is None:
            raise AssertionError("an output on a page is always checked")
        yield Take(
            named,
            voice,
            _heard(*_first_channel(made.destination)[:2], shown_s, _AFTER_INK),
            made.report.as_dict(),
            made.redraws,
            made.duration_s / max(took_s, 1e-9),
        )


def _first_channel(path: Path) -> tuple[Float32, int, int]:
    """The samples of a recording's first channel, its rate, and how many channels it has."""
    with AudioReader(path, max_duration_s=_LONGEST_S) as reader:
        blocks = [block[0] for block in reader.blocks(BLOCK_FRAMES)]
        samples = np.concatenate(blocks)
        if len(samples) < 2:
            raise RecordingError(f"holds {len(samples)} sample; at least 2 are needed")
        return samples, reader.rate, reader.channels


def _heard(samples: Float32, rate: int, shown_s: float, ink: tuple[int, int, int]) -> Heard:
    import soundfile

    shown = at_judged_rate(samples[: round(shown_s * rate)], rate)
    packed = io.BytesIO()
    soundfile.write(packed, np.clip(shown, -1.0, 1.0), RATE_HZ, format="FLAC", subtype="PCM_16")
    return Heard(
        packed.getvalue(), sound_picture(shown, ink), melody_path(shown, RATE_HZ, *MELODY_SIZE)
    )


def _speed(recipe: str, samples: Float32, rate: int) -> float:
    """How many seconds of this recording are changed in one."""
    anonymizer = Anonymizer(recipe)
    anonymizer(samples[: min(len(samples), rate)], rate)  # loads the tables
    started_s = time.process_time()
    anonymizer(samples, rate)
    return len(samples) / rate / max(time.process_time() - started_s, 1e-9)
