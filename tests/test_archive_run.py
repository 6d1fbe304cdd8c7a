"""A run of an archive from its plan to its statement: what is delivered, however it is run."""

import csv
import io
import json
import shutil
import stat
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from archive_outcomes import row_named, rows_of, states
from archive_runs import (
    KEY,
    RATE,
    destination,
    make_recordings,
    outputs,
    plan,
    program,
    twin,
    undisturbed,
)
from sounds import clip_names, speech

from voiceanon.anonymizer import Anonymizer
from voiceanon.archive.finishing import finish_run, removable
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.preflight import check_destination
from voiceanon.archive.run_folder import Shard
from voiceanon.archive.running import Watcher, run_shard
from voiceanon.archive.verifying import verify_run
from voiceanon.archive.work import job_of
from voiceanon.recipe import Recipe

DATA = Path(__file__).parents[1] / "voiceanon" / "samples"
FINAL = ("done", "held", "failed", "empty", "skipped")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A plan of four short recordings, and what an undisturbed run makes of it."""
    return undisturbed(tmp_path_factory.mktemp("small"))


# From the command line


@pytest.mark.slow
def test_from_recordings_to_a_statement_on_the_command_line(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "sub").mkdir(parents=True)
    shutil.copy(DATA / clip_names()[0], source / "good.flac")
    shutil.copy(DATA / clip_names()[1], source / "sub" / "good.flac")
    soundfile.write(source / "noise.wav", 0.1 * np.sin(np.arange(4 * RATE) ** 1.5), RATE)
    soundfile.write(source / "nothing.wav", np.zeros(0), RATE)
    (source / "broken.wav").write_bytes(b"RIFF\0\0\0\0WAVEnonsense")
    (source / "notes.txt").write_text("no audio")
    (source / ".hidden.wav").write_bytes(b"")
    (source / "link.wav").symlink_to(source / "good.flac")
    inputs = [path for path in source.rglob("*") if not path.is_dir()]

    planned = program("plan", source, out, "--json")
    assert planned.returncode == 0, planned.stderr
    facts = json.loads(planned.stdout)
    assert facts["recordings"] + facts["left_out"] == len(inputs)
    assert 0 < facts["hours"] < 1
    assert facts["core_hours"] > 0
    ran = program("run", out, "--workers", "2", "--json", "--metrics", tmp_path / "figures.prom")
    assert ran.returncode == 3, ran.stderr
    *decided, summary = [json.loads(line) for line in ran.stdout.splitlines()]
    assert summary["type"] == "summary"
    assert len(decided) == facts["recordings"] == sum(summary[state] for state in FINAL[:4])
    for row in decided:
        assert (row["state"] == "done") == (row["reason"] is None)
        assert (row["check"] == "pass") == (row["state"] == "done")
    told = program("status", out, "--json")
    totals = json.loads(told.stdout)
    expected = {"done": 2, "held": 1, "failed": 1, "empty": 1}
    assert {state: totals["states"][state] for state in expected} == expected
    assert totals["states"]["undecided"] == 0
    assert sum(totals["states"][state] for state in FINAL) == totals["inputs"] == len(inputs)
    assert 'voiceanon_recordings_total{state="done"} 2' in (tmp_path / "figures.prom").read_text()

    assert program("verify", out, "--json").returncode == 0
    finished = program("finish", out, "--json")
    assert finished.returncode == 0, finished.stderr
    statement = json.loads((out / "statement.json").read_text())
    assert statement == json.loads(finished.stdout) == totals
    assert not (tmp_path / "out.run" / "key").exists()
    for verb in ("run", "status", "verify", "finish", "remove-originals"):
        again = program(verb, out)
        assert again.returncode == 5, verb
        assert "finished" in again.stderr
    delivered = list(out.rglob("*.flac"))
    assert len(delivered) == 2
    for path in [out, *out.rglob("*"), tmp_path / "out.run", *(tmp_path / "out.run").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_nothing_planned_is_nothing_to_work_on(tmp_path):
    ran = program("run", tmp_path / "out")
    assert ran.returncode == 2
    assert "holds no run" in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_plans_that_are_refused_leave_nothing(tmp_path):
    source = make_recordings(tmp_path / "in", 1)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no audio")
    before = sorted(tmp_path.rglob("*"))
    for where, given, code, said in [
        (source / "out", source, 6, "inside the source"),
        (source, source, 6, "inside the source"),
        (tmp_path, source, 6, "inside the destination"),
        (tmp_path / "open", source, 6, "open to others"),
        (tmp_path / "out", tmp_path / "empty", 2, "empty folder"),
        (tmp_path / "out", tmp_path / "texts", 2, "no recordings found"),
        (tmp_path / "out", tmp_path / "nowhere", 2, "does not exist"),
        (source / "talk-0.wav", source, 6, "inside the source"),
    ]:
        ran = program("plan", given, where)
        assert (ran.returncode, said in ran.stderr) == (code, True), ran.stderr
        assert len(ran.stderr.splitlines()) == 1
        assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_leaves_nothing(tmp_path):
    source = make_recordings(tmp_path / "in", 1)
    before = sorted(tmp_path.rglob("*"))
    (tmp_path / "tmp").mkdir()
    environment = {"TMPDIR": str(tmp_path / "tmp")}
    ran = program("plan", source, tmp_path / "out" / "deep", "--dry-run", env=environment)
    assert ran.returncode == 0, ran.stderr
    assert "recordings" in ran.stdout
    assert list((tmp_path / "tmp").iterdir()) == []
    (tmp_path / "tmp").rmdir()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_is_planned_once(tmp_path):
    source = make_recordings(tmp_path / "in", 1)
    folder = plan(tmp_path, source)
    before = {path: path.read_bytes() for path in folder.path.iterdir()}
    ran = program("plan", source, tmp_path / "out")
    assert ran.returncode == 6
    assert "holds a run already" in ran.stderr
    assert {path: path.read_bytes() for path in folder.path.iterdir()} == before


def test_the_destination_is_looked_at_again_before_every_run(small):
    kept, _, _ = small
    folder = twin(kept, "opened")
    check_destination(folder.settings())
    destination(folder).chmod(0o755)
    ran = program("run", destination(folder))
    assert ran.returncode == 6
    assert "open to others" in ran.stderr
    assert outputs(folder) == {}


# The same bytes, however it is run


def test_the_number_of_workers_makes_no_difference(small):
    kept, wanted, folder = small
    assert states(folder) == {"done": 4}
    three = twin(kept, "three")
    run_shard(three, workers=3)
    assert outputs(three) == wanted
    assert len(set(wanted.values())) == 4


def test_shards_together_are_the_whole(small):
    kept, wanted, _ = small
    parts = twin(kept, "parts")
    for number in range(3):
        run_shard(parts, Shard(number, 3))
        assert set(outputs(parts)) <= set(wanted)
    assert outputs(parts) == wanted
    assert states(parts) == {"done": 4}
    assert verify_run(parts).is_good
    finish_run(parts)


def test_a_run_may_go_on_in_other_shards(small):
    kept, wanted, _ = small
    changed = twin(kept, "changed")
    run_shard(changed, Shard(1, 3))
    before = rows_of(changed)
    run_shard(changed, Shard(0, 2))
    run_shard(changed, Shard(1, 2))
    assert outputs(changed) == wanted
    assert states(changed) == {"done": 4}
    after = rows_of(changed)
    assert {key: after[key] for key in before} == before  # not done again
    assert {path.name for _, path in changed.ledgers()} == {
        "ledger-1-of-2.sqlite",
        "ledger-2-of-2.sqlite",
    }


def test_an_output_depends_on_its_own_recording_alone(small, tmp_path):
    _, wanted, _ = small
    source = make_recordings(tmp_path / "in")
    (source / "talk-1.wav").unlink()
    alone = plan(tmp_path, source)
    run_shard(alone)
    made = outputs(alone)
    assert len(made) == 3
    assert {name: wanted[name] for name in made} == made


def test_nothing_left_to_do_starts_no_worker(small, monkeypatch):
    _, wanted, folder = small
    monkeypatch.setattr("voiceanon.archive.running.Pool", None)
    assert run_shard(folder, workers=2)["done"] == 4
    assert outputs(folder) == wanted


# What is delivered


def test_names_can_be_kept(tmp_path):
    source = tmp_path / "in"
    make_recordings(source / "one", 2)
    make_recordings(source / "two", 1)
    soundfile.write(source / "one" / "talk-0.flac", speech(1.0), RATE)
    folder = plan(tmp_path, source, keep_names=True, audio=".wav")
    run_shard(folder)
    assert list(outputs(folder)) == [
        "one/talk-0-2.wav", "one/talk-0.wav", "one/talk-1.wav", "two/talk-0.wav"
    ]  # fmt: skip


def test_kept_names_that_end_in_a_number_are_no_channels(tmp_path):
    source = make_recordings(tmp_path / "in", 1)
    stereo(source / "a.wav")
    shutil.copy(source / "talk-0.wav", source / "a.1.wav")
    folder = plan(tmp_path, source, audio="", level="measures", keep_names=True)
    run_shard(folder)
    assert list(outputs(folder)) == ["a.1.voa", "a.2.voa", "a_1.voa", "talk-0.voa"]
    assert verify_run(folder).is_good


def test_kept_names_do_not_replace_what_is_there(tmp_path):
    source = make_recordings(tmp_path / "in", 1)
    out = tmp_path / "out"
    out.mkdir(mode=0o700)
    (out / "talk-0.flac").write_bytes(b"mine")
    ran = program("plan", source, out, "--keep-names")
    assert ran.returncode == 6
    assert "in the destination already" in ran.stderr
    assert (out / "talk-0.flac").read_bytes() == b"mine"
    assert not (tmp_path / "out.run").exists()


def test_a_speakers_recordings_share_a_voice(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    listed = [("a-1", "Ann"), ("a-2", "Ann"), ("b", "Bea"), ("n-1", ""), ("n-2", "")]
    with (tmp_path / "list.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "speaker"])
        for name, speaker in listed:
            soundfile.write(source / f"{name}.wav", speech(1.2), RATE)
            table.writerow([f"in/{name}.wav", speaker])
    recipe = replace(Recipe.named("default"), voice_draw="speaker")
    folder = plan(tmp_path, tmp_path / "list.csv", recipe=recipe, keep_names=True, audio=".wav")
    run_shard(folder, workers=2)
    made = {Path(name).stem: content for name, content in outputs(folder).items()}
    assert set(made) == {name for name, _ in listed}
    assert len(set(made.values())) == len(made)  # their noise is their own
    secrets = {}
    with Manifest.open(folder.manifest) as manifest:
        for entry in manifest:
            job = job_of(entry, folder.settings(), KEY, tmp_path)
            assert job.entry.speaker == ""  # no worker is told
            secrets[Path(entry.name).stem] = job.secret
            voice = {"recording": entry.id, "speaker": "one", "check": False}
            Anonymizer(recipe, job.secret).file(entry.source, tmp_path / "alone.wav", **voice)
            assert (tmp_path / "alone.wav").read_bytes() == made[Path(entry.name).stem]
            (tmp_path / "alone.wav").unlink()
    assert secrets["a-1"] == secrets["a-2"]
    assert len({secrets[name] for name in ("a-1", "b", "n-1", "n-2")}) == 4


def stereo(path, seconds=1.5):
    one, other = (speech(seconds, 0.6, name) for name in clip_names()[:2])
    soundfile.write(path, np.stack([one, other], 1), RATE)


def test_stereo_keeps_its_channels_and_each_is_described(tmp_path):
    source = make_recordings(tmp_path / "in", 1)
    stereo(source / "two.wav")
    folder = plan(tmp_path, source, level="content", keep_names=True)
    run_shard(folder)
    made = outputs(folder)
    assert list(made) == ["talk-0.flac", "talk-0.voa", "two.1.voa", "two.2.voa", "two.flac"]
    samples, _ = soundfile.read(io.BytesIO(made["two.flac"]))
    assert samples.shape == (round(1.5 * RATE), 2)
    row, _ = row_named(folder, "two.wav")
    assert [output.suffix for output in row.outputs] == [".flac", ".1.voa", ".2.voa"]
    assert verify_run(folder).outputs == 5
    # All of them come back, or none is believed.
    folder.ledger(Shard()).write_bytes(b"")
    (destination(folder) / "two.2.voa").unlink()
    notes = []
    run_shard(folder, watcher=Watcher(on_note=notes.append))
    assert "made again" in notes[0]
    assert outputs(folder) == made


def test_descriptions_alone_in_stereo_survive_a_lost_ledger(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    stereo(source / "two.wav")
    folder = plan(tmp_path, source, audio="", level="content", keep_names=True)
    run_shard(folder)
    made = outputs(folder)
    assert list(made) == ["two.1.voa", "two.2.voa"]
    for name in made:
        (destination(folder) / name).unlink()
        folder.ledger(Shard()).unlink()
        folder.ledger(Shard()).write_bytes(b"lost")
        run_shard(folder)
        assert outputs(folder) == made


def test_measures_alone(tmp_path):
    folder = plan(tmp_path, make_recordings(tmp_path / "in", 2), audio="", level="measures")
    run_shard(folder)
    assert {Path(name).suffix for name in outputs(folder)} == {".voa"}
    assert states(folder) == {"done": 2}
    assert verify_run(folder).is_good


def test_members_of_a_tar_file_are_as_files_and_leave_no_copy(tmp_path):
    source = make_recordings(tmp_path / "in", 2)
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for path in sorted(source.iterdir()):
            archive.add(path, path.name)
    folder = plan(tmp_path, tmp_path / "shard.tar", audio=".wav")
    seen = set()

    def look(_entry, _share):
        seen.update(path.parent.name for path in tmp_path.rglob(".voiceanon-*.part"))

    run_shard(folder, watcher=Watcher(on_progress=look))
    assert states(folder) == {"done": 2}
    assert sorted(soundfile.info(io.BytesIO(made)).frames for made in outputs(folder).values()) == (
        sorted(soundfile.info(path).frames for path in source.iterdir())
    )
    assert not list(tmp_path.rglob("*.part"))
    # A raw copy is never where outputs go; an output has a folder of its own name there.
    assert seen <= {"work-1-of-1", *(path.name for path in destination(folder).iterdir())}
    assert not (folder.path / "work-1-of-1").exists()
    assert list(removable(folder)) == []


def test_what_a_kill_left_of_a_member_is_removed(tmp_path):
    source = make_recordings(tmp_path / "in", 1)
    folder = plan(tmp_path, source)
    left = folder.work_folder(Shard(2, 9)) / ".voiceanon-0123.part"
    left.write_bytes(b"a raw voice")
    run_shard(folder)
    assert not left.parent.exists()
