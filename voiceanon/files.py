"""One recording on disk becomes an anonymized one, in two passes and constant memory."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from voiceanon.audio import MIN_SAMPLES
from voiceanon.checks.gate import Gate
from voiceanon.checks.verdicts import CheckReport, Limit, Verdict
from voiceanon.errors import CheckError, DestinationError, RecordingError
from voiceanon.file_plan import plan_files
from voiceanon.formats import AudioReader, AudioWriter, Salvage, read_recording
from voiceanon.profile import Profile
from voiceanon.recipe import Recipe

__all__ = [
    "BLOCK_FRAMES",
    "NOT_CHECKED",
    "FileResult",
    "anonymize_file",
    "gate_limits",
    "held",
    "is_unmeasured",
    "may_pass",
    "plan_files",
    "redrawn",
    "refuse_destination",
    "with_own",
]

BLOCK_FRAMES = 1 << 16
NOT_CHECKED = "not checked"

Samples = npt.NDArray[np.float32]


class _Stage(Protocol):
    def process(self, chunk: Samples, /) -> Any: ...

    def finish(self) -> Any: ...


class _Profiler(_Stage, Protocol):
    @property
    def remembered(self) -> Any: ...


class _Stream(_Stage, Protocol):
    def speak_remembered(self, rows: Any, n: int, /) -> Iterator[Samples]: ...


class _Anonymizer(Protocol):
    """The part of `voiceanon.Anonymizer` that files need."""

    recipe: Recipe

    def profiler(self, rate: int, channels: int = 1) -> _Profiler: ...

    def stream(
        self,
        rate: int,
        channels: int = 1,
        *,
        profiles: Any = None,
        recording: str = "",
        speaker: str | None = None,
    ) -> _Stream: ...


@dataclass(frozen=True)
class FileResult:
    """One recording that was anonymized and delivered.

    Attributes
    ----------
    source, destination : Path
        The recording read and the file written.
    frames : int
        Samples per channel, the same in both.
    rate : int
        Samples a second, the same in both.
    channels : int
        Channels, the same in both.
    elapsed_s : float
        Wall-clock time for all passes, checking, writing and verifying.
    redraws : int
        How many outputs were held before this one.
    report : CheckReport or None
        What the check found; None where there was none.
    salvaged : Salvage or None
        Of a damaged recording: what is wrong with it, and how much of it this is. None if it is
        whole.
    """

    source: Path
    destination: Path
    frames: int
    rate: int
    channels: int
    elapsed_s: float
    redraws: int = 0
    report: CheckReport | None = None
    salvaged: Salvage | None = None

    @property
    def check(self) -> str:
        """``"pass"``; or, where the caller allowed it, ``"not measured"`` or ``"not checked"``."""
        return NOT_CHECKED if self.report is None else str(self.report.verdict)

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds."""
        return self.frames / self.rate


