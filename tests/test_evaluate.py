"""One evaluation from end to end: it repeats, resumes, refuses, and says what is missing."""

import json
import shutil
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from json_output import json_lines
from synthetic_people import utterance, write_corpus

from voiceanon.checks.recognisers import WHISPER_FOLDER
from voiceanon.errors import InputError
from voiceanon.privacy import Settings, evaluate, evaluation, read_corpus
from voiceanon.privacy import attackers as attackers_module
from voiceanon.recipe import Recipe

ATTACKERS = ("statistics", "rhythm", "waveform", "joined")


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Return a measured and a training corpus of ten and eight synthetic people."""
    folder = tmp_path_factory.mktemp("people")
    return write_corpus(folder / "dev", range(10)), write_corpus(folder / "train", range(20, 28))


def quick(**more) -> Settings:
    wanted = {
        "recipes": (Recipe.named("template"),),
        "baselines": ("raw",),
        "attackers": ATTACKERS,
        "speaker_models": (),
        "recogniser": "none",
        "light": True,
    }
    return Settings(**{**wanted, **more})


@pytest.fixture(scope="module")
def results(corpora, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    dev, train = map(read_corpus, corpora)
    return evaluate(dev, folder, quick(), training=train, command="a test"), folder


def without_times(found):
    return {key: value for key, value in found.items() if key not in ("created", "took_s")} | {
        "variants": [
            {key: value for key, value in variant.items() if key != "speed_x_real_time"}
            for variant in found["variants"]
        ]
    }


def test_every_attacker_pooling_and_gender_has_its_figures(results) -> None:
    found, folder = results
    json.dumps(found, allow_nan=False)
    assert found["corpus"]["speakers"] == 10
    assert found["training"]["recordings"] == 32
    for variant in found["variants"]:
        rows = variant["privacy"]["attacks"]
        keys = {(row["attacker"], row["pooling"], row["gender"]) for row in rows}
        assert len(keys) == len(rows)
        assert {row["attacker"] for row in rows} == set(ATTACKERS)
        assert {row["pooling"] for row in rows} == {"1-1", "all-1", "all-all"}
        for row in rows:
            value, low, high = row["eer_percent"]
            assert 0 <= low <= high <= 100
            assert 0 <= value <= 100
            assert row["eer_hull_percent"] <= value + 1e-9
            if (row["pooling"], row["gender"]) == ("all-1", "all"):
                assert set(row["linkability"]) == {"2", "10"}
                assert row["linkability"]["10"] == pytest.approx(row["rank1"])
    raw, template = found["variants"]
    assert raw["examples"] == []
    for example in template["examples"]:
        assert (folder / example["path"]).is_file()


def test_synthetic_people_are_recognised_raw_and_less_so_through_the_template(results) -> None:
    raw, template = (v["privacy"]["headline_single"] for v in results[0]["variants"])
    assert raw["eer_percent"][0] < 10
    assert template["eer_percent"][0] > raw["eer_percent"][0]


def test_the_headline_is_the_lowest_of_all_attackers(results) -> None:
    for variant in results[0]["variants"]:
        privacy = variant["privacy"]
        rows = [
            row
            for row in privacy["attacks"]
            if (row["pooling"], row["gender"]) == ("all-all", "all")
        ]
        lowest = min(row["eer_percent"][0] for row in rows)
        assert privacy["headline"]["eer_percent"][0] == lowest


def test_the_same_run_gives_the_same_figures(results, corpora, tmp_path) -> None:
    dev, train = map(read_corpus, corpora)
    again = evaluate(dev, tmp_path, quick(), training=train, command="a test")
    assert without_times(again) == without_times(results[0])


@pytest.mark.slow
def test_several_processes_give_the_same_figures(results, corpora, tmp_path) -> None:
    dev, train = map(read_corpus, corpora)
    again = evaluate(dev, tmp_path, quick(workers=2), training=train, command="a test")
    assert without_times(again) == without_times(results[0])


@pytest.mark.slow
@pytest.mark.parametrize("steps", [30, 170, 400])
def test_an_interrupted_run_goes_on(results, corpora, tmp_path, steps) -> None:
    dev, train = map(read_corpus, corpora)
    calls = 0

    def stop(_what, _done, _total) -> None:
        nonlocal calls
        calls += 1
        if calls == steps:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(dev, tmp_path, quick(), training=train, progress=stop)
    assert not list(tmp_path.rglob("*.part"))
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.wav")}
    again = evaluate(dev, tmp_path, quick(), training=train, command="a test")
    assert without_times(again) == without_times(results[0])
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # nothing was made twice


def test_no_original_audio_lies_in_the_report(results, corpora) -> None:
    _, folder = results
    originals = {path.read_bytes() for path in corpora[0].rglob("*.wav")}
    made = [*folder.rglob("*.wav"), *folder.rglob("*.flac")]
    assert made
    for path in made:
        assert path.read_bytes() not in originals
        samples, _ = soundfile.read(path)
        for person in range(10):
            # Every recording begins with a vowel of exactly known samples.
            start = utterance(person, 0)[:2000]
            assert abs(np.corrcoef(samples[:2000], start)[0, 1]) < 0.9


def test_files_are_for_their_owner(results) -> None:
    for path in results[1].rglob("*.wav"):
        assert path.parent.stat().st_mode & 0o077 == 0


def test_without_training_the_report_says_what_is_missing(corpora, tmp_path) -> None:
    found = evaluate(read_corpus(corpora[0]), tmp_path, quick())
    privacy = found["variants"][1]["privacy"]
    assert {row["attacker"] for row in privacy["attacks"]} == {"waveform"}
    missing = {row["what"]: row["why"] for row in privacy["not_measured"]}
    assert "--train" in missing["statistics"]
    assert missing["cloning"] == "not asked for"
    assert any("no training corpus" in w["text"] for w in found["warnings"] if w["level"] == "red")


def test_weak_attackers_are_said_in_red(corpora, tmp_path) -> None:
    found = evaluate(read_corpus(corpora[0]), tmp_path, quick(attackers=("waveform",)))
    red = [w["text"] for w in found["warnings"] if w["level"] == "red"]
    assert any("miss even raw speech" in text for text in red)


def test_one_speaker_leaves_words_and_delivery(corpora, tmp_path) -> None:
    whole = read_corpus(corpora[0])
    alone = type(whole)("one", tuple(r for r in whole.recordings if r.speaker == "p3"))
    found = evaluate(alone, tmp_path, quick())
    assert all(variant["privacy"] is None for variant in found["variants"])
    assert found["variants"][1]["delivery"]["utterances"] == 4
    assert any("one speaker" in row["why"] for row in found["not_measured"])
    json.dumps(found, allow_nan=False)


def test_a_baseline_that_cannot_be_made_is_left_out_and_named(
    corpora, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(
        "voiceanon.privacy.variants.why_missing", lambda package: f"{package} is not installed"
    )
    wanted = quick(baselines=("raw", "world"), attackers=("waveform",))
    found = evaluate(read_corpus(corpora[0]), tmp_path, wanted)
    assert [variant["name"] for variant in found["variants"]] == ["raw", "template"]
    assert {"what": "baseline world", "why": "pyworld is not installed"} in found["not_measured"]


def test_a_speaker_in_both_corpora_is_refused(corpora, tmp_path) -> None:
    dev = read_corpus(corpora[0])
    with pytest.raises(InputError, match="p0"):
        evaluate(dev, tmp_path, quick(), training=dev)


def test_unreadable_recordings_are_left_out_and_named(corpora, tmp_path) -> None:
    folder = tmp_path / "dev"
    shutil.copytree(corpora[0], folder)
    (folder / "p1" / "0.wav").write_bytes(b"RIFF\0\0\0\0WAVEnonsense")
    silent = np.zeros(24000, np.int16)
    soundfile.write(folder / "p2" / "1.wav", silent, 16000)
    soundfile.write(folder / "p3" / "2.wav", np.stack([silent + 3, silent - 3], 1), 16000)
    (tmp_path / "out").mkdir()
    found = evaluate(read_corpus(folder), tmp_path / "out", quick(attackers=("waveform",)))
    (note,) = [n for n in found["corpus"]["notes"] if "left out" in n]
    assert note.startswith("3 recordings left out")
    assert "p1-0" in note
    assert "silent" in note
    assert found["corpus"]["recordings"] == 37


def test_a_corpus_of_which_nothing_can_be_read_is_refused_with_a_reason(tmp_path) -> None:
    folder = write_corpus(tmp_path / "dev", range(1), each=2)
    for path in folder.rglob("*.wav"):
        soundfile.write(path, np.zeros(24_000), 16_000)
    with pytest.raises(
        InputError, match="no recording of the corpus can be read; .*p0-0: is silent"
    ):
        evaluate(read_corpus(folder), tmp_path, quick())
    assert not list(tmp_path.rglob("*.html"))


def test_words_are_heard_and_descriptions_are_measured_where_asked(tmp_path) -> None:
    folder = write_corpus(tmp_path / "dev", range(2), each=2)
    wanted = {"recipes": (Recipe.named("bottleneck"),), "baselines": (), "attackers": ("waveform",)}
    found = evaluate(
        read_corpus(folder), tmp_path, quick(**wanted, recogniser="cli_check_words:count")
    )
    (made,) = found["variants"]
    assert made["words"]["utterances"] == 4
    assert made["words"]["references"] == ["recogniser's text of the original"]
    assert 0 <= made["words"]["wer_percent"][0] <= 100
    described = made["description"]
    assert described["recordings"] == 4
    assert described["bits_per_second"] > described["entropy_bits_per_second"] > 0
    assert found["models"]["recogniser"]["name"] == "cli_check_words:count"
    kept = list((tmp_path / "cache").rglob("words-*/*/*.json"))
    assert len(kept) == 8  # four recordings before and after: an interrupted run hears none again


@pytest.mark.parametrize(
    ("spec", "named", "found"),
    [
        ("none", "", None),
        ("whisper:models/base", "", "models/base"),
        ("auto", "models/tiny", "models/tiny"),
        ("pocketsphinx", "models/tiny", None),
    ],
)
def test_the_whisper_model_that_judges_words_drives_clones(monkeypatch, spec, named, found) -> None:
    monkeypatch.setenv(WHISPER_FOLDER, named)
    run = SimpleNamespace(_settings=quick(recogniser=spec))
    options = evaluation._Run._attackers_options(run)
    assert options.get("whisper_folder") == found
    own = SimpleNamespace(_settings=quick(recogniser=spec, options={"whisper_folder": "own"}))
    assert evaluation._Run._attackers_options(own)["whisper_folder"] == "own"


class Oracle:
    """An attacker of somebody else's package that always knows."""

    name = "oracle"
    sides = "a–a"
    knowledge = "reads minds"

    def missing(self, _evidence):
        return None

    def verifiers(self, evidence):
        owner = np.array([recording.speaker for recording in evidence.recordings])

        class Knows:
            def scores(self, enrol, trial):
                own, tried = ([owner[row > 0][0] for row in side] for side in (enrol, trial))
                return (np.array(tried)[:, None] == np.array(own)).astype(float)

        return {"": Knows()}


