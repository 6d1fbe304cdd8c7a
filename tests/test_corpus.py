"""Corpora of every form: read alike, never guessed in silence, and bad ones refused in one line."""

import json
import os
import string
from dataclasses import replace
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest

from voiceanon.errors import InputError
from voiceanon.privacy.corpora.checking import check_corpus, corpus_facts, refuse_overlap
from voiceanon.privacy.corpora.reading import Recording, read_corpus
from voiceanon.privacy.corpora.recordings import normal_sex

DATA = Path(__file__).parents[1] / "voiceanon" / "samples"
HEADER = "utt_id,speaker,sex,path,text,duration_s\n"


def touch(path: Path, content: bytes = b"RIFF....WAVE") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def table(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def manifest(path: Path, *values: object) -> Path:
    lines = [value if isinstance(value, str) else json.dumps(value) for value in values]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def message(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_corpus(path)
    text = str(caught.value)
    assert "\n" not in text
    return text


# The forms.


def test_the_bundled_table_is_read_whole():
    corpus = read_corpus(DATA)
    assert corpus == read_corpus(DATA / "metadata.csv")
    assert corpus.name == "samples"
    first = corpus.recordings[0]
    assert (first.key, first.speaker, first.sex) == ("121-127105-0001", "121", "F")
    assert (first.session, first.duration_s, first.length_s) == ("127105", 5.025, None)
    assert first.text.startswith("SOMEONE ELSE TOLD A STORY")
    assert any("chapters in their ids" in note for note in corpus.notes)
    assert len(corpus.speakers) == len(corpus.recordings) == 6


def test_a_small_table_needs_two_columns_and_says_what_it_takes_for_ids(tmp_path):
    touch(tmp_path / "x" / "1.wav")
    path = table(tmp_path / "t.csv", "x/1.wav,anna", header="\ufeffPath,Speaker\n")
    corpus = read_corpus(path)
    assert corpus.recordings == (Recording("1", "anna", tmp_path / "x" / "1.wav"),)
    assert corpus.notes == ("t.csv has no column of ids: the names of the files are the ids.",)


def test_a_table_may_fix_stretches_sessions_and_sides(tmp_path):
    file = touch(tmp_path / "long.wav")
    path = table(
        tmp_path / "t.csv",
        f"a,anna,{file},monday,1.5,2,enrol",
        f"b,anna,{file},tuesday,4,,trial",
        header="utt_id,speaker,path,chapter,start_s,length_s,side\n",
    )
    first, second = read_corpus(path).recordings
    assert (first.session, first.start_s, first.length_s, first.side) == ("monday", 1.5, 2, "enrol")
    assert (second.session, second.start_s, second.length_s, second.side) == (
        *("tuesday", 4, None, "trial"),
    )


def test_a_table_may_say_the_age_group_and_the_first_language(tmp_path):
    file = touch(tmp_path / "a.wav")
    for column in ("first_language", "L1"):
        header = f"speaker,path,age_group,{column}\n"
        path = table(tmp_path / "t.csv", f"anna,{file},child,Mandarin", header=header)
        (one,) = read_corpus(path).recordings
        assert (one.age_group, one.first_language) == ("child", "Mandarin")


def test_folders_of_speakers(tmp_path):
    for name in ("anna/a1.wav", "anna/a2.flac", "bert/b1.mp3", ".git/x.wav", "anna/.x.wav"):
        touch(tmp_path / name)
    touch(tmp_path / "bert" / "b1.txt", b"how  are\nyou")
    touch(tmp_path / "bert" / "notes.md")
    touch(tmp_path / "loose.wav")
    corpus = read_corpus(tmp_path, name="friends")
    assert corpus.name == "friends"
    assert [(one.key, one.speaker, one.session) for one in corpus.recordings] == [
        *(("a1", "anna", ""), ("a2", "anna", ""), ("b1", "bert", "")),
    ]
    assert corpus.recordings[2].text == "how are you"
    notes = " ".join(corpus.notes)
    assert "first folder below the corpus was taken as the speaker" in notes
    assert "1 recordings lie in no speaker's folder ('loose.wav')" in notes


def test_a_librispeech_tree_at_any_depth(tmp_path):
    for name in ("84/1/84-1-0000", "84/2/84-2-0000", "174/5/174-5-0001"):
        touch(tmp_path / "LibriSpeech" / "dev" / f"{name}.flac")
    touch(tmp_path / "LibriSpeech" / "dev" / "84" / "1" / "84-1.trans.txt", b"84-1-0000 GO ON\n\n")
    touch(tmp_path / "LibriSpeech" / "SPEAKERS.TXT", b"; head\n84   | F | dev | 8 | A Name\n")
    for root in (tmp_path / "LibriSpeech", tmp_path / "LibriSpeech" / "dev"):
        corpus = read_corpus(root)
        assert [(one.key, one.speaker, one.session) for one in corpus.recordings] == [
            ("174-5-0001", "174", "5"),
            ("84-1-0000", "84", "1"),
            ("84-2-0000", "84", "2"),
        ]
        assert [one.text for one in corpus.recordings] == ["", "GO ON", ""]
        assert [one.sex for one in corpus.recordings] == ["", "F", "F"]
        assert "The folders are a LibriSpeech tree: speaker, then chapter." in corpus.notes


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("84-1.trans.txt", b"84-1-0000 GO ON\n84-1-0001\n", "line 2 of 84-1.trans.txt is no"),
        ("84-1.trans.txt", b"84-1-0000 \xff\n", "84-1.trans.txt is not UTF-8"),
        ("84-1-0000.txt", b"\xff\xfe", "84-1-0000.txt is not UTF-8"),
        ("84-1-0000.txt", b"a " * 40_000, "larger than 64 KiB"),
    ],
)
def test_a_transcript_that_is_none_is_refused_by_name(tmp_path, name, content, said):
    touch(tmp_path / "84" / "1" / "84-1-0000.flac")
    touch(tmp_path / "84" / "1" / name, content)
    assert said in message(tmp_path)


