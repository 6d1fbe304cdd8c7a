"""Attackers on descriptions find what is planted, find nothing where nothing is, and say so."""

import dataclasses
import importlib.util
import itertools
import json

import numpy as np
import pytest
from hostile_results import JSON_VALUES, assert_only_known_markup, places, put
from hypothesis import given, settings
from hypothesis import strategies as st
from json_output import json_lines
from made_up_descriptions import DIGITS, MEASURED, MadeUp, description
from page_reader import read_page
from synthetic_people import write_corpus

from voiceanon.errors import InputError
from voiceanon.keys import Draws
from voiceanon.privacy import Settings, evaluate, read_corpus
from voiceanon.privacy.attackers.fine_tuning import FineTuning
from voiceanon.privacy.descriptions import described as described_module
from voiceanon.privacy.descriptions.attributes import inferred
from voiceanon.privacy.descriptions.described import frame_inputs
from voiceanon.privacy.descriptions.floors import judged
from voiceanon.privacy.descriptions.frame_network import FrameTraining
from voiceanon.privacy.descriptions.inversion import Material, inverted
from voiceanon.privacy.descriptions.joined import JoinedDescriptions
from voiceanon.privacy.descriptions.sequence_network import SequenceNetwork
from voiceanon.privacy.descriptions.singling_out import isolated, unique_combinations
from voiceanon.privacy.descriptions.unit_statistics import UnitStatistics, unit_counts
from voiceanon.privacy.descriptions.unit_timing import UnitTiming, timing
from voiceanon.privacy.figures import Protocol
from voiceanon.privacy.metrics import eer
from voiceanon.privacy.trials import matrices, pooled_trials
from voiceanon.recipe import Recipe
from voiceanon.report.evaluation import write_report

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")
QUICK = FineTuning(steps=40, speakers=16, frames=120, learning_rate=3e-3, threads=1)


def percents(verifiers, evidence) -> np.ndarray:
    """Return the EER of every configuration, everything pooled."""
    sides = next(s for p, s in Protocol(evidence.recordings).sides().items() if p.name == "all-all")
    trials = (pooled_trials(matrices(v, sides), sides) for v in verifiers.values())
    return np.array([100 * eer(t.scores, t.targets) for t in trials])


# --- planted leaks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attacker", "leak"), [(UnitStatistics(), "digit"), (UnitTiming(), "pace")]
)
def test_a_planted_leak_is_found_by_the_attacker_whom_it_concerns(tmp_path, attacker, leak) -> None:
    evidence = MadeUp(tmp_path, leak)
    assert percents(attacker.verifiers(evidence), evidence).min() < 3


@pytest.mark.parametrize("attacker", [UnitStatistics(), UnitTiming()])
def test_where_nothing_is_of_the_speaker_nothing_is_found(tmp_path, attacker) -> None:
    evidence = MadeUp(tmp_path)
    found = percents(attacker.verifiers(evidence), evidence)
    assert 40 < np.median(found) < 60
    assert found.min() > 25  # the lowest of many configurations, by chance


def test_adding_up_takes_the_view_of_everything_and_finds_what_one_found(tmp_path) -> None:
    evidence = MadeUp(tmp_path, "digit")
    attackers = [UnitStatistics(), UnitTiming()]
    known = {one.name: one.verifiers(evidence) for one in attackers}
    joined = JoinedDescriptions().verifiers(attackers, known)
    assert all(name.startswith(("unit statistics all +", "2 × unit")) for name in joined)
    assert percents(joined, evidence).min() < 5


@needs_torch
def test_the_network_finds_a_planted_leak_and_remembers(tmp_path) -> None:
    evidence = MadeUp(tmp_path, "digit")
    attacker = SequenceNetwork(QUICK)
    assert attacker.missing(evidence) is None
    first = percents(attacker.verifiers(evidence), evidence)
    assert first.min() < 10
    evidence.steps = 0
    assert percents(attacker.verifiers(evidence), evidence).tolist() == first.tolist()
    assert evidence.steps == 0


def test_without_torch_the_network_says_so(tmp_path, monkeypatch) -> None:
    module = "voiceanon.privacy.descriptions.sequence_network.why_missing"
    monkeypatch.setattr(module, lambda package: f"{package} is not installed")
    assert SequenceNetwork().missing(MadeUp(tmp_path)) == "torch is not installed"


