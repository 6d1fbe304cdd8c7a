"""The gate against damage of known strength, and against the words a recogniser loses.

    python benchmarks/gate_damage.py SPEECH --whisper MODEL -o RESULT.json

Recordings of SPEECH are anonymized, then harmed: noise, narrow bands, dropouts, stutter, reversed
and swapped speech, clipping, delay, another pace, somebody else's audio, copies of the original.
Each output meets the gate (`voiceanon.checks.gate`), which never hears a recogniser, and a Whisper
model, which says how many more words are wrong than in the original. RESULT has a row for each
harm, and how well the judge of phones tells where more than 10 points of words were lost (AUC).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon import Anonymizer, Recipe
from voiceanon.checks.gate import Gate
from voiceanon.checks.sound import RATE_HZ
from voiceanon.checks.verdicts import CheckReport
from voiceanon.checks.words import compare_texts
from voiceanon.keys import Draws
from voiceanon.privacy.corpora import read_corpus
from voiceanon.privacy.drawing import integers, normal
from voiceanon.privacy.mcadams import mcadams
from voiceanon.privacy.sounds import Sound

Samples = npt.NDArray[np.float32]
Harm = Callable[[Samples, Samples, Samples, Draws], Samples]

LOST_POINTS = 10.0
JUDGES = ("words.agreement", "words.worst_agreement")


def _noise(
    snr_db: float, _original: Samples, made: Samples, _other: Samples, draws: Draws
) -> Samples:
    noise = normal(draws, len(made)).astype(np.float32)
    gain = np.sqrt(np.mean(made**2)) * 10 ** (-snr_db / 20)
    return np.asarray(made + gain * noise, np.float32)


def _narrow(
    edge_hz: float, _original: Samples, made: Samples, _other: Samples, _d: Draws
) -> Samples:
    from scipy.signal import butter, sosfilt

    return np.asarray(sosfilt(butter(8, edge_hz, fs=RATE_HZ, output="sos"), made), np.float32)


def _places(seconds: float, made: Samples, draws: Draws, every_s: float = 2.0) -> Iterator[slice]:
    """Yield one stretch of so many seconds in every two, in the loudest of three drawn places."""
    size = round(seconds * RATE_HZ)
    for start in range(0, max(len(made) - size, 1), round(every_s * RATE_HZ)):
        room = max(1, min(round(every_s * RATE_HZ), len(made) - start) - size)
        tried = [start + int(at) for at in integers(draws, room, 3)]
        at = max(tried, key=lambda k: float(np.sum(made[k : k + size] ** 2)))
        yield slice(at, min(at + size, len(made)))


def _drop(
    seconds: float, _original: Samples, made: Samples, _other: Samples, draws: Draws
) -> Samples:
    harmed = made.copy()
    for place in _places(seconds, made, draws):
        harmed[place] = 0.0
    return harmed


def _stutter(
    seconds: float, _original: Samples, made: Samples, _other: Samples, draws: Draws
) -> Samples:
    harmed = made.copy()
    for place in _places(2 * seconds, made, draws):
        middle = (place.start + place.stop) // 2
        again = harmed[middle : place.stop]
        again[:] = harmed[place.start : place.start + len(again)]
    return harmed


def _reverse(
    seconds: float, _original: Samples, made: Samples, _other: Samples, draws: Draws
) -> Samples:
    harmed = made.copy()
    for place in _places(seconds, made, draws):
        harmed[place] = harmed[place][::-1]
    return harmed


def _clip(
    gain: float, _original: Samples, made: Samples, _other: Samples, _draws: Draws
) -> Samples:
    return np.clip(made * np.float32(gain), -1.0, 1.0)


def _late(
    seconds: float, _original: Samples, made: Samples, _other: Samples, _draws: Draws
) -> Samples:
    by = round(seconds * RATE_HZ)
    return np.concatenate([np.zeros(by, np.float32), made])[: len(made)]


def _pace(
    factor: float, _original: Samples, made: Samples, _other: Samples, _draws: Draws
) -> Samples:
    from scipy.signal import resample

    quick = resample(made, round(len(made) / factor)).astype(np.float32)
    return np.pad(quick, (0, max(0, len(made) - len(quick))))[: len(made)]


def _somebody_else(_original: Samples, made: Samples, other: Samples, _draws: Draws) -> Samples:
    return np.resize(other, len(made)).astype(np.float32)


def _copy(
    gain: float, seconds: float, original: Samples, made: Samples, _o: Samples, draws: Draws
) -> Samples:
    harmed = made.copy()
    place = slice(0, len(made))
    if seconds:
        place = max(
            _places(seconds, original, draws),
            key=lambda part: float(np.sum(original[part] ** 2)),
        )
    harmed[place] = np.float32(gain) * original[place]
    return harmed


HARMS: dict[str, Harm] = {
    "louder by 3 dB": partial(_clip, 1.41),
    "fainter by 3 dB": partial(_clip, 0.71),
    "20 ms late": partial(_late, 0.02),
    "500 ms late": partial(_late, 0.5),
    **{f"noise, {snr} dB": partial(_noise, float(snr)) for snr in (25, 15, 10, 5, 0)},
    **{f"below {hz} Hz": partial(_narrow, float(hz)) for hz in (4000, 2000, 1000)},
    **{f"dropouts of {ms} ms": partial(_drop, ms / 1000) for ms in (50, 100, 200, 500)},
    "stutter of 200 ms": partial(_stutter, 0.2),
    "300 ms reversed": partial(_reverse, 0.3),
    "all reversed": partial(_reverse, 1e3),
    "clipped by 20 dB": partial(_clip, 10.0),
    "clipped by 30 dB": partial(_clip, 31.6),
    "10 % quicker": partial(_pace, 1.1),
    "somebody else": _somebody_else,
    "a copy": partial(_copy, 1.0, 0.0),
    "a copy at half the level": partial(_copy, 0.5, 0.0),
    "one second copied": partial(_copy, 1.0, 1.0),
}
# Outputs as they are, from strong to useless.
RECIPES: dict[str, dict[str, Any]] = {
    "resynthesis": {"removal": "none", "pitch_levels": 0, "pitch_range": "recording"},
    "template": {},
    "template, residual 0": {"residual": 0.0},
    "bottleneck": {"removal": "bottleneck", "pitch_levels": 4},
    "bottleneck, 4 digits": {"removal": "bottleneck", "pitch_levels": 4, "unit_digits": 4},
    "bottleneck, 3 digits": {"removal": "bottleneck", "pitch_levels": 4, "unit_digits": 3},
    "bottleneck, accent 0.3": {"removal": "bottleneck", "pitch_levels": 4, "accent": 0.3},
}


def outputs(original: Samples, other: Samples, label: str) -> Iterator[tuple[str, Samples]]:
    """Yield the name of each harm and what it made of an output of `original`."""
    draws = Draws(bytes(32), f"damage {label}")
    for name, settings in RECIPES.items():
        recipe = Recipe(name="damage", allow_unprotected=True, **settings)
        made = Anonymizer(recipe, secret=bytes(32))(original, RATE_HZ, recording=label)
        yield name, made
        if name == "template":
            for harm, apply in HARMS.items():
                yield harm, apply(original, made, other, draws)
    yield "mcadams", np.asarray(mcadams(original, RATE_HZ), np.float32)


def gated(original: Samples, made: Samples) -> CheckReport:
    """Return what the gate says of one output."""
    gate = Gate(RATE_HZ, 1)
    gate.hear(original[None])
    gate.spoken(made[None])
    return gate.finish()


@cache
def _recogniser(folder: str) -> Any:
    from voiceanon.checks.recognisers import open_recogniser

    return open_recogniser(f"whisper:{folder}")


def one(job: tuple[Sound, Sound, str, str, str]) -> list[dict[str, Any]]:
    """Return a row for each harm of one recording."""
    sound, other, text, label, whisper = job
    original = sound.read()
    hear = _recogniser(whisper).transcribe
    heard = hear(original)
    rows = []
    began_s = time.process_time()
    Anonymizer("template")(original, RATE_HZ)
    template_s = time.process_time() - began_s
    for name, made in outputs(original, other.read(), label):
        began_s = time.process_time()
        report = gated(original, made)
        gate_s = time.process_time() - began_s
        errors = compare_texts(heard, hear(made), text)
        own = 0 if errors.original is None else errors.original.word_errors
        lost = 100.0 * (errors.anonymized.word_errors - own) / max(1, errors.anonymized.words)
        rows.append(
            {
                "recording": label,
                "harm": name,
                "verdict": str(report.verdict),
                "reason": report.reason,
                "lost_points": lost,
                "gate_s": gate_s,
                "template_s": template_s,
                **{m.name: m.value for m in report.measures},
            }
        )
    return rows


def auc(scores: Iterable[float], is_bad: Iterable[bool]) -> float:
    """Return how often a bad output scores lower than a good one; ties count half."""
    values, bad = np.array(list(scores)), np.array(list(is_bad))
    low, high = values[bad][:, None], values[~bad][None]
    return float((low < high).mean() + 0.5 * (low == high).mean())


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return shares of verdicts a harm, and how well each judge tells lost words."""
    by_harm = []
    for harm in dict.fromkeys(row["harm"] for row in rows):
        some = [row for row in rows if row["harm"] == harm]
        verdicts = [row["verdict"] for row in some]
        by_harm.append(
            {
                "harm": harm,
                "lost_points": float(np.mean([row["lost_points"] for row in some])),
                "lost_many_percent": 100.0
                * float(np.mean([row["lost_points"] > LOST_POINTS for row in some])),
                **{
                    f"{verdict}_percent": 100.0 * verdicts.count(verdict) / len(some)
                    for verdict in ("pass", "hold", "fail", "not measured")
                },
                "agreement": float(np.mean([row[JUDGES[0]] or 0.0 for row in some])),
            }
        )
    judged = [row for row in rows if row[JUDGES[0]] is not None]
    is_bad = [row["lost_points"] > LOST_POINTS for row in judged]
    told = {judge: auc((row[judge] for row in judged), is_bad) for judge in JUDGES}
    ratio = [row["gate_s"] / row["template_s"] for row in rows]
    return {
        "recordings": len({row["recording"] for row in rows}),
        "outputs": len(rows),
        "auc": told,
        "gate_time_by_template_time": float(np.median(ratio)),
        "harms": by_harm,
    }


