"""Draws small plots as SVG that a screen reader, a printer and a phone can read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

from voiceanon.report.markup import Html, Node, clean, join, tag

__all__ = ["Axis", "Plot", "legend", "series_style", "swatch"]

_WIDTH, _HEIGHT = 400.0, 330.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 10.0, 10.0, 46.0
# Names stand in the plot on wide screens only, where its text is this large in its own units.
_LETTER_WIDTH = 5.6
_LINE_HEIGHT = 11.0
_LONGEST_LABEL = 24
# Lines differ by dashes and points by shape as well, because colours are not seen by everybody.
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2 1 2 1 2")
_COLOURS = 7
_SHAPES = (
    "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z",
    "M-4.6 -4.6H4.6V4.6H-4.6Z",
    "M0 -5.8L5.6 4.4H-5.6Z",
    "M0 -6.4L6.4 0L0 6.4L-6.4 0Z",
    "M-5.4 -2.6L-2.6 -5.4L0 -2.8L2.6 -5.4L5.4 -2.6L2.8 0L5.4 2.6L2.6 5.4L0 2.8L-2.6 5.4L-5.4 2.6"
    "L-2.8 0Z",
    "M0 5.8L5.6 -4.4H-5.6Z",
    "M-1.9 -5.8H1.9V-1.9H5.8V1.9H1.9V5.8H-1.9V1.9H-5.8V-1.9H-1.9Z",
)


@dataclass(frozen=True)
class Axis:
    """One direction of a plot.

    Attributes
    ----------
    label : str
        What it shows, with the unit.
    low, high : float
        Its ends.
    ticks : sequence of (float, str)
        Where a grid line stands, and what is written there.
    kind : str
        ``"linear"``, ``"log"`` or ``"probit"`` (of a probability: Gaussian scores make straight
        lines, Martin 1997).
    """

    label: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    kind: str = "linear"

    def place(self, value: float) -> float:
        """Where a value stands, 0 at the low end and 1 at the high one; outside beyond them.

        Examples
        --------
        >>> Axis("", 0.1, 0.9, (), "probit").place(0.5)
        0.5
        """
        low, high, at = (self._warp(v) for v in (self.low, self.high, value))
        return (at - low) / (high - low)

    def _warp(self, value: float) -> float:
        if self.kind == "log":
            return math.log(max(value, 1e-9))
        if self.kind == "probit":
            return NormalDist().inv_cdf(min(1 - 1e-6, max(1e-6, value)))
        return value


@dataclass
class Plot:
    """A drawing that grows by lines and points; ask for `svg` in the end.

    Attributes
    ----------
    x, y : Axis
        Across and upwards.
    title, description : str
        What it shows, for those who do not see it.
    """

    x: Axis
    y: Axis
    title: str
    description: str
    _clipped: list[Html] = field(default_factory=list)
    _above: list[Html] = field(default_factory=list)
    _taken: list[tuple[float, float, float, float]] = field(default_factory=list)
    _labels: list[tuple[float, float, str, str]] = field(default_factory=list)

    def line(self, points: Iterable[tuple[float, float]], series: int | None) -> None:
        """Draw a line through points; `series` None is a thin helping line."""
        places = [self._at(x, y) for x, y in points]
        if len(places) < 2:
            return
        path = "M" + "L".join(f"{x - _LEFT:.1f} {y - _TOP:.1f}" for x, y in places)
        style = "helping" if series is None else f"line {series_style(series)}"
        dash = "4 4" if series is None else _DASHES[series % len(_DASHES)]
        self._clipped.append(tag("path", d=path, class_=style, stroke_dasharray=dash or None))

    def point(
        self,
        x: float,
        y: float,
        series: int,
        *,
        x_interval: tuple[float, float] | None = None,
        y_interval: tuple[float, float] | None = None,
        label: str = "",
    ) -> None:
        """Draw a measured point with its intervals and, where there is room, its name."""
        at_x, at_y = self._at(x, y)
        colour = series_style(series)
        for ends in ([(v, y) for v in x_interval or ()], [(x, v) for v in y_interval or ()]):
            self._whisker([self._at(*end) for end in ends], colour)
        shape = _SHAPES[series % len(_SHAPES)]
        self._above.append(
            tag(
                "path",
                d=shape,
                class_=f"mark {colour}",
                transform=f"translate({at_x:.1f} {at_y:.1f})",
            )
        )
        self._taken.append((at_x - 7, at_y - 7, at_x + 7, at_y + 7))
        if label:
            self._labels.append((at_x, at_y, label, "name"))

    def faint_point(self, x: float, y: float, letter: str) -> None:
        """Draw a small open circle with a letter: somebody else's figure."""
        at_x, at_y = self._at(x, y)
        self._above.insert(0, tag("circle", cx=at_x, cy=at_y, r=3.0, class_="faint"))
        self._taken.append((at_x - 4, at_y - 4, at_x + 4, at_y + 4))
        self._labels.append((at_x, at_y, letter, "faint-name"))

    def dot(self, x: float, y: float) -> None:
        """Draw one of many points, too many for names."""
        at_x, at_y = self._at(x, y)
        self._clipped.append(
            tag("circle", cx=at_x - _LEFT, cy=at_y - _TOP, r=2.5, class_=f"mark {series_style(0)}")
        )

    def faint_fall(self, x: float, high: float, low: float) -> None:
        """Draw the way from an older figure down to a later one."""
        (at_x, top), (_, bottom) = self._at(x, high), self._at(x, low)
        path = f"M{at_x - _LEFT:.1f} {top - _TOP + 3:.1f}V{bottom - _TOP - 3:.1f}"
        self._clipped.append(tag("path", d=path, class_="fall"))

    def note(self, x: float, y: float, words: str) -> None:
        """Write words beside a helping line; `x` and `y` are values."""
        at_x, at_y = self._at(x, y)
        self._above.append(tag("text", words, x=at_x, y=at_y, class_="note"))

    def svg(self) -> Html:
        """The drawing as one element with a title and a description."""
        width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        area = tag("svg", self._clipped, x=_LEFT, y=_TOP, width=width, height=height)
        return tag(
            "svg",
            tag("title", self.title),
            tag("desc", self.description),
            self._frame(width, height),
            area,
            self._above,
            self._placed_labels(),
            viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
            role="img",
            class_="plot",
            focusable="false",
        )

    def _at(self, x: float, y: float) -> tuple[float, float]:
        across = _LEFT + self.x.place(x) * (_WIDTH - _LEFT - _RIGHT)
        down = _TOP + (1 - self.y.place(y)) * (_HEIGHT - _TOP - _BOTTOM)
        return across, down

    def _whisker(self, ends: list[tuple[float, float]], colour: str) -> None:
        if len(ends) == 2:
            path = "M" + "L".join(f"{x - _LEFT:.1f} {y - _TOP:.1f}" for x, y in ends)
            self._clipped.append(tag("path", d=path, class_=f"whisker {colour}"))
            (left, top), (right, bottom) = sorted(ends)
            upper, lower = min(top, bottom), max(top, bottom)
            self._taken.append((left, upper - 2, right, lower + 2))

    def _frame(self, width: float, height: float) -> Html:
        parts: list[Node] = []
        bottom, right = _TOP + height, _LEFT + width
        for value, words in self.x.ticks:
            x = self._at(value, self.y.low)[0]
            parts.append(tag("path", d=f"M{x:.1f} {_TOP}V{bottom:.1f}", class_="grid"))
            parts.append(
                tag("text", words, x=x, y=bottom + 15, text_anchor="middle", class_="tick")
            )
        for value, words in self.y.ticks:
            y = self._at(self.x.low, value)[1]
            parts.append(tag("path", d=f"M{_LEFT} {y:.1f}H{right:.1f}", class_="grid"))
            parts.append(tag("text", words, x=_LEFT - 6, y=y + 4, text_anchor="end", class_="tick"))
        middle = _TOP + height / 2
        parts.append(
            tag(
                "text",
                self.x.label,
                x=_LEFT + width / 2,
                y=_HEIGHT - 8,
                text_anchor="middle",
                class_="axis",
            )
        )
        parts.append(
            tag(
                "text",
                self.y.label,
                x=12.0,
                y=middle,
                text_anchor="middle",
                class_="axis",
                transform=f"rotate(-90 12 {middle:.1f})",
            )
        )
        return join(parts)

    def _placed_labels(self) -> Html:
        """Names where they cover nothing else, tried around their points; the first is best."""
        written = []
        for x, y, label, style in self._labels:
            words = clean(label)
            if len(words) > _LONGEST_LABEL:
                words = f"{words[: _LONGEST_LABEL - 1]}…"
            size = len(words) * _LETTER_WIDTH if style == "name" else 8.0
            gap = 9.0 if style == "name" else 5.0
            candidates = (
                [
                    (x + gap + dx, x + gap + dx + size, y + dy, "start")
                    for dx, dy in ((0.0, 4.0), (0.0, -7.0), (0.0, 15.0))
                ]
                + [(x - gap - size, x - gap, y + dy, "end") for dy in (4.0, -7.0, 15.0)]
                + [(x - size / 2, x + size / 2, y + dy, "middle") for dy in (-11.0, 20.0)]
            )
            boxes = [(a, b - _LINE_HEIGHT + 3, c, b + 3) for a, c, b, _ in candidates]
            best = min(range(len(boxes)), key=lambda i: (self._cost(boxes[i]), i))
            left, right, at_y, anchor = candidates[best]
            at_x = {"start": left, "end": right, "middle": (left + right) / 2}[anchor]
            self._taken.append(boxes[best])
            written.append(tag("text", words, x=at_x, y=at_y, text_anchor=anchor, class_=style))
        return join(written)

    def _cost(self, box: tuple[float, float, float, float]) -> float:
        left, top, right, bottom = box
        outside = max(0.0, _LEFT - left) + max(0.0, right - _WIDTH + 2)
        outside += max(0.0, _TOP - top) + max(0.0, bottom - _HEIGHT + _BOTTOM)
        covered = sum(
            max(0.0, min(right, r) - max(left, a)) * max(0.0, min(bottom, b) - max(top, t))
            for a, t, r, b in self._taken
        )
        return covered + 40 * outside


def series_style(series: int) -> str:
    """The class that gives a series its colour."""
    return f"s{series % _COLOURS}"


def swatch(series: int, *, with_line: bool = True) -> Html:
    """A sample of a series' line and point, for a legend; hidden from screen readers."""
    colour = series_style(series)
    parts = []
    if with_line:
        dash = _DASHES[series % len(_DASHES)] or None
        parts.append(tag("path", d="M1 8H35", class_=f"line {colour}", stroke_dasharray=dash))
    shape = _SHAPES[series % len(_SHAPES)]
    parts.append(tag("path", d=shape, class_=f"mark {colour}", transform="translate(18 8)"))
    return tag(
        "svg", parts, viewBox="0 0 36 16", class_="swatch", aria_hidden="true", focusable="false"
    )


def legend(entries: Iterable[tuple[int, Node]], *, with_line: bool = True) -> Html:
    """A list that says which line is which."""
    items = [
        tag("li", swatch(series, with_line=with_line), tag("span", words))
        for series, words in entries
    ]
    return tag("ul", items, class_="legend")
