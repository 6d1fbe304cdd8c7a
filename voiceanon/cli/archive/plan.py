"""`voiceanon archive plan`: which recordings a run will work on, and what it will take."""

from __future__ import annotations

import enum
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voiceanon.cli.anonymize import AudioFormat, chosen_recipe
from voiceanon.cli.archive.run_option import RUN_OPTION, located, run_folder, show_facts
from voiceanon.cli.terminal import note, print_json, printable
from voiceanon.errors import DestinationError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from voiceanon.archive.entries import Found, LeftOut
    from voiceanon.archive.manifest import Manifest
    from voiceanon.archive.run_folder import RunFolder, RunSettings

__all__ = ["plan"]

_MOST_SHOWN = 10


class _Store(str, enum.Enum):
    """What is delivered, by its name on the command line."""

    audio = "audio"
    content = "content"
    measures = "measures"
    audio_and_content = "audio+content"
    audio_and_measures = "audio+measures"


# Whether audio is made, and which level of descriptions.
_STORES = {
    _Store.audio: (True, ""),
    _Store.content: (False, "content"),
    _Store.measures: (False, "measures"),
    _Store.audio_and_content: (True, "content"),
    _Store.audio_and_measures: (True, "measures"),
}


def plan(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC",
            help="A folder, a glob in quotes, a CSV or JSONL list, a Kaldi folder, tar files, or "
            "s3://BUCKET/PREFIX.",
        ),
    ],
    destination: Annotated[
        str,
        typer.Argument(metavar="DST", help="The folder or s3://BUCKET/PREFIX that outputs go to."),
    ],
    *,
    run: Annotated[Path | None, RUN_OPTION] = None,
    store: Annotated[_Store, typer.Option(help="What is delivered.")] = _Store.audio,
    recipe: Annotated[
        str, typer.Option(metavar="NAME|FILE.toml", help="How the voices are changed.")
    ] = "default",
    format_: Annotated[
        AudioFormat, typer.Option("--format", help="Format of the audio.")
    ] = AudioFormat.flac,
    speaker_column: Annotated[
        str, typer.Option(metavar="NAME", help="Of a list: who speaks.")
    ] = "speaker",
    path_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a list: where recordings are.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where a list's recordings lie, if not beside it."),
    ] = None,
    keep_names: Annotated[
        bool,
        typer.Option("--keep-names", help="Call outputs by their recordings, not by pseudonyms."),
    ] = False,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Deliver without knowing whether words survived.")
    ] = False,
    allow_unmeasured: Annotated[
        bool, typer.Option("--allow-unmeasured", help="Deliver what cannot be checked, too.")
    ] = False,
    language: Annotated[
        str, typer.Option(metavar="CODE", help="Of the speech, as ISO 639-1; the check knows en.")
    ] = "en",
    owner: Annotated[
        str, typer.Option(metavar="ACCOUNT", help="Account that the bucket DST must belong to.")
    ] = "",
    allow_unchecked: Annotated[
        list[str] | None,
        typer.Option(metavar="CHECK", help="Accept a bucket although CHECK is not permitted."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what a run would take; keep nothing.")
    ] = False,
    json_line: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """List the recordings of a run and measure what it will take; nothing is anonymized yet.

    Outputs are called by pseudonyms, keyed hashes of the recordings' names, in 256 folders. A list
    may have a column `speaker`: with a recipe that draws a voice for each speaker, a speaker's
    recordings share one.

    For example:

    ```
    voiceanon archive plan recordings/ anonymous/
    voiceanon archive plan interviews.csv anonymous/ --recipe bottleneck
    voiceanon archive plan recordings/ anonymous/ --store audio+content
    voiceanon archive plan 'shards/*.tar' anonymous/ --dry-run
    voiceanon archive plan s3://interviews/2024 s3://other/2024 --run 2024.run
    ```

    A bucket is refused unless it is known to be closed: public access blocked, no public policy,
    no ACL, no website, encrypted, and an unsigned request answered with 403.
    """
    from voiceanon.archive.preflight import check_destination, remove_folders
    from voiceanon.archive.run_folder import RunFolder, RunSettings
    from voiceanon.archive.s3.preflight import check_allowable
    from voiceanon.archive.sources import find_sources
    from voiceanon.keys import fresh_nonce

    chosen = chosen_recipe(recipe)
    audio, level = _STORES[store]
    settings = RunSettings(
        run=fresh_nonce(8).hex(),
        source=located(source),
        destination=located(destination),
        recipe={"name": chosen.name, "version": chosen.version, **chosen.settings()},
        audio=f".{format_.value}" if audio else "",
        level=level,
        keep_names=keep_names,
        check=not no_check,
        allow_unmeasured=allow_unmeasured,
        language=language,
        owner=owner,
        allow_unchecked=check_allowable(allow_unchecked or []),
    )
    found = find_sources(source, speaker_column=speaker_column, path_column=path_column, root=root)
    folder = None if dry_run else run_folder(destination, run)
    made = check_destination(settings)
    try:
        if folder is None:
            with tempfile.TemporaryDirectory(prefix="voiceanon-plan-") as temporary:
                facts = _planned(RunFolder(Path(temporary) / "run"), settings, found)
            remove_folders(made)
        else:
            facts = _planned(folder, settings, found)
    except BaseException:
        remove_folders(made)
        raise
    if json_line:
        print_json(facts)
    else:
        _show(facts, dry_run)


def _planned(
    place: RunFolder, settings: RunSettings, found: Iterable[Found | LeftOut]
) -> dict[str, Any]:
    from voiceanon.archive.manifest import Manifest
    from voiceanon.archive.planning import estimate_apart
    from voiceanon.archive.preflight import check_destination
    from voiceanon.archive.s3.urls import is_url
    from voiceanon.keys import fresh_secret

    key = fresh_secret()
    folder = place.make(settings, key)
    try:
        with Manifest.write(
            folder.manifest, found, key, keep_names=settings.keep_names
        ) as manifest:
            left_out = list(manifest.left_out())
            if not len(manifest):
                first = f"; the first of {len(left_out)} left out: " if left_out else ""
                first += left_out[0].reason if left_out else ""
                raise InputError(f"no recordings found{first}")
            if settings.keep_names and not is_url(settings.destination):
                _refuse_taken(manifest, settings)
            taken, problem = estimate_apart(manifest, folder.manifest, settings, folder.path)
        check_destination(settings, needed_bytes=taken.output_bytes)
    except BaseException:
        folder.remove()
        raise
    if problem:
        note(f"what it will take could not be measured: {problem}")
    failed = [one for one in left_out if one.status == "failed"]
    for one in failed[:_MOST_SHOWN]:
        note(f"left out: {printable(one.source)}: {one.reason}")
    if len(failed) > _MOST_SHOWN:
        note(f"… and {len(failed) - _MOST_SHOWN} more that cannot be worked on")
    return {"run": str(folder.path), **asdict(taken), "left_out": len(left_out)}


def _refuse_taken(manifest: Manifest, settings: RunSettings) -> None:
    """Refuse names that are taken: a run replaces what is there, since only it is to be there."""
    from voiceanon.archive.places import place_of
    from voiceanon.archive.work import existing_suffixes

    place = place_of(settings)
    for entry in manifest:
        for suffix in existing_suffixes(settings, place, entry):
            taken = f"{entry.output}{suffix}".rpartition("/")[2]
            raise DestinationError(
                f"{taken!r} is in the destination already; choose an empty folder"
            )


def _show(facts: dict[str, Any], dry_run: bool) -> None:
    show_facts(
        {
            "recordings": f"{facts['recordings']:,}",
            "left out": f"{facts['left_out']:,}",
            "size": f"{facts['bytes'] / 1e9:.2f} GB",
            "length": f"{facts['hours']:.1f} h",
            "work": f"{facts['core_hours']:.2f} hours of one core",
            "outputs": f"{facts['output_bytes'] / 1e9:.2f} GB",
        }
    )
    if not dry_run:
        note(f"planned in {facts['run']}; `voiceanon archive run` does it")
