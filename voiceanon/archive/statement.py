"""What a run comes to: totals that add up, why recordings were held, and what is odd."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from heapq import nlargest
from typing import Any

from voiceanon.archive.ledger import Ledger
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.packing import is_packed
from voiceanon.archive.run_folder import RunFolder
from voiceanon.archive.s3.urls import is_url
from voiceanon.version import __version__

__all__ = ["Totals", "totals_of"]

_MOST_REASONS = 20
_SLOWEST = 10
_NUMBER = re.compile(r"(?<![A-Za-z])\d+(?:\.\d+)?")


@dataclass
class Totals:
    """The figures of a run.

    Attributes
    ----------
    inputs : int
        Files that were found; done + held + failed + empty + skipped + undecided are as many.
    states : dict
        How many are what; ``"skipped"`` were left out when the run was planned, ``"undecided"`` are
        still to be done.
    salvaged : int
        How many of those done are damaged recordings, as far as they could be decoded.
    audio_s, work_s : float
        Seconds of recordings that are done, and seconds of work on all.
    outputs, output_bytes : int
        Files delivered, and their size.
    checks : dict
        How many outputs came out how.
    redraws : int
        Further voices drawn.
    reasons : dict
        Why recordings were held, failed or salvaged, the most frequent first; numbers in them are
        ``#``.
    slowest : list
        Ids and seconds of work for a second of audio, of the ten slowest.
    again : int
        Recordings that were begun more than once.
    waiting : int or None
        Recordings that are done and wait for the others of their tar file; None in a run without
        tar files.
    allowed_unchecked : list or None
        Checks of the destination that were allowed to be left undone; None for a folder.
    """

    inputs: int = 0
    states: dict[str, int] = field(default_factory=dict)
    salvaged: int = 0
    audio_s: float = 0.0
    work_s: float = 0.0
    outputs: int = 0
    output_bytes: int = 0
    checks: dict[str, int] = field(default_factory=dict)
    redraws: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    slowest: list[tuple[str, float]] = field(default_factory=list)
    again: int = 0
    waiting: int | None = None
    allowed_unchecked: list[str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        for name in ("waiting", "allowed_unchecked"):
            if plain[name] is None:
                del plain[name]
        return {"version": __version__, **plain}


def totals_of(folder: RunFolder) -> Totals:
    """Return the figures of a run, whichever shards were begun.

    Raises
    ------
    InputError
        If there is no such run, or its manifest is gone or damaged.
    SecretError
        If it is finished: its statement lies beside the outputs.
    LedgerError
        If a ledger is damaged: the next run makes it again.
    """
    made = Totals()
    states: Counter[str] = Counter(dict.fromkeys(("done", "held", "failed", "empty"), 0))
    reasons: Counter[str] = Counter()
    checks: Counter[str] = Counter()
    paces: list[tuple[float, str]] = []
    settings = folder.settings()
    name = settings.run
    if is_url(settings.destination):
        made.allowed_unchecked = settings.allow_unchecked
    folder.key()
    with Manifest.open(folder.manifest) as manifest:
        if manifest.has_tars:
            made.waiting = 0
        for _, path in folder.ledgers():
            with Ledger(path, name) as ledger:
                for row in ledger:
                    if row.state == "working":
                        continue
                    states[row.state] += 1
                    made.work_s += row.elapsed_s
                    made.again += row.attempts > 1
                    made.redraws += row.redraws
                    if row.state == "done":
                        made.audio_s += row.duration_s
                        made.outputs += len(row.outputs)
                        made.output_bytes += sum(output.bytes for output in row.outputs)
                        checks[row.verdict] += 1
                        if made.waiting is not None and not is_packed(row):
                            made.waiting += manifest.get(row.id).packed is not None
                        pace = (row.elapsed_s / max(row.duration_s, 1.0), row.id)
                        paces = nlargest(_SLOWEST, [*paces, pace])
                        made.salvaged += row.is_salvaged
                    if row.state in ("held", "failed") or row.is_salvaged:
                        reasons[f"{row.state}: {_NUMBER.sub('#', row.reason)}"] += 1
        left_out = Counter(one.status for one in manifest.left_out())
        states["failed"] += left_out.pop("failed", 0)
        states["skipped"] = sum(left_out.values())
        made.inputs = len(manifest) + sum(1 for _ in manifest.left_out())
    states["undecided"] = made.inputs - sum(states.values())
    made.states, made.checks = dict(states), dict(checks)
    made.reasons = dict(reasons.most_common(_MOST_REASONS))
    made.audio_s, made.work_s = round(made.audio_s, 3), round(made.work_s, 3)
    made.slowest = [(key, round(pace, 3)) for pace, key in paces]
    return made
