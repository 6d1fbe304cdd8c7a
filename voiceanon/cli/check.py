"""`voiceanon check`: whether one output kept the words, and nothing of the original's sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voiceanon.cli.exit_codes import NOT_PASSED
from voiceanon.cli.terminal import note, print_json, printable, results
from voiceanon.errors import InputError, VoiceanonError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from voiceanon.checks.verdicts import CheckReport

__all__ = ["check"]

_COLOURS = {
    "told": "dim",
    "pass": "green",
    "not measured": "yellow",
    "hold": "yellow",
    "fail": "red",
}
_LONGEST_TEXT = 1 << 20


def check(
    original: Annotated[Path, typer.Argument(metavar="ORIGINAL", help="The recording.")],
    anonymized: Annotated[Path, typer.Argument(metavar="ANONYMIZED", help="Its output.")],
    *,
    transcript: Annotated[
        Path | None,
        typer.Option(metavar="FILE.txt", help="What is said in it, where that is known."),
    ] = None,
    recogniser: Annotated[
        str,
        typer.Option(
            metavar="auto|pocketsphinx|whisper:FOLDER|module:function",
            help="Who judges the words.",
        ),
    ] = "auto",
    speaker_model: Annotated[
        str,
        typer.Option(
            metavar="none|auto|SPEC",
            help="Who tells how alike the voices are: cam++, d-vector, ge2e or onnx:FILE.",
        ),
    ] = "auto",
    language: Annotated[
        str, typer.Option(metavar="CODE", help="Of the speech, as ISO 639-1.")
    ] = "en",
    json_line: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say whether an output keeps words, timing and delivery, and copies nothing of the original.

    Each measure has a value, a limit and a verdict: pass, hold (somebody should listen), fail, or
    not measured, which is never a pass. The worst is the verdict of all. What has no limit is told
    and not judged.

    For example:

    ```
    voiceanon check interview.wav anonymous.flac
    voiceanon check interview.wav anonymous.flac --transcript interview.txt
    voiceanon check a.wav b.flac --recogniser whisper:models/base --json
    ```

    The exit code is 0 for a pass and 4 for anything else. English words are judged by their phones;
    `pip install 'voiceanon[checks]'` brings a small recogniser that counts them too.
    """
    from voiceanon.checks.checking import check as check_arrays
    from voiceanon.checks.recognisers import open_recogniser

    before, rate = _read(original)
    after, other_rate = _read(anonymized)
    if rate != other_rate:
        raise InputError(
            f"the recording has {rate} samples a second, its output {other_rate}: they must agree"
        )
    judge = None if recogniser == "auto" else open_recogniser(recogniser)
    report = check_arrays(
        before,
        after,
        rate,
        transcript=None if transcript is None else _read_text(transcript),
        language=language,
        recogniser=judge,
        speaker_model=_speaker_model(speaker_model),
    )
    if json_line:
        print_json({"original": str(original), "anonymized": str(anonymized), **report.as_dict()})
    else:
        _show(report)
    if str(report.verdict) != "pass":
        raise typer.Exit(NOT_PASSED)


def _speaker_model(spec: str) -> Any:
    if spec == "none":
        return None
    from voiceanon.privacy.speaker_models import available_models, open_speaker_model

    if spec != "auto":
        return open_speaker_model(spec)
    found, _ = available_models()
    return found[0] if found else None


def _read(path: Path) -> tuple[npt.NDArray[np.float32], int]:
    import numpy as np

    from voiceanon.formats import AudioReader

    try:
        with AudioReader(path) as reader:
            parts = list(reader.blocks(1 << 16))
            samples = np.concatenate(parts, axis=1) if parts else np.zeros((1, 0), np.float32)
            return (samples[0] if len(samples) == 1 else samples), reader.rate
    except VoiceanonError as error:
        raise type(error)(f"{path}: {error}") from error


def _read_text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LONGEST_TEXT)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"transcript {path} cannot be read: {error}") from error


def _show(report: CheckReport) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("measure", "verdict", "reason"):
        table.add_column(name, overflow="fold")
    for measure in report.measures:
        verdict = str(measure.verdict)
        reason = measure.reason + (f" ({measure.judge})" if measure.judge else "")
        if measure.verdict == "told":
            reason += ": told, not judged"
        cells: tuple[Any, ...] = (
            measure.name,
            Text(verdict, style=_COLOURS[verdict]),
            printable(reason),
        )
        table.add_row(*cells)
    results().print(table)
    verdict = str(report.verdict)
    results().print(Text(f"\n{verdict}: {printable(report.reason)}", style=_COLOURS[verdict]))
    if any(measure.verdict == "not measured" for measure in report.measures):
        note("what is not measured is no pass")
