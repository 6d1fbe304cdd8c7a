"""A manifest holds every recording once, shows no name without the key, and is whole."""

import itertools
import os
import sqlite3
import stat
import tracemalloc
import unicodedata

import hypothesis
import hypothesis.strategies as st
import pytest
from archive_runs import KEY
from made_up_manifests import recording, write

from voiceanon import keys
from voiceanon.archive.entries import Entry, LeftOut
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.sources import find_sources
from voiceanon.errors import DestinationError, InputError, SecretError
from voiceanon.file_plan import Kind, free_name


def files(folder):
    return [path.name for path in folder.iterdir()]


def folded(path):
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


# Whatever a file may be called: control characters, and bytes that are no text.
PARTS = st.binary(min_size=1, max_size=12).map(
    lambda raw: os.fsdecode(raw.replace(b"/", b"_").replace(b"\0", b"_"))
)
TEXTS = st.text("aAäÄ\u0308\ufb01iI\u0130.- \n\u202e", min_size=1, max_size=4)
NAMES = st.lists(
    st.builds(
        lambda folders, stem, suffix: "/".join([*folders, stem + suffix]),
        st.lists(TEXTS.filter(lambda part: part.strip(".")), max_size=2),
        PARTS | TEXTS,
        st.sampled_from(["", ".wav", ".flac", ".WAV"]),
    ),
    max_size=12,
)