def test_folders_between_are_sessions_unless_all_are_called_alike(tmp_path):
    for name in ("anna/mon/1.wav", "anna/tue/1.wav", "bert/mon/2.wav"):
        touch(tmp_path / "days" / name)
    days = read_corpus(tmp_path / "days")
    assert [one.session for one in days.recordings] == ["mon", "tue", "mon"]
    assert [one.key for one in days.recordings] == ["anna/mon/1", "anna/tue/1", "bert/mon/2"]
    assert any("paths below the corpus are the ids" in note for note in days.notes)
    for name in ("anna/wav/1.wav", "anna/wav/1.flac", "bert/wav/2.wav"):
        touch(tmp_path / "plain" / name)
    plain = read_corpus(tmp_path / "plain")
    assert [one.session for one in plain.recordings] == ["", "", ""]
    assert [one.key for one in plain.recordings] == [
        *("anna/wav/1.flac", "anna/wav/1.wav", "bert/wav/2"),
    ]


def test_links_are_not_followed_and_loops_do_not_hang(tmp_path):
    touch(tmp_path / "anna" / "1.wav")
    (tmp_path / "anna" / "loop").symlink_to(tmp_path)
    (tmp_path / "bert").symlink_to(tmp_path / "anna")
    corpus = read_corpus(tmp_path)
    assert [one.key for one in corpus.recordings] == ["1"]
    assert "2 symbolic links were not followed." in corpus.notes
    # A table is explicit: a link that it names is followed, once, and a loop is a missing file.
    (tmp_path / "link.wav").symlink_to(tmp_path / "anna" / "1.wav")
    (tmp_path / "self.wav").symlink_to(tmp_path / "self.wav")
    good = table(tmp_path / "a.csv", "1,anna,F,link.wav,,")
    assert read_corpus(good).recordings[0].path == (tmp_path / "anna" / "1.wav").resolve()
    assert "files that do not exist" in message(table(tmp_path / "b.csv", "1,anna,F,self.wav,,"))


def test_several_tables_are_one_corpus_and_the_first_of_a_double_is_kept(tmp_path):
    for name in ("one/a.wav", "one/b.wav", "two/a.wav", "two/c.wav"):
        touch(tmp_path / name)
    table(tmp_path / "one" / "metadata.csv", "a,anna,F,a.wav,,", "b,bert,M,b.wav,,")
    table(tmp_path / "two" / "metadata.csv", "a,anna,,a.wav,,", "c,anna,,c.wav,,")
    corpus = read_corpus(tmp_path)
    assert [(one.key, one.path.parent.name, one.sex) for one in corpus.recordings] == [
        *(("a", "one", "F"), ("b", "one", "M"), ("c", "two", "F")),
    ]
    notes = " ".join(corpus.notes)
    assert "2 tables below the folder are one corpus: one/metadata.csv, two/metadata.csv" in notes
    assert "1 recordings are in two tables by id and speaker ('a'); the first is kept" in notes
    assert "1 speakers have the same name in several tables" in notes
    table(tmp_path / "two" / "metadata.csv", "a,bert,,a.wav,,")
    assert "1 ids have different speakers in the tables" in message(tmp_path)


