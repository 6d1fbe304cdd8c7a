"""The challenge's result file: its sections and columns, every figure back, the rest named."""

import json

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from voiceanon.errors import DestinationError, InputError
from voiceanon.privacy.corpora.challenge import read_results, write_results

RESULTS = {
    "created": "2026-03-04T05:06:07+00:00",
    "corpus": {"name": "libri_dev"},
    "variants": [
        {
            "name": "raw",
            "kind": "raw",
            "privacy": {
                "attacks": [
                    {"attacker": "ignorant", "sides": "o–o", "pooling": "all-1", "gender": "all"}
                    | {"eer_percent": [1.25, 0.5, 2.0]},
                    {"attacker": "lazy", "sides": "o–o", "pooling": "all-1", "gender": "all"}
                    | {"eer_percent": [1.5, 0.5, 2.0]},
                ]
            },
            "words": {"wer_percent": [3.0, 2.5, 3.5]},
        },
        {
            "name": "template",
            "kind": "recipe",
            "privacy": {
                "attacks": [
                    {"attacker": "ignorant", "sides": "o–a", "pooling": "all-1", "gender": "all"}
                    | {"eer_percent": [44.0, 40.0, 48.0]},
                    {"attacker": "lazy-informed", "sides": "a–a", "pooling": "all-1"}
                    | {"gender": "all", "eer_percent": [36.0, 31.0, 41.0]},
                    {"attacker": "semi-informed", "sides": "a–a", "pooling": "all-1"}
                    | {"gender": "all", "eer_percent": [28.123456, 24.0, 33.0]},
                    {"attacker": "semi-informed", "sides": "a–a", "pooling": "all-1"}
                    | {"gender": "same", "eer_percent": [33.0, None, None]},
                    {"attacker": "semi-informed", "sides": "a–a", "pooling": "all-all"}
                    | {"gender": "all", "eer_percent": [5.0, 1.0, 9.0]},
                    # Stronger, but with other sides than the section is for.
                    {"attacker": "restoration", "sides": "o–inverse(a)", "pooling": "all-1"}
                    | {"gender": "all", "eer_percent": [20.0, 15.0, 25.0]},
                    {"attacker": "statistics", "sides": "a–a", "pooling": "all-1"}
                    | {"gender": "all", "eer_percent": None},
                ]
            },
            "words": {"wer_percent": [9.5, 8.0, 11.0]},
        },
        {"name": "mcadams", "kind": "mcadams", "privacy": None, "words": None},
    ],
}


def test_the_result_file_has_the_sections_and_columns_of_the_challenge(tmp_path):
    path = write_results(json.loads(json.dumps(RESULTS)), tmp_path / "results")
    known = path.read_text().split("\n")
    assert known[0] == "---- Time: 04-03-26_05:06 ----"
    assert known[known.index("---- ASR results ----") + 1 :][:3] == [
        "   dataset  split       asr    WER",
        "0    libri    dev  original  3.000",
        "1    libri    dev      anon  9.500",
    ]
    sections = {section.title: section for section in read_results(path)}
    assert list(sections) == [
        *("SER results", "ASV_eval results", "ASR results", "ASV_eval^anon results"),
    ]
    assert sections["SER results"].rows == ()
    assert "---- SER results ----\nnot measured\n" in path.read_text()
    place = {"dataset": "libri", "split": "dev"}
    interval = {"EER": 1.25, "EER-ci_lower": 0.5, "EER-ci_upper": 2.0}
    assert sections["ASV_eval results"].rows[0] == {
        **place,
        **{"gender": "mixed", "enrollment": "original", "trial": "original"},
        **interval,
    }
    eers = [(r["enrollment"], r["trial"], r["EER"]) for r in sections["ASV_eval results"].rows]
    assert eers == [("original", "original", 1.25), ("original", "anon", 44), ("anon", "anon", 36)]
    strongest = sections["ASV_eval^anon results"].rows
    assert [(row["gender"], row["EER"]) for row in strongest] == [("mixed", 28.123), ("same", 33.0)]
    assert strongest[1]["EER-ci_lower"] == "NaN"
    assert [row["WER"] for row in sections["ASR results"].rows] == [3.0, 9.5]
    assert {section.time for section in sections.values()} == {"04-03-26_05:06"}


