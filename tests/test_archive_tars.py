"""Tar files of outputs: their bytes, which recordings share one, and what survives damage."""

import hashlib
import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest

from voiceanon.archive.entries import Found
from voiceanon.archive.grouping import PACKINGS, Grouping
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.tars import (
    Member,
    blocks,
    extracted,
    header,
    index_of,
    intact,
    is_canonical,
    tar_size,
    write_tar,
)
from voiceanon.formats.source import Source

KEY = bytes(range(32))
BLOCK = 512
PARTS = st.text("abä", min_size=1, max_size=4) | st.text("abc", min_size=50, max_size=100)
NAMES = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
CONTENTS = st.dictionaries(
    NAMES, st.binary(max_size=3 * BLOCK) | st.sampled_from([bytes(BLOCK), bytes(BLOCK + 1)]),
    max_size=6,
)  # fmt: skip


def members_of(contents):
    return [
        Member(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    ]


def made(contents, read=None):
    file = io.BytesIO()
    damaged = write_tar(
        file,
        members_of(contents),
        read or (lambda member: iter([contents[member.name]])),
        lambda: None,
    )
    return file.getvalue(), damaged


def looked_at(place, content, members):
    path = place / "one.tar"
    path.write_bytes(content)
    with Source(path) as source:
        found = intact(source, members)
        return found, is_canonical(source, members, found)


# Its bytes


@hypothesis.given(contents=CONTENTS)
def test_any_reader_of_tar_files_finds_the_members_and_nothing_of_their_maker(
    tmp_path_factory, contents
):
    content, damaged = made(contents)
    assert damaged == []
    assert len(content) == tar_size(members_of(contents))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        found = {info.name: archive.extractfile(info).read() for info in archive}
        assert found == contents
        assert list(found) == list(contents)
        for info in archive.getmembers():
            assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (0, 0, 0, "", "")
            assert (info.mode, info.type) == (0o600, tarfile.REGTYPE)
            assert set(info.pax_headers) <= {"path"}
    members = members_of(contents)
    place = tmp_path_factory.mktemp("tar")
    found, is_right = looked_at(place, content, members)
    assert is_right
    assert set(found) == set(contents)
    with Source(place / "one.tar") as source:
        assert index_of(source) == {one.name: (found[one.name], one.bytes) for one in members}
        for one in members:
            assert b"".join(blocks(source, found[one.name], one.bytes)) == contents[one.name]


@pytest.mark.skipif(shutil.which("tar") is None, reason="tar is not installed")
def test_gnu_tar_reads_it(tmp_path):
    contents = {"a.flac": b"a" * 700, f"{'long/' * 60}b.voa": b"b", "ä.voa": b""}
    (tmp_path / "one.tar").write_bytes(made(contents)[0])
    told = subprocess.run(
        ["tar", "--numeric-owner", "--utc", "-tvf", tmp_path / "one.tar"],
        capture_output=True, text=True, check=True, env={"LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert told.stderr == ""
    lines = [line.split() for line in told.stdout.splitlines()]
    assert [line[0:5] for line in lines] == [
        ["-rw-------", "0/0", str(len(content)), "1970-01-01", "00:00"]
        for content in contents.values()
    ]
    assert [line[-1] for line in lines] == list(contents)


def test_the_size_of_a_tar_file_is_known_before_it_is_made():
    for length in (1, 99, 100, 101, 300):
        for size in (0, 511, 513, (8 << 30) - 1, 8 << 30, 9 << 30):
            for name in ("a" * length, "ä" + "a" * length):
                one = Member(name, size, "")
                padded = -(-size // BLOCK) * BLOCK
                assert tar_size([one]) == len(header(one)) + padded + 2 * BLOCK


def test_a_member_that_is_not_what_it_must_be_is_told(tmp_path):
    contents = {"a": b"1" * 600, "b": b"2" * 600, "c": b"3"}
    for bad in (b"", b"2" * 599, b"2" * 601, b"2" * 599 + b"3"):
        _, damaged = made(
            contents, lambda one, bad=bad: iter([bad if one.name == "b" else contents[one.name]])
        )
        assert [one.name for one in damaged] == ["b"]


# Damage


@hypothesis.given(data=st.data(), contents=CONTENTS.filter(bool))
def test_a_flipped_byte_is_seen_and_costs_one_member_at_most(tmp_path_factory, data, contents):
    content, _ = made(contents)
    at = data.draw(st.integers(0, len(content) - 1))
    damaged = (
        content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :]
    )
    members = members_of(contents)
    found, is_right = looked_at(tmp_path_factory.mktemp("tar"), damaged, members)
    assert not is_right
    lost, start = set(), 0
    for one in members:
        end = start + len(header(one)) + one.bytes
        if start <= at < end:
            lost.add(one.name)
        start = tar_size(members[: members.index(one) + 1]) - 2 * BLOCK
    assert set(found) == set(contents) - lost


@hypothesis.given(data=st.data(), contents=CONTENTS.filter(bool))
def test_what_stands_before_a_cut_is_whole(tmp_path_factory, data, contents):
    content, _ = made(contents)
    cut = data.draw(st.integers(0, len(content) - 1))
    members = members_of(contents)
    found, is_right = looked_at(tmp_path_factory.mktemp("tar"), content[:cut], members)
    assert not is_right
    ends = {}
    for number, one in enumerate(members):
        ends[one.name] = tar_size(members[:number]) - 2 * BLOCK + len(header(one)) + one.bytes
    assert set(found) == {name for name, end in ends.items() if end <= cut}


def test_more_than_there_should_be_is_no_right_tar_file(tmp_path):
    content, _ = made({"a": b"1", "b": b"2"})
    members = members_of({"a": b"1", "b": b"2"})
    for longer in (
        content + b"\0",
        content + bytes(BLOCK),
        made({"a": b"1", "b": b"2", "c": b""})[0],
    ):
        assert looked_at(tmp_path, longer, members) == (
            {"a": BLOCK, "b": 3 * BLOCK},
            False,
        )
    assert looked_at(tmp_path, made({"b": b"2", "a": b"1"})[0], members)[1] is False


def test_a_copy_of_a_member_is_gone_afterwards(tmp_path):
    (tmp_path / "one.tar").write_bytes(made({"a": b"1" * 600})[0])
    with Source(tmp_path / "one.tar") as source:
        with extracted(source, BLOCK, 600, tmp_path, ".flac") as path:
            assert path.read_bytes() == b"1" * 600
            assert path.suffix == ".flac"
        assert [one.name for one in tmp_path.iterdir()] == ["one.tar"]


# Which recordings share one

INSIDE = st.sampled_from(["a.wav", "b.wav", "sub/a.wav", "sub/deep/c.1.wav", "ä.wav"])
SOURCES = st.lists(
    st.tuples(st.sampled_from(["", "x.tar", "set/x.tar", "set/y.TAR", "z.1.tar"]), INSIDE),
    max_size=20,
    unique=True,
)


def found_in(sources):
    for tar, inside in sources:
        if tar:
            yield Found(f"/in/{tar}::{inside}", f"{tar}/{inside}", 3, 7, offset=512)
        else:
            yield Found(f"/in/{inside}", inside, 3, 7)


@hypothesis.given(
    sources=SOURCES,
    packing=st.sampled_from(PACKINGS),
    most=st.integers(1, 4),
    keep_names=st.booleans(),
    count=st.integers(1, 4),
)
def test_every_recording_has_its_place(tmp_path_factory, sources, packing, most, keep_names, count):
    place = tmp_path_factory.mktemp("plan")
    options = {"keep_names": keep_names, "grouping": Grouping(packing, most)}
    with Manifest.write(place / "plan", found_in(sources), KEY, **options) as manifest:
        entries = list(manifest)
        assert sorted(entry.source for entry in entries) == sorted(
            one.source for one in found_in(sources)
        )
        tars = {}
        for entry in entries:
            is_wanted = packing == "tar" or (packing == "auto" and entry.offset >= 0)
            assert (entry.packed is not None) == is_wanted
            if entry.packed is not None:
                tars.setdefault(entry.packed[:3], []).append(entry)
            assert manifest.get(entry.id) == entry
        # One for each tar file that recordings come from, and no more of the others than there may.
        assert len({tar for _, _, tar in tars}) == len(tars)
        assert [number for number, _, _ in tars] == list(range(len(tars)))
        assert list(manifest.tars()) == [tar for _, _, tar in tars]
        for together in tars.values():
            assert [entry.id for entry in together] == sorted(entry.id for entry in together)
            assert len({entry.packed.member for entry in together}) == len(together)
            origins = {entry.source.partition("::")[0] for entry in together if entry.offset >= 0}
            assert len(origins) <= 1
            if not origins:
                assert len(together) <= most
            for entry in together:
                assert entry.packed.tar.endswith(".tar")
                if keep_names:
                    assert entry.output.endswith(entry.packed.member)
                else:
                    assert entry.packed.member == entry.id
                    assert entry.packed.tar == f"{entry.packed.id}.tar"
        origins = {one.source.partition("::")[0] for one in found_in(sources) if one.offset >= 0}
        loose = sum(not tar for tar, _ in sources)
        wanted = 0 if packing == "none" else len(origins)
        wanted += -(-loose // most) if packing == "tar" else 0
        assert len(tars) == wanted
        # Parts of a run share no tar file, and together they are the whole.
        parts = [list(manifest.shard(number, count)) for number in range(count)]
        assert sorted(entry.id for part in parts for entry in part) == sorted(
            entry.id for entry in entries
        )
        for number, part in enumerate(parts):
            assert all(manifest.part(entry.id, count) == number for entry in part)
            for entry in part:
                if entry.packed is not None:
                    assert entry.packed.number % count == number


def test_kept_names_are_those_of_the_source(tmp_path):
    sources = [("x.tar", "a.wav"), ("x.tar", "sub/a.2.wav"), ("set/y.TAR", "b.wav"), ("", "c.wav")]
    options = {"keep_names": True, "grouping": Grouping("tar", 9)}
    with Manifest.write(tmp_path / "plan", found_in(sources), KEY, **options) as manifest:
        assert sorted(entry.packed[2:] for entry in manifest) == [
            ("files-00000.tar", "c"), ("set/y.tar", "b"), ("x.tar", "a"), ("x.tar", "sub/a_2")
        ]  # fmt: skip


def test_the_order_of_tar_files_says_nothing_of_the_sources(tmp_path):
    sources = [(f"{number:02}.tar", "a.wav") for number in range(20)]
    orders = set()
    for at in range(3):
        key, options = bytes([at] * 32), {"keep_names": False, "grouping": Grouping("auto")}
        with Manifest.write(tmp_path / str(at), found_in(sources), key, **options) as manifest:
            orders.add(tuple(entry.source for entry in manifest))
    assert len(orders) == 3


def test_a_plan_without_tar_files_is_as_it_was(tmp_path):
    """Runs that were planned before there were any go on."""
    sources = list(found_in([("x.tar", "a.wav"), ("", "b.wav")]))
    with Manifest.write(tmp_path / "plan", sources, KEY, keep_names=False) as manifest:
        assert not manifest.has_tars
        assert list(manifest.tars()) == []
        assert [entry.packed for entry in manifest] == [None, None]
    assert b"CREATE TABLE tars" not in Path(tmp_path / "plan").read_bytes()
