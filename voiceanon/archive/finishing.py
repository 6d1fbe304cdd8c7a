"""The end of a run: its totals beside the outputs, its key destroyed; and originals removed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from voiceanon.archive.entries import Entry
from voiceanon.archive.ledger import Ledger
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.owning import refuse_foreign, release
from voiceanon.archive.packing import Packer, by_tar, is_packed
from voiceanon.archive.places import place_of
from voiceanon.archive.preflight import check_destination
from voiceanon.archive.run_folder import RunFolder, Shard
from voiceanon.archive.running import open_ledger, remove_leftovers
from voiceanon.archive.s3.client import StoreError
from voiceanon.archive.s3.sources import (
    bucket_of,
    is_unchanged,
    refuse_versions,
    remove_object,
)
from voiceanon.archive.s3.urls import is_url
from voiceanon.archive.statement import Totals, totals_of
from voiceanon.archive.verifying import STATEMENT_NAMES
from voiceanon.errors import InputError
from voiceanon.formats.placing import cause

__all__ = ["finish_run", "removable", "remove_originals"]


def finish_run(
    folder: RunFolder,
    *,
    incomplete: bool = False,
    before: Callable[[RunFolder], object] = lambda _folder: None,
) -> Totals:
    """Write the final statement, and destroy the key and the manifest, which tells names.

    Without the key nobody can draw the run's voices or its pseudonyms again. Ledgers stay: they
    tell neither.

    Parameters
    ----------
    folder : RunFolder
        Of the run.
    incomplete : bool
        Whether recordings may be left undecided.
    before : callable
        Given the folder while it still holds everything, for a report.

    Raises
    ------
    InputError
        If recordings are undecided and that is not allowed.
    SecretError
        If the run is finished already.
    """
    if folder.is_finished and not folder.settings().source:
        folder.destroy_key()  # in case it was stopped half-way the first time
    folder.key()
    with folder.locked():
        settings, totals = folder.settings(), totals_of(folder)
        left = totals.states["undecided"]
        refuse_foreign(settings, folder.path)
        if left and not incomplete:
            raise InputError(f"{left} recordings are undecided: run it to its end first")
        if totals.waiting and not incomplete:
            raise InputError(
                f"{totals.waiting} recordings wait for their tar file: run it to its end first"
            )
        if totals.waiting:
            _pack_what_is_done(folder)
            totals = totals_of(folder)
        remove_leftovers(folder)
        statement = json.dumps(totals.as_dict(), indent=1).encode() + b"\n"
        if is_url(settings.destination):
            check_destination(settings)
        work_folder = folder.work_folder(Shard())
        place_of(settings).write(STATEMENT_NAMES[0], statement, work_folder)
        before(folder)
        shutil.rmtree(folder.waiting, ignore_errors=True)
        release(settings, folder.path)
        folder.destroy_key()
    return totals


def _pack_what_is_done(folder: RunFolder) -> None:
    """Make the tar files of which some recordings are undecided, of the others."""
    work_folder = folder.work_folder(Shard())
    with Manifest.open(folder.manifest) as manifest:
        for shard, _ in folder.ledgers():
            with open_ledger(folder, shard, manifest) as ledger:
                packer = Packer(folder, ledger, work_folder, ledger.commit_in_time)
                for is_in_tar, entries in by_tar(manifest.shard(shard.number, shard.count)):
                    if is_in_tar:
                        together = list(entries)
                        packer.settle(together)
                        packer.pack(together, is_partial=True)


def removable(folder: RunFolder) -> Iterator[Entry]:
    """Yield the recordings that are delivered, whose originals are files or objects and unchanged.

    Held, failed, empty and salvaged recordings stay, and so do members of archives.
    """
    name = folder.settings().run
    with Manifest.open(folder.manifest) as manifest:
        for shard, path in folder.ledgers():
            with Ledger(path, name) as ledger:
                for entry in manifest.shard(shard.number, shard.count):
                    row = ledger.get(entry.id)
                    if row is None or row.state != "done" or row.is_salvaged:
                        continue
                    is_delivered = entry.packed is None or is_packed(row)
                    if is_delivered and entry.offset < 0 and _is_unchanged(entry):
                        yield entry


def remove_originals(entries: Iterator[Entry]) -> int:
    """Remove what `removable` found, after `verify_run` found everything good; return how many."""
    removed = 0
    buckets: set[str] = set()
    for entry in entries:
        try:
            if is_url(entry.source):
                if bucket_of(entry) not in buckets:
                    refuse_versions(entry)
                buckets.add(bucket_of(entry))
                remove_object(entry)
            else:
                Path(entry.source).unlink()
        except (OSError, StoreError, InputError) as error:
            why = cause(error) if isinstance(error, OSError) else str(error)
            raise InputError(
                f"{removed} originals are removed, the next cannot be: {why}"
            ) from error
        removed += 1
    return removed


def _is_unchanged(entry: Entry) -> bool:
    if is_url(entry.source):
        return is_unchanged(entry)
    try:
        status = os.lstat(entry.source)
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (entry.size, entry.mtime_ns)
