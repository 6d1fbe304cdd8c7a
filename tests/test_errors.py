"""The error tree: every class has its exit code, and is what callers may already catch."""

import pytest

from voiceanon import errors

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
