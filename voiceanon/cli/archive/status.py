"""`voiceanon archive status`: how far a run is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voiceanon.cli.archive.run_option import DESTINATION, RUN_OPTION, run_folder, show_facts
from voiceanon.cli.terminal import print_json, printable, results

__all__ = ["status"]


def status(
    destination: Annotated[str, DESTINATION],
    *,
    run: Annotated[Path | None, RUN_OPTION] = None,
    json_line: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say what became of the recordings so far, in all shards; also while a run goes on.

    For example:

    ```
    voiceanon archive status anonymous/
    ```
    """
    from voiceanon.archive.statement import totals_of

    totals = totals_of(run_folder(destination, run))
    if json_line:
        print_json(totals.as_dict())
        return
    waiting = {"waiting for their tar file": totals.waiting} if totals.waiting else {}
    show_facts({"inputs": totals.inputs, **totals.states, **waiting})
    if totals.salvaged:
        show_facts({"salvaged": f"{totals.salvaged} of those done: damaged, not whole"})
    pace = totals.audio_s / totals.work_s if totals.work_s else 0.0
    show_facts(
        {
            "audio": f"{totals.audio_s / 3600:.2f} h",
            "work": f"{totals.work_s / 3600:.2f} h of one core, {pace:.0f} times real time",
            "outputs": f"{totals.outputs} files, {totals.output_bytes / 1e6:.1f} MB",
            "checked": ", ".join(f"{n} {how}" for how, n in totals.checks.items()) or "–",
        }
    )
    for reason, number in totals.reasons.items():
        results().print(f"{number:>6}  {printable(reason)}", markup=False)
