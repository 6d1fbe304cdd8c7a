"""The study of assessments: known agreements are found, and the report shows them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from json_output import json_lines
from sounds import DATA

from voiceanon.checks.assessment import MEASURES
from voiceanon.errors import InputError
from voiceanon.keys import Draws
from voiceanon.privacy.assessment_study import assessment_study
from voiceanon.privacy.corpora.reading import read_corpus
from voiceanon.privacy.drawing import normal

COUNT = 60
RATE, PAUSE = "speech_rate_syllables_per_s", "mean_pause_s"


def measured(values: np.ndarray) -> dict[str, float | None]:
    return dict(zip(MEASURES, map(float, values), strict=True))


def made(noise: float, shift: float = 0.0) -> tuple[list[dict], np.ndarray, list[str]]:
    """Rows whose measures follow one fluency, their scores, and six speakers."""
    draws = Draws(bytes(32), "study")
    fluency = normal(draws, COUNT)
    before = 5 + fluency[:, None] + 0.3 * normal(draws, COUNT, len(MEASURES))
    after = before + shift + noise * normal(draws, COUNT, len(MEASURES))
    rows = [
        {"original": measured(x), "anonymized": measured(y)}
        for x, y in zip(before, after, strict=True)
    ]
    return rows, 3 + fluency, [f"s{k % 6}" for k in range(COUNT)]


def study(noise: float, shift: float = 0.0, *, scored: bool = True) -> dict:
    rows, scores, speakers = made(noise, shift)
    given = scores.tolist() if scored else [None] * COUNT
    return assessment_study(rows, given, speakers, Draws(bytes(32), "intervals"))


def test_what_stays_the_same_agrees_wholly() -> None:
    found = study(0.0, 0.5)
    for measure in found["measures"].values():
        assert measure["recordings"] == COUNT
        assert measure["r"] == pytest.approx([1.0, 1.0, 1.0])
        assert measure["mean_difference"] == pytest.approx([0.5, 0.5, 0.5])
        assert len(measure["pairs"]) == COUNT
    # Weights differ a little from speaker to speaker, and so does what a shift adds.
    assert found["scorer"]["rank_r"] == pytest.approx([1.0, 1.0, 1.0], abs=0.01)
    to_scores = found["scorer"]["r_to_scores"]
    assert to_scores["original"][0] > 0.9
    assert to_scores["anonymized"] == pytest.approx(to_scores["original"], abs=0.01)


@pytest.mark.parametrize("scored", [True, False])
def test_the_more_is_lost_the_less_agrees(scored: bool) -> None:
    found = [study(noise, scored=scored) for noise in (0.0, 1.0, 10.0)]
    for get in (
        lambda f: f["measures"][RATE]["r"][0],
        lambda f: f["scorer"]["rank_r"][0],
    ):
        first, second, third = map(get, found)
        assert first > second > third
        assert third < 0.5
    trained_on = {f["scorer"]["trained_on"] for f in found}
    assert trained_on == {"scores of the corpus" if scored else "first principal component"}


def test_a_scorer_never_sees_the_speaker_it_scores() -> None:
    """Scores that only tell speakers apart by a name cannot be told of an unheard speaker."""
    rows, _, speakers = made(0.0)
    draws = Draws(bytes(32), "names")
    by_speaker = normal(draws, 6)
    for row, speaker in zip(rows, speakers, strict=True):
        for side in ("original", "anonymized"):
            noise = normal(draws, len(MEASURES))
            row[side] = measured(noise + by_speaker[int(speaker[1:])])
    drawn = normal(draws, 6)  # of a speaker, and of nothing in the speech
    scores = [float(drawn[int(speaker[1:])]) for speaker in speakers]
    found = assessment_study(rows, scores, speakers, Draws(bytes(32), "intervals"))
    assert found["scorer"]["r_to_scores"]["original"][0] < 0.3


def test_speech_without_pauses_has_a_mean_pause_of_zero_and_few_recordings_no_scorer() -> None:
    rows, _, speakers = made(0.0)
    for row in rows[::2]:
        for side in row.values():
            side[PAUSE], side["pause_rate_per_s"] = None, 0.0
    nothing = [None] * COUNT
    found = assessment_study(rows, nothing, speakers, Draws(bytes(32), "intervals"))
    assert found["measures"][PAUSE]["recordings"] == COUNT // 2
    assert found["scorer"]["recordings"] == COUNT
    few = assessment_study(rows[:5], nothing[:5], speakers[:5], Draws(bytes(32), "intervals"))
    assert few["scorer"] is None
    one = assessment_study(rows, nothing, ["a"] * COUNT, Draws(bytes(32), "intervals"))
    assert one["measures"][RATE]["r"] is None
    assert one["measures"][RATE]["mean_difference"][1:] == [None, None]


def table(folder: Path, score: str) -> Path:
    with (DATA / "metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    path = folder / "corpus.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "speaker", "path", "text", "score"])
        writer.writeheader()
        for number, row in enumerate(rows):
            writer.writerow(
                {
                    "id": f"r{number}",
                    "speaker": row["speaker"],
                    "path": DATA / row["path"],
                    "text": row["text"],
                    "score": score if number == 1 else "",
                }
            )
    return path


def test_scores_are_read_from_a_column(tmp_path: Path) -> None:
    recordings = read_corpus(table(tmp_path, "-2.5")).recordings
    assert [r.score for r in recordings[:3]] == [None, -2.5, None]
    with pytest.raises(InputError, match="score of 'nan'"):
        read_corpus(table(tmp_path, "nan"))


def test_one_command_studies_a_corpus(voiceanon, tmp_path) -> None:
    out = tmp_path / "report"
    arguments = (
        "evaluate", table(tmp_path, ""), "-o", out, "--assessment", "--recogniser", "none",
        "--baselines", "none", "--workers", 1, "--json",
    )  # fmt: skip
    code, said, err = voiceanon(*arguments)
    assert code == 0, err
    (row, last) = json_lines(said)
    assert last["type"] == "evaluation"
    assert set(row["assessment"]) == {*MEASURES, "scorer_rank_r"}
    assert row["headline"] is None
    found = json.loads((out / "results.json").read_text())
    assert found["variants"][0]["privacy"] is None
    assert not (out / "statement.md").exists()
    page = (out / "report.html").read_text()
    assert "Assessments" in page
    assert "Speech rate, syllables/s: r" in page
    code, said, _ = voiceanon(*arguments[:-1])
    assert code == 0
    assert "phonation_ratio" in said
