"""What of a corpus can be used and measured: looked at first, and said in sentences."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voiceanon.errors import InputError
from voiceanon.privacy.corpora.checking import (
    check_corpus,
    corpus_facts,
    corpus_hash,
    refuse_overlap,
)
from voiceanon.privacy.corpora.limits import limits
from voiceanon.privacy.corpora.reading import Corpus, Recording, read_corpus

RATE = 16_000
DATA = Path(__file__).parents[1] / "voiceanon" / "samples"
HEADER = "utt_id,speaker,sex,path,text,duration_s\n"


def touch(path: Path, content: bytes = b"RIFF....WAVE") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def tone(path: Path, seconds: float = 0.5, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.1 * np.sin(np.arange(round(seconds * RATE)) / 9)
    soundfile.write(path, np.repeat(samples[:, None], channels, axis=1), RATE)
    return path


def table(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


# Looking at the files.


def test_what_cannot_be_used_is_left_out_with_a_reason_and_the_rest_is_measured(tmp_path):
    tone(tmp_path / "good.wav", 0.5)
    tone(tmp_path / "both.wav", 0.5, channels=2)
    tone(tmp_path / "short.wav", 0.05)
    touch(tmp_path / "text.wav", b"hello, I am no audio")
    whole = tone(tmp_path / "cut.wav").read_bytes()
    touch(tmp_path / "cut.wav", whole[:5000])
    rows = [f"{n},{n}speaker,F,{n}.wav,," for n in ("good", "both", "short", "text", "cut")]
    path = table(tmp_path / "t.csv", *rows)
    calls = []
    check = check_corpus(read_corpus(path), lambda done, total: calls.append((done, total)))
    assert calls == [(n, 5) for n in range(1, 6)]
    assert [(one.key, one.duration_s) for one in check.recordings] == [("good", 0.5), ("both", 0.5)]
    reasons = dict(check.left_out)
    assert set(reasons) == {"short", "text", "cut"}
    assert reasons["short"] == "lasts 0.050 s; at least 0.1 s are needed"
    assert "not a supported kind of audio" in reasons["text"]
    assert "truncated" in reasons["cut"]
    notes = " ".join(check.corpus.notes)
    assert "3 recordings cannot be used and were left out: 'short', 'text', 'cut'." in notes
    assert "1 files have more than one channel." in notes


def test_stretches_are_held_against_the_file(tmp_path):
    file = tone(tmp_path / "a.wav", 2.0)
    whole = Recording("a", "anna", file)
    stretches = [
        replace(whole, key="rest", start_s=0.5),
        replace(whole, key="middle", start_s=0.5, length_s=1.0),
        replace(whole, key="rounded", start_s=1.0, length_s=1.01),
        replace(whole, key="beyond", start_s=1.0, length_s=1.5),
        replace(whole, key="after", start_s=2.0),
        replace(whole, key="tiny", start_s=1.95),
    ]
    check = check_corpus(Corpus("c", tuple(stretches)))
    assert {one.key: one.duration_s for one in check.recordings} == {
        **{"rest": 1.5, "middle": 1.0, "rounded": 1.0}
    }
    assert dict(check.left_out) == {
        "beyond": "ends at 2.000 s, before the stretch to 2.500 s",
        "after": "ends at 2.000 s, before the stretch to 2.000 s",
        "tiny": "lasts 0.050 s; at least 0.1 s are needed",
    }


def test_nothing_left_is_an_error_that_names_the_first(tmp_path):
    touch(tmp_path / "a.wav", b"")
    corpus = read_corpus(table(tmp_path / "t.csv", "1,anna,F,a.wav,,"))
    with pytest.raises(InputError, match=r"none of the 1 recordings of 't'.*'1', is an empty file"):
        check_corpus(corpus)


def test_trials_of_what_is_left_out_go_too(tmp_path):
    good, bad = tone(tmp_path / "good.wav"), touch(tmp_path / "bad.wav")
    recordings = (
        Recording("e1", "a", good, side="enrol"),
        Recording("e2", "b", bad, side="enrol"),
        Recording("t1", "a", good, side="trial"),
        Recording("t2", "b", bad, side="trial"),
    )
    trials = (("a", "t1", True), ("a", "t2", False), ("b", "t1", False))
    check = check_corpus(Corpus("c", recordings, (), trials))
    assert check.corpus.trials == (("a", "t1", True),)


def test_a_speaker_in_both_corpora_is_refused_with_names():
    def corpus(name, speakers):
        return Corpus(name, tuple(Recording(f"{s}1", s, Path("x")) for s in speakers))

    refuse_overlap(corpus("test", "abc"), corpus("train", "def"))
    with pytest.raises(InputError) as caught:
        refuse_overlap(corpus("test", "abcdefgh"), corpus("train", "bcdefghi"))
    text = str(caught.value)
    assert text.startswith("7 speakers are in 'test' and in the training corpus 'train' ")
    assert "('b', 'c', 'd', 'e', 'f' …)" in text
    assert "take them out of one of the two" in text


def test_the_hash_is_of_content_not_of_place_or_order(tmp_path):
    for folder in ("one", "two"):
        tone(tmp_path / folder / "a.wav", 0.3)
        tone(tmp_path / folder / "b.wav", 0.4)
        table(tmp_path / folder / "t.csv", "a,anna,F,a.wav,x,", "b,bert,M,b.wav,,")
    table(tmp_path / "two" / "t.csv", "b,bert,M,b.wav,,", "a,anna,F,a.wav,x,")
    corpus = read_corpus(tmp_path / "one" / "t.csv")
    known = corpus_hash(corpus)
    assert len(known) == 64
    assert corpus_hash(read_corpus(tmp_path / "two" / "t.csv")) == known
    first, second = corpus.recordings
    for changed in (
        replace(first, speaker="bert"),
        replace(first, key="c"),
        replace(first, start_s=0.1),
        replace(first, text=""),
        replace(first, path=second.path),
    ):
        assert corpus_hash(replace(corpus, recordings=(changed, second))) != known
    listed = replace(corpus, trials=(("anna", "a", True),))
    assert corpus_hash(listed) != known
    tone(first.path, 0.31)
    assert corpus_hash(corpus) != known


def test_the_facts_are_json(tmp_path):
    corpus = check_corpus(read_corpus(DATA)).corpus
    facts = json.loads(json.dumps(corpus_facts(corpus)))
    assert facts["hash"] == corpus_hash(corpus)
    assert (facts["speakers"], facts["recordings"]) == (6, 6)
    assert (facts["female"], facts["male"]) == (3, 3)
    assert facts["hours"] == pytest.approx(
        sum(soundfile.info(one.path).duration for one in corpus.recordings) / 3600, abs=1e-4
    )
    assert corpus_facts(Corpus("c", (Recording("a", "b", DATA / "metadata.csv"),)))["hours"] is None


# What can be measured.


def crowd(speakers: int, each: int, **options: str) -> Corpus:
    made = [
        Recording(f"{s}-{n}", f"s{s}", Path("x"), **{"sex": "FM"[s % 2], "text": "a", **options})
        for s in range(speakers)
        for n in range(each)
    ]
    made = [replace(one, session=one.session or str(at % 2)) for at, one in enumerate(made)]
    return Corpus("crowd", tuple(made))


def test_a_corpus_with_everything_has_no_limits():
    assert limits(crowd(20, 20), crowd(20, 2)) == ()


@pytest.mark.parametrize(
    ("corpus", "training", "expected"),
    [
        (crowd(1, 9), crowd(20, 2), "There is one speaker: no privacy can be measured"),
        (crowd(5, 1), crowd(20, 2), "5 of 5 speakers have a single recording"),
        (crowd(5, 1), crowd(20, 2), "Fewer than two speakers can be both enrolled and tried"),
        (crowd(19, 20), crowd(20, 2), "linkability among 20 is not measured"),
        (crowd(9, 20), crowd(20, 2), "With 9 speakers the intervals are wide"),
        (crowd(20, 20, text=""), crowd(20, 2), "No recording has a transcript"),
        (crowd(20, 20, sex=""), crowd(20, 2), "sex of no speaker is known"),
        (crowd(20, 20, sex="F"), crowd(20, 2), "All speakers have the same sex"),
        (crowd(2, 20), crowd(20, 2), "No two speakers have the same known sex"),
        (crowd(20, 20, session="x"), crowd(20, 2), "20 of 20 speakers have one known session"),
        (crowd(20, 19), crowd(20, 2), "No speaker has 20 recordings"),
        (crowd(20, 20), None, "no speech for attackers to learn from"),
        (crowd(20, 20), crowd(20, 1), "trained attackers need 3"),
        (crowd(20, 20), crowd(2, 9), "trained attackers need 3"),
        (crowd(20, 20), crowd(19, 2), "trained attackers are weaker than with more"),
    ],
)
def test_each_limit_is_said(corpus, training, expected):
    found = limits(corpus, training)
    assert sum(expected in sentence for sentence in found) == 1
    assert all(sentence.endswith(".") for sentence in found)


def test_partial_knowledge_is_counted():
    full = crowd(20, 20)
    first, *others = full.recordings
    partial = replace(full, recordings=(replace(first, text=""), *others))
    assert "399 of 400 recordings have a transcript" in " ".join(limits(partial, crowd(20, 2)))
    unknown = [replace(one, sex="") if one.speaker == "s0" else one for one in full.recordings]
    assert "The sex of 1 of 20 speakers" in " ".join(
        limits(replace(full, recordings=tuple(unknown)), crowd(20, 2))
    )
    bare = replace(full, recordings=tuple(replace(r, session="") for r in full.recordings))
    assert "No sessions are known" in " ".join(limits(bare, crowd(20, 2)))


def test_fixed_sides_are_taken_as_they_are():
    sides = [
        replace(one, side="enrol" if at % 2 else "trial")
        for at, one in enumerate(crowd(20, 2).recordings)
    ]
    corpus = Corpus("c", tuple(sides))
    assert limits(corpus, crowd(20, 2)) == ()
    assert "1 of 20 speakers are not both enrolled and tried ('s0')" in " ".join(
        limits(replace(corpus, recordings=corpus.recordings[1:]), crowd(20, 2))
    )
