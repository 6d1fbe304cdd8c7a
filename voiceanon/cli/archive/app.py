"""The verbs of `voiceanon archive`."""

from __future__ import annotations

import typer

from voiceanon.cli.archive.finish import finish
from voiceanon.cli.archive.plan import plan
from voiceanon.cli.archive.remove_originals import remove_originals
from voiceanon.cli.archive.report import report
from voiceanon.cli.archive.run import run
from voiceanon.cli.archive.status import status
from voiceanon.cli.archive.verify import verify

__all__ = ["archive_app"]

archive_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
for _verb in (plan, run, status, verify, report, finish):
    archive_app.command(_verb.__name__)(_verb)
archive_app.command("remove-originals")(remove_originals)


@archive_app.callback()
def archive() -> None:
    """Anonymize a whole store: planned, resumable, every recording accounted for.

    For example:

    ```
    voiceanon archive plan recordings/ anonymous/
    voiceanon archive run anonymous/ --workers 8
    voiceanon archive status anonymous/
    voiceanon archive verify anonymous/
    voiceanon archive finish anonymous/
    ```

    What a run needs (its settings, its key, the list of recordings, a ledger) lies in a folder
    beside the destination, `anonymous.run` here, that is for you alone. The key draws the voices
    and the names of the outputs; `finish` destroys it.
    """
