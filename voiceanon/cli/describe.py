"""`voiceanon describe`: what a stored description holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voiceanon.cli.options import Key
from voiceanon.cli.terminal import note, print_json, printable, results
from voiceanon.errors import InputError, VoiceanonError

if TYPE_CHECKING:
    from voiceanon.abstraction import Abstraction
    from voiceanon.measures import Measures

__all__ = ["describe"]


def describe(
    path: Annotated[Path, typer.Argument(metavar="DESCRIPTION", help="A .voa file.")],
    *,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Draw units, level and pitch of its first 15 s."),
    ] = None,
    key: Key = None,
    json_line: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show what is inside a description: its size, what made it, and its assessment measures.

    For example:

    ```
    voiceanon describe interview.voa
    voiceanon describe interview.voa --plot interview.png
    ```

    The plot needs `pip install 'voiceanon[report]'`.
    """
    from voiceanon.abstraction import Abstraction
    from voiceanon.container.key_sources import read_key
    from voiceanon.storage.loading import load

    try:
        held = load(path, key=None if key is None else read_key(key))
    except VoiceanonError as error:
        raise type(error)(f"{path}: {error}") from error
    facts = _content(held, path) if isinstance(held, Abstraction) else _measures(held)
    facts = {"path": str(path), "bytes": path.stat().st_size, **facts}
    if json_line:
        print_json(facts)
    else:
        _show(facts)
    if plot is not None:
        if not isinstance(held, Abstraction):
            raise InputError(f"{path} holds measures alone: there is nothing to draw")
        from voiceanon.report.description_plot import description_plot

        description_plot(held, plot)
        note(f"drawn into {plot}")


def _content(held: Abstraction, path: Path) -> dict[str, Any]:
    from voiceanon.bottleneck import model_name

    stored_bits = 8 * path.stat().st_size
    speakable = held.model == model_name()
    return {
        "level": "content",
        "duration_s": round(held.duration_s, 3),
        "rate_hz": held.rate,
        "frames": held.frames,
        "digits": int(held.units.shape[1]),
        "pitch_levels": held.pitch_levels,
        "bits_per_second": round(held.bits_per_second, 1),
        "stored_bits_per_second": round(stored_bits / max(held.duration_s, 1e-9), 1),
        "model": held.model,
        "can_be_spoken": speakable,
        "recipe": held.recipe,
        "recipe_name": _name_of(held.recipe),
        "measures": held.measures.values if speakable else None,
    }


def _name_of(recipe: str) -> str | None:
    """Return the name of the recipe with this hash, if this version comes with it."""
    from voiceanon.recipe import Recipe, recipe_names

    known = (Recipe.named(name, allow_unprotected=True) for name in recipe_names())
    return next((one.name for one in known if recipe and one.hash.startswith(recipe)), None)


def _measures(held: Measures) -> dict[str, Any]:
    return {
        "level": "measures",
        "length_s": held.length_s,
        "coarsened_to": held.coarsened_to,
        "transcript": held.transcript,
        "measures": held.values,
    }


def _show(facts: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    measures = facts.get("measures") or {}
    plain = {name: value for name, value in facts.items() if name != "measures"}
    for name, value in [*plain.items(), *measures.items()]:
        shown = "–" if value is None or value == "" else printable(value)
        table.add_row(name.replace("_", " "), Text(shown))
    results().print(table)
