"""Reads every byte of every output, and finds what is damaged, gone, or not accounted for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from voiceanon.archive.entries import Entry
from voiceanon.archive.ledger import Ledger, Output
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.packing import Packer, by_tar, is_packed, tar_of
from voiceanon.archive.places import Place, place_of
from voiceanon.archive.rebuilding import is_whole
from voiceanon.archive.run_folder import RunFolder, Shard
from voiceanon.archive.running import Watcher, open_ledger
from voiceanon.archive.work import output_of

__all__ = ["STATEMENT_NAMES", "Verification", "verify_run"]

STATEMENT_NAMES = ("statement.json", "report.html")
"""What a finished run leaves beside the outputs."""


@dataclass
class Verification:
    """What was found.

    Attributes
    ----------
    outputs, bytes : int
        Files that are as they were delivered, and their size.
    damaged : list of str
        Ids of recordings of which an output is gone or another; they are to be done again.
    undecided : int
        Recordings that nothing has become of yet, or that wait for the others of their tar file.
    strangers : list of str
        Files in the destination that no row tells of, as paths below it.
    """

    outputs: int = 0
    bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    undecided: int = 0
    strangers: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every recording is accounted for and every output is whole."""
        return not (self.damaged or self.undecided or self.strangers)


def verify_run(
    folder: RunFolder,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    watcher: Watcher | None = None,
) -> Verification:
    """Compare every output with its row: size, SHA-256, and that it can be read to its end.

    Of a tar file every byte is compared, also those between its members. A recording whose output
    is damaged is noted in its ledger to be done again by the next run.

    Parameters
    ----------
    folder : RunFolder
        Of a run that is not finished.
    progress : callable
        Given how many recordings were looked at, and of how many.
    watcher : Watcher, optional
        Told of damage.
    """
    place, found = place_of(folder.settings()), Verification()
    told = watcher or Watcher()
    known: set[str] = set()
    done = 0
    folder.key()
    with Manifest.open(folder.manifest) as manifest, folder.locked():
        work_folder = folder.work_folder(Shard())
        ledgers = folder.ledgers() or [(Shard(), folder.ledger(Shard()))]
        decided = 0
        for shard, _ in ledgers:
            with open_ledger(folder, shard, manifest, watcher) as ledger:
                packer = Packer(folder, ledger, work_folder, ledger.commit_in_time)
                for is_in_tar, entries in by_tar(manifest.shard(shard.number, shard.count)):
                    if is_in_tar:
                        together = list(entries)
                        decided += _verify_tar(together, ledger, packer, found, known)
                        done += len(together)
                        progress(done, len(manifest))
                        continue
                    for entry in entries:
                        decided += _verify(entry, ledger, place, work_folder, found, known)
                        done += 1
                        progress(done, len(manifest))
        found.undecided = len(manifest) - decided
        folder.remove_work_folders()
    found.strangers = sorted(
        name for name in place.names() if name not in known and name not in STATEMENT_NAMES
    )
    for key in found.damaged:
        told.on_note(f"an output of {key} is damaged or gone: it is to be made again")
    return found


def _verify(
    entry: Entry,
    ledger: Ledger,
    place: Place,
    work_folder: Path,
    found: Verification,
    known: set[str],
) -> int:
    row = ledger.get(entry.id)
    if row is None or row.state == "working":
        return 0
    names = {entry.output + output.suffix: output for output in row.outputs}
    known.update(names)
    if all(_is_as_delivered(place, work_folder, *one) for one in names.items()):
        found.outputs += len(names)
        found.bytes += sum(output.bytes for output in row.outputs)
        return 1
    found.damaged.append(entry.id)
    ledger.forget(entry.id, "an output was damaged or gone")
    return 1


def _verify_tar(
    entries: list[Entry], ledger: Ledger, packer: Packer, found: Verification, known: set[str]
) -> int:
    """Do so for all recordings of one tar file.

    The SHA-256 of each output was taken when it was read to its end.
    """
    lost = packer.settle(entries, is_deep=True)
    found.damaged += lost
    decided = len(lost)
    if lost:
        known.add(tar_of(entries))
    for entry in entries:
        row = ledger.get(entry.id)
        if row is None or row.state == "working":
            continue
        if row.state == "done" and entry.packed is not None:
            known.add(entry.packed.tar)
            if not is_packed(row):
                continue
            found.outputs += len(row.outputs)
            found.bytes += sum(output.bytes for output in row.outputs)
        decided += 1
    return decided


def _is_as_delivered(place: Place, work_folder: Path, name: str, output: Output) -> bool:
    with place.reading(name, work_folder) as path:
        try:
            if path.lstat().st_size != output.bytes or not output_of(path, output.suffix).is_like(
                output
            ):
                return False
        except OSError:
            return False
        return is_whole(path) is not None
