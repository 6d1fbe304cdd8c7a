"""`voiceanon doctor`: whether this installation works, said in one screen."""

from __future__ import annotations

import importlib
import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from voiceanon.cli.terminal import print_json, printable, results

__all__ = ["doctor", "vowel"]

_PACKAGES = ("numpy", "scipy", "soundfile", "soxr", "typer", "rich")
# libsndfile's container and coding for what the README promises to read.
_CODECS = {
    "WAV": ("WAV", "PCM_16"),
    "FLAC": ("FLAC", "PCM_16"),
    "Ogg Vorbis": ("OGG", "VORBIS"),
    "Opus": ("OGG", "OPUS"),
    "MP3": ("MP3", "MPEG_LAYER_III"),
    "AIFF": ("AIFF", "PCM_16"),
    "AU": ("AU", "PCM_16"),
    "CAF": ("CAF", "PCM_16"),
    "W64": ("W64", "PCM_16"),
    "RF64": ("RF64", "PCM_16"),
}
_RATE = 16_000
# Levels round differently; on the vowel that moved no value by a tenth of this.
_LEVELS_RTOL, _LEVELS_ATOL = 1e-3, 5e-3
# Above this, the result would resemble the input's waveform; speech resynthesised without its
# phase lies far below.
_MAX_CORRELATION = 0.9