def shown(found: dict[str, Any]) -> str:
    """Return the summary as a table in Markdown."""
    lines = [
        "| output | words lost, points | over 10 points | passes | held | fails | not measured |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found["harms"]:
        shares = [row[f"{v}_percent"] for v in ("pass", "hold", "fail", "not measured")]
        cells = [row["harm"], f"{row['lost_points']:.1f}", f"{row['lost_many_percent']:.0f} %"]
        cells += [f"{share:.0f} %" for share in shares]
        lines.append("| " + " | ".join(cells) + " |")
    told = ", ".join(f"{judge} {value:.3f}" for judge, value in found["auc"].items())
    lines.append(f"\nAUC for over 10 points lost: {told}")
    lines.append(f"gate by template, time: {found['gate_time_by_template_time']:.2f}")
    return "\n".join(lines)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("speech", type=Path)
    parser.add_argument("--whisper", type=Path, required=True, help="folder of a Whisper model")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--recordings", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", type=Path, help="where every row goes, to look closer")
    arguments = parser.parse_args()
    said = [r for r in read_corpus(arguments.speech).recordings if r.text]
    step = max(1, len(said) // arguments.recordings)
    chosen = said[::step][: arguments.recordings]
    jobs = [
        (Sound.of(r), Sound.of(said[(k * step + len(said) // 2) % len(said)]), r.text, str(k))
        for k, r in enumerate(chosen)
    ]
    whisper = str(arguments.whisper)
    with ProcessPoolExecutor(arguments.workers) as pool:
        rows = [row for rows in pool.map(one, [(*job, whisper) for job in jobs]) for row in rows]
    found = summary(rows)
    arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if arguments.rows:
        arguments.rows.write_text(json.dumps(rows), encoding="utf-8")
    print(shown(found))


if __name__ == "__main__":
    main()
