"""Which run a verb of `voiceanon archive` is about, and how its figures are printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from voiceanon.cli.terminal import results
from voiceanon.errors import InputError

if TYPE_CHECKING:
    from voiceanon.archive.run_folder import RunFolder

__all__ = ["DESTINATION", "RUN_OPTION", "located", "run_folder", "show_facts"]

DESTINATION = typer.Argument(metavar="DST", help="The destination that the run was planned for.")
RUN_OPTION = typer.Option(
    "--run",
    metavar="FOLDER",
    help="The run's own folder, if it is not DST.run; needed for a bucket.",
)


def located(place: str) -> str:
    """Return an absolute path, or the address of a bucket, from what was typed."""
    from voiceanon.archive.s3.urls import S3Url, is_url

    return str(S3Url.parse(place)) if is_url(place) else str(Path(place).absolute())


def run_folder(destination: str, run: Path | None) -> RunFolder:
    """Return the folder of the run with a destination."""
    from voiceanon.archive.run_folder import RunFolder
    from voiceanon.archive.s3.urls import is_url

    if run is not None:
        return RunFolder(run)
    beside = located(destination)
    if is_url(beside):
        raise InputError("the run of a bucket needs a folder here: give it with --run FOLDER")
    return RunFolder(Path(f"{beside}.run"))


def show_facts(facts: dict[str, Any]) -> None:
    """Print names and values, a line each."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in facts.items():
        table.add_row(name, str(value))
    results().print(table)
