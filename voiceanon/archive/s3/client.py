"""Talks to S3 as boto3 is configured, and puts every failure into one line that names no key."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from voiceanon.checks.optional import load
from voiceanon.errors import DestinationError

__all__ = ["StoreError", "ask", "failures", "make_client", "shared_client"]

# Together less than the 180 s after which a worker without progress counts as stuck.
_ATTEMPTS = 5
_CONNECT_TIMEOUT_S = 10.0
_READ_TIMEOUT_S = 20.0


class StoreError(DestinationError):
    """The store refused a request, or did not answer however often it was asked.

    Attributes
    ----------
    code : str
        As S3 names it (``"AccessDenied"``, ``"PreconditionFailed"``); empty without an answer.
    status : int
        Of HTTP; 0 without an answer.
    """

    def __init__(self, message: str, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code, self.status = code, status


def make_client(
    *,
    signed: bool = True,
    attempts: int = _ATTEMPTS,
    connect_timeout_s: float = _CONNECT_TIMEOUT_S,
    read_timeout_s: float = _READ_TIMEOUT_S,
) -> Any:
    """Return a client of S3.

    Endpoint, region and credentials come from boto3's own configuration (``AWS_ENDPOINT_URL``,
    ``AWS_PROFILE``, the machine's role, …) and from nowhere else. Requests that fail for a while
    (503, a reset, no answer in time) are sent again, later each time.

    Parameters
    ----------
    signed : bool
        Whether requests are signed; without it the client is anybody on the internet.
    attempts : int
        How often a request is sent at most.
    connect_timeout_s, read_timeout_s : float
        How long is waited for a connection and for the next bytes.

    Raises
    ------
    InputError
        If boto3 is not installed.
    StoreError
        If its configuration cannot be used.
    """
    boto3, config = load("boto3"), load("botocore.config")
    chosen: dict[str, Any] = {} if signed else {"signature_version": load("botocore").UNSIGNED}
    try:
        return boto3.session.Session().client(
            "s3",
            config=config.Config(
                connect_timeout=connect_timeout_s,
                read_timeout=read_timeout_s,
                retries={"mode": "standard", "total_max_attempts": attempts},
                **chosen,
            ),
        )
    except failures() as error:
        raise StoreError(f"S3 cannot be used: {type(error).__name__}") from error


def shared_client() -> Any:
    """Return this process's client for the present settings: making one takes a while."""
    return _client_for(tuple(sorted(one for one in os.environ.items() if one[0][:4] == "AWS_")))


@cache
def _client_for(settings: tuple[tuple[str, str], ...]) -> Any:  # noqa: ARG001
    return make_client()


def ask(operation: Callable[..., Any], **arguments: Any) -> Any:
    """Return the answer to a request.

    Raises
    ------
    StoreError
        If it was refused, or there was no answer.
    """
    try:
        return operation(**arguments)
    except failures() as error:
        answer = getattr(error, "response", None)
        if answer is None:
            what = type(error).__name__
            raise StoreError(f"cannot be reached: S3 gives no answer ({what})") from error
        code = str(answer.get("Error", {}).get("Code", ""))
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        raise StoreError(f"cannot be done: S3 answers {status} ({code})", code, status) from error


def failures() -> tuple[type[Exception], ...]:
    """Return what boto3 raises when its settings, a request or an answer are no good."""
    exceptions = load("botocore.exceptions")
    return exceptions.ClientError, exceptions.BotoCoreError, ValueError
