"""What descriptions must not fall below before they count as a form of storage without voices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["judged"]

# What is judged, its floor, its goal (None where there is none), its unit; more is better or not.
_FLOORS: tuple[tuple[str, float, float | None, str, bool], ...] = (
    ("EER, single descriptions", 28.0, None, "%", True),
    ("EER, all descriptions pooled", 18.0, None, "%", True),
    ("EER, measures alone, pooled", 40.0, None, "%", True),
    ("inversion, better than a pseudo-voice by", 10.0, 2.0, "%", False),
    ("sex told, balanced accuracy", 0.75, None, "", False),
)


def judged(measured: Mapping[str, list[float] | None]) -> list[dict[str, Any]]:
    """Return each floor beside what was measured.

    Parameters
    ----------
    measured : mapping of str to (value, low, high), or None
        By the name of the floor; what is absent or None was not measured.

    Returns
    -------
    list of dict
        ``what``, ``measured``, ``floor``, ``goal``, ``unit``, ``at_least`` (whether more is
        better) and ``meets``, which is None where nothing was measured: that is no pass.
    """
    rows = []
    for what, floor, goal, unit, at_least in _FLOORS:
        figure = measured.get(what)
        meets = None
        if figure is not None:
            meets = figure[0] >= floor if at_least else figure[0] <= floor
        rows.append(
            {
                "what": what,
                "measured": figure,
                "floor": floor,
                "goal": goal,
                "unit": unit,
                "at_least": at_least,
                "meets": meets,
            }
        )
    return rows
