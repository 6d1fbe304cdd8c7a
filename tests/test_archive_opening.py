"""Members of tar files are found like files, and a source is opened only as it was planned."""

import io
import os
import tarfile
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest
from found_sources import found, names, reasons, touch

from voiceanon.archive.entries import Entry, Found
from voiceanon.archive.opening import open_source
from voiceanon.archive.sources import find_sources
from voiceanon.errors import DestinationError, RecordingError
from voiceanon.formats import AudioReader

SPEECH = sorted((Path(__file__).parents[1] / "voiceanon" / "samples").glob("*.flac"))


def member(name, content=b"RIFF....WAVE", kind=tarfile.REGTYPE, **more):
    info = tarfile.TarInfo(name)
    info.size, info.type = len(content), kind
    for field, value in more.items():
        setattr(info, field, value)
    return info, content


def tar(path, *members, form=tarfile.PAX_FORMAT):
    with tarfile.open(path, "w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content) if content else None)
    return path


def entry(one):
    return Entry("0" * 32, one.source, one.name, one.size, one.mtime_ns, "", "x", one.offset)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_found_and_read_bit_for_bit(tmp_path, form):
    content = SPEECH[0].read_bytes()
    long = "/".join(["folder" * 6] * 6) if form != tarfile.USTAR_FORMAT else "x" * 80
    path = tar(
        tmp_path / "shard.tar",
        member("./a.wav"),
        member("folder", b"", tarfile.DIRTYPE),
        member(f"{long}/b.flac", content),
        member("a.json", b"{}"),
        member("empty.wav", b""),
        member("caf\xe9.wav", b"x" * 513),
        form=form,
    )
    work = tmp_path / "work"
    work.mkdir()
    for spec in (path, tmp_path, tmp_path / "*.tar"):
        members = found(spec)
        assert [one.name.removeprefix("shard.tar/") for one in members] == [
            "a.wav",
            f"{long}/b.flac",
            "empty.wav",
            "caf\xe9.wav",
        ]
    assert members[0].source == f"{path}::a.wav"
    assert reasons(path) == {f"{path}::a.json": ("skipped", "not named like audio")}
    for one, expected in zip(members, [b"RIFF....WAVE", content, b"", b"x" * 513], strict=True):
        with open_source(entry(one), work) as copy:
            assert copy.read_bytes() == expected
            assert copy.stat().st_mode & 0o777 == 0o600
            assert copy.parent == work
            if expected == content:
                with AudioReader(copy) as reader:
                    assert reader.kind == "FLAC"
        assert list(work.iterdir()) == []


def test_hostile_members_are_left_out_and_the_rest_is_found(tmp_path):
    path = tar(
        tmp_path / "shard.tar",
        member("/etc/passwd.wav"),
        member("../up.wav"),
        member("a/../../up.wav"),
        member("link.wav", b"", tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("hard.wav", b"", tarfile.LNKTYPE, linkname="/etc/passwd"),
        member("device.wav", b"", tarfile.CHRTYPE),
        member("pipe.wav", b"", tarfile.FIFOTYPE),
        member(".hidden.wav"),
        member("holes.wav", pax_headers={"GNU.sparse.major": "1"}),
        member("nul.wav", pax_headers={"path": "a\0b.wav"}),
        member("good.wav"),
        member("good.wav", b"again"),
    )
    outside = ("failed", "has a name that leads out of its archive")
    special = ("skipped", "not a regular file")
    assert reasons(path) == {
        f"{path}::etc/passwd.wav": outside,
        f"{path}::../up.wav": outside,
        f"{path}::a/../../up.wav": outside,
        f"{path}::link.wav": ("skipped", "symbolic link"),
        f"{path}::hard.wav": ("skipped", "hard link"),
        f"{path}::device.wav": special,
        f"{path}::pipe.wav": special,
        f"{path}::.hidden.wav": ("skipped", "hidden"),
        f"{path}::holes.wav": ("failed", "is stored with holes, which is not supported"),
        f"{path}::a\0b.wav": outside,
    }
    assert names(path) == ["shard.tar/good.wav"] * 2


def huge(info_size, form=tarfile.GNU_FORMAT, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo("huge.wav")
    info.size, info.type = info_size, kind
    return info.tobuf(form) + bytes(1024)


def test_sizes_that_cannot_be_are_refused_without_reading(tmp_path):
    path = tmp_path / "x.tar"
    for size in (1 << 50, 2000, -1):
        path.write_bytes(huge(size))
        assert reasons(path) == {
            f"{path}::huge.wav": ("failed", "truncated: the archive ends inside it")
        }
    path.write_bytes(huge(1 << 30, kind=tarfile.GNUTYPE_LONGNAME))
    assert reasons(path) == {
        str(path): ("failed", "damaged: a header of 1073741824 bytes at byte 0")
    }


@pytest.mark.parametrize("record", [b"99 path=x\n", b"x path=y\n", b"0 a=b\n", b"7 size=-\n", b"5"])
def test_a_pax_header_that_is_none_ends_the_archive(tmp_path, record):
    info = tarfile.TarInfo("x")
    info.size, info.type = len(record), tarfile.XHDTYPE
    path = tmp_path / "x.tar"
    whole = tar(tmp_path / "whole.tar", member("a.wav")).read_bytes()
    path.write_bytes(info.tobuf() + record.ljust(512, b"\0") + whole)
    assert names(path) == []
    assert reasons(path)[str(path)][1].startswith("damaged: a pax header")


def test_a_cut_or_damaged_archive_says_so_after_its_whole_members(tmp_path):
    whole = tar(tmp_path / "x.tar", member("a.wav"), member("b.wav", b"x" * 600)).read_bytes()
    path = tmp_path / "x.tar"
    cases = {
        whole[:1024]: "truncated: no member or end mark at byte 1024",
        whole[:1300]: "truncated: no member or end mark at byte 1024",
        whole[:1024] + b"\xff" * 4096: "damaged: no member or end mark at byte 1024",
    }
    for content, reason in cases.items():
        path.write_bytes(content)
        assert names(path) == ["x.tar/a.wav"]
        assert reasons(path) == {str(path): ("failed", reason)}
    path.write_bytes(whole[:2000])
    assert reasons(path) == {f"{path}::b.wav": ("failed", "truncated: the archive ends inside it")}
    path.write_bytes(b"not a tar archive" * 100)
    assert reasons(path) == {str(path): ("failed", "is not a tar archive")}
    odd = tmp_path / "a::b.tar"
    odd.write_bytes(whole)
    assert "in its path" in reasons(odd)[str(odd)][1]


@hypothesis.given(st.data())
def test_a_damaged_archive_never_crashes_the_search(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    path = tar(folder / "x.tar", member("é" * 90 + ".wav"), member("b.wav", b"x" * 600))
    content = bytearray(path.read_bytes()[:5000])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    for one in find_sources(path):
        if isinstance(one, Found):
            assert one.offset + one.size <= len(content)
            assert ".." not in one.name.split("/")


def test_what_changed_since_the_plan_is_refused(tmp_path):
    path = touch(tmp_path / "a.wav")
    shard = tar(tmp_path / "x.tar", member("b.wav", b"x" * 600))
    file, inside = (entry(one) for one in found(tmp_path))
    for one in (file, inside):
        with open_source(one, tmp_path):
            pass
    for changed in (path, shard):
        status = changed.stat()
        os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    for one in (file, inside):
        with (
            pytest.raises(RecordingError, match="has changed since the plan"),
            open_source(one, tmp_path),
        ):
            pytest.fail("was opened")
    assert sorted(tmp_path.iterdir()) == [path, shard]


def test_what_changes_while_it_is_open_is_refused(tmp_path):
    path = touch(tmp_path / "a.wav")
    (one,) = found(tmp_path)
    with (
        pytest.raises(RecordingError, match="changed while it was being read"),
        open_source(entry(one), tmp_path),
    ):
        path.write_bytes(b"longer than before")
    (one,) = found(tmp_path)
    with (
        pytest.raises(RecordingError, match="has changed since the plan"),
        open_source(entry(one), tmp_path),
    ):
        path.rename(tmp_path / "old.wav")
        touch(path)
    path.unlink()
    with pytest.raises(RecordingError, match="cannot be opened"), open_source(entry(one), tmp_path):
        pytest.fail("was opened")


def test_members_rewritten_in_place_are_refused(tmp_path):
    shard = tar(tmp_path / "x.tar", member("b.wav", b"x" * 600))
    (one,) = found(shard)
    status = shard.stat()
    for content in (bytes(status.st_size), shard.read_bytes()[:900]):
        shard.write_bytes(content)
        os.utime(shard, ns=(status.st_atime_ns, status.st_mtime_ns))
        with pytest.raises(RecordingError), open_source(entry(one), tmp_path):
            pytest.fail("was opened")
    assert list(tmp_path.iterdir()) == [shard]


def test_a_copy_is_gone_after_an_error_and_needs_a_folder(tmp_path):
    shard = tar(tmp_path / "x.tar", member("b.wav"))
    (one,) = found(shard)
    with pytest.raises(KeyboardInterrupt), open_source(entry(one), tmp_path):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == [shard]
    with pytest.raises(DestinationError), open_source(entry(one), tmp_path / "none"):
        pytest.fail("was opened")