def test_other_packages_add_attackers(corpora, tmp_path, monkeypatch) -> None:
    point = EntryPoint("oracle", "test_evaluate:Oracle", "voiceanon.attackers")
    monkeypatch.setattr(attackers_module, "entry_points", lambda group: [point])
    found = evaluate(read_corpus(corpora[0]), tmp_path, quick(attackers=("oracle",)))
    for variant in found["variants"]:
        assert variant["privacy"]["headline"]["attacker"] == "oracle"
        assert variant["privacy"]["headline"]["eer_percent"][0] == 0


# --- the command line ---------------------------------------------------------------------------

FAST = ("--light", "--recogniser", "none", "--baselines", "raw", "--workers", "1",
        "--attackers", "statistics,waveform")  # fmt: skip


def test_the_command_writes_a_report(voiceanon, corpora, tmp_path) -> None:
    out = tmp_path / "report"
    dev, train = corpora
    code, said, _ = voiceanon("evaluate", dev, "-o", out, "--train", train, *FAST, "--json")
    assert code == 0
    *variants, summary = json_lines(said)
    assert [row["name"] for row in variants] == ["raw", "template"]
    assert summary["type"] == "evaluation"
    found = json.loads((out / "results.json").read_text())
    assert found["schema"] == "voiceanon-evaluation/1"
    assert "<html" in (out / "report.html").read_text()
    assert found["variants"][1]["recipe"]["hash"] in (out / "statement.md").read_text()
    assert (out / "challenge-template.txt").is_file()
    # Again into the same folder: everything is there already.
    code, said, said_else = voiceanon("evaluate", dev, "-o", out, "--train", train, *FAST)
    assert code == 0
    assert "McAdams" not in said
    assert "template" in said
    assert "report.html" in said_else


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--attackers", "psychic"], 2, "attacker is 'psychic'"),
        (["--baselines", "nonsense"], 2, "baseline is 'nonsense'"),
        (["--recipe", "nonsense"], 2, "recipe is 'nonsense'"),
        (["--recogniser", "nonsense"], 2, "recogniser is 'nonsense'"),
        (["--speaker-model", "nonsense"], 2, "speaker model is 'nonsense'"),
        (["--recipe", "template", "--recipe", "template"], 2, "names must differ"),
        (["--train", "no-such-folder"], 2, "does not exist"),
    ],
)
def test_usage_errors_are_one_line(voiceanon, corpora, tmp_path, more, code, said) -> None:
    got, _, err = voiceanon("evaluate", corpora[0], "-o", tmp_path / "out", *FAST, *more)
    assert got == code
    assert said in " ".join(err.split())
    assert err.count("voiceanon:") == 1 or "attackers" in err


def test_the_report_never_lands_in_the_corpus_or_over_other_files(
    voiceanon,
    corpora,
    tmp_path,
) -> None:
    dev, _ = corpora
    for inside in (dev, dev / "p0" / "report"):
        code, _, err = voiceanon("evaluate", dev, "-o", inside, *FAST)
        assert code == 6
        assert "may not lie inside" in " ".join(err.split())
    (tmp_path / "thesis.txt").write_text("mine")
    code, _, err = voiceanon("evaluate", dev, "-o", tmp_path, *FAST)
    assert code == 6
    assert "thesis.txt" in err
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_attackers_can_be_listed_without_a_corpus(voiceanon) -> None:
    code, out, _ = voiceanon("evaluate", "--list-attackers")
    assert code == 0
    for name in attackers_module.all_attackers():
        assert f"{name} (" in out
