"""How a benchmark starts a rival in a process of its own, and how the machine is described."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
RIVAL_PYTHON = "VOICEANON_RIVAL_PYTHON"
THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
ONE_THREAD = dict.fromkeys(THREAD_LIMITS, "1")


def python_for(*, ours: bool) -> str:
    """The interpreter a rival runs in.

    Ours runs in this one. Rivals run in the one that VOICEANON_RIVAL_PYTHON names, so that GPL and
    heavy packages can stay in an environment of their own; without it in this one.
    """
    return sys.executable if ours else os.environ.get(RIVAL_PYTHON, sys.executable)


def environment(**extra: str) -> dict[str, str]:
    """One thread, and the repository's package importable where it is built in place."""
    found = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    # pyworld still asks for pkg_resources, which warns wherever it is imported.
    quiet = {"PYTHONWARNINGS": "ignore", "PYTHONPATH": os.pathsep.join(found)}
    return {**os.environ, **ONE_THREAD, **quiet, **extra}


def command(script: Path, arguments: list[str], *, ours: bool) -> list[str]:
    """The words that start ``script``."""
    return [python_for(ours=ours), str(script), *arguments]


def run_python(
    script: Path, arguments: list[str], *, ours: bool, **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run a script of this folder to its end in a process of its own."""
    return subprocess.run(
        command(script, arguments, ours=ours),
        env=environment(**extra),
        capture_output=True,
        text=True,
        check=False,
    )


def cpu_model() -> str:
    """The processor's name, and nothing else about the machine."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
