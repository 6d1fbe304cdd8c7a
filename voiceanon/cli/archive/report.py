"""`voiceanon archive report`: what a run came to, as a page."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voiceanon.cli.archive.run_option import DESTINATION, RUN_OPTION, run_folder
from voiceanon.cli.terminal import note

if TYPE_CHECKING:
    from voiceanon.archive.entries import Entry
    from voiceanon.archive.run_folder import RunFolder, RunSettings
    from voiceanon.archive.statement import Totals

__all__ = ["report", "write_page"]

_PLAYED = 6


def report(
    destination: Annotated[str, DESTINATION],
    *,
    run: Annotated[Path | None, RUN_OPTION] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE.html", help="By default DST/report.html."),
    ] = None,
) -> None:
    """Write a page with the totals, why recordings were held, the slowest, and some outputs.

    `finish` writes it too. It calls recordings by pseudonyms and never plays an original.

    For example:

    ```
    voiceanon archive report anonymous/
    ```
    """
    note(f"report in {write_page(run_folder(destination, run), out)}")


def write_page(folder: RunFolder, out: Path | None = None) -> str:
    """Write the page of a run that is not finished; return where."""
    from voiceanon.archive.owning import refuse_foreign
    from voiceanon.archive.s3.urls import is_url
    from voiceanon.archive.statement import totals_of
    from voiceanon.archive.verifying import STATEMENT_NAMES
    from voiceanon.report.archive_page import write_archive_page

    settings = folder.settings()
    if out is None:
        refuse_foreign(settings, folder.path)
    played = _played(folder)
    is_plain = all(entry.packed is None for entry in played)
    if is_url(settings.destination) or not is_plain:
        return _write_from_copies(folder, settings, totals_of(folder), played, out)
    audio = [entry.output + settings.audio for entry in played]
    place = Path(settings.destination) / STATEMENT_NAMES[1] if out is None else out
    return str(write_archive_page(totals_of(folder), settings, audio, place))


def _played(folder: RunFolder) -> list[Entry]:
    """Some recordings whose outputs can be listened to: as the order of ids draws them.

    Of a run into tar files, those of the first, or else of as few as will do.
    """
    from voiceanon.archive.ledger import Ledger
    from voiceanon.archive.manifest import Manifest
    from voiceanon.archive.packing import is_packed

    settings = folder.settings()
    found: list[Entry] = []
    with Manifest.open(folder.manifest) as manifest:
        for shard, path in folder.ledgers():
            if not settings.audio:
                break
            with Ledger(path, settings.run) as ledger:
                for entry in manifest.shard(shard.number, shard.count):
                    if len(found) == _PLAYED:
                        break
                    row = ledger.get(entry.id)
                    if row is None or row.state != "done":
                        continue
                    if entry.packed is None or is_packed(row):
                        found.append(entry)
    return found


def _write_from_copies(
    folder: RunFolder, settings: RunSettings, totals: Totals, played: list[Entry], out: Path | None
) -> str:
    """Do so from copies of the outputs in the run's own folder."""
    from voiceanon.archive.packing import by_tar, opened, tar_of
    from voiceanon.archive.places import place_of
    from voiceanon.archive.preflight import check_destination
    from voiceanon.archive.tars import extracted, index_of
    from voiceanon.archive.verifying import STATEMENT_NAMES
    from voiceanon.file_plan import make_folder
    from voiceanon.formats.placing import TEMPORARY_PREFIX
    from voiceanon.report.archive_page import write_archive_page

    place, name = place_of(settings), STATEMENT_NAMES[1]
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=folder.path) as temporary:
        copies = Path(temporary)

        def keep(copy: Path, entry: Entry) -> None:
            make_folder((copies / entry.output).parent)
            if copy.exists():
                shutil.copyfile(copy, copies / (entry.output + settings.audio))

        for is_in_tar, entries in by_tar(played):
            together = list(entries)
            if not is_in_tar:
                for entry in together:
                    with place.reading(entry.output + settings.audio, copies) as copy:
                        keep(copy, entry)
                continue
            with opened(place, tar_of(together), copies) as source:
                index = index_of(source) if source is not None else {}
                for entry in together:
                    member = (entry.packed.member if entry.packed else "") + settings.audio
                    if source is not None and member in index:
                        with extracted(source, *index[member], copies, settings.audio) as copy:
                            keep(copy, entry)
        audio = [entry.output + settings.audio for entry in played]
        local = replace(settings, destination=temporary)
        page = write_archive_page(totals, local, audio, copies / name if out is None else out)
        if out is not None:
            return str(page)
        check_destination(settings)
        place.write(name, page.read_bytes(), copies)
    return f"{settings.destination}/{name}"
