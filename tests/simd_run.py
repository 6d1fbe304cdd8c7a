"""What tests/test_simd_levels.py runs once for each SIMD level: one input through the whole core.

``python simd_run.py OUT.npz`` writes the analysis rows of real speech and the outputs of recipes,
each for one chunk and for many.
"""

import sys

import numpy as np
from chains import SECRET, run
from sounds import clip, clip_names

from voiceanon import _engine
from voiceanon.anonymizer import Anonymizer
from voiceanon.describing import abstract
from voiceanon.recipe import Recipe

CHUNKS = [0, 1, 79, 80, 81, 333, 2_000, 1, 16_000]


def rows_of(samples: np.ndarray, rate: int, lengths: list[int]) -> np.ndarray:
    analyzer, at, parts = _engine.Analyzer(rate), 0, []
    for length in [*lengths, len(samples)]:
        parts.append(analyzer.process(samples[at : at + length]))
        at += length
    return np.concatenate([*parts, analyzer.finish()])


def main() -> None:
    results = {"level": np.array(_engine.LEVEL), "lanes": np.array(_engine.LANES)}
    resynthesis = Recipe.named("resynthesis", allow_unprotected=True)
    for name in clip_names():
        samples, rate = clip(name)
        samples = np.ascontiguousarray(samples[: 3 * rate])
        speaker = name.split("-", maxsplit=1)[0]
        results[f"rows {speaker}"] = rows_of(samples, rate, [])
        results[f"rows {speaker}, in chunks"] = rows_of(samples, rate, CHUNKS)
        described = abstract(samples, rate, SECRET)
        results[f"units {speaker}"] = np.hstack(
            [described.units, np.stack([described.voiced, described.energy, described.pitch], 1)]
        )
        for recipe in (Recipe.named("template"), Recipe.named("bottleneck"), resynthesis):
            anonymizer = Anonymizer(recipe, SECRET)
            profiler = anonymizer.profiler(rate)
            profiler.process(samples)
            profiles = profiler.finish() if recipe.protects else None
            for how, lengths in (("", []), (", in chunks", CHUNKS)):
                stream = anonymizer.stream(rate, profiles=profiles)
                results[f"{recipe.name} {speaker}{how}"] = run(stream, samples, lengths)
    np.savez(sys.argv[1], **results)


if __name__ == "__main__":
    main()
