"""`voiceanon detect`: whether recordings carry the mark of speech that voiceanon made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from voiceanon.cli.exit_codes import NOT_PASSED, SOME_FAILED
from voiceanon.cli.options import JsonLines, MarkKey
from voiceanon.cli.terminal import complain, print_json, printable, results
from voiceanon.errors import RecordingError

__all__ = ["detect"]


def detect(
    paths: Annotated[
        list[Path], typer.Argument(metavar="AUDIO...", help="Recordings, whatever became of them.")
    ],
    *,
    mark_key: MarkKey = None,
    json_lines: JsonLines = False,
) -> None:
    """Say whether recordings carry the mark that voiceanon writes into every voice it makes.

    The mark is in the sound: it survives MP3, Opus, another rate or level and some noise, and some
    ten seconds of speech are enough. The comment in files that voiceanon wrote is told too, but
    does not count: anybody can write or remove it.

    For example:

    ```
    voiceanon detect anonymous.flac
    voiceanon detect found.mp3 --json
    voiceanon detect ours.flac --mark-key file:our.key
    ```

    The exit code is 0 when the mark is in all of them, 4 when it is not, and 3 when one cannot be
    read. That it is not found does not mean that a person spoke.
    """
    from voiceanon.container.key_sources import read_key

    key = None if mark_key is None else read_key(mark_key)
    is_in_all, is_whole = True, True
    for path in paths:
        try:
            row = _heard(path, key)
        except RecordingError as error:
            is_whole = False
            if json_lines:
                print_json({"path": str(path), "status": "failed", "reason": str(error)})
            else:
                complain(f"{path}: {error}")
            continue
        is_in_all = is_in_all and row["found"]
        if json_lines:
            print_json(row)
        else:
            results().print(_line(row), markup=False, soft_wrap=True)
    if not is_whole:
        raise typer.Exit(SOME_FAILED)
    if not is_in_all:
        raise typer.Exit(NOT_PASSED)


def _heard(path: Path, key: bytes | None) -> dict[str, Any]:
    from dataclasses import asdict

    from voiceanon.formats import AudioReader
    from voiceanon.marking.detection import detect_blocks

    with AudioReader(path) as reader:
        report = detect_blocks(reader.blocks(), reader.rate, reader.channels, key=key)
        stated = reader.is_stated_synthetic
    return {"path": str(path), "status": "done", **asdict(report), "stated": stated}


def _line(row: dict[str, Any]) -> str:
    found = "mark found" if row["found"] else "no mark found"
    stated = "states that it is synthetic" if row["stated"] else "states nothing"
    return (
        f"{printable(row['path'])}: {found} (key {row['key']}, p ≤ {row['p_bound']:.2g}, "
        f"{row['listened_s']:.1f} s heard); {stated}"
    )
