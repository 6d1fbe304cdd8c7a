"""Writes what a run over an archive came to as one page: totals, reasons, players of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voiceanon.archive.run_folder import RunSettings
from voiceanon.archive.statement import Totals
from voiceanon.errors import RecordingError
from voiceanon.report.markup import Html, Node, join, tag
from voiceanon.report.page import whole_page
from voiceanon.report.page_parts import data_table
from voiceanon.report.players import data_uri
from voiceanon.report.whole_text import write_whole
from voiceanon.version import __version__

__all__ = ["write_archive_page"]

_MEANINGS = {
    "done": "delivered, whole and checked",
    "held": "no output passed the check: nothing was delivered",
    "failed": "could not be read or worked on: nothing was delivered",
    "empty": "holds no sound",
    "skipped": "left out when the run was planned",
    "undecided": "still to be done",
}
_PACKINGS = {"none": "none", "auto": "those of tar files", "tar": "all"}
_FOOTER = (
    "This page calls recordings by pseudonyms and plays outputs alone. It holds no original "
    "recording and loads nothing."
)


def write_archive_page(
    totals: Totals, settings: RunSettings, outputs: Sequence[str], path: Path
) -> Path:
    """Write the page of a run.

    Parameters
    ----------
    totals : Totals
        Of the run.
    settings : RunSettings
        Of the run.
    outputs : sequence of str
        Audio to listen to, as paths below the destination.
    path : Path
        Where the page goes; replaced if it is there.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    DestinationError
        If it cannot be written.
    """
    decided = totals.inputs - totals.states["undecided"]
    heading = join(
        tag("p", "Voice anonymisation of an archive", class_="kicker"),
        tag("h1", f"{decided:,} of {totals.inputs:,} recordings are accounted for"),
        tag("p", f"voiceanon {__version__} · run {settings.run}", class_="quiet"),
    )
    sections: list[tuple[str, str, Node]] = [
        ("totals", "Totals", _totals(totals)),
        ("settings", "What was done", _settings(settings)),
    ]
    if totals.reasons:
        sections.insert(
            1, ("reasons", "Why recordings were held, failed or salvaged", _reasons(totals))
        )
    if totals.slowest:
        sections.append(("slowest", "The slowest", _slowest(totals)))
    played = _players(Path(settings.destination), outputs)
    if played:
        sections.append(("listening", "Outputs to listen to", played))
    return write_whole(path, whole_page("An archive anonymised", heading, sections, _FOOTER))


def _totals(totals: Totals) -> Node:
    states = [
        (state, f"{number:,}", Html(_MEANINGS[state])) for state, number in totals.states.items()
    ]
    pace = totals.audio_s / totals.work_s if totals.work_s else 0.0
    figures = [
        ("audio done", f"{totals.audio_s / 3600:,.2f} h"),
        ("work", f"{totals.work_s / 3600:,.2f} h of one core, {pace:.0f} times real time"),
        ("outputs", f"{totals.outputs:,} files, {totals.output_bytes / 1e9:,.3f} GB"),
        ("of those done, salvaged: damaged, not whole", f"{totals.salvaged:,}"),
        ("further voices drawn", f"{totals.redraws:,}"),
        ("begun more than once", f"{totals.again:,}"),
        *((f"checked: {how}", f"{number:,}") for how, number in totals.checks.items()),
    ]
    return join(
        data_table(
            f"What became of {totals.inputs:,} files; the rows add up to it",
            ("state", "files", "meaning"),
            states,
        ),
        data_table("Figures", ("what", "value"), figures),
    )


def _reasons(totals: Totals) -> Node:
    rows = [(tag("span", reason), f"{number:,}") for reason, number in totals.reasons.items()]
    return data_table("The most frequent reasons; numbers in them are #", ("reason", "files"), rows)


def _slowest(totals: Totals) -> Node:
    rows = [(key, f"{pace:.2f} s") for key, pace in totals.slowest]
    return data_table("Seconds of work for a second of audio", ("recording", "work"), rows)


def _settings(settings: RunSettings) -> Node:
    stored = [settings.audio.removeprefix(".") + " audio"] if settings.audio else []
    stored += [f"descriptions: {settings.level}"] if settings.level else []
    rows = [
        ("delivered", " and ".join(stored)),
        ("recipe", str(settings.recipe.get("name", ""))),
        ("what is removed is learned from", f"the {settings.profile}"),
        ("checked before delivery", "yes" if settings.check else "no"),
        ("what could not be checked was delivered", "yes" if settings.allow_unmeasured else "no"),
        ("damaged recordings were salvaged", "yes" if settings.salvage else "no"),
        ("language of the check", settings.language),
        ("outputs are called by", "names" if settings.keep_names else "pseudonyms"),
        ("in tar files", _PACKINGS[settings.packing]),
    ]
    return data_table("Settings", ("setting", "value"), rows)


def _players(destination: Path, outputs: Sequence[str]) -> Node:
    made = []
    for name in outputs:
        try:
            source = data_uri(destination, name)
        except RecordingError:
            continue  # too long to play here, or gone
        sound = tag("audio", controls=True, preload="none", src=source, aria_label=name)
        made.append(tag("figure", tag("figcaption", name), sound))
    return made
