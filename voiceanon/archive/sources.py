"""Finds the recordings of an archive, the one place that tells its forms apart."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from voiceanon.archive.entries import Found, LeftOut
from voiceanon.archive.lists import read_csv, read_jsonl, read_kaldi
from voiceanon.archive.s3.sources import find_objects
from voiceanon.archive.s3.urls import is_url
from voiceanon.archive.shards import SHARD_SUFFIX, read_shard
from voiceanon.errors import InputError
from voiceanon.file_plan import Kind
from voiceanon.file_search import search

__all__ = ["find_sources"]

_MANIFEST_SUFFIXES = {".jsonl", ".ndjson", ".json", ".manifest"}
_GLOB = re.compile(r"[*?[]")
_LINK = "is a symbolic link; links are not followed"


def find_sources(
    spec: str | os.PathLike[str],
    *,
    speaker_column: str = "speaker",
    path_column: str | None = None,
    root: str | os.PathLike[str] | None = None,
) -> Iterator[Found | LeftOut]:
    """Yield what a source of recordings holds, in an order that is always the same.

    =============================  ==============================================================
    source                         what is found
    =============================  ==============================================================
    folder                         audio at any depth, and the members of tar archives
    folder with ``wav.scp``        what a Kaldi data directory lists; see `lists.read_kaldi`
    ``….csv``                      what a table lists; see `lists.read_csv`
    ``….jsonl``                    what a manifest with NeMo's keys lists; see `lists.read_jsonl`
    ``….tar``                      its members that are named like audio
    ``folder/**/*.flac`` (quoted)  as in a folder, of those whose path matches
    any other file                 that file
    ``s3://bucket/prefix``         audio below a prefix of a bucket, or one object
    =============================  ==============================================================

    Nothing is decoded, no link is followed, and memory does not grow with the number of
    recordings: only with the largest single folder, by about 100 bytes a name.

    Parameters
    ----------
    spec : path
        The source.
    speaker_column : str
        A table's column, or a manifest's key, of speakers.
    path_column : str, optional
        That of paths; by default one of the usual names.
    root : path, optional
        The folder that listed files must lie in and relative paths start from; by default the
        list's own.

    Returns
    -------
    iterator of Found or LeftOut
        Each recording, and each thing that is none with the reason.

    Raises
    ------
    InputError
        If there is nothing at `spec`, or a list is malformed as a whole. Some of it is raised by
        the iterator.
    """
    path = os.fspath(spec)
    if is_url(path):
        return _some(find_objects(path), f"{path!r} holds nothing")
    if not os.path.lexists(path):
        if not _GLOB.search(path):
            raise InputError(f"source {path!r} does not exist")
        return _some(_matching(path), f"{path!r} matches nothing")
    # Links on the way there are the caller's own; none is followed from here on.
    folder, _, name = os.path.normpath(path).rpartition("/")
    place = Path(os.path.realpath(folder or ("/" if path.startswith("/") else ".")), name)
    if name in ("", ".", ".."):
        place = Path(os.path.realpath(path))
    base = place.parent if root is None else Path(root)
    suffix = place.suffix.lower()
    status = place.lstat()
    nothing = f"{path!r} lists no recordings"
    if stat.S_ISLNK(status.st_mode):
        return iter([LeftOut(str(place), "failed", _LINK)])
    if stat.S_ISDIR(status.st_mode):
        if (place / "wav.scp").exists():
            return _some(read_kaldi(place, place if root is None else base), nothing)
        return _some(_below(str(place), lambda _: True), f"{path!r} is an empty folder")
    if not stat.S_ISREG(status.st_mode):
        return iter([LeftOut(str(place), "failed", "is not a regular file")])
    if place.name == "wav.scp":
        return _some(read_kaldi(place.parent, base), nothing)
    if suffix == ".csv":
        return _some(read_csv(place, base, speaker_column, path_column), nothing)
    if suffix in _MANIFEST_SUFFIXES:
        return _some(read_jsonl(place, base, speaker_column, path_column), nothing)
    if suffix == SHARD_SUFFIX:
        return _some(read_shard(str(place), place.name), f"{path!r} has no members")
    # Given by name: it is worked on whatever it is called, and fails with a reason.
    return iter([Found(str(place), place.name, status.st_size, status.st_mtime_ns)])


def _some(found: Iterator[Found | LeftOut], problem: str) -> Iterator[Found | LeftOut]:
    """The same, or an error if there is nothing: an empty plan would look like a finished one."""
    first = next(found, None)
    if first is None:
        raise InputError(problem)
    yield first
    yield from found


def _matching(pattern: str) -> Iterator[Found | LeftOut]:
    """What matches a glob, searched for from the last folder before the first special sign."""
    start = pattern[: _GLOB.search(pattern).start()].rpartition("/")  # type: ignore[union-attr]
    folder = start[0] + start[1]
    if folder and not Path(folder).is_dir():
        raise InputError(f"folder {folder!r} of {pattern!r} does not exist")
    rest = pattern[len(folder) :]
    depth = None if "**" in rest else rest.count("/") + 1
    try:
        matches = re.compile(_expression(rest)).fullmatch
    except re.error as error:
        raise InputError(f"{pattern!r} is not a pattern: {error.msg}") from error
    return _below(os.path.realpath(folder or "."), lambda name: bool(matches(name)), depth)


def _below(
    folder: str, is_wanted: Callable[[str], bool], depth: int | None = None
) -> Iterator[Found | LeftOut]:
    """Audio and members of tar archives below a folder, of the names that are wanted."""
    takes = Kind().takes
    for path, below, status, problem in search(folder, depth):
        if status is None:
            # A folder that cannot be read may hide what is wanted.
            if problem is not None and (problem[0] == "failed" or is_wanted(below)):
                yield LeftOut(path, *problem)
        elif not is_wanted(below):
            continue
        elif path[-len(SHARD_SUFFIX) :].lower() == SHARD_SUFFIX:
            yield from read_shard(path, below)
        elif takes(path):
            yield Found(path, below, status.st_size, status.st_mtime_ns)
        else:
            yield LeftOut(path, "skipped", "not audio")


def _expression(pattern: str) -> str:
    """A glob as a regular expression; ``**`` stands for any number of folders, none included."""
    parts = pattern.split("/")
    expression = ""
    for at, part in enumerate(parts):
        is_last = at == len(parts) - 1
        if part == "**":
            expression += ".*" if is_last else "(?:[^/]+/)*"
        else:
            expression += _part_expression(part) + ("" if is_last else "/")
    return f"(?s:{expression})"


def _part_expression(part: str) -> str:
    expression = ""
    for sign in re.findall(r"\[!?\]?[^\]]*\]|.", part, re.DOTALL):
        if sign in "*?":
            expression += {"*": "[^/]*", "?": "[^/]"}[sign]
        elif len(sign) > 1:
            is_not = sign[1] == "!"
            inside = sign[2 if is_not else 1 : -1].replace("\\", "\\\\").replace("[", "\\[")
            inside = inside.replace("]", "\\]").replace("^", "\\^")
            expression += f"[{'^' if is_not else ''}{inside}]"
        else:
            expression += re.escape(sign)
    return expression