# --- what the vectors hold ----------------------------------------------------------------------


@settings(max_examples=20)
@given(st.integers(0, 50), st.permutations([-1, 0, 1]))
def test_timing_does_not_depend_on_which_units_they_are(number, names) -> None:
    before = description(0, number)
    renamed = np.array(names, np.int8)[before.units + 1]
    after = timing(dataclasses.replace(before, units=renamed))
    for name, values in timing(before).items():
        assert np.isfinite(values).all()
        assert values == pytest.approx(after[name])


def test_counts_of_a_description_that_can_be_counted_by_hand() -> None:
    whole = description(0, 0)
    units = np.zeros((5, DIGITS), np.int8)
    units[2:, 0] = 1  # one unit for two frames, another for three
    one = dataclasses.replace(
        whole,
        units=units,
        voiced=np.ones(5, bool),
        energy=np.array([0, 0, 0, 0, -8], np.int8),
        pitch=np.zeros(5, np.int8),
    )
    counts = unit_counts(one)
    assert counts["runs"][[2, 3]].tolist() == [1, 1]
    assert counts["grams"].sum() == 1
    # Digit 0 is 0 twice and 1 twice in speech, and once 1 in the pause.
    assert counts["pairs"].reshape(5, 18, 18)[0].diagonal()[:3].tolist() == [0, 2, 2]
    assert counts["pauses"][:3].tolist() == [0, 0, 1]
    assert counts["pairs"].reshape(5, 18, 18)[1][1, :3].tolist() == [0, 1, 1]
    inputs = frame_inputs(one)
    assert inputs.shape == (5, 3 * DIGITS + 4)
    assert inputs[:, 3 * DIGITS + 1].tolist() == [0, 0, 0, 0, 1]


# --- inversion ----------------------------------------------------------------------------------


def material(people, *, leak: bool) -> Material:
    """Spectra of 12 bands by a law of four inputs and the speaker's own offset."""
    law = np.random.default_rng(5).normal(size=(4, 12)) * 3
    inputs, spoken, originals, speech, owners = [], [], [], [], []
    for person in people:
        own = np.random.default_rng([6, person]).normal(size=2)
        offset = own @ np.random.default_rng(7).normal(size=(2, 12)) * 3
        for number in range(3):
            each = np.random.default_rng([8, person, number])
            x = each.normal(size=(80, 4))
            told = np.tile(own, (80, 1)) if leak else each.normal(size=(80, 2))
            inputs.append(np.hstack([x, told]).astype(np.float32))
            spoken.append((0.5 * x @ law + 7).astype(np.float32))
            noise = each.normal(size=(80, 12))
            originals.append((x @ law + offset + noise).astype(np.float32))
            speech.append(np.arange(80) % 7 > 0)
            owners.append(f"p{person}")
    return Material(inputs, spoken, originals, speech, np.array(owners))


def test_inversion_finds_a_speaker_in_the_description_and_none_where_none_is() -> None:
    draws = Draws(bytes(32), "inversion")
    leaking, honest = (
        inverted(material(range(50, 80), leak=leak), material(range(8), leak=leak), draws, None)
        for leak in (True, False)
    )
    assert leaking["better_percent"][0] > 30
    assert leaking["speaker_spectrum_r2"]["description"] > 0.9
    assert abs(honest["better_percent"][0]) < 3
    assert abs(honest["speaker_spectrum_r2"]["description"]) < 0.1
    for found in (leaking, honest):
        errors = {name: figure[0] for name, figure in found["errors_db"].items()}
        # Only the noise is left once the speaker's average is known.
        assert errors["pseudo-voice, speaker's average known"] == pytest.approx(1, abs=0.3)
        assert abs(found["speaker_spectrum_r2"]["pseudo-voice, band by band"]) < 0.1


@needs_torch
def test_inversion_by_a_network_finds_it_too() -> None:
    found = inverted(
        material(range(50, 80), leak=True),
        material(range(8), leak=True),
        Draws(bytes(32), "inversion"),
        FrameTraining(steps=150, crops=8, frames=40, channels=24, learning_rate=5e-3, threads=1),
    )
    assert (
        found["tried"]["description, network"][0]
        < found["errors_db"]["pseudo-voice, band by band"][0]
    )


