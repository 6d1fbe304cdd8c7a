"""The whole of a page that stands alone: it loads nothing and runs nothing but its own script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from voiceanon.report.evaluation_style import STYLE
from voiceanon.report.markup import Html, Node, tag
from voiceanon.report.page_parts import section

__all__ = ["whole_page"]


def whole_page(
    title: str,
    heading: Node,
    sections: Sequence[tuple[str, str, Node]],
    footer: str,
    *,
    style: str = STYLE,
    script: str = "",
) -> str:
    """Return a page of sections, with links to them.

    Parameters
    ----------
    title : str
        Of the window.
    heading : Node
        What stands above.
    sections : sequence of (str, str, Node)
        Anchor, title and content of each.
    footer : str
        What stands below.
    style, script : str
        From the program and never from data. A script runs before the page is read.
    """
    # The hashes of style and script are allowed and nothing else, so that markup in a name could
    # do no harm even if it got through the escaping.
    scripts = f"script-src {_hashed(script)}; " if script else ""
    policy = (
        f"default-src 'none'; style-src {_hashed(style)}; {scripts}img-src data:; "
        "media-src data:; base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("meta", name_="referrer", content="no-referrer"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Html(style)),
        tag("script", Html(script)) if script else None,
    )
    links = [tag("li", tag("a", name, href=f"#{anchor}")) for anchor, name, _ in sections]
    body = tag(
        "body",
        tag("a", f"Skip to {sections[0][1].lower()}", href=f"#{sections[0][0]}", class_="skip"),
        tag("header", heading),
        tag("nav", tag("ul", links), aria_label="Sections"),
        tag("main", [section(*parts) for parts in sections]),
        tag("footer", tag("p", footer)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _hashed(text: str) -> str:
    """What names a style or a script in a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
