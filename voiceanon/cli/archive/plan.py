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
from voiceanon.cli.options import AllowUnmeasured, Language, MarkKey, NoCheck, Salvage
from voiceanon.cli.terminal import note, print_json, printable
from voiceanon.errors import DestinationError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from voiceanon.archive.entries import Found, LeftOut
    from voiceanon.archive.grouping import Grouping
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


class _Profile(str, enum.Enum):
    """What is removed is learned from what, by its name on the command line."""

    recording = "recording"
    speaker = "speaker"


class _Packing(str, enum.Enum):
    """Which outputs are delivered in tar files, by its name on the command line."""

    auto = "auto"
    tar = "tar"
    none = "none"


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
    profile: Annotated[
        _Profile,
        typer.Option(
            help="What is removed of a voice is learned from its recording alone, or from the "
            "first ten minutes of its speaker."
        ),
    ] = _Profile.recording,
    path_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a list: where recordings are.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where a list's recordings lie, if not beside it."),
    ] = None,
    pack: Annotated[
        _Packing,
        typer.Option(
            help="Which outputs go into tar files: those of tar files (auto), all (tar), or none."
        ),
    ] = _Packing.auto,
    pack_size: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="With --pack tar: recordings in a tar file, if not from one."
        ),
    ] = 1000,
    keep_names: Annotated[
        bool,
        typer.Option("--keep-names", help="Call outputs by their recordings, not by pseudonyms."),
    ] = False,
    no_check: NoCheck = False,
    allow_unmeasured: AllowUnmeasured = False,
    language: Language = "en",
    salvage: Salvage = False,
    mark_key: MarkKey = None,
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
    recordings share one. With `--profile speaker` they share what is removed of the voice, too:
    more stable where recordings are short, if they were made alike (microphone, room, level).

    Tar files in, tar files out: outputs of one tar file go into one of their own, without what held
    or failed and without anything else that lay there, as `PSEUDONYM.flac` and `PSEUDONYM.voa`.
    `--pack tar` has all outputs in tar files, `--pack none` each in a file of its own.

    With `--mark-key` the audio carries a mark of your own. The key is copied into the run's folder,
    where every `run` finds it; `finish` destroys the copy.

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
    from voiceanon.archive.grouping import Grouping
    from voiceanon.archive.preflight import check_destination, remove_folders
    from voiceanon.archive.run_folder import RunFolder, RunSettings
    from voiceanon.archive.s3.preflight import check_allowable
    from voiceanon.archive.s3.urls import is_url
    from voiceanon.archive.sources import find_sources
    from voiceanon.keys import fresh_nonce

    chosen = chosen_recipe(recipe)
    if profile is _Profile.speaker and not (
        chosen.protects and chosen.profile_source == "recording"
    ):
        raise InputError(f"recipe {chosen.name!r} learns nothing beforehand: --profile is no use")
    audio, level = _STORES[store]
    own_mark = None if mark_key is None else _own_mark(mark_key, audio and chosen.mark_db > 0)
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
        salvage=salvage,
        profile=profile.value,
        owner=owner,
        allow_unchecked=check_allowable(allow_unchecked or []),
        packing=pack.value,
    )
    grouping = Grouping(pack.value, pack_size)
    found = find_sources(source, speaker_column=speaker_column, path_column=path_column, root=root)
    # Only what is kept needs a place: that of a bucket's run may still be unknown.
    is_placed = not dry_run or run is not None or not is_url(settings.destination)
    folder = run_folder(destination, run) if is_placed else None
    kept_at = None if folder is None else folder.path
    made = check_destination(settings)
    try:
        if folder is None or dry_run:
            with tempfile.TemporaryDirectory(prefix="voiceanon-plan-") as temporary:
                aside = RunFolder(Path(temporary) / "run")
                facts = _planned(aside, settings, found, grouping, kept_at)
            remove_folders(made)
        else:
            facts = _planned(folder, settings, found, grouping, kept_at, own_mark)
    except BaseException:
        remove_folders(made)
        raise
    if json_line:
        print_json(facts)
    else:
        _show(facts, dry_run)


