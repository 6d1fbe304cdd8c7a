"""Folders of the challenge anonymized: readable by its tools, and only what was delivered."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from challenge_files import SPEECH, challenge, kaldi
from fake_anonymizer import FileAnonymizer

from voiceanon.anonymizer import Anonymizer
from voiceanon.cli.doctor import largest_correlation
from voiceanon.errors import DestinationError, InputError
from voiceanon.privacy.corpora.challenge import read_challenge
from voiceanon.privacy.corpora.challenge_folder import anonymize_data_folder
from voiceanon.privacy.corpora.checking import check_corpus
from voiceanon.privacy.corpora.reading import read_corpus


def test_a_folder_of_the_challenge_anonymized_can_be_read_as_one(tmp_path, monkeypatch):
    data = challenge(tmp_path)
    monkeypatch.chdir(tmp_path)
    calls = []
    for path in sorted(Path("data").iterdir()):
        (path / "feats.scp").write_text("a raw.ark:5\n")
        (path / "utt2emo").write_text("121-127105-0001 sad\nnobody glad\n")
        result = anonymize_data_folder(
            path, f"{path}_fake", FileAnonymizer(), lambda *counts: calls.append(counts)
        )
        assert result.failures == ()
        assert result.not_copied == ("feats.scp",)
        assert sorted(Path(f"{path}_fake", "wav").iterdir()) == [
            result.destination / "wav" / f"{key}.wav" for key in sorted(result.delivered)
        ]
    assert calls[-1] == (3, 3)
    tables = {path.name for path in (data / "libri_dev_trials_f_fake").iterdir()}
    assert tables == {
        *("wav", "wav.scp", "utt2spk", "spk2utt", "spk2gender", "text", "trials", "utt2emo"),
    }
    emotions = (data / "libri_dev_trials_f_fake" / "utt2emo").read_text()
    assert emotions == "121-127105-0001 sad\n"
    before, after = (
        read_challenge(data, "libri_dev"),
        read_challenge(data, "libri_dev", suffix="_fake"),
    )
    assert set(after.trials) == set(before.trials)
    own = {one.key: one for one in before.recordings}
    for one in check_corpus(after).recordings:
        old, new = soundfile.read(own[one.key].path)[0], soundfile.read(one.path)[0]
        info = soundfile.info(one.path)
        assert (info.format, info.subtype, info.samplerate) == ("WAV", "PCM_16", 16_000)
        assert len(old) == len(new)
        assert largest_correlation(old, new) < 0.2
        assert replace(one, path=own[one.key].path, duration_s=None) == own[one.key]


def test_enrolment_and_trials_get_voices_of_their_own(tmp_path):
    lines = {"scp": f"a {SPEECH[0]}\nb {SPEECH[0]}\nc {SPEECH[0]}\n", "utt2spk": "a s\nb s\nc t\n"}
    for name in ("enrolls", "trials"):
        kaldi(tmp_path / name, **lines)

    def made(name, out, voice_draw):
        anonymize_data_folder(tmp_path / name, tmp_path / out, FileAnonymizer(voice_draw))
        return [(tmp_path / out / "wav" / f"{key}.wav").read_bytes() for key in "abc"]

    one = made("enrolls", "1", "recording")
    assert len(set(one)) == 3
    assert made("enrolls", "2", "recording") == one
    assert not set(made("trials", "3", "recording")) & set(one)
    a, b, c = made("enrolls", "4", "speaker")
    assert a == b != c
    assert not set(made("trials", "5", "speaker")) & {a, c}


def test_a_recording_that_fails_is_named_and_nothing_of_it_is_written(tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"no audio at all")
    folder = kaldi(
        tmp_path / "k",
        scp=f"good {SPEECH[0]}\nbad {tmp_path / 'bad.wav'}\nlost {tmp_path / 'lost.wav'}\n",
        utt2spk="good s\nbad t\nlost t\n",
        text="good YES\nbad NO\nlost NO\n",
        spk2gender="s f\nt m\n",
        trials="s good target\ns bad nontarget\nt lost target\n",
    )
    result = anonymize_data_folder(folder, tmp_path / "out", FileAnonymizer())
    assert result.delivered == ("good",)
    reasons = dict(result.failures)
    assert "not a supported kind of audio" in reasons["bad"]
    assert "cannot be opened: No such file" in reasons["lost"]
    out = {path.name: path.read_text() for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert out == {
        "wav.scp": f"good {tmp_path / 'out' / 'wav' / 'good.wav'}\n",
        "utt2spk": "good s\n",
        "spk2utt": "s good\n",
        "spk2gender": "s f\n",
        "text": "good YES\n",
        "trials": "s good target\n",
    }
    assert [path.name for path in (tmp_path / "out" / "wav").iterdir()] == ["good.wav"]


def test_segments_keep_their_files(tmp_path):
    folder = kaldi(
        tmp_path / "k",
        scp=f"r {SPEECH[0]}\nq {SPEECH[1]}\n",
        utt2spk="a s\nb t\nc s\n",
        segments="a r 0 1\nb r 1 2\nc q 0 -1\n",
    )
    result = anonymize_data_folder(folder, tmp_path / "out", FileAnonymizer())
    assert result.delivered == ("q", "r")
    corpus = read_corpus(tmp_path / "out")
    assert [(r.key, r.path.name, r.start_s, r.length_s) for r in corpus.recordings] == [
        *(("a", "r.wav", 0, 1), ("b", "r.wav", 1, 1), ("c", "q.wav", 0, None)),
    ]
    shared = anonymize_data_folder(folder, tmp_path / "two", FileAnonymizer("speaker"))
    assert shared.delivered == ("q",)
    assert "holds 2 speakers in its segments" in dict(shared.failures)["r"]
    assert [one.key for one in read_corpus(tmp_path / "two").recordings] == ["c"]


@pytest.mark.parametrize("key", ["../x", "/x", ".x", "a/b", "-x", "a\x1b", "n" * 201])
def test_an_id_never_leads_out_of_the_folder(tmp_path, key):
    folder = kaldi(tmp_path / "k", scp=f"{key} {SPEECH[0]}\n", utt2spk=f"{key} s\n")
    with pytest.raises(InputError, match="1 ids cannot be names of files"):
        anonymize_data_folder(folder, tmp_path / "out", FileAnonymizer())
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


def test_bad_places_are_refused_before_any_work(tmp_path):
    folder = kaldi(tmp_path / "k", scp=f"a {SPEECH[0]}\n", utt2spk="a s\n")
    (tmp_path / "there").mkdir()
    with pytest.raises(DestinationError, match="already exists"):
        anonymize_data_folder(folder, tmp_path / "there", FileAnonymizer())
    with pytest.raises(InputError, match="is no Kaldi data directory"):
        anonymize_data_folder(tmp_path / "there", tmp_path / "new", FileAnonymizer())
    assert not list((tmp_path / "there").iterdir())


def test_the_real_engine_does_a_folder(tmp_path):
    folder = kaldi(tmp_path / "k", scp=f"a {SPEECH[0]}\n", utt2spk="a s\n")
    result = anonymize_data_folder(folder, tmp_path / "out", Anonymizer())
    assert result.delivered == ("a",)
    old, new = soundfile.read(SPEECH[0])[0], soundfile.read(tmp_path / "out" / "wav" / "a.wav")[0]
    assert len(old) == len(new)
    assert np.abs(new).max() > 0.01
