"""`voiceanon demo`: recordings in other voices to listen to, as files or as a page."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voiceanon.cli.exit_codes import NOT_PASSED, SOME_FAILED
from voiceanon.cli.run import check_plan, do_run
from voiceanon.cli.run_report import RunReport
from voiceanon.cli.stage_progress import StageProgress
from voiceanon.cli.stop_request import StopRequest
from voiceanon.cli.terminal import complain, note, printable
from voiceanon.errors import DestinationError, InputError, VoiceanonError
from voiceanon.file_plan import Job, Plan, make_folder, plan_files
from voiceanon.files import FileResult, anonymize_file
from voiceanon.formats import OUTPUT_FORMATS

if TYPE_CHECKING:
    from voiceanon.report.bundled import Reading
    from voiceanon.report.listening_takes import Listened

__all__ = ["demo"]

_PAGE, _PLOT = "index.html", "spectrogram.png"


def demo(
    context: typer.Context,
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RECORDING",
            help="Recordings and folders of your own; without any, the readings of the package.",
            show_default=False,
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where it goes.")],
    web: Annotated[
        bool, typer.Option("--web", help="Write a page to listen to, index.html, and nothing else.")
    ] = False,
    with_originals: Annotated[
        bool,
        typer.Option(
            "--with-originals",
            help="Of your own recordings too, show the original: the page lets it be heard, "
            "pictures let it be seen.",
        ),
    ] = False,
    language: Annotated[
        str,
        typer.Option(
            metavar="CODE", help="Of the speech, as ISO 639-1; the check of the words knows en."
        ),
    ] = "en",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what an earlier demo has left.")
    ] = False,
) -> None:
    """Hear and see what is done to a voice.

    Without --web, recordings are anonymized into FOLDER, and a picture shows one before and after
    (`pip install 'voiceanon[report]'`). With --web, one file that needs no network: each recording
    in nine pseudo-voices of two recipes, to be changed while they play, with pitch, spectrum and
    units before and after, and what the gate says of each.

    The readings that come with the package are public, and are heard before and after. Of your own
    recordings nothing original is shown, neither sound nor picture, unless you ask for it.

    For example:

    ```
    voiceanon demo -o demo/ --web
    voiceanon demo -o demo/
    voiceanon demo interview.wav -o listening/ --web
    voiceanon demo interview.wav -o listening/ --web --with-originals
    ```

    A page takes ten recordings of ten minutes; of long ones the beginning is heard. The exit code
    is 3 if a recording could not be read, and 4 if the gate held an output.
    """
    from voiceanon.report.bundled import bundled_readings

    if out.suffix.lower() in OUTPUT_FORMATS and not out.is_dir():
        raise InputError(f"{out} names a file: a demo goes into a folder")
    own = [] if recordings is None else recordings
    readings = () if own else bundled_readings()
    plan = plan_files(own or [reading.path for reading in readings], out)
    if web:
        chosen = readings or _own_readings(plan)
        if not chosen:
            raise InputError(f"no recordings found ({len(plan.left_out)} files left out)")
        _make_page(context, chosen, out, with_originals, language, overwrite)
    else:
        _make_files(context, plan, out, with_originals or not own, language, overwrite)


def _make_files(
    context: typer.Context,
    plan: Plan,
    out: Path,
    with_picture: bool,
    language: str,
    overwrite: bool,
) -> None:
    from voiceanon.anonymizer import Anonymizer
    from voiceanon.report.demo import draw_demo
    from voiceanon.report.picture import require_matplotlib

    if with_picture:
        require_matplotlib()
    check_plan(plan, overwrite=overwrite)
    anonymizer = Anonymizer()

    def work(job: Job, progress: Callable[[int, int], None]) -> FileResult:
        return anonymize_file(
            anonymizer,
            job.source,
            job.destination,
            overwrite=overwrite,
            recording=job.recording,
            language=language,
            progress=progress,
        )

    run = RunReport(len(plan.jobs) + len(plan.left_out), anonymizer.recipe.name, json_lines=False)
    do_run(context, run, plan, work)
    lines: list[tuple[str, object]] = [("all anonymized", out)]
    if with_picture:
        job = plan.jobs[0]
        name = job.source.stem
        plot = draw_demo(
            job.source, job.destination, out / _PLOT, title=f"{name}, before and after anonymizing"
        )
        lines += [("one original", job.source), ("anonymized", job.destination)]
        lines += [("the picture", plot)]
    else:
        note("no picture: it would show the original; --with-originals draws it")
    _say("Listen and look:", lines)


def _own_readings(plan: Plan) -> tuple[Reading, ...]:
    """A user's recordings, called by numbers: their names may be people's."""
    from voiceanon.report.bundled import Reading

    jobs = enumerate(plan.jobs, 1)
    return tuple(Reading(job.source, f"Recording {number}") for number, job in jobs)


def _make_page(
    context: typer.Context,
    readings: Sequence[Reading],
    out: Path,
    with_originals: bool,
    language: str,
    overwrite: bool,
) -> None:
    from voiceanon.report.listening_takes import MOST_READINGS

    if len(readings) > MOST_READINGS:
        raise InputError(f"{len(readings)} recordings: a page takes {MOST_READINGS} at most")
    page = out / _PAGE
    if page.exists() and not overwrite:
        raise DestinationError(f"{_PAGE} already exists; --overwrite replaces it")
    made = make_folder(out)
    try:
        listened, failed = _listen_to_all(context, readings, with_originals, language)
        if listened:
            _write(listened, page)
    finally:
        with contextlib.suppress(OSError):  # a folder that holds something stays
            for folder in made:
                folder.rmdir()
    _leave(listened, failed)


def _listen_to_all(
    context: typer.Context, readings: Sequence[Reading], with_originals: bool, language: str
) -> tuple[list[Listened], int]:
    """Those that could be read, and how many could not."""
    from voiceanon.report.listening_takes import listen, seconds_shown

    listened: list[Listened] = []
    failed = 0
    with StopRequest() as stop, StageProgress() as progress:
        for reading in readings:

            def advance(done: int, total: int, title: str = reading.title) -> None:
                stop.check()
                progress.advance(title, done, total)

            try:
                listened.append(
                    listen(
                        reading,
                        longest_s=seconds_shown(len(readings)),
                        with_original=reading.is_public or with_originals,
                        language=language,
                        progress=advance,
                    )
                )
            except VoiceanonError as error:
                if context.obj and context.obj["debug"]:
                    raise
                failed += 1
                complain(f"{reading.path}: {error}")
        stop.check()
    return listened, failed


def _write(listened: Sequence[Listened], page: Path) -> None:
    from voiceanon.report.listening_page import write_listening_page

    write_listening_page(listened, page)
    lines: list[tuple[str, object]] = [
        (one.reading.title, one.reading.path) for one in listened if not one.reading.is_public
    ]
    if any(one.original is not None for _, one in zip(lines, listened, strict=False)):
        note("the page holds original voices: treat it like the recordings")
    _say("Open it in a browser; it needs no network:", [*lines, ("the page", page)])


def _leave(listened: Sequence[Listened], failed: int) -> None:
    held = sum(take.heard is None for one in listened for take in one.takes)
    if failed:
        raise typer.Exit(SOME_FAILED)
    if held:
        note(f"{held} outputs were held by the gate; the page says why")
        raise typer.Exit(NOT_PASSED)


def _say(heading: str, lines: Sequence[tuple[str, object]]) -> None:
    width = max(len(name) for name, _ in lines)
    typer.echo(f"\n{heading}")
    for name, what in lines:
        typer.echo(f"  {name:<{width}}  {printable(what)}")
    typer.echo("Every run draws new pseudo-voices, so the next one sounds different.")
