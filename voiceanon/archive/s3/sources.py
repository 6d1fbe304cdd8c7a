"""Recordings in a bucket: found by listing it, read as copies in the run's own folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from voiceanon.archive.entries import Entry, Found, LeftOut
from voiceanon.archive.s3.client import StoreError
from voiceanon.archive.s3.store import Store
from voiceanon.archive.s3.urls import S3Url
from voiceanon.errors import InputError, RecordingError
from voiceanon.formats import AUDIO_SUFFIXES

__all__ = ["fetched", "find_objects"]

_CHANGED = "has changed since the plan"
_LISTS = (".csv", ".jsonl", ".ndjson", ".json", ".manifest", ".scp")


def find_objects(text: str) -> Iterator[Found | LeftOut]:
    """Yield what lies below ``s3://BUCKET/PREFIX`` in the order of keys, or the one object there.

    Raises
    ------
    InputError
        If it is no address, or a list: those are read from files.
    StoreError
        If it cannot be listed.
    """
    url = S3Url.parse(text)
    store = Store(url)
    is_empty = True
    for one in store.list():
        is_empty = False
        source = f"s3://{url.bucket}/{url.key(one.name)}"
        if one.name.endswith("/") or not one.name:
            continue  # what consoles make to show an empty folder
        problem = _problem(one.name)
        if problem is not None:
            yield LeftOut(source, *problem)
        else:
            yield Found(source, one.name, one.size, one.mtime_ns)
    told = Store(S3Url(url.bucket, "")).head(url.prefix) if is_empty and url.prefix else None
    if told is not None:
        if url.prefix.lower().endswith(_LISTS):
            raise InputError("a list of recordings must be a file here, not in a bucket")
        yield Found(str(url), url.prefix.rpartition("/")[2], told.size, told.mtime_ns)


@contextmanager
def fetched(
    entry: Entry, work_folder: Path, tick: Callable[[], None] = lambda: None
) -> Iterator[Path]:
    """Yield the path of a copy of a recording, gone afterwards; `tick` is called as it comes.

    Raises
    ------
    RecordingError
        If it is gone, was changed since the plan, may not be read or keeps arriving damaged.
    StoreError
        If S3 fails.
    """
    bucket, _, key = entry.source.partition("://")[2].partition("/")
    store = Store(S3Url(bucket, ""))
    try:
        told = store.head(key)
        if told is None or (told.size, told.mtime_ns) != (entry.size, entry.mtime_ns):
            raise RecordingError(_CHANGED)
        copy = store.get(key, work_folder, told, tick)
    except StoreError as error:
        if error.status == 403:  # of one object: the others may be read
            raise RecordingError("may not be read: S3 answers 403") from error
        raise
    try:
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _problem(name: str) -> tuple[str, str] | None:
    """Why an object is no recording."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in name:
        return "failed", "has a name that leads out of its folder"
    if any(part.startswith(".") for part in parts):
        return "skipped", "hidden"
    suffix = f".{parts[-1].rpartition('.')[2].lower()}"
    if suffix == ".tar":
        return "failed", "is a tar archive in a bucket; only files are read from tar archives"
    return None if suffix in AUDIO_SUFFIXES else ("skipped", "not named like audio")
