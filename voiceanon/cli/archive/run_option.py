"""Which run a verb of `voiceanon archive` is about, and how its figures are printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from voiceanon.cli.terminal import results

if TYPE_CHECKING:
    from voiceanon.archive.run_folder import RunFolder

__all__ = ["DESTINATION", "RUN_OPTION", "run_folder", "show_facts"]

DESTINATION = typer.Argument(metavar="DST", help="The destination that the run was planned for.")
RUN_OPTION = typer.Option(
    "--run", metavar="FOLDER", help="The run's own folder, if it is not DST.run."
)


def run_folder(destination: Path, run: Path | None) -> RunFolder:
    """Return the folder of the run with a destination."""
    from voiceanon.archive.run_folder import RunFolder

    beside = destination.absolute()
    return RunFolder(beside.with_name(f"{beside.name}.run") if run is None else run)


def show_facts(facts: dict[str, Any]) -> None:
    """Print names and values, a line each."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in facts.items():
        table.add_row(name, str(value))
    results().print(table)
