"""`--help` teaches: every verb has examples that can be copied, and their options exist."""

import re
import shlex

import pytest
import typer

from voiceanon.cli.app import app, main

LONGEST = 76  # what a terminal of 80 columns shows in one line


def walk(command, path=()):
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from walk(below, (*path, name))


COMMANDS = dict(walk(typer.main.get_command(app)))
VERBS = {path: one for path, one in COMMANDS.items() if not hasattr(one, "commands")}


def examples_of(command):
    """The calls of our program among the blocks of code of a command's help, each in one line."""
    blocks = re.findall(r"^```\n(.*?)^```", command.help or "", re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("voiceanon ")]


def refuse_unless_parsed(example):
    """Parse a call as the shell and the program would, and run nothing."""
    example = re.sub(r"\$\(\(.*?\)\)|\$\{?\w+\}?", "1", example)
    words = shlex.split(example.partition(" > ")[0])[1:]
    path = ()
    while words and (*path, words[0]) in COMMANDS:
        path = (*path, words.pop(0))
    assert path in VERBS, f"{example!r} names no verb"
    VERBS[path].make_context(" ".join(path), words)


EXAMPLES = [
    pytest.param(path, example, id=example)
    for path, command in COMMANDS.items()
    for example in examples_of(command)
]


def test_there_are_verbs_of_both_kinds():
    assert ("anonymize",) in VERBS
    assert ("archive", "plan") in VERBS


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_verb_has_an_example_of_its_own(path):
    examples = examples_of(COMMANDS[path])
    assert any(one.startswith(" ".join(("voiceanon", *path))) for one in examples)


@pytest.mark.parametrize(("path", "example"), EXAMPLES)
def test_an_example_can_be_typed(path, example):
    refuse_unless_parsed(example)


@pytest.mark.parametrize(
    "wrong",
    [
        "voiceanon anonymize a.wav -o b.flac --no-such-option",
        "voiceanon anonymise a.wav -o b.flac",
        "voiceanon anonymize a.wav --format mp3 -o b",
        "voiceanon check a.wav",
    ],
)
def test_a_wrong_example_would_be_noticed(wrong):
    with pytest.raises(Exception, match=r"no verb|No such option|Missing|Invalid|not one of"):
        refuse_unless_parsed(wrong)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_fits_a_terminal_of_80_columns(path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    with pytest.raises(SystemExit) as caught:
        main([*path, "--help"])
    assert (caught.value.code or 0) == 0
    shown = capsys.readouterr().out
    code = re.findall(r"^```\n(.*?)^```", COMMANDS[path].help, re.MULTILINE | re.DOTALL)
    for line in "".join(code).splitlines():
        assert len(line) <= LONGEST, line
        assert line.strip() in shown, f"broken over two lines: {line}"
    for parameter in COMMANDS[path].params:
        for name in parameter.opts:
            assert not name.startswith("-") or name in shown, f"{name} is cut"
        assert parameter.help, f"{parameter.name} has no help"
        assert parameter.help.endswith("."), f"{parameter.name}: {parameter.help}"
