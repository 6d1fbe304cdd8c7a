"""Every SIMD level gives the same bits each time, and the levels agree within stated tolerances."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from voiceanon import _engine
from voiceanon.errors import InputError

LEVELS = _engine.usable_levels()
PAIRS = list(itertools.combinations(LEVELS, 2))
NO_PAIRS = "this machine runs one level only"
BANDS = 5  # aperiodicity bands at 16 kHz, after f0 and level
VALUES = 2 + BANDS

# Levels differ in where they fuse a multiplication with an addition. On real speech that moved f0
# by 0.003 cents, level by 0.000 01 dB, aperiodicity by 0.000 02 and the envelope by 0.003 dB at
# most; the bounds leave room for other compilers. A decision (voiced or not, a rounding to the grid
# of the description) may fall the other way in rare frames; no frame did.
F0_CENTS = 0.1
LEVEL_DB = 0.001
APERIODICITY = 0.001  # a square root: near zero it magnifies
ENVELOPE_DB = 0.05
RARE = 0.01
AUDIBLE = 1e-4  # -80 dB re full scale


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, np.ndarray]]]:
    """Return what each level gives for one input, in two runs of the interpreter."""
    here, folder = Path(__file__).parent, tmp_path_factory.mktemp("simd")
    path = os.pathsep.join(sys.path)
    given: dict[str, list[dict[str, np.ndarray]]] = {}
    for level, turn in itertools.product(LEVELS, (1, 2)):
        environment = {**os.environ, "PYTHONPATH": path, "VOICEANON_SIMD": level}
        output = folder / f"{level}-{turn}.npz"
        command = [sys.executable, str(here / "simd_run.py"), str(output)]
        subprocess.run(command, check=True, cwd=here, env=environment)
        with np.load(output) as archive:
            given.setdefault(level, []).append(dict(archive))
    return given


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_repeats_itself_bit_for_bit(results, level: str) -> None:
    first, second = results[level]
    assert first["level"] == level
    assert first["lanes"] == {"baseline": 4, "v3": 8, "v4": 16}[level]
    for name, values in first.items():
        assert values.tobytes() == second[name].tobytes(), name


@pytest.mark.parametrize("level", LEVELS)
def test_chunks_do_not_matter_at_any_level(results, level: str) -> None:
    given = results[level][0]
    names = [name for name in given if f"{name}, in chunks" in given]
    assert len(names) >= 3
    for name in names:
        assert given[name].tobytes() == given[f"{name}, in chunks"].tobytes(), name


@pytest.mark.skipif(not PAIRS, reason=NO_PAIRS)
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_levels_agree_on_the_analysis(results, pair: tuple[str, str]) -> None:
    one, other = (results[level][0] for level in pair)
    for name in [name for name in one if name.startswith("rows ")]:
        a, b = one[name], other[name]
        assert a.shape == b.shape
        agree = (a[:, 0] > 0) == (b[:, 0] > 0)
        voiced = agree & (a[:, 0] > 0)
        cents = np.zeros(len(a))
        cents[voiced] = 1200 * np.abs(np.log2(a[voiced, 0] / b[voiced, 0]))
        agree &= cents < 50  # another candidate is another decision
        assert np.mean(~agree) <= RARE
        a, b = a[agree], b[agree]
        assert cents[agree].max() <= F0_CENTS
        assert np.abs(a[:, 1] - b[:, 1]).max() <= LEVEL_DB
        assert np.abs(a[:, 2:VALUES] - b[:, 2:VALUES]).max() <= APERIODICITY
        # Log power of the difference of two cepstra, in dB.
        difference = np.zeros((len(a), 513))
        difference[:, : a.shape[1] - VALUES] = (a - b)[:, VALUES:]
        decibels = 10 / np.log(10) * np.fft.hfft(difference, n=1024, axis=1)
        assert np.abs(decibels).max() <= ENVELOPE_DB


@pytest.mark.skipif(not PAIRS, reason=NO_PAIRS)
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_levels_agree_on_the_sound(results, pair: tuple[str, str]) -> None:
    one, other = (results[level][0] for level in pair)
    spoken = [name for name in one if name.startswith(("template ", "resynthesis "))]
    assert spoken
    for name in spoken:
        a, b = one[name], other[name]
        assert np.abs(a).max() > 0.05
        assert np.mean(np.abs(a - b) > AUDIBLE) <= RARE, name


@pytest.mark.skipif(not PAIRS, reason=NO_PAIRS)
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_levels_agree_on_the_units(results, pair: tuple[str, str]) -> None:
    one, other = (results[level][0] for level in pair)
    names = [name for name in one if name.startswith("units ")]
    assert names
    for name in names:
        assert one[name].shape == other[name].shape
        assert (one[name] != other[name]).any(axis=1).mean() <= RARE, name


def test_a_level_that_the_processor_lacks_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(_engine, "usable_levels", lambda: ("baseline",))
    monkeypatch.setenv("VOICEANON_SIMD", "v4")
    with pytest.raises(InputError, match="'v4' is not usable on this machine.*are baseline"):
        _engine._load()
    monkeypatch.setenv("VOICEANON_SIMD", "avx9")
    with pytest.raises(InputError, match="'avx9' is not a SIMD level.*are baseline"):
        _engine._load()


def test_the_widest_level_is_taken(monkeypatch) -> None:
    monkeypatch.delenv("VOICEANON_SIMD", raising=False)
    assert LEVELS[0] == _engine._load().LEVEL
    assert _engine.cpu_supports("baseline")
    assert not _engine.cpu_supports("no such level")
    assert set(LEVELS) <= set(_engine.built_levels()) <= set(_engine.LEVELS)
