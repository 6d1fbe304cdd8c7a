"""What is shipped: an sdist that builds by itself, and a wheel that holds exactly its files."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from voiceanon.version import __version__

ROOT = Path(__file__).parents[1]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]

# Nothing that building leaves behind, and nothing that is not the project's.
LEFT_BEHIND = shutil.ignore_patterns(
    ".git", ".venv*", "build", "dist", "*.egg-info", "*.so", "__pycache__", ".*_cache", "*.whl",
    "*.tar.gz", "demo-output", ".hypothesis", ".cache",
)  # fmt: skip


def run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clean copy of the project."""
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("tree") / "it", ignore=LEFT_BEHIND)


@pytest.fixture(scope="module")
def packed_sdist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the source distribution of the clean copy."""
    folder = tmp_path_factory.mktemp("sdist")
    run(
        sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", folder, ".",
        cwd=tree,
    )  # fmt: skip
    return folder / f"voiceanon-{__version__}.tar.gz"


@pytest.fixture(scope="module")
def sdist(packed_sdist: Path) -> Path:
    """Return the source distribution, unpacked."""
    with tarfile.open(packed_sdist) as archive:
        archive.extractall(packed_sdist.parent, filter="data")
    return packed_sdist.parent / f"voiceanon-{__version__}"


@pytest.fixture(scope="module")
def wheel(packed_sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked wheel that was built from the source distribution."""
    folder = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation",
        "--wheel-dir", folder, packed_sdist,
        cwd=folder,
    )  # fmt: skip
    (packed,) = folder.glob("*.whl")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def compiled_modules() -> set[str]:
    from importlib.machinery import EXTENSION_SUFFIXES

    from voiceanon._engine import built_levels

    names = {f"_engine_{level}" for level in built_levels()} | {"_kernels"}
    return {f"voiceanon/{name}{EXTENSION_SUFFIXES[0]}" for name in names}


def test_the_wheel_holds_exactly_its_files(wheel: Path, tree: Path) -> None:
    source = tree / "voiceanon"
    info = f"voiceanon-{__version__}.dist-info"
    expected = {
        f"{info}/{name}"
        for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "top_level.txt")
    }
    expected |= {f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE"}
    expected |= {str(path.relative_to(tree)) for path in source.rglob("*.py")}
    expected |= {str(path.relative_to(tree)) for path in source.glob("*.pyi")}
    expected |= {
        str(path.relative_to(tree)) for path in (source / "models").glob("*") if path.is_file()
    }
    expected |= {"voiceanon/py.typed"} | compiled_modules()
    assert files(wheel) == expected


def test_the_wheel_holds_no_source_of_compiled_code(wheel: Path) -> None:
    suffixes = {Path(name).suffix for name in files(wheel)}
    assert not suffixes & {".cpp", ".c", ".hpp", ".h", ".pyx", ".o", ".pxd"}


def test_the_wheel_works_by_itself(wheel: Path, tmp_path: Path) -> None:
    code = (
        "import voiceanon, voiceanon._engine, voiceanon._kernels as kernels, voiceanon.recipe; "
        f"assert kernels.__file__.startswith({str(wheel)!r}), kernels.__file__; "
        f"assert voiceanon.__version__ == {__version__!r}"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(wheel)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_sdist_has_the_sources(sdist: Path, tree: Path) -> None:
    shipped = files(sdist)
    for folder in ("csrc", "docs", "tests", "voiceanon"):
        assert {f"{folder}/{name}" for name in files(tree / folder)} <= shipped
    for name in ("setup.py", "pyproject.toml", "Makefile", "README.md", "LICENSE", "NOTICE"):
        assert name in shipped


def test_the_sdist_has_nothing_generated(sdist: Path) -> None:
    for name in files(sdist):
        assert Path(name).suffix not in (".so", ".o", ".c", ".pyc", ".whl")
        assert Path(name).suffix != ".cpp" or name.startswith("csrc/")
        assert not name.startswith("build/")
