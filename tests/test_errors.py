"""The error tree: every class has its exit code, and is what callers may already catch."""

import ast
import re
from pathlib import Path

import pytest

import voiceanon
from voiceanon import errors

PACKAGE = Path(voiceanon.__file__).parent

EXIT_CODES = {
    "VoiceanonError": 1,
    "InputError": 2,
    "RecipeError": 2,
    "RecordingError": 3,
    "CheckError": 4,
    "SecretError": 5,
    "DestinationError": 6,
    "StreamStateError": 1,
}


def test_the_tree_is_whole() -> None:
    assert set(errors.__all__) == set(EXIT_CODES)


@pytest.mark.parametrize(("name", "exit_code"), EXIT_CODES.items())
def test_exit_codes(name: str, exit_code: int) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, errors.VoiceanonError)
    assert kind("x").exit_code == exit_code


def test_builtin_kinds() -> None:
    assert issubclass(errors.RecipeError, errors.InputError)
    assert issubclass(errors.InputError, ValueError)
    assert issubclass(errors.StreamStateError, RuntimeError)
    assert not issubclass(errors.RecordingError, ValueError)


def messages():
    """Every message of the tree that the package raises; `§` stands for a value in it."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
                continue
            kind, told = ast.unparse(node.exc.func), node.exc.args[:1]
            if kind not in errors.__all__ or not told:
                continue
            if isinstance(told[0], ast.JoinedStr):
                pieces = [getattr(piece, "value", None) for piece in told[0].values]
                text = "".join(piece if isinstance(piece, str) else "§" for piece in pieces)
            elif isinstance(told[0], ast.Constant):
                text = told[0].value
            else:
                continue
            place = f"{path.relative_to(PACKAGE)}:{node.lineno}"
            yield pytest.param(kind, text, id=place)


MESSAGES = list(messages())


def test_messages_are_found() -> None:
    assert len(MESSAGES) > 300
    assert {param.values[0] for param in MESSAGES} >= set(EXIT_CODES) - {"CheckError"}


@pytest.mark.parametrize(("kind", "text"), MESSAGES)
def test_a_message_is_one_line_that_says_what_is_wrong(kind: str, text: str) -> None:
    assert "\n" not in text
    assert len(text) <= 260
    assert not text.endswith((".", "!", " "))
    assert not re.match(r"(error|invalid|illegal|bad|failed|could not)\b", text, re.IGNORECASE)
    assert not re.search(r"\b(please|sorry|oops|unfortunately)\b", text, re.IGNORECASE)
    if kind in ("InputError", "RecipeError") and "§" not in text:
        # No value is shown, so it must say what is allowed or what to do.
        assert re.search(r"[:;]| must | needs? | goes with |where there are", text), text
