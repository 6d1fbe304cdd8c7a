"""How the manual's pictures look: type, ink, colours for every kind of colour vision."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Okabe & Ito 2008: they differ in lightness too.
OURS, RIVAL, REFERENCE = "#D55E00", "#0072B2", "#6B6B6B"
INK, FAINT, PAPER = "#1F1F1F", "#8A8A8A", "#FFFFFF"
# Narrow, so that type stays readable where a page is as wide as a phone.
WIDTH_IN = 5.2

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.facecolor": PAPER,
    "svg.hashsalt": "voiceanon",  # names of clip paths: the same bytes every time
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in this style, without a display."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def save(figure: Any, path: Path, drawn: Any, **how: Any) -> None:
    """Write a figure with the numbers that it draws, as JSON; no time and no program's name."""
    told = {"Description": json.dumps(drawn)}
    told |= {"Software": None} if path.suffix == ".png" else {"Date": None, "Creator": None}
    figure.savefig(path, metadata=told, **how)


def numbers_of(path: Path) -> Any:
    """Return the numbers that a picture was drawn from, as `save` put them there."""
    if path.suffix == ".png":
        from PIL import Image

        with Image.open(path) as picture:
            return json.loads(picture.info["Description"])
    from html import unescape

    text = path.read_text(encoding="utf-8")
    return json.loads(unescape(re.search(r"<dc:description[^>]*>(.*?)</dc:description>", text)[1]))
