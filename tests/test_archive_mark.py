"""Archive runs with the operator's own key for the mark: what carries it, and where the key is."""

import dataclasses
import pickle
import stat

import numpy as np
import pytest
import soundfile
from archive_runs import KEY, RATE, destination, make_recordings, outputs, plan, program, twin
from sounds import clip, clip_names

from voiceanon.archive.finishing import finish_run
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.run_folder import RunFolder, Shard
from voiceanon.archive.running import run_shard
from voiceanon.archive.work import job_of, make_work
from voiceanon.errors import DestinationError
from voiceanon.marking.detection import detect

OWN = bytes(range(100, 132))
OTHER = bytes(range(60, 92))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Two recordings of ten seconds: a mark needs as much to be heard."""
    folder = tmp_path_factory.mktemp("mark") / "in"
    folder.mkdir()
    names = clip_names()
    for at in range(2):
        parts = [clip(name)[0] for name in names[2 * at : 2 * at + 2]]
        soundfile.write(folder / f"talk-{at}.wav", np.concatenate(parts), RATE)
    return folder


@pytest.fixture(scope="module")
def marked(source, tmp_path_factory):
    """A plan with a key of its own, not begun, and what one worker makes of it."""
    folder = plan(tmp_path_factory.mktemp("marked"), source, mark_key=OWN)
    kept = twin(folder, "kept")
    run_shard(folder)
    made = outputs(folder)
    assert len(made) == 2
    return kept, made, folder


@pytest.fixture
def short(tmp_path):
    """A plan with a key of its own, of recordings that are done soon."""
    return plan(tmp_path, make_recordings(tmp_path / "in", 2, seconds=0.6), mark_key=OWN)


def found_in(path, key):
    return detect(*soundfile.read(path, dtype="float32"), key=key).found


def holders(place, key):
    """Return the files in which a key stands, as bytes or digits."""
    forms = (key, key.hex().encode(), key.hex().upper().encode(), repr(key)[2:-1].encode())
    paths = (path for path in place.rglob("*") if path.is_file())
    return [path for path in paths if any(form in path.read_bytes() for form in forms)]


def test_outputs_carry_the_mark_of_this_key_and_of_no_other(marked, source, tmp_path):
    _, _, folder = marked
    for path in destination(folder).rglob("*.flac"):
        assert found_in(path, OWN)
        assert not found_in(path, OTHER)
        assert not found_in(path, None)
    everybodys = plan(tmp_path, source)
    assert everybodys.mark_key(everybodys.settings()) is None
    run_shard(everybodys)
    assert outputs(everybodys).keys() == outputs(folder).keys()
    for path in destination(everybodys).rglob("*.flac"):
        assert found_in(path, None)
        assert not found_in(path, OWN)


def test_shards_workers_and_a_run_that_was_stopped_write_the_same(marked):
    kept, wanted, _ = marked
    by_two = twin(kept, "by-two")
    run_shard(by_two, workers=2)
    assert outputs(by_two) == wanted
    in_shards = twin(kept, "in-shards")
    for number in range(2):
        run_shard(in_shards, Shard(number, 2))
    assert outputs(in_shards) == wanted
    (destination(in_shards) / next(iter(wanted))).unlink()
    run_shard(in_shards)
    assert outputs(in_shards) == wanted


@pytest.mark.slow
def test_the_key_is_in_its_own_file_alone_and_gone_with_the_runs(source, tmp_path):
    given = tmp_path / "operator" / "our.key"
    given.parent.mkdir()
    given.write_bytes(OWN)
    given.chmod(0o600)
    out, run = tmp_path / "place" / "out", tmp_path / "place" / "out.run"
    options = ["--store", "audio+content", "--no-check", "--mark-key", f"file:{given}"]
    dry = program("plan", source, out, *options, "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    assert not run.exists()
    logs = dry.stdout + dry.stderr
    verbs = [["run", "-w", "2", "--json"], ["status"], ["verify"], ["report"]]
    for verb, *flags in [["plan", source], *verbs]:
        ran = program(verb, *flags, out, *(options if verb == "plan" else []))
        assert ran.returncode == 0, ran.stderr
        logs += ran.stdout + ran.stderr
        given.unlink(missing_ok=True)  # asked for once
    assert holders(tmp_path, OWN) == [run / "mark-key"]
    assert stat.S_IMODE((run / "mark-key").stat().st_mode) == 0o600
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    flac = next(out.rglob("*.flac"))
    assert found_in(flac, OWN)
    assert program("finish", out).returncode == 0
    assert not (run / "mark-key").exists()
    assert holders(tmp_path, OWN) == []
    assert OWN.hex() not in logs.lower()
    assert repr(OWN)[2:-1] not in logs


def test_workers_are_not_sent_the_key(short, tmp_path):
    settings = short.settings()
    with Manifest.open(short.manifest) as manifest:
        jobs = [job_of(entry, settings, KEY, tmp_path) for entry in manifest]
    sent = pickle.dumps((make_work, settings, jobs))
    assert OWN not in sent
    assert settings.own_mark.encode() in sent
    assert OWN.hex() not in repr((settings, jobs))


def test_what_tells_the_key_apart_is_another_in_every_run(short, tmp_path):
    settings = short.settings()
    assert len(settings.own_mark) == 32
    other = dataclasses.replace(settings, run="another-run")
    again = RunFolder(tmp_path / "again.run").make(other, KEY, OWN).settings()
    assert again.own_mark not in ("", settings.own_mark)
    assert RunFolder(tmp_path / "none.run").make(settings, KEY).settings().own_mark == ""


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "mark's key of this run cannot be read: No such file"),
        (lambda path: path.write_bytes(OWN[:-1]), "mark's key of this run is damaged"),
        (lambda path: path.write_bytes(OTHER), "another than when it was planned"),
    ],
)
def test_a_run_whose_key_is_gone_or_another_is_refused(short, voiceanon, damage, said):
    damage(short.path / "mark-key")
    code, out, err = voiceanon("archive", "run", destination(short))
    assert code == 5
    assert said in " ".join(err.split())
    assert not out
    assert not destination(short).exists()
    assert short.ledgers() == []


def test_a_key_that_goes_meanwhile_stops_the_run_and_fails_no_recording(short):
    with Manifest.open(short.manifest) as manifest:
        entry = next(iter(manifest))
    job = job_of(entry, short.settings(), KEY, short.work_folder(Shard()))
    work = make_work(short.settings())
    key = short.path / "mark-key"
    key.rename(short.path / "aside")
    row = work(job, lambda _share: None)
    assert (row.state, row.outputs) == ("working", ())
    assert "mark's key" in row.reason
    (short.path / "aside").rename(key)
    assert work(job, lambda _share: None).state == "done"


def test_such_a_row_stops_the_run(short, monkeypatch):
    monkeypatch.setattr(RunFolder, "mark_key", lambda _folder, _settings: OWN)
    (short.path / "mark-key").unlink()  # after it was looked at: workers are processes of their own
    with pytest.raises(DestinationError, match="mark's key of this run cannot be read"):
        run_shard(short)
    assert outputs(short) == {}
    monkeypatch.undo()
    (short.path / "mark-key").write_bytes(OWN)
    assert run_shard(short)["done"] == 2


def test_a_run_that_is_done_is_finished_without_the_key_for_the_mark(short):
    run_shard(short)
    (short.path / "mark-key").unlink()
    assert finish_run(short).states["done"] == 2
    assert short.is_finished


@pytest.mark.parametrize("options", [["--store", "content"], ["--recipe", "bare.toml"]])
def test_a_key_that_would_mark_nothing_is_refused(voiceanon, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bare.toml").write_text('name = "bare"\nmark_db = 0.0\n')
    source = make_recordings(tmp_path / "in", 1, seconds=0.6)
    key = tmp_path / "our.key"
    key.write_bytes(OWN)
    key.chmod(0o600)
    arguments = [source, tmp_path / "out", *options, "--mark-key", f"file:{key}"]
    code, _, err = voiceanon("archive", "plan", *arguments)
    assert code == 2
    assert "--mark-key is no use" in err
    assert not (tmp_path / "out.run").exists()


def test_a_key_in_the_command_line_is_refused_unseen(voiceanon, tmp_path):
    code, _, err = voiceanon("archive", "plan", ".", tmp_path / "out", "--mark-key", OWN.hex())
    assert code == 5
    assert OWN.hex() not in err
    assert list(tmp_path.iterdir()) == []
