"""Kaldi directories and VoicePrivacy layouts: there and back, and no command is ever run."""

import os
import string
import subprocess
from dataclasses import replace
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest
from challenge_files import SPEECH, challenge, kaldi

from voiceanon.anonymizer import Anonymizer
from voiceanon.errors import DestinationError, InputError
from voiceanon.privacy.corpora.challenge import challenge_datasets, read_challenge
from voiceanon.privacy.corpora.challenge_folder import anonymize_data_folder
from voiceanon.privacy.corpora.checking import check_corpus, corpus_hash
from voiceanon.privacy.corpora.kaldi import read_kaldi, write_kaldi
from voiceanon.privacy.corpora.reading import Corpus, Recording, read_corpus
from voiceanon.privacy.corpora.recordings import assemble

DATA = Path(__file__).parents[1] / "voiceanon" / "samples"


def message(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_corpus(folder)
    text = str(caught.value)
    assert "\n" not in text
    return text


# There and back.

NAMES = st.text(string.ascii_letters + string.digits + "_-.é", min_size=1, max_size=6)
WORDS = st.lists(st.text("abcÄ'|", min_size=1, max_size=4), max_size=4).map(" ".join)


@st.composite
def corpora(draw):
    keys = draw(st.lists(NAMES, min_size=1, max_size=8, unique=True))
    speakers = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    sexes = {speaker: draw(st.sampled_from(["F", "M", ""])) for speaker in speakers}
    stretched, has_sides = draw(st.booleans()), draw(st.booleans())
    files = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.casefold))
    recordings = [
        Recording(
            key=key,
            speaker=(speaker := draw(st.sampled_from(speakers))),
            path=Path("some audio") / f"{draw(st.sampled_from(files))}.wav",
            sex=sexes[speaker],
            text=draw(WORDS),
            session=draw(st.sampled_from(["", "monday", "long day"])),
            duration_s=draw(st.none() | st.floats(0, 1e4)),
            start_s=draw(st.integers(0, 9999)) / 1000 if stretched else 0.0,
            length_s=draw(st.none() | st.integers(1, 9999).map(lambda n: n / 1000))
            if stretched
            else None,
            side=draw(st.sampled_from(["enrol", "trial"])) if has_sides else "",
        )
        for key in keys
    ]
    enrolled = sorted({one.speaker for one in recordings if one.side == "enrol"})
    trials = [
        (who, one.key, who == one.speaker)
        for who in enrolled
        for one in recordings
        if one.side == "trial"
    ]
    if has_sides and not trials:
        recordings = [replace(one, side="") for one in recordings]
    return tuple(recordings), tuple(trials)


@hypothesis.given(made=corpora(), is_listed=st.booleans())
def test_a_corpus_written_and_read_is_the_same_but_for_its_order(tmp_path_factory, made, is_listed):
    folder = tmp_path_factory.mktemp("kaldi")
    recordings, trials = made
    recordings = tuple(replace(one, path=folder / one.path) for one in recordings)
    (folder / "some audio").mkdir()
    for one in recordings:
        one.path.touch()
    # Sessions out of LibriSpeech ids belong to reading; so this corpus was read once already.
    corpus = assemble("c", recordings, trials=trials, source="test")
    # Without a list, all trials of the two sides are meant, and written.
    written = corpus if is_listed else replace(corpus, trials=())
    result = read_corpus(write_kaldi(written, folder / "out"))
    by_key = {one.key: one for one in corpus.recordings}
    assert {one.key: one for one in result.recordings} == by_key
    assert len(result.recordings) == len(by_key)
    assert set(result.trials) == set(trials)
    assert sorted(path.name for path in folder.iterdir()) == ["out", "some audio"]
    for table in (folder / "out").iterdir():
        lines = table.read_bytes().split(b"\n")
        assert lines.pop() == b""
        assert lines == sorted(lines)
        assert b"" not in lines


def test_written_tables_are_kaldis(tmp_path):
    corpus = read_corpus(DATA)
    folder = write_kaldi(corpus, tmp_path / "k")
    assert sorted(path.name for path in folder.iterdir()) == [
        *("spk2gender", "spk2utt", "text", "utt2dur", "utt2session", "utt2spk", "wav.scp"),
    ]
    assert (folder / "spk2gender").read_text().split("\n")[0] == "121 f"
    assert (folder / "spk2utt").read_text().split("\n")[0] == "121 121-127105-0001"
    assert (folder / "utt2spk").read_text().split("\n")[0] == "121-127105-0001 121"
    scp = (folder / "wav.scp").read_text().split("\n")[0]
    assert scp == f"121-127105-0001 {(DATA / '121-127105-0001.flac').absolute()}"
    assert corpus_hash(read_kaldi(folder, "k")) == corpus_hash(corpus)


