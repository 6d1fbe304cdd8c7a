"""A run, or a shard of it: every recording worked on once, by workers, into a ledger."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from voiceanon.archive.entries import Entry
from voiceanon.archive.ledger import Ledger, LedgerError, Row
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.owning import claim
from voiceanon.archive.packing import Packer, by_tar
from voiceanon.archive.places import LocalFolder, place_of
from voiceanon.archive.pool import Died, MakePool, Pool, one_thread_each
from voiceanon.archive.preflight import check_destination, space_told
from voiceanon.archive.rebuilding import rebuilt
from voiceanon.archive.run_folder import RunFolder, RunSettings, Shard
from voiceanon.archive.s3.urls import is_url
from voiceanon.archive.shards import SHARD_SUFFIX
from voiceanon.archive.speaker_profiles import MOST_ALIKE
from voiceanon.archive.splitting import bring_together
from voiceanon.archive.work import Job, job_of, make_work, remove_outputs, trusted
from voiceanon.errors import DestinationError
from voiceanon.formats.placing import TEMPORARY_PREFIX, cause

__all__ = ["MOST_ATTEMPTS", "Watcher", "open_ledger", "remove_leftovers", "run_shard"]

MOST_ATTEMPTS = 3
"""A recording that was begun so often, and stopped the run each time, is given up."""

_STUCK_S = 180.0
_CHECK_EVERY_S = 600.0  # a bucket can be opened while a run goes on
_MADE_AGAIN = "an output was gone or another: it is made again"


@dataclass
class Watcher:
    """Who is told how a run goes; by default nobody.

    Attributes
    ----------
    on_row : callable
        Given each recording's entry and row as it is decided.
    on_progress : callable
        Given an entry and how much of it is done, 0 to 1.
    on_note : callable
        Given a line about the run as a whole.
    """

    on_row: Callable[[Entry, Row], None] = lambda _entry, _row: None
    on_progress: Callable[[Entry, float], None] = lambda _entry, _share: None
    on_note: Callable[[str], None] = lambda _line: None


def run_shard(
    folder: RunFolder,
    shard: Shard | None = None,
    *,
    workers: int = 1,
    retry: bool = False,
    watcher: Watcher | None = None,
    make_pool: MakePool | None = None,
) -> dict[str, int]:
    """Work on every recording of a shard that is not decided yet; return how many are what.

    It can be stopped at any point, by Ctrl-C, SIGTERM, kill -9 or a power cut, and called again:
    outputs have their names only when they are whole, and the ledger says "done" only after that.
    What was delivered before is there, of its size, and read again if it was touched since.
    It may go on in other shards than it was begun in.

    Parameters
    ----------
    folder : RunFolder
        Of a run that was planned.
    shard : Shard, optional
        Which part; all of it by default.
    workers : int
        Processes.
    retry : bool
        Whether recordings that failed or were held are tried again.
    watcher : Watcher, optional
        Who is told.
    make_pool : callable, optional
        What starts the workers, in place of `Pool`: processes of this machine.

    Returns
    -------
    dict
        The number of rows of each state.

    Raises
    ------
    DestinationError
        If the destination is refused, or fills up, or the run goes on elsewhere.
    SecretError
        If the run is finished, or its own key for the mark is gone or another.
    """
    shard, watcher = shard or Shard(), watcher or Watcher()
    settings, key = folder.settings(), folder.key()
    folder.mark_key(settings)  # refused before any work; workers read it themselves
    check_destination(settings)
    claim(settings, folder.path)
    with Manifest.open(folder.manifest) as manifest:

        def alone() -> None:
            remove_leftovers(folder)
            for old, path in folder.ledgers():
                if old.count != shard.count:
                    with open_ledger(folder, old, manifest, watcher) as ledger:
                        bring_together(folder, ledger, shard.count, settings.run, manifest.part)
                    path.unlink()

        with folder.locked(shard, alone), open_ledger(folder, shard, manifest, watcher) as ledger:
            is_clean, work_folder = True, folder.work_folder(shard)
            packer = Packer(folder, ledger, work_folder, ledger.commit_in_time, watcher.on_note)
            try:
                undecided = _undecided(manifest, shard, ledger, packer, settings, retry, watcher)
                first = list(itertools.islice(undecided, 1))
                if first:  # else no worker need be started
                    entries = itertools.chain(first, undecided)
                    alike = _alike(manifest, settings)
                    jobs = ((e, job_of(e, settings, key, work_folder, alike(e))) for e in entries)
                    is_clean = _work_through(
                        jobs, ledger, packer, folder, workers, watcher, make_pool
                    )
            finally:
                shutil.rmtree(work_folder, ignore_errors=True)
            if shard.count == 1:
                packer.remove_empty_folders()
                if not is_clean:
                    remove_leftovers(folder)
            return ledger.counts()


def open_ledger(
    folder: RunFolder, shard: Shard, manifest: Manifest, watcher: Watcher | None = None
) -> Ledger:
    """Return the ledger of a shard; one that is damaged is set aside and made again."""
    settings, path = folder.settings(), folder.ledger(shard)
    try:
        return Ledger(path, settings.run)
    except LedgerError as error:
        (watcher or Watcher()).on_note(f"{error}; it is made again from the outputs")
        aside = next(
            place
            for number in itertools.count(1)
            if not os.path.lexists(place := path.with_suffix(f".damaged-{number}"))
        )
        path.rename(aside)
        journal = path.with_name(f"{path.name}-journal")
        journal.unlink(missing_ok=True)
        ledger = Ledger(path, settings.run)
        entries = manifest.shard(shard.number, shard.count)
        work_folder = folder.work_folder(shard)
        for row in rebuilt(entries, settings, work_folder, folder.waiting):
            ledger.put(row)
        ledger.commit()
        return ledger


def _work_through(
    jobs: Iterator[tuple[Entry, Job]],
    ledger: Ledger,
    packer: Packer,
    folder: RunFolder,
    workers: int,
    watcher: Watcher,
    make_pool: MakePool | None,
) -> bool:
    """Return whether every worker could remove what it had not finished."""
    settings, checked_s = folder.settings(), time.monotonic()

    def on_turn() -> None:
        nonlocal checked_s
        ledger.commit_in_time()
        if is_url(settings.destination) and time.monotonic() - checked_s >= _CHECK_EVERY_S:
            check_destination(settings)
            checked_s = time.monotonic()
        packer.pack_complete()  # every worker has something to do

    one_thread_each()
    try:
        # Where the source is, a worker is told recording by recording.
        pool = (make_pool or Pool)(workers, make_work, replace(settings, source=""), _STUCK_S)
    except OSError as error:
        raise DestinationError(f"no worker can be started: {cause(error)}") from error
    begun: dict[str, Row] = {}
    is_clean = True

    def on_begin(entry: Entry) -> None:
        begun[entry.id] = ledger.begin(entry.id)

    try:
        for entry, result in pool.map(jobs, watcher.on_progress, on_turn, on_begin):
            if isinstance(result, Died):
                is_clean = False
                row = Row(entry.id, "failed", begun[entry.id].attempts, str(result))
            else:
                row = replace(result, attempts=begun[entry.id].attempts)
            if row.state == "working":  # nothing is wrong with the recording
                raise DestinationError(row.reason)
            if row.state != "done":
                remove_outputs(settings, packer.place_for(entry), entry)
            ledger.put(row)
            del begun[entry.id]
            watcher.on_row(entry, row)
            packer.decided(entry)
        packer.pack_complete()
    except (KeyboardInterrupt, DestinationError) as error:
        # No recording did that.
        with contextlib.suppress(DestinationError):
            for row in begun.values():
                ledger.let_go(row)
        told = space_told(str(error), settings, folder.path)
        if told != str(error):
            raise DestinationError(told) from error
        raise
    finally:
        is_clean &= pool.close()
    return is_clean


def _undecided(
    manifest: Manifest,
    shard: Shard,
    ledger: Ledger,
    packer: Packer,
    settings: RunSettings,
    retry: bool,
    watcher: Watcher,
) -> Iterator[Entry]:
    is_told = False

    def is_undecided(entry: Entry) -> bool:
        row = ledger.get(entry.id)
        if row is None or (retry and row.state in ("failed", "held")):
            return True
        if row.state == "working":
            if row.attempts < MOST_ATTEMPTS:
                return True
            why = f"was begun {row.attempts} times and stopped the run each time"
            given_up = replace(row, state="failed", reason=why)
            ledger.put(given_up)
            watcher.on_row(entry, given_up)
        elif row.state == "done" and entry.packed is None:
            return not is_trusted(entry, row)
        return False

    def is_trusted(entry: Entry, row: Row) -> bool:
        nonlocal is_told
        found = trusted(packer.place, entry, row, packer.work_folder)
        if found is None:
            ledger.forget(entry.id, "an output was gone or another")
            watcher.on_note(_MADE_AGAIN)
            return False
        if found is not row:
            ledger.put(found)
            if not is_told:
                watcher.on_note("outputs were touched after they were delivered: they are read")
            is_told = True
        return True

    every = manifest.shard(shard.number, shard.count, by_speaker=settings.profile == "speaker")
    for is_in_tar, entries in by_tar(every):
        if not is_in_tar:
            yield from filter(is_undecided, entries)
            continue
        together = list(entries)
        for _ in packer.settle(together):
            watcher.on_note(_MADE_AGAIN)
        left = [entry for entry in together if is_undecided(entry)]
        packer.expect(together, len(left))
        yield from left


def _alike(manifest: Manifest, settings: RunSettings) -> Callable[[Entry], list[Entry]]:
    """Return what tells the recordings from which an entry's speaker is learned."""
    if settings.profile != "speaker":
        return lambda _entry: []
    last: dict[str, list[Entry]] = {}

    def alike(entry: Entry) -> list[Entry]:
        if entry.speaker not in last:  # one speaker comes after the other
            last.clear()
            last[entry.speaker] = manifest.alike(entry, MOST_ALIKE)
        return last[entry.speaker]

    return alike


def remove_leftovers(folder: RunFolder) -> None:
    """Remove what processes that were killed had not finished; nobody else may be at work."""
    folder.remove_work_folders()
    for path in folder.path.glob(f"{TEMPORARY_PREFIX}*.part"):
        path.unlink(missing_ok=True)

    def outputs() -> Iterator[str]:
        with Manifest.open(folder.manifest) as manifest:
            for entry in manifest:
                yield entry.output
            for tar in manifest.tars():
                yield tar.removesuffix(SHARD_SUFFIX)

    LocalFolder(folder.waiting).remove_leftovers(outputs)
    place_of(folder.settings()).remove_leftovers(outputs)