def test_a_manifest_with_nemo_keys(tmp_path):
    touch(tmp_path / "w" / "1.wav")
    path = manifest(
        tmp_path / "m.jsonl",
        {"audio_filepath": "w/1.wav", "duration": 2.5, "speaker": 7, "text": "hi", "gender": "f"},
        "",
        {"audio_filepath": "w/1.wav", "duration": 1, "offset": 2.0, "speaker": "8", "id": "x"},
        {"audio_filepath": "w/1.wav", "duration": 1, "offset": 4.0, "speaker": "8"},
    )
    corpus = read_corpus(path)
    file = tmp_path / "w" / "1.wav"
    assert corpus.recordings == (
        Recording("1-0.000", "7", file, sex="F", text="hi", duration_s=2.5),
        Recording("x", "8", file, duration_s=1, start_s=2, length_s=1),
        Recording("1-4.000", "8", file, duration_s=1, start_s=4, length_s=1),
    )
    assert "Ids that m.jsonl does not give are the names of the files." in corpus.notes


@pytest.mark.parametrize(
    ("given", "sex"),
    [("f", "F"), ("Female", "F"), (" F ", "F"), ("m", "M"), ("MALE", "M"), ("x", ""), ("", "")],
)
def test_sex_in_any_spelling(given, sex):
    assert normal_sex(given) == sex


def test_a_speaker_has_one_sex_or_none(tmp_path):
    touch(tmp_path / "1.wav")
    touch(tmp_path / "2.wav")
    both = table(tmp_path / "a.csv", "1,anna,F,1.wav,,", "2,anna,male,2.wav,,")
    corpus = read_corpus(both)
    assert [one.sex for one in corpus.recordings] == ["", ""]
    assert "1 speakers are given as both F and M ('anna')" in " ".join(corpus.notes)
    odd = read_corpus(table(tmp_path / "b.csv", "1,anna,robot,1.wav,,", "2,anna,f,2.wav,,"))
    assert [one.sex for one in odd.recordings] == ["F", "F"]
    assert "Sex given as 'robot' was not understood" in " ".join(odd.notes)


def test_a_session_comes_from_the_id_only_if_the_speaker_agrees_and_none_is_given(tmp_path):
    touch(tmp_path / "1.wav")
    rows = ("7-12-0001,7,F,1.wav,,", "8-13-0001,7,F,1.wav,,")
    first, second = read_corpus(table(tmp_path / "a.csv", *rows)).recordings
    assert (first.session, second.session) == ("12", "")
    header = HEADER.strip() + ",session\n"
    given = table(tmp_path / "b.csv", f"{rows[0]},monday", f"{rows[1]},", header=header)
    assert [one.session for one in read_corpus(given).recordings] == ["monday", ""]


# Bad input.


def test_no_corpus_is_said_as_it_is(tmp_path):
    assert "does not exist" in message(tmp_path / "nothing")
    assert "holds no recordings" in message(tmp_path)
    assert "is one recording" in message(touch(tmp_path / "x.wav"))
    assert "no form of corpus that is known" in message(touch(tmp_path / "x.docx"))
    os.mkfifo(tmp_path / "pipe.csv")
    assert "neither a file nor a folder" in message(tmp_path / "pipe.csv")
    touch(tmp_path / "flat" / "1.wav")
    assert "no folder for a speaker, for example '1.wav'" in message(tmp_path / "flat")


