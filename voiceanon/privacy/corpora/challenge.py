"""Reads the data sets of the VoicePrivacy challenges 2024 and 2026, and names their result file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from voiceanon.errors import InputError
from voiceanon.privacy.corpora.challenge_results import ResultSection, read_results, write_results
from voiceanon.privacy.corpora.kaldi import read_recordings
from voiceanon.privacy.corpora.kaldi_tables import read_trials, rows
from voiceanon.privacy.corpora.recordings import Corpus, Recording, assemble, named

__all__ = ["ResultSection", "challenge_datasets", "read_challenge", "read_results", "write_results"]

_ENROLS = "_enrolls"
# 2024 tries women and men apart; 2026 has a folder with both, and with trials across.
_TRIALS = ("_trials_f", "_trials_m")
_MIXED = "_trials_mixed"


def challenge_datasets(data_dir: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the names of the data sets in a folder: what stands before ``_enrolls``."""
    folder = Path(data_dir)
    found = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return tuple(sorted(name[: -len(_ENROLS)] for name in found if name.endswith(_ENROLS)))


def read_challenge(
    data_dir: str | os.PathLike[str], dataset: str, *, suffix: str = "", name: str | None = None
) -> Corpus:
    """Return a data set of the challenge with its sides and its fixed list of trials.

    The folders are ``DATASET_enrolls`` and ``DATASET_trials_mixed`` or, without it,
    ``DATASET_trials_f`` and ``DATASET_trials_m``, each with `suffix` after its name. Lists that an
    anonymized folder does not repeat are taken from the folder without the suffix, as the
    challenge's own evaluation does.

    Parameters
    ----------
    data_dir : path
        The folder that holds the data sets, in the toolkit ``data``.
    dataset : str
        For example ``"libri_dev"``.
    suffix : str
        For example ``"_mcadams"``.
    name : str, optional
        Of the corpus; by default the data set and the suffix.

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        If a folder is missing, is malformed, or the folders contradict each other.
    """
    folder = Path(data_dir)
    notes: list[str] = []
    enrols = folder / f"{dataset}{_ENROLS}{suffix}"
    tried = [folder / f"{dataset}{part}{suffix}" for part in _TRIALS]
    tried = [path for path in tried if path.is_dir()]
    mixed = folder / f"{dataset}{_MIXED}{suffix}"
    if mixed.is_dir():
        if tried:
            notes.append(
                f"{mixed.name} holds the trials of women and of men and was read for both."
            )
        tried = [mixed]
    if not enrols.is_dir() or not tried:
        missing = enrols.name if not enrols.is_dir() else f"{dataset}{_TRIALS[0]}{suffix}"
        known = challenge_datasets(folder)
        there = f"; data sets there: {named(known)}" if known else ""
        raise InputError(f"{folder.name!r} holds no folder {missing!r}{there}")
    enrolled = _enrolled(enrols, folder / f"{dataset}{_ENROLS}", notes)
    recordings, trials = list(enrolled), dict[tuple[str, str, bool], None]()
    for path in tried:
        own = [replace(one, side="trial") for one in read_recordings(path, notes)]
        recordings += own
        speakers = {one.key: one.speaker for one in own}
        plain = folder / path.name[: len(path.name) - len(suffix)]
        listed = path / "trials" if (path / "trials").exists() else plain / "trials"
        trials.update(dict.fromkeys(read_trials(listed, speakers)))
    _refuse_strangers(trials, enrolled, dataset)
    notes.append(f"Sides and {len(trials)} trials are those that {dataset} fixes.")
    return assemble(name or dataset + suffix, recordings, notes, trials, source=repr(dataset))


def _enrolled(folder: Path, plain: Path, notes: list[str]) -> list[Recording]:
    """The recordings that are enrolled: those listed, or without a list all of the folder."""
    found = read_recordings(folder, notes)
    lists = [path / "enrolls" for path in (folder, plain) if (path / "enrolls").exists()]
    if lists:
        keys = {key for _, key, _ in rows(lists[0])}
        unknown = sorted(keys - {one.key for one in found})
        if unknown:
            raise InputError(
                f"enrolls of {folder.name!r} names {len(unknown)} unknown recordings, for example "
                f"{named(unknown)}"
            )
        if len(keys) < len(found):
            notes.append(f"{len(found) - len(keys)} recordings of {folder.name} are not enrolled.")
        found = [one for one in found if one.key in keys]
    else:
        notes.append(f"{folder.name} has no list of enrolls: all of its recordings are enrolled.")
    return [replace(one, side="enrol") for one in found]


def _refuse_strangers(
    trials: dict[tuple[str, str, bool], None], enrolled: list[Recording], dataset: str
) -> None:
    strangers = sorted({who for who, _, _ in trials} - {one.speaker for one in enrolled})
    if strangers:
        raise InputError(
            f"trials of {dataset} name {len(strangers)} speakers who are not enrolled, for example "
            f"{named(strangers)}"
        )
