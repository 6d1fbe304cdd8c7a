"""HTML and SVG as nested calls that escape every text, so that no name in a corpus becomes code."""

from __future__ import annotations

import html
from collections.abc import Iterable

__all__ = ["Html", "Node", "clean", "join", "tag"]

_VOID = {"br", "col", "hr", "img", "input", "link", "meta"}
# Characters that HTML does not allow or that turn the direction of everything after them.
_TURNING = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_REPLACED = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in (*range(0x20), *range(0x7F, 0xA0), 0xFFFE, 0xFFFF, *_TURNING)
    if chr(code) not in "\t\n\r"
}


class Html(str):
    """Text that is markup already; everything else is escaped before it stands in a page."""

    __slots__ = ()


Node = str | int | Iterable["Node"] | None


def clean(text: object) -> str:
    r"""Text without characters that no page may hold: controls, halves of pairs, turning marks.

    Parameters
    ----------
    text : object
        Anything; what is no text is shown as `str` shows it.

    Returns
    -------
    str
        Text that UTF-8 can hold, on which a writing direction cannot leak out.

    Examples
    --------
    >>> clean("a\x00b")
    'a�b'
    """
    plain = str(text).translate(_REPLACED)
    return plain.encode("utf-8", "replace").decode("utf-8")


def join(*nodes: Node) -> Html:
    """Nodes one after the other: markup stays, text is escaped, None is nothing.

    Parameters
    ----------
    *nodes : Html, str, int, iterable of these, or None
        What follows one another.

    Returns
    -------
    Html
        Their markup.

    Examples
    --------
    >>> join("a < b", None, [Html("<br>"), 3])
    'a &lt; b<br>3'
    """
    parts = []
    for node in nodes:
        if node is None:
            continue
        if isinstance(node, Html):
            parts.append(str(node))
        elif isinstance(node, (str, int)):
            parts.append(html.escape(clean(node), quote=True))
        else:
            parts.append(str(join(*node)))
    return Html("".join(parts))


def tag(name: str, /, *children: Node, **attributes: str | float | bool | None) -> Html:
    """One element.

    Parameters
    ----------
    name : str
        Its name, from the program and never from data.
    *children : Html, str, int, iterable of these, or None
        What stands inside; text is escaped.
    **attributes : str, float, bool or None
        ``class_`` means ``class`` and ``aria_label`` means ``aria-label``; True is an attribute
        without a value; None and False leave it out. Values are escaped.

    Returns
    -------
    Html
        The element.

    Examples
    --------
    >>> tag("a", "<b>", href='"', class_="x")
    '<a href="&quot;" class="x">&lt;b&gt;</a>'
    """
    written = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        shown = key.rstrip("_").replace("_", "-")
        if value is True:
            written += f" {shown}"
        else:
            as_text = f"{value:.6g}" if isinstance(value, float) else clean(value)
            written += f' {shown}="{html.escape(as_text, quote=True)}"'
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")
