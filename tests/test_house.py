"""The rules of the house that no other tool holds: import order, words, paths, first lines."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "voiceanon"

# The rooms of the package, from the ground up. A room may import its own and lower floors.
FLOORS = [
    {"errors", "version"},
    {"audio"},
    {"_engine_baseline", "_engine_v3", "_engine_v4", "_kernels", "formats"},
    {"_engine"},
    {"keys", "recipe", "resampling", "turns", "warping"},
    {"melody", "pace", "marking"},
    {"template", "bottleneck", "coding"},
    {"profile", "voice"},
    {"frames", "transform"},
    {"checks"},
    {"container"},
    {"file_search", "file_plan", "files"},
    {"anonymizer", "stream", "speaking", "abstraction", "describing", "measures"},
    {"storage"},
    {"privacy", "training", "models"},
    {"archive"},
    {"report"},
    {"voiceanon"},  # the public names: what users import, and no room below
    {"cli"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Rooms that may import less than everything below them.
NARROW = {
    "formats": {"errors", "version", "audio", "_kernels"},
    "errors": set(),
    "version": set(),
    "audio": {"errors"},
}

SKIPPED_FOLDERS = {
    ".git",
    "build",
    "dist",
    "demo-output",
    "__pycache__",
    ".hypothesis",
    "results",
    ".cache",
}
TEXT = {".py", ".pyi", ".pyx", ".cpp", ".hpp", ".md", ".toml", ".html", ".yml", ".json", ".map"}
TEXT_NAMES = {"Makefile", "NOTICE", "LICENSE", "MANIFEST.in", ".gitignore", "run"}
CODE = {".py", ".pyi", ".pyx", ".cpp", ".hpp"}

# In pieces, so that this file passes its own test.
WORDS = ["irrevers" + "ibl[ey]", "crypto" + "graphic(?:ally)?", "guaran" + "teed"]
WORDS += ["GDPR" + "[- ]compliant", "anonymous" + r"\s+for\s+good"]
FORBIDDEN_WORD = re.compile("|".join(WORDS), re.IGNORECASE)
PLACE_OF_A_MACHINE = re.compile(r"(?<![\w.:$}])/(?:home|root|work|farm|Users|mnt|srv|media)/\w")


def texts() -> Iterator[Path]:
    """Yield every text file that belongs to the project."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if any(p in SKIPPED_FOLDERS or p.startswith(".venv") or ".egg-" in p for p in parts):
            continue
        if path.is_file() and (path.suffix in TEXT or path.name in TEXT_NAMES):
            yield path


TEXTS = {str(path.relative_to(ROOT)): path for path in texts()}
PYTHON = {name: path for name, path in TEXTS.items() if path.suffix == ".py"}
MODULES = {name: path for name, path in PYTHON.items() if PACKAGE in path.parents}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything imported anywhere in a file, also inside functions."""
    package = (
        module_name(path) if path.name == "__init__.py" else module_name(path.parent / "x")[:-2]
    )
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")
                above = above[: len(above) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            if base == "voiceanon":  # `from voiceanon import keys` means the module
                for alias in node.names:
                    is_room = alias.name in FLOOR or (PACKAGE / f"{alias.name}.py").exists()
                    yield f"voiceanon.{alias.name}" if is_room else "voiceanon"
            else:
                yield base


def room(name: str) -> str:
    """Return the room of a dotted module name; the package itself is the room of public names."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_one_way(name: str) -> None:
    path = MODULES[name]
    here = room(module_name(path))
    assert here in FLOOR, f"give the room {here!r} a floor in FLOORS"
    for target in imported(path):
        if target.split(".")[0] != "voiceanon":
            continue
        there = room(target)
        if there == here:
            continue
        assert there in FLOOR, f"{name} imports {target}, which has no floor in FLOORS"
        assert FLOOR[there] <= FLOOR[here], f"{name} imports upwards: {target}"
        if here in NARROW:
            assert there in NARROW[here], f"{name} may import {NARROW[here]}, not {target}"


