"""An archive run whose own files are damaged, locked or cannot be written refuses, and says why."""

import errno
import os
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from functools import partial

import hypothesis
import hypothesis.strategies as st
import pytest
from archive_made_up import (
    TARS,
    another,
    assert_undisturbed,
    flip,
    go_on,
    planned,
    stopped_half_way,
    undisturbed_tars,
    waiting,
)
from archive_runs import KEY, outputs, twin
from made_up_manifests import recording, write

from voiceanon.archive import manifest as manifests
from voiceanon.archive import packing, run_folder
from voiceanon.archive.entries import Entry
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.opening import open_source
from voiceanon.archive.run_folder import RunFolder, Shard
from voiceanon.archive.running import Watcher
from voiceanon.archive.s3.bucket import Bucket
from voiceanon.archive.verifying import verify_run
from voiceanon.errors import DestinationError, InputError, RecordingError, SecretError


def no_space(*_arguments, **_options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A plan of four recordings that never change, to be copied."""
    return planned(tmp_path_factory.mktemp("kept"), TARS, ["g.wav"], grouping=None)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A plan of some tar files, and what an undisturbed run makes of it."""
    return undisturbed_tars(tmp_path_factory.mktemp("tars"))


@pytest.fixture
def folder(kept, tmp_path_factory):
    return twin(kept, tmp_path_factory.mktemp("copy").name)


@hypothesis.given(number=st.integers(-3, 9), count=st.integers(-3, 9))
def test_a_shard_is_one_of_a_count(number, count):
    if 1 <= number <= count:
        assert Shard.parse(f"{number}/{count}") == Shard(number - 1, count)
    else:
        with pytest.raises(InputError, match="must be like 1/4"):
            Shard.parse(f"{number}/{count}")


@pytest.mark.parametrize("text", ["", "/", "1", "1/", "/4", "a/b", "1/4/4", "1.0/4", " 1/4", "²/4"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(InputError, match="must be like 1/4"):
        Shard.parse(text)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"a"', b"\xff\xfe", b"{}", b'{"run": "a", "and": "more"}']
)
def test_a_damaged_plan_stops_the_run(folder, content):
    (folder.path / "plan.json").write_bytes(content)
    for do in (folder.settings, partial(go_on, folder), partial(verify_run, folder)):
        with pytest.raises(InputError, match="is damaged: plan the run again"):
            do()
    assert folder.key() == KEY  # nothing was destroyed over it


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(KEY[:-1]), "key of this run is damaged"),
        (lambda path: path.write_bytes(KEY + b"\0"), "key of this run is damaged"),
        (lambda path: path.write_bytes(b""), "key of this run is damaged"),
        (lambda path: path.mkdir(), "key of this run cannot be read: Is a directory"),
        (lambda path: None, "key of this run is gone: it is finished"),
    ],
    ids=["short", "long", "empty", "folder", "gone"],
)
def test_without_its_whole_key_nothing_is_made(folder, make, said):
    (folder.path / run_folder._KEY).unlink()
    make(folder.path / run_folder._KEY)
    with pytest.raises(SecretError, match=said):
        folder.key()
    with pytest.raises((SecretError, InputError)):
        go_on(folder)


def test_a_plan_that_is_a_folder_cannot_be_read(folder):
    (folder.path / "plan.json").unlink()
    (folder.path / "plan.json").mkdir()
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        folder.settings()


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_run_whose_key_cannot_be_written_is_not_planned(folder, tmp_path, monkeypatch, error):
    usual = run_folder.write_whole

    def fails(path, content, **options):
        if path.name == run_folder._KEY:
            raise error
        usual(path, content, **options)

    monkeypatch.setattr(run_folder, "write_whole", fails)
    new = RunFolder(tmp_path / "new.run")
    with pytest.raises(type(error)):
        new.make(folder.settings(), KEY)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert new.make(folder.settings(), KEY).key() == KEY


def test_a_lock_that_leads_elsewhere_is_not_followed(folder, tmp_path):
    target = tmp_path / "of somebody else"
    target.write_bytes(b"theirs")
    (folder.path / "lock-split").unlink(missing_ok=True)
    (folder.path / "lock-split").symlink_to(target)
    with pytest.raises(DestinationError, match="the run cannot be locked"), folder.locked(Shard()):
        raise AssertionError("it was locked")
    assert target.read_bytes() == b"theirs"


def test_a_shard_waits_for_the_whole_run_and_not_for_ever(folder, monkeypatch):
    monkeypatch.setattr(run_folder, "_PATIENCE_S", 0.0)
    with (
        folder.locked(),
        pytest.raises(DestinationError, match="verified or finished elsewhere"),
        folder.locked(Shard()),
    ):
        raise AssertionError("two hold it")
    monkeypatch.setattr(run_folder, "_PATIENCE_S", 60.0)
    whole = folder.locked()
    whole.__enter__()
    monkeypatch.setattr(run_folder.time, "sleep", lambda _s: whole.__exit__(None, None, None))
    with (
        pytest.raises(DestinationError, match="goes on elsewhere in other shards"),
        folder.locked(Shard()),
    ):
        raise AssertionError("what the lock is for was not written")


# The list of recordings


