"""The core's FFT against scipy.fft, through a small program: the FFT is not bound to Python."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

CSRC = Path(__file__).parents[1] / "csrc"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    made = tmp_path_factory.mktemp("fft") / "fft_lines"
    source = CSRC / "tests" / "oracle" / "fft_lines.cpp"
    flags = ["-std=c++17", "-O2", f"-I{CSRC / 'include'}", "-o", str(made)]
    subprocess.run([compiler, *flags, str(source)], check=True)
    return made


@pytest.mark.parametrize("size", [8, 16, 64, 256, 512, 1024, 2048])
def test_fft_agrees_with_scipy(program: Path, size: int) -> None:
    fft = pytest.importorskip("scipy.fft")
    samples = np.random.default_rng(size).standard_normal(size).astype(np.float32)
    given = f"{size} " + " ".join(f"{value:.9g}" for value in samples)
    output = subprocess.run([program], input=given, text=True, capture_output=True, check=True)
    lines = output.stdout.splitlines()
    bins = np.array([complex(*map(float, line.split())) for line in lines[: size // 2 + 1]])
    back = np.array([float(line) for line in lines[size // 2 + 1 :]])
    expected = fft.rfft(samples.astype(np.float64))
    assert np.abs(bins - expected).max() < 1e-6 * np.abs(expected).max()
    assert np.abs(back - samples).max() < 1e-6 * np.abs(samples).max()