BAD_ROWS = [
    ("1,anna,F,1.wav,", "line 2 of t.csv has 5 fields and the header has 6"),
    ("1,anna,F,1.wav,a,b,2", "line 2 of t.csv has 7 fields"),
    ("1,anna,F,1.wav,,long", "line 2 of t.csv has a duration of 'long'"),
    ("1,anna,F,1.wav,,nan", "a duration of 'nan': it must be seconds, 0 or more"),
    ("1,anna,F,1.wav,,-1", "a duration of '-1'"),
    ("1,anna,F,,,", "line 2 of t.csv has an empty path"),
    ("1,,F,1.wav,,", "1 of 1 recordings with an empty speaker, for example '1'"),
    (",anna,F,1.wav,,", "1 recordings with an empty id, for example '1.wav'"),
    ('1,anna,F,1.wav,"open,', "line 2 of t.csv is not CSV: unexpected end of data"),
    ("1,anna,F,1.wav,,\n1,bert,F,1.wav,,", "1 ids that stand for different recordings or sp"),
    ("1,anna,F,1.wav,,\n1,anna,F,2.wav,,", "for example '1': give each recording an id"),
    ("1,anna,F,no.wav,,", "t.csv names 1 of 1 files that do not exist"),
    ("1,anna,F," + "n" * 5000 + ",,", "files that do not exist"),
    ("1,anna,F,sub,,", "files that do not exist"),
]


@pytest.mark.parametrize(("row", "expected"), BAD_ROWS)
def test_a_bad_row_is_refused_with_its_line(tmp_path, row, expected):
    for name in ("1.wav", "2.wav", "sub/x.wav"):
        touch(tmp_path / name)
    assert expected in message(table(tmp_path / "t.csv", row))


def test_bad_tables_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    assert "t.csv is empty" in message(touch(path, b""))
    assert "holds no recordings" in message(touch(path, HEADER.encode()))
    assert "no column path: it has 'speaker', 'file_name'" in message(
        touch(path, b"speaker,file_name\n")
    )
    assert "separated by commas" in message(touch(path, b"speaker;path\nanna;1.wav\n"))
    assert "not UTF-8 text after line" in message(touch(path, b"speaker,path\nanna,\xff.wav\n"))
    assert "side 'left' for '1'" in message(
        touch(path, b"utt_id,speaker,path,side\n1,anna,t.csv,left\n")
    )


def test_examples_are_three_and_the_rest_is_counted(tmp_path):
    rows = [f"{at},anna,F,{at}.wav,," for at in range(9)]
    text = message(table(tmp_path / "t.csv", *rows))
    assert "names 9 of 9 files" in text
    assert text.count(".wav'") == 3
    assert "and 6 more" in text


def test_the_same_row_twice_counts_once(tmp_path):
    touch(tmp_path / "1.wav")
    corpus = read_corpus(table(tmp_path / "t.csv", *["1,anna,F,1.wav,,"] * 3))
    assert len(corpus.recordings) == 1
    assert "2 recordings are listed twice in the same way; each counts once." in corpus.notes


BAD_LINES = [
    ('{"audio_filepath": "1.wav", "speaker": "a"', "line 2 of m.jsonl is not JSON: Expecting"),
    ("[1]", "line 2 of m.jsonl is not a JSON object"),
    ("[" * 100_000, "line 2 of m.jsonl is not JSON: nested too deeply"),
    ('{"audio_filepath": "1.wav"}', "line 2 of m.jsonl has no 'speaker'"),
    ('{"speaker": "a"}', "line 2 of m.jsonl has no 'audio_filepath'"),
    ('{"audio_filepath": ["1.wav"], "speaker": "a"}', "'audio_filepath' of type list"),
    ('{"audio_filepath": "1.wav", "speaker": true}', "'speaker' of type bool"),
    ('{"audio_filepath": "1.wav", "speaker": "a", "duration": NaN}', "a duration of nan"),
    ('{"audio_filepath": "1.wav", "speaker": "a", "duration": true}', "a duration of True"),
    ('{"audio_filepath": "1.wav", "speaker": "a", "offset": "x"}', "an offset of 'x'"),
    ('{"audio_filepath": "1.wav", "speaker": ""}', "empty speaker"),
    ('{"audio_filepath": "n\\u0000.wav", "speaker": "a"}', "do not exist"),
]


@pytest.mark.parametrize(("line", "expected"), BAD_LINES)
def test_a_bad_line_of_a_manifest_is_refused_with_its_number(tmp_path, line, expected):
    touch(tmp_path / "1.wav")
    good = {"audio_filepath": "1.wav", "speaker": "a", "id": "good"}
    assert expected in message(manifest(tmp_path / "m.jsonl", good, line))


