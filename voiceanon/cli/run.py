"""A run over many inputs: each is done, held or failed by itself; the exit code sums it up."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import typer

from voiceanon.cli.exit_codes import INTERRUPTED, NOT_PASSED, SOME_FAILED, UNEXPECTED
from voiceanon.cli.progress import RunProgress
from voiceanon.cli.run_report import RunReport
from voiceanon.cli.stop_request import StopRequest
from voiceanon.cli.terminal import complain, printable
from voiceanon.errors import CheckError, InputError, SecretError, VoiceanonError
from voiceanon.file_plan import Job, Plan, make_folder, refuse_existing
from voiceanon.files import FileResult
from voiceanon.formats import EmptyRecordingError

__all__ = ["Work", "check_plan", "do_run", "first_left_out"]


# Does one job, and says on the way how much of it is done, of how much.
Work = Callable[[Job, Callable[[int, int], None]], FileResult]


def check_plan(plan: Plan, *, overwrite: bool) -> None:
    """Refuse before any work: nothing to do, or outputs in the way."""
    failed = any(left_out.status == "failed" for left_out in plan.left_out)
    if not plan.jobs and not failed:
        raise InputError(f"no recordings found{first_left_out(plan)}")
    if not overwrite:
        refuse_existing(plan)
    if plan.jobs:
        make_folder(plan.jobs[0].destination.parent)


def first_left_out(plan: Plan) -> str:
    """Return how many inputs a plan left out, and why the first of them."""
    if not plan.left_out:
        return ": the folder is empty"
    first = plan.left_out[0]
    name = printable(first.source.name)
    return f"; the first of {len(plan.left_out)} left out: {name}: {first.reason}"


def do_run(context: typer.Context, run: RunReport, plan: Plan, work: Work) -> None:
    """Do every job of a plan, print what became of each, and leave with the exit code of all."""
    run.debug = bool(context.obj and context.obj["debug"])
    for left_out in plan.left_out:
        run.left_out(left_out)
    try:
        _do_jobs(run, plan, work)
    except KeyboardInterrupt:
        run.interrupted = True
    run.close()
    _leave(run, str(context.info_name))


def _do_jobs(run: RunReport, plan: Plan, work: Work) -> None:
    with StopRequest() as stop, RunProgress(plan.jobs) as progress:

        def advance(done: int, total: int) -> None:
            stop.check()
            progress.advance(done, total)

        for job in plan.jobs:
            stop.check()
            progress.begin(job)
            made: list[Path] = []
            try:
                made = make_folder(job.destination.parent)
                done = work(job, advance)
            except EmptyRecordingError as error:
                run.not_done(job, "empty", error)
            except CheckError as error:
                run.held(job, error)
            except VoiceanonError as error:
                run.wrong_keys += isinstance(error, SecretError)
                run.not_done(job, "failed", error)
            except Exception as error:
                # One bad recording never stops the run: it is recorded, and the run ends with 1.
                if run.debug:
                    raise
                run.unexpected = True
                run.not_done(job, "failed", f"unexpected {type(error).__name__}")
            else:
                run.done(done)
            finally:
                # Folders that the recording needed and now stay empty; all others refuse.
                with contextlib.suppress(OSError):
                    for folder in made:
                        folder.rmdir()
            progress.end(job, run.audio_s)


def _leave(run: RunReport, verb: str) -> None:
    """End with the exit code that the results ask for."""
    if run.interrupted:
        complain("interrupted; what is done is whole, and nothing is left half-written")
        raise typer.Exit(INTERRUPTED)
    if run.unexpected:
        complain(f"an unexpected error; run again with `voiceanon --debug {verb} …`")
        raise typer.Exit(UNEXPECTED)
    if run.wrong_keys and run.wrong_keys == run.count("failed"):
        raise typer.Exit(SecretError.exit_code)
    if run.count("failed") or not run.count("done") + run.count("held"):
        raise typer.Exit(SOME_FAILED)
    if run.count("held"):
        raise typer.Exit(NOT_PASSED)
