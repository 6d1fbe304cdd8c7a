"""`voiceanon check`: exit codes, JSON that a script can rely on, and one-line errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
from sounds import DATA, clip

import voiceanon as package
from voiceanon.checks.transcript import Transcript

NAME = "2300-131720-0038.flac"
JUDGE = ("--recogniser", "cli_check_words:count")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    samples, rate = clip(NAME)
    made = package.anonymize(samples, rate, secret=bytes(32))
    soundfile.write(tmp_path / "made.flac", made, rate)
    return tmp_path / "made.flac"


def test_a_good_output_passes(voiceanon, output):
    code, out, err = voiceanon("check", DATA / NAME, output, *JUDGE)
    assert code == 0
    assert "pass: every judged measure passes" in out
    assert not err
    code, out, _ = voiceanon("check", DATA / NAME, output, *JUDGE, "--json")
    assert code == 0
    told = json.loads(out)
    assert set(told) == {"original", "anonymized", "verdict", "reason", "measures"}
    assert told["verdict"] == "pass"
    for measure in told["measures"].values():
        assert set(measure) == {"value", "limit", "verdict", "reason", "judge"}


def test_what_is_told_is_not_called_a_pass(voiceanon, output, monkeypatch):
    class Weak:
        """Mishears every word of the second recording that it is given."""

        name, version, is_weak = "small ears", "1", True

        def __init__(self) -> None:
            self.words = iter(("rain falls on roofs", "rain falls in rivers"))

        def transcribe(self, samples):
            return Transcript(next(self.words))

    monkeypatch.setattr("voiceanon.checks.checking.find_recogniser", lambda: (Weak(), ""))
    code, out, _ = voiceanon("check", DATA / NAME, output, "--speaker-model", "none")
    told = " ".join(out.split())
    assert code == 0
    assert "words.lost_percent told it hears 50 % of 4 words otherwise (small ears," in told
    assert "original): told, not judged" in told
    assert told.endswith("pass: every judged measure passes")
    _, out, _ = voiceanon("check", DATA / NAME, output, "--speaker-model", "none", "--json")
    measures = json.loads(out)["measures"]
    assert {m["verdict"] for m in measures.values() if m["limit"] is None} == {"told"}
    assert measures["words.lost_percent"]["verdict"] == "told"


def test_a_copy_fails_with_exit_code_4(voiceanon):
    code, out, _ = voiceanon("check", DATA / NAME, DATA / NAME, *JUDGE)
    assert code == 4
    assert "fail: 100 % of it copies the original" in " ".join(out.split())


def test_what_is_not_measured_is_no_pass(voiceanon, output, monkeypatch):
    monkeypatch.setattr(
        "voiceanon.checks.checking.find_recogniser", lambda: (None, "no recogniser: none is there")
    )
    assert voiceanon("check", DATA / NAME, output)[0] == 0
    code, out, err = voiceanon("check", DATA / NAME, output, "--language", "de")
    assert code == 4
    assert "not measured: the judge knows English, not 'de'" in " ".join(out.split())
    assert "no pass" in err


def test_a_transcript_is_read_from_a_file(voiceanon, output, tmp_path):
    text = tmp_path / "said.txt"
    text.write_text("these are words that nobody said")
    _, out, _ = voiceanon("check", DATA / NAME, output, *JUDGE, "--transcript", text, "--json")
    assert "against the transcript" in json.loads(out)["measures"]["words.lost_percent"]["judge"]


def test_errors_are_one_line(voiceanon, output, tmp_path):
    (tmp_path / "noise.wav").write_bytes(b"RIFF nothing here")
    soundfile.write(tmp_path / "other.wav", clip(NAME)[0], 8000)
    for arguments, code, said in (
        ((DATA / NAME, tmp_path / "noise.wav"), 3, "noise.wav"),
        ((DATA / NAME, tmp_path / "missing.wav"), 3, "missing.wav"),
        ((DATA / NAME, tmp_path / "other.wav"), 2, "8000"),
        ((DATA / NAME, output, "--recogniser", "no:such"), 2, "no:such"),
        ((DATA / NAME, output, "--transcript", tmp_path / "none.txt"), 2, "none.txt"),
    ):
        got, out, err = voiceanon("check", *arguments)
        assert got == code, err
        assert not out
        assert len(err.strip().splitlines()) == 1
        assert said in err
