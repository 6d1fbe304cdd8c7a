"""Options that several verbs share: one name, one meaning and one help text each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AllowUnmeasured",
    "JsonLines",
    "Key",
    "Language",
    "MarkKey",
    "NoCheck",
    "Out",
    "Overwrite",
    "Recordings",
    "Salvage",
]

_KEY_SOURCE = "file:PATH|env:NAME|keyring:SERVICE/USER"

Recordings = Annotated[
    list[Path],
    typer.Argument(metavar="IN...", help="Recordings, and folders that are searched through."),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out", "-o", metavar="OUT", help="A folder; for one recording also a file name."
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace outputs that are already there.")
]
JsonLines = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
NoCheck = Annotated[
    bool, typer.Option("--no-check", help="Deliver without knowing whether the words survived.")
]
AllowUnmeasured = Annotated[
    bool,
    typer.Option(
        "--allow-unmeasured",
        help="Deliver what cannot be checked too: hardly any speech, music, other languages.",
    ),
]
Language = Annotated[
    str,
    typer.Option(
        "--language",
        metavar="CODE",
        help="Of the speech, as ISO 639-1; the check of the words knows en.",
    ),
]
Salvage = Annotated[
    bool,
    typer.Option(
        "--salvage", help="Do damaged recordings too, as far as they can be decoded; results tell."
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar=_KEY_SOURCE,
        help="Where the key of encrypted files comes from: 32 bytes, or 64 hexadecimal digits.",
    ),
]
MarkKey = Annotated[
    str | None,
    typer.Option(
        "--mark-key",
        metavar=_KEY_SOURCE,
        help="Where your own key for the mark comes from: 32 bytes, or 64 hexadecimal digits. "
        "Without it, everybody's.",
    ),
]
