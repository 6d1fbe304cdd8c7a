"""`voiceanon archive remove-originals`: recordings whose outputs were verified just now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voiceanon.cli.archive.run_option import DESTINATION, RUN_OPTION, run_folder
from voiceanon.cli.terminal import note, printable, results
from voiceanon.errors import CheckError

__all__ = ["remove_originals"]

_MOST_SHOWN = 20


def remove_originals(
    destination: Annotated[str, DESTINATION],
    *,
    run: Annotated[Path | None, RUN_OPTION] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove them; without it they are only listed.")
    ] = False,
) -> None:
    """List the originals that could go, and with --yes remove them.

    Only recordings that are done, whose outputs are read and verified first, and that have not
    changed since they were planned. Held, failed, empty and salvaged recordings stay, and tar files
    too. Objects in a bucket are removed by S3 only if they are still of the ETag that was planned;
    a bucket that keeps versions is refused.

    For example:

    ```
    voiceanon archive remove-originals anonymous/
    voiceanon archive remove-originals anonymous/ --yes
    ```
    """
    from voiceanon.archive.finishing import removable
    from voiceanon.archive.finishing import remove_originals as remove
    from voiceanon.archive.verifying import verify_run

    folder = run_folder(destination, run)
    folder.key()
    found = verify_run(folder)
    if found.damaged:
        raise CheckError(
            f"{len(found.damaged)} recordings have damaged outputs: run it again first"
        )
    count = size = 0
    for entry in removable(folder):
        count, size = count + 1, size + entry.size
        if count <= _MOST_SHOWN:
            results().print(printable(entry.source), markup=False)
    if count > _MOST_SHOWN:
        results().print(f"… and {count - _MOST_SHOWN} more")
    if not yes:
        note(f"{count} originals, {size / 1e9:.2f} GB, would be removed; --yes removes them")
        return
    note(f"{remove(removable(folder))} originals removed, {size / 1e9:.2f} GB")
