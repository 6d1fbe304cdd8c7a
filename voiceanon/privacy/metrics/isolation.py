"""Singling out: how often a rule made from one speaker's voice picks exactly one person."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError
from voiceanon.keys import Draws
from voiceanon.privacy.drawing import permutation
from voiceanon.privacy.metrics.trials import check_numbers, check_whole, check_whole_numbers

__all__ = ["CHANCE_OF_SINGLING_OUT", "singling_out"]

CHANCE_OF_SINGLING_OUT = float(np.exp(-1.0))
"""What a rule that fires on one of N people at random reaches as N grows, about 0.37."""


def singling_out(
    scores: npt.ArrayLike,
    right: npt.ArrayLike,
    calibration: npt.ArrayLike,
    calibration_speakers: npt.ArrayLike,
    among: int,
    draws: Draws,
    rounds: int = 5,
) -> float:
    """Return the probability that an attacker isolates exactly one person in a group.

    Parameters
    ----------
    scores : array of float, (enrolments, speakers)
        Each attacker's enrolled voice against one conversation of each speaker.
    right : array of int, (enrolments,)
        The column of each enrolment's own speaker.
    calibration : array of float, (enrolments, conversations)
        The enrolled voices against further conversations, from which the threshold is set.
    calibration_speakers : array of int, (conversations,)
        The column of `scores` that each further conversation belongs to.
    among : int
        People in a group N, own speaker included, 2 to speakers.
    draws : Draws
        Where the groups come from; nothing is drawn if `among` is everybody.
    rounds : int
        Groups drawn for each enrolment, 1 or more.

    Returns
    -------
    float
        0 to 1; a rule that fires at random reaches about `CHANCE_OF_SINGLING_OUT`.

    Raises
    ------
    InputError
        If shapes differ, a score is not finite, an index or `among` is out of range, or a speaker
        has too few further conversations to set a threshold.

    Notes
    -----
    π_sing of Vauquier et al., "Legally validated evaluation framework for voice anonymization",
    2025. Each group sets its own threshold: halfway between the M-th and the next highest of its
    calibration scores, M the number of further conversations of the own speaker, so that the rule
    is expected to fire on one of N. It isolates if exactly one score of the group is above.

    Examples
    --------
    >>> scores, right = np.eye(3), [0, 1, 2]  # everybody is nearest to themselves
    >>> singling_out(scores, right, np.eye(3), [0, 1, 2], among=3, draws=Draws(bytes(32)))
    1.0
    """
    tested = check_numbers("scores", scores, dimensions=2)
    further = check_numbers("calibration", calibration, dimensions=2)
    enrolments, speakers = tested.shape
    if enrolments < 1 or len(further) != enrolments:
        raise InputError(
            f"scores has {enrolments} rows, calibration {len(further)}: they must agree, 1 or more"
        )
    own = check_whole_numbers("right", right, enrolments, below=speakers)
    owner = check_whole_numbers(
        "calibration_speakers", calibration_speakers, further.shape[1], below=speakers
    )
    check_whole("among", among, 2, speakers)
    check_whole("rounds", rounds, 1)

    isolated = total = 0
    for row, column in enumerate(own.tolist()):
        others = np.delete(np.arange(speakers), column)
        expected = int((owner == column).sum())
        for _ in range(rounds if among < speakers else 1):
            drawn = others
            if among < speakers:
                drawn = others[permutation(draws, speakers - 1)[: among - 1]]
            group = np.append(drawn, column)
            known = further[row, np.isin(owner, group)]
            if expected < 1 or len(known) <= expected:
                raise InputError(
                    f"speaker {column} has {expected} further conversations, the group"
                    f" {len(known)}: a threshold needs 1 or more, and some of others"
                )
            top = np.partition(known, -expected - 1)[-expected - 1 :]
            top.sort()
            isolated += int((tested[row, group] > 0.5 * (top[0] + top[1])).sum() == 1)
            total += 1
    return isolated / total
