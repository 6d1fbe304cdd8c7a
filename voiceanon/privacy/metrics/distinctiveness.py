"""G_VD: how much of the difference between voices is left after anonymization."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError
from voiceanon.privacy.metrics.calibration import calibrate_linear
from voiceanon.privacy.metrics.trials import Floats, Integers, check_numbers

__all__ = ["g_vd_db", "voice_similarity_matrix"]


def voice_similarity_matrix(
    scores: npt.ArrayLike,
    row_speakers: npt.ArrayLike,
    column_speakers: npt.ArrayLike | None = None,
    *,
    calibrate: bool = True,
) -> Floats:
    """Return how alike every two speakers sound.

    Parameters
    ----------
    scores : array of float, (rows, columns)
        Scores between segments, higher means more likely the same speaker; finite.
    row_speakers : array, (rows,)
        The speaker of each row, names or numbers.
    column_speakers : array, (columns,), optional
        The speaker of each column. None: columns are the same segments as rows, and a segment is
        not compared with itself.
    calibrate : bool
        Turn scores into log-likelihood ratios first (`calibrate_linear` on these very pairs);
        False if they already are natural log-likelihood ratios.

    Returns
    -------
    array of float, (speakers, speakers)
        M(i, j) = sigmoid of the mean log-likelihood ratio between segments of speakers i and j,
        0 to 1, speakers in sorted order.

    Raises
    ------
    InputError
        If shapes differ, a score is not finite, rows and columns have different speakers, there are
        fewer than two, or a speaker has no two segments to compare.

    References
    ----------
    Noé et al., "Speech pseudonymisation assessment using voice similarity matrices", 2020.

    Examples
    --------
    >>> llr = [[0, 4, -4, -4], [4, 0, -4, -4], [-4, -4, 0, 4], [-4, -4, 4, 0]]
    >>> voice_similarity_matrix(llr, ["a", "a", "b", "b"], calibrate=False).round(2).tolist()
    [[0.98, 0.02], [0.02, 0.98]]
    """
    values = check_numbers("scores", scores, dimensions=2)
    same_segments = column_speakers is None
    names, rows = _numbered("row_speakers", row_speakers, values.shape[0])
    other_names, columns = _numbered(
        "column_speakers",
        row_speakers if column_speakers is None else column_speakers,
        values.shape[1],
    )
    if len(names) != len(other_names) or (names != other_names).any():
        raise InputError(
            f"row_speakers names {len(names)} speakers, column_speakers {len(other_names)}:"
            " both must name the same"
        )
    if len(names) < 2:
        raise InputError(f"row_speakers names {len(names)} speaker(s): 2 or more are needed")
    used = np.ones(values.shape, bool)
    if same_segments:
        np.fill_diagonal(used, False)
    cell = (rows[:, None] * len(names) + columns)[used]
    pairs = np.bincount(cell, minlength=len(names) ** 2)
    if not pairs.all():
        lonely = names[int(np.flatnonzero(pairs == 0)[0]) // len(names)]
        raise InputError(f"speaker {lonely} has 1 segment: 2 or more are needed to compare")
    llr = values[used]
    if calibrate:
        slope, offset = calibrate_linear(llr, (rows[:, None] == columns)[used])
        llr = slope * llr + offset
    mean = np.bincount(cell, weights=llr, minlength=len(names) ** 2) / pairs
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * mean))).reshape(len(names), len(names))


def g_vd_db(similarity_oo: npt.ArrayLike, similarity_aa: npt.ArrayLike) -> float:
    """Return the gain of voice distinctiveness.

    Parameters
    ----------
    similarity_oo, similarity_aa : array of float, (speakers, speakers)
        `voice_similarity_matrix` among original and among anonymized speech, 0 to 1.

    Returns
    -------
    float
        dB: 0 voices differ as before, below 0 they differ less, ``-inf`` not at all.

    Raises
    ------
    InputError
        If shapes differ, a value is out of range, or the original voices do not differ.

    Notes
    -----
    G_VD = 10 log10(Ddiag(M_aa) / Ddiag(M_oo)), Ddiag = abs(mean diagonal - mean off-diagonal).

    References
    ----------
    Noé et al., "Speech pseudonymisation assessment using voice similarity matrices", 2020.

    Examples
    --------
    >>> round(g_vd_db([[0.9, 0.1], [0.1, 0.9]], [[0.6, 0.4], [0.4, 0.6]]), 2)
    -6.02
    """
    before = _diagonal_dominance("similarity_oo", similarity_oo)
    after = _diagonal_dominance("similarity_aa", similarity_aa)
    if np.shape(similarity_oo) != np.shape(similarity_aa):
        raise InputError(
            f"similarity_oo has shape {np.shape(similarity_oo)}, similarity_aa"
            f" {np.shape(similarity_aa)}: they must agree"
        )
    if before == 0.0:
        raise InputError("similarity_oo has a dominance of 0: original voices must differ")
    return 10.0 * math.log10(after / before) if after else -math.inf


def _diagonal_dominance(name: str, similarity: npt.ArrayLike) -> float:
    matrix = check_numbers(name, similarity, dimensions=2)
    count = len(matrix)
    if matrix.shape != (count, count) or count < 2:
        raise InputError(f"{name} has shape {matrix.shape}: it must be square, 2 speakers or more")
    if matrix.min() < 0.0 or matrix.max() > 1.0:
        raise InputError(f"{name} holds {matrix.min()} to {matrix.max()}: it must be from 0 to 1")
    own = np.eye(count, dtype=bool)
    return abs(float(matrix[own].mean() - matrix[~own].mean()))


def _numbered(
    name: str, speakers: npt.ArrayLike, length: int
) -> tuple[npt.NDArray[np.generic], Integers]:
    """Return the different speakers in order and the number of each entry among them."""
    labels = np.asarray(speakers)
    if labels.shape != (length,):
        raise InputError(f"{name} has shape {labels.shape}: it must be ({length},)")
    names, index = np.unique(labels, return_inverse=True)
    return names, index.reshape(-1).astype(np.int64)
