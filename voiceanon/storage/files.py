"""A recording on disk becomes stored descriptions, and a stored description a recording again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voiceanon.abstraction import Abstraction, bottleneck_recipe
from voiceanon.audio import MIN_SAMPLES
from voiceanon.checks.gate import Gate
from voiceanon.checks.verdicts import CheckReport
from voiceanon.container.sealing import Key
from voiceanon.container.voa import SUFFIX, Level
from voiceanon.describing import description_of
from voiceanon.errors import DestinationError, RecordingError
from voiceanon.files import (
    BLOCK_FRAMES,
    FileResult,
    gate_limits,
    held,
    is_unmeasured,
    may_pass,
    redrawn,
    refuse_destination,
    with_own,
)
from voiceanon.formats import AudioReader, AudioWriter, read_recording
from voiceanon.keys import check_secret, fresh_secret
from voiceanon.measures import Measures, measure
from voiceanon.profile import Profile, Profiler
from voiceanon.recipe import DESCRIBING_RECIPE, Recipe
from voiceanon.speaking import Labels
from voiceanon.stream import Hearing
from voiceanon.voice import neutral_voice

__all__ = ["abstract_file", "channel_paths", "render_file"]

Samples = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]


def abstract_file(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    level: Level = Level.CONTENT,
    recipe: str | Recipe = DESCRIBING_RECIPE,
    secret: bytes | None = None,
    recording: str | None = None,
    key: Key | None = None,
    overwrite: bool = False,
    check: bool = True,
    allow_unmeasured: bool = False,
    language: str = "en",
    salvage: bool = False,
    profiles: Callable[[int], Sequence[Profile | None]] | None = None,
    progress: Progress | None = None,
) -> FileResult:
    """Store what is said in a recording, or its measures alone, and nothing of the voice.

    Content is checked before it is stored: the neutral voice speaks it, and what it says meets the
    gate that recordings meet (`voiceanon.checks.gate`). Where it is held and the recipe has an
    accent, `check_redraws` others are tried. Nobody speaks measures: they are not
    checked. On any error nothing is left behind.

    Parameters
    ----------
    source : path
        The recording.
    destination : path
        A ``.voa`` file in an existing folder; of several channels each has its own, see
        `channel_paths`.
    level : Level
        How much is stored.
    recipe : str, Recipe
        What is kept of the content; its removal must be ``"bottleneck"``.
    secret : bytes of length 32, optional
        What an accent is drawn from.
    recording : str, optional
        Label that it is drawn for; the name of `source` if not given.
    key : bytes of length 32, or callable that returns them, optional
        Encrypts what is stored.
    overwrite : bool
        Whether files that are there may be replaced.
    check, allow_unmeasured, language, salvage, profiles
        As for `voiceanon.files.anonymize_file`.
    progress : callable, optional
        Called with samples done and samples in all, every pass counted.

    Returns
    -------
    FileResult
        Its destination is that of the first channel.

    Raises
    ------
    RecordingError
        If the recording cannot be read whole, or not at all with `salvage`.
    DestinationError
        If the destination is refused or cannot be written.
    CheckError
        If what is said in it did not survive.
    InputError, SecretError
        If another argument is not as described.

    Examples
    --------
    >>> import numpy as np
    >>> import soundfile
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     source, stored = Path(folder) / "in.wav", Path(folder) / "in.voa"
    ...     soundfile.write(source, 0.1 * np.sin(np.arange(16000) / 20), 16000)
    ...     result = abstract_file(source, stored, level=Level.MEASURES)
    ...     result.duration_s, stored.exists()
    (1.0, True)
    """
    began_s = time.monotonic()
    source, destination = Path(source), Path(destination)
    chosen = bottleneck_recipe(recipe)
    secret = fresh_secret() if secret is None else check_secret(secret)
    if destination.suffix.lower() != SUFFIX:
        raise DestinationError(f"has the suffix {destination.suffix!r}; write {SUFFIX}")

    def made(reader: AudioReader) -> FileResult:
        if reader.declared_frames < MIN_SAMPLES:
            raise RecordingError(
                f"holds {reader.declared_frames} sample; at least {MIN_SAMPLES} are needed"
            )
        paths = channel_paths(destination, reader.channels)
        for path in paths:
            refuse_destination(source, path, overwrite)
        report: CheckReport | None = None
        redraw = 0
        stored: Sequence[Abstraction | Measures]
        if level is Level.MEASURES:
            stored = _measured(_Passes(reader, 1, progress))
        else:
            passes = _Passes(reader, 3 if check else 2, progress)
            known = () if profiles is None else tuple(profiles(reader.rate))
            own = _profiled(passes, known)
            label = source.name if recording is None else recording
            for redraw in range(1 + _redraws(chosen) if check else 1):
                passes.begin(1)
                labels = Labels(secret, redrawn(label, redraw), None)
                described = _described(passes, chosen, labels, own)
                report = _checked(passes, described, chosen, language) if check else None
                if may_pass(report, allow_unmeasured) or is_unmeasured(report):
                    break
            if not may_pass(report, allow_unmeasured):
                raise held(report, redraw, "accents")
            stored = described
        _save_all(stored, paths, key, overwrite)
        took_s = time.monotonic() - began_s
        frames, rate, channels = reader.declared_frames, reader.rate, reader.channels
        facts = (source, paths[0], frames, rate, channels)
        return FileResult(*facts, took_s, redraw, report, reader.salvage)

    return read_recording(source, made, salvage=salvage)


def render_file(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    recipe: str | Recipe = "bottleneck",
    secret: bytes | None = None,
    recording: str | None = None,
    key: Key | None = None,
    mark_key: bytes | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> FileResult:
    """Have a pseudo-voice speak a stored description into a new recording.

    Parameters
    ----------
    source : path
        A ``.voa`` file of content.
    destination : path
        A ``.flac`` or ``.wav`` file in an existing folder.
    recipe : str, Recipe
        Who speaks; its removal must be ``"bottleneck"``.
    secret : bytes of length 32, optional
        Makes the result repeatable; otherwise every call draws another voice.
    recording : str, optional
        Label that the voice is drawn for; the name of `source` if not given.
    key : bytes of length 32, or callable that returns them, optional
        Of an encrypted file.
    mark_key : bytes of length 32, optional
        Your own key for the mark; otherwise everybody's.
    overwrite : bool
        Whether a file that is there may be replaced.
    progress : callable, optional
        Called with samples done and samples in all.

    Returns
    -------
    FileResult
        What was written; there is no original that it could be checked against.

    Raises
    ------
    RecordingError, DestinationError, InputError, SecretError
        As `Abstraction.load`, `voiceanon.formats.AudioWriter` and `Abstraction.render` do.

    Examples
    --------
    >>> import numpy as np
    >>> from tempfile import TemporaryDirectory
    >>> from voiceanon import abstract
    >>> with TemporaryDirectory() as folder:
    ...     stored, spoken = Path(folder) / "in.voa", Path(folder) / "out.flac"
    ...     abstract(0.1 * np.sin(np.arange(16000) / 20), 16000).save(stored)
    ...     render_file(stored, spoken).duration_s
    1.0
    """
    began_s = time.monotonic()
    source, destination = Path(source), Path(destination)
    described = Abstraction.load(source, key=key)
    refuse_destination(source, destination, overwrite)
    parts = described.spoken(
        secret,
        recipe=recipe,
        recording=source.name if recording is None else recording,
        mark_key=mark_key,
    )
    n, rate, done = described.n_samples, described.rate, 0
    with AudioWriter(destination, rate, 1, n, overwrite=overwrite) as writer:
        for part in parts:
            writer.write(part[None])
            done += len(part)
            if progress is not None:
                progress(done, n)
        writer.commit()
    return FileResult(source, destination, n, rate, 1, time.monotonic() - began_s)


def channel_paths(path: Path, channels: int) -> list[Path]:
    """Return where each channel of a recording is stored.

    Examples
    --------
    >>> [str(path) for path in channel_paths(Path("talk.voa"), 2)]
    ['talk.1.voa', 'talk.2.voa']
    """
    if channels == 1:
        return [path]
    return [path.with_name(f"{path.stem}.{c + 1}{path.suffix}") for c in range(channels)]


class _Passes:
    """A recording that is read several times, and how much of that is done."""

    def __init__(self, reader: AudioReader, passes: int, progress: Progress | None) -> None:
        self.reader = reader
        self._total = passes * reader.declared_frames
        self._progress = progress
        self._done = 0

    def begin(self, done: int) -> None:
        """Go on after so many passes, again if need be."""
        self._done = done * self.reader.declared_frames

    def blocks(self, frames: int = BLOCK_FRAMES) -> Iterator[Samples]:
        for block in self.reader.blocks(frames):
            yield block
            self._done += block.shape[1]
            if self._progress is not None:
                self._progress(self._done, self._total)


def _measured(passes: _Passes) -> list[Measures]:
    whole = np.concatenate(list(passes.blocks()), axis=1)
    return [measure(channel, passes.reader.rate) for channel in whole]


def _redraws(recipe: Recipe) -> int:
    """How often another draw can be tried: without an accent nothing of a description is drawn."""
    return recipe.check_redraws if recipe.accent > 0.0 else 0


def _profiled(passes: _Passes, known: Sequence[Profile | None]) -> tuple[Profile, ...]:
    reader = passes.reader
    profiler = Profiler(reader.rate, reader.channels)
    for block in passes.blocks():
        profiler.process(block)
    return with_own(known[: reader.channels], profiler.finish())


def _described(
    passes: _Passes, recipe: Recipe, labels: Labels, profiles: Sequence[Profile]
) -> list[Abstraction]:
    reader = passes.reader
    hearing = [
        Hearing(recipe, reader.rate, profile, labels, channel)
        for channel, profile in enumerate(profiles)
    ]
    frames: list[list[Samples]] = [[] for _ in hearing]
    for block in passes.blocks():
        for one, samples, heard in zip(hearing, block, frames, strict=True):
            heard.append(one.process(samples))
    return [
        description_of(
            np.concatenate([*heard, *one.finish()]), recipe, reader.declared_frames, reader.rate
        )
        for one, heard in zip(hearing, frames, strict=True)
    ]


def _checked(
    passes: _Passes, described: list[Abstraction], recipe: Recipe, language: str
) -> CheckReport:
    reader = passes.reader
    gate = Gate(reader.rate, reader.channels, gate_limits(recipe), language)
    # Nobody hears it, so its noise need not be secret.
    spoken = [
        one.spoken(bytes(32), recipe=recipe, recording=str(channel), voice=neutral_voice())
        for channel, one in enumerate(described)
    ]
    for block in passes.blocks(reader.rate):  # as much as is spoken at once
        gate.hear(block)
        parts = [next(one, np.zeros(0, np.float32)) for one in spoken]
        gate.spoken(np.stack(parts))
    for rest in zip(*spoken, strict=True):
        gate.spoken(np.stack(rest))
    return gate.finish()


def _save_all(
    stored: Sequence[Abstraction | Measures], paths: list[Path], key: Key | None, overwrite: bool
) -> None:
    saved: list[Path] = []
    try:
        for one, path in zip(stored, paths, strict=True):
            one.save(path, key=key, overwrite=overwrite)
            saved.append(path)
    except BaseException:
        for path in saved:
            path.unlink(missing_ok=True)
        raise
