"""`voiceanon abstract`: recordings in, descriptions without audio out."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from voiceanon.cli.anonymize import chosen_recipe, read_secret
from voiceanon.cli.options import (
    AllowUnmeasured,
    JsonLines,
    Key,
    Language,
    NoCheck,
    Out,
    Overwrite,
    Recordings,
    Salvage,
)
from voiceanon.cli.run import check_plan, do_run
from voiceanon.cli.run_report import RunReport
from voiceanon.file_plan import Job, Kind, plan_files
from voiceanon.files import FileResult
from voiceanon.recipe import DESCRIBING_RECIPE

__all__ = ["abstract"]


class _Level(str, enum.Enum):
    """How much is stored, by its name on the command line."""

    content = "content"
    measures = "measures"


def abstract(
    context: typer.Context,
    inputs: Recordings,
    *,
    out: Out,
    level: Annotated[
        _Level,
        typer.Option(
            help="content: what is said and its timing, to be spoken again. "
            "measures: numbers of an assessment alone; nothing can be spoken from them."
        ),
    ] = _Level.content,
    recipe: Annotated[
        str, typer.Option(metavar="NAME|FILE.toml", help="How much of the content is kept.")
    ] = DESCRIBING_RECIPE,
    key: Key = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="What an accent is drawn from, if the recipe has one."),
    ] = None,
    overwrite: Overwrite = False,
    json_lines: JsonLines = False,
    no_check: NoCheck = False,
    allow_unmeasured: AllowUnmeasured = False,
    language: Language = "en",
    salvage: Salvage = False,
) -> None:
    """Store what was said in recordings, some hundred bits a second, and nothing of the voices.

    Writes a .voa file for each recording, of several channels one each (talk.1.voa, talk.2.voa).
    Content is checked before it is stored: a neutral voice speaks it, and where words were lost the
    recording is held (exit code 4). What is said, and how it is timed, can still tell who speaks;
    measures tell far less.

    For example:

    ```
    voiceanon abstract interview.wav -o interview.voa
    voiceanon abstract recordings/ -o descriptions/ --key env:STORE_KEY
    voiceanon abstract recordings/ -o numbers/ --level measures
    ```

    `voiceanon render` has a description spoken, `voiceanon describe` shows what is in one, and
    `voiceanon collect` puts many into a Parquet file.
    """
    from voiceanon.container.key_sources import read_key
    from voiceanon.container.voa import SUFFIX, Level
    from voiceanon.storage.files import abstract_file

    chosen = chosen_recipe(recipe)
    secret = None if secret_file is None else read_secret(secret_file)
    sealed = None if key is None else read_key(key)
    plan = plan_files(inputs, out, kind=Kind(outputs=(SUFFIX,)))
    check_plan(plan, overwrite=overwrite)

    def work(job: Job, progress: Callable[[int, int], None]) -> FileResult:
        return abstract_file(
            job.source,
            job.destination,
            level=Level[level.value.upper()],
            recipe=chosen,
            secret=secret,
            recording=job.recording,
            key=sealed,
            overwrite=overwrite,
            check=not no_check,
            allow_unmeasured=allow_unmeasured,
            language=language,
            salvage=salvage,
            progress=progress,
        )

    run = RunReport(len(plan.jobs) + len(plan.left_out), chosen.name, json_lines)
    do_run(context, run, plan, work)
