"""Percent of the core's lines that ran, from what gcov counted: ``cpp_lines.py FOLDER...``.

A line counts as reached if it ran at any SIMD level or in any program that was built with counting.
"""

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
_CORE = ("csrc/src/", "csrc/include/", "csrc/bindings/")


def lines_of(folders: list[Path]) -> dict[str, dict[int, int]]:
    """Return how often each line of the core's files ran."""
    counts: dict[str, dict[int, int]] = defaultdict(dict)
    for folder in folders:
        for notes in sorted(folder.rglob("*.gcno")):
            command = ["gcov", "--json-format", "--stdout", str(notes)]
            told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
            for report in filter(None, told.stdout.splitlines()):
                for file in json.loads(report)["files"]:
                    name = os.path.relpath(ROOT / file["file"], ROOT)
                    if name.startswith(_CORE):
                        of_file = counts[name]
                        for line in file["lines"]:
                            number = line["line_number"]
                            of_file[number] = max(of_file.get(number, 0), line["count"])
    return counts


def main() -> None:
    counts = lines_of([Path(folder) for folder in sys.argv[1:]])
    ran = total = 0
    for name, lines in sorted((name, lines) for name, lines in counts.items() if lines):
        reached = sum(count > 0 for count in lines.values())
        missed = [number for number, count in sorted(lines.items()) if not count]
        shown = " ".join(map(str, missed[:12])) + (" …" if len(missed) > 12 else "")
        print(f"{name:46} {100 * reached / len(lines):5.1f} %  {shown}")
        ran, total = ran + reached, total + len(lines)
    print(f"{'the core':46} {100 * ran / max(total, 1):5.1f} % of {total} lines")


if __name__ == "__main__":
    main()
