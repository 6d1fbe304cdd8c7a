"""`voiceanon challenge`: a VoicePrivacy or Kaldi data folder in, the same with other voices out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voiceanon.cli.anonymize import make_anonymizer
from voiceanon.cli.exit_codes import INTERRUPTED, SOME_FAILED
from voiceanon.cli.options import JsonLines
from voiceanon.cli.stage_progress import StageProgress
from voiceanon.cli.stop_request import StopRequest
from voiceanon.cli.terminal import complain, note, print_json, printable

__all__ = ["challenge"]


def challenge(
    source: Annotated[
        Path, typer.Argument(metavar="DATA", help="A Kaldi data directory, with wav.scp.")
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="A new data directory.")],
    recipe: Annotated[
        str, typer.Option(metavar="NAME|FILE.toml", help="How the voice is changed.")
    ] = "default",
    secret_file: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A file with 32 bytes that the voices are drawn from."),
    ] = None,
    allow_unprotected: Annotated[
        bool,
        typer.Option("--allow-unprotected", help="Permit a recipe that protects nobody."),
    ] = False,
    json_lines: JsonLines = False,
) -> None:
    """Anonymize a data folder of the VoicePrivacy challenge, ready for its evaluation.

    Writes OUT with `wav/*.wav` and every table that says nothing of the audio (utt2spk, text,
    trials, enrolls, …); features and other files are not taken over. A wav.scp that holds commands
    is refused and nothing of it is run.

    For example, from the challenge's own root:

    ```
    for p in enrolls trials_f trials_m; do
        voiceanon challenge data/libri_dev_$p -o data/libri_dev_${p}_template
    done
    ```

    `voiceanon evaluate data/libri_dev -o report/` measures such a data set by its own trial lists,
    and writes the challenge's result file beside the report.
    """
    from voiceanon.privacy.corpora.challenge_folder import anonymize_data_folder

    anonymizer, _ = make_anonymizer(recipe, secret_file, allow_unprotected)
    try:
        with StopRequest() as stop, StageProgress() as progress:

            def advance(done: int, total: int) -> None:
                stop.check()
                progress.advance("anonymizing", done, total)

            result = anonymize_data_folder(source, out, anonymizer, advance)
    except KeyboardInterrupt:
        complain("interrupted: the folder has no tables yet; remove it and start again")
        raise typer.Exit(INTERRUPTED) from None
    for name, reason in result.failures:
        complain(f"{printable(name)}: {reason}")
    if result.not_copied:
        note(f"not taken over: {', '.join(map(printable, result.not_copied))}")
    if json_lines:
        print_json(
            {
                "type": "data folder",
                "destination": str(result.destination),
                "delivered": len(result.delivered),
                "failed": [{"id": name, "reason": reason} for name, reason in result.failures],
                "not_copied": list(result.not_copied),
            }
        )
    else:
        note(f"{len(result.delivered)} recordings anonymized in {result.destination}")
    if result.failures:
        raise typer.Exit(SOME_FAILED)
