"""Every state of a bucket that lets others in is refused, and nothing is put there before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from s3_server import Fault, Proxy, error_body, good_bucket

from voiceanon.archive.s3.client import StoreError, make_client
from voiceanon.archive.s3.preflight import ALLOWABLE, check_bucket
from voiceanon.archive.s3.store import Store
from voiceanon.archive.s3.urls import S3Url
from voiceanon.errors import DestinationError, InputError

URL = S3Url.parse("s3://outputs/run")
BLOCKS = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]


@pytest.fixture
def client(s3: Proxy) -> Any:
    made = make_client(attempts=2)
    good_bucket(made, "outputs")
    s3.seen.clear()
    return made


def looked_at(client: Any, **more: Any) -> list[str]:
    return check_bucket(Store(URL, client=client), anybody=make_client(signed=False), **more)


def unblocked(*names: str) -> Callable[[Any], None]:
    def spoil(client: Any) -> None:
        client.put_public_access_block(
            Bucket="outputs",
            PublicAccessBlockConfiguration={name: name not in names for name in BLOCKS},
        )

    return spoil


def with_acl(acl: str) -> Callable[[Any], None]:
    def spoil(client: Any) -> None:
        client.delete_bucket_ownership_controls(Bucket="outputs")
        client.delete_public_access_block(Bucket="outputs")
        client.put_bucket_acl(Bucket="outputs", ACL=acl)
        from s3_server import close_bucket

        close_bucket(client, "outputs")

    return spoil


def with_policy(client: Any) -> None:
    client.delete_public_access_block(Bucket="outputs")
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::outputs/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    client.put_bucket_policy(Bucket="outputs", Policy=json.dumps(policy))
    unblocked()(client)


def as_website(client: Any) -> None:
    client.put_bucket_website(
        Bucket="outputs", WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}}
    )


def owned_by(rule: str) -> Callable[[Any], None]:
    def spoil(client: Any) -> None:
        client.put_bucket_ownership_controls(
            Bucket="outputs", OwnershipControls={"Rules": [{"ObjectOwnership": rule}]}
        )

    return spoil


STATES = {
    **{f"not {name}": (unblocked(name), f"not blocked ({name}); turn on") for name in BLOCKS},
    "no block at all": (
        lambda client: client.delete_public_access_block(Bucket="outputs"),
        "public access is not blocked",
    ),
    "public policy": (with_policy, "its policy makes it public; remove"),
    "ACL read": (with_acl("public-read"), "grants READ to AllUsers; set the ACL"),
    "ACL write": (with_acl("public-read-write"), "to AllUsers"),
    "ACL accounts": (with_acl("authenticated-read"), "READ to AuthenticatedUsers"),
    "website": (as_website, "served as a website; remove"),
    "objects of writers": (owned_by("ObjectWriter"), "set its object ownership"),
    "objects preferred": (owned_by("BucketOwnerPreferred"), "set its object ownership"),
    "no ownership controls": (
        lambda client: client.delete_bucket_ownership_controls(Bucket="outputs"),
        "set its object ownership",
    ),
    "no encryption": (
        lambda client: client.delete_bucket_encryption(Bucket="outputs"),
        "no default encryption; set one",
    ),
    "not there": (lambda client: client.delete_bucket(Bucket="outputs"), "does not exist; make"),
}


def test_a_closed_bucket_is_accepted_and_left_empty(s3: Proxy, client: Any) -> None:
    assert looked_at(client) == []
    assert [one.path for one in s3.seen if one.method == "PUT"] == [
        one.path for one in s3.seen if one.method == "DELETE"
    ]
    assert "Contents" not in client.list_objects_v2(Bucket="outputs")


@pytest.mark.parametrize("state", STATES)
def test_a_bucket_that_is_open_is_refused_with_nothing_put(
    s3: Proxy, client: Any, state: str
) -> None:
    spoil, reason = STATES[state]
    spoil(client)
    s3.seen.clear()
    with pytest.raises(DestinationError) as caught:
        looked_at(client, allow_unchecked=ALLOWABLE)  # what is known is never overridden
    assert reason in str(caught.value)
    assert "'outputs' is refused" in str(caught.value)
    assert caught.value.exit_code == 6
    assert not [one for one in s3.seen if one.method in ("PUT", "POST")]


QUERIES = {
    "public-access-block": "publicAccessBlock",
    "policy": "policyStatus",
    "acl": "acl",
    "website": "website",
    "ownership": "ownershipControls",
    "encryption": "encryption",
}


@pytest.mark.parametrize("code", ["AccessDenied", "NotImplemented"])
@pytest.mark.parametrize("name", QUERIES)
def test_what_may_not_be_looked_at_is_refused_unless_allowed_by_name(
    s3: Proxy, client: Any, name: str, code: str
) -> None:
    assert set(QUERIES) == set(ALLOWABLE)
    s3.spoil("status", "GET", query=QUERIES[name], times=99, status=403, body=error_body(code))
    others = [other for other in ALLOWABLE if other != name]
    with pytest.raises(DestinationError, match=f"its {name} cannot be looked at .*--allow-unch"):
        looked_at(client, allow_unchecked=others)
    assert not [one for one in s3.seen if one.method == "PUT"]
    assert looked_at(client, allow_unchecked=[name]) == [name]


def test_a_store_that_fails_is_no_permission(s3: Proxy, client: Any) -> None:
    s3.spoil("status", "GET", query="acl", times=99, body=error_body("SlowDown"))
    with pytest.raises(DestinationError, match="503"):
        looked_at(client, allow_unchecked=ALLOWABLE)
    assert not [one for one in s3.seen if one.method == "PUT"]


@pytest.mark.parametrize("owner", ["111111111111", ""])
def test_a_foreign_bucket_is_refused(s3: Proxy, client: Any, owner: str) -> None:
    # moto does not compare owners: the proxy answers as S3 does.
    def is_foreign(one: Any) -> bool:
        said = one.headers.get("x-amz-expected-bucket-owner")
        return one.method == "HEAD" and said != "222222222222"

    s3.faults.append(Fault("status", is_foreign, 99, b"", 403))
    with pytest.raises(DestinationError, match=f"account {owner}" if owner else "foreign"):
        check_bucket(Store(URL, owner, client), ALLOWABLE)
    assert not [one for one in s3.seen if one.method == "PUT"]
    assert check_bucket(Store(URL, "222222222222", client)) == []
    said = {one.headers.get("x-amz-expected-bucket-owner") for one in s3.seen[-12:]}
    assert "222222222222" in said


def test_a_bucket_that_anybody_can_list_is_refused(s3: Proxy, client: Any) -> None:
    s3.is_listing_open = True
    with pytest.raises(DestinationError, match="anybody can list it .* 200"):
        looked_at(client, allow_unchecked=ALLOWABLE)
    assert not [one for one in s3.seen if one.method == "PUT"]


@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_canary_that_anybody_can_read_is_removed_and_the_bucket_refused(
    s3: Proxy, client: Any, status: int
) -> None:
    s3.spoil("status", "GET", part="canary-", times=99, status=status, body=b"anything")
    with pytest.raises(DestinationError, match=f"anybody can read it .* {status}"):
        looked_at(client, allow_unchecked=ALLOWABLE)
    assert s3.puts() == []
    assert "Contents" not in client.list_objects_v2(Bucket="outputs")


def test_the_canary_is_asked_for_without_a_signature(s3: Proxy, client: Any) -> None:
    looked_at(client)
    asked = [one for one in s3.seen if one.method == "GET" and "canary-" in one.path]
    assert [("authorization" in one.headers, one.query) for one in asked] == [(False, "")]


def test_a_store_that_does_not_encrypt_is_refused(s3: Proxy, client: Any) -> None:
    s3.spoil("status", "HEAD", part="canary-", status=200)
    with pytest.raises(DestinationError, match="does not encrypt"):
        looked_at(client)


@pytest.mark.parametrize("kind", ["lost reply", "status", "reset"])
def test_a_canary_that_is_sent_twice_is_no_conflict(s3: Proxy, client: Any, kind: str) -> None:
    fault = s3.spoil(kind, "PUT", part="canary-", body=error_body("SlowDown"))
    assert looked_at(client) == []
    assert fault.done == 1


def test_the_bucket_decides_which_encryption_is_asked_for(s3: Proxy, client: Any) -> None:
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "of-the-bucket"}
    client.put_bucket_encryption(
        Bucket="outputs",
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
    )
    s3.seen.clear()
    looked_at(client)
    (put,) = [one for one in s3.seen if one.method == "PUT"]
    assert put.headers["x-amz-server-side-encryption"] == "aws:kms"
    assert put.headers["x-amz-server-side-encryption-aws-kms-key-id"] == "of-the-bucket"


def test_no_answer_at_all_is_one_line(monkeypatch: pytest.MonkeyPatch, s3: Proxy) -> None:
    s3.spoil("reset", "HEAD", times=99)
    with pytest.raises(DestinationError, match="S3 gives no answer") as caught:
        check_bucket(Store(URL, client=make_client(attempts=2)))
    assert "127.0.0.1" not in str(caught.value)


def test_missing_credentials_are_said(s3: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreError, match="NoCredentialsError"):
        next(Store(URL, client=make_client()).list())


def test_only_checks_can_be_allowed() -> None:
    with pytest.raises(InputError, match="no check is called 'anonymous-read'"):
        check_bucket(Store(URL, client=object()), ["anonymous-read"], object())


@pytest.mark.parametrize(
    "text", ["s3:/b/c", "s3://", "s3://a", "s3://bu cket/x", "s3://bucket/a//b", "s3://bucket/../b"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        S3Url.parse(text)


@pytest.mark.parametrize(
    ("outer", "inner", "is_held"),
    [
        ("s3://bucket", "s3://bucket/a", True),
        ("s3://bucket/a", "s3://bucket/a/", True),
        ("s3://bucket/a", "s3://bucket/a/b", True),
        ("s3://bucket/a", "s3://bucket/ab", False),
        ("s3://bucket/a/b", "s3://bucket/a", False),
        ("s3://bucket", "s3://other", False),
    ],
)
def test_one_address_lies_below_another(outer: str, inner: str, is_held: bool) -> None:
    assert S3Url.parse(outer).holds(S3Url.parse(inner)) is is_held
