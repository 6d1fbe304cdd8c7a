"""The attackers that come with the package, and those that other packages register."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points

from voiceanon.errors import InputError
from voiceanon.privacy.attack import Attacker
from voiceanon.privacy.attackers.cloning import Cloning
from voiceanon.privacy.attackers.finetuned import FineTuned
from voiceanon.privacy.attackers.ignorant import Ignorant
from voiceanon.privacy.attackers.joined import Joined
from voiceanon.privacy.attackers.lazy_informed import LazyInformed
from voiceanon.privacy.attackers.restoration import Restoration
from voiceanon.privacy.attackers.rhythm import Rhythm
from voiceanon.privacy.attackers.semi_informed import SemiInformed
from voiceanon.privacy.attackers.statistics import Statistics
from voiceanon.privacy.attackers.waveform import Waveform

__all__ = ["ENTRY_POINTS", "all_attackers", "chosen_attackers"]

# A package adds an attacker by an entry point of this group: a class that takes no arguments.
ENTRY_POINTS = "voiceanon.attackers"
_TRAINED = ("semi-informed", "fine-tuned", "statistics", "rhythm")
# They need torch or minutes of synthesis.
_HEAVY = ("fine-tuned", "cloning")


def all_attackers() -> dict[str, Attacker]:
    """Return every attacker by name, weakest first; the one that joins others comes last."""
    found: list[Attacker] = [Ignorant(), LazyInformed()]
    found += [SemiInformed(), FineTuned(), Statistics(), Rhythm()]
    found += [Waveform(), Restoration(), Cloning()]
    for point in entry_points(group=ENTRY_POINTS):
        found.append(point.load()())
    found.append(Joined([attacker for attacker in found if attacker.name in _TRAINED]))
    return {attacker.name: attacker for attacker in found}


def chosen_attackers(names: Sequence[str] | None, *, light: bool) -> list[Attacker]:
    """Return the attackers asked for, in the order of `all_attackers`.

    Parameters
    ----------
    names : sequence of str, optional
        By name; None for all.
    light : bool
        Whether to leave out, of all, those that need torch or minutes.

    Raises
    ------
    InputError
        If there is no such attacker.
    """
    known = all_attackers()
    if names is None:
        names = [name for name in known if not (light and name in _HEAVY)]
    for name in names:
        if name not in known:
            raise InputError(f"attacker is {name!r}: it must be one of {', '.join(known)}")
    found = [attacker for name, attacker in known.items() if name in names]
    if Joined.name in names:
        # What was not asked for is not added up either.
        found[-1] = Joined([attacker for attacker in found if attacker.name in _TRAINED])
    return found
