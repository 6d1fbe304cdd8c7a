"""The picture of the road, from a recording to another voice, with real data on every step."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from figure_style import INK, OURS, PAPER, RIVAL

from voiceanon import Anonymizer, abstract, analyze

RECORDING = Path(__file__).resolve().parents[1] / "voiceanon" / "samples" / "4446-2275-0021.flac"
SECRET = bytes(32)
_START_S, _END_S = 0.5, 2.5
_LEFT, _WIDE = 96, 460  # of the drawings
_PAGE, _TALL = 600, 1008
_FRAME_S = 0.02
_GREY, _ROAD = "#5F6368", "#C9CDD2"
_UNITS = {-1: "#00224E", 0: "#B9B7AE", 1: "#FEE838"}  # of cividis


def track() -> dict[str, Any]:
    """Return what is drawn: columns of samples in and out, analysis, description."""
    samples, rate = soundfile.read(RECORDING, dtype="float32")
    spoken = Anonymizer("bottleneck", SECRET)(samples, rate, recording="figure")
    described = abstract(samples, rate, SECRET, recipe="bottleneck", recording="figure")
    frames = analyze(samples, rate)
    part = slice(round(_START_S / frames.hop_s), round(_END_S / frames.hop_s))
    kept = slice(round(_START_S / _FRAME_S), round(_END_S / _FRAME_S))
    samples, spoken = (one[int(_START_S * rate) : int(_END_S * rate)] for one in (samples, spoken))
    return {
        "before": _columns(samples),
        "after": _columns(spoken),
        "f0_hz": [round(float(hz), 1) for hz in frames.f0_hz[part][::4]],
        "envelope": frames.envelope[part][::2],
        "units": described.units[kept].tolist(),
        "energy": described.energy[kept].tolist(),
        "pitch": np.where(described.voiced[kept], described.pitch[kept], -99).tolist(),
    }


def _columns(samples: Any) -> list[float]:
    """Return the highest magnitude in each of 150 parts, 1 for the loudest."""
    parts = np.abs(samples[: len(samples) // 150 * 150]).reshape(150, -1).max(1)
    return [round(float(part), 3) for part in parts / parts.max()]


def draw(path: Path) -> None:
    """Write the picture as SVG."""
    told = track()
    envelope = told.pop("envelope")
    parts = [
        _step(70, "Recording", "a waveform: who speaks, where, and what"),
        _wave(told["before"], 100, RIVAL),
        _step(218, "Analysis", "every 5 ms: spectrum, pitch, breath noise, level"),
        _spectrum(envelope, 248, 88),
        _pitch_line(told["f0_hz"], 248, 88),
        _step(384, "Speaker removal", "what is typical of this voice is taken out"),
        *_dropped(416),
        _step(530, "Description", "all that is left; it can be stored instead of audio"),
        _units(told["units"], told["energy"], 558),
        _note(642, "one of 729 units every 20 ms"),
        _steps([6 * one for one in told["energy"]], 648, 30, (-42, 14)),
        _note(696, "level in steps of 6 dB"),
        _steps(told["pitch"], 704, 24, (-2.6, 2.6)),
        _note(748, "pitch in 5 steps"),
        _voice(766),
        _step(890, "Voice", "made of description and pseudo-voice alone"),
        _wave(told["after"], 920, OURS),
    ]
    text = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_PAGE} {_TALL}" role="img"
 font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif">
<title>The road from a recording to another voice</title>
<metadata><dc:description xmlns:dc="http://purl.org/dc/elements/1.1/">{
        json.dumps(told)
    }</dc:description></metadata>
<rect width="{_PAGE}" height="{_TALL}" rx="14" fill="{PAPER}"/>
<path d="M44 62V880" stroke="{_ROAD}" stroke-width="10" stroke-linecap="round"/>
<path d="M44 68V876" stroke="{PAPER}" stroke-width="1.6" stroke-dasharray="9 9"/>
{chr(10).join(parts)}
</svg>
"""
    path.write_text(text, encoding="utf-8")


def _step(y: int, name: str, what: str) -> str:
    colour = {"Recording": RIVAL, "Voice": OURS}.get(name, INK)
    return (
        f'<circle cx="44" cy="{y - 8}" r="13" fill="{PAPER}" stroke="{colour}" stroke-width="5"/>'
        f'<text x="{_LEFT}" y="{y - 8}" font-size="24" font-weight="700" fill="{colour}">{name}'
        f'</text><text x="{_LEFT}" y="{y + 15}" font-size="18" fill="{_GREY}">{what}</text>'
    )


def _wave(columns: list[float], y: int, colour: str) -> str:
    middle, step = y + 34, _WIDE / len(columns)
    bars = "".join(
        f"M{_LEFT + (i + 0.5) * step:.1f} {middle - 32 * c:.1f}V{middle + 32 * c + 0.6:.1f}"
        for i, c in enumerate(columns)
    )
    return f'<path d="{bars}" stroke="{colour}" stroke-width="2" fill="none"/>'


