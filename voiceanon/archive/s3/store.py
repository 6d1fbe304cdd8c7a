"""Files into a bucket and out of it: whole, compared with their sums, never over another file."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from voiceanon.archive.s3.client import StoreError, ask, failures, shared_client
from voiceanon.archive.s3.urls import S3Url
from voiceanon.checks.optional import load
from voiceanon.errors import DestinationError, RecordingError
from voiceanon.formats.placing import TEMPORARY_PREFIX, cause

__all__ = ["CANARY_PREFIX", "Head", "Item", "Store"]

CANARY_PREFIX = f"{TEMPORARY_PREFIX}canary-"
"""Of an object that shows whether anybody can read a bucket."""

_BLOCK_BYTES = 1 << 20
_NETWORK_BYTES = 1 << 16  # what is lost of a block when a connection hangs within it
_PART_BYTES = 16 << 20
_LARGE_BYTES = 64 << 20
_READS = 8  # connections that may break while one object is read
_COPIES = 3  # whole copies that may arrive with another sum
_MARK = "voiceanon-run"
_GONE = {"NoSuchKey", "NotFound", "404"}
_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict"}
# A reply was lost, and the request that came again found its work done.
_DONE_BEFORE = {"NoSuchUpload"}


class Item(NamedTuple):
    """One object in a listing: its name below the prefix, size, when it was made, its ETag."""

    name: str
    size: int
    mtime_ns: int
    etag: str


@dataclass(frozen=True)
class Head:
    """What S3 tells of an object.

    Attributes
    ----------
    size : int
        Bytes.
    etag : str
        Of this version; `get` reads no other.
    mtime_ns : int
        When it was made, in whole seconds as both listings and heads tell it.
    sums : dict
        Sums of its bytes by algorithm, as hex digits; empty if S3 keeps none of the whole.
    mark : str
        Of the run that put it there; empty if no run did.
    """

    size: int
    etag: str
    mtime_ns: int
    sums: dict[str, str] = field(default_factory=dict)
    mark: str = ""


class Store:
    """The objects below one prefix of a bucket.

    Parameters
    ----------
    url : S3Url
        The prefix.
    owner : str
        Account that the bucket must belong to, as every request says; empty if it does not matter.
    client : object, optional
        Of boto3; by default as boto3 is configured.
    mark : str
        What objects carry that this run puts there: only those are ever replaced or removed.
    large_bytes, part_bytes : int
        From which size on a file goes in parts, and how large they are.
    """

    def __init__(
        self,
        url: S3Url,
        owner: str = "",
        client: Any = None,
        *,
        mark: str = "",
        large_bytes: int = _LARGE_BYTES,
        part_bytes: int = _PART_BYTES,
    ) -> None:
        self.url = url
        self.client = shared_client() if client is None else client
        self.where: dict[str, str] = {"Bucket": url.bucket}
        if owner:
            self.where["ExpectedBucketOwner"] = owner
        self._mark = mark
        self._large_bytes, self._part_bytes = large_bytes, part_bytes
        self._encryption: dict[str, str] | None = None

    def list(self, start: str = "") -> Iterator[Item]:
        """Yield every object whose name begins so, in the order of names, a page at a time."""
        above = len(self.url.key(""))
        more: dict[str, str] = {}
        while True:
            page = ask(
                self.client.list_objects_v2, **self.where, Prefix=self.url.key(start), **more
            )
            for one in page.get("Contents", []):
                made_ns = _seconds(one["LastModified"])
                yield Item(one["Key"][above:], one["Size"], made_ns, str(one["ETag"]))
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def head(self, name: str) -> Head | None:
        """Return what S3 tells of an object, None if there is none."""
        try:
            told = ask(
                self.client.head_object,
                **self.where,
                Key=self.url.key(name),
                ChecksumMode="ENABLED",
            )
        except StoreError as error:
            if error.code in _GONE:
                return None
            raise
        etag = str(told["ETag"])
        size, mtime_ns = int(told["ContentLength"]), _seconds(told["LastModified"])
        return Head(
            size, etag, mtime_ns, _sums_of(told, etag), told.get("Metadata", {}).get(_MARK, "")
        )

    def get(
        self,
        name: str,
        folder: Path,
        head: Head | None = None,
        tick: Callable[[], None] = lambda: None,
    ) -> Path:
        """Return a temporary file with the bytes of an object, for its owner alone.

        A connection that breaks or hangs is taken up again where it broke, of the same version of
        the object; size and sum are compared.

        Parameters
        ----------
        name : str
            Of the object.
        folder : Path
            Where the file is made; the caller removes it.
        head : Head, optional
            What `head` told of the version that is wanted.
        tick : callable
            Called for every MiB that came.

        Raises
        ------
        RecordingError
            If it is gone, has changed, or keeps arriving damaged.
        StoreError
            If S3 does not give it.
        DestinationError
            If the file cannot be written.
        """
        told = head or self.head(name)
        if told is None:
            raise RecordingError("is not in the bucket")
        try:
            descriptor, path = tempfile.mkstemp(".part", TEMPORARY_PREFIX, folder)
        except OSError as error:
            raise DestinationError(f"cannot be copied: {cause(error)}") from error
        copy = Path(path)
        try:
            with os.fdopen(descriptor, "r+b") as file:
                for _ in range(_COPIES):
                    file.seek(0)
                    file.truncate()
                    self._read(name, told, file, tick)
                    file.flush()
                    if _has_sums(copy, told.sums):
                        return copy
            raise RecordingError(f"arrived damaged {_COPIES} times: its sum is another")
        except BaseException as error:
            with contextlib.suppress(OSError):
                copy.unlink()
            if isinstance(error, OSError):
                raise DestinationError(f"cannot be copied: {cause(error)}") from error
            raise

    def put(self, path: Path, name: str, tick: Callable[[], None] = lambda: None) -> None:
        """Put a file under a name, encrypted, with its sum; never over a file of somebody else's.

        If S3 says that the name is taken, because a reply was lost or a run was stopped, and it
        holds the same bytes, all is well.

        Parameters
        ----------
        path : Path
            The file.
        name : str
            Of the object.
        tick : callable
            Called for every part of a large file that went.

        Raises
        ------
        DestinationError
            If the name is taken by other bytes, and this run did not put them there.
        StoreError
            If S3 does not take it.
        """
        encryption = self.encryption()
        is_large = path.stat().st_size >= self._large_bytes
        send = self._put_parts if is_large else self._put_once
        try:
            send(path, self.url.key(name), encryption, tick)
            return
        except StoreError as error:
            if error.code not in _TAKEN | _DONE_BEFORE:
                raise
            if self._holds(name, path):
                return
            if not self.remove_own(name):
                raise DestinationError(
                    "the bucket has an object of that name with other content already"
                ) from error
        send(path, self.url.key(name), encryption, tick)

    def remove(self, name: str) -> None:
        """Remove an object; harmless if there is none."""
        ask(self.client.delete_object, **self.where, Key=self.url.key(name))

    def remove_unchanged(self, name: str, etag: str) -> None:
        """Remove an object if it is still the one of this ETag; S3 compares.

        Raises
        ------
        StoreError
            If it is another, or gone, or cannot be removed.
        """
        ask(self.client.delete_object, **self.where, Key=self.url.key(name), IfMatch=etag)

    def keeps_versions(self) -> bool:
        """Whether the bucket keeps what is removed from it, or has done so once."""
        return "Status" in ask(self.client.get_bucket_versioning, **self.where)

    def remove_own(self, name: str) -> bool:
        """Remove an object if it carries this run's mark; return whether it did."""
        told = self.head(name)
        if not self._mark or told is None or told.mark != self._mark:
            return False
        self.remove(name)
        return True

    def uploads(self) -> Sequence[str]:
        """Return the names that uploads were begun to and not completed."""
        return [one["Key"][len(self.url.key("")) :] for one in self._uploads()]

    def abort_uploads(self, is_own: Callable[[str], bool]) -> int:
        """Remove the parts of uploads that were never completed; return how many uploads.

        Parameters
        ----------
        is_own : callable
            Given a name, whether an upload to it may be removed.
        """
        above, aborted = len(self.url.key("")), 0
        for one in self._uploads():
            if is_own(one["Key"][above:]):
                self._abort(one["Key"], one["UploadId"])
                aborted += 1
        return aborted

    def encryption(self) -> dict[str, str]:
        """Return the encryption that every PUT asks for: the bucket's own, or else S3's keys."""
        if self._encryption is None:
            try:
                told = ask(self.client.get_bucket_encryption, **self.where)
                rule = told["ServerSideEncryptionConfiguration"]["Rules"][0]
                found = rule["ApplyServerSideEncryptionByDefault"]
            except (StoreError, LookupError):  # the preflight decides whether that is accepted
                found = {}
            chosen = {"ServerSideEncryption": str(found.get("SSEAlgorithm", "AES256"))}
            if found.get("KMSMasterKeyID"):
                # Asked for without its key, KMS would take another than the bucket's.
                chosen["SSEKMSKeyId"] = str(found["KMSMasterKeyID"])
            self._encryption = chosen
        return self._encryption

    def _uploads(self) -> Iterator[dict[str, str]]:
        more: dict[str, str] = {}
        while True:
            page = ask(
                self.client.list_multipart_uploads,
                **self.where,
                Prefix=self.url.key(""),
                **more,
            )
            yield from page.get("Uploads", [])
            if not page.get("IsTruncated"):
                return
            more = {"KeyMarker": page["NextKeyMarker"]}
            more["UploadIdMarker"] = page["NextUploadIdMarker"]

    def _read(self, name: str, told: Head, file: Any, tick: Callable[[], None]) -> None:
        """Write an object's bytes to a file, by as many connections as it takes."""
        breaks = 0
        while (have := file.tell()) < told.size:
            try:
                answer = ask(
                    self.client.get_object,
                    **self.where,
                    Key=self.url.key(name),
                    Range=f"bytes={have}-",
                    IfMatch=told.etag,
                )
            except StoreError as error:
                if error.code == "PreconditionFailed" or error.code in _GONE:
                    raise RecordingError("has changed since the plan") from error
                raise
            is_rest = str(answer.get("ContentRange", "")).startswith(f"bytes {have}-")
            if not is_rest and have > 0:
                file.seek(0)  # a store that knows no ranges begins again
                file.truncate()
            # Not every break shows as an error: what counts is how much came.
            with contextlib.suppress(*_broken()):
                while block := answer["Body"].read(_NETWORK_BYTES):
                    file.write(block)
                    if file.tell() % _BLOCK_BYTES < len(block):
                        tick()
            answer["Body"].close()
            if file.tell() > told.size:
                raise RecordingError("has changed since the plan")
            if file.tell() < told.size:
                breaks += 1
                if breaks >= _READS:
                    raise StoreError(f"cannot be fetched: the connection broke {breaks} times")

    def _put_once(
        self, path: Path, key: str, encryption: dict[str, str], tick: Callable[[], None]
    ) -> None:
        with path.open("rb") as file:
            found = _sha256(file)
            file.seek(0)
            ask(
                self.client.put_object,
                **self.where,
                Key=key,
                Body=file,
                IfNoneMatch="*",
                ChecksumSHA256=_base64(found),
                Metadata=self._marked(),
                **encryption,
            )
            tick()

    def _put_parts(
        self, path: Path, key: str, encryption: dict[str, str], tick: Callable[[], None]
    ) -> None:
        self.abort_uploads(lambda name: self.url.key(name) == key)
        upload = ask(
            self.client.create_multipart_upload,
            **self.where,
            Key=key,
            ChecksumAlgorithm="SHA256",
            Metadata=self._marked(),
            **encryption,
        )["UploadId"]
        try:
            parts: list[dict[str, Any]] = []
            with path.open("rb") as file:
                while block := file.read(self._part_bytes):
                    found = _base64(hashlib.sha256(block).digest())
                    number = len(parts) + 1
                    tick()
                    answer = ask(
                        self.client.upload_part,
                        **self.where,
                        Key=key,
                        UploadId=upload,
                        PartNumber=number,
                        Body=block,
                        ChecksumSHA256=found,
                    )
                    parts.append(
                        {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": found}
                    )
            ask(
                self.client.complete_multipart_upload,
                **self.where,
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
                IfNoneMatch="*",
            )
        except BaseException:
            with contextlib.suppress(StoreError):
                self._abort(key, upload)
            raise

    def _marked(self) -> dict[str, str]:
        return {_MARK: self._mark} if self._mark else {}

    def _abort(self, key: str, upload: str) -> None:
        try:
            ask(self.client.abort_multipart_upload, **self.where, Key=key, UploadId=upload)
        except StoreError as error:
            if error.code not in _DONE_BEFORE:
                raise

    def _holds(self, name: str, path: Path) -> bool:
        """Whether an object has the bytes of a file: by its sum, or else by reading it."""
        told = self.head(name)
        if told is None or told.size != path.stat().st_size:
            return False
        with path.open("rb") as file:
            own = _sha256(file)
        if "sha256" in told.sums:
            return told.sums["sha256"] == own.hex()
        copy = self.get(name, path.parent, told)
        try:
            with copy.open("rb") as file:
                return _sha256(file) == own
        finally:
            copy.unlink()


def _broken() -> tuple[type[Exception], ...]:
    """Return what reading an answer raises when its connection breaks."""
    urllib3 = load("urllib3.exceptions")
    return (*failures(), urllib3.HTTPError, ConnectionError, TimeoutError)


def _seconds(when: Any) -> int:
    return int(when.timestamp()) * 1_000_000_000


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")


def _sha256(file: Any) -> bytes:
    found = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        found.update(block)
    return found.digest()


def _sums_of(told: dict[str, Any], etag: str) -> dict[str, str]:
    """The sums of the whole object: those of objects in parts are sums of sums, and no use here."""
    found = {}
    # Objects in parts have "-" and their number in the ETag; not every store does so in the sum.
    is_whole = (
        told.get("ChecksumType", "COMPOSITE" if "-" in etag else "FULL_OBJECT") != "COMPOSITE"
    )
    for name in ("SHA256", "SHA1", "CRC32"):
        text = str(told.get(f"Checksum{name}", ""))
        if text and "-" not in text and is_whole:
            found[name.lower()] = base64.b64decode(text).hex()
    digits = etag.strip('"')
    is_md5 = len(digits) == 32 and "kms" not in str(told.get("ServerSideEncryption", ""))
    if not found and is_md5 and "SSECustomerAlgorithm" not in told:
        found["md5"] = digits
    return found


def _has_sums(path: Path, sums: dict[str, str]) -> bool:
    if not sums:
        return True  # S3 keeps none: its size is all there is to compare
    name, expected = next(iter(sums.items()))
    crc = 0
    found = hashlib.new("sha256" if name == "crc32" else name, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            if name == "crc32":
                crc = zlib.crc32(block, crc)
            else:
                found.update(block)
    return (f"{crc:08x}" if name == "crc32" else found.hexdigest()) == expected