def anonymize_file(
    anonymizer: _Anonymizer,
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    recording: str | None = None,
    speaker: str | None = None,
    check: bool = True,
    allow_unmeasured: bool = False,
    language: str = "en",
    salvage: bool = False,
    profiles: Callable[[int], Sequence[Profile | None]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FileResult:
    """Anonymize one recording into a new file of exactly its length, rate and channels.

    Two passes in constant memory: the first learns what is typical of each channel's speaker,
    the second speaks, and what it says is checked against the recording (`voiceanon.checks.gate`).
    Of up to two minutes, the first pass remembers what the second would analyse. An output that is
    held is thrown away and another voice drawn, as often as the recipe says. The destination
    appears only when it is whole, checked and verified; on any error, nothing is left behind, and
    no input sample is ever copied.

    Parameters
    ----------
    anonymizer : Anonymizer
        What is done to the voices.
    source : path
        The recording.
    destination : path
        A ``.flac`` or ``.wav`` file in an existing folder.
    overwrite : bool
        Whether a file at `destination` may be replaced.
    recording : str, optional
        Label that the pseudo-voice is drawn for; the name of `source` if not given.
    speaker : str, optional
        Label that it is drawn for instead where the recipe draws one for each speaker.
    check : bool
        Whether the output is checked before it is delivered.
    allow_unmeasured : bool
        Whether an output is delivered of which something could not be measured: too little speech,
        music, another language. The result then says so.
    language : str
        Of the speech, as ISO 639-1; the check knows the sounds of ``"en"``.
    salvage : bool
        Whether a recording that is truncated or damaged is done as far as it can be decoded; the
        result then says so (`FileResult.salvaged`).
    profiles : callable, optional
        Given the rate, returns what is known already of each channel's speaker; a channel for which
        that is None, or nothing, gets the recording's own profile.
    progress : callable, optional
        Called with samples done and samples in all, counting two passes; another voice begins the
        second one again.

    Returns
    -------
    FileResult
        What was written.

    Raises
    ------
    RecordingError
        If the recording cannot be read whole, or not at all with `salvage`.
    DestinationError
        If the destination is refused or cannot be written.
    CheckError
        If no output passed the check.
    """
    started_s = time.monotonic()
    source, destination = Path(source), Path(destination)
    refuse_destination(source, destination, overwrite)

    def made(reader: AudioReader) -> FileResult:
        rate, channels, frames = reader.rate, reader.channels, reader.declared_frames
        if frames < MIN_SAMPLES:
            raise RecordingError(f"holds {frames} sample; at least {MIN_SAMPLES} are needed")
        label = source.name if recording is None else recording
        tell = progress or (lambda _done, _total: None)
        done = 0
        remembered = None
        known = () if profiles is None else tuple(profiles(rate))[:channels]
        if len(known) < channels or None in known:
            profiler = anonymizer.profiler(rate, channels)
            for block in reader.blocks(BLOCK_FRAMES):
                profiler.process(block)
                done += block.shape[1]
                tell(done, 2 * frames)
            known, remembered = with_own(known, profiler.finish()), profiler.remembered
        draws = 1 + (_redraws(anonymizer.recipe) if check else 0)
        for redraw in range(draws):
            done = frames
            gate = Gate(rate, channels, gate_limits(anonymizer.recipe), language) if check else None
            stream = anonymizer.stream(
                rate,
                channels,
                profiles=known,
                recording=redrawn(label, redraw),
                speaker=speaker,
            )
            if remembered is None:
                parts = _spoken_again(reader, stream, gate)
            else:
                parts = _spoken_at_once(reader, stream, remembered, gate)
            with AudioWriter(destination, rate, channels, frames, overwrite=overwrite) as writer:
                for rows in parts:
                    writer.write(rows)
                    if gate is not None:
                        gate.spoken(rows)
                    done += rows.shape[1]
                    tell(done, 2 * frames)
                report = None if gate is None else gate.finish()
                if may_pass(report, allow_unmeasured):
                    writer.commit()
                    took_s = time.monotonic() - started_s
                    facts = (source, destination, frames, rate, channels)
                    return FileResult(*facts, took_s, redraw, report, reader.salvage)
            if is_unmeasured(report):
                break
        raise held(report, redraw)

    return read_recording(source, made, salvage=salvage)


def _spoken_again(reader: AudioReader, stream: _Stream, gate: Gate | None) -> Iterator[Samples]:
    """Yield what a stream says of a recording that is read and analysed once more."""
    for block in reader.blocks(BLOCK_FRAMES):
        if gate is not None:
            gate.hear(block)
        yield _rows(stream.process(block), reader.channels)
    yield _rows(stream.finish(), reader.channels)


def _spoken_at_once(
    reader: AudioReader, stream: _Stream, remembered: Any, gate: Gate | None
) -> Iterator[Samples]:
    """Yield the same from what the first pass remembers; only a gate hears the recording again."""
    heard = said = 0
    again = iter(()) if gate is None else reader.blocks(BLOCK_FRAMES)
    for rows in stream.speak_remembered(remembered, reader.declared_frames):
        said += rows.shape[1]
        # Side by side, so that the gate keeps little of either.
        while gate is not None and heard < said and (block := next(again, None)) is not None:
            gate.hear(block)
            heard += block.shape[1]
        yield rows
    if gate is not None:
        for block in again:
            gate.hear(block)


def with_own(known: Sequence[Any], own: Sequence[Any]) -> tuple[Any, ...]:
    """Return what is known of each channel's speaker, else the recording's own profile."""
    given = [*known, *[None] * (len(own) - len(known))]
    return tuple(mine if one is None else one for one, mine in zip(given, own, strict=True))


def may_pass(report: CheckReport | None, allow_unmeasured: bool) -> bool:
    """Whether an output is delivered that came out like this; None is one that was not checked."""
    if report is None or report.verdict is Verdict.PASS:
        return True
    return allow_unmeasured and report.verdict is Verdict.NOT_MEASURED


def is_unmeasured(report: CheckReport | None) -> bool:
    """Whether it could not be told how an output came out: another draw would not change that."""
    return report is not None and report.verdict is Verdict.NOT_MEASURED


def redrawn(label: str, redraw: int) -> str:
    """Return what the draws of a recording are made for when so many before were held."""
    return label if redraw == 0 else f"{label}#{redraw}"


def held(report: CheckReport | None, redraws: int, drawn: str = "voices") -> CheckError:
    """Return the error of an output that is not delivered after so many other draws."""
    if report is None:
        raise AssertionError("an output that was not checked is delivered")
    said = report.reason
    if report.verdict is Verdict.NOT_MEASURED:
        said = f"cannot be checked: {said}; allow unmeasured outputs to have it all the same"
    elif redraws:
        said = f"{said} (the last of {1 + redraws} {drawn})"
    return CheckError(said, {**report.as_dict(), "redraws": redraws})


def gate_limits(recipe: Recipe) -> dict[str, Limit]:
    """Return the limits of the gate that a recipe decides."""
    return {
        "words.agreement": Limit(
            recipe.check_agreement, 0.7 * recipe.check_agreement, is_floor=True
        ),
        "timing.lost_s_per_min": Limit(
            recipe.check_lost_s_per_min, 5.0 * recipe.check_lost_s_per_min
        ),
    }


def _redraws(recipe: Recipe) -> int:
    """How often another draw can be tried: a voice that is fixed stays what it is."""
    is_drawn = recipe.voice == "drawn" and recipe.voice_draw == "recording"
    return recipe.check_redraws if is_drawn else 0


def refuse_destination(source: Path, destination: Path, overwrite: bool) -> None:
    """Refuse before any work what the writer would refuse after the first pass."""
    try:
        there = destination.lstat()
    except OSError:
        return
    if not overwrite:
        raise DestinationError("already exists; allow overwriting to replace it")
    if not stat.S_ISREG(there.st_mode):
        raise DestinationError("is not a regular file, so it is not replaced")
    if source.exists() and destination.samefile(source):
        raise DestinationError("is the recording itself")


def _rows(samples: Any, channels: int) -> Samples:
    """What a stream returned, as (channels, n)."""
    rows: Samples = np.asarray(samples, dtype=np.float32).reshape(channels, -1)
    return rows