@hypothesis.given(names=NAMES, keep_names=st.booleans())
def test_every_recording_has_an_output_of_its_own_that_can_be_printed(
    tmp_path_factory, names, keep_names
):
    found = [recording(name) for name in names]
    with write(tmp_path_factory.mktemp("m"), found, keep_names=keep_names) as manifest:
        entries = list(manifest)
        left = list(manifest.left_out())
    assert sorted(entry.source for entry in entries) == sorted({one.source for one in found})
    assert len(left) == len(names) - len(entries)
    assert len({folded(entry.output) for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.output.isprintable()
        assert not entry.output.startswith("/")
        assert ".." not in entry.output.split("/")
        assert len(entry.id) == 32
        if not keep_names:
            assert entry.output == f"{entry.id[:2]}/{entry.id}"


@hypothesis.given(names=NAMES, count=st.integers(1, 7))
def test_shards_hold_every_entry_once(tmp_path_factory, names, count):
    with write(tmp_path_factory.mktemp("m"), map(recording, names)) as manifest:
        shards = [list(manifest.shard(index, count)) for index in range(count)]
        assert sorted(e.id for shard in shards for e in shard) == [e.id for e in manifest]
        assert shards == [[e for e in manifest if int(e.id, 16) % count == i] for i in range(count)]
        assert manifest.bytes == 3 * len(manifest)


def test_shards_must_be_of_a_count(tmp_path):
    with write(tmp_path, [recording("a")]) as manifest:
        for index, count in ((1, 1), (-1, 2), (0, 0)):
            with pytest.raises(InputError, match="shard is"):
                manifest.shard(index, count)


def test_the_same_key_gives_the_same_ids_and_another_key_others(tmp_path):
    found = [recording(f"{n}.wav") for n in range(20)]
    first = list(write(tmp_path, found, name="1"))
    again = list(write(tmp_path, reversed(found), name="2"))
    other = list(write(tmp_path, found, bytes(32), name="3"))
    elsewhere = [one._replace(source=f"/moved/{one.name}") for one in found]
    moved = list(write(tmp_path, elsewhere, name="4"))
    assert first == again
    assert {one.name: one.id for one in first} == {one.name: one.id for one in moved}
    assert not {one.id for one in first} & {one.id for one in other}
    expected = {keys.derive(KEY, "archive entry", one.name)[:16].hex() for one in found}
    assert {one.id for one in first} == expected


def test_ids_and_outputs_say_nothing_of_names_order_or_sizes(tmp_path):
    entries = list(write(tmp_path, [recording(f"anna-{n:03d}.wav") for n in range(300)]))
    shown = " ".join(f"{entry.id} {entry.output}" for entry in entries)
    assert not set(shown) - set("0123456789abcdef/ ")
    assert "anna" not in shown
    assert [entry.name for entry in entries] != sorted(entry.name for entry in entries)
    # Half of the bits of two ids differ, however alike the names are.
    by_name = sorted(entries, key=lambda entry: entry.name)
    bits = [(int(a.id, 16) ^ int(b.id, 16)).bit_count() for a, b in itertools.pairwise(by_name)]
    assert 60 < sum(bits) / len(bits) < 68


def test_an_entry_comes_back_as_it_was_found(tmp_path):
    name = os.fsdecode(b"caf\xe9\n.wav")
    one = recording(name, size=1 << 41, speaker="\ud800=cmd", offset=512, mtime_ns=-5)
    with write(tmp_path, [one, LeftOut(name, "skipped", "hidden")]) as manifest:
        (entry,) = manifest
        expected = (one.source, name, 1 << 41, -5, "\ud800=cmd")
        assert entry == Entry(entry.id, *expected, entry.output, 512)
        assert manifest.get(entry.id) == entry
        assert list(manifest.left_out()) == [(name, "skipped", "hidden")]
        assert (len(manifest), manifest.bytes) == (1, 1 << 41)
        with pytest.raises(InputError, match="no entry"):
            manifest.get("0" * 32)


def test_kept_names_are_numbered_where_file_systems_would_mix_them_up(tmp_path):
    names = ["a.flac", "a.wav", "A.ogg", "a-2.mp3", "b/a.wav", "B/A.wav", "é.wav", "e\u0301.wav"]
    names += ["no.suffix", ".wav", "-rf.wav", "x\n.wav", "x" * 251 + ".wav"]
    with write(tmp_path, map(recording, names), keep_names=True) as manifest:
        outputs = {entry.name: entry.output for entry in manifest}
    assert [outputs[name] for name in names] == [
        *("a", "a-2", "A-3", "a-2-2", "b/a", "B/A-2", "é", "e\u0301-2"),
        *("no.suffix", ".wav", "-rf", "x_", "x" * 200),
    ]


def test_many_names_that_look_alike_are_numbered_with_few_looks():
    looks = []

    class Taken(dict):
        def get(self, name, /):
            looks.append(name)
            return super().get(name)

    taken = Taken()
    outputs = [free_name("\x01.wav", "", Kind(), taken) for _ in range(100)]
    assert outputs == ["_"] + [f"_-{number}" for number in range(2, 101)]
    assert len(looks) < 300


def test_a_recording_given_twice_is_taken_once_and_a_conflict_is_reported(tmp_path):
    found = [recording("a", speaker="s1"), recording("a", speaker="s1")]
    found += [recording("a", speaker="s2")]
    with write(tmp_path, found, keep_names=True) as manifest:
        assert [entry.speaker for entry in manifest] == ["s1"]
        assert list(manifest.left_out()) == [
            ("/in/a", "skipped", "given twice"),
            ("/in/a", "failed", "given again with another speaker; the first counts"),
        ]


def test_the_same_name_in_two_sources_is_two_recordings(tmp_path):
    found = [recording("a.wav", source=f"/{n}/a.wav") for n in "xyz"]
    with write(tmp_path, found) as manifest:
        labels = {entry.source: entry.name for entry in manifest}
    assert labels == {"/x/a.wav": "a.wav", "/y/a.wav": "a.wav (2)", "/z/a.wav": "a.wav (3)"}


def test_a_folder_becomes_a_manifest(tmp_path):
    (tmp_path / "in").mkdir()
    for name in (b"a.wav", b"caf\xe9.flac", b"notes.txt"):
        (tmp_path / "in" / os.fsdecode(name)).write_bytes(b"hello")
    with write(tmp_path, find_sources(tmp_path / "in")) as manifest:
        assert {os.fsencode(entry.name) for entry in manifest} == {b"a.wav", b"caf\xe9.flac"}
        assert manifest.bytes == 10
        assert [left.reason for left in manifest.left_out()] == ["not audio"]


def test_a_sample_is_spread_evenly(tmp_path):
    with write(tmp_path, [recording(str(n)) for n in range(100)]) as manifest:
        entries = list(manifest)
        assert manifest.sample(4) == entries[::25]
        assert manifest.sample(1) == entries[:1]
        assert manifest.sample(1000) == entries
        assert manifest.sample(0) == []
        assert len(manifest.sample(37)) == 37


def test_the_file_is_its_owners_alone_and_nothing_lies_beside_it(tmp_path):
    old = os.umask(0)
    try:
        write(tmp_path, [recording("a")]).close()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "plan").stat().st_mode) == 0o600
    assert files(tmp_path) == ["plan"]


