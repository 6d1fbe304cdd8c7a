"""`voiceanon archive report`: what a run came to, as a page."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voiceanon.cli.archive.run_option import DESTINATION, RUN_OPTION, run_folder
from voiceanon.cli.terminal import note

if TYPE_CHECKING:
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
    from voiceanon.archive.ledger import Ledger
    from voiceanon.archive.manifest import Manifest
    from voiceanon.archive.s3.urls import is_url
    from voiceanon.archive.statement import totals_of
    from voiceanon.archive.verifying import STATEMENT_NAMES
    from voiceanon.report.archive_page import write_archive_page

    settings = folder.settings()

    def audio() -> list[str]:
        """Some outputs, as the order of ids draws them."""
        found: list[str] = []
        with Manifest.open(folder.manifest) as manifest:
            for _, path in folder.ledgers():
                with Ledger(path, settings.run) as ledger:
                    done = (row for row in ledger if row.state == "done" and settings.audio)
                    for row in itertools.islice(done, _PLAYED - len(found)):
                        found.append(manifest.get(row.id).output + settings.audio)
        return found

    if is_url(settings.destination):
        return _write_from_bucket(folder, settings, totals_of(folder), audio(), out)
    place = Path(settings.destination) / STATEMENT_NAMES[1] if out is None else out
    return str(write_archive_page(totals_of(folder), settings, audio(), place))


def _write_from_bucket(
    folder: RunFolder, settings: RunSettings, totals: Totals, audio: list[str], out: Path | None
) -> str:
    """Do so from copies of the outputs in the run's own folder."""
    from voiceanon.archive.places import place_of
    from voiceanon.archive.preflight import check_destination
    from voiceanon.archive.verifying import STATEMENT_NAMES
    from voiceanon.file_plan import make_folder
    from voiceanon.formats.placing import TEMPORARY_PREFIX
    from voiceanon.report.archive_page import write_archive_page

    place, name = place_of(settings), STATEMENT_NAMES[1]
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=folder.path) as temporary:
        copies = Path(temporary)
        for one in audio:
            make_folder((copies / one).parent)
            with place.reading(one, copies) as copy:
                if copy.exists():
                    copy.rename(copies / one)
        local = replace(settings, destination=temporary)
        page = write_archive_page(totals, local, audio, copies / name if out is None else out)
        if out is not None:
            return str(page)
        check_destination(settings)
        place.write(name, page.read_bytes(), copies)
    return f"{settings.destination}/{name}"
