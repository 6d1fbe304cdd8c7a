"""`voiceanon anonymize`: recordings and folders in, recordings with other voices out."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voiceanon.cli.options import (
    AllowUnmeasured,
    JsonLines,
    Language,
    MarkKey,
    NoCheck,
    Out,
    Overwrite,
    Recordings,
    Salvage,
)
from voiceanon.cli.run import check_plan, do_run
from voiceanon.cli.run_report import RunReport
from voiceanon.cli.terminal import note
from voiceanon.errors import SecretError
from voiceanon.file_plan import Job, plan_files
from voiceanon.files import FileResult, anonymize_file

if TYPE_CHECKING:
    from voiceanon.anonymizer import Anonymizer
    from voiceanon.recipe import Recipe

__all__ = [
    "AudioFormat",
    "anonymize",
    "chosen_recipe",
    "make_anonymizer",
    "read_secret",
]


class AudioFormat(str, enum.Enum):
    """Output formats by their names on the command line."""

    flac = "flac"
    wav = "wav"


def anonymize(
    context: typer.Context,
    inputs: Recordings,
    *,
    out: Out,
    recipe: Annotated[
        str, typer.Option(metavar="NAME|FILE.toml", help="How the voice is changed.")
    ] = "default",
    format_: Annotated[
        AudioFormat | None, typer.Option("--format", help="Format of the output; default flac.")
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="A file with 32 bytes (or 64 hexadecimal digits) that the pseudo-voices are "
            "drawn from, to repeat a run. Without it a new secret is drawn and never kept.",
        ),
    ] = None,
    mark_key: MarkKey = None,
    overwrite: Overwrite = False,
    json_lines: JsonLines = False,
    no_check: NoCheck = False,
    allow_unmeasured: AllowUnmeasured = False,
    language: Language = "en",
    salvage: Salvage = False,
    allow_unprotected: Annotated[
        bool,
        typer.Option("--allow-unprotected", help="Permit a recipe that protects nobody."),
    ] = False,
) -> None:
    """Replace the voices in recordings; words, pauses and length stay.

    Reads WAV, FLAC, Ogg, Opus, MP3, AIFF, AU and CAF; writes FLAC or WAV of the same length, rate
    and channels, whose one tag says that it is synthetic speech. Each channel is a person of its
    own. Folders are mirrored below OUT; hidden files, links and files that are not audio are
    skipped and counted. File names are kept: rename recordings that are named after people.

    For example:

    ```
    voiceanon anonymize interview.wav -o anonymous.flac
    voiceanon anonymize recordings/ -o anonymous/ --format wav
    voiceanon anonymize monday/ tuesday/ extra.mp3 -o anonymous/
    voiceanon anonymize recordings/ -o anonymous/ --json > results.jsonl
    ```

    A recording that is damaged, truncated or no audio fails with a reason and nothing is written
    for it; the others are still done, and the exit code is 3. With --salvage, what can be decoded
    of it is done, and its result says how much that is and what is wrong. Every output is checked
    against its recording before it is delivered; where words or sounds were lost, other voices are
    drawn, and if none passes the recording is held: no output, a reason, and the exit code 4.
    """
    anonymizer, recipe_name = make_anonymizer(recipe, secret_file, allow_unprotected, mark_key)
    plan = plan_files(inputs, out, suffix=f".{format_.value}" if format_ else None)
    check_plan(plan, overwrite=overwrite)

    def work(job: Job, progress: Callable[[int, int], None]) -> FileResult:
        return anonymize_file(
            anonymizer,
            job.source,
            job.destination,
            overwrite=overwrite,
            recording=job.recording,
            check=not no_check,
            allow_unmeasured=allow_unmeasured,
            language=language,
            salvage=salvage,
            progress=progress,
        )

    run = RunReport(len(plan.jobs) + len(plan.left_out), recipe_name, json_lines)
    do_run(context, run, plan, work)


def make_anonymizer(
    recipe: str, secret_file: Path | None, allow_unprotected: bool, mark_key: str | None = None
) -> tuple[Anonymizer, str]:
    """Return what the options of the command line ask for, and the recipe's name."""
    from voiceanon.anonymizer import Anonymizer
    from voiceanon.container.key_sources import read_key

    chosen = chosen_recipe(recipe, allow_unprotected=allow_unprotected)
    secret = None if secret_file is None else read_secret(secret_file)
    own_mark = None if mark_key is None else read_key(mark_key)
    return Anonymizer(chosen, secret=secret, mark_key=own_mark), chosen.name


def chosen_recipe(name: str, *, allow_unprotected: bool = False) -> Recipe:
    """Return the recipe that an option names: one of the package's, or a TOML file."""
    from voiceanon.recipe import Recipe

    read = Recipe.read if name.lower().endswith(".toml") else Recipe.named
    return read(name, allow_unprotected=allow_unprotected)


def read_secret(path: Path) -> bytes:
    """32 bytes from a file; messages never show any of its content."""
    from voiceanon.keys import SECRET_BYTES

    try:
        with path.open("rb") as file:
            data = file.read(4 * SECRET_BYTES)
            open_to_others = path.stat().st_mode & 0o077
    except OSError as error:
        raise SecretError(f"secret file cannot be read: {error.strerror}") from error
    if open_to_others:
        note("the secret file can be read by others; chmod 600 protects it")
    if len(data) == SECRET_BYTES:
        return data
    try:
        decoded = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        decoded = b""
    if len(decoded) != SECRET_BYTES:
        raise SecretError(
            f"secret file must hold {SECRET_BYTES} bytes or {2 * SECRET_BYTES} hexadecimal digits"
        )
    return decoded