def test_a_manifest_that_is_no_text_is_refused(tmp_path):
    assert "line 1 of m.jsonl is not" in message(touch(tmp_path / "m.jsonl", b'{"a": "\xff"}'))


@hypothesis.given(content=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".jsonl"]))
def test_random_bytes_are_refused_in_one_line(tmp_path_factory, content, suffix):
    path = touch(tmp_path_factory.mktemp("bytes") / f"x{suffix}", content)
    assert message(path)


def test_a_folder_that_cannot_be_read_is_no_silence(tmp_path, monkeypatch):
    touch(tmp_path / "anna" / "1.wav")
    touch(tmp_path / "bert" / "1.wav")
    true_scandir = os.scandir

    def scandir(path):
        if Path(path).name == "bert":
            raise PermissionError(13, "Permission denied")
        return true_scandir(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert "folder 'bert' cannot be read: Permission denied" in message(tmp_path)


def test_twenty_thousand_lines(tmp_path):
    file = touch(tmp_path / "long.wav")
    lines = [
        {"audio_filepath": file.name, "id": f"u{n}", "speaker": f"s{n % 50}", "offset": n}
        | {"duration": 1.0}
        for n in range(20_000)
    ]
    corpus = read_corpus(manifest(tmp_path / "m.jsonl", *lines))
    assert len(corpus.recordings) == 20_000
    assert len(corpus.speakers) == 50


# One form for all forms.

NAMES = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=6)
WORDS = st.lists(st.text("abcäé'\u2028", min_size=1, max_size=4).filter(str.strip), max_size=4).map(
    lambda words: " ".join(" ".join(words).split())
)


@st.composite
def corpora(draw, folder=Path("audio")):
    """Recordings of one file each, whole or in stretches; files are made by the test."""
    keys = draw(st.lists(NAMES, min_size=1, max_size=6, unique_by=str.lower))
    speakers = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    sexes = {speaker: draw(st.sampled_from(["F", "M", ""])) for speaker in speakers}
    made = []
    for key in keys:
        speaker = draw(st.sampled_from(speakers))
        made.append(
            Recording(
                key=key,
                speaker=speaker,
                path=folder / f"{draw(st.sampled_from(keys))}.wav",
                sex=sexes[speaker],
                text=draw(WORDS),
                session=draw(st.sampled_from(["", "monday", "long day"])),
                duration_s=draw(st.none() | st.floats(0, 100)),
                start_s=draw(st.integers(0, 9999)) / 1000,
                length_s=draw(st.none() | st.integers(1, 9999).map(lambda ms: ms / 1000)),
            )
        )
    return tuple(made)


@hypothesis.given(recordings=corpora())
def test_a_table_gives_back_what_was_written(tmp_path_factory, recordings):
    import csv

    folder = tmp_path_factory.mktemp("table")
    fields = "key speaker sex path text session duration_s start_s length_s".split()
    with (folder / "t.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields, extrasaction="ignore")
        writer.writeheader()
        for one in recordings:
            touch(folder / one.path)
            writer.writerow(vars(one))
    expected = tuple(replace(one, path=folder / one.path) for one in recordings)
    assert read_corpus(folder / "t.csv").recordings == expected


# Real speech.


def test_the_speech_to_measure_on(shared_speech):
    corpus = check_corpus(read_corpus(shared_speech / "dev")).corpus
    facts = corpus_facts(corpus)
    assert (facts["speakers"], facts["recordings"], facts["transcripts"]) == (20, 240, 240)
    assert (facts["female"], facts["male"], facts["sessions"]) == (10, 10, True)
    assert all(3.4 < one.duration_s < 14.1 for one in corpus.recordings)


@pytest.mark.slow
def test_the_speech_to_train_on(shared_speech):
    corpus = read_corpus(shared_speech / "train")
    assert (len(corpus.recordings), len(corpus.speakers)) == (4756, 376)
    assert "10 recordings are in two tables by id and speaker" in " ".join(corpus.notes)
    check = check_corpus(corpus)
    assert check.left_out == ()
    for one, checked in zip(corpus.recordings, check.recordings, strict=True):
        assert checked.duration_s == pytest.approx(one.duration_s, abs=0.05)
    refuse_overlap(read_corpus(shared_speech / "dev"), corpus)
