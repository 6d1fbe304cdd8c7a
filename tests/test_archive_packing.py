"""Outputs in tar files: the same bytes however often it is killed, whatever is damaged or lost.

No speech is made here: see tests/archive_made_up.py. `test_archive_tar_runs.py` makes some.
"""

import errno
import os
from collections import Counter
from functools import partial
from pathlib import Path

import archive_made_up
import hypothesis
import hypothesis.strategies as st
import pytest
from archive_made_up import (
    COUNT,
    TARS,
    another,
    assert_undisturbed,
    flip,
    go_on,
    killed_at,
    members_in,
    planned,
    stopped_half_way,
    undisturbed_tars,
    waiting,
)
from archive_outcomes import named, rows_of
from archive_runs import destination, outputs, twin

from voiceanon.archive.finishing import finish_run
from voiceanon.archive.grouping import Grouping
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.packing import Packer
from voiceanon.archive.pool import Pool
from voiceanon.archive.run_folder import Shard
from voiceanon.archive.running import Watcher, run_shard
from voiceanon.archive.statement import totals_of
from voiceanon.archive.verifying import verify_run
from voiceanon.errors import DestinationError, InputError, RecordingError


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A plan of some tar files, and what an undisturbed run makes of it."""
    return undisturbed_tars(tmp_path_factory.mktemp("tars"))


# The same bytes, whatever happens


def test_the_tar_file_of_a_tar_file_holds_its_outputs(runs):
    kept, wanted = runs
    with Manifest.open(kept.manifest) as manifest:
        of = {}
        for entry in manifest:
            tar, _, name = Path(entry.source).name.partition("::")
            of.setdefault(entry.packed.tar, set()).add((tar, name, entry.id))
    assert set(of) == set(wanted)
    for tar, content in wanted.items():
        found = members_in(content)
        (origin,) = {one for one, _, _ in of[tar]}
        assert {name for _, name, _ in of[tar]} == set(TARS[origin])
        keys = sorted(key for _, _, key in of[tar])
        assert list(found) == [key + suffix for key in keys for suffix in (".flac", ".voa")]


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_are_given_something_before_a_tar_file_is_made(
    runs, tmp_path_factory, monkeypatch, workers
):
    kept, wanted = runs
    folder = another(kept, tmp_path_factory)
    make, busy = Packer._make, []

    def noted(packer, *arguments):
        states = Counter(row.state for row in packer._ledger)
        busy.append((states["done"], states["working"]))
        return make(packer, *arguments)

    def make_pool(count, _make_work, settings, stuck_s):
        return Pool(count, archive_made_up.make_work, settings, stuck_s)

    monkeypatch.setattr(Packer, "_make", noted)
    run_shard(folder, workers=workers, make_pool=make_pool)
    assert_undisturbed(folder, wanted)
    assert len(busy) == len(TARS)
    assert all(at_work == min(workers, COUNT - done) for done, at_work in busy)
    assert busy[0][1] == workers


def test_a_run_that_is_killed_anywhere_comes_to_the_same(runs, tmp_path_factory):
    kept, wanted = runs
    number, stages = 0, set()
    while True:
        folder = another(kept, tmp_path_factory)
        if not killed_at(number, partial(go_on, folder)):
            break
        made = named(folder)
        assert made == {name: wanted[name] for name in made}  # whole, or not there
        stages.add((len(made), bool(waiting(folder))))
        go_on(folder)
        assert_undisturbed(folder, wanted)
        number += 2
    assert number > 60
    assert {count for count, _ in stages} == {0, 1, 2, 3}


@hypothesis.settings(max_examples=15)
@hypothesis.given(data=st.data())
def test_a_run_that_is_killed_often_comes_to_the_same(runs, tmp_path_factory, data):
    kept, wanted = runs
    folder = another(kept, tmp_path_factory)
    for _ in range(data.draw(st.integers(1, 5))):
        shard = data.draw(st.sampled_from([None, Shard(0, 2), Shard(1, 2), Shard(2, 3)]))
        bad = data.draw(st.sampled_from([(), ("b.wav",), ("d.wav",)]))
        killed_at(data.draw(st.integers(5, 60)), partial(go_on, folder, shard, bad=bad))
        for name, content in named(folder).items():
            # Whole: what is in it is what is to be in it, and it ends as it must.
            whole, found = members_in(wanted[name]), members_in(content)
            assert found == {one: whole[one] for one in found}
            assert found
    go_on(folder, retry=True)
    assert_undisturbed(folder, wanted)


@hypothesis.settings(max_examples=25)
@hypothesis.given(
    tars=st.dictionaries(
        st.sampled_from(["1.tar", "2.tar", "3.tar"]),
        st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True),
    ),
    files=st.lists(st.sampled_from("efghi"), max_size=5, unique=True),
    packing=st.sampled_from(["auto", "tar"]),
    most=st.integers(1, 3),
    bad=st.sets(st.sampled_from("abcdefghi")),
    keep_names=st.booleans(),
    count=st.integers(1, 3),
)
def test_any_grouping_in_any_parts(
    tmp_path_factory, tars, files, packing, most, bad, keep_names, count
):
    hypothesis.assume(tars or files)
    place = tmp_path_factory.mktemp("any")
    tars = {tar: [f"{name}.wav" for name in names] for tar, names in tars.items()}
    bad = [f"{name}.wav" for name in bad]
    options = {"grouping": Grouping(packing, most), "keep_names": keep_names}
    folder = planned(place, tars, [f"{name}.wav" for name in files], **options)
    for number in range(count):
        go_on(folder, Shard(number, count), bad=bad)
    made, expected = outputs(folder), set()
    with Manifest.open(folder.manifest) as manifest:
        for entry in manifest:
            name = entry.output if entry.packed is None else entry.packed.member
            if not entry.name.endswith(tuple(bad) or "-"):
                tar = None if entry.packed is None else entry.packed.tar
                expected.add((tar, f"{name}.flac"))
    tar_names = {name for name in made if name.endswith(".tar")}
    found = {(tar, member) for tar in tar_names for member in members_in(made[tar])}
    found |= {(None, name) for name in made if name not in tar_names}
    assert found == expected
    assert verify_run(folder).is_good
    # The same at once, and what failed before is put in when it is well.
    whole = twin(folder, "whole")
    for path in [*whole.path.glob("ledger*"), *whole.path.glob("lock*")]:
        path.unlink()
    go_on(whole, bad=bad)
    assert outputs(whole) == made
    go_on(whole, retry=True)
    go_on(folder, retry=True)
    assert outputs(folder) == outputs(whole)
    assert verify_run(folder).is_good


@pytest.mark.parametrize(
    ("name", "fault", "said"),
    [
        ("write_tar", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "cannot be written: No sp"),
        ("intact", RecordingError("cannot be read: Input/output error"), "cannot be read again"),
        ("intact", {}, "cannot be read again as it was written"),
        ("write_tar", KeyboardInterrupt(), None),
    ],
)
def test_a_tar_file_that_cannot_be_made_stops_the_run_and_blames_no_recording(
    runs, tmp_path_factory, monkeypatch, name, fault, said
):
    kept, wanted = runs
    folder = another(kept, tmp_path_factory)

    def bad(*_arguments):
        if isinstance(fault, BaseException):
            raise fault
        return fault

    with monkeypatch.context() as patched:
        patched.setattr(f"voiceanon.archive.packing.{name}", bad)
        for _ in range(4):
            kind = KeyboardInterrupt if isinstance(fault, KeyboardInterrupt) else DestinationError
            with pytest.raises(kind, match=said):
                go_on(folder)
            assert outputs(folder) == {}
            # The next may be in hand already: that it was begun is taken back.
            found = Counter((row.state, row.attempts) for row in rows_of(folder).values())
            assert found[("working", 0)] <= 1
            assert {state for state, attempts in found if attempts} == {"done"}
            assert list(folder.path.rglob("*.part")) == []
    go_on(folder)
    assert_undisturbed(folder, wanted)


# Damage


@hypothesis.settings(max_examples=15)
@hypothesis.given(data=st.data())
def test_a_byte_that_flips_is_found_and_one_recording_made_again(runs, tmp_path_factory, data):
    kept, wanted = runs
    folder = another(kept, tmp_path_factory)
    go_on(folder)
    name = data.draw(st.sampled_from(sorted(wanted)))
    content = bytearray(wanted[name])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    (destination(folder) / name).write_bytes(content)
    found = verify_run(folder)
    assert not found.is_good
    assert len(found.damaged) <= 1
    assert found.strangers == []
    again = []
    go_on(folder, watcher=Watcher(on_row=lambda entry, _row: again.append(entry.id)))
    assert again == found.damaged
    assert_undisturbed(folder, wanted)


def test_a_tar_file_that_was_touched_is_read_by_the_next_run(runs, tmp_path_factory):
    """The same size, and whatever time of writing: its time of change tells."""
    kept, wanted = runs
    folder = another(kept, tmp_path_factory)
    go_on(folder)
    tar = max(destination(folder).rglob("*.tar"), key=lambda path: path.stat().st_size)
    written_ns = tar.stat().st_mtime_ns
    flip(tar)
    os.utime(tar, ns=(written_ns, written_ns))
    go_on(folder)
    assert outputs(folder) == wanted
    tar.touch()  # no byte is another: nothing is made again, and the ledger learns its time
    made = tar.stat().st_ino
    go_on(folder)
    assert tar.stat().st_ino == made
    told = {output.changed_ns for row in rows_of(folder).values() for output in row.outputs}
    assert tar.stat().st_ctime_ns in told


@pytest.mark.parametrize("how", ["gone", "shorter", "emptied", "longer", "another's"])
def test_what_sizes_show_needs_no_verification(runs, tmp_path_factory, how):
    kept, wanted = runs
    folder = another(kept, tmp_path_factory)
    go_on(folder)
    first, second, third = sorted(wanted, key=lambda name: len(wanted[name]))
    path = destination(folder) / third
    content = wanted[third]
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(
            {
                "shorter": content[: len(content) // 2],
                "emptied": b"",
                "longer": content + bytes(512),
                "another's": wanted[first],
            }[how]
        )
    (destination(folder) / second).unlink()
    notes = []
    go_on(folder, watcher=Watcher(on_note=notes.append))
    assert all("made again" in note for note in notes)
    assert len(notes) >= len(members_in(wanted[second])) // 2
    assert_undisturbed(folder, wanted)


def test_an_output_that_is_damaged_while_it_waits_is_made_again(runs, tmp_path_factory):
    kept, wanted = runs
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"?"), flip):
        folder = another(kept, tmp_path_factory)
        number = 10
        while len(waiting(folder)) < 4:
            killed_at(number, partial(go_on, folder))
            number += 3
        damage(max(path for path in folder.waiting.rglob("*") if path.is_file()))
        notes = []
        go_on(folder, watcher=Watcher(on_note=notes.append))
        if outputs(folder) != wanted:  # noticed as the tar file was made, if not before
            assert "the next run makes it again" in notes[-1]
            assert set(outputs(folder)) < set(wanted)
            go_on(folder)
        assert_undisturbed(folder, wanted)


def test_what_cannot_be_made_again_leaves_its_tar_file(runs, tmp_path_factory):
    """Otherwise a damaged output would stay there for ever."""
    kept, wanted = runs
    folder = another(kept, tmp_path_factory)
    go_on(folder)
    for name in wanted:
        path = destination(folder) / name
        path.write_bytes(path.read_bytes()[:600])
    go_on(folder, bad=("b.wav", "d.wav"))  # d.wav was alone in its tar file
    made = outputs(folder)
    assert len(made) == 2
    assert sum(len(members_in(content)) for content in made.values()) == 2 * (COUNT - 2)
    assert verify_run(folder).is_good
    go_on(folder, retry=True)
    assert_undisturbed(folder, wanted)


def test_a_lost_ledger_is_made_again_from_tar_files(tmp_path):
    folder = planned(tmp_path, TARS, ["g.wav"], grouping=Grouping("auto"))
    go_on(folder, bad=["b.wav"])
    wanted = outputs(folder)
    before = rows_of(folder)
    folder.ledger(Shard()).write_bytes(b"garbage" * 1000)
    decided = []
    watcher = Watcher(on_row=lambda entry, row: decided.append((entry.name, row.state)))
    go_on(folder, bad=["b.wav"], watcher=watcher)
    assert decided == [("x.tar/b.wav", "failed")]  # nothing tells that it failed
    assert outputs(folder) == wanted
    after = rows_of(folder)
    assert {key: row.outputs for key, row in after.items()} == {
        key: row.outputs for key, row in before.items()
    }
    tars = {output.tar for row in after.values() for output in row.outputs}
    assert tars - {""} == {name.removesuffix(".tar") for name in wanted if name.endswith(".tar")}
    assert verify_run(folder).is_good


def test_a_ledger_that_is_lost_while_outputs_wait(tmp_path_factory):
    place = tmp_path_factory.mktemp("lost")
    kept = twin(planned(place, TARS, grouping=Grouping("auto")), "kept")
    folder = another(kept, tmp_path_factory)
    go_on(folder)
    wanted = outputs(folder)
    for number in range(12, 60, 6):
        folder = another(kept, tmp_path_factory)
        killed_at(number, partial(go_on, folder))
        folder.ledger(Shard()).write_bytes(b"garbage" * 1000)
        go_on(folder)
        assert outputs(folder) == wanted
        assert waiting(folder) == []


# The end


def test_what_waits_is_told_and_the_end_waits_for_it(runs, tmp_path_factory):
    kept, wanted = runs
    folder = stopped_half_way(kept, tmp_path_factory)
    totals = totals_of(folder)
    assert totals.waiting == len(waiting(folder)) / 2 == 1
    found = verify_run(folder)
    assert found.undecided == totals.states["undecided"] + 1
    assert (found.damaged, found.strangers) == ([], [])
    with pytest.raises(InputError, match="undecided"):
        finish_run(folder)
    go_on(folder)
    assert_undisturbed(folder, wanted)
    finish_run(folder)
    assert not folder.waiting.exists()


def test_a_run_that_is_finished_before_its_time_keeps_what_is_done(runs, tmp_path_factory):
    kept, wanted = runs
    folder = stopped_half_way(kept, tmp_path_factory)
    before = outputs(folder)
    totals = finish_run(folder, incomplete=True)
    made = outputs(folder)
    assert totals.waiting == 0
    assert not folder.waiting.exists()
    (new,) = set(made) - set(before) - {"statement.json"}
    whole = members_in(wanted[new])
    found = members_in(made[new])
    assert found == {name: whole[name] for name in found}
    assert len(found) == 2
    assert totals.states["done"] == sum(len(members_in(made[one])) for one in (*before, new)) / 2
