"""Every malformed and odd recording of the shared corpus ends as its row says, in one run.

One process works on all of them, so that a crash, a hang or a leak of one shows; then each row is
held against what became of its file. (`salvage`: partly readable recordings are refused for now.)
"""

import hashlib
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from badaudio import CORPUS, ROWS, STATUS, identifier

from voiceanon.cli.doctor import largest_correlation

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(not ROWS, reason="the shared corpus is not beside this checkout")

PROGRAM = "from voiceanon.cli.app import main; main()"
# Shorter or simpler sounds than this have too few shapes to tell a copy by its correlation.
FRAMES_TO_COMPARE = 1000


class Outcome:
    def __init__(self, run, out):
        self.code, self.out, self.err = run.returncode, run.stdout, run.stderr
        self.folder = out
        self.rows = {}
        for line in self.out.splitlines():
            row = json.loads(line)
            if row["type"] == "recording":
                self.rows[row["source"]] = row
            else:
                self.summary = row


def anonymize(*arguments):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "anonymize", *arguments, "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    out = tmp_path_factory.mktemp("badaudio") / "out"
    sources = [str(CORPUS / row["path"]) for row in ROWS]
    return Outcome(anonymize(*sources, "-o", str(out), "--format", "wav", "--no-check"), out)


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    """Only what can be read, through the gate."""
    out = tmp_path_factory.mktemp("gated") / "out"
    sources = [str(CORPUS / row["path"]) for row in ROWS if "done" in STATUS[row["expected"]]]
    return Outcome(anonymize(*sources, "-o", str(out), "--format", "wav"), out)


def test_the_run_ends_as_designed(outcome):
    assert outcome.code == 3, outcome.err
    assert outcome.err == ""
    counts = [outcome.summary[key] for key in ("done", "failed", "empty", "skipped")]
    assert sum(counts) == outcome.summary["inputs"] == len(ROWS)
    assert outcome.summary["skipped"] == 0


def test_only_whole_named_files_are_left(outcome):
    left = {path for path in outcome.folder.rglob("*") if path.is_file()}
    delivered = {Path(row["destination"]) for row in outcome.rows.values() if row["destination"]}
    assert left == delivered
    assert len(delivered) == outcome.summary["done"]
    for path in delivered:
        samples, _ = soundfile.read(path)
        assert np.isfinite(samples).all()


def test_memory_stayed_bounded(outcome):
    # Kilobytes on Linux; the largest of all children so far, this run among them.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1024 * 1024


def test_the_gate_delivers_what_passes_and_leaves_nothing_else(gated):
    assert gated.err == ""
    assert {row["status"] for row in gated.rows.values()} <= {"done", "held", "failed", "empty"}
    for row in gated.rows.values():
        assert row["check"] == {"done": "pass"}.get(row["status"], row["check"])
        if row["status"] == "held":
            assert row["check"] in ("hold", "fail", "not measured")
            assert row["reason"].isprintable()
            assert row["destination"] is None
    left = {str(path) for path in gated.folder.rglob("*") if path.is_file()}
    assert left == {row["destination"] for row in gated.rows.values() if row["destination"]}
    assert gated.summary["held"] > 0


@pytest.mark.parametrize("row", ROWS, ids=identifier)
def test_row(outcome, row):
    path = CORPUS / row["path"]
    result = outcome.rows[str(path)]
    assert result["status"] in STATUS[row["expected"]], result["reason"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
    if result["status"] != "done":
        assert result["reason"]
        assert result["reason"].isprintable()
        assert result["destination"] is None
        assert "VACANARY" not in result["reason"]
        return
    if row["expected"] in ("ok", "ok_strip"):
        assert abs(result["frames"] - int(row["frames"])) <= int(row["tol"] or 0)
        assert (result["rate_hz"], result["channels"]) == (int(row["rate"]), int(row["channels"]))
    content = Path(result["destination"]).read_bytes()
    assert b"VACANARY" not in content
    new, rate = soundfile.read(result["destination"], always_2d=True)
    assert new.shape == (result["frames"], result["channels"])
    assert rate == result["rate_hz"]
    assert_is_no_copy(path, new)


def assert_is_no_copy(path, new):
    """No channel of the output is one of the input, at any lag and gain."""
    content = io.BytesIO(path.read_bytes())  # without its name, which may lie
    old, _ = soundfile.read(content, always_2d=True)
    old = old[: len(new)]
    if len(new) != len(old) or len(new) < 2:
        return
    if len(new) < FRAMES_TO_COMPARE:
        if old.any():
            assert not np.allclose(old, new, rtol=0, atol=2**-15)
        return
    for before in old.T:
        for after in new.T:
            # A constant, a tone or a square wave resembles itself at every pitch.
            changes = np.abs(np.diff(before))
            if before.std() > 0 and len(np.unique(changes.round(4))) > 8:
                assert largest_correlation(before, after) < 0.9


def test_folders_are_searched_and_everything_in_them_is_counted(tmp_path):
    out = tmp_path / "out"
    outcome = Outcome(anonymize(str(CORPUS / "collide"), "-o", str(out), "--no-check"), out)
    assert outcome.code == 0, outcome.err
    status = {
        Path(source).relative_to(CORPUS / "collide").as_posix(): (row["status"], row["reason"])
        for source, row in outcome.rows.items()
    }
    assert status == {
        ".hidden.wav": ("skipped", "hidden"),
        "A.wav": ("done", None),
        "Thumbs.db": ("skipped", "not audio"),
        "a.wav.part": ("done", None),
        "dup2.wav": ("done", None),
        "sub/a.wav": ("done", None),
    }
