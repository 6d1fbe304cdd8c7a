"""`voiceanon demo`: recordings in other voices to listen to, as files or as a page."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voiceanon.cli.anonymize import read_secret
from voiceanon.cli.exit_codes import NOT_PASSED, SOME_FAILED
from voiceanon.cli.options import Language
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
    from voiceanon.report.listening_takes import Listened, Progress

    _ListenTo = Callable[[Reading, float, Progress], Listened]

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
    language: Language = "en",
    secret_file: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="32 bytes (or 64 hexadecimal digits) that the voices are drawn from, to repeat a "
            "demo. Without it every run draws others.",
        ),
    ] = None,
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
    is 3 if a recording could not be read, and 4 if the gate held all that was made of one.
    """
    from voiceanon.report.bundled import bundled_readings

    if out.suffix.lower() in OUTPUT_FORMATS and not out.is_dir():
        raise InputError(f"{out} names a file: a demo goes into a folder")
    secret = None if secret_file is None else read_secret(secret_file)
    own = [] if recordings is None else recordings
    readings = () if own else bundled_readings()
    plan = plan_files(own or [reading.path for reading in readings], out)
    if web:
        chosen = readings or _own_readings(plan)
        bad = [left_out for left_out in plan.left_out if left_out.status == "failed"]
        if not chosen and not bad:
            raise InputError(f"no recordings found ({len(plan.left_out)} files left out)")
        for left_out in bad:
            complain(f"{left_out.source}: {left_out.reason}")

        def listen_to(reading: Reading, longest_s: float, progress: Progress) -> Listened:
            from voiceanon.report.listening_takes import listen

            return listen(
                reading,
                longest_s=longest_s,
                with_original=reading.is_public or with_originals,
                language=language,
                secret=secret,
                progress=progress,
            )

        _make_page(context, chosen, out / _PAGE, listen_to, len(bad), overwrite=overwrite)
    else:
        has_picture = with_originals or not own
        _make_files(context, plan, out, secret, language, has_picture, overwrite=overwrite)
    if secret is None:
        typer.echo("Every run draws new pseudo-voices, so the next one sounds different.")


def _make_files(
    context: typer.Context,
    plan: Plan,
    out: Path,
    secret: bytes | None,
    language: str,
    has_picture: bool,
    *,
    overwrite: bool,
) -> None:
    from voiceanon.anonymizer import Anonymizer
    from voiceanon.report.demo import draw_demo
    from voiceanon.report.picture import require_matplotlib

    if has_picture:
        require_matplotlib()
    check_plan(plan, overwrite=overwrite)
    anonymizer = Anonymizer(secret=secret)

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
    if has_picture:
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
    page: Path,
    listen_to: _ListenTo,
    failed: int,
    *,
    overwrite: bool,
) -> None:
    from voiceanon.report.listening_takes import MOST_READINGS

    if len(readings) > MOST_READINGS:
        raise InputError(f"{len(readings)} recordings: a page takes {MOST_READINGS} at most")
    if page.exists() and not overwrite:
        raise DestinationError(f"{_PAGE} already exists; --overwrite replaces it")
    made = make_folder(page.parent)
    try:
        listened = _listen_to_all(context, readings, listen_to)
        if listened:
            _write(listened, page)
    finally:
        with contextlib.suppress(OSError):  # a folder that holds something stays
            for folder in made:
                folder.rmdir()
    if failed or len(listened) < len(readings):
        raise typer.Exit(SOME_FAILED)
    if any(all(take.heard is None for take in one.takes) for one in listened):
        raise typer.Exit(NOT_PASSED)


def _listen_to_all(
    context: typer.Context, readings: Sequence[Reading], listen_to: _ListenTo
) -> list[Listened]:
    """Those that could be read; the others are named."""
    from voiceanon.report.listening_takes import seconds_shown

    listened: list[Listened] = []
    with StopRequest() as stop, StageProgress() as progress:
        for reading in readings:

            def advance(done: int, total: int, title: str = reading.title) -> None:
                stop.check()
                progress.advance(title, done, total)

            try:
                listened.append(listen_to(reading, seconds_shown(len(readings)), advance))
            except VoiceanonError as error:
                if context.obj and context.obj["debug"]:
                    raise
                complain(f"{reading.path}: {error}")
        stop.check()
    return listened


def _write(listened: Sequence[Listened], page: Path) -> None:
    from voiceanon.report.listening_page import write_listening_page

    write_listening_page(listened, page)
    own = [one for one in listened if not one.reading.is_public]
    if any(one.original is not None for one in own):
        note("the page holds original voices: treat it like the recordings")
    held = sum(take.heard is None for one in listened for take in one.takes)
    if held:
        outputs = "one output was" if held == 1 else f"{held} outputs were"
        note(f"{outputs} held by the gate; the page says why")
    lines: list[tuple[str, object]] = [(one.reading.title, one.reading.path) for one in own]
    _say("Open it in a browser; it needs no network:", [*lines, ("the page", page)])


def _say(heading: str, lines: Sequence[tuple[str, object]]) -> None:
    width = max(len(name) for name, _ in lines)
    typer.echo(f"\n{heading}")
    for name, what in lines:
        typer.echo(f"  {name:<{width}}  {printable(what)}")
