"""Tar files in, tar files out, with real speech and from the command line.

The measure is a run of the same recordings, with the same key, into single files.
"""

import io
import json
import os
import re
import shutil
import signal
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from archive_made_up import members_in, waiting
from archive_outcomes import temporary
from archive_runs import (
    RATE,
    destination,
    make_recordings,
    needs_strace,
    outputs,
    plan,
    program,
    start,
    traced,
    twin,
    wait_until,
)
from sounds import clip_names

from voiceanon.archive.grouping import Grouping
from voiceanon.archive.run_folder import Shard
from voiceanon.archive.running import run_shard
from voiceanon.archive.statement import totals_of
from voiceanon.archive.verifying import verify_run

DATA = Path(__file__).parents[1] / "voiceanon" / "samples"
GROUPS = (3, 1, 2)
COUNT = sum(GROUPS)


def put_in_tars(recordings, place):
    """Write tar files as WebDataset makes them: each recording with a text of its own."""
    place.mkdir()
    paths = sorted(recordings.iterdir())
    for number, count in enumerate(GROUPS):
        with tarfile.open(place / f"shard-{number:06}.tar", "w") as archive:
            for path in paths[:count]:
                archive.add(path, path.name)
                info = tarfile.TarInfo(f"{path.stem}.txt")
                archive.addfile(info)
        del paths[:count]
    return place


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A plan of some tar files, and what an undisturbed run makes of it."""
    place = tmp_path_factory.mktemp("tars")
    recordings = make_recordings(place / "recordings", COUNT)
    source = put_in_tars(recordings, place / "in")
    folder = plan(place, source, grouping=Grouping("auto"), level="content")
    kept = twin(folder, "kept")
    run_shard(folder)
    return kept, outputs(folder), source


@pytest.fixture
def run(runs, request):
    """The same plan, not begun, for this test alone."""
    return twin(runs[0], re.sub(r"\W+", "-", request.node.name))


def assert_undisturbed(folder, wanted):
    assert outputs(folder) == wanted
    assert temporary(folder) == []
    assert waiting(folder) == []
    assert totals_of(folder).states["done"] == COUNT
    assert verify_run(folder).is_good


def test_members_are_what_single_files_are(runs, tmp_path):
    _, wanted, source = runs
    single = plan(tmp_path, source, level="content")
    run_shard(single)
    made = {Path(name).name: content for name, content in outputs(single).items()}
    assert len(made) == 2 * COUNT
    found = {}
    for content in wanted.values():
        found |= members_in(content)
    assert found == made
    assert sorted(len(members_in(content)) // 2 for content in wanted.values()) == sorted(GROUPS)


def test_workers_and_parts_make_no_difference(run, runs):
    _, wanted, _ = runs
    run_shard(run, Shard(1, 2), workers=2)
    assert set(outputs(run)) < set(wanted)
    run_shard(run, workers=2)
    assert_undisturbed(run, wanted)


@pytest.mark.slow
def test_killed_and_resumed(run, runs):
    _, wanted, _ = runs
    out = destination(run)
    for until in (
        lambda: len(waiting(run)) >= 1,
        lambda: len(list(out.glob("*.tar"))) >= 1,
    ):
        process = start("run", out, "--workers", "2")
        wait_until(lambda until=until, process=process: process.poll() is not None or until())
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        made = {name: one for name, one in outputs(run).items() if ".voiceanon-" not in name}
        assert made == {name: wanted[name] for name in made}
    # Killed less often than a recording that was in hand each time would be given up for.
    assert program("run", out).returncode == 0
    assert_undisturbed(run, wanted)


@needs_strace
@pytest.mark.slow
def test_nothing_that_waits_goes_before_its_tar_file_and_the_ledger_are_durable(tmp_path):
    source = make_recordings(tmp_path / "in", 2)
    folder = plan(tmp_path, source, grouping=Grouping("tar"))
    calls = "fsync,fdatasync,rename,renameat,renameat2,pwrite64,unlink,unlinkat"
    log = tmp_path / "calls"
    ran = traced("run", destination(folder), calls=calls, log=log)
    assert ran.returncode == 0, ran.stderr
    (name,) = outputs(folder)
    lines = log.read_text().splitlines()

    def found(*parts, after=0):
        there = [at for at, line in enumerate(lines) if all(part in line for part in parts)]
        return min(at for at in there if at >= after)

    renamed = found("rename", ".voiceanon-", name)
    synced = [at for at, line in enumerate(lines) if "sync(" in line and "/out/.voiceanon-" in line]
    assert any(at < renamed for at in synced)
    folder_synced = found("fsync(", f"<{destination(folder)}>", after=renamed)
    noted = found("pwrite64(", "ledger-1-of-1.sqlite>", after=folder_synced)
    noted_synced = found("sync(", "ledger-1-of-1.sqlite>", after=noted)
    first_gone = found("unlink", "/waiting/", ".flac")
    assert noted_synced < first_gone


@pytest.mark.slow
def test_tar_files_on_the_command_line(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    for at in range(2):
        shutil.copy(DATA / clip_names()[at], recordings / f"good-{at}.flac")
    soundfile.write(recordings / "noise.wav", 0.1 * np.sin(np.arange(4 * RATE) ** 1.5), RATE)
    (recordings / "broken.wav").write_bytes(b"RIFF\0\0\0\0WAVEnonsense")
    for name, members in (("a.tar", ["good-0.flac", "noise.wav"]), ("b.tar", ["broken.wav"])):
        with tarfile.open(source / name, "w") as archive:
            for member in members:
                archive.add(recordings / member, member)
    shutil.copy(recordings / "good-1.flac", source / "loose.flac")
    planned = program("plan", source, out, "--json")
    assert planned.returncode == 0, planned.stderr
    assert json.loads(planned.stdout)["tars"] == 2
    assert program("run", out, "--workers", "2").returncode == 3
    made = outputs_of(out)
    # A tar file out for a tar file in, a file for a file; nothing of what was held or failed.
    assert sorted(Path(name).suffix for name in made) == [".flac", ".tar"]
    (tar,) = [content for name, content in made.items() if name.endswith(".tar")]
    (member,) = members_in(tar)
    assert re.fullmatch(r"[0-9a-f]{32}\.flac", member)
    told = json.loads(program("status", out, "--json").stdout)
    assert (told["states"]["done"], told["waiting"], told["outputs"]) == (2, 0, 2)
    assert program("verify", out).returncode == 0
    listed = program("remove-originals", out)
    assert listed.stdout.replace("\n", "") == str(source / "loose.flac")
    reported = program("report", out, "-o", tmp_path / "page.html")
    assert reported.returncode == 0, reported.stderr
    page = (tmp_path / "page.html").read_text()
    assert page.count("<audio") == 2
    assert Path(member).stem in page
    assert temporary_in(tmp_path) == []
    finished = program("finish", out)
    assert finished.returncode == 0, finished.stderr
    assert outputs_of(out).keys() == {*made, "statement.json", "report.html"}
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == []


def outputs_of(out):
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def temporary_in(place):
    return [*place.rglob("*.part"), *place.rglob("work-*")]


@pytest.mark.slow
def test_files_go_into_tar_files_when_asked(tmp_path):
    source, out = make_recordings(tmp_path / "in", 5), tmp_path / "out"
    options = ["--no-check", "--pack", "tar", "--pack-size", "2", "--format", "wav"]
    planned = program("plan", source, out, *options)
    assert planned.returncode == 0, planned.stderr
    assert re.search(r"tar files +3\b", planned.stdout)
    assert program("run", out).returncode == 0
    made = outputs_of(out)
    assert sorted(len(members_in(content)) for content in made.values()) == [1, 2, 2]
    lengths = [
        soundfile.info(io.BytesIO(member)).frames
        for content in made.values()
        for member in members_in(content).values()
    ]
    assert lengths == [soundfile.info(source / "talk-0.wav").frames] * 5
    listed = program("remove-originals", out, "--yes")
    assert listed.returncode == 0, listed.stderr
    assert list(source.iterdir()) == []


@pytest.mark.slow
def test_kept_names_of_tar_files_replace_nothing(tmp_path):
    source, out = make_recordings(tmp_path / "recordings", 1), tmp_path / "out"
    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "in" / "set.tar", "w") as archive:
        archive.add(source / "talk-0.wav", "a/talk.wav")
    out.mkdir(mode=0o700)
    (out / "set.tar").write_bytes(b"mine")
    options = ["--no-check", "--keep-names"]
    refused = program("plan", tmp_path / "in", out, *options)
    assert refused.returncode == 6
    assert "'set.tar' is in the destination already" in refused.stderr
    assert outputs_of(out) == {"set.tar": b"mine"}
    (out / "set.tar").unlink()
    assert program("plan", tmp_path / "in", out, *options).returncode == 0
    assert program("run", out).returncode == 0
    assert list(members_in(outputs_of(out)["set.tar"])) == ["a/talk.flac"]
