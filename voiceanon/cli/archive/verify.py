"""`voiceanon archive verify`: reads every byte of every output."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voiceanon.cli.archive.run_option import DESTINATION, RUN_OPTION, run_folder, show_facts
from voiceanon.cli.exit_codes import NOT_PASSED
from voiceanon.cli.terminal import note, print_json, printable, stderr

__all__ = ["verify"]

_MOST_SHOWN = 10


def verify(
    destination: Annotated[str, DESTINATION],
    *,
    run: Annotated[Path | None, RUN_OPTION] = None,
    json_line: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Compare every output with the ledger: size, SHA-256, and that it can be read to its end.

    What is damaged or gone is made again by the next `archive run`. Files that the ledger does not
    know are listed. The exit code is 4 if anything is wrong or undecided.

    For example:

    ```
    voiceanon archive verify anonymous/
    ```
    """
    from rich.progress import Progress

    from voiceanon.archive.verifying import verify_run

    console = stderr()
    quiet = not console.is_terminal
    with Progress(console=console, disable=quiet, transient=True) as progress:
        task = progress.add_task("reading", total=1)
        found = verify_run(
            run_folder(destination, run),
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    facts = {
        "outputs": found.outputs,
        "bytes": found.bytes,
        "damaged": len(found.damaged),
        "undecided": found.undecided,
        "strangers": len(found.strangers),
    }
    if json_line:
        print_json({"good": found.is_good, **facts})
    else:
        show_facts(facts)
        for name in found.strangers[:_MOST_SHOWN]:
            note(f"not of this run: {printable(name)}")
        if found.damaged:
            note("`voiceanon archive run` makes what is damaged again")
    if not found.is_good:
        raise typer.Exit(NOT_PASSED)
