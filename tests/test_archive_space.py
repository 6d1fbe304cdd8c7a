"""Room for outputs is looked for on every disk that they are written to, and each is told apart."""

import errno
import os
import tarfile
from collections import Counter
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest
from archive_made_up import go_on, planned
from archive_runs import KEY, destination, make_recordings, twin
from made_up_manifests import recording

from voiceanon.archive import packing, planning, preflight
from voiceanon.archive.grouping import Grouping
from voiceanon.archive.ledger import Row
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.preflight import check_space, space_told
from voiceanon.archive.run_folder import RunSettings
from voiceanon.archive.running import run_shard
from voiceanon.archive.statement import totals_of
from voiceanon.errors import DestinationError

GB = 1_000_000_000
FULL = os.strerror(errno.ENOSPC)
TARS = {"x.tar": ["a.wav", "b.wav", "c.wav"], "y.tar": ["d.wav"], "z.tar": ["e.wav", "f.wav"]}


class Disks:
    """Two made-up disks, that of runs' folders and the rest, or one for everything."""

    def __init__(self, monkeypatch):
        self.rest, self.runs, self.are_two = 100 * GB, 100 * GB, True
        monkeypatch.setattr(preflight, "_file_system", self.number_and_free)

    def number_and_free(self, place):
        is_runs = self.are_two and place.suffix == ".run"
        return int(is_runs), self.runs if is_runs else self.rest


@pytest.fixture
def disks(monkeypatch):
    return Disks(monkeypatch)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return planned(tmp_path_factory.mktemp("space"), TARS, ["g.wav"], grouping=Grouping("auto"))


def settings_for(place):
    return RunSettings("a-run", "in", str(place), {})


@hypothesis.given(
    free=st.tuples(*[st.integers(0, 9 * GB)] * 2),
    needed=st.tuples(*[st.integers(0, 9 * GB)] * 2),
    are_two=st.booleans(),
    is_bucket=st.booleans(),
)
def test_each_disk_must_have_room_for_what_is_written_there(
    tmp_path_factory, free, needed, are_two, is_bucket
):
    place = tmp_path_factory.getbasetemp()
    settings = settings_for("s3://bucket/out" if is_bucket else place / "out")
    with pytest.MonkeyPatch.context() as patched:
        disks = Disks(patched)
        disks.rest, disks.runs, disks.are_two = *free, are_two
        short = []
        if is_bucket:
            short = ["run's folder"] * (free[are_two] < needed[1])
        elif are_two:
            short = ["destination"] * (free[0] < needed[0])
            short += ["run's folder"] * (free[1] < needed[1])
        elif free[0] < sum(needed):
            short = ["destination", "run's folder"]
        try:
            check_space(settings, place / "out.run", *needed)
            said = ""
        except DestinationError as error:
            said = str(error)
    assert bool(said) == bool(short)
    assert len(said.splitlines()) == bool(short)
    first = short if not are_two else short[:1]  # one after the other is told
    assert [name for name in ("destination", "run's folder") if name in said] == first


def test_the_place_is_named_whether_it_is_there_or_not(disks, tmp_path):
    disks.runs = GB // 2
    run = tmp_path / "not" / "there" / "out.run"
    with pytest.raises(DestinationError, match=r"^run's folder '.*/not/there/out\.run' has 0\.5 "):
        check_space(settings_for(tmp_path / "out"), run, 0, GB)
    check_space(settings_for(tmp_path / "out"), None, GB, GB)
    assert list(tmp_path.iterdir()) == []


def test_real_disks_are_told_apart_by_their_numbers(tmp_path):
    settings = settings_for(tmp_path / "out")
    there = list(preflight._by_file_system(settings, tmp_path / "a" / "out.run"))
    assert [list(places) for places, _ in there] == [["destination", "run's folder"]]
    assert there[0][1] > 0
    other = next((one for one in map(Path, ("/dev/shm", "/proc")) if one.is_dir()), None)
    if other is None or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system here")
    there = preflight._by_file_system(settings, other / "out.run")
    assert [list(places) for places, _ in there] == [["destination"], ["run's folder"]]


@hypothesis.given(
    sizes=st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=4), max_size=4),
    loose=st.lists(st.integers(1, 99), max_size=3),
    packing_=st.sampled_from(["none", "auto", "tar"]),
    is_bucket=st.booleans(),
)
def test_what_waits_is_two_tar_files_and_what_a_bucket_is_sent(
    tmp_path_factory, sizes, loose, packing_, is_bucket
):
    found = [recording(f"{at}.wav", size=size) for at, size in enumerate(loose)]
    for number, members in enumerate(sizes):
        for at, size in enumerate(members):
            name = f"{number}.tar/{at}.wav"
            source = f"/in/{number}.tar::{at}.wav"
            found.append(recording(name, source=source, size=size, offset=512))
    path = tmp_path_factory.mktemp("waits") / "manifest"
    settings = settings_for("s3://bucket/out" if is_bucket else "out")
    with Manifest.write(
        path, found, KEY, keep_names=False, grouping=Grouping(packing_, 2)
    ) as manifest:
        of_tars = Counter()
        for entry in manifest:
            if entry.packed is not None:
                of_tars[entry.packed.number] += entry.size
        largest = sorted(of_tars.values(), reverse=True)
        assert manifest.largest_tars(99) == largest
        expected = sum(largest[:2])
        if is_bucket:
            expected += max([one.size for one in found] + largest, default=0)
        assert planning._waiting(manifest, settings) == expected


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_plan_is_refused_if_outputs_have_no_room_to_wait(disks, voiceanon, tmp_path, more):
    source = make_recordings(tmp_path / "in", 2, seconds=0.6)
    arguments = ["archive", "plan", source, tmp_path / "out", "--no-check", *more]
    disks.runs = 1_000
    code, _, err = voiceanon(*arguments, "--pack", "tar")
    assert code == 6
    said = " ".join(err.split())
    assert "run's folder" in said
    assert "out.run' has 0.0 GB free: about 0.0 GB are needed" in said
    assert "destination" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    disks.are_two, disks.rest = False, 1_000
    code, _, err = voiceanon(*arguments, "--pack", "tar")
    assert code == 6
    assert "destination" in err
    disks.are_two, disks.rest = True, 100 * GB
    code, out, _ = voiceanon(*arguments)  # nothing waits
    assert code == 0
    assert "wait" not in out
    if more:
        disks.runs = GB
        code, out, _ = voiceanon(*arguments, "--pack", "tar")
        assert code == 0
        assert "of which wait" in out


