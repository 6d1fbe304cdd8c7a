"""How well the mark is found, how often it is found where it is not, and what it costs.

    python benchmarks/marking.py SPEECH -o RESULT.json --unmarked OTHERS --whisper MODEL

SPEECH is cut into clips of ten seconds, which both recipes speak at several strengths of the mark;
`voiceanon.detect` hears the outputs through codecs, other rates and levels, and noise. False alarms
are counted on SPEECH and OTHERS themselves, on McAdams and unmarked outputs of them, on noise and
on chords, with 8000 keys that marked none of them. Whisper's word errors, DNSMOS and the gate
compare outputs with and without the mark; how far other draws of voices move the same means stands
beside. `--parts` measures some of it and keeps the rest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from marking_sounds import (
    ASKED,
    BABBLERS,
    CHANNELS,
    CLIP_S,
    CURVE,
    RATE,
    RECIPES,
    Clip,
    clips_of,
    resampled,
    spoken,
    unmarked_sounds,
    white,
)

from voiceanon import Anonymizer, Recipe, detect
from voiceanon.keys import Draws
from voiceanon.marking.detection import FALSE_ALARMS, all_fits
from voiceanon.marking.hearing import HEARD_HZ, evidence
from voiceanon.marking.pattern import BANDS, CELLS, PERIOD_ROWS, PUBLIC_KEY, ROW_S, signs
from voiceanon.privacy.corpora import read_corpus
from voiceanon.privacy.drawing import permutation

STRENGTHS_DB = (0.3, 0.4, 0.6)
OWN_DB = Recipe.named("template").mark_db
DECOYS = 8000
DRAWS = 5  # of voices without a mark, of the same recordings


def in_time(pool: ProcessPoolExecutor, work: Callable[[Any], Any], jobs: list[Any]) -> list[Any]:
    """Return what the jobs gave that were done in time; they are begun in a drawn order."""
    order = permutation(Draws(bytes(32), "order"), len(jobs))
    waiting = [pool.submit(work, jobs[int(k)]) for k in order]
    done = []
    try:
        for future in as_completed(waiting, _left_s()):
            done.append(future.result())
    except OutOfTime:
        for future in waiting:
            future.cancel()
    return done


_UNTIL = [math.inf]  # when a part must end, by the monotonic clock


def _left_s() -> float | None:
    return None if _UNTIL[0] == math.inf else max(1.0, _UNTIL[0] - time.monotonic())


def heard(job: tuple[Clip, str, float, tuple[str, ...]]) -> list[dict[str, Any]]:
    """Return a row for each channel of one output."""
    clip, recipe, mark_db, channels = job
    made = spoken(clip, recipe, mark_db)
    rows = []
    for name in channels:
        samples, rate, kbit_s = CHANNELS[name](made, Draws(clip.secret(recipe), name))
        report = detect(samples, rate)
        rows.append(
            {
                "recipe": recipe,
                "speaker": clip.speaker,
                "mark_db": mark_db,
                "channel": name,
                "start_s": report.start_s,
                "found": report.found,
                "score": report.score,
                "kbit_s": kbit_s,
            }
        )
    return rows


def detection(clips: list[Clip], pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Return how often the mark is found: all channels at the recipes' strength, a curve beside."""
    own, curve = [], []
    for k, clip in enumerate(clips):
        channels = tuple(CHANNELS) if k % 4 == 0 else ASKED
        own += [(clip, recipe, OWN_DB, channels) for recipe in RECIPES]
    for mark_db in STRENGTHS_DB:
        curve += [(clip, recipe, mark_db, CURVE) for clip in clips[::4] for recipe in RECIPES]
    rows = [row for jobs in (own, curve) for some in in_time(pool, heard, jobs) for row in some]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["mark_db"], row["recipe"], row["channel"]].append(row)
    table = []
    for (mark_db, recipe, channel), some in groups.items():
        found = sum(row["found"] for row in some)
        scores = [row["score"] for row in some]
        table.append(
            {
                "mark_db": mark_db,
                "recipe": recipe,
                "channel": channel,
                "clips": len(some),
                "found_percent": 100.0 * found / len(some),
                "interval_percent": [100.0 * end for end in wilson(found, len(some))],
                "score_median": float(np.median(scores)),
                "score_1_percent": float(np.percentile(scores, 1)),
                "kbit_s": float(np.mean([row["kbit_s"] for row in some])),
            }
        )
    return {
        "score_needed": math.sqrt(2 * math.log(PERIOD_ROWS / FALSE_ALARMS)),
        "rows": table,
        "links": [links(groups[OWN_DB, recipe, "as it is"], recipe) for recipe in RECIPES],
    }


