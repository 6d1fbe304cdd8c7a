"""Turns figures, poolings and attackers into the words that stand in reports and statements."""

from __future__ import annotations

from voiceanon.report.measured import Figure

__all__ = [
    "NOT_MEASURED",
    "interval_words",
    "number_words",
    "percent_words",
    "plain_percent",
    "pooling_label",
    "pooling_words",
    "rate_words",
    "with_interval",
]

NOT_MEASURED = "not measured"
_NO_BREAK = "\N{NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"


def plain_percent(value: float | None, decimals: int = 1) -> str:
    """A percentage that no line end tears apart."""
    return NOT_MEASURED if value is None else f"{number_words(value, decimals)}{_NO_BREAK}%"


def number_words(value: float | None, decimals: int = 1) -> str:
    """A number with a true minus sign, or that it was not measured.

    Examples
    --------
    >>> number_words(-0.04, 2), number_words(None)
    ('−0.04', 'not measured')
    """
    if value is None:
        return NOT_MEASURED
    shown = f"{value:.{decimals}f}"
    if not shown.strip("-0."):
        shown = shown.lstrip("-")  # there is no minus zero
    return shown.replace("-", _MINUS)


def interval_words(figure: Figure | None, decimals: int = 1) -> str:
    """The 95 % interval alone, or nothing where there is none.

    Examples
    --------
    >>> interval_words(Figure(3.0, 2.0, 4.25))
    '2.0–4.2'
    """
    if figure is None or figure.low is None or figure.high is None:
        return ""
    low, high = number_words(figure.low, decimals), number_words(figure.high, decimals)
    # With a minus sign, a dash would be read as another one.
    return f"{low} to {high}" if _MINUS in low + high else f"{low}–{high}"


def with_interval(figure: Figure | None, decimals: int = 1, unit: str = "") -> str:
    """A figure, its unit, and its interval in brackets.

    Examples
    --------
    >>> with_interval(Figure(0.93, 0.9, 0.96), 2)
    '0.93 (0.90–0.96)'
    """
    if figure is None:
        return NOT_MEASURED
    interval = interval_words(figure, decimals)
    shown = f"{number_words(figure.value, decimals)}{unit}"
    return f"{shown} ({interval})" if interval else shown


def percent_words(figure: Figure | None, decimals: int = 1) -> str:
    """A percentage with its interval in brackets."""
    return with_interval(figure, decimals, f"{_NO_BREAK}%")


def rate_words(share: float | None) -> str:
    """A probability as so many of 100.

    Examples
    --------
    >>> rate_words(0.474)
    '47 of 100'
    """
    return NOT_MEASURED if share is None else f"{100 * share:.0f} of 100"


def pooling_label(pooling: str) -> str:
    """The short name of a pooling: known recordings, then unknown ones.

    Examples
    --------
    >>> pooling_label("all-1")
    'all : 1'
    """
    known, dash, unknown = pooling.partition("-")
    return f"{known} : {unknown}" if dash else pooling


def pooling_words(pooling: str) -> str:
    """What a pooling gives the attacker, in plain words.

    Examples
    --------
    >>> pooling_words("all-1")
    'all known recordings of a person against one unknown recording'
    """
    known, dash, unknown = pooling.partition("-")
    if not dash:
        return pooling
    of_known = {"1": "one known recording", "all": "all known recordings"}
    of_unknown = {"1": "one unknown recording", "all": "all unknown recordings"}
    first = of_known.get(known, f"{known} known recordings")
    second = of_unknown.get(unknown, f"{unknown} unknown recordings")
    return f"{first} of a person against {second}"