def test_what_was_not_measured_is_said(tmp_path):
    path = write_results(RESULTS, tmp_path / "results", variant="mcadams")
    sections = {section.title: section.rows for section in read_results(path)}
    assert sections["ASV_eval^anon results"] == ()
    assert [row["asr"] for row in sections["ASR results"]] == ["original"]
    bare = write_results({"variants": [{"name": "x", "kind": "recipe"}]}, tmp_path / "bare")
    assert all(section.rows == () for section in read_results(bare))
    assert bare.read_text().count("not measured") == 4


def test_bad_results_and_places_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"variant is 'best': the results hold 'raw', 'template'"):
        write_results(RESULTS, tmp_path / "r", variant="best")
    with pytest.raises(InputError, match="no anonymised variant"):
        write_results({"variants": [{"name": "raw", "kind": "raw"}]}, tmp_path / "r")
    path = write_results(RESULTS, tmp_path / "r")
    with pytest.raises(DestinationError, match="File exists"):
        write_results(RESULTS, path)
    write_results(RESULTS, path, overwrite=True)
    for content in ("", "hello\n", "---- Time: x ----\n"):
        path.write_text(content)
        with pytest.raises(InputError, match="no section"):
            read_results(path)
    path.write_text("---- ASR results ----\n  a  b\n0  1  2\n0 1 2 3\n")
    with pytest.raises(InputError, match="line 4 of 'r' has 4 cells below 2 columns"):
        read_results(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_results(tmp_path / "nothing")


@hypothesis.given(
    name=st.text(max_size=12),
    eers=st.lists(st.tuples(*[st.floats(0, 100)] * 3), min_size=1, max_size=5),
    wer=st.floats(0, 500),
)
def test_figures_come_back_from_the_file(tmp_path_factory, name, eers, wer):
    attacks = [
        {"attacker": f"{at}", "sides": "a–a", "pooling": "1-1", "gender": f"g{at}"}
        | {"eer_percent": list(eer)}
        for at, eer in enumerate(eers)
    ]
    variant = {"name": "x", "kind": "recipe", "privacy": {"attacks": attacks}}
    results = {
        "corpus": {"name": name},
        "variants": [variant | {"words": {"wer_percent": [wer, None, None]}}],
    }
    path = write_results(results, tmp_path_factory.mktemp("r") / "results")
    sections = {section.title: section.rows for section in read_results(path)}
    found = [
        (row["EER"], row["EER-ci_lower"], row["EER-ci_upper"])
        for row in sections["ASV_eval^anon results"]
    ]
    np.testing.assert_allclose(found, eers, atol=0.0005)
    assert sections["ASR results"][0]["WER"] == pytest.approx(wer, abs=0.0005)


def test_a_file_of_the_challenge_itself_can_be_read(tmp_path):
    """The forms seen there: a second line of headings, rows with and without a number."""
    (tmp_path / "r").write_text(
        "---- Time: 01-02-26_03:04 ----\n\n---- SER results ----\n"
        "   dataset split   ser   UAR  ACC_sad\n                      mean     mean\n"
        "0  EMO       dev  anon  50.5     33.0\n\n"
        "---- ASR results ----\n  dataset split   asr    WER\n5   libri  test  anon  9.875\n\n"
        "---- Time: 01-02-26_05:06 ----\n\n---- ASV_eval^anon results ----\n"
        "dataset split gender enrollment trial   EER\n"
        "     10   dev  mixed       anon  anon 1.375\n"
    )
    emotion, words, privacy = read_results(tmp_path / "r")
    assert emotion.rows == (
        {"dataset": "EMO", "split": "dev", "ser": "anon", "UAR": 50.5, "ACC_sad": 33.0},
    )
    assert words.rows[0]["WER"] == 9.875
    assert (words.time, privacy.time) == ("01-02-26_03:04", "01-02-26_05:06")
    assert (privacy.rows[0]["dataset"], privacy.rows[0]["EER"]) == ("10", 1.375)
