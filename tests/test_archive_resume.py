"""A run that goes on trusts nothing: outputs that were touched since are read, others are not."""

import os
import shutil

import pytest
from archive_runs import destination, make_recordings, outputs, plan, twin

from voiceanon.archive import work
from voiceanon.archive.ledger import Ledger, Output
from voiceanon.archive.run_folder import Shard
from voiceanon.archive.running import Watcher, run_shard
from voiceanon.archive.verifying import verify_run

AGAIN = "an output was gone or another: it is made again"
READ = "outputs were touched after they were delivered: they are read"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two recordings that is done, and its outputs."""
    place = tmp_path_factory.mktemp("finished")
    folder = plan(place, make_recordings(place / "in", 2))
    run_shard(folder)
    return folder, outputs(folder)


@pytest.fixture
def run(finished, request):
    """A copy of it; its outputs are new files, seen once."""
    folder, made = finished
    copy = twin(folder, request.node.name)
    shutil.copytree(destination(folder), destination(copy))
    destination(copy).chmod(0o700)
    run_shard(copy)
    return copy, made


def go_on(folder, monkeypatch):
    """Run again; return what was read, done and said."""
    read, done, said = [], [], []
    output_of = work.output_of

    def counted(path, suffix):
        read.append(path.name)
        return output_of(path, suffix)

    monkeypatch.setattr(work, "output_of", counted)
    run_shard(folder, watcher=Watcher(lambda entry, _: done.append(entry.id), on_note=said.append))
    monkeypatch.undo()
    return read, done, said


def first_output(folder):
    return sorted(destination(folder).rglob("*.flac"))[0]


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    with path.open("r+b") as file:
        file.write(data)


def test_what_nobody_touched_is_not_read(run, monkeypatch):
    folder, made = run
    assert go_on(folder, monkeypatch) == ([], [], [])
    assert outputs(folder) == made


@pytest.mark.parametrize("is_hidden", [False, True])
def test_a_flipped_bit_is_noticed_and_the_output_made_again(run, is_hidden, monkeypatch):
    folder, made = run
    path = first_output(folder)
    before = path.stat()
    flip(path)
    if is_hidden:  # the owner of a file can set its time of writing, not its time of change
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    read, done, said = go_on(folder, monkeypatch)
    assert set(read) == {path.name}
    assert done == [path.stem]
    assert said == [AGAIN]
    assert outputs(folder) == made
    assert go_on(folder, monkeypatch) == ([], [], [])
    assert verify_run(folder).is_good


def test_what_was_touched_and_is_the_same_is_read_once(run, monkeypatch):
    folder, made = run
    for path in destination(folder).rglob("*.flac"):
        path.chmod(0o400)
    read, done, said = go_on(folder, monkeypatch)
    assert (len(read), done, said) == (2, [], [READ])
    assert go_on(folder, monkeypatch) == ([], [], [])
    assert outputs(folder) == made


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_what_is_no_whole_file_is_made_again(run, damage, monkeypatch):
    folder, made = run
    path = first_output(folder)
    if damage == "cut":
        os.truncate(path, path.stat().st_size - 1)
    else:
        path.unlink()
    _, done, said = go_on(folder, monkeypatch)
    assert (done, said) == ([path.stem], [AGAIN])
    assert outputs(folder) == made


def test_a_row_without_times_is_read_and_gets_them(run, monkeypatch):
    folder, _ = run
    name = folder.settings().run
    with Ledger(folder.ledger(Shard()), name) as ledger:
        for row in list(ledger):
            old = tuple(Output(*output[:3]) for output in row.outputs)
            ledger.put(work.replace(row, outputs=old))
    read, done, _ = go_on(folder, monkeypatch)
    assert (len(read), done) == (2, [])
    with Ledger(folder.ledger(Shard()), name) as ledger:
        assert all(output.changed_ns for row in ledger for output in row.outputs)