# --- attributes, singling out, floors -----------------------------------------------------------


@pytest.mark.parametrize("leak", [True, False])
def test_an_attribute_is_told_where_it_is_and_not_elsewhere(tmp_path, leak) -> None:
    evidence = MadeUp(tmp_path)
    generator = np.random.default_rng(9)
    known, seen = (
        generator.normal(size=(len(part), 8))
        + leak * np.array([[2.0 if r.sex == "F" else -2.0] for r in part])
        for part in (evidence.training, evidence.recordings)
    )
    found = inferred(
        "sex", {"all": (known, seen)}, evidence.training, evidence.recordings, Draws(bytes(32))
    )
    value, low, high = found["pooled"]
    assert low <= value <= high
    assert found["chance"] == 0.5
    if leak:
        assert value == 1
        assert found["single"][0] > 0.95
    else:
        assert 0.3 < found["single"][0] < 0.7
    said = inferred(
        "age_group",
        {"all": (known, seen)},
        evidence.training,
        evidence.recordings,
        Draws(bytes(32)),
    )
    assert "fewer than two kinds of age_group" in said


def test_unique_combinations_counted_by_hand() -> None:
    # Two steps, split at the middle: (0, 0) twice, (0, 1), (1, 1), (1, 0).
    values = np.array([[0.0, 0.0], [1.0, 9.0], [2.0, 1.0], [8.0, 8.0], [9.0, 7.0]])
    one, two = unique_combinations(values, steps=2)
    assert (one["mean"], one["highest"]) == (0, 0)
    assert two["mean"] == two["highest"] == pytest.approx(0.6)
    assert unique_combinations(np.ones((6, 3)))[-1]["highest"] == 0


class Knows:
    """A verifier that knows, or one that cannot tell."""

    def __init__(self, evidence, *, told: bool) -> None:
        self.owner = np.array([r.speaker for r in evidence.recordings])
        self.told, self.generator = told, np.random.default_rng(1)

    def scores(self, enrol, trial):
        own, tried = ([self.owner[row > 0][0] for row in side] for side in (enrol, trial))
        right = (np.array(tried)[:, None] == np.array(own)).astype(float)
        return right if self.told else self.generator.normal(size=right.shape)


def test_isolation_is_sure_for_who_knows_and_chance_for_who_does_not(tmp_path) -> None:
    evidence = MadeUp(tmp_path)
    sides = next(s for p, s in Protocol(evidence.recordings).sides().items() if p.name == "all-1")
    sure, guess = (
        isolated(Knows(evidence, told=told), sides, Draws(bytes(32))) for told in (True, False)
    )
    assert sure["probability"] == 1
    assert sure["among"] == len(MEASURED)
    assert guess["probability"] == pytest.approx(sure["chance"], abs=0.15)


def test_what_was_not_measured_meets_no_floor() -> None:
    rows = judged(
        {"EER, single descriptions": [27.9, 20, 30], "sex told, balanced accuracy": [0.7]}
    )
    meets = {row["what"]: row["meets"] for row in rows}
    assert meets["EER, single descriptions"] is False
    assert meets["sex told, balanced accuracy"] is True
    assert list(meets.values()).count(None) == 3


# --- from end to end ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    return write_corpus(folder / "dev", range(6)), write_corpus(folder / "train", range(20, 26))


def quick(**more) -> Settings:
    return Settings(recipes=(Recipe.named("bottleneck"),), abstractions=True, light=True, **more)


