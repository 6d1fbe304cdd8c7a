"""Gives every parser its corpus once more, for coverage to watch: ``fuzz_replay.py CORPORA``."""

import sys
from pathlib import Path


def main() -> None:
    from fuzz_parsers import PARSERS

    for name, parser in PARSERS.items():
        for path in sorted((Path(sys.argv[1]) / name).iterdir()):
            parser(path.read_bytes())


if __name__ == "__main__":
    main()
