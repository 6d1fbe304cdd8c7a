"""Score matrices of the legal evaluation's toolkit, read so that its results can be checked here.

`voice-anonymization-legal-eval` 2 stores scores as NAME.npy, (enrolments, trials), beside
NAME.npy.json with the speakers of rows and columns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voiceanon.errors import InputError
from voiceanon.privacy.metrics.trials import Floats, Integers, Trials, check_numbers

__all__ = ["LegalScores", "read_legal_scores"]


@dataclass(frozen=True, eq=False)
class LegalScores:
    """A matrix of scores with the names of its speakers.

    Attributes
    ----------
    matrix : array of float, (trials, enrolments)
        Turned to lie as `linkability` takes it.
    enrol : array of int, (enrolments,)
        Speaker of each column, an index into `speakers`.
    trial : array of int, (trials,)
        Speaker of each row, an index into `speakers`.
    speakers : tuple of str
        Enrolled speakers in the file's order, then those who are only tried.

    Examples
    --------
    >>> made = LegalScores(np.eye(2), np.arange(2), np.arange(2), ("s1", "s2"))
    >>> made.trials.targets.tolist()
    [True, False, False, True]
    """

    matrix: Floats
    enrol: Integers
    trial: Integers
    speakers: tuple[str, ...]

    @property
    def trials(self) -> Trials:
        """Every score as a trial, flat."""
        rows, columns = self.matrix.shape
        return Trials(self.matrix.ravel(), np.tile(self.enrol, rows), self.trial.repeat(columns))

    @property
    def right(self) -> Integers:
        """The column of each trial's own speaker, (trials,).

        Raises
        ------
        InputError
            If a speaker is tried but not enrolled.
        """
        missing = self.trial[self.trial >= len(self.enrol)]
        if missing.size:
            name = self.speakers[int(missing[0])]
            raise InputError(f"speaker {name!r} is tried but not enrolled: both are needed to link")
        return self.trial


def read_legal_scores(path: str | Path) -> LegalScores:
    """Read a score matrix and the names beside it.

    Parameters
    ----------
    path : str or Path
        The ``.npy`` file; the names are in the file of the same name with ``.json`` after it.

    Returns
    -------
    LegalScores
        The scores and their speakers; ``.trials`` gives them as `Trials`.

    Raises
    ------
    InputError
        If a file is missing or malformed, sizes do not agree, or a speaker is enrolled twice.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> names = {"enroll_speakers": ["s1", "s2"], "test_speakers": ["s2", "s1"]}
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "scores.npy"
    ...     np.save(path, [[0.1, 0.9], [0.8, 0.2]])
    ...     _ = (Path(folder) / "scores.npy.json").write_text(json.dumps(names))
    ...     read_legal_scores(path).right.tolist()
    [1, 0]
    """
    path = Path(path)
    names = path.with_name(path.name + ".json")
    try:
        matrix = np.load(path, allow_pickle=False)  # a pickle would run what a stranger wrote
        beside = json.loads(names.read_text(encoding="utf-8"))
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read as a score matrix with names: {error}") from error
    if not isinstance(matrix, np.ndarray):
        raise InputError(f"{path} holds several arrays: it must hold one")
    scores = check_numbers("the score matrix", matrix, dimensions=2)
    enrolled, tried = (_names(beside, key, names) for key in ("enroll_speakers", "test_speakers"))
    if scores.shape != (len(enrolled), len(tried)):
        raise InputError(
            f"{path} has shape {scores.shape}: its names say ({len(enrolled)}, {len(tried)})"
        )
    index = {name: i for i, name in enumerate(enrolled)}
    if len(index) < len(enrolled):
        twice = next(name for i, name in enumerate(enrolled) if index[name] != i)
        raise InputError(f"{names} enrols speaker {twice!r} twice: once is allowed")
    for name in tried:
        index.setdefault(name, len(index))
    return LegalScores(
        np.ascontiguousarray(scores.T),
        np.arange(len(enrolled)),
        np.array([index[name] for name in tried], np.int64),
        tuple(index),
    )


def _names(beside: object, key: str, path: Path) -> list[str]:
    found = beside.get(key) if isinstance(beside, dict) else None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise InputError(f"{path} has no list of names {key!r}: it must")
    return found
