"""Recordings in a bucket: found by listing it, read as copies in the run's own folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from voiceanon.archive.entries import Entry, Found, LeftOut
from voiceanon.archive.s3.client import StoreError
from voiceanon.archive.s3.store import Head, Store
from voiceanon.archive.s3.urls import S3Url
from voiceanon.errors import InputError, RecordingError
from voiceanon.formats import AUDIO_SUFFIXES

__all__ = [
    "bucket_of",
    "fetched",
    "find_objects",
    "is_unchanged",
    "refuse_versions",
    "remove_object",
]

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
            yield Found(source, one.name, one.size, one.mtime_ns, etag=one.etag)
    told = Store(S3Url(url.bucket, "")).head(url.prefix) if is_empty and url.prefix else None
    if told is not None:
        if url.prefix.lower().endswith(_LISTS):
            raise InputError("a list of recordings must be a file here, not in a bucket")
        name = url.prefix.rpartition("/")[2]
        yield Found(str(url), name, told.size, told.mtime_ns, etag=told.etag)


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
    store, key = _object_of(entry)
    try:
        told = store.head(key)
        if not _is_planned(told, entry):
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


def is_unchanged(entry: Entry) -> bool:
    """Whether an object is there as it was planned.

    Raises
    ------
    StoreError
        If S3 does not tell.
    """
    store, key = _object_of(entry)
    return _is_planned(store.head(key), entry)


def refuse_versions(entry: Entry) -> None:
    """Refuse a bucket in which what is removed would stay, as an older version.

    Raises
    ------
    InputError
        If it keeps versions.
    StoreError
        If S3 does not tell.
    """
    store, _ = _object_of(entry)
    if store.keeps_versions():
        raise InputError(
            "the bucket of the originals keeps versions: what is removed would stay in it; "
            "remove them there, with all versions"
        )


def remove_object(entry: Entry) -> None:
    """Remove an object if it is still what was planned.

    Raises
    ------
    StoreError
        If it is another, or gone, or cannot be removed.
    """
    store, key = _object_of(entry)
    store.remove_unchanged(key, entry.etag)


def bucket_of(entry: Entry) -> str:
    """Return the bucket that an object lies in."""
    return _address(entry)[0]


def _object_of(entry: Entry) -> tuple[Store, str]:
    bucket, key = _address(entry)
    return Store(S3Url(bucket, "")), key


def _address(entry: Entry) -> tuple[str, str]:
    # Not `S3Url.parse`: a key may have parts that no prefix of ours has.
    bucket, _, key = entry.source.partition("://")[2].partition("/")
    return bucket, key


def _is_planned(told: Head | None, entry: Entry) -> bool:
    found = None if told is None else (told.size, told.mtime_ns, told.etag)
    return found == (entry.size, entry.mtime_ns, entry.etag)


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