def _own_mark(source: str, is_written: bool) -> bytes:
    from voiceanon.container.key_sources import read_key

    if not is_written:
        raise InputError(
            "outputs carry no mark: --mark-key is no use; descriptions are given one "
            "when they are spoken, by `voiceanon render`"
        )
    return read_key(source)


def _planned(
    place: RunFolder,
    settings: RunSettings,
    found: Iterable[Found | LeftOut],
    grouping: Grouping,
    kept_at: Path | None,
    own_mark: bytes | None = None,
) -> dict[str, Any]:
    """Plan in a folder, which is the one kept at `kept_at` unless this is a dry run."""
    from voiceanon.archive.manifest import Manifest
    from voiceanon.archive.owning import claim, refuse_foreign
    from voiceanon.archive.planning import estimate_apart
    from voiceanon.archive.preflight import check_space
    from voiceanon.keys import fresh_secret

    key = fresh_secret()
    folder = place.make(settings, key, own_mark)
    try:
        refuse_foreign(settings, folder.path)
        with Manifest.write(
            folder.manifest, found, key, keep_names=settings.keep_names, grouping=grouping
        ) as manifest:
            left_out = list(manifest.left_out())
            if not len(manifest):
                first = f"; the first of {len(left_out)} left out: " if left_out else ""
                first += left_out[0].reason if left_out else ""
                raise InputError(f"no recordings found{first}")
            if settings.profile == _Profile.speaker and not manifest.has_speakers():
                raise InputError("--profile speaker needs a list with a column of speakers")
            if settings.keep_names:
                _refuse_taken(manifest, settings)
            taken, problem = estimate_apart(manifest, folder.manifest, settings, folder.path)
            facts = {"tars": sum(1 for _ in manifest.tars())} if manifest.has_tars else {}
        own_bytes = taken.waiting_bytes + taken.copied_bytes
        check_space(settings, kept_at, taken.output_bytes, own_bytes)
        if folder.path == kept_at:
            claim(settings, folder.path)
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
    return {"run": str(folder.path), **asdict(taken), "left_out": len(left_out), **facts}


def _refuse_taken(manifest: Manifest, settings: RunSettings) -> None:
    """Refuse names that are taken: a run replaces what is there, since only it is to be there.

    In a bucket it never does; there a single recording whose name is taken fails alone.
    """
    from voiceanon.archive.places import place_of
    from voiceanon.archive.s3.urls import is_url
    from voiceanon.archive.work import existing_suffixes

    place = place_of(settings)

    def taken() -> Iterator[str]:
        yield from (tar for tar in manifest.tars() if place.status(tar) is not None)
        for entry in () if is_url(settings.destination) else manifest:
            if entry.packed is None:
                for suffix in existing_suffixes(settings, place, entry):
                    yield entry.output + suffix

    for name in taken():
        last = name.rpartition("/")[2]
        raise DestinationError(f"{last!r} is in the destination already; choose an empty folder")


def _show(facts: dict[str, Any], dry_run: bool) -> None:
    waiting, copied = facts["waiting_bytes"], facts["copied_bytes"]
    show_facts(
        {
            "recordings": f"{facts['recordings']:,}",
            "left out": f"{facts['left_out']:,}",
            "size": f"{facts['bytes'] / 1e9:.2f} GB",
            "length": f"{facts['hours']:.1f} h",
            "work": f"{facts['core_hours']:.2f} hours of one core",
            "outputs": f"{facts['output_bytes'] / 1e9:.2f} GB",
            **({"of which wait": f"{waiting / 1e9:.2f} GB in the run's folder"} if waiting else {}),
            **({"copies to read": f"{copied / 1e9:.2f} GB in the run's folder"} if copied else {}),
            **({"tar files": f"{facts['tars']:,}"} if "tars" in facts else {}),
        }
    )
    if not dry_run:
        note(f"planned in {facts['run']}; `voiceanon archive run` does it")
