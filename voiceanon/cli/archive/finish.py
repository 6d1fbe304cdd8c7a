"""`voiceanon archive finish`: the final statement, and the key destroyed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voiceanon.cli.archive.report import write_page
from voiceanon.cli.archive.run_option import DESTINATION, RUN_OPTION, run_folder, show_facts
from voiceanon.cli.terminal import note, print_json

__all__ = ["finish"]


def finish(
    destination: Annotated[str, DESTINATION],
    *,
    run: Annotated[Path | None, RUN_OPTION] = None,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Finish although recordings are undecided.")
    ] = False,
    json_line: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write statement.json and report.html beside the outputs; destroy key and list of recordings.

    Afterwards nobody can draw the run's voices again or say which output was which recording, and
    the run cannot go on. Verify it first, and remove originals before, if they are to go.

    For example:

    ```
    voiceanon archive finish anonymous/
    ```
    """
    from voiceanon.archive.finishing import finish_run

    folder = run_folder(destination, run)
    totals = finish_run(folder, incomplete=incomplete, before=write_page)
    if json_line:
        print_json(totals.as_dict())
    else:
        show_facts({"inputs": totals.inputs, **totals.states, "salvaged": totals.salvaged})
        note("finished: the key and the list of recordings are destroyed")
