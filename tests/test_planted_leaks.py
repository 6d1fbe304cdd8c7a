"""Each way to anonymise badly on purpose is exposed by an attacker, and an honest recipe is not."""

from pathlib import Path

import pytest

from voiceanon.privacy import Settings, changed, evaluate, read_corpus
from voiceanon.privacy.corpora.recordings import Corpus

SPEECH = Path(__file__).parents[2] / "shared" / "speech"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (SPEECH / "dev").is_dir(), reason="needs speech of 20 people"),
]
ATTACKERS = ("statistics", "rhythm", "waveform")
LEAKS = (
    "honest",
    "constant_pitch_shift",
    "every_tenth_unchanged",
    "durations_and_f0",
    "id_in_noise_floor",
    "colour_of_noise_floor",
    "tone_in_noise_floor",
)


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, dict]:
    """Return what is measured of each leak: six recordings of 20 people, 125 people to train on."""
    folder = tmp_path_factory.mktemp("leaks")
    measured = read_corpus(SPEECH / "dev")
    training = read_corpus(SPEECH / "train" / "libri_clean_100_1utt")
    results = evaluate(
        Corpus("dev", measured.recordings[::2]),
        folder,
        Settings(
            recipes=(),
            baselines=(),
            others=tuple(changed(name, f"planted_leaks:{name}") for name in LEAKS),
            attackers=ATTACKERS,
            speaker_models=(),
            recogniser="none",
            light=True,
            workers=2,
        ),
        training=Corpus("train", training.recordings[::2]),
    )
    by_name = {variant["name"]: variant["privacy"] for variant in results["variants"]}
    return {**by_name, "warnings": results["warnings"]}


def highest(privacy: dict, attacker: str, pooling: str = "1-1") -> float:
    """Return the upper end of the interval of an attacker's EER, %."""
    row = next(
        a
        for a in privacy["attacks"]
        if (a["attacker"], a["pooling"], a["gender"]) == (attacker, pooling, "all")
    )
    return row["eer_percent"][2]


def lowest(privacy: dict, attacker: str, pooling: str = "1-1") -> float:
    row = next(
        a
        for a in privacy["attacks"]
        if (a["attacker"], a["pooling"], a["gender"]) == (attacker, pooling, "all")
    )
    return row["eer_percent"][1]


def test_a_constant_pitch_shift_is_exposed_by_statistics(found) -> None:
    assert highest(found["constant_pitch_shift"], "statistics") < 15
    assert lowest(found["honest"], "statistics") > 15


def test_copies_are_found_one_by_one(found) -> None:
    copied = found["every_tenth_unchanged"]["copies"]
    assert copied["checked"] == 120
    assert 5 <= len(copied["found"]) <= 20
    assert all(row["correlation"] > 0.99 for row in copied["found"])
    assert found["honest"]["copies"]["found"] == []
    assert any(w["level"] == "red" and "every_tenth" in w["text"] for w in found["warnings"])


def test_durations_and_pitch_alone_are_exposed_by_rhythm(found) -> None:
    assert highest(found["durations_and_f0"], "rhythm", "all-all") < 20
    assert highest(found["durations_and_f0"], "rhythm") < lowest(found["honest"], "rhythm")


def test_a_speakers_own_noise_is_exposed_by_the_waveform(found) -> None:
    assert highest(found["id_in_noise_floor"], "waveform") < 2
    assert lowest(found["honest"], "waveform") > 40


def test_the_colour_of_a_noise_floor_is_exposed_by_statistics(found) -> None:
    assert highest(found["colour_of_noise_floor"], "statistics") < 5


def test_a_tone_is_exposed_by_statistics_or_by_lines_in_the_floor(found) -> None:
    leak = found["tone_in_noise_floor"]
    assert min(highest(leak, "statistics"), highest(leak, "waveform")) < 10