def test_no_two_modules_import_each_other() -> None:
    graph = {
        module_name(path): {t for t in imported(path) if t.startswith("voiceanon.")}
        for path in MODULES.values()
    }
    done: set[str] = set()

    def walk(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " → ".join([*above[above.index(name) :], name])
        if name not in done:
            for target in graph.get(name, ()):
                walk(target, (*above, name))
            done.add(name)

    for name in graph:
        if name != "voiceanon":
            walk(name, ())


def test_the_walk_finds_imports_of_every_form(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "voiceanon" / "formats" / "x.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import voiceanon.cli.app\nfrom voiceanon import keys, Anonymizer\n"
        "from ..audio import check_audio\nfrom . import riff\n"
        "def f():\n    from voiceanon.archive import ledger\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert list(imported(path)) == [
        "voiceanon.cli.app",
        "voiceanon.keys",
        "voiceanon",
        "voiceanon.audio",
        "voiceanon.formats",
        "voiceanon.archive",
    ]


@pytest.mark.parametrize("name", TEXTS)
def test_no_word_claims_what_only_a_measurement_can(name: str) -> None:
    found = FORBIDDEN_WORD.search(TEXTS[name].read_text(encoding="utf-8"))
    assert found is None, f"{name} says {found.group()!r}: reword it as a measurement"


@pytest.mark.parametrize("name", TEXTS)
def test_no_place_of_one_machine(name: str) -> None:
    found = PLACE_OF_A_MACHINE.search(TEXTS[name].read_text(encoding="utf-8"))
    assert found is None, f"{name} names a place of one machine: {found.group()!r}"


@pytest.mark.parametrize("name", [name for name in TEXTS if Path(name).suffix in CODE])
def test_the_first_line_says_why_the_file_exists(name: str) -> None:
    first, _, rest = TEXTS[name].read_text(encoding="utf-8").partition("\n")
    if first.startswith("#!"):
        first = rest.partition("\n")[0]
    starts = ('"""', "// ", "/* ", "/** ", "# ")
    assert first.startswith(starts), f"{name} starts with {first!r}"
    assert len(first.split()) >= 4, f"{name} starts with {first!r}: say why it exists"


@pytest.mark.parametrize("name", [name for name in TEXTS if Path(name).suffix in CODE])
def test_no_file_is_a_drawer_for_leftovers(name: str) -> None:
    parts = set(re.split(r"[\W_]+", name.lower()))
    assert not parts & {"util", "utils", "helper", "helpers", "manager", "common", "misc"}


@pytest.mark.parametrize("name", [name for name in PYTHON if name.startswith("tests/")])
def test_no_file_imports_a_test(name: str) -> None:
    # What several tests need is in a module of its own, or a fixture of conftest.py.
    assert not [target for target in imported(PYTHON[name]) if target.startswith("test_")]


def test_the_core_locks_nothing() -> None:
    """So reports about mutexes, which `threads.supp` leaves out, are not about it."""
    core = [path for path in sorted((ROOT / "csrc").rglob("*")) if path.suffix in (".cpp", ".hpp")]
    assert len(core) > 20
    locks = ("mutex", "condition_variable", "pthread", "std::thread", "atomic")
    assert not [path.name for path in core for word in locks if word in path.read_text()]


@pytest.mark.parametrize("name", MODULES)
def test_gpl_packages_stay_outside_the_package(name: str) -> None:
    gpl = {"parselmouth", "pedalboard", "pyrubberband", "rubberband"}
    assert not {target.split(".")[0] for target in imported(MODULES[name])} & gpl


@pytest.mark.parametrize("name", MODULES)
def test_randomness_comes_from_keys_alone(name: str) -> None:
    # Names of temporary files may come from `secrets`: nothing is repeated from them.
    assert "random" not in set(imported(MODULES[name]))
    # Dither is the same public noise in every file, so that outputs can be made again bit for bit.
    # A fit of the shipped tables repeats itself from a fixed seed and runs on no user's recording.
    if name != "voiceanon/formats/writing.py" and not name.startswith("voiceanon/models/"):
        tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))  # examples in text may draw
        assert not [
            n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "random"
        ]


def test_importing_the_package_leaves_heavy_dependencies_alone() -> None:
    code = (
        "import sys, voiceanon; "
        "heavy = {'scipy', 'soundfile', 'soxr', 'typer', 'rich', 'matplotlib', 'torch'}; "
        "heavy |= {'boto3', 'cryptography', 'pyarrow'}; "
        "print(*sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == ""


@pytest.mark.parametrize("level", ["baseline", "v3", "v4"])
def test_a_simd_level_can_be_forced(level: str) -> None:
    from voiceanon import _engine

    code = "from voiceanon._engine import LEVEL; print(LEVEL)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env={"VOICEANON_SIMD": level},
    )
    if level in _engine.usable_levels():
        assert run.stdout.strip() == level
    else:
        assert f"VOICEANON_SIMD='{level}' is not usable on this machine" in run.stderr


def test_an_unknown_simd_level_is_refused() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "import voiceanon._engine"],
        check=False,
        capture_output=True,
        text=True,
        env={"VOICEANON_SIMD": "avx9"},
    )
    assert "InputError: VOICEANON_SIMD='avx9' is not a SIMD level: allowed here are" in run.stderr
