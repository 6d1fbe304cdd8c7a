"""Files go into a bucket and come out of it whole, whatever happens on the way."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from s3_server import Proxy, error_body, good_bucket

from voiceanon.archive.s3.client import StoreError, make_client
from voiceanon.archive.s3.store import Store
from voiceanon.archive.s3.urls import S3Url
from voiceanon.errors import DestinationError, RecordingError

MIB = 1 << 20
NAME = "ab/recording.flac"


@pytest.fixture
def store(s3: Proxy) -> Store:
    # A request that waits longer is sent again: well above what a busy machine makes one wait.
    client = make_client(attempts=3, read_timeout_s=2.5)
    good_bucket(client, "outputs")
    made = Store(
        S3Url.parse("s3://outputs/run"), client=client, large_bytes=6 * MIB, part_bytes=5 * MIB
    )
    made.encryption()
    s3.seen.clear()
    s3.hang_s = 3.0
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small"
    path.write_bytes(os.urandom(300_000))
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(11 * MIB))
    return path


def stored(store: Store, name: str = NAME) -> bytes:
    answer = store.client.get_object(Bucket="outputs", Key=store.url.key(name))
    return bytes(answer["Body"].read())


def folder_of(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def uploads(store: Store) -> list[str]:
    found = store.client.list_multipart_uploads(Bucket="outputs")
    return [one["Key"] for one in found.get("Uploads", [])]


@pytest.mark.parametrize("size", [0, 1, 4 * MIB])
def test_what_is_put_comes_back(store: Store, tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    store.put(path, NAME)
    copy = store.get(NAME, folder_of(tmp_path))
    assert copy.read_bytes() == path.read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o600


def test_every_put_asks_for_encryption_and_no_overwriting(
    s3: Proxy, store: Store, file: Path, large: Path
) -> None:
    store.put(file, NAME)
    store.put(large, "large")
    (put,) = [one for one in s3.seen if one.method == "PUT" and one.path.endswith(NAME)]
    begun, completed = [one for one in s3.seen if one.method == "POST"]
    for one in (put, begun):
        assert one.headers["x-amz-server-side-encryption"] == "AES256"
    for one in (put, completed):
        assert one.headers["if-none-match"] == "*"
    parts = [one for one in s3.seen if one.method == "PUT" and "uploadId" in one.query]
    assert len(parts) == 3
    assert all("x-amz-checksum-sha256" in one.headers for one in (put, *parts))
    assert stored(store, "large") == large.read_bytes()


def test_a_listing_goes_on_page_by_page(s3: Proxy, store: Store, monkeypatch: Any) -> None:
    for number in range(5):
        store.client.put_object(Bucket="outputs", Key=f"run/{number}", Body=b"x" * number)
    store.client.put_object(Bucket="outputs", Key="runner", Body=b"of somebody else")
    whole = store.client.list_objects_v2
    monkeypatch.setattr(store.client, "list_objects_v2", lambda **a: whole(**a, MaxKeys=2))
    assert [(one.name, one.size) for one in store.list()] == [(str(n), n) for n in range(5)]


def test_another_file_is_never_replaced(store: Store, file: Path, tmp_path: Path) -> None:
    store.put(file, NAME)
    other = tmp_path / "other"
    other.write_bytes(b"another")
    same_size = tmp_path / "same size"
    same_size.write_bytes(file.read_bytes()[:-1] + b"\0")
    for path in (other, same_size):
        with pytest.raises(DestinationError, match="other content already"):
            store.put(path, NAME)
        assert stored(store) == file.read_bytes()
    store.put(file, NAME)  # the same bytes are no conflict
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "same size", "small"]


@pytest.mark.parametrize(("mark", "is_replaced"), [("one", True), ("two", False), ("", False)])
def test_only_what_the_same_run_put_is_replaced(
    store: Store, file: Path, tmp_path: Path, mark: str, is_replaced: bool
) -> None:
    client = store.client
    Store(store.url, client=client, mark="one").put(file, NAME)
    other = tmp_path / "other"
    other.write_bytes(b"another")
    mine = Store(store.url, client=client, mark=mark)
    if is_replaced:
        mine.put(other, NAME)
        assert stored(store) == b"another"
    else:
        with pytest.raises(DestinationError, match="other content already"):
            mine.put(other, NAME)
        assert not mine.remove_own(NAME)
        assert stored(store) == file.read_bytes()


def test_another_large_file_is_never_replaced(store: Store, file: Path, large: Path) -> None:
    store.put(file, NAME)
    with pytest.raises(DestinationError, match="other content already"):
        store.put(large, NAME)
    assert stored(store) == file.read_bytes()
    assert uploads(store) == []


@pytest.mark.parametrize("kind", ["status", "reset", "hang", "lost reply"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_put_that_fails_is_sent_again(
    s3: Proxy, store: Store, file: Path, kind: str, times: int
) -> None:
    fault = s3.spoil(kind, "PUT", times=times, body=error_body("SlowDown"))
    store.put(file, NAME)
    assert fault.done == times
    assert stored(store) == file.read_bytes()


def test_a_put_that_always_fails_is_refused(s3: Proxy, store: Store, file: Path) -> None:
    fault = s3.spoil("status", "PUT", times=99, body=error_body("SlowDown"))
    with pytest.raises(StoreError, match=r"cannot be done: S3 answers 503 \(SlowDown\)"):
        store.put(file, NAME)
    assert fault.done == 3
    assert store.head(NAME) is None


@pytest.mark.parametrize(
    ("kind", "method", "query"),
    [
        ("lost reply", "POST", "uploadId"),  # completed, and nobody was told
        ("status", "POST", "uploadId"),
        ("reset", "PUT", "partNumber=2"),
        ("lost reply", "PUT", "partNumber=3"),
        ("hang", "PUT", "partNumber=1"),
        ("lost reply", "POST", "uploads"),  # leaves an upload that nobody knows of
    ],
)
def test_a_large_put_survives(
    s3: Proxy, store: Store, large: Path, kind: str, method: str, query: str
) -> None:
    fault = s3.spoil(kind, method, query=query, body=error_body("SlowDown"))
    store.put(large, NAME)
    assert fault.done == 1
    assert stored(store) == large.read_bytes()
    store.abort_uploads(lambda name: name == NAME)
    assert uploads(store) == []


def test_an_upload_that_was_completed_unheard_is_no_failure(
    s3: Proxy, store: Store, large: Path
) -> None:
    # moto answers 412 to the second request; S3 may say that there is no such upload any more.
    first = s3.spoil("lost reply", "POST", query="uploadId")
    gone = error_body("NoSuchUpload")
    second = s3.spoil("status", "POST", query="uploadId", status=404, body=gone)
    store.put(large, NAME)
    assert (first.done, second.done) == (1, 1)
    assert stored(store) == large.read_bytes()


def test_a_large_put_that_fails_leaves_no_parts(s3: Proxy, store: Store, large: Path) -> None:
    s3.spoil("status", "PUT", query="partNumber=2", times=99, body=error_body("SlowDown"))
    with pytest.raises(StoreError):
        store.put(large, NAME)
    assert uploads(store) == []
    assert store.head(NAME) is None


def test_own_stale_uploads_are_removed_and_no_others(store: Store, large: Path) -> None:
    for key in (f"run/{NAME}", f"run/{NAME}.other", "elsewhere"):
        store.client.create_multipart_upload(Bucket="outputs", Key=key)
    store.put(large, NAME)
    assert sorted(uploads(store)) == ["elsewhere", f"run/{NAME}.other"]
    assert store.abort_uploads(lambda name: name.endswith(".other")) == 1
    assert uploads(store) == ["elsewhere"]


@pytest.mark.parametrize("kind", ["status", "reset", "hang", "truncated", "hang inside"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_get_that_breaks_is_taken_up_again(
    s3: Proxy, store: Store, file: Path, tmp_path: Path, kind: str, times: int
) -> None:
    if times == 3 and kind in ("status", "reset", "hang"):
        times = 2  # as often as a request is sent again
    file.write_bytes(os.urandom(3 * MIB))
    store.put(file, NAME)
    s3.seen.clear()
    fault = s3.spoil(kind, "GET", times=times, body=error_body("SlowDown"))
    copy = store.get(NAME, folder_of(tmp_path))
    assert copy.read_bytes() == file.read_bytes()
    assert fault.done == times
    gets = [one for one in s3.seen if one.method == "GET"]
    assert all("if-match" in one.headers for one in gets)
    if kind in ("truncated", "hang inside"):
        starts = [int(one.headers["range"][6:].partition("-")[0]) for one in gets]
        assert starts == sorted(set(starts))
        assert len(starts) == times + 1  # never again from the beginning


def test_a_get_that_always_breaks_is_given_up(
    s3: Proxy, store: Store, file: Path, tmp_path: Path
) -> None:
    store.put(file, NAME)
    s3.spoil("truncated", "GET", times=99)
    with pytest.raises(StoreError, match="cannot be fetched: the connection broke 8 times"):
        store.get(NAME, folder_of(tmp_path))
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_damaged_body_is_noticed(
    s3: Proxy, store: Store, file: Path, tmp_path: Path, times: int
) -> None:
    store.put(file, NAME)
    folder = folder_of(tmp_path)
    fault = s3.spoil("corrupted", "GET", times=times)
    if times < 3:
        assert store.get(NAME, folder).read_bytes() == file.read_bytes()
    else:
        with pytest.raises(RecordingError, match="arrived damaged 3 times"):
            store.get(NAME, folder)
        assert list(folder.iterdir()) == []
    assert fault.done == times


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA1", "CRC32"])
def test_sums_that_s3_keeps_are_compared(
    s3: Proxy, store: Store, file: Path, tmp_path: Path, algorithm: str
) -> None:
    store.client.put_object(
        Bucket="outputs",
        Key="run/one",
        Body=file.read_bytes(),
        ChecksumAlgorithm=algorithm,
        ServerSideEncryption="aws:kms",  # then the ETag is no sum
    )
    told = store.head("one")
    assert told is not None
    if told.sums:  # moto keeps some of them
        assert list(told.sums) == [algorithm.lower()]
    s3.spoil("corrupted", "GET")
    sums = {algorithm.lower(): _sum(algorithm, file.read_bytes())}
    from dataclasses import replace

    copy = store.get("one", folder_of(tmp_path), replace(told, sums=sums))
    assert copy.read_bytes() == file.read_bytes()


def _sum(algorithm: str, data: bytes) -> str:
    import zlib

    if algorithm == "CRC32":
        return f"{zlib.crc32(data):08x}"
    return hashlib.new(algorithm.lower(), data).hexdigest()


def test_an_object_that_changes_meanwhile_is_noticed(
    s3: Proxy, store: Store, file: Path, tmp_path: Path
) -> None:
    store.put(file, NAME)
    told = store.head(NAME)
    store.client.put_object(Bucket="outputs", Key=f"run/{NAME}", Body=b"0" * 300_000)
    with pytest.raises(RecordingError, match="has changed"):
        store.get(NAME, folder_of(tmp_path), told)
    store.remove(NAME)
    with pytest.raises(RecordingError, match="has changed"):
        store.get(NAME, tmp_path / "work", told)
    with pytest.raises(RecordingError, match="is not in the bucket"):
        store.get(NAME, tmp_path / "work")
    assert list((tmp_path / "work").iterdir()) == []


def test_a_store_without_ranges_is_read_from_the_beginning(
    s3: Proxy, store: Store, file: Path, tmp_path: Path
) -> None:
    store.put(file, NAME)
    s3.drops_ranges = True
    s3.spoil("truncated", "GET")
    assert store.get(NAME, folder_of(tmp_path)).read_bytes() == file.read_bytes()


def test_a_full_work_folder_is_a_destination_error(
    store: Store, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(file, NAME)
    with pytest.raises(DestinationError, match="cannot be copied: No such file"):
        store.get(NAME, tmp_path / "not there")


def test_errors_name_no_key_and_no_host(s3: Proxy, store: Store, file: Path) -> None:
    s3.spoil("status", "PUT", times=9, status=403, body=error_body("AccessDenied"))
    with pytest.raises(StoreError) as caught:
        store.put(file, NAME)
    assert str(caught.value) == "cannot be done: S3 answers 403 (AccessDenied)"
