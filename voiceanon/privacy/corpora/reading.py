"""Reads a corpus of any known form: the one place that tells the forms apart."""

from __future__ import annotations

import os
from pathlib import Path

from voiceanon.errors import InputError
from voiceanon.formats import AUDIO_SUFFIXES
from voiceanon.privacy.corpora.challenge import challenge_datasets, read_challenge
from voiceanon.privacy.corpora.kaldi import read_kaldi
from voiceanon.privacy.corpora.manifests import read_manifest
from voiceanon.privacy.corpora.recordings import Corpus, Recording, named
from voiceanon.privacy.corpora.speaker_folders import find_files, read_speaker_folders
from voiceanon.privacy.corpora.tables import read_csv, read_several

__all__ = ["Corpus", "Recording", "read_corpus"]

_FORMS = "a folder for each speaker, a CSV, a JSONL manifest or a Kaldi directory"
_TABLE = "metadata.csv"
_MANIFEST_SUFFIXES = {".jsonl", ".ndjson", ".json", ".manifest"}
# Sub-corpora lie one or two folders down; deeper lies audio.
_DEPTH_OF_TABLES = 2


def read_corpus(path: str | os.PathLike[str], *, name: str | None = None) -> Corpus:
    """Return the corpus at a path, whatever form it has.

    ============================  =============================================================
    path                          form
    ============================  =============================================================
    ``….csv``                     a table with ``speaker`` and ``path``; see `tables.read_csv`
    ``….jsonl``                   a manifest with NeMo's keys; see `manifests.read_manifest`
    folder with ``wav.scp``       a Kaldi data directory; see `kaldi.read_kaldi`
    folder with ``metadata.csv``  that table; several in folders below it are one corpus
    folder of ``…_enrolls``       a data set of the VoicePrivacy challenge, if there is one only
    ``data/libri_dev``            that data set of the challenge; see `challenge.read_challenge`
    any other folder              a folder for each speaker; see `speaker_folders`
    ============================  =============================================================

    Parameters
    ----------
    path : path
        Of the corpus.
    name : str, optional
        What reports call it; by default the name of the folder or of the file without suffix.

    Returns
    -------
    Corpus
        What was guessed, merged or left out stands in its notes.

    Raises
    ------
    InputError
        If there is no corpus at the path, or what is there contradicts itself; one line that says
        what is wrong and what can be done.
    """
    path = Path(path)
    if not os.path.lexists(path):
        if path.name in challenge_datasets(path.parent):
            return read_challenge(path.parent, path.name, name=name)
        raise InputError(f"corpus {str(path)!r} does not exist")
    if path.is_dir():
        return _read_folder(path, name or path.resolve().name or "corpus")
    if not path.is_file():
        raise InputError(f"corpus {str(path)!r} is neither a file nor a folder that can be read")
    suffix = path.suffix.lower()
    if suffix == ".csv":
        # The project's tables are all called the same: the folder tells them apart.
        own = path.resolve().parent.name if path.name == _TABLE else path.stem
        return read_csv(path, name or own)
    if suffix in _MANIFEST_SUFFIXES:
        return read_manifest(path, name or path.stem)
    if path.name == "wav.scp":
        return _read_folder(path.parent, name or path.resolve().parent.name)
    if suffix in AUDIO_SUFFIXES:
        raise InputError(f"{path.name!r} is one recording: a corpus is {_FORMS}")
    raise InputError(f"{path.name!r} is no form of corpus that is known: it must be {_FORMS}")


def _read_folder(folder: Path, name: str) -> Corpus:
    if (folder / "wav.scp").exists():
        return read_kaldi(folder, name)
    if (folder / _TABLE).exists():
        return read_csv(folder / _TABLE, name)
    tables = [
        Path(entry.path)
        for entry in find_files(folder, _DEPTH_OF_TABLES)
        if entry.name == _TABLE and not entry.is_symlink()
    ]
    if tables:
        return read_several(folder, tables, name)
    datasets = challenge_datasets(folder)
    if len(datasets) == 1:
        return read_challenge(folder, datasets[0], name=name)
    if datasets:
        raise InputError(
            f"{folder.name!r} holds {len(datasets)} data sets of the challenge "
            f"({named(datasets)}): name one of them, for example {str(folder / datasets[0])!r}"
        )
    return read_speaker_folders(folder, name)
