"""`voiceanon evaluate`: how well speakers are found again, and what the words lost."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voiceanon.cli.anonymize import chosen_recipe
from voiceanon.cli.exit_codes import INTERRUPTED
from voiceanon.cli.stage_progress import StageProgress
from voiceanon.cli.stop_request import StopRequest
from voiceanon.cli.terminal import complain, note, print_json, printable, results
from voiceanon.errors import DestinationError
from voiceanon.recipe import DESCRIBING_RECIPE

if TYPE_CHECKING:
    from voiceanon.privacy.settings import Settings

__all__ = ["evaluate"]

_OWN_FILES = ("report.html", "results.json", "statement.md", "examples", "cache")
_CHALLENGE = "challenge-"  # and a variant's name: the challenge's own result file


def _list_attackers(wanted: bool) -> None:
    if wanted:
        from voiceanon.privacy.attackers import all_attackers

        for attacker in all_attackers().values():
            typer.echo(f"{attacker.name} ({attacker.sides}): {attacker.knowledge}")
        raise typer.Exit


def evaluate(
    corpus: Annotated[
        Path,
        typer.Argument(
            metavar="CORPUS",
            help="A folder with one folder a speaker, a CSV (speaker, path, …), a JSONL manifest, "
            "or a Kaldi data directory.",
        ),
    ],
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="REPORT", help="A folder for the report.")
    ],
    recipe: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|FILE.toml", help="What is measured; may be repeated."),
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(metavar="CORPUS", help="Speech of other people, for attackers that train."),
    ] = None,
    attackers: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="Only these attackers; see --list-attackers."),
    ] = None,
    list_attackers: Annotated[  # noqa: ARG001 (acts when it is parsed)
        bool,
        typer.Option(
            "--list-attackers", callback=_list_attackers, is_eager=True, help="Name all and stop."
        ),
    ] = False,
    baselines: Annotated[
        str,
        typer.Option(
            metavar="A,B,…", help="Of raw, mcadams, world: measured beside, to judge attackers by."
        ),
    ] = "raw,mcadams,world",
    light: Annotated[
        bool,
        typer.Option(
            "--light", help="Minutes instead of an hour: no torch, no cloning, less training."
        ),
    ] = False,
    speaker_model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="d-vector, cam++, ge2e or onnx:FILE; may be repeated. "
            "By default the two strongest that are installed.",
        ),
    ] = None,
    recogniser: Annotated[
        str,
        typer.Option(
            metavar="SPEC",
            help="auto, none, pocketsphinx, whisper:FOLDER or module:function.",
        ),
    ] = "auto",
    words: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Utterances that are recognised.")
    ] = None,
    no_naturalness: Annotated[
        bool, typer.Option("--no-naturalness", help="Leave out predictions of listeners' scores.")
    ] = False,
    assessment: Annotated[
        bool,
        typer.Option(
            "--assessment",
            help="Study assessments instead of privacy: every recording's rates, pauses, pitch and "
            "level before and after. Nobody attacks.",
        ),
    ] = False,
    abstractions: Annotated[
        bool,
        typer.Option(
            "--abstractions",
            help="Attack stored descriptions (and assessment measures alone) instead of audio.",
        ),
    ] = False,
    training_hours: Annotated[
        float | None,
        typer.Option(min=0.01, metavar="H", help="Of speech that attackers train on, at most."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes; all cores by default.")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where anonymized speech, embeddings and transcripts are kept; REPORT/cache by "
            "default. Treat it like the recordings.",
        ),
    ] = None,
    json_lines: Annotated[
        bool, typer.Option("--json", help="One JSON object a variant on stdout.")
    ] = False,
) -> None:
    r"""Measure a recipe: attackers try to find the speakers again, a recogniser counts the words.

    Writes `report.html` (self-contained), `results.json` and `statement.md` into REPORT. The
    corpus is anonymized with draws of its own for enrolment, trial and the attackers' training;
    raw speech, McAdams (the VoicePrivacy challenge's B2) and a WORLD copy are measured beside it.
    The lowest equal error rate (EER) of all attackers counts: 0 % is always recognised, 50 % is
    chance.

    For example:

    ```
    voiceanon evaluate corpus/ -o report/ --train others/
    voiceanon evaluate dev/metadata.csv -o report/ --train train/ --light
    voiceanon evaluate dev/ -o report/ --recipe template --recipe flat.toml \
        --train train/ --recogniser whisper:models/whisper-base
    ```

    With `--assessment`, nobody attacks: the report says how well speech rate, pauses, pitch and
    level agree before and after, and whether a scorer trained on originals still ranks the
    anonymized recordings as it did. A column `score` in the corpus is used where there is one.

    With `--abstractions`, attackers get what `voiceanon.abstract` returns of every recording, and
    no audio: they count units, time them, train a network (torch), try to get the spectrum back,
    and tell sex, age group and first language where the corpus has columns `sex`, `age_group` and
    `first_language`. The recipe is `plain` unless one is given.

    Interrupted, it goes on where it was when started again with the same REPORT. The cache below
    REPORT holds embeddings of voices: delete it when you are done.
    """
    from voiceanon.privacy.corpora.reading import read_corpus
    from voiceanon.privacy.evaluation import evaluate as run

    settings = _settings(
        recipe, attackers, baselines, light, speaker_model, recogniser, words, not no_naturalness,
        training_hours, workers, assessment, abstractions,
    )  # fmt: skip
    measured = read_corpus(corpus)
    training = None if train is None else read_corpus(train)
    _prepare(out, corpus)
    command = "voiceanon " + shlex.join(sys.argv[1:])
    try:
        with StopRequest() as stop, StageProgress() as progress:

            def advance(what: str, done: int, total: int) -> None:
                stop.check()
                progress.advance(what, done, total)

            found = run(
                measured, out, settings, training=training, progress=advance, cache=cache,
                command=command,
            )  # fmt: skip
    except KeyboardInterrupt:
        complain("interrupted; start it again with the same REPORT and it goes on")
        raise typer.Exit(INTERRUPTED) from None
    _write(found, out)
    _show(found, out, json_lines)


def _settings(
    recipes: list[str] | None,
    attackers: str | None,
    baselines: str,
    light: bool,
    models: list[str] | None,
    recogniser: str,
    words: int | None,
    naturalness: bool,
    training_hours: float | None,
    workers: int | None,
    assessment: bool,
    abstractions: bool,
) -> Settings:
    from voiceanon.privacy.settings import Settings

    # Nothing is delivered to anybody here, so the vocoder alone may be measured too.
    names = recipes or [DESCRIBING_RECIPE if abstractions else "default"]
    chosen = [chosen_recipe(name, allow_unprotected=True) for name in names]
    return Settings(
        recipes=tuple(chosen),
        baselines=tuple(_names(baselines)),
        attackers=None if attackers is None else tuple(_names(attackers)),
        speaker_models=None if models is None else tuple(models),
        recogniser=recogniser,
        words=words,
        light=light,
        naturalness=naturalness,
        training_hours=training_hours,
        assessment=assessment,
        abstractions=abstractions,
        workers=workers or os.cpu_count() or 1,
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip() and name.strip() != "none"]


def _prepare(out: Path, corpus: Path) -> None:
    """Make the folder, or refuse it: nothing of anybody else's may be overwritten."""
    here, there = out.resolve(), corpus.resolve()
    if here == there or there in here.parents:
        raise DestinationError(f"the report {str(out)!r} may not lie inside the corpus")
    if out.exists() and not out.is_dir():
        raise DestinationError(f"the report {str(out)!r} is not a folder")
    if out.is_dir():
        foreign = [
            p.name
            for p in out.iterdir()
            if not (p.name in _OWN_FILES or p.name.startswith(_CHALLENGE))
        ]
        if foreign:
            raise DestinationError(
                f"the report {str(out)!r} holds other files ({printable(foreign[0])}): "
                "give a new folder, or one of an earlier evaluation"
            )
    try:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DestinationError(f"the report cannot be made: {error.strerror}") from error


def _write(found: dict[str, Any], out: Path) -> None:
    from voiceanon.privacy.corpora.challenge_results import write_results
    from voiceanon.privacy.schema import are_descriptions, is_study
    from voiceanon.report.evaluation import write_report
    from voiceanon.report.statement import write_statement

    part = out / "results.json.part"
    part.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(out / "results.json")
    is_of_audio = not are_descriptions(found)
    for variant in found["variants"] if is_of_audio else ():
        if variant["kind"] != "raw" and variant["privacy"]:
            place = out / f"{_CHALLENGE}{variant['name']}.txt"
            write_results(found, place, variant=variant["name"], overwrite=True)
    write_report(found, out)
    if is_of_audio and not is_study(found):  # a statement is about the privacy of audio
        write_statement(found, out)


def _show(found: dict[str, Any], out: Path, json_lines: bool) -> None:
    from voiceanon.privacy.schema import are_descriptions, is_study

    for warning in found["warnings"]:
        (complain if warning["level"] == "red" else note)(warning["text"])
    if json_lines:
        for variant in found["variants"]:
            privacy = variant["privacy"] or {}
            print_json(
                {
                    "type": "variant",
                    "name": variant["name"],
                    "kind": variant["kind"],
                    "headline": privacy.get("headline"),
                    "headline_single": privacy.get("headline_single"),
                    "words": variant["words"],
                    **({"assessment": _agreement(variant)} if is_study(found) else {}),
                    **(
                        {"floors": variant["descriptions"]["floors"]}
                        if "descriptions" in variant
                        else {}
                    ),
                }
            )
        print_json({"type": "evaluation", "report": str(out), "took_s": found["took_s"]})
        return
    if is_study(found):
        _study_table(found)
        note(f"report in {out}/report.html, figures in results.json")
        return
    if are_descriptions(found):
        _floors_table(found)
        note(f"report in {out}/report.html, figures in results.json")
        return
    _table(found)
    note(f"report in {out}/report.html, figures in results.json, one page in statement.md")


def _agreement(variant: dict[str, Any]) -> dict[str, Any]:
    """Return r of each measure, and of the scorer's ranks."""
    studied = variant["assessment"]
    found = {name: measure["r"] for name, measure in studied["measures"].items()}
    return found | {"scorer_rank_r": studied["scorer"] and studied["scorer"]["rank_r"]}


def _study_table(found: dict[str, Any]) -> None:
    from rich.table import Table

    variants = [variant for variant in found["variants"] if variant["kind"] != "raw"]
    table = Table(title="r of measures before and after, over recordings")
    table.add_column("measure")
    for variant in variants:
        table.add_column(printable(variant["label"]))
    rows = [_agreement(variant) for variant in variants]
    for name in rows[0] if rows else ():
        cells = (row[name] for row in rows)
        table.add_row(name, *("–" if r is None else _range(r, 2) for r in cells))
    results().print(table)


def _floors_table(found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title="Stored descriptions: what was measured, and the floors")
    for heading in ("recipe", "what", "measured", "floor", "meets it"):
        table.add_column(heading)
    for variant in found["variants"]:
        for row in variant.get("descriptions", {}).get("floors", ()):
            sign, figure = "≥" if row["at_least"] else "≤", row["measured"]
            shown = "not measured" if figure is None else _range(figure, 1 if row["unit"] else 2)
            said = {True: "yes", False: "no", None: "–"}[row["meets"]]
            floor = f"{sign} {row['floor']:g} {row['unit']}".rstrip()
            table.add_row(printable(variant["label"]), row["what"], shown, floor, said)
    results().print(table)


def _table(found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title="Lowest EER of all attackers, % (50 is chance), and words lost")
    for heading in ("variant", "one utterance", "pooled", "WER above raw"):
        table.add_column(heading)
    for variant in found["variants"]:
        privacy = variant["privacy"] or {}
        heads = [privacy.get(key) for key in ("headline_single", "headline")]
        lost = (variant["words"] or {}).get("wer_minus_raw_points")
        table.add_row(
            printable(variant["label"]), *map(_head, heads), "–" if lost is None else _range(lost)
        )
    results().print(table)


def _head(head: dict[str, Any] | None) -> str:
    if head is None:
        return "–"
    return f"{_range(head['eer_percent'])}\n{head['attacker']}, {head['pooling']}"


def _range(figures: list[float | None], digits: int = 1) -> str:
    value, low, high = (None if f is None else f"{f:.{digits}f}" for f in figures)
    return f"{value}" if low is None else f"{value} ({low} to {high})"
