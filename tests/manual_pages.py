"""Runs what the manual's pages show: README and docs alike, as a reader would, block by block."""

import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import soundfile

from voiceanon.cli.app import main

ROOT = Path(__file__).parents[1]
SPEECH = sorted((ROOT / "voiceanon" / "samples").glob("*.flac"))
_BLOCK = re.compile(
    r"(?:<!-- needs: (\w+) -->\n)?^```(python|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block of Python or of commands, and the module that it needs, if any."""

    needs: str | None
    language: str
    code: str

    @property
    def commands(self) -> list[str]:
        """The calls of our program, one each."""
        return [line for line in self.code.splitlines() if line.startswith("voiceanon")]


@dataclass(frozen=True)
class Page:
    """A page of Markdown and its blocks in their order."""

    path: Path
    text: str = field(init=False)
    blocks: tuple[Block, ...] = field(init=False)

    def __post_init__(self) -> None:
        text = self.path.read_text(encoding="utf-8")
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "blocks", tuple(Block(*one) for one in _BLOCK.findall(text)))

    def of(self, language: str) -> list[Block]:
        """Return the blocks of one language."""
        return [block for block in self.blocks if block.language == language]


def anchors_of(text: str) -> set[str]:
    """Return what can stand after # in a link to a page, as hosts of repositories make it."""
    headings = {name.lower() for name in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    anchors = {re.sub(r"[^\w -]", "", name).replace(" ", "-") for name in headings}
    return anchors | set(re.findall(r'<a id="([^"]+)">', text))


def check_links(page: Page) -> None:
    """Refuse a page that links to files or headings that are not there."""
    for target in re.findall(r'(?:\]\(|src=")([^)"]+)', page.text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        place = page.path.parent / name if name else page.path
        assert place.exists(), f"{page.path.name}: {target}"
        if anchor:
            assert anchor in anchors_of(place.read_text(encoding="utf-8")), target


def run_python(block: Block, name: str, folder: Path) -> None:
    """Run a block of Python in the working folder; sound that it writes is whole."""
    if block.needs and importlib.util.find_spec(block.needs) is None:
        pytest.skip(f"{block.needs} is not installed")
    before = {path.name for path in folder.rglob("*")}
    try:
        exec(compile(block.code, name, "exec"), {"__name__": "manual"})
    finally:
        if block.needs == "ray":  # its cluster would go on beside the tests that follow
            sys.modules["ray"].shutdown()
        if block.needs == "pyspark":
            sys.modules["pyspark.sql"].SparkSession.builder.getOrCreate().stop()
    for path in folder.rglob("*"):
        if path.suffix in (".wav", ".flac") and path.name not in before:
            assert soundfile.info(path).frames > 0


def run_commands(commands: list[str], folder: Path, capsys) -> None:
    """Run commands in this process: each ends with 0 and leaves what it names with -o."""
    umask, handler = os.umask(0o022), signal.getsignal(signal.SIGTERM)
    try:
        for command in commands:
            with pytest.raises(SystemExit) as caught:
                main(shlex.split(command, comments=True)[1:])
            assert (caught.value.code or 0) == 0, (command, capsys.readouterr())
            words = shlex.split(command)
            if "-o" in words:
                out = folder / words[words.index("-o") + 1]
                made = [out] if out.is_file() else [p for p in out.rglob("*") if p.is_file()]
                assert made
                for path in made:
                    if path.suffix in (".wav", ".flac"):
                        assert soundfile.info(path).frames > 0
    finally:
        os.umask(umask)
        signal.signal(signal.SIGTERM, handler)


def run_shell(block: Block, folder: Path, capsys) -> None:
    """Run every line of a block in its order: our program here, the rest by the shell."""
    for line in block.code.splitlines():
        if line.startswith("voiceanon"):
            run_commands([line], folder, capsys)
        elif line.strip() and not line.startswith("#"):
            subprocess.run(["bash", "-c", line], check=True, cwd=folder)