def doctor(
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show versions, processor level and codecs, and anonymize one second as a self-test.

    For example:

    ```
    voiceanon doctor
    voiceanon doctor --json
    ```

    The exit code is 0 if every check passed, else 1.
    """
    report: dict[str, Any] = {
        "type": "doctor",
        "versions": _versions(),
        "simd": None,
        "simd_why": None,
        "simd_built": [],
        "simd_usable": [],
        "codecs": _codecs(),
        "checks": [],
    }
    for name, check in (
        ("compiled engine", lambda: _check_engine(report)),
        ("SIMD levels", _check_levels),
        ("codecs", lambda: _check_codecs(report["codecs"])),
        ("self-test", _check_vowel),
    ):
        report["checks"].append(_outcome(name, check))
    report["ok"] = all(check["ok"] for check in report["checks"])
    if json_lines:
        print_json(report)
    else:
        _print(report)
    raise typer.Exit(0 if report["ok"] else 1)


def vowel(f0_hz: float = 120.0, duration_s: float = 1.0) -> npt.NDArray[np.float32]:
    """A synthetic /a/: harmonics of a gliding pitch, shaped by three formants.

    Parameters
    ----------
    f0_hz : float
        Pitch in the middle, in Hz; it glides by a fifth of that.
    duration_s : float
        Length in seconds.

    Returns
    -------
    ndarray
        float32, shape (n,), at 16 kHz, peak 0.3.
    """
    time_s = np.arange(int(duration_s * _RATE)) / _RATE
    glide_hz = f0_hz * (1.0 + 0.1 * np.sin(2 * np.pi * time_s / duration_s))
    phase = 2 * np.pi * np.cumsum(glide_hz) / _RATE
    sound = np.zeros_like(time_s)
    for harmonic in range(1, int(_RATE / 2 / f0_hz / 1.2)):
        # Centre and width in Hz of the formants of an adult's /a/.
        gain = sum(
            1.0 / (1.0 + ((harmonic * f0_hz - centre_hz) / width_hz) ** 2)
            for centre_hz, width_hz in ((700.0, 80.0), (1200.0, 90.0), (2600.0, 120.0))
        )
        sound += gain * np.sin(harmonic * phase)
    sound *= 0.3 / np.abs(sound).max()
    return sound.astype(np.float32)


def _check_engine(report: dict[str, Any]) -> str:
    from voiceanon import _engine

    forced = bool(os.environ.get("VOICEANON_SIMD"))
    report["simd"] = _engine.LEVEL
    report["simd_why"] = "VOICEANON_SIMD" if forced else "widest"
    report["simd_built"] = list(_engine.built_levels())
    report["simd_usable"] = list(_engine.usable_levels())
    return f"SIMD level {_engine.LEVEL}"


def _check_levels() -> str:
    """Have every level that this processor runs analyze one vowel."""
    from voiceanon import _engine

    sound, heard = vowel(), {}
    for level in _engine.usable_levels():
        core = importlib.import_module(f"voiceanon._engine_{level}")
        heard[level] = core.Analyzer(_RATE).process(sound)
    widest, *others = heard
    for level in others:
        if not np.allclose(heard[level], heard[widest], rtol=_LEVELS_RTOL, atol=_LEVELS_ATOL):
            raise RuntimeError(f"level {level} hears another vowel than level {widest}")
    return f"{', '.join(heard)} hear the same vowel" if others else f"{widest} is the only one here"


def _check_codecs(codecs: dict[str, bool]) -> str:
    missing = [name for name, there in codecs.items() if not there]
    if missing:
        raise RuntimeError(f"libsndfile lacks {', '.join(missing)}")
    return "all there"


def _check_vowel() -> str:
    from voiceanon.anonymizer import Anonymizer

    spoken = vowel()
    before = spoken.copy()
    result = np.asarray(Anonymizer()(spoken, _RATE))
    if result.shape != spoken.shape or result.dtype != spoken.dtype:
        raise RuntimeError("the result has another shape or type than the input")
    if not np.array_equal(spoken, before):
        raise RuntimeError("the input array was changed")
    if not np.isfinite(result).all() or np.abs(result).max() > 1.0:
        raise RuntimeError("the result is not finite or beyond full scale")
    if np.sqrt(np.mean(result**2)) < 1e-4:
        raise RuntimeError("the result is silent")
    likeness = largest_correlation(spoken, result)
    if likeness > _MAX_CORRELATION:
        raise RuntimeError(f"the result resembles the input (correlation {likeness:.2f})")
    return f"one second spoken by another voice (correlation with the input {likeness:.2f})"


def largest_correlation(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> float:
    """Largest normalised cross-correlation over all lags, 0 to 1; both of one length."""
    size = 2 * a.size
    cross = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    energy = float(np.sqrt(np.sum(np.square(a, dtype=float)) * np.sum(np.square(b, dtype=float))))
    return float(np.abs(cross).max()) / energy if energy else 0.0


def _outcome(name: str, check: Callable[[], str]) -> dict[str, Any]:
    try:
        detail = check()
    except Exception as error:  # noqa: BLE001 (whatever is wrong with it is a finding here)
        detail = f"{type(error).__name__}: {error}"
        return {"name": name, "ok": False, "detail": printable(detail)}
    return {"name": name, "ok": True, "detail": detail}


def _versions() -> dict[str, str]:
    from voiceanon.version import __version__

    versions = {"voiceanon": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "missing"
    try:
        import soundfile
    except (ImportError, OSError):
        versions["libsndfile"] = "missing"
    else:
        versions["libsndfile"] = soundfile.__libsndfile_version__
    return versions


def _codecs() -> dict[str, bool]:
    """Whether libsndfile knows each kind of file that we read."""
    try:
        import soundfile
    except (ImportError, OSError):
        return dict.fromkeys(_CODECS, False)
    return {
        name: container in soundfile.available_formats()
        and coding in soundfile.available_subtypes(container)
        for name, (container, coding) in _CODECS.items()
    }


def _print(report: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    console = results()
    table = Table("part", "state", show_header=False, box=None)
    versions = " · ".join(f"{name} {number}" for name, number in report["versions"].items())
    table.add_row("versions", Text(versions))
    built, usable = (", ".join(report[key]) or "none" for key in ("simd_built", "simd_usable"))
    why = {"VOICEANON_SIMD": "forced by VOICEANON_SIMD", "widest": "the widest it runs"}
    table.add_row(
        "processor",
        f"{platform.machine()}, runs SIMD levels {usable} (compiled: {built}); "
        f"using {report['simd']}, {why.get(report['simd_why'], 'nothing could be loaded')}",
    )
    codecs = ", ".join(name for name, there in report["codecs"].items() if there)
    table.add_row("reads", codecs)
    table.add_row("writes", "FLAC, WAV")
    for check in report["checks"]:
        state = Text("ok: " if check["ok"] else "FAILED: ", style="green" if check["ok"] else "red")
        table.add_row(check["name"], state + Text(check["detail"]))
    console.print(table)
