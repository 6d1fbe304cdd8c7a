"""The program `voiceanon`: its verbs, and how it ends whatever happens."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer

from voiceanon.cli.abstract import abstract
from voiceanon.cli.anonymize import anonymize
from voiceanon.cli.archive import archive_app
from voiceanon.cli.challenge import challenge
from voiceanon.cli.check import check
from voiceanon.cli.collect import collect
from voiceanon.cli.demo import demo
from voiceanon.cli.describe import describe
from voiceanon.cli.detect import detect
from voiceanon.cli.doctor import doctor
from voiceanon.cli.evaluate import evaluate
from voiceanon.cli.exit_codes import INTERRUPTED, UNEXPECTED
from voiceanon.cli.render import render
from voiceanon.cli.terminal import complain, quiet_libraries
from voiceanon.errors import VoiceanonError

__all__ = ["app", "main"]


app = typer.Typer(
    name="voiceanon",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from voiceanon.version import __version__

        typer.echo(f"voiceanon {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error instead of one line.")
    ] = False,
    version: Annotated[  # noqa: ARG001 (acts when it is parsed)
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    """Real speech in, a speaker-free voice out.

    Words, pauses and pace stay; the speaker is removed from the description of the speech, and a
    pseudo-voice speaks it. What is said can still identify people: only the voice is changed.

    For example:

    ```
    voiceanon demo -o demo/ --web
    voiceanon anonymize interview.wav -o anonymous.flac
    voiceanon anonymize recordings/ -o anonymous/
    voiceanon check interview.wav anonymous.flac
    voiceanon detect anonymous.flac
    voiceanon abstract recordings/ -o descriptions/
    voiceanon render descriptions/ -o listening/
    voiceanon archive plan recordings/ anonymous/
    voiceanon evaluate corpus/ -o report/ --train others/
    voiceanon doctor
    ```

    Exit codes: 0 done, 1 unexpected, 2 usage, 3 some recordings failed, 4 a check did not pass,
    5 key missing or wrong, 6 destination refused, 130 interrupted.
    """
    context.obj = {"debug": debug}


app.command("demo")(demo)
app.command("anonymize")(anonymize)
app.command("check")(check)
app.command("detect")(detect)
app.command("abstract")(abstract)
app.command("render")(render)
app.command("describe")(describe)
app.command("collect")(collect)
app.command("evaluate")(evaluate)
app.command("challenge")(challenge)
app.command("doctor")(doctor)
app.add_typer(archive_app, name="archive")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program and leave the process with the exit code of the design.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line after the program's name; the process's own if not given.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    _guard_process()
    if not _wants_traceback(given):
        quiet_libraries()
    try:
        app(args=given, prog_name="voiceanon")
    except KeyboardInterrupt:
        complain("interrupted")
        sys.exit(INTERRUPTED)
    except VoiceanonError as error:
        if _wants_traceback(given):
            raise
        complain(error)
        sys.exit(error.exit_code)
    except Exception as error:
        if _wants_traceback(given):
            raise
        complain(f"unexpected {type(error).__name__}; run again with --debug to see where")
        sys.exit(UNEXPECTED)
    sys.exit(0)


def _wants_traceback(arguments: list[str]) -> bool:
    """Whether --debug stands before the verb."""
    verb = next((i for i, word in enumerate(arguments) if not word.startswith("-")), None)
    return "--debug" in arguments[:verb]


def _guard_process() -> None:
    """Files for the owner only, no memory on disk after a crash, SIGTERM like Ctrl-C."""
    os.umask(0o077)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A name in a code page that the terminal lacks must not end the run.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    with contextlib.suppress(ValueError):  # not in the main thread: the host keeps its handlers
        signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    # Once is enough: a second signal must not cut the cleaning-up short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
