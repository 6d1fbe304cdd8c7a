"""`voiceanon render`: stored descriptions in, recordings in pseudo-voices out."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from voiceanon.cli.anonymize import AudioFormat, chosen_recipe, read_secret
from voiceanon.cli.options import JsonLines, Key, MarkKey, Overwrite
from voiceanon.cli.run import check_plan, do_run
from voiceanon.cli.run_report import RunReport
from voiceanon.file_plan import Job, Kind, plan_files
from voiceanon.files import FileResult
from voiceanon.recipe import VOICES

__all__ = ["render"]

# Typer reads names from an enumeration; these are data.
_Voice = enum.Enum("_Voice", dict(zip(VOICES, VOICES, strict=True)))  # type: ignore[misc]


def render(
    context: typer.Context,
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="IN...", help=".voa files, and folders that are searched through."),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="OUT", help="A folder; for one file also a file name."),
    ],
    recipe: Annotated[
        str, typer.Option(metavar="NAME|FILE.toml", help="How it is spoken.")
    ] = "bottleneck",
    voice: Annotated[
        _Voice | None, typer.Option(help="Who speaks, instead of the recipe's voice.")
    ] = None,
    format_: Annotated[
        AudioFormat | None, typer.Option("--format", help="Format of the output; default flac.")
    ] = None,
    key: Key = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="32 bytes (or 64 hexadecimal digits) that the voices are drawn from, to repeat a "
            "run. Without it every run draws others.",
        ),
    ] = None,
    mark_key: MarkKey = None,
    overwrite: Overwrite = False,
    json_lines: JsonLines = False,
) -> None:
    """Have pseudo-voices speak stored descriptions.

    The words were checked when they were stored; what is spoken has the length and the rate of the
    recording. Descriptions hold no voice: each rendering draws another, unless a secret repeats it.

    For example:

    ```
    voiceanon render interview.voa -o interview.flac
    voiceanon render descriptions/ -o listening/ --voice female-mid
    voiceanon render interview.voa -o interview.flac --key env:STORE_KEY
    ```
    """
    from voiceanon.container.key_sources import read_key
    from voiceanon.container.voa import SUFFIX, looks_like_voa
    from voiceanon.storage.files import render_file

    chosen = chosen_recipe(recipe)
    if voice is not None:
        chosen = replace(chosen, voice=str(voice.value))
    secret = None if secret_file is None else read_secret(secret_file)
    sealed = None if key is None else read_key(key)
    own_mark = None if mark_key is None else read_key(mark_key)
    kind = Kind(inputs=(SUFFIX,), called="a description", looks_like_one=looks_like_voa)
    plan = plan_files(inputs, out, suffix=f".{format_.value}" if format_ else None, kind=kind)
    check_plan(plan, overwrite=overwrite)

    def work(job: Job, progress: Callable[[int, int], None]) -> FileResult:
        return render_file(
            job.source,
            job.destination,
            recipe=chosen,
            secret=secret,
            recording=job.recording,
            key=sealed,
            mark_key=own_mark,
            overwrite=overwrite,
            progress=progress,
        )

    run = RunReport(len(plan.jobs) + len(plan.left_out), chosen.name, json_lines)
    do_run(context, run, plan, work)
