"""Anonymises a list of recordings with one variant, inside the Python that has the variant.

Run as a program by quality.py (the evaluating environment need not have voiceanon, nor the other
way round). Every recording is its own draw: a secret is derived from the seed and the key, so that
a rerun gives the same audio and no two recordings share randomness.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

Change = Callable[[np.ndarray, int, str], np.ndarray]


def secret_of(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"quality {seed} {key}".encode()).digest()


def raw(samples: np.ndarray, _rate: int, _key: str) -> np.ndarray:
    return samples


def world_copy(samples: np.ndarray, rate: int, _key: str) -> np.ndarray:
    """Analysis and synthesis by WORLD (Morise et al. 2016) with nothing changed in between."""
    import pyworld

    wave = np.ascontiguousarray(samples, dtype=np.float64)
    coarse, times = pyworld.dio(wave, rate)
    f0_hz = pyworld.stonemask(wave, coarse, times, rate)
    envelope = pyworld.cheaptrick(wave, f0_hz, times, rate)
    aperiodicity = pyworld.d4c(wave, f0_hz, times, rate)
    return np.asarray(pyworld.synthesize(f0_hz, envelope, aperiodicity, rate))


def mcadams_per_utterance(seed: int) -> Change:
    """B2 of the VoicePrivacy challenge with a coefficient drawn for each utterance in 0.5..0.9."""
    from mcadams import mcadams

    def change(samples: np.ndarray, rate: int, key: str) -> np.ndarray:
        draw = int.from_bytes(secret_of(seed, key)[:8], "big") / 2**64
        return np.asarray(mcadams(samples, rate, 0.5 + 0.4 * draw))

    return change


def ours(seed: int, recipe: str, overrides: dict[str, Any]) -> Change:
    """A recipe of voiceanon, with fields of it replaced."""
    import dataclasses

    import voiceanon
    from voiceanon.recipe import Recipe

    # Here the vocoder is measured too, and nothing is delivered to anybody.
    read = Recipe.read if Path(recipe).suffix == ".toml" else Recipe.named
    chosen = dataclasses.replace(read(recipe, allow_unprotected=True), **overrides)

    def change(samples: np.ndarray, rate: int, key: str) -> np.ndarray:
        anonymizer = voiceanon.Anonymizer(chosen, secret=secret_of(seed, key))
        return np.asarray(anonymizer(samples, rate))

    return change


def called(target: str, options: dict[str, Any]) -> Change:
    """`module:function` found on the path (the working directory counts), with options bound."""
    sys.path.insert(0, str(Path.cwd()))
    module, _, name = target.partition(":")
    function = getattr(importlib.import_module(module), name)
    return lambda samples, rate, key: np.asarray(function(samples, rate, key, **options))


def change_of(spec: dict[str, Any]) -> Change:
    kind, seed = spec["kind"], int(spec["seed"])
    if kind == "raw":
        return raw
    if kind == "world":
        return world_copy
    if kind == "mcadams":
        return mcadams_per_utterance(seed)
    if kind == "ours":
        return ours(seed, spec["target"], spec["options"])
    if kind == "call":
        return called(spec["target"], spec["options"])
    raise ValueError(f"unknown kind of variant {kind!r}")


def generate(spec: dict[str, Any], jobs: list[dict[str, Any]]) -> dict[str, float]:
    """Anonymise `jobs` one after another; return seconds of audio, of work, and clipped samples."""
    import soundfile

    change = change_of(spec)
    audio_s = work_s = 0.0
    clipped = 0
    for job in jobs:
        rate = soundfile.info(job["source"]).samplerate
        start = round(job["start_s"] * rate)
        frames = -1 if job["length_s"] is None else round(job["length_s"] * rate)
        samples, rate = soundfile.read(job["source"], frames, start, dtype="float32")
        began = time.perf_counter()
        changed = change(samples, rate, job["key"])
        work_s += time.perf_counter() - began
        audio_s += len(samples) / rate
        if changed.ndim != 1 or len(changed) < len(samples) // 4:
            raise ValueError(f"{job['key']}: got shape {changed.shape} for {samples.shape}")
        if not np.isfinite(changed).all():
            raise ValueError(f"{job['key']}: samples that are not finite")
        clipped += int((np.abs(changed) > 1).sum())
        target = Path(job["target"])
        target.parent.mkdir(parents=True, exist_ok=True)
        whole = target.with_suffix(".part")
        soundfile.write(whole, np.clip(changed, -1, 1), rate, subtype="PCM_16", format="WAV")
        whole.replace(target)
    return {"audio_s": audio_s, "work_s": work_s, "clipped": clipped}


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    workers = max(1, int(task["workers"]))
    shares = [task["jobs"][i::workers] for i in range(workers)]
    if workers == 1:
        sums = [generate(task["spec"], task["jobs"])]
    else:
        with get_context("spawn").Pool(workers) as pool:
            sums = pool.starmap(generate, [(task["spec"], share) for share in shares])
    total = {name: sum(part[name] for part in sums) for name in sums[0]}
    Path(sys.argv[2]).write_text(json.dumps(total), encoding="utf-8")


if __name__ == "__main__":
    main()
