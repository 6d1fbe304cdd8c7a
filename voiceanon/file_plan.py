"""Which input recordings become which output files, decided before anything is written."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from voiceanon.errors import DestinationError, InputError
from voiceanon.file_search import search
from voiceanon.formats import AUDIO_SUFFIXES, OUTPUT_FORMATS, looks_like_audio

__all__ = [
    "Job",
    "Kind",
    "LeftOut",
    "Plan",
    "free_name",
    "make_folder",
    "plan_files",
    "refuse_existing",
]

# Room within the 255 bytes that file systems allow: for a number, a suffix, a temporary's prefix.
_MAX_STEM_BYTES = 200


@dataclass(frozen=True)
class Kind:
    """What files a plan reads and writes.

    Attributes
    ----------
    inputs, outputs : tuple of str
        Suffixes, with their dots and in lower case.
    called : str
        What an input is.
    looks_like_one : callable
        Whether a file begins like an input, whatever its name.
    """

    inputs: tuple[str, ...] = tuple(AUDIO_SUFFIXES)
    outputs: tuple[str, ...] = tuple(OUTPUT_FORMATS)
    called: str = "audio"
    looks_like_one: Callable[[Path], bool] = looks_like_audio

    def is_output_name(self, out: Path) -> bool:
        """Whether a path names an output file rather than a folder."""
        return out.suffix.lower() in self.outputs and not out.is_dir()

    def takes(self, path: str) -> bool:
        """Whether a regular file is named like an input or begins like one."""
        suffix = f".{path.rpartition('.')[2].lower()}"
        return suffix in self.inputs or self.looks_like_one(Path(path))


class Job(NamedTuple):
    """One recording to do: where it is, where it goes, and the label its voice is drawn for."""

    source: Path
    destination: Path
    recording: str


class Taken(Protocol):
    """The names that are given away, folded, each with the last number put behind it."""

    def get(self, name: str, /) -> int | None:
        """The number, or None if the name is free."""

    def __setitem__(self, name: str, number: int, /) -> None: ...


class LeftOut(NamedTuple):
    """One input that is no job: ``"skipped"`` on purpose, or ``"failed"`` to be looked at."""

    source: Path
    status: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """Every input, once: done as a job, or left out with a reason.

    Attributes
    ----------
    jobs : tuple of Job
        In the order of their names.
    left_out : tuple of LeftOut
        What is not worked on.
    """

    jobs: tuple[Job, ...]
    left_out: tuple[LeftOut, ...]


def plan_files(
    inputs: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    suffix: str | None = None,
    kind: Kind | None = None,
) -> Plan:
    """Say which input file becomes which output file; nothing is written.

    A single folder is mirrored below `out`; of several inputs, each folder gets one of its own
    name there. Folders are searched through, without following symbolic links. Hidden files and
    files that neither are named like audio nor begin like it are left out and counted. Output
    names are those of the input with unprintable characters replaced; where two would be equal,
    upper and lower case aside, later ones are numbered.

    Parameters
    ----------
    inputs : paths
        Files and folders.
    out : path
        A folder, made later if need be; or, for a single input file, the output file.
    suffix : str, optional
        One of the kind's; its first by default, unless `out` is a file.
    kind : Kind, optional
        What is read and written; by default recordings into recordings.

    Returns
    -------
    Plan
        Jobs and left-out inputs.

    Raises
    ------
    InputError
        If an input does not exist or the suffix is none of the kind's.
    DestinationError
        If `out` is an input or lies inside an input folder.

    Examples
    --------
    >>> plan_files(["voiceanon/samples"], "out").jobs[0].destination.suffix  # doctest: +SKIP
    '.flac'
    """
    roots = [Path(given) for given in inputs]
    out = Path(out)
    kind = Kind() if kind is None else kind
    if suffix is not None and suffix not in kind.outputs:
        raise InputError(f"format is {suffix!r}; it must be one of {', '.join(kind.outputs)}")
    for root in roots:
        if not os.path.lexists(root):
            raise InputError(f"input {str(root)!r} does not exist")
        _refuse_overlap(root, out)
    to_file = len(roots) == 1 and not roots[0].is_dir() and kind.is_output_name(out)
    if to_file and suffix is not None and out.suffix.lower() != suffix:
        raise InputError(f"output {out.name!r} does not end in {suffix}, the format asked for")
    jobs: list[Job] = []
    left_out: list[LeftOut] = []
    seen: set[Path] = set()
    taken: dict[str, int] = {}
    for root in roots:
        prefix = Path(root.resolve().name) if len(roots) > 1 and root.is_dir() else Path()
        for source, below, problem in _find(root, kind):
            if problem is not None:
                left_out.append(LeftOut(source, *problem))
                continue
            real = source.resolve()
            if real in seen:
                left_out.append(LeftOut(source, "skipped", "given twice"))
                continue
            seen.add(real)
            relative = prefix / below
            destination = out
            if not to_file:
                name = free_name(relative.as_posix(), suffix or kind.outputs[0], kind, taken)
                destination = out / name
            jobs.append(Job(source, destination, relative.as_posix()))
    return Plan(tuple(jobs), tuple(left_out))


def refuse_existing(plan: Plan) -> None:
    """Raise a DestinationError if any output of the plan is already there."""
    there = [job.destination for job in plan.jobs if os.path.lexists(job.destination)]
    if there:
        raise DestinationError(
            f"{len(there)} of {len(plan.jobs)} outputs already exist, the first is "
            f"{str(there[0])!r}; choose another folder or allow overwriting"
        )


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and its missing parents, open to their owner only (0700).

    Returns
    -------
    list of Path
        What was made, the innermost folder first; empty if it was there.

    Raises
    ------
    DestinationError
        If it cannot be made or is something else than a folder.
    """
    missing = [parent for parent in (folder, *folder.parents) if not os.path.lexists(parent)]
    try:
        for parent in reversed(missing):
            parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise DestinationError(f"folder cannot be made: {error.strerror}") from error
    if not folder.is_dir():
        raise DestinationError(f"output {str(folder)!r} is not a folder")
    return missing


