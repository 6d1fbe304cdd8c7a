"""`python -m benchmarks`, which `make bench` runs: the speed benchmark, then the f0 table."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

for script, arguments in (("speed.py", sys.argv[1:]), ("f0_accuracy.py", [])):
    ended = subprocess.call([sys.executable, str(HERE / script), *arguments])
    if ended != 0:
        sys.exit(ended)