def test_an_existing_folder_is_refused_and_a_failure_leaves_nothing(tmp_path, monkeypatch):
    corpus = read_corpus(DATA)
    (tmp_path / "there").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("there", "dangling"):
        with pytest.raises(DestinationError, match="already exists"):
            write_kaldi(corpus, tmp_path / name)
    with pytest.raises(DestinationError, match="cannot be made"):
        write_kaldi(corpus, tmp_path / "no" / "parent")

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DestinationError, match="No space left"):
        write_kaldi(corpus, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "there"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"key": "a b"}, "allow no spaces"),
        ({"speaker": "a\u2028b"}, "allow no spaces"),
        ({"path": Path("x\ny.wav")}, "no line break"),
        ({"path": Path("cat x |")}, "no '|' there"),
        ({"path": Path("x.wav ")}, "no space at its end"),
        ({"session": "a\nb"}, "use single spaces"),
        ({"text": "\ud800"}, "half a letter"),
    ],
)
def test_what_tables_cannot_say_is_not_written(tmp_path, change, expected):
    one = replace(Recording("a", "b", Path("x.wav")), **change)
    with pytest.raises(InputError) as caught:
        write_kaldi(Corpus("c", (one,)), tmp_path / "k")
    assert expected in str(caught.value)
    assert not (tmp_path / "k").exists()


# Reading what others wrote.


@pytest.mark.parametrize("command", ["touch {} |", "touch {}|", "| touch {}", "sh -c 'touch {}' |"])
def test_a_command_is_refused_by_its_line_and_never_run(tmp_path, monkeypatch, command):
    def run(*_, **__):
        raise AssertionError("a command was run")

    for name in ("Popen", "run", "call", "check_output"):
        monkeypatch.setattr(subprocess, name, run)
    for name in ("system", "popen", "posix_spawn", "execv", "execve"):
        monkeypatch.setattr(os, name, run)
    ran = tmp_path / "ran"
    lines = f"a {SPEECH[0]}\nb {command.format(ran)}\n"
    folder = kaldi(tmp_path / "k", scp=lines, utt2spk="a s\nb s\n")
    assert "line 2 of wav.scp is a command" in message(folder)
    with pytest.raises(InputError, match="line 2 of wav.scp is a command"):
        anonymize_data_folder(folder, tmp_path / "out", Anonymizer())
    assert not ran.exists()
    assert not (tmp_path / "out").exists()


BAD_TABLES = [
    ({"scp": "a x\n"}, "utt2spk cannot be read: No such file"),
    ({"scp": "a {}\na {}\n", "utt2spk": "a s\n"}, "line 2 of wav.scp gives 'a' a second time"),
    ({"scp": "a {}\n", "utt2spk": "a s\na t\n"}, "line 2 of utt2spk gives 'a' a second time"),
    ({"scp": "a {}\nb {}\n", "utt2spk": "a s\n"}, "lacks 1 of 2 recordings, for example 'b'"),
    ({"scp": "a {}\nb\n", "utt2spk": "a s\nb s\n"}, "line 2 of wav.scp names no file"),
    ({"scp": "a -\n", "utt2spk": "a s\n"}, "line 1 of wav.scp names no file"),
    ({"scp": "", "utt2spk": ""}, "'k' holds no recordings"),
    ({"scp": "a {}\n", "utt2spk": "a\n"}, "empty speaker"),
    ({"scp": "a no.wav\n", "utt2spk": "a s\n"}, "names 1 of 1 files that do not exist"),
    ({"scp": "a {}\n", "utt2spk": "a s\n", "utt2dur": "a long\n"}, "utt2dur gives 'long' for 'a'"),
    ({"scp": "a {}\n", "utt2spk": "a s\n", "enrolls": "b\n"}, "names 1 unknown recordings"),
    ({"scp": "a {}\n", "utt2spk": "a s\n", "trials": "s a\n"}, "line 1 of trials is 's a'"),
    ({"scp": "a {}\n", "utt2spk": "a s\n", "trials": "s b target\n"}, "tries 'b', which has no a"),
    ({"scp": "a {}\n", "utt2spk": "a s\n", "trials": "t a target\n"}, "'a' is by 's' and 't' is"),
    ({"scp": "a {}\n", "utt2spk": "a s\n", "trials": "s a nontarget\n"}, "line 1 of trials says"),
    (
        {"scp": "a {}\n", "utt2spk": "a s\n", "enrolls": "a\n", "trials": "s a target\n"},
        "line 1 of trials tries 'a', which is enrolled",
    ),
    ({"scp": "r {}\n", "utt2spk": "a s\n", "segments": "a r 1\n"}, "line 1 of segments is 'a r 1'"),
    ({"scp": "r {}\n", "utt2spk": "a s\n", "segments": "a q 1 2\n"}, "it must be an id, a record"),
    ({"scp": "r {}\n", "utt2spk": "a s\n", "segments": "a r 2 1\n"}, "ends before it starts"),
    ({"scp": "r {}\n", "utt2spk": "a s\n", "segments": "a r x 1\n"}, "segments gives 'x' for 'a'"),
]


