"""Parts that every section of a report is made of: tables that scroll by themselves, folds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from voiceanon.report.markup import Html, Node, tag

__all__ = ["data_table", "foldable", "name_of", "scrolling", "section", "titled"]


def name_of(text: str) -> Html:
    """A name out of the data; its writing direction stays its own."""
    return tag("bdi", text)


def section(anchor: str, title: str, *content: Node) -> Html:
    """A section of the page under a heading of the second level."""
    heading = tag("h2", title, id=f"{anchor}-title")
    return tag("section", heading, *content, id=anchor, aria_labelledby=f"{anchor}-title")


def foldable(summary: str, *content: Node) -> Html:
    """Content that is closed until it is asked for; printed in any case."""
    return tag("details", tag("summary", summary), *content)


def scrolling(label: str, table: Html) -> Html:
    """A table that scrolls by itself where the page is too narrow, also by keyboard."""
    return tag("div", table, class_="scroll", role="region", aria_label=label, tabindex=0)


def titled(*caption: Node, is_seen: bool = True) -> Html:
    """The caption of a table; it stays in view while a wide table scrolls."""
    return tag("caption", tag("span", *caption), class_=None if is_seen else "unseen")


def data_table(caption: str, columns: Sequence[Node], rows: Iterable[Sequence[Node]]) -> Html:
    """A table whose first column names its rows.

    Parameters
    ----------
    caption : str
        What it shows.
    columns : sequence
        Headings.
    rows : iterable of sequences
        Cells, as many as columns. What is a plain text is a figure and keeps to one line; names
        and prose are markup (`name_of`) and may be broken.

    Returns
    -------
    Html
        The table in a container that scrolls.
    """
    head = tag("thead", tag("tr", [tag("th", column, scope="col") for column in columns]))
    body = tag(
        "tbody",
        [
            tag("tr", tag("th", row[0], scope="row"), [_cell(cell) for cell in row[1:]])
            for row in rows
        ],
    )
    return scrolling(caption, tag("table", titled(caption), head, body))


def _cell(content: Node) -> Html:
    is_figure = isinstance(content, str) and not isinstance(content, Html)
    return tag("td", content, class_="one-line" if is_figure else None)
