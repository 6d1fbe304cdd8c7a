"""Runs atheris on one parser: ``python tests/fuzz_atheris.py PARSER CORPUS -max_total_time=60``.

A process of its own: the fuzzer ends it. The corpus is a folder; it starts with `seeds`.
"""

import sys
from hashlib import sha256
from pathlib import Path


def main() -> None:
    import atheris

    name, corpus = sys.argv[1], Path(sys.argv[2])
    with atheris.instrument_imports(include=["voiceanon"]):
        from fuzz_parsers import PARSERS
        from fuzz_seeds import seeds_of
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds_of(name):
        (corpus / sha256(seed).hexdigest()[:16]).write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), *sys.argv[3:]], PARSERS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
