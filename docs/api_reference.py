"""Writes the API reference, docs/api.md, from the docstrings of the public names.

    python docs/api_reference.py

A test fails when the page is not what this program would write.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("api.md")
MODULES = (
    "voiceanon",
    "voiceanon.transform",
    "voiceanon.storage",
    "voiceanon.checks.assessment",
    "voiceanon.privacy.metrics",
    "voiceanon.report",
)
# Sections whose lines are `name : type` with an indented text below.
LISTS = ("Parameters", "Attributes", "Returns", "Yields", "Raises")
HEADING = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)


def public_names() -> list[tuple[str, str, Any]]:
    """Return module, name and object of everything on the page, constants left out."""
    found = []
    for module in MODULES:
        held = importlib.import_module(module)
        found += [(module, name, getattr(held, name)) for name in held.__all__]
    return [(module, name, one) for module, name, one in found if callable(one)]


def members(one: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that a class defines itself, in its order."""
    for name, member in vars(one).items():
        if not name.startswith("_") or name == "__call__":
            if isinstance(member, property):
                yield name, member.fget
            elif isinstance(member, cached_property):
                yield name, member.func
            elif isinstance(member, (classmethod, staticmethod)) or inspect.isfunction(member):
                yield name, getattr(one, name)


def is_called(one: Any) -> bool:
    """Whether users call it: not an error, nor a class that others make for them."""
    return not inspect.isclass(one) or is_dataclass(one) or "Parameters" in sections(one)


def signature(name: str, one: Any) -> str:
    """Return how something is called: names and defaults; the types stand below."""
    parameters = []
    for parameter in inspect.signature(one).parameters.values():
        default = parameter.default
        if isinstance(default, enum.Enum):
            default = Literal(f"{type(default).__name__}.{default.name}")
        elif "<" in repr(default) and default is not inspect.Parameter.empty:
            default = Literal("...")
        parameters.append(parameter.replace(annotation=inspect.Parameter.empty, default=default))
    if parameters and parameters[0].name == "self":
        del parameters[0]
    return f"{name}{inspect.Signature(parameters)}"


class Literal:
    """A default that is shown as this text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def sections(one: Any) -> dict[str, str]:
    """Return the docstring's sections by heading; the text before the first one has none."""
    parts = HEADING.split(inspect.getdoc(one) or "")
    return {"": parts[0].strip()} | {
        name: text.strip("\n") for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def text_of(one: Any) -> list[str]:
    """Return a docstring as Markdown."""
    lines = []
    for heading, text in sections(one).items():
        if heading == "Examples":
            lines += ["", "```pycon", text, "```"]
        elif heading in LISTS:
            lines += ["", f"*{heading}*", "", *entries(text)]
        elif heading:
            lines += ["", f"*{heading}*: {marked(text)}"]
        else:
            lines += ["", prose(text)]
    return lines


def prose(text: str) -> str:
    """Return paragraphs; one that is a doctest becomes a block of code."""
    parts = text.split("\n\n")
    return "\n\n".join(f"```pycon\n{p}\n```" if p.startswith(">>>") else marked(p) for p in parts)


def entries(text: str) -> Iterator[str]:
    """Yield the entries of a list section, each as an item."""
    if not re.search(r"^ ", text, re.MULTILINE) and " : " not in text:
        yield f"- {' '.join(marked(text).split())}"  # a return value by its type alone
        return
    for entry in re.split(r"\n(?=\S)", text):
        head, _, said = entry.partition("\n")
        name, colon, kind = head.partition(" : ")
        told = f"`{name}`{colon and ', '}{marked(kind)}"
        said = inspect.cleandoc(marked(said)).replace("\n", "\n  ")
        yield f"- {told}: {said}" if said else f"- {told}"


def marked(text: str) -> str:
    """Return reStructuredText as it is written here, as Markdown."""
    return text.replace("``", "`")


def page() -> str:
    """Return the whole page."""
    names = public_names()
    lines = [
        "# API reference",
        "",
        "Made from the docstrings by `python docs/api_reference.py`; every example runs as a test.",
        "Errors are a tree: whoever catches `VoiceanonError` catches all.",
    ]
    for module in MODULES:
        inside = [(name, one) for where, name, one in names if where == module]
        held = importlib.import_module(module)
        lines += ["", f"## {module}", *text_of(held), ""]
        lines += [
            f"- [{name}](#{module}.{name}): {marked(sections(one)[''].splitlines()[0])}"
            for name, one in inside
        ]
        for name, one in inside:
            lines += ["", f'<a id="{module}.{name}"></a>', "", f"### {name}"]
            if is_called(one):
                wrap = {"width": 96, "initial_indent": " " * 4, "subsequent_indent": " " * 8}
                lines += ["", textwrap.fill(signature(name, one), **wrap)]
            lines += text_of(one)
            for member, function in members(one) if inspect.isclass(one) else ():
                has_value = isinstance(vars(one)[member], (property, cached_property))
                how = f"{name}.{member}" if has_value else signature(f"{name}.{member}", function)
                lines += ["", f"#### `{how}`", *text_of(function)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name}: {len(public_names())} names\n")