@pytest.mark.parametrize(("tables", "expected"), BAD_TABLES)
def test_bad_tables_are_refused(tmp_path, tables, expected):
    filled = {name: content.replace("{}", str(SPEECH[0])) for name, content in tables.items()}
    assert expected in message(kaldi(tmp_path / "k", **filled))


def test_segments_are_stretches_and_tabs_are_spaces(tmp_path):
    folder = kaldi(
        tmp_path / "k",
        scp=f"r\t{SPEECH[0]}\r\n\n",
        utt2spk="a s\nb\tt\nc s\n",
        segments="a r 0.25 1.75\nb r 2 -1\n",
        text="a  HELLO   THERE\nb\n",
    )
    corpus = read_corpus(folder)
    assert [(r.key, r.start_s, r.length_s, r.text) for r in corpus.recordings] == [
        ("a", 0.25, 1.5, "HELLO   THERE"),
        ("b", 2.0, None, ""),
    ]
    assert "utt2spk names 1 recordings that have no audio: left out." in corpus.notes


def test_relative_paths_start_where_the_file_is_found_and_that_is_said(tmp_path, monkeypatch):
    audio = SPEECH[0].read_bytes()
    for place, expected in (
        ("data/k/w", ""),
        ("data/w", "start from 1 folders above it"),
        ("w", "start from 2 folders above it"),
        ("elsewhere/w", "start from the working directory"),
    ):
        root = tmp_path / (expected.replace(" ", "-") or "own")
        folder = kaldi(root / "data" / "k", scp="a w/1.flac\n", utt2spk="a s\n")
        (root / place).mkdir(parents=True)
        (root / place / "1.flac").write_bytes(audio)
        (root / "elsewhere").mkdir(exist_ok=True)
        monkeypatch.chdir(root / "elsewhere")
        corpus = read_corpus(folder)
        assert corpus.recordings[0].path.samefile(root / place / "1.flac")
        assert expected in " ".join(corpus.notes)
        assert bool(corpus.notes) == bool(expected)


# The challenge.


def test_a_data_set_of_the_challenge(tmp_path):
    data = challenge(tmp_path)
    assert challenge_datasets(data) == ("libri_dev",)
    corpus = read_challenge(data, "libri_dev")
    assert corpus.name == "libri_dev"
    sides = [one.side for one in corpus.recordings]
    assert (sides.count("enrol"), sides.count("trial")) == (6, 6)
    assert len(corpus.trials) == 18
    assert sum(is_target for _, _, is_target in corpus.trials) == 6
    speakers = {one.key: one.speaker for one in corpus.recordings}
    sexes = {one.speaker: one.sex for one in corpus.recordings}
    for who, key, is_target in corpus.trials:
        assert is_target == (speakers[key] == who)
        assert sexes[who] == sexes[speakers[key]]
    assert check_corpus(corpus).corpus.trials == corpus.trials
    # However it is named, it is the same; what was chosen is said.
    for path in (data, data / "libri_dev"):
        assert read_corpus(path).recordings == corpus.recordings
    assert any("Sides and 18 trials" in note for note in corpus.notes)
    # And it goes through one Kaldi directory unchanged.
    there = read_corpus(write_kaldi(corpus, tmp_path / "k"))
    assert set(there.recordings) == set(corpus.recordings)
    assert set(there.trials) == set(corpus.trials)


def test_the_mixed_trials_of_2026_are_read_for_both(tmp_path):
    corpus = read_challenge(challenge(tmp_path, mixed=True), "libri_dev")
    assert len(corpus.trials) == 36
    assert len(corpus.recordings) == 12
    assert any("was read for both" in note for note in corpus.notes)


def test_an_anonymized_group_takes_missing_lists_from_the_plain_one(tmp_path):
    data = challenge(tmp_path)
    challenge(tmp_path, suffix="_x")
    for name in ("libri_dev_trials_f_x/trials", "libri_dev_enrolls_x/enrolls"):
        (data / name).unlink()
    corpus = read_challenge(data, "libri_dev", suffix="_x")
    assert corpus.name == "libri_dev_x"
    assert corpus.trials == read_challenge(data, "libri_dev").trials


def test_bad_groups_are_refused(tmp_path):
    data = challenge(tmp_path)
    with pytest.raises(InputError, match=r"no folder 'libri_test_enrolls'; data sets there: 'lib"):
        read_challenge(data, "libri_test")
    with pytest.raises(InputError, match="no folder 'libri_dev_enrolls_x'"):
        read_challenge(data, "libri_dev", suffix="_x")
    with (data / "libri_dev_trials_f" / "trials").open("a") as file:
        file.write("999 121-127105-0001 nontarget\n")
    with pytest.raises(InputError, match=r"1 speakers who are not enrolled, for example '999'"):
        read_challenge(data, "libri_dev")
    kaldi(data / "vctk_dev_enrolls")
    assert "holds 2 data sets of the challenge ('libri_dev', 'vctk_dev')" in message(data)
    alone = read_corpus(data / "libri_dev_trials_m")
    assert alone.trials == ()
    assert "9 of 9 trials name a speaker without enrolment" in " ".join(alone.notes)
