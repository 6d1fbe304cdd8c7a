"""The end of a run of an archive: verified, mended, finished, originals removed, no name told."""

import csv
import json
import os
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from archive_outcomes import row_named, states
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

from voiceanon.archive.finishing import finish_run, removable, remove_originals
from voiceanon.archive.run_folder import Shard
from voiceanon.archive.running import run_shard
from voiceanon.archive.verifying import verify_run
from voiceanon.errors import DestinationError, InputError, SecretError

DATA = Path(__file__).parents[1] / "voiceanon" / "samples"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A plan of four short recordings, and what an undisturbed run makes of it."""
    return undisturbed(tmp_path_factory.mktemp("small"))


# What goes wrong and is put right


def test_what_failed_is_tried_again_when_asked(tmp_path):
    source = make_recordings(tmp_path / "in", 2)
    whole = (source / "talk-1.wav").read_bytes()
    (source / "talk-1.wav").write_bytes(bytes(len(whole)))
    folder = plan(tmp_path, source)
    times = (source / "talk-1.wav").stat()
    run_shard(folder)
    assert states(folder) == {"done": 1, "failed": 1}
    (source / "talk-1.wav").write_bytes(whole)
    os.utime(source / "talk-1.wav", ns=(times.st_atime_ns, times.st_mtime_ns))
    run_shard(folder)
    assert states(folder) == {"done": 1, "failed": 1}
    run_shard(folder, retry=True)
    assert states(folder) == {"done": 2}


@pytest.mark.slow
def test_verify_finds_what_is_wrong_and_the_next_run_mends_it(small):
    kept, wanted, _ = small
    folder = twin(kept, "mended")
    run_shard(folder)
    out = destination(folder)
    damaged, gone, *_ = sorted(wanted)
    content = bytearray(wanted[damaged])
    content[len(content) // 2] ^= 1
    (out / damaged).write_bytes(content)
    (out / gone).unlink()
    (out / "a-stranger.txt").write_text("who put this here?")
    for _ in range(4):  # as often as it happens, it is no fault of the recording's
        found = program("verify", out, "--json")
        assert found.returncode == 4
        facts = json.loads(found.stdout)
        assert (facts["damaged"], facts["strangers"]) == (2, 1)
        assert facts["outputs"] == 2
        (out / damaged).write_bytes(content)
        assert run_shard(folder)["done"] == 4
        assert outputs(folder).pop("a-stranger.txt")
        (out / damaged).write_bytes(content)
        (out / gone).unlink()
    verify_run(folder)
    run_shard(folder)
    (out / "a-stranger.txt").unlink()
    assert verify_run(folder).is_good
    assert outputs(folder) == wanted


def test_an_output_that_cannot_be_made_again_goes(small):
    """Otherwise a damaged file would keep its name for ever."""
    kept, wanted, _ = small
    folder = twin(kept, "lost")
    run_shard(folder)
    row, entry = row_named(folder, "talk-2.wav")
    path = destination(folder) / f"{entry.output}.flac"
    path.write_bytes(path.read_bytes()[:-10])
    source = Path(entry.source)
    content, times = source.read_bytes(), source.stat()
    source.unlink()
    try:
        run_shard(folder)
    finally:
        source.write_bytes(content)
        os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert row.state == "done"
    assert row_named(folder, "talk-2.wav")[0].state == "failed"
    assert set(outputs(folder)) == set(wanted) - {f"{entry.output}.flac"}
    assert verify_run(folder).is_good


def test_unfinished_runs_are_finished_only_when_asked(small):
    kept, _, _ = small
    folder = twin(kept, "begun")
    run_shard(folder, Shard(0, 2))
    with pytest.raises(InputError, match="undecided"):
        finish_run(folder)
    assert folder.key() == KEY
    totals = finish_run(folder, incomplete=True)
    assert totals.states["undecided"] > 0
    with pytest.raises(SecretError):
        folder.key()


def test_finishing_that_was_stopped_half_way_is_completed(small, monkeypatch):
    kept, _, _ = small
    folder = twin(kept, "half")
    run_shard(folder)
    kept_manifest = folder.manifest.read_bytes()
    finish_run(folder)
    folder.manifest.write_bytes(kept_manifest)  # as if the power had gone just before
    with pytest.raises(SecretError):
        finish_run(folder)
    assert not folder.manifest.exists()


def test_a_run_is_not_finished_while_it_goes_on(small):
    kept, _, _ = small
    folder = twin(kept, "busy")
    run_shard(folder)
    with folder.locked(Shard(1, 2)):
        for what in (finish_run, verify_run):
            with pytest.raises(DestinationError, match="locked"):
                what(folder)
    assert folder.key() == KEY


# Originals


@pytest.mark.slow
def test_originals_go_only_when_asked_and_only_if_delivered(tmp_path):
    source = make_recordings(tmp_path / "in", 3, seconds=0.5)
    for name in ("talk-1.wav", "talk-2.wav"):
        shutil.copy(DATA / clip_names()[0], source / name)
    soundfile.write(source / "nothing.wav", np.zeros(0), RATE)
    (source / "broken.wav").write_bytes(b"RIFF\0\0\0\0WAVEnonsense")
    folder = plan(tmp_path, source, check=True)
    run_shard(folder, workers=2)
    assert states(folder) == {"done": 2, "held": 1, "failed": 1, "empty": 1}
    os.utime(source / "talk-2.wav", ns=(1, 1))  # it may be another recording now
    out = destination(folder)
    before = sorted(source.iterdir())
    listed = program("remove-originals", out)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.replace("\n", "") == str(source / "talk-1.wav")
    assert sorted(source.iterdir()) == before
    delivered = out / f"{row_named(folder, 'talk-1.wav')[1].output}.flac"
    content = delivered.read_bytes()
    delivered.write_bytes(content[:-1])
    refused = program("remove-originals", out, "--yes")
    assert refused.returncode == 4
    assert sorted(source.iterdir()) == before
    run_shard(folder)
    removed = program("remove-originals", out, "--yes")
    assert removed.returncode == 0, removed.stderr
    assert set(before) - set(source.iterdir()) == {source / "talk-1.wav"}


def test_an_original_that_cannot_be_removed_is_told(small, monkeypatch):
    _, _, folder = small
    entries = list(removable(folder))
    assert len(entries) == 4
    gone = replace(entries[0], source=f"{entries[0].source}.gone")
    with pytest.raises(InputError, match="0 originals are removed, the next cannot be: No such"):
        remove_originals(iter([gone]))


# Names


@pytest.mark.slow
def test_names_are_nowhere(tmp_path):
    canary = "Zebulon"
    source = tmp_path / f"{canary}-folder"
    inner = source / f"{canary}-inner"
    inner.mkdir(parents=True)
    tagged = inner / f"{canary}-1.flac"
    with soundfile.SoundFile(tagged, "w", RATE, 1) as file:
        for field in ("title", "artist", "comment"):
            setattr(file, field, f"{canary} {field}")
        file.write(speech(1.5))
    assert canary.encode() in tagged.read_bytes()
    soundfile.write(inner / f"{canary}-2.wav", speech(1.2), RATE)
    soundfile.write(inner / f"{canary}-empty.wav", np.zeros(0), RATE)
    (inner / f"{canary}-bad.wav").write_bytes(b"RIFF\0\0\0\0WAVE" + canary.encode() * 9)
    (inner / f"{canary}-gone.wav").write_bytes(b"RIFF\0\0\0\0WAVE" + canary.encode() * 9)
    with tarfile.open(source / "shard.tar", "w") as archive:
        archive.add(inner / f"{canary}-2.wav", f"{canary}-member.wav")
    with (source / "list.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "speaker"])
        for path in sorted(inner.iterdir()):
            table.writerow([f"{inner.name}/{path.name}", f"{canary} Smith"])
    logs = []
    for at, given in enumerate((source / "list.csv", source)):
        out, run = tmp_path / f"out-{at}", tmp_path / f"out-{at}.run"
        options = ["--store", "audio+content", "--allow-unmeasured"]
        assert program("plan", given, out, *options, "--json").returncode == 0
        if at == 1:
            (inner / f"{canary}-gone.wav").unlink()
        verbs = [["run", "-w", "2", "--json"], ["run", "--retry"], ["status"], ["status", "--json"]]
        for verb, *flags in [*verbs, ["verify"], ["verify", "--json"]]:
            ran = program(verb, out, *flags)
            logs.append(ran.stdout + ran.stderr)
        names = [str(path.relative_to(tmp_path)) for path in (*out.rglob("*"), *run.rglob("*"))]
        assert canary not in "\n".join(names)
        assert len([name for name in names if name.endswith(".voa")]) == 2
        assert len([name for name in names if name.endswith(".tar")]) == at
        for path in (*out.rglob("*"), *run.glob("ledger*")):
            assert path.is_dir() or canary.encode() not in path.read_bytes(), path
        assert canary.encode() in (run / "manifest.sqlite").read_bytes()  # where it belongs
        finished = program("finish", out, "--json")
        assert finished.returncode == 0, finished.stderr
        logs.append(finished.stdout + finished.stderr)
        for path in (*out.rglob("*"), *run.rglob("*")):
            assert path.is_dir() or canary.encode() not in path.read_bytes(), path
    assert "Traceback" not in "".join(logs)
    assert canary.lower() not in "".join(logs).lower()
