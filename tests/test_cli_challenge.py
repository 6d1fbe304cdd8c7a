"""`voiceanon challenge`: exit codes, JSON, and no tables for what was not delivered."""

import json
import os
import signal

import numpy as np
import pytest
import soundfile
from challenge_files import SPEECH, kaldi
from fake_anonymizer import FileAnonymizer

from voiceanon.cli import challenge as command
from voiceanon.cli.exit_codes import INTERRUPTED, SOME_FAILED


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Return a data folder of two recordings, to be anonymized by a stand-in for the engine."""
    monkeypatch.setattr(command, "make_anonymizer", lambda *_: (FileAnonymizer(), None))
    lines = {"scp": f"a {SPEECH[0]}\nb {SPEECH[1]}\n", "utt2spk": "a s\nb t\n"}
    return kaldi(tmp_path / "data", **lines)


def test_a_folder_is_made_and_counted(voiceanon, data, tmp_path):
    (data / "feats.scp").write_text("a raw.ark:5\n")
    code, out, err = voiceanon("challenge", data, "-o", tmp_path / "out")
    assert (code, out) == (0, "")
    assert "anonymizing: 1/2" in err
    assert "not taken over: feats.scp" in err
    told = f"2 recordings anonymized in {tmp_path / 'out'}"
    assert told.replace(" ", "") in "".join(err.split())  # a long path is folded anywhere
    for key, path in zip("ab", SPEECH, strict=False):
        made, rate = soundfile.read(tmp_path / "out" / "wav" / f"{key}.wav")
        original, own_rate = soundfile.read(path)
        assert (len(made), rate) == (len(original), own_rate)
        assert not np.array_equal(made, original)


def test_json_tells_what_was_delivered(voiceanon, data, tmp_path):
    code, out, _ = voiceanon("challenge", data, "-o", tmp_path / "out", "--json")
    assert code == 0
    assert json.loads(out) == {
        "type": "data folder",
        "destination": str(tmp_path / "out"),
        "delivered": 2,
        "failed": [],
        "not_copied": [],
    }


def test_what_failed_is_named_and_the_exit_code_says_so(voiceanon, data, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"no audio at all")
    (data / "wav.scp").write_text(f"a {SPEECH[0]}\nb {tmp_path / 'bad.wav'}\n")
    code, out, err = voiceanon("challenge", data, "-o", tmp_path / "out", "--json")
    assert code == SOME_FAILED
    told = json.loads(out)
    assert told["delivered"] == 1
    (failed,) = told["failed"]
    assert failed["id"] == "b"
    assert "not a supported kind of audio" in failed["reason"]
    assert "b: " in err
    assert (tmp_path / "out" / "utt2spk").read_text() == "a s\n"
    assert [path.name for path in (tmp_path / "out" / "wav").iterdir()] == ["a.wav"]


def test_what_cannot_be_begun_is_one_line(voiceanon, data, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "there").mkdir()
    kaldi(tmp_path / "piped", scp="a sox in.wav -t wav - |\n", utt2spk="a s\n")
    for source, out, said in (
        (tmp_path / "empty", "out", "has no wav.scp"),
        (data, "there", "already exists"),
        (tmp_path / "piped", "out", "command"),
    ):
        code, told, err = voiceanon("challenge", source, "-o", tmp_path / out)
        assert code not in (0, SOME_FAILED)
        assert not told
        assert len(err.strip().splitlines()) == 1
        assert said in err
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_has_no_tables(voiceanon, data, tmp_path, monkeypatch, number):
    class Stopped(FileAnonymizer):
        def file(self, *arguments, **options):
            os.kill(os.getpid(), number)
            return super().file(*arguments, **options)

    monkeypatch.setattr(command, "make_anonymizer", lambda *_: (Stopped(), None))
    before = signal.getsignal(number)
    code, out, err = voiceanon("challenge", data, "-o", tmp_path / "out")
    assert (code, out) == (INTERRUPTED, "")
    assert "the folder has no tables yet" in " ".join(err.split())
    assert signal.getsignal(number) == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["wav"]
    # What was being done when the signal came is whole.
    assert [path.name for path in (tmp_path / "out" / "wav").iterdir()] == ["a.wav"]
