"""Moves a run from the shards it was begun in to others: each row into its new ledger."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from voiceanon.archive.ledger import Ledger
from voiceanon.archive.run_folder import RunFolder, Shard

__all__ = ["bring_together"]


def bring_together(
    folder: RunFolder, ledger: Ledger, count: int, run: str, part: Callable[[str, int], int]
) -> None:
    """Copy the rows of a ledger into those of another split; nobody else may be at work.

    It can be stopped at any point and done again: the old ledger is removed afterwards.

    Parameters
    ----------
    folder : RunFolder
        Of the run.
    ledger : Ledger
        Of the old split.
    count : int
        How many shards the new one has.
    run : str
        Name of the run.
    part : callable
        Given an id and `count`, the number of its shard.
    """
    with ExitStack() as opened:
        made: dict[int, Ledger] = {}
        for row in ledger:
            number = part(row.id, count)
            if number not in made:
                path = folder.ledger(Shard(number, count))
                made[number] = opened.enter_context(Ledger(path, run))
            made[number].put(row)