def test_nothing_is_written_if_the_search_fails(tmp_path):
    def found():
        yield recording("a")
        raise InputError("line 2 is no line")

    with pytest.raises(InputError, match="line 2"):
        write(tmp_path, found())
    with pytest.raises(SecretError):
        write(tmp_path, [], key=b"short")
    assert files(tmp_path) == []


def test_a_manifest_is_never_overwritten(tmp_path):
    write(tmp_path, [recording("a")]).close()
    before = (tmp_path / "plan").read_bytes()
    with pytest.raises(DestinationError, match="exists"):
        write(tmp_path, [recording("b")])
    assert (tmp_path / "plan").read_bytes() == before
    with pytest.raises(DestinationError, match="cannot be written"):
        write(tmp_path / "none", [])


def foreign(path):
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE entries (id)")
    database.commit()
    database.close()


def other_version(path):
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 9")
    database.close()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b""), "damaged, or no manifest"),
        (lambda path: path.write_bytes(b"hello" * 1000), "damaged, or no manifest"),
        (lambda path: os.truncate(path, path.stat().st_size // 2), "damaged, or no manifest"),
        (lambda path: (path.unlink(), foreign(path)), "damaged, or no manifest"),
        (lambda path: (path.unlink(), path.mkdir()), "does not exist"),
        (lambda path: path.unlink(), "does not exist"),
        (other_version, "another version"),
    ],
    ids=["empty", "garbage", "torn", "foreign", "folder", "missing", "version"],
)
def test_a_damaged_or_foreign_file_is_one_clear_error(tmp_path, damage, message):
    write(tmp_path, [recording(str(n)) for n in range(500)]).close()
    damage(tmp_path / "plan")
    with pytest.raises(InputError, match=message) as caught:
        Manifest.open(tmp_path / "plan")
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@hypothesis.given(at=st.integers(0, 40_000), mask=st.integers(1, 255))
def test_a_flipped_bit_never_crashes_nor_hides_an_entry_silently(tmp_path_factory, at, mask):
    folder = tmp_path_factory.mktemp("m")
    write(folder, [recording(str(n)) for n in range(200)]).close()
    content = bytearray((folder / "plan").read_bytes())
    content[at % len(content)] ^= mask
    (folder / "plan").write_bytes(content)
    try:
        with Manifest.open(folder / "plan") as manifest:
            assert len(list(manifest)) == len(manifest) == 200
    except InputError:
        pass


def test_a_manifest_is_read_only(tmp_path):
    write(tmp_path, [recording("a")]).close()
    before = (tmp_path / "plan").stat().st_mtime_ns
    with Manifest.open(tmp_path / "plan") as manifest:
        assert len(list(manifest)) == 1
    assert (tmp_path / "plan").stat().st_mtime_ns == before
    assert files(tmp_path) == ["plan"]


def test_memory_does_not_grow_with_the_number_of_entries(tmp_path):
    peaks = []
    for count in (1000, 4000):
        tracemalloc.start()
        found = (recording(f"{n:06d}.wav") for n in range(count))
        with write(tmp_path, found, keep_names=True, name=str(count)) as manifest:
            assert sum(1 for _ in manifest) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