def links(rows: list[dict[str, Any]], recipe: str) -> dict[str, Any]:
    """Return how often two outputs of one person are more alike in the mark than two people's.

    Shares of pairs of pairs, 0.5 where nothing links: of where the pattern begins, and of how
    clearly it is found. The latter hears the speech that carries the mark, too.
    """
    speakers = np.array([row["speaker"] for row in rows])
    same, different = np.triu(speakers[:, None] == speakers, 1), speakers[:, None] != speakers
    different = np.triu(different, 1)
    period_s = PERIOD_ROWS * ROW_S
    starts = np.array([row["start_s"] for row in rows])
    apart = np.abs(starts[:, None] - starts)
    scores = np.array([row["score"] for row in rows])
    told = {}
    for name, off in (
        ("start", np.minimum(apart, period_s - apart)),
        ("score", np.abs(scores[:, None] - scores)),
    ):
        order = np.concatenate([off[same], off[different]]).argsort().argsort()
        n, m = int(same.sum()), int(different.sum())
        told[f"auc_{name}"] = 1.0 - float(order[:n].sum() - n * (n - 1) / 2) / (n * m)
    return {"recipe": recipe, "pairs_of_one": n, "pairs_of_two": m, **told}


def wilson(found: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    share, extra = found / of, z * z / of
    middle = (share + extra / 2) / (1 + extra)
    half = z / (1 + extra) * math.sqrt(share * (1 - share) / of + extra / (4 * of))
    return max(0.0, middle - half), min(1.0, middle + half)


@cache
def _decoys() -> tuple[bytes, ...]:
    others = tuple(hashlib.sha256(f"decoy {k}".encode()).digest() for k in range(DECOYS - 1))
    return (PUBLIC_KEY, *others)


@cache
def _decoy_patterns() -> npt.NDArray[np.float64]:
    return np.stack([signs(key) for key in _decoys()])


def alarms_of(clip: Clip) -> dict[str, list[float]]:
    """Return, for each kind of sound, the public key's score and the highest of all keys."""
    found = {}
    for kind, sound in unmarked_sounds(clip):
        proof = evidence(resampled(sound, RATE, HEARD_HZ))
        folded = np.zeros((PERIOD_ROWS, BANDS))
        np.add.at(folded, np.arange(len(proof)) % PERIOD_ROWS, proof)
        best = all_fits(folded, _decoy_patterns()).reshape(DECOYS, -1).max(axis=1)
        found[kind] = best.tolist()
    return found


def alarms(clips: list[Clip], pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Return how high wrong keys score, and how often they pass for the right one."""
    needed = math.sqrt(2 * math.log(PERIOD_ROWS / FALSE_ALARMS))
    scores: dict[str, list[list[float]]] = defaultdict(list)
    for found in in_time(pool, alarms_of, clips):
        for kind, best in found.items():
            scores[kind].append(best)
    rows, whole = [], np.zeros(0)
    for kind, some in scores.items():
        values = np.array(some)
        whole = np.append(whole, values)
        rows.append(
            {
                "sound": kind,
                "clips": len(values),
                "hours": len(values) * CLIP_S / 3600,
                "trials": int(values.size),
                "found": int((values > needed).sum()),
                "found_with_public_key": int((values[:, 0] > needed).sum()),
                "highest_score": float(values.max()),
                "highest_score_public_key": float(values[:, 0].max()),
            }
        )
    found_in_all = int((whole > needed).sum())
    return {
        "keys": DECOYS,
        "cells_of_a_key": CELLS * BANDS,
        "score_needed": needed,
        "trials": int(whole.size),
        "found": found_in_all,
        # Nothing found in n trials: below 3/n with 95 % confidence.
        "rate_below": 3.0 / whole.size if found_in_all == 0 else None,
        "share_of_trials_above": {
            f"{level:.1f}": float((whole > level).mean()) for level in np.arange(3.0, 6.6, 0.5)
        },
        "rows": rows,
    }


def quality_of(job: tuple[Path, str, str, str]) -> list[dict[str, Any]]:
    """Return words lost, naturalness and the gate's verdict of one recording, marked and not."""
    path, text, recipe, whisper = job
    import soundfile

    from voiceanon.checks.gate import Gate
    from voiceanon.checks.words import word_errors

    samples, _ = soundfile.read(path, dtype="float32")
    clip = Clip(path.stem, "", samples)
    rows = []
    for mark_db in (0.0, OWN_DB):
        made = spoken(clip, recipe, mark_db)
        gate = Gate(RATE, 1)
        gate.hear(samples[None])
        gate.spoken(made[None])
        row = {"recording": path.stem, "recipe": recipe, "mark_db": mark_db}
        row["verdict"] = str(gate.finish().verdict)
        for predictor in _predictors():
            row |= predictor.scores(made)
        if whisper:
            errors = word_errors(text, _recogniser(whisper).transcribe(made).text)
            row |= {"words": errors.words, "word_errors": errors.word_errors}
        rows.append(row)
    return rows


@cache
def _predictors() -> tuple[Any, ...]:
    from voiceanon.checks.naturalness import find_predictors

    return find_predictors()[0]


@cache
def _recogniser(folder: str) -> Any:
    from voiceanon.checks.recognisers import open_recogniser

    return open_recogniser(f"whisper:{folder}")


def quality(
    speech: Path, count: int, whisper: str, pool: ProcessPoolExecutor
) -> list[dict[str, Any]]:
    """Return means with and without the mark, and of the paired differences."""
    chosen = _chosen(speech, count)
    jobs = [(r.path, r.text, recipe, whisper) for r in chosen for recipe in RECIPES]
    rows = [row for some in in_time(pool, quality_of, jobs) for row in some]
    table = []
    for recipe in RECIPES:
        plain = [r for r in rows if r["recipe"] == recipe and r["mark_db"] == 0.0]
        for mark_db in (0.0, OWN_DB):
            some = [r for r in rows if r["recipe"] == recipe and r["mark_db"] == mark_db]
            line: dict[str, Any] = {"recipe": recipe, "mark_db": mark_db, "recordings": len(some)}
            line["passed_the_gate"] = sum(row["verdict"] == "pass" for row in some)
            for name in ("dnsmos", "distillmos"):
                pairs = [
                    (a[name], b[name])
                    for a, b in zip(some, plain, strict=True)
                    if a.get(name) is not None and b.get(name) is not None
                ]
                if pairs:
                    line[name] = float(np.mean([a for a, _ in pairs]))
                    line[f"{name}_change"] = _interval([a - b for a, b in pairs])
            if whisper:
                words = sum(row["words"] for row in some)
                line["wer_percent"] = 100.0 * sum(row["word_errors"] for row in some) / words
                # By recording, weighed by its words: 100 · mean(difference) / mean(words).
                scale = 100.0 * len(some) / words
                line["wer_percent_change"] = [
                    scale * end
                    for end in _interval(
                        [
                            a["word_errors"] - b["word_errors"]
                            for a, b in zip(some, plain, strict=True)
                        ]
                    )
                ]
            table.append(line)
    return table


def in_other_draws(job: tuple[Path, str]) -> dict[str, Any]:
    """Return the naturalness of one recording without a mark, in several draws of its voice."""
    path, recipe = job
    import soundfile

    samples, _ = soundfile.read(path, dtype="float32")
    scores: dict[str, list[float]] = defaultdict(list)
    for k in range(DRAWS):
        made = spoken(Clip(f"{path.stem} draw {k}", "", samples), recipe, 0.0)
        for predictor in _predictors():
            for name, score in predictor.scores(made).items():
                scores[name].append(score)
    return {"recipe": recipe, "scores": scores}


def draws_apart(speech: Path, count: int, pool: ProcessPoolExecutor) -> list[dict[str, Any]]:
    """Return how far the mean over the same recordings moves from draw to draw of their voices."""
    jobs = [(one.path, recipe) for one in _chosen(speech, count) for recipe in RECIPES]
    rows = in_time(pool, in_other_draws, jobs)
    table = []
    for recipe in RECIPES:
        some = [row["scores"] for row in rows if row["recipe"] == recipe]
        line: dict[str, Any] = {"recipe": recipe, "recordings": len(some), "draws": DRAWS}
        for name in ("dnsmos", "distillmos"):
            means = np.mean([scores[name] for scores in some if scores.get(name)], axis=0)
            line |= {
                f"{name}_means": means.tolist(),
                f"{name}_deviation": float(np.std(means, ddof=1)),
            }
        table.append(line)
    return table


def _chosen(speech: Path, count: int) -> list[Any]:
    said = [r for r in read_corpus(speech).recordings if r.text and (r.duration_s or 9) <= 15]
    return said[:: max(1, len(said) // count)][:count]


def _interval(values: list[float]) -> list[float]:
    """Return a mean and its 95 % interval, by the normal distribution."""
    half = 1.96 * float(np.std(values)) / math.sqrt(max(1, len(values) - 1))
    mean = float(np.mean(values))
    return [mean, mean - half, mean + half]


def cost(clips: list[Clip]) -> dict[str, Any]:
    """Return processor time with the mark by that without it, and of detection by real time."""
    samples = np.concatenate([clip.samples for clip in clips[:6]])
    ratios: dict[str, Any] = {}
    for name in RECIPES:
        times: dict[float, list[float]] = {0.0: [], OWN_DB: []}
        for _ in range(9):
            for mark_db, taken in times.items():
                anonymizer = Anonymizer(replace(Recipe.named(name), mark_db=mark_db), bytes(32))
                began_s = time.process_time()
                anonymizer(samples, RATE)
                taken.append(time.process_time() - began_s)
        ratios[name] = min(times[OWN_DB]) / min(times[0.0])
    began_s = time.process_time()
    detect(samples, RATE)
    seconds = time.process_time() - began_s
    ratios["detection_times_real_time"] = len(samples) / RATE / seconds
    return ratios


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("speech", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--unmarked", type=Path, nargs="*", default=[])
    parser.add_argument("--whisper", default="", help="folder of a Whisper model")
    parser.add_argument("--recordings", type=int, default=80, help="for words and naturalness")
    parser.add_argument("--minutes", type=float, default=math.inf, help="for each part")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--parts", default="detection,alarms,quality,draws,cost")
    arguments = parser.parse_args()
    parts = arguments.parts.split(",")
    clips = clips_of(arguments.speech)
    BABBLERS.extend(clip.samples for clip in clips[::3])
    white()
    if "alarms" in parts:
        _decoy_patterns()
    found: dict[str, Any] = {}
    if arguments.output.exists():
        found = json.loads(arguments.output.read_text(encoding="utf-8"))
    found |= {"mark_db": OWN_DB, "speech": arguments.speech.name, "clips": len(clips)}
    with ProcessPoolExecutor(arguments.workers) as pool:
        _UNTIL[0] = time.monotonic() + 60 * arguments.minutes
        if "detection" in parts:
            found["detection"] = detection(clips, pool)
        if "alarms" in parts:
            others = [c for folder in arguments.unmarked for c in clips_of(folder, 12)]
            found["alarms"] = alarms([*clips[::2], *others], pool)
        if "quality" in parts:
            found["quality"] = quality(
                arguments.speech, arguments.recordings, arguments.whisper, pool
            )
        if "draws" in parts:
            found["draws"] = draws_apart(arguments.speech, arguments.recordings, pool)
        if "cost" in parts:
            found["cost"] = cost(clips)
    arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