def _spectrum(envelope: Any, y: int, height: int) -> str:
    """The envelope as a small picture: bins to 5 kHz, 55 dB, darker is louder."""
    from PIL import Image

    level_db = 10 * np.log10(np.maximum(envelope[:, : envelope.shape[1] * 5 // 8 : 4], 1e-14))
    grey = 255 - 165 * np.clip((level_db - level_db.max() + 55) / 55, 0, 1)
    file = io.BytesIO()
    Image.fromarray(grey.T[::-1].astype(np.uint8)).save(file, "PNG", optimize=True)
    coded = base64.b64encode(file.getvalue()).decode()
    return (
        f'<image x="{_LEFT}" y="{y}" width="{_WIDE}" height="{height}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{coded}"/>'
    )


def _pitch_line(f0_hz: list[float], y: int, height: int) -> str:
    line, pen = "", "M"
    for i, hz in enumerate(f0_hz):
        if hz > 0:
            up = np.clip((np.log2(hz) - np.log2(90)) / (np.log2(320) - np.log2(90)), 0, 1)
            line += f"{pen}{_x(i, len(f0_hz)):.1f} {y + height - 8 - 0.5 * height * up:.1f}"
        pen = "L" if hz > 0 else "M"
    return "".join(
        f'<path d="{line}" stroke="{colour}" stroke-width="{width}" fill="none" '
        f'stroke-linecap="round" stroke-linejoin="round"/>'
        for colour, width in ((PAPER, 8), (RIVAL, 4))
    )


def _x(i: int, count: int) -> float:
    return _LEFT + (i + 0.5) * _WIDE / count


def _dropped(y: int) -> list[str]:
    """What leaves the road, each crossed out."""
    names = ("tract length", "mean spectrum", "height of pitch", "breathiness", "room, noise")
    places = ((0, 0, 124), (134, 0, 152), (296, 0, 150), (0, 38, 124), (134, 38, 152))
    parts = [f'<path d="M57 {y + 14}H{_LEFT - 8}" stroke="{_ROAD}" stroke-width="4"/>']
    for name, (right, down, width) in zip(names, places, strict=True):
        x, top = _LEFT + right, y + down
        parts.append(
            f'<rect x="{x}" y="{top}" width="{width}" height="30" rx="15" fill="none" '
            f'stroke="{RIVAL}" stroke-opacity="0.55" stroke-dasharray="4 4"/>'
            f'<text x="{x + width / 2}" y="{top + 21}" font-size="17" text-anchor="middle" '
            f'fill="{_GREY}" text-decoration="line-through">{name}</text>'
        )
    return parts


def _units(units: list[list[int]], energy: list[int], y: int) -> str:
    """Digits of the units as rows of cells, equal neighbours joined; pauses stay empty."""
    step, runs = _WIDE / len(units), []
    for digit in range(len(units[0])):
        row = [None if e <= -8 else u[digit] for u, e in zip(units, energy, strict=True)]
        start = 0
        for i in range(1, len(row) + 1):
            if i == len(row) or row[i] != row[start]:
                if row[start] is not None:
                    runs.append(
                        f'<rect x="{_LEFT + start * step:.1f}" y="{y + 11 * digit}" '
                        f'width="{(i - start) * step - 0.8:.1f}" height="10" '
                        f'fill="{_UNITS[row[start]]}"/>'
                    )
                start = i
    return "".join(runs)


def _steps(values: list[int], y: int, height: int, limits: tuple[float, float]) -> str:
    low, high = limits
    line, pen, step = "", "M", _WIDE / len(values)
    for i, value in enumerate(values):
        if value < low:
            pen = "M"
            continue
        at = y + height - height * (value - low) / (high - low)
        line += f"{pen}{_LEFT + i * step:.1f} {at:.1f}H{_LEFT + (i + 1) * step:.1f}"
        pen = "L"
    return f'<path d="{line}" stroke="{INK}" stroke-width="2.6" fill="none"/>'


def _note(y: int, text: str) -> str:
    return (
        f'<text x="{_LEFT + _WIDE}" y="{y}" font-size="16" text-anchor="end" fill="{_GREY}">'
        f"{text}</text>"
    )


def _voice(y: int) -> str:
    """The pseudo-voice that joins the road."""
    return (
        f'<path d="M{_LEFT} {y + 36}C70 {y + 36} 44 {y + 46} 44 {y + 98}" stroke="{OURS}" '
        f'stroke-width="5" fill="none"/>'
        f'<rect x="{_LEFT}" y="{y}" width="{_WIDE}" height="72" rx="12" fill="{OURS}" '
        f'fill-opacity="0.10" stroke="{OURS}"/>'
        f'<text x="{_LEFT + 18}" y="{y + 31}" font-size="20" font-weight="700" fill="{INK}">'
        f"Pseudo-voice</text>"
        f'<text x="{_LEFT + 18}" y="{y + 55}" font-size="18" fill="{_GREY}">'
        f"drawn from a secret that is not kept</text>"
    )
