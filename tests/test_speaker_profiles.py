"""One profile for the recordings of a speaker: exact, whatever the order, and on no disk."""

import csv
import json
import os
import signal
import time
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import soundfile
from archive_runs import KEY, RATE, destination, outputs, program, start, twin
from sounds import clip_names, speech

from voiceanon.anonymizer import Anonymizer
from voiceanon.archive import speaker_profiles
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.run_folder import RunFolder, RunSettings, Shard
from voiceanon.archive.running import run_shard
from voiceanon.archive.sources import find_sources
from voiceanon.archive.speaker_profiles import SpeakerProfiles
from voiceanon.archive.statement import totals_of
from voiceanon.archive.work import job_of
from voiceanon.errors import InputError
from voiceanon.profile import Profile, profile
from voiceanon.recipe import Recipe
from voiceanon.storage.files import abstract_file

PARTS = [profile(speech(1.0, 0.3 * at, clip_names()[at % 2]), RATE) for at in range(5)]


@hypothesis.given(order=st.permutations(range(len(PARTS))))
@hypothesis.settings(max_examples=20)
def test_a_merge_does_not_depend_on_the_order(order):
    one, other = Profile.merged(PARTS), Profile.merged([PARTS[at] for at in order])
    np.testing.assert_array_equal(one.state, other.state)
    assert (one.f0_hz, one.tract, one.level_db) == (other.f0_hz, other.tract, other.level_db)


def test_a_merge_of_one_is_that_one():
    again = Profile.merged(PARTS[:1])
    np.testing.assert_array_equal(again.state, PARTS[0].state)
    assert (again.f0_hz, again.f0_deviation) == (PARTS[0].f0_hz, PARTS[0].f0_deviation)
    assert (again.level_db, again.tract) == (PARTS[0].level_db, PARTS[0].tract)


def test_a_merge_rests_on_all_of_it():
    whole = Profile.merged(PARTS)
    assert whole.voiced_s == pytest.approx(sum(part.voiced_s for part in PARTS))
    assert min(p.f0_hz for p in PARTS) < whole.f0_hz < max(p.f0_hz for p in PARTS)
    assert min(p.level_db for p in PARTS) < whole.level_db < max(p.level_db for p in PARTS)
    # Sums alone: it is what one pass over all of it gathers, but for what each part alone decides.
    voice = np.concatenate([speech(1.0, 0.3 * at, clip_names()[at % 2]) for at in range(5)])
    assert whole.f0_hz == pytest.approx(profile(voice, RATE).f0_hz, rel=0.05)


def test_nothing_and_strangers_are_not_merged():
    with pytest.raises(InputError):
        Profile.merged([])
    short = type(PARTS[0])(100.0, 0.2, -20.0, 3, 1.0, np.zeros(7))
    with pytest.raises(InputError):
        Profile.merged([PARTS[0], short])
    with pytest.raises(InputError):
        Profile.merged([short])


def recordings(folder):
    """Six short recordings: three of Ann, one of them damaged, two of Ben, one of nobody."""
    folder.mkdir()
    rows = []
    for at, speaker in enumerate(["ann", "ann", "ann", "ben", "ben", ""]):
        samples = speech(1.0, 0.4 * at, clip_names()[0 if speaker == "ann" else 1])
        soundfile.write(folder / f"{at}.wav", samples, RATE)
        rows.append([f"{at}.wav", speaker])
    os.truncate(folder / "2.wav", 16_000)
    with (folder / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "speaker"], *rows])
    return folder / "list.csv"


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    place = tmp_path_factory.mktemp("speakers")
    listed = recordings(place / "in")
    chosen = Recipe.named("default")
    recipe = {"name": chosen.name, "version": chosen.version, **chosen.settings()}
    settings = RunSettings(
        "a-run", str(listed), str(place / "out"), recipe, ".wav", check=False, profile="speaker"
    )
    folder = RunFolder(place / "out.run").make(settings, KEY)
    Manifest.write(folder.manifest, find_sources(str(listed)), KEY, keep_names=True).close()
    return folder


@pytest.fixture(scope="module")
def undisturbed(planned):
    folder = twin(planned, "undisturbed")
    run_shard(folder)
    assert totals_of(folder).states["done"] == 5
    return outputs(folder)


def test_a_run_removes_what_is_the_speakers(planned, undisturbed, tmp_path):
    settings = planned.settings()
    with Manifest.open(planned.manifest) as manifest:
        entries = {entry.name: entry for entry in manifest}
        alike = manifest.alike(entries["0.wav"], 100)
        assert [one.id for one in alike] == sorted(entries[f"{at}.wav"].id for at in range(3))
        assert manifest.alike(entries["5.wav"], 100) == []
        assert len(manifest.alike(entries["0.wav"], 2)) == 2
    whole = [soundfile.read(Path(planned.settings().source).parent / f"{at}.wav") for at in (0, 1)]
    shared = Profile.merged([profile(samples, rate) for samples, rate in whole])
    entry = entries["0.wav"]
    secret = job_of(entry, settings, KEY, tmp_path).secret
    samples = soundfile.read(entry.source, dtype="float32")[0]
    for name, profiles in (("shared", (shared,)), ("own", None)):
        made = Anonymizer(Recipe.named("default"), secret)(
            samples, RATE, recording=entry.id, speaker="one", profiles=profiles
        )
        soundfile.write(tmp_path / f"{name}.wav", made, RATE)
    delivered = soundfile.read(destination(planned).with_name("undisturbed") / "0.wav")[0]
    shared_audio, own_audio = (soundfile.read(tmp_path / f"{n}.wav")[0] for n in ("shared", "own"))
    off, of_own = np.abs(delivered - shared_audio).max(), np.abs(delivered - own_audio).max()
    assert off < 2e-4 < of_own  # 16 bits with dither
    # Of somebody whom nothing else is known of, and by default, the recording is what is learned.
    by_recording = twin(planned, "by-recording")
    place = by_recording.path / "plan.json"
    place.write_text(place.read_text().replace('"profile": "speaker"', '"profile": "recording"'))
    run_shard(by_recording)
    other = outputs(by_recording)
    same = {name for name in other if other[name] == undisturbed[name]}
    assert same == {"5.wav"}


