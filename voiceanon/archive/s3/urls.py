"""Reads addresses of the form s3://bucket/prefix, the one place that knows them."""

from __future__ import annotations

import re
from typing import NamedTuple

from voiceanon.errors import InputError

__all__ = ["S3Url", "is_url"]

_SCHEME = "s3://"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")


def is_url(text: str) -> bool:
    """Whether a place is a bucket's, not one in the file system."""
    return text.lower().startswith(_SCHEME)


class S3Url(NamedTuple):
    """A bucket and what the keys in it begin with, no "/" at its end."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, text: str) -> S3Url:
        """Return what ``"s3://bucket/some/prefix"`` names.

        Raises
        ------
        InputError
            If it is no such address.

        Examples
        --------
        >>> S3Url.parse("s3://interviews/2024/")
        S3Url(bucket='interviews', prefix='2024')
        """
        bucket, _, prefix = text[len(_SCHEME) :].partition("/")
        parts = prefix.rstrip("/").split("/") if prefix.rstrip("/") else []
        if not is_url(text) or not _BUCKET.fullmatch(bucket):
            raise InputError(f"{text!r} is no address of a bucket: write s3://BUCKET/PREFIX")
        if any(part in ("", ".", "..") for part in parts):
            raise InputError(f"{text!r} has an empty part, '.' or '..' in its prefix")
        return cls(bucket, "/".join(parts))

    def key(self, name: str) -> str:
        """Return the key of a name below the prefix."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def holds(self, other: S3Url) -> bool:
        """Whether another address is this one or lies below it."""
        below = not self.prefix or f"{other.prefix}/".startswith(f"{self.prefix}/")
        return self.bucket == other.bucket and below

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}/{self.prefix}"
