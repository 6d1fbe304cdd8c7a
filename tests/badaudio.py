"""The shared corpus of malformed and odd recordings: its list, and how each row may end."""

import csv
import re
from pathlib import Path

CORPUS = Path(__file__).parents[2] / "shared" / "badaudio"
LIST = CORPUS / "corpus.csv"
LINES = LIST.read_text(encoding="utf-8").splitlines() if LIST.is_file() else []
ROWS = list(csv.DictReader(LINES))

# What a row expects, and what may become of its recording.
STATUS = {
    "ok": {"done"},
    "ok_strip": {"done"},
    "ok_finite": {"done", "failed"},
    "ok_or_error": {"done", "failed", "empty"},
    "bounded": {"done", "failed"},
    "salvage": {"failed"},
    "error": {"failed"},
    "refuse": {"failed"},
    "skip_empty": {"empty"},
}


def identifier(row):
    return re.sub(r"[^A-Za-z0-9_./-]+", "_", row["path"])