def test_workers_and_shards_change_no_byte(planned, undisturbed):
    two = twin(planned, "two-workers")
    run_shard(two, workers=2)
    assert outputs(two) == undisturbed
    parts = twin(planned, "three-shards")
    for number in (2, 0, 1):
        run_shard(parts, Shard(number, 3))
    assert outputs(parts) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [1.5, 2.5])
def test_a_killed_run_ends_with_the_same_bytes(planned, undisturbed, after_s):
    folder = twin(planned, f"killed-{after_s}")
    process = start("run", destination(folder), "--workers", "2")
    time.sleep(after_s)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    run_shard(folder)
    assert outputs(folder) == undisturbed


def test_profiles_are_on_no_disk(planned, undisturbed):
    assert undisturbed
    state = Profile.merged([profile(speech(1.0, 0.0, clip_names()[0]), RATE)]).state
    beside = planned.path.with_name("undisturbed.run")
    names = {path.name for path in beside.rglob("*") if path.is_file()}
    assert {n for n in names if not n.startswith("lock-")} == {
        "plan.json", "key", "manifest.sqlite", "ledger-1-of-1.sqlite",
    }  # fmt: skip
    for path in beside.rglob("*"):
        if path.is_file():
            assert state[1].tobytes() not in path.read_bytes()


def entries_of(planned, *names):
    with Manifest.open(planned.manifest) as manifest:
        return sorted((e for e in manifest if e.name in names), key=lambda entry: entry.id)


def test_only_so_many_seconds_are_heard_in_the_order_of_ids(planned, tmp_path, monkeypatch):
    alike = entries_of(planned, "0.wav", "1.wav", "2.wav")
    monkeypatch.setattr(speaker_profiles, "MOST_S", 0.5)
    (found,) = SpeakerProfiles().of(alike, tmp_path, lambda: None, RATE)
    first = next(entry for entry in alike if entry.name != "2.wav")
    samples = soundfile.read(first.source, dtype="float32")[0][: RATE // 2]
    np.testing.assert_array_equal(found.state, profile(samples, RATE).state)


def test_other_rates_and_what_says_nothing_are_left_out(planned, tmp_path):
    known = SpeakerProfiles()
    alike = entries_of(planned, "0.wav", "1.wav", "2.wav")
    assert known.of(alike, tmp_path, lambda: None, 8000) == ()
    assert known.of(entries_of(planned, "2.wav"), tmp_path, lambda: None, RATE) == ()
    (once,) = known.of(alike, tmp_path, lambda: None, RATE)
    assert known.of(alike, tmp_path, lambda: None, RATE)[0] is once


def test_each_channel_has_its_own(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    left, right = speech(1.0, 0.0, clip_names()[0]), speech(1.0, 0.0, clip_names()[1])
    soundfile.write(folder / "a.wav", np.stack([left, right], axis=1), RATE)
    soundfile.write(folder / "b.wav", left, RATE)
    soundfile.write(folder / "c.wav", np.stack([left, np.zeros_like(left)], axis=1), RATE)
    found = find_sources(str(folder))
    with Manifest.write(tmp_path / "manifest", found, KEY, keep_names=False) as manifest:
        entries = list(manifest)
    first, second = SpeakerProfiles().of(entries, tmp_path, lambda: None, RATE)
    stored = soundfile.read(folder / "a.wav", dtype="float32")[0]
    assert first.voiced_s == pytest.approx(3 * profile(stored[:, 0].copy(), RATE).voiced_s)
    np.testing.assert_array_equal(second.state, profile(stored[:, 1].copy(), RATE).state)


def test_descriptions_rest_on_the_profile_given(tmp_path):
    path = tmp_path / "talk.wav"
    soundfile.write(path, speech(1.0, 0.0, clip_names()[0]), RATE)

    def stored(name, *known):
        place = tmp_path / f"{name}.voa"
        given = {"profiles": lambda rate: known if rate == RATE else ()} if known else {}
        abstract_file(path, place, secret=KEY, recording="talk", check=False, **given)
        return place.read_bytes()

    own = stored("own")
    assert stored("none", None) == own
    assert stored("shared", Profile.merged(PARTS)) != own


def test_the_plan_keeps_the_setting_and_refuses_what_is_no_use(tmp_path):
    listed = recordings(tmp_path / "in")
    made = program("plan", listed, tmp_path / "out", "--profile", "speaker")
    assert made.returncode == 0, made.stderr
    assert json.loads((tmp_path / "out.run" / "plan.json").read_text())["profile"] == "speaker"
    refused = program("plan", tmp_path / "in", tmp_path / "other", "--profile", "speaker")
    assert refused.returncode == 2
    assert "needs a list with a column of speakers" in refused.stderr
    assert not (tmp_path / "other.run").exists()
    (tmp_path / "a.toml").write_text('name = "a"\nprofile_source = "adapting"\n')
    given = ("--recipe", tmp_path / "a.toml", "--profile", "speaker")
    refused = program("plan", listed, tmp_path / "third", *given)
    assert refused.returncode == 2
    assert "learns nothing beforehand" in refused.stderr
