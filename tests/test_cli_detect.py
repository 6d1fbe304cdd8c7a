"""`voiceanon detect` and `--mark-key`: exit codes, JSON for scripts, and the statement of files."""

import json

import numpy as np
import pytest
import soundfile
from json_output import json_lines
from sounds import DATA, clip_names

CLIPS = clip_names()
KEYS = {"path", "status", "found", "p_bound", "score", "start_s", "listened_s", "key", "stated"}


@pytest.fixture
def recording(tmp_path):
    """Return ten seconds of speech in a file."""
    parts = [soundfile.read(DATA / name, dtype="float32")[0] for name in CLIPS[:2]]
    soundfile.write(tmp_path / "talk.wav", np.concatenate(parts), 16_000)
    return tmp_path / "talk.wav"


def test_an_output_is_told_from_a_recording(voiceanon, recording, tmp_path):
    made = tmp_path / "made.flac"
    assert voiceanon("anonymize", recording, "-o", made)[0] == 0
    code, out, err = voiceanon("detect", made)
    assert code == 0
    assert "mark found" in out
    assert "states that it is synthetic" in out
    assert not err
    code, out, _ = voiceanon("detect", made, recording, "--json")
    assert code == 4
    rows = json_lines(out)
    assert all(set(row) == KEYS for row in rows)
    assert [(row["found"], row["stated"]) for row in rows] == [(True, True), (False, False)]
    assert rows[0]["p_bound"] < 1e-6
    soundfile.write(tmp_path / "bare.mp3", *soundfile.read(made))
    code, out, _ = voiceanon("detect", tmp_path / "bare.mp3")
    assert code == 0
    assert "states nothing" in out


def test_what_cannot_be_read_is_neither(voiceanon, recording, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    code, out, err = voiceanon("detect", tmp_path / "bad.wav", recording)
    assert code == 3
    assert "no mark found" in out
    assert "bad.wav" in err
    code, out, _ = voiceanon("detect", tmp_path / "bad.wav", "--json")
    assert code == 3
    assert json.loads(out)["status"] == "failed"


def test_a_key_of_ones_own_comes_from_a_file(voiceanon, recording, tmp_path):
    key = tmp_path / "our.key"
    key.write_text("5a" * 32)
    key.chmod(0o600)
    own = ("--mark-key", f"file:{key}")
    made = tmp_path / "made.flac"
    assert voiceanon("anonymize", recording, "-o", made, *own)[0] == 0
    assert voiceanon("detect", made, *own)[0] == 0
    assert voiceanon("detect", made)[0] == 4
    stored, spoken = tmp_path / "talk.voa", tmp_path / "spoken.flac"
    assert voiceanon("abstract", recording, "-o", stored)[0] == 0
    assert voiceanon("render", stored, "-o", spoken, *own)[0] == 0
    assert voiceanon("detect", spoken, *own)[0] == 0
    assert voiceanon("detect", spoken)[0] == 4
    code, _, err = voiceanon("detect", made, "--mark-key", "5a" * 32)
    assert code == 5
    assert "5a5a" not in err
