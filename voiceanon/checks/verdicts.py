"""What a check says: each measure with its limits and a verdict, and one verdict of all."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["CheckReport", "Limit", "Measure", "Verdict", "judged", "overall"]


class Verdict(str, enum.Enum):
    """How a measure came out, best first; what has no limit is told, which is no verdict."""

    TOLD = "told"
    PASS = "pass"  # noqa: S105 (no password)
    NOT_MEASURED = "not measured"
    HOLD = "hold"
    FAIL = "fail"

    def __str__(self) -> str:
        return self.value


_FROM_BEST = tuple(Verdict)


@dataclass(frozen=True)
class Limit:
    """From where on a value is held, and from where it fails.

    Attributes
    ----------
    hold, fail : float or None
        The first values that are held and that fail; None where none does.
    is_floor : bool
        Whether smaller is worse; otherwise larger is.
    """

    hold: float | None
    fail: float | None
    is_floor: bool = False

    def verdict(self, value: float) -> Verdict:
        """Return how a value comes out; one that is no number fails."""
        sign = -1.0 if self.is_floor else 1.0
        for verdict, limit in ((Verdict.FAIL, self.fail), (Verdict.HOLD, self.hold)):
            if limit is not None and not sign * value < sign * limit:
                return verdict
        return Verdict.PASS


@dataclass(frozen=True)
class Measure:
    """One measure of a recording and its output.

    Attributes
    ----------
    name : str
        ``group.what``; the unit is part of the name.
    value : float or None
        None where it could not be measured.
    limit : Limit or None
        None where it is only told.
    verdict : Verdict
        By the limit; ``"told"`` where there is none.
    reason : str
        One sentence.
    judge : str
        Which estimator or recogniser told it; empty where it is arithmetic.
    """

    name: str
    value: float | None
    limit: Limit | None
    verdict: Verdict
    reason: str
    judge: str = ""


@dataclass(frozen=True)
class CheckReport:
    """What `voiceanon.check` found.

    Attributes
    ----------
    verdict : Verdict
        The worst of all that are judged; ``"pass"`` only if each of them was measured.
    measures : tuple of Measure
        All of them, those of one group together.

    Examples
    --------
    >>> limit = Limit(hold=0.5, fail=0.25, is_floor=True)
    >>> measure = judged("words.agreement", 0.4, limit, "40 % of phones agree")
    >>> report = CheckReport(Verdict.HOLD, (measure,))
    >>> report["words.agreement"].value, str(report.verdict)
    (0.4, 'hold')
    """

    verdict: Verdict
    measures: tuple[Measure, ...]

    def __getitem__(self, name: str) -> Measure:
        """Return a measure by name."""
        for measure in self.measures:
            if measure.name == name:
                return measure
        raise KeyError(name)

    @property
    def reason(self) -> str:
        """Why the verdict is what it is, in one line."""
        worst = [m.reason for m in self.measures if m.verdict is self.verdict]
        return (
            "; ".join(dict.fromkeys(worst))
            if self.verdict is not Verdict.PASS
            else "every judged measure passes"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values with stable keys, for JSON."""
        return {
            "verdict": str(self.verdict),
            "reason": self.reason,
            "measures": {
                m.name: {
                    "value": m.value,
                    "limit": None if m.limit is None else asdict(m.limit),
                    "verdict": str(m.verdict),
                    "reason": m.reason,
                    "judge": m.judge,
                }
                for m in self.measures
            },
        }


def judged(
    name: str,
    value: float | None,
    limit: Limit | None,
    said: str,
    *,
    missing: str = "",
    judge: str = "",
) -> Measure:
    """Return a measure with its verdict.

    Parameters
    ----------
    name : str
        Of the measure.
    value : float or None
        None where it could not be measured.
    limit : Limit or None
        None where it is only told, measured or not; it then counts for nothing.
    said : str
        The reason, with ``{}`` for the value.
    missing : str
        The reason where there is no value.
    judge : str
        Who told it.
    """
    if limit is None:
        verdict = Verdict.TOLD
    else:
        verdict = Verdict.NOT_MEASURED if value is None else limit.verdict(value)
    return Measure(
        name, value, limit, verdict, missing if value is None else said.format(value), judge
    )


def overall(measures: Iterable[Measure]) -> Verdict:
    """Return the worst verdict; where nothing was judged, that nothing was measured."""
    found = [m.verdict for m in measures if m.verdict is not Verdict.TOLD]
    return max(found, key=_FROM_BEST.index) if found else Verdict.NOT_MEASURED