@hypothesis.given(names=st.lists(st.text("ab", max_size=3), max_size=9))
def test_a_list_is_the_same_however_often_it_is_written_down(tmp_path_factory, names):
    with pytest.MonkeyPatch.context() as patch:
        found = [recording(f"{name}.wav") for name in names]
        place = tmp_path_factory.mktemp("m")
        with write(place, found, name="1") as one:
            expected = list(one), list(one.left_out())
        patch.setattr(manifests, "_ROWS_PER_TRANSACTION", 2)
        with write(place, found, name="2") as other:
            assert (list(other), list(other.left_out())) == expected


def test_a_disk_that_is_full_leaves_no_list(tmp_path, monkeypatch):
    monkeypatch.setattr(manifests.NewFile, "sync", no_space)
    with pytest.raises(DestinationError, match="manifest cannot be written: No space left"):
        write(tmp_path, [recording("a.wav")])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [b"\xff\xff", 7], ids=["bytes", "number"])
def test_a_list_with_a_name_that_is_no_text_is_damaged(tmp_path, value):
    write(tmp_path, [recording("a.wav")]).close()
    path = tmp_path / "plan"
    path.chmod(0o600)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA ignore_check_constraints = 1")
        database.execute("UPDATE entries SET source = ?", (value,))
    with pytest.raises(InputError, match="is damaged"), Manifest.open(path) as found:
        list(found)


# The recordings


def test_an_offset_without_an_archive_is_refused(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"content")
    entry = Entry("0" * 32, str(tmp_path / "a.wav"), "a", 7, 0, "", "00/a", 512)
    with pytest.raises(RecordingError, match="is no member"), open_source(entry, tmp_path):
        raise AssertionError("it was opened")


def test_a_full_disk_leaves_no_copy_of_a_member(kept, tmp_path, monkeypatch):
    with Manifest.open(kept.manifest) as found:
        entry = next(one for one in found if one.offset >= 0)
    entry = replace(entry, size=4_096)
    usual = tempfile.mkstemp

    def full(*arguments):
        descriptor, name = usual(*arguments)
        os.close(descriptor)
        return os.open("/dev/full", os.O_WRONLY), name

    monkeypatch.setattr(tempfile, "mkstemp", full)
    said = "work folder cannot be written: No space left"
    with pytest.raises(DestinationError, match=said), open_source(entry, tmp_path):
        raise AssertionError("it was opened")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(tempfile, "mkstemp", no_space)
    with pytest.raises(DestinationError, match=said), open_source(entry, tmp_path):
        raise AssertionError("it was opened")


# Outputs that wait for their tar file


def test_damage_just_before_a_tar_file_is_made_delivers_no_tar_file(
    runs, tmp_path_factory, monkeypatch
):
    plan, wanted = runs
    folder = another(plan, tmp_path_factory)
    usual, harmed = packing.write_tar, []

    def write_tar(*arguments):
        if not harmed:
            harmed.append(max(path for path in folder.waiting.rglob("*") if path.is_file()))
            flip(harmed[0])
        return usual(*arguments)

    monkeypatch.setattr(packing, "write_tar", write_tar)
    notes = []
    go_on(folder, watcher=Watcher(on_note=notes.append))
    assert any("an output was damaged while it waited" in note for note in notes)
    assert len(outputs(folder)) == len(wanted) - 1
    assert outputs(folder).items() < wanted.items()
    go_on(folder)
    assert_undisturbed(folder, wanted)


def test_verifying_reads_what_waits(runs, tmp_path_factory):
    plan, wanted = runs
    folder = stopped_half_way(plan, tmp_path_factory)
    assert verify_run(folder).damaged == []
    (name,) = {path.name for path in folder.waiting.rglob("*.voa")}
    flip(next(folder.waiting.rglob(name)))
    assert verify_run(folder).damaged == [name.removesuffix(".voa")]
    go_on(folder)
    assert_undisturbed(folder, wanted)
    assert waiting(folder) == []


# Buckets


class Store:
    """Where objects go; of `refused` none can be put, of `stuck` none removed."""

    def __init__(self, refused=(), stuck=()):
        self.objects, self.refused, self.stuck = {}, refused, stuck

    def put(self, path, name, _tick):
        if name in self.refused:
            raise self.refused[name]
        self.objects[name] = path.read_bytes()

    def remove_own(self, name):
        if name in self.stuck:
            raise DestinationError("cannot be removed")
        del self.objects[name]

    def get(self, name, _work_folder):
        raise RecordingError(f"{name} arrives damaged")


@pytest.mark.parametrize("error", [DestinationError("is full"), KeyboardInterrupt()])
def test_of_two_outputs_that_cannot_both_be_put_none_stays(tmp_path, error):
    made = {suffix: tmp_path / f"made{suffix}" for suffix in (".flac", ".voa")}
    for suffix, path in made.items():
        path.write_text(suffix)
    store = Store({"a/b.voa": error})
    with pytest.raises(type(error)):
        Bucket(store).deliver("a/b", made, lambda: None)
    assert store.objects == {}
    assert all(path.exists() for path in made.values())  # to be put by the next run
    store = Store({"a/b.voa": error}, stuck={"a/b.flac"})
    with pytest.raises(type(error)):  # what went wrong first is what is said
        Bucket(store).deliver("a/b", made, lambda: None)
    store = Store()
    Bucket(store).deliver("a/b", made, lambda: None)
    assert store.objects == {"a/b.flac": b".flac", "a/b.voa": b".voa"}
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_arrives_damaged_is_as_one_that_is_gone(tmp_path):
    with Bucket(Store()).reading("a/b.flac", tmp_path) as path:
        assert not path.exists()
    assert list(tmp_path.iterdir()) == []
