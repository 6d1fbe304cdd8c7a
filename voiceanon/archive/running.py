"""A run, or a shard of it: every recording worked on once, by workers, into a ledger."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from voiceanon.archive.entries import Entry
from voiceanon.archive.ledger import Ledger, LedgerError, Row
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.pool import Died, Pool
from voiceanon.archive.preflight import check_destination
from voiceanon.archive.rebuilding import rebuilt
from voiceanon.archive.run_folder import RunFolder, RunSettings, Shard
from voiceanon.archive.work import Job, job_of, make_work, output_paths
from voiceanon.errors import DestinationError
from voiceanon.formats.placing import TEMPORARY_PREFIX

__all__ = ["MOST_ATTEMPTS", "Watcher", "open_ledger", "run_shard"]

MOST_ATTEMPTS = 3
"""A recording that was begun so often, and stopped the run each time, is given up."""

_STUCK_S = 180.0
_FINAL = {"done", "held", "failed", "empty"}
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


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
) -> dict[str, int]:
    """Work on every recording of a shard that is not decided yet; return how many are what.

    It can be stopped at any point, by Ctrl-C, SIGTERM, kill -9 or a power cut, and called again:
    outputs have their names only when they are whole, and the ledger says "done" only after that.

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

    Returns
    -------
    dict
        The number of rows of each state.

    Raises
    ------
    DestinationError
        If the destination is refused, or fills up, or the run goes on elsewhere.
    SecretError
        If the run is finished.
    """
    shard, watcher = shard or Shard(), watcher or Watcher()
    settings, key = folder.settings(), folder.key()
    check_destination(settings)
    with folder.locked(shard), Manifest.open(folder.manifest) as manifest:
        if shard.count == 1:
            _remove_leftovers(Path(settings.destination), folder.path)
        with open_ledger(folder, shard, manifest, watcher) as ledger:
            undecided = _undecided(manifest, shard, ledger, settings, retry, watcher)
            first = list(itertools.islice(undecided, 1))
            if first:  # else no worker need be started
                entries = itertools.chain(first, undecided)
                jobs = ((entry, job_of(entry, settings, key)) for entry in entries)
                _work_through(jobs, ledger, (settings, folder.path), workers, watcher)
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
        for row in rebuilt(manifest.shard(shard.number, shard.count), settings):
            ledger.put(row)
        ledger.commit()
        return ledger


def _work_through(
    jobs: Iterator[tuple[Entry, Job]],
    ledger: Ledger,
    given: tuple[RunSettings, Path],
    workers: int,
    watcher: Watcher,
) -> None:
    for name in _THREADS:  # one each: the workers are the parallelism
        os.environ.setdefault(name, "1")
    pool = Pool(workers, make_work, given, _STUCK_S)
    begun: dict[str, Row] = {}

    def begin() -> Iterator[tuple[Entry, Job]]:
        for entry, job in jobs:
            begun[entry.id] = ledger.begin(entry.id)
            yield entry, job

    try:
        for entry, result in pool.map(begin(), watcher.on_progress):
            attempts = begun.pop(entry.id).attempts
            if isinstance(result, Died):
                row = Row(entry.id, "failed", attempts, str(result))
            else:
                row = replace(result, attempts=attempts)
            ledger.put(row)
            if row.state == "working":  # nothing is wrong with the recording
                raise DestinationError(row.reason)
            watcher.on_row(entry, row)
    except sqlite3.OperationalError as error:
        raise DestinationError(f"the ledger cannot be written: {error}") from error
    finally:
        pool.close()


def _undecided(
    manifest: Manifest,
    shard: Shard,
    ledger: Ledger,
    settings: RunSettings,
    retry: bool,
    watcher: Watcher,
) -> Iterator[Entry]:
    for entry in manifest.shard(shard.number, shard.count):
        row = ledger.get(entry.id)
        if row is None or (retry and row.state in ("failed", "held")):
            yield entry
        elif row.state == "working":
            if row.attempts >= MOST_ATTEMPTS:
                why = f"was begun {row.attempts} times and stopped the run each time"
                given_up = replace(row, state="failed", reason=why)
                ledger.put(given_up)
                watcher.on_row(entry, given_up)
            else:
                yield entry
        elif row.state == "done" and not _are_there(settings, entry, row):
            ledger.forget(entry.id, "an output was gone or of another size")
            watcher.on_note("an output was gone or of another size: it is made again")
            yield entry


def _are_there(settings: RunSettings, entry: Entry, row: Row) -> bool:
    """Whether every output has its size; `verify` reads them too."""
    paths = output_paths(settings, entry, row)
    try:
        return all(
            path.lstat().st_size == output.bytes
            for path, output in zip(paths, row.outputs, strict=True)
        )
    except OSError:
        return False


def _remove_leftovers(*folders: Path) -> None:
    """Remove what a process that was killed had not finished; nobody else works here."""
    for folder, _, names in itertools.chain(*map(os.walk, folders)):
        for name in names:
            if name.startswith(TEMPORARY_PREFIX) and name.endswith(".part"):
                (Path(folder) / name).unlink(missing_ok=True)