@pytest.fixture(scope="module")
def results(corpora, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    dev, train = map(read_corpus, corpora)
    return evaluate(dev, folder, quick(), training=train, command="a test"), folder


def test_an_evaluation_holds_what_the_schema_says(results) -> None:
    found, _ = results
    json.dumps(found, allow_nan=False)
    raw, measures, ours = found["variants"]
    assert [raw["kind"], measures["kind"], ours["kind"]] == ["raw", "measures", "recipe"]
    attackers = {row["attacker"] for row in ours["privacy"]["attacks"]}
    assert attackers == {"unit statistics", "unit timing", "joined"}
    assert {row["sides"] for row in ours["privacy"]["attacks"]} == {"d–d"}
    assert {row["what"] for row in ours["privacy"]["not_measured"]} == {
        "sequence network", "age group", "first language",
    }  # fmt: skip
    stored = ours["descriptions"]
    assert len(stored["floors"]) == 5
    for row in stored["floors"]:
        value = row["measured"][0]
        assert row["meets"] == (value >= row["floor"] if row["at_least"] else value <= row["floor"])
    assert stored["floors"][1]["measured"] == ours["privacy"]["headline"]["eer_percent"]
    assert stored["attributes"]["sex"]["kinds"] == ["F", "M"]
    errors = {name: figure[0] for name, figure in stored["inversion"]["errors_db"].items()}
    known = "pseudo-voice, speaker's average known"
    assert errors[known] < errors["pseudo-voice, band by band"]
    unique = measures["singling_out"]["unique"]
    assert [row["k"] for row in unique] == list(range(1, 8))
    assert all(a["highest"] <= b["highest"] for a, b in itertools.pairwise(unique))


def test_the_page_has_the_part_and_known_markup_alone(results, tmp_path) -> None:
    page = read_page(write_report(results[0], tmp_path))
    assert_only_known_markup(page)
    text = page.text
    for words in (
        "Stored descriptions", "Meets the floor", "pseudo-voice, band by band",
        "Sex, from descriptions", "Singling out, linking, inferring", "EER, single descriptions",
    ):  # fmt: skip
        assert words in text
    assert "Listening" not in text


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_value_breaks_the_part(results, tmp_path_factory, data) -> None:
    changed = json.loads(json.dumps(results[0]))
    measures, ours = changed["variants"][1:]
    for part in (measures["singling_out"], ours["descriptions"]):
        where = [path for path in places(part) if path]
        put(part, data.draw(st.sampled_from(where)), data.draw(JSON_VALUES))
    for variant in changed["variants"]:
        variant["privacy"]["attacks"] = variant["privacy"]["attacks"][:1]
    page = read_page(write_report(changed, tmp_path_factory.getbasetemp()))
    assert_only_known_markup(page)


def test_a_second_run_describes_nothing_again(results, corpora, monkeypatch) -> None:
    found, folder = results

    def refuse(*_arguments, **_more):
        raise AssertionError("described again")

    monkeypatch.setattr(described_module, "abstract", refuse)
    dev, train = map(read_corpus, corpora)
    again = evaluate(dev, folder, quick(), training=train, command="a test")
    assert again["variants"] == found["variants"]


def test_without_training_nothing_is_said_to_pass(corpora, tmp_path) -> None:
    found = evaluate(read_corpus(corpora[0]), tmp_path, quick())
    json.dumps(found, allow_nan=False)
    assert all(v["privacy"]["attacks"] == [] for v in found["variants"])
    assert {row["meets"] for row in found["variants"][-1]["descriptions"]["floors"]} == {None}
    write_report(found, tmp_path)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"assessment": True}, "two evaluations"),
        ({"attackers": ("statistics",)}, "attackers are of audio"),
        ({"recipes": (Recipe.named("template"),)}, "removal = 'bottleneck'"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(corpora, tmp_path, more, said) -> None:
    with pytest.raises(InputError, match=said):
        evaluate(read_corpus(corpora[0]), tmp_path, dataclasses.replace(quick(), **more))


def test_the_command_writes_the_report_and_no_statement(
    voiceanon,
    corpora,
    results,
    tmp_path,
) -> None:
    dev, train = corpora
    out, cache = tmp_path / "report", results[1] / "cache"
    asked = ("evaluate", dev, "-o", out, "--train", train, "--abstractions", "--light")
    code, said, _ = voiceanon(*asked, "--workers", "1", "--cache", cache, "--json")
    assert code == 0
    *variants, _ = json_lines(said)
    assert [row["name"] for row in variants] == ["raw", "measures", "plain"]
    assert len(variants[-1]["floors"]) == 5
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "results.json"]
    code, said, _ = voiceanon(*asked, "--workers", "1", "--cache", cache)
    assert code == 0
    assert "meets it" in said