def test_a_plan_is_refused_if_what_is_copied_to_be_read_has_no_room(disks, voiceanon, tmp_path):
    source = make_recordings(tmp_path / "in", 2, seconds=0.6)
    packed = [path for path in sorted(source.iterdir()) if path.is_file()]
    with tarfile.open(source / "set.tar", "w") as archive:
        for path in packed:
            archive.add(path, path.name)
    largest = max(path.stat().st_size for path in packed)
    for path in packed:
        path.unlink()
    arguments = ["archive", "plan", source, tmp_path / "out", "--no-check", "--pack", "none"]
    disks.runs = largest * os.cpu_count() - 1
    code, _, err = voiceanon(*arguments)
    assert code == 6
    assert "run's folder" in err
    disks.runs += 1
    code, out, _ = voiceanon(*arguments)
    assert code == 0
    assert "copies to read" in out


@hypothesis.given(
    files=st.lists(st.integers(1, 99), max_size=3),
    members=st.lists(st.integers(1, 99), max_size=3),
    objects=st.lists(st.integers(1, 99), max_size=3),
)
def test_the_largest_copy_is_of_a_member_or_an_object(tmp_path_factory, files, members, objects):
    found = [recording(f"{at}.wav", size=size) for at, size in enumerate(files)]
    found += [
        recording(f"m{at}", source=f"/in/a.tar::m{at}", size=size, offset=512)
        for at, size in enumerate(members)
    ]
    found += [
        recording(f"o{at}", source=f"s3://bucket/o{at}", size=size, etag="e")
        for at, size in enumerate(objects)
    ]
    path = tmp_path_factory.mktemp("copied") / "manifest"
    with Manifest.write(path, found, KEY, keep_names=False) as manifest:
        assert manifest.largest(copied=True) == max(members + objects, default=0)
        assert manifest.largest() == max(files + members + objects, default=0)


@pytest.mark.parametrize(
    ("problem", "is_told"),
    [
        (f"cannot be written: {FULL}", True),
        (f"work folder cannot be written: {FULL}", True),
        ("cannot be written: System error.", True),  # all that libsndfile says
        ("cannot be reached: S3 gives no answer (Timeout)", False),
        ("the mark's key of this run cannot be read: No such file or directory", False),
    ],
)
def test_a_run_that_stops_says_which_disk_is_full(kept, disks, tmp_path_factory, problem, is_told):
    folder = twin(kept, tmp_path_factory.mktemp("full").name)
    destination(folder).mkdir(mode=0o700)
    disks.rest, disks.runs = 3_000_000, 40_000

    class Stopped:
        def map(self, jobs, _on_progress, _on_turn, on_begin):
            entry, _ = next(jobs)
            on_begin(entry)
            yield entry, Row(entry.id, "working", reason=problem)

        def close(self):
            return True

    with pytest.raises(DestinationError) as caught:
        run_shard(folder, make_pool=lambda *_arguments: Stopped())
    told = " (3.0 MB are free in destination, 0.0 MB are free in run's folder)"
    assert str(caught.value) == problem + told * is_told
    assert totals_of(folder).states["undecided"] == sum(map(len, TARS.values())) + 1


def test_so_does_one_whose_tar_file_has_no_room(kept, disks, tmp_path_factory, monkeypatch):
    def no_space(*_arguments):
        raise OSError(errno.ENOSPC, FULL)

    folder = twin(kept, tmp_path_factory.mktemp("full").name)
    destination(folder).mkdir(mode=0o700)
    disks.rest, disks.are_two = 2_000_000, False
    monkeypatch.setattr(packing, "write_tar", no_space)
    with pytest.raises(DestinationError) as caught:
        go_on(folder)
    told = "(2.0 MB are free in destination and run's folder)"
    assert str(caught.value) == f"a tar file cannot be written: {FULL} {told}"
    monkeypatch.undo()
    go_on(folder)
    assert totals_of(folder).states["undecided"] == 0


def test_of_a_bucket_the_folder_here_is_told(disks, tmp_path):
    disks.runs = 5_000_000
    settings = settings_for("s3://bucket/out")
    told = space_told(f"cannot be written: {FULL}", settings, tmp_path / "a.run")
    assert told.endswith("(5.0 MB are free in run's folder)")
    assert space_told("S3 answers 503", settings, tmp_path / "a.run") == "S3 answers 503"
