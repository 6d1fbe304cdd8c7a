"""What lies below a folder, in order of name: nothing is opened and no link is followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Seen", "search"]


class Seen(NamedTuple):
    """What `search` comes across: a regular file, or (status, reason) why it is left out."""

    path: str
    below: str  # the path below the folder that is searched
    status: os.stat_result | None
    problem: tuple[str, str] | None


def search(folder: str, depth: int | None = None) -> Iterator[Seen]:
    """Everything below a folder in order of name: regular files, and why others are left out.

    Nothing is opened and no link is followed. Memory grows with the largest single folder.

    Parameters
    ----------
    folder : str
        Where to start.
    depth : int, optional
        How many levels of folders are looked into; by default all.

    Yields
    ------
    Seen
        Hidden entries, links and what is neither file nor folder carry their problem.
    """
    levels = [_entries(folder, "")]
    while levels:
        seen = next(levels[-1], None)
        if seen is None:
            levels.pop()
        elif seen.status is None or not stat.S_ISDIR(seen.status.st_mode):
            yield seen
        elif depth is None or len(levels) < depth:
            levels.append(_entries(seen.path, f"{seen.below}/"))


def _entries(folder: str, below: str) -> Iterator[Seen]:
    """What lies directly in a folder, other folders included."""
    try:
        with os.scandir(folder) as found:
            names = sorted(entry.name for entry in found)
    except OSError as error:
        problem = ("failed", f"folder cannot be read: {error.strerror}")
        yield Seen(folder, below.rstrip("/"), None, problem)
        return
    prefix = folder if folder.endswith("/") else f"{folder}/"
    for name in names:
        path, relative = prefix + name, below + name
        if name.startswith("."):
            yield Seen(path, relative, None, ("skipped", "hidden"))
            continue
        try:
            status = os.lstat(path)
        except OSError as error:
            yield Seen(path, relative, None, ("failed", f"cannot be read: {error.strerror}"))
            continue
        mode = status.st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            yield Seen(path, relative, status, None)
        elif stat.S_ISLNK(mode):
            yield Seen(path, relative, None, ("skipped", "symbolic link"))
        else:
            yield Seen(path, relative, None, ("skipped", "not a regular file"))