def free_name(relative: str, suffix: str, kind: Kind, taken: Taken) -> str:
    """A path for the output below its folder, different from all before it, and takes it.

    Parameters
    ----------
    relative : str
        The input's path below its own folder, with "/" between parts.
    suffix : str
        Of the output; may be empty.
    kind : Kind
        Its inputs' suffixes are dropped.
    taken : mapping
        Names given away; the new one is added.
    """
    *folders, name = [_plain(part) for part in relative.split("/")]
    stem, _, own_suffix = name.rpartition(".")
    if not stem or f".{own_suffix}".lower() not in kind.inputs:
        stem = name
    stem = stem.encode()[:_MAX_STEM_BYTES].decode(errors="ignore")
    plain = "/".join([*folders, stem])
    # Some file systems take upper and lower case, or composed and decomposed letters, as one.
    key = _folded(f"{plain}{suffix}")
    number = taken.get(key)
    if number is None:
        taken[key] = 1
        return f"{plain}{suffix}"
    while True:
        number += 1
        path = f"{plain}-{number}{suffix}"
        if taken.get(_folded(path)) is None:
            taken[_folded(path)] = 1
            taken[key] = number
            return path


def _find(root: Path, kind: Kind) -> Iterator[tuple[Path, Path, tuple[str, str] | None]]:
    """Each file below `root` in order of name: path, path below the root, and why not, if not."""
    if root.is_symlink():
        yield root, Path(root.name), ("failed", "is a symbolic link; links are not followed")
    elif root.is_dir():
        for seen in search(str(root)):
            problem = seen.problem
            if problem is None and not kind.takes(seen.path):
                problem = ("skipped", f"not {kind.called}")
            yield Path(seen.path), Path(seen.below), problem
    else:
        # Given by name: it is worked on whatever it is called, and fails with a reason.
        yield root, Path(root.name), None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _plain(name: str) -> str:
    """A file name without control, formatting or undecodable characters."""
    if name.isprintable():
        return name
    return "".join(letter if letter.isprintable() else "_" for letter in name)


def _refuse_overlap(root: Path, out: Path) -> None:
    real_root, real_out = root.resolve(), out.resolve()
    if real_out == real_root:
        raise DestinationError(f"output {str(out)!r} is an input; choose another place")
    if root.is_dir() and real_root in real_out.parents:
        raise DestinationError(
            f"output {str(out)!r} lies inside the input {str(root)!r}; choose a place outside"
        )
