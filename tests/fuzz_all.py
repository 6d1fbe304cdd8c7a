"""Runs every fuzzer for a stated time and reports executions and coverage: what `make fuzz` calls.

``python tests/fuzz_all.py --seconds 60 --programs build/fuzz`` runs the libFuzzer programs that lie
in the folder, then atheris on every parser, where it is installed. What is found lies in the folder
as ``crash-…``; the corpora stay there for the next time.
"""

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
# A hang is an input that takes longer.
_LIMITS = ["-timeout=25", "-rss_limit_mb=4096", "-print_final_stats=1"]
_LONGEST_OF_CORE, _LONGEST_OF_PARSER = 1_024, 4_096
_NEWEST = re.compile(r"cov: (\d+) ft: (\d+)")
_EXECUTED = re.compile(r"stat::number_of_executed_units: (\d+)")
# The files that are parsers, and what they are fuzzed by.
_PARSING = ("recipe.py", "container/voa.py", "coding/", "archive/lists.py", "formats/")
_WRITING = ("formats/placing.py", "formats/writing.py")


def _run(name: str, command: list[str], folder: Path, **environment: str) -> dict[str, Any]:
    """Run one fuzzer; what it found is in its log, which stays."""
    log = folder / f"{name}.log"
    with log.open("wb") as out:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            check=False,
        )
    text = log.read_text(errors="replace")
    executed, newest = _EXECUTED.search(text), _NEWEST.findall(text)
    edges, features = map(int, newest[-1] if newest else (0, 0))
    count = int(executed[1]) if executed else 0
    found = f"FOUND: see {log}" if done.returncode else ""
    print(f"{name:12} {count:>9} runs {edges:>6} edges {features:>6} features {found}", flush=True)
    return {
        "fuzzer": name,
        "executions": count,
        "edges": edges,
        "features": features,
        "ended_well": not found,
    }


def _fuzzed(
    name: str, start: list[str], folder: Path, seconds: int, longest: int, **environment: str
) -> dict[str, Any]:
    corpus = folder / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", f"-max_len={longest}", *_LIMITS]
    options.append(f"-artifact_prefix={folder}/crash-{name}-")
    return _run(name, [*start, str(corpus), *options], folder, **environment)


def _core_lines(programs: Sequence[Path], folder: Path, tools: str) -> float:
    """Percent of the core's lines that the fuzzers reached together."""
    merged = folder / "core.profdata"
    profiles = [str(profile) for profile in folder.glob("*.profraw")]
    subprocess.run([f"{tools}llvm-profdata", "merge", "-o", merged, *profiles], check=True)
    others = [argument for program in programs[1:] for argument in ("-object", program)]
    export = [f"{tools}llvm-cov", "export", "-summary-only", f"-instr-profile={merged}"]
    export += [programs[0], *others, "-ignore-filename-regex=csrc/(fuzz|tests)/|/usr/"]
    told = subprocess.run(export, check=True, capture_output=True, text=True)
    return round(float(json.loads(told.stdout)["data"][0]["totals"]["lines"]["percent"]), 1)


def _parser_coverage(folder: Path) -> dict[str, float]:
    """Percent of lines and branches of the parsers that their corpora reach, by file."""
    data, told = folder / "parsers.coverage", folder / "parsers.json"
    coverage = [sys.executable, "-m", "coverage"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])}
    run = ["run", "--branch", "--source=voiceanon", str(HERE / "fuzz_replay.py")]
    run.append(str(folder / "corpus"))
    for part in (run, ["json", "-q", "-o", str(told)]):
        command = [*coverage, part[0], f"--data-file={data}", *part[1:]]
        subprocess.run(command, check=True, cwd=ROOT, env=environment)
    files = json.loads(told.read_text())["files"]
    return {
        name: round(found["summary"]["percent_covered"], 1)
        for name, found in files.items()
        if name.partition("/")[2].startswith(_PARSING) and not name.endswith(_WRITING)
    }


def main() -> int:
    options = argparse.ArgumentParser(description="Run every fuzzer for a stated time.")
    options.add_argument("--seconds", type=int, default=60, help="for each fuzzer")
    options.add_argument("--programs", type=Path, default=ROOT / "build" / "fuzz")
    options.add_argument("--llvm", default="", help="what stands before llvm-cov: a folder and /")
    given = options.parse_args()
    folder, seconds = given.programs.resolve(), given.seconds
    report: dict[str, Any] = {"seconds_each": seconds, "fuzzers": []}
    programs = [folder / source.stem for source in sorted((ROOT / "csrc/fuzz").glob("*.cpp"))]
    for program in programs:
        profile = str(folder / f"{program.name}.profraw")
        start, longest = [str(program)], _LONGEST_OF_CORE
        done = _fuzzed(program.name, start, folder, seconds, longest, LLVM_PROFILE_FILE=profile)
        report["fuzzers"].append(done)
    report["core_lines_percent"] = _core_lines(programs, folder, given.llvm)
    print(f"the core: {report['core_lines_percent']} % of lines")
    if importlib.util.find_spec("atheris") is None:
        print("the parsers are left out: atheris is missing, pip install 'voiceanon[fuzz]'")
    else:
        sys.path[:0] = [str(ROOT), str(HERE)]
        from fuzz_parsers import PARSERS

        path = os.pathsep.join([str(ROOT), str(HERE)])
        for name in PARSERS:
            start = [sys.executable, str(HERE / "fuzz_atheris.py"), name]
            longest = _LONGEST_OF_PARSER
            done = _fuzzed(name, start, folder, seconds, longest, PYTHONPATH=path)
            report["fuzzers"].append(done)
        report["parsers_percent"] = _parser_coverage(folder)
        for file, percent in report["parsers_percent"].items():
            print(f"{file:36} {percent:5.1f} % of lines and branches")
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    return 0 if all(done["ended_well"] for done in report["fuzzers"]) else 1


if __name__ == "__main__":
    sys.exit(main())
