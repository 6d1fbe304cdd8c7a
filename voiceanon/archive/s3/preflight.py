"""Looks whether a bucket is ours, closed to everybody and encrypted, before any output goes there.

Fails closed: what cannot be looked at counts as open, unless it is allowed by name.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from voiceanon.archive.s3.client import StoreError, ask, make_client
from voiceanon.archive.s3.store import CANARY_PREFIX, Store
from voiceanon.errors import DestinationError, InputError

__all__ = ["ALLOWABLE", "check_allowable", "check_bucket"]

_CANARY = b"A file of voiceanon that nobody but its owner must be able to read.\n"
# Not one of them is an answer: the check is not permitted, or this kind of store has none.
_NO_ANSWER = {"AccessDenied", "403", "MethodNotAllowed", "405", "NotImplemented", "501"}
_EVERYBODY = ("/AllUsers", "/AuthenticatedUsers")
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def check_bucket(
    store: Store, allow_unchecked: Iterable[str] = (), anybody: Any = None
) -> list[str]:
    """Refuse a bucket that others can read or write, or whose state cannot be known.

    Parameters
    ----------
    store : Store
        The destination.
    allow_unchecked : iterable of str
        Of `ALLOWABLE`: what may remain unknown. A state that is known to be bad is refused anyway.
    anybody : object, optional
        A client that signs nothing; by default made as boto3 is configured.

    Returns
    -------
    list of str
        What was allowed, and did remain unknown.

    Raises
    ------
    DestinationError
        With the reason and what to do. Nothing was put into the bucket, unless the last check
        failed: then one canary, which is removed.
    InputError
        If `allow_unchecked` names another check.
    """
    allowed = set(check_allowable(allow_unchecked))
    bucket = store.url.bucket
    anybody = anybody or make_client(signed=False)
    unchecked = []
    try:
        _check_owner(store)
        for name, (look, absent, judge) in _CHECKS.items():
            try:
                answer = ask(getattr(store.client, look), **store.where)
            except StoreError as error:
                if error.code in _NO_ANSWER:
                    if name not in allowed:
                        raise DestinationError(
                            f"its {name} cannot be looked at ({error.code}); permit it to these "
                            f"credentials, or accept not to know with --allow-unchecked {name}"
                        ) from error
                    unchecked.append(name)
                    continue
                if error.code != absent:
                    raise
                answer = None
            problem = judge(answer)
            if problem:
                raise DestinationError(problem)
        _check_listing(store, anybody)
        _check_canary(store, anybody)
    except DestinationError as error:
        raise DestinationError(f"destination bucket {bucket!r} is refused: {error}") from error
    return unchecked


def check_allowable(names: Iterable[str]) -> list[str]:
    """Return names of checks that may be left undone.

    Raises
    ------
    InputError
        If one is none.
    """
    for name in (found := list(names)):
        if name not in ALLOWABLE:
            raise InputError(f"no check is called {name!r}: it must be {', '.join(ALLOWABLE)}")
    return found


def _check_owner(store: Store) -> None:
    owner = store.where.get("ExpectedBucketOwner")
    try:
        ask(store.client.head_bucket, **store.where)
    except StoreError as error:
        if error.status == 404:
            raise DestinationError("it does not exist; make it, closed to the public") from error
        if error.status == 403:
            whose = f"it is not the bucket of account {owner}, or" if owner else "it is foreign, or"
            raise DestinationError(
                f"{whose} these credentials may not list it; check its name and its owner"
            ) from error
        raise


def _blocks(answer: Any) -> str:
    found = (answer or {}).get("PublicAccessBlockConfiguration", {})
    missing = [name for name in _BLOCKS if found.get(name) is not True]
    if not missing:
        return ""
    return f"public access is not blocked ({', '.join(missing)}); turn on all four blocks"


def _policy(answer: Any) -> str:
    # No policy is fine; an answer without a verdict is not.
    if answer is None or answer.get("PolicyStatus", {}).get("IsPublic") is False:
        return ""
    return "its policy makes it public; remove statements that grant to everybody"


def _acl(answer: Any) -> str:
    for grant in (answer or {}).get("Grants", []):
        uri = str(grant.get("Grantee", {}).get("URI", ""))
        if uri.endswith(_EVERYBODY):
            who = uri.rpartition("/")[2]
            return f"its ACL grants {grant.get('Permission')} to {who}; set the ACL to private"
    return ""


def _website(answer: Any) -> str:
    return "" if answer is None else "it is served as a website; remove its website configuration"


def _ownership(answer: Any) -> str:
    rules = (answer or {}).get("OwnershipControls", {}).get("Rules", [])
    if [rule.get("ObjectOwnership") for rule in rules] == ["BucketOwnerEnforced"]:
        return ""
    return "ACLs can open single objects; set its object ownership to BucketOwnerEnforced"


def _encryption(answer: Any) -> str:
    rules = (answer or {}).get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    if any(
        rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules
    ):
        return ""
    return "it has no default encryption; set one (SSE-S3 or SSE-KMS)"


# What is asked, which code says that there is none, and what is wrong with an answer.
_CHECKS: dict[str, tuple[str, str, Callable[[Any], str]]] = {
    "public-access-block": (
        "get_public_access_block",
        "NoSuchPublicAccessBlockConfiguration",
        _blocks,
    ),
    "policy": ("get_bucket_policy_status", "NoSuchBucketPolicy", _policy),
    "acl": ("get_bucket_acl", "", _acl),
    "website": ("get_bucket_website", "NoSuchWebsiteConfiguration", _website),
    "ownership": ("get_bucket_ownership_controls", "OwnershipControlsNotFoundError", _ownership),
    "encryption": (
        "get_bucket_encryption",
        "ServerSideEncryptionConfigurationNotFoundError",
        _encryption,
    ),
}

ALLOWABLE = tuple(_CHECKS)
"""Checks that may be left undone by name; those by an unsigned request never are."""


def _check_listing(store: Store, anybody: Any) -> None:
    bucket, start = store.url.bucket, store.url.key("")
    status = _status_of(anybody.list_objects_v2, Bucket=bucket, Prefix=start, MaxKeys=1)
    if status != 403:
        raise DestinationError(
            f"anybody can list it (an unsigned request answers {status}, not 403); close it"
        )


def _check_canary(store: Store, anybody: Any) -> None:
    """Put a file without any content of the run there, and see whether anybody can read it."""
    name = f"{CANARY_PREFIX}{secrets.token_hex(8)}"
    key, encryption = store.url.key(name), store.encryption()
    try:
        try:
            ask(
                store.client.put_object,
                **store.where,
                Key=key,
                Body=_CANARY,
                IfNoneMatch="*",
                **encryption,
            )
        except StoreError as error:
            if error.code != "PreconditionFailed":  # a reply was lost, and it came again
                raise
        made = ask(store.client.head_object, **store.where, Key=key)
        status = _status_of(anybody.get_object, Bucket=store.url.bucket, Key=key)
    finally:
        # Also where the reply was lost and it may be there.
        with contextlib.suppress(StoreError):
            store.remove(name)
    if made.get("ServerSideEncryption") != encryption["ServerSideEncryption"]:
        raise DestinationError(
            "it does not encrypt what is put there as it was asked to; turn its encryption on"
        )
    if status != 403:
        raise DestinationError(
            f"anybody can read it (an unsigned request answers {status}, not 403); close it"
        )


def _status_of(operation: Callable[..., Any], **arguments: Any) -> int:
    try:
        answer = ask(operation, **arguments)
    except StoreError as error:
        if not error.status:
            raise
        return error.status
    if "Body" in answer:
        answer["Body"].close()
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])
