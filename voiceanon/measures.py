"""The numbers that an assessment needs, on coarse grids: no speech can be made from them."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy.typing as npt

from voiceanon.audio import check_audio, check_rate
from voiceanon.checks.assessment import MEASURES, speech_measures
from voiceanon.checks.sound import at_judged_rate
from voiceanon.container.sealing import Key
from voiceanon.container.voa import Level, read_voa, write_voa
from voiceanon.errors import InputError, RecordingError

__all__ = ["GRIDS", "LENGTH_GRID", "Grid", "Measures", "from_chunks", "measure"]

MOST_TRANSCRIPT_BYTES = 1 << 20

_NONE = 0xFFFF
_HEAD = struct.Struct("<HIB")
_MOST_K = 0xFFFFFFFF


class Grid(NamedTuple):
    """The values that a measure may have: from `lowest` to `highest` in steps of `step`."""

    step: float
    lowest: float
    highest: float

    @property
    def places(self) -> int:
        """How many values there are."""
        return round((self.highest - self.lowest) / self.step) + 1

    def place(self, value: float) -> int:
        """Return the number of the nearest value, from 0; the ends stand for what is beyond."""
        within = min(max(value, self.lowest), self.highest)
        return round((within - self.lowest) / self.step)

    def value(self, place: int) -> float:
        """Return the value of a number."""
        return round(self.lowest + place * self.step, 9)


# Units are in the names. Steps are about what the measures differ by between two recordings of a
# speaker, or between a recording and what is made of it; they say less than the numbers themselves.
GRIDS: Mapping[str, Grid] = {
    "speech_rate_syllables_per_s": Grid(0.1, 0.0, 12.0),
    "articulation_rate_syllables_per_s": Grid(0.1, 0.0, 12.0),
    "pause_rate_per_s": Grid(0.05, 0.0, 2.0),
    "mean_pause_s": Grid(0.1, 0.0, 10.0),
    "phonation_ratio": Grid(0.05, 0.0, 1.0),
    "f0_range_semitones": Grid(1.0, 0.0, 36.0),
    "loudness_range_db": Grid(1.0, 0.0, 60.0),
    "filled_pauses": Grid(1.0, 0.0, 100.0),
}
LENGTH_GRID = Grid(5.0, 0.0, 86_400.0)


@dataclass(frozen=True)
class Measures:
    """The assessment measures of a recording, coarse; no speech can be made from them.

    Use `Measures.of` to make one from numbers as they were measured.

    Attributes
    ----------
    numbers : tuple of float or None
        One for each of `voiceanon.checks.assessment.MEASURES`, in that order, on its grid in
        `GRIDS`: syllables a second in steps of 0.1 up to 12 (speech and articulation rate); pauses
        a second, 0.05 to 2; mean pause, 0.1 s to 10 s; phonation ratio, 0.05 to 1; range of f0, 1
        semitone to 36; range of loudness, 1 dB to 60 dB; filled pauses, 1 to 100. Each begins at 0.
        None where there is none.
    length_s : float or None
        Length of the recording, in steps of 5 s up to a day; None once it was left out.
    transcript : str or None
        What was said, as the caller redacted it. It is not looked into.
    coarsened_to : int or None
        k of the last k-coarsening, 2 or more (`voiceanon.storage.coarsening.coarsen`).

    Raises
    ------
    InputError
        If a value is not on its grid, or the transcript is no text or longer than 1 MiB.

    Examples
    --------
    >>> measures = Measures.of({"phonation_ratio": 0.8123}, length_s=17.3)
    >>> measures.values["phonation_ratio"], measures.values["mean_pause_s"]
    (0.8, None)
    """

    numbers: tuple[float | None, ...]
    length_s: float | None = None
    transcript: str | None = None
    coarsened_to: int | None = None

    def __post_init__(self) -> None:
        if len(self.numbers) != len(MEASURES):
            raise InputError(
                f"numbers has {len(self.numbers)} values: it must have {len(MEASURES)}"
            )
        for name, value in self.values.items():
            _check(name, value, GRIDS[name])
        _check("length_s", self.length_s, LENGTH_GRID)
        if self.coarsened_to is not None and not 2 <= self.coarsened_to <= _MOST_K:
            raise InputError(f"coarsened_to is {self.coarsened_to}: it must be 2 or more")
        if self.transcript is not None:
            _encoded(self.transcript)

    @classmethod
    def of(
        cls,
        measured: Mapping[str, float | None],
        *,
        length_s: float | None = None,
        transcript: str | None = None,
    ) -> Measures:
        """Return measured numbers on their grids.

        Parameters
        ----------
        measured : mapping of str to float or None
            As `voiceanon.checks.assessment.speech_measures` returns; what is missing is None, and
            what lies beyond a grid becomes its end.
        length_s : float, optional
            Length of the recording in seconds.
        transcript : str, optional
            What was said, with what could tell who speaks taken out by the caller.

        Raises
        ------
        InputError
            If a name is not known or a number is not finite.

        Examples
        --------
        >>> made = Measures.of({"speech_rate_syllables_per_s": 4.1234}, length_s=17.3)
        >>> made.values["speech_rate_syllables_per_s"], made.length_s
        (4.1, 15.0)
        """
        unknown = sorted(map(str, set(measured) - set(MEASURES)))
        if unknown:
            raise InputError(f"{unknown[0]!r} is no measure: {', '.join(MEASURES)} are")
        numbers = tuple(_on_grid(name, measured.get(name), GRIDS[name]) for name in MEASURES)
        return cls(numbers, _on_grid("length_s", length_s, LENGTH_GRID), transcript)

    @property
    def values(self) -> dict[str, float | None]:
        """The numbers by name."""
        return dict(zip(MEASURES, self.numbers, strict=True))

    def save(
        self, path: str | os.PathLike[str], *, key: Key | None = None, overwrite: bool = False
    ) -> None:
        """Store them in a file of their own, whole, for its owner's eyes only.

        Parameters
        ----------
        path : path
            A name that ends in ``.voa``, in an existing folder.
        key : bytes of length 32, or callable that returns them, optional
            Encrypts it.
        overwrite : bool
            Whether a file that is there may be replaced.

        Raises
        ------
        InputError
            If there is a key and the package cryptography is missing.
        DestinationError
            If the place is refused.
        SecretError
            If the key is not 32 bytes.
        """
        write_voa(path, Level.MEASURES, _chunks_of(self), key=key, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, key: Key | None = None) -> Measures:
        """Return what was stored in a file.

        Parameters
        ----------
        path : path
            The file; it is not trusted.
        key : bytes of length 32, or callable that returns them, optional
            Of an encrypted file.

        Raises
        ------
        RecordingError
            If it is no such file, damaged, or holds content.
        SecretError
            If the key is missing, another one, or given for a file that is not encrypted.
        """
        level, chunks = read_voa(path, key=key)
        if level is not Level.MEASURES:
            raise RecordingError("holds content, not measures: voiceanon.Abstraction loads it")
        return from_chunks(chunks)


def measure(samples: npt.NDArray[Any], rate: int, *, transcript: str | None = None) -> Measures:
    """Return the assessment measures of a mono recording, on their grids.

    Parameters
    ----------
    samples : ndarray of float32, float64 or int16, shape (n,) or (1, n)
        The recording; it is not changed. About 40 bytes a sample are needed for a while.
    rate : int
        Samples a second, 8000 to 192000.
    transcript : str, optional
        What was said, with what could tell who speaks taken out by the caller.

    Raises
    ------
    InputError
        If an argument is not as described.

    Examples
    --------
    >>> import numpy as np
    >>> measures = measure(np.zeros(16000, np.float32), 16000)
    >>> measures.length_s, measures.values["phonation_ratio"]
    (0.0, None)
    """
    checked = check_audio(samples, check_rate(rate))
    if checked.data.shape[0] != 1:
        raise InputError(f"samples has {checked.data.shape[0]} channels: measures are of one voice")
    judged = at_judged_rate(checked.data[0], checked.rate)
    length_s = checked.data.shape[1] / checked.rate
    return Measures.of(speech_measures(judged), length_s=length_s, transcript=transcript)


def from_chunks(chunks: Mapping[bytes, bytes]) -> Measures:
    """Return the measures that the chunks of a file hold, see `voiceanon.container.voa`.

    Raises
    ------
    RecordingError
        If they are damaged.
    """
    body = chunks[b"MEAS"]
    try:
        place, k, count = _HEAD.unpack_from(body)
        at, values = _HEAD.size, dict[str, float | None]()
        for _ in range(count):
            end = at + 1 + body[at]
            name = body[at + 1 : end].decode("ascii")
            if name in values:
                raise RecordingError(f"is damaged: it has the measure {name} twice")
            (value,) = struct.unpack_from("<d", body, end)
            values[name] = None if math.isnan(value) else value
            at = end + 8
        if at != len(body):
            raise RecordingError("is damaged: bytes follow its measures")
        transcript = chunks[b"TEXT"].decode("utf-8") if b"TEXT" in chunks else None
        return Measures(
            tuple(values.get(name) for name in MEASURES),
            None if place == _NONE else LENGTH_GRID.value(place),
            transcript,
            k or None,
        )
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise RecordingError("is damaged: its measures cannot be read") from error
    except InputError as error:
        raise RecordingError(f"is damaged: {error}") from error


def _chunks_of(measures: Measures) -> dict[bytes, bytes]:
    length_s, k = measures.length_s, measures.coarsened_to
    place = _NONE if length_s is None else LENGTH_GRID.place(length_s)
    body = _HEAD.pack(place, k or 0, len(MEASURES))
    for name, value in measures.values.items():
        body += bytes([len(name)]) + name.encode("ascii")
        body += struct.pack("<d", math.nan if value is None else value)
    chunks = {b"MEAS": body}
    if measures.transcript is not None:
        chunks[b"TEXT"] = _encoded(measures.transcript)
    return chunks


def _on_grid(name: str, value: float | None, grid: Grid) -> float | None:
    if value is None:
        return None
    if not math.isfinite(value):
        raise InputError(f"{name} is {value}: it must be finite or None")
    return grid.value(grid.place(value))


def _check(name: str, value: float | None, grid: Grid) -> None:
    if value is not None and not (math.isfinite(value) and value == _on_grid(name, value, grid)):
        raise InputError(
            f"{name} is {value}: it must be from {grid.lowest:g} to {grid.highest:g} in steps of "
            f"{grid.step:g}; Measures.of rounds"
        )


def _encoded(transcript: str) -> bytes:
    try:
        encoded = transcript.encode("utf-8")
    except (AttributeError, UnicodeEncodeError) as error:
        raise InputError("transcript must be text that UTF-8 can hold") from error
    if len(encoded) > MOST_TRANSCRIPT_BYTES:
        raise InputError(
            f"transcript has {len(encoded)} bytes: at most {MOST_TRANSCRIPT_BYTES} are stored"
        )
    return encoded
