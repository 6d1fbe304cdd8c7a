"""Reads and writes Kaldi data directories; a command in wav.scp is refused and never run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from voiceanon.errors import InputError
from voiceanon.privacy.corpora.kaldi_tables import (
    check_audio_paths,
    read_optional,
    read_table,
    read_trials,
    rows,
)
from voiceanon.privacy.corpora.kaldi_writing import write_kaldi
from voiceanon.privacy.corpora.recordings import Corpus, Recording, assemble, named

__all__ = ["read_kaldi", "read_recordings", "write_kaldi"]


def read_kaldi(folder: Path, name: str) -> Corpus:
    """Return the corpus of a Kaldi data directory.

    Read are ``wav.scp`` and ``utt2spk``, and where they are there ``spk2gender``, ``text``,
    ``segments``, ``utt2dur``, ``enrolls``, ``trials`` and ``utt2session`` (our own addition).
    Relative paths are looked for from the directory, the folders above it (the VoicePrivacy
    toolkit's paths start two above) and the working directory; the first that has the file counts.

    Parameters
    ----------
    folder : Path
        The directory.
    name : str
        Of the corpus.

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        If a table is missing or malformed, ``wav.scp`` holds a command, tables contradict each
        other, or `assemble` refuses what they say.
    """
    notes: list[str] = []
    recordings = read_recordings(folder, notes)
    sides = _sides(folder, recordings)
    recordings = [replace(one, side=sides.get(one.key, "")) for one in recordings]
    trials = _trials(folder / "trials", recordings, notes)
    return assemble(name, recordings, notes, trials, source=repr(folder.name))


def read_recordings(folder: Path, notes: list[str]) -> list[Recording]:
    """Return a directory's recordings without their sides; see `read_kaldi`."""
    scp, speakers = read_table(folder / "wav.scp"), read_table(folder / "utt2spk")
    check_audio_paths(scp)
    paths = {key: value for key, (_, value) in scp.items()}
    base = _base(folder, paths.values(), notes)
    stretches = _stretches(folder, paths)
    missing = sorted(set(stretches) - set(speakers))
    if missing:
        raise InputError(
            f"utt2spk of {folder.name!r} lacks {len(missing)} of {len(stretches)} recordings, for "
            f"example {named(missing)}: add their speakers"
        )
    extra = len(set(speakers) - set(stretches))
    if extra:
        notes.append(f"utt2spk names {extra} recordings that have no audio: left out.")
    sexes = read_optional(folder / "spk2gender")
    texts = read_optional(folder / "text")
    sessions = read_optional(folder / "utt2session")
    durations = read_optional(folder / "utt2dur")
    recordings = []
    for key, (path, start_s, length_s) in stretches.items():
        speaker = speakers[key][1]
        recordings.append(
            Recording(
                key=key,
                speaker=speaker,
                path=base / path,
                sex=sexes.get(speaker, ""),
                text=texts.get(key, ""),
                session=sessions.get(key, ""),
                duration_s=_seconds(durations.get(key), "utt2dur", key),
                start_s=start_s,
                length_s=length_s,
            )
        )
    return recordings


def _base(folder: Path, paths: Iterable[str], notes: list[str]) -> Path:
    """Where relative paths start: the first candidate that has the first relative path."""
    first = next((path for path in paths if not path.startswith("/")), None)
    if first is None:
        return folder
    absolute = folder.absolute()
    candidates = [folder, *(absolute.parents[at] for at in range(min(2, len(absolute.parents))))]
    for base in [*candidates, Path()]:
        if (base / first).is_file():
            if base is not folder:
                levels = candidates.index(base) if base in candidates else 0
                where = f"{levels} folders above it" if levels else "the working directory"
                notes.append(f"Relative paths in wav.scp of {folder.name} start from {where}.")
            return base
    return folder


def _stretches(
    folder: Path, paths: Mapping[str, str]
) -> dict[str, tuple[str, float, float | None]]:
    """By utterance: path, start and length in seconds; from segments where there are any."""
    file = folder / "segments"
    if not file.exists():
        return {key: (path, 0.0, None) for key, path in paths.items()}
    stretches: dict[str, tuple[str, float, float | None]] = {}
    for key, (line, value) in read_table(file).items():
        fields = value.split()
        if len(fields) != 3 or fields[0] not in paths:
            raise InputError(
                f"line {line} of segments is {key + ' ' + value!r}: it must be an id, a recording "
                "of wav.scp, a start and an end"
            )
        start_s = _seconds(fields[1], "segments", key) or 0.0
        length_s = None
        if fields[2] != "-1":  # Kaldi's way to say: to the end
            length_s = (_seconds(fields[2], "segments", key) or 0.0) - start_s
            length_s = round(length_s, 6)  # a difference of decimals, not of their binary forms
            if length_s <= 0:
                raise InputError(f"line {line} of segments ends before it starts")
        stretches[key] = (paths[fields[0]], start_s, length_s)
    return stretches


def _seconds(value: str | None, table: str, key: str) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise InputError(f"{table} gives {value!r} for {key!r}: it must be seconds, 0 or more")
    return seconds


def _sides(folder: Path, recordings: Iterable[Recording]) -> dict[str, str]:
    """Sides of recordings by key, from ``enrolls`` (a key a line) and ``trials``."""
    known = {one.key for one in recordings}
    sides: dict[str, str] = {}
    if (folder / "enrolls").exists():
        unknown = []
        for _, key, _ in rows(folder / "enrolls"):
            sides[key] = "enrol"
            if key not in known:
                unknown.append(key)
        if unknown:
            raise InputError(
                f"enrolls of {folder.name!r} names {len(unknown)} unknown recordings, for example "
                f"{named(unknown)}"
            )
    if (folder / "trials").exists():
        for line, _, value in rows(folder / "trials"):
            key = value.partition(" ")[0]
            if sides.get(key) == "enrol":
                raise InputError(
                    f"line {line} of trials tries {key!r}, which is enrolled: a recording is not "
                    "compared with itself"
                )
            sides[key] = "trial"
    return sides


def _trials(
    path: Path, recordings: Sequence[Recording], notes: list[str]
) -> list[tuple[str, str, bool]]:
    if not path.exists():
        return []
    listed = read_trials(path, {one.key: one.speaker for one in recordings})
    side = "enrol" if any(one.side == "enrol" for one in recordings) else ""
    enrolled = {one.speaker for one in recordings if one.side == side}
    kept = [trial for trial in listed if trial[0] in enrolled]
    if len(kept) < len(listed):
        notes.append(
            f"{len(listed) - len(kept)} of {len(listed)} trials name a speaker without enrolment "
            "in the folder: left out. Challenge folders are read together, by the part of their "
            "names before _enrolls and _trials."
        )
    return kept
