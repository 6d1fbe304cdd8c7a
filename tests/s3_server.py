"""A real S3 server for tests: moto in a process of its own, behind a proxy that sees and spoils."""

from __future__ import annotations

import http.client
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Seen(NamedTuple):
    """A request as the proxy got it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]


@dataclass
class Fault:
    """What the proxy does to the next `times` requests that `matches`, and how often it did."""

    kind: str
    matches: Callable[[Seen], bool]
    times: int = 1
    body: bytes = b""
    status: int = 503
    done: int = 0


@dataclass
class Proxy:
    """Hands requests on to moto, notes them, and spoils what it is told to."""

    target: int
    seen: list[Seen] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    port: int = 0
    hang_s: float = 3.0
    # moto lists for anybody; S3 does not.
    is_listing_open: bool = False
    drops_ranges: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spoil(
        self, kind: str, method: str, part: str = "", times: int = 1, query: str = "", **more: Any
    ) -> Fault:
        def matches(one: Seen) -> bool:
            return one.method == method and part in one.path and query in one.query

        fault = Fault(kind, matches, times, **more)
        self.faults.append(fault)
        return fault

    def puts(self) -> list[str]:
        """Paths of objects that were put, canaries apart; also parts and their beginning."""
        return [
            one.path
            for one in self.seen
            if one.method in ("PUT", "POST")
            and one.path.count("/") >= 2
            and "canary-" not in one.path
        ]

    def taken(self, one: Seen) -> Fault | None:
        for fault in self.faults:
            if fault.done < fault.times and fault.matches(one):
                fault.done += 1
                return fault
        if (
            one.method == "GET"
            and "list-type" in one.query
            and "authorization" not in one.headers
            and not self.is_listing_open
        ):
            return Fault("status", self.matches_all, body=error_body("AccessDenied"), status=403)
        return None

    @staticmethod
    def matches_all(one: Seen) -> bool:
        return True


def error_body(code: str) -> bytes:
    """Return how S3 says that it refuses."""
    return f"<Error><Code>{code}</Code><Message>staged</Message></Error>".encode()


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path, _, query = self.path.partition("?")
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(self.command, path, query, headers)
            proxy.seen.append(seen)
            fault = proxy.taken(seen)
            kind = fault.kind if fault else ""
            if kind == "status":
                self._answer(fault.status, [("Content-Type", "application/xml")], fault.body)
                return
            if kind == "reset":
                self._reset()
                return
            if kind == "hang":
                time.sleep(proxy.hang_s)
                self._reset()
                return
            status, answered, data = self._forward(body)
            if kind == "lost reply":
                self._reset()
                return
            if kind == "corrupted":
                data = data[:10] + bytes([data[10] ^ 1]) + data[11:]
            cut = len(data) // 2 if kind in ("truncated", "hang inside") else len(data)
            self._answer(status, answered, data[:cut], len(data))
            if kind == "hang inside":
                self.wfile.flush()
                time.sleep(proxy.hang_s)
            if cut < len(data):
                self.close_connection = True

        def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            other = http.client.HTTPConnection("127.0.0.1", proxy.target, timeout=30)
            try:
                skipped = {"expect", "connection", "transfer-encoding"}
                if proxy.drops_ranges:
                    skipped.add("range")
                kept = {n: v for n, v in self.headers.items() if n.lower() not in skipped}
                other.request(self.command, self.path, body, kept)
                answer = other.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            finally:
                other.close()

        def _answer(
            self,
            status: int,
            headers: list[tuple[str, str]],
            data: bytes,
            length: int | None = None,
        ) -> None:
            self.send_response(status)
            told = length if length is not None else len(data)
            for name, value in headers:
                if self.command == "HEAD" and name.lower() == "content-length":
                    told = int(value)
                elif name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(told))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def _reset(self) -> None:
            # Closed with bytes unsent and no lingering: the other side sees a reset.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True

    for method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
        setattr(Handler, f"do_{method}", Handler._handle)
    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients hang up when they are told to


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def moto_process(folder: Path) -> Iterator[int]:
    """Yield the port of a moto server that runs until the end."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {**os.environ, **CREDENTIALS}
    with (folder / "moto.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        until = time.monotonic() + 60
        while True:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("moto does not start: " + (folder / "moto.log").read_text())
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def proxy_before(target: int) -> Iterator[Proxy]:
    """Yield a proxy that runs until the end."""
    proxy = Proxy(target)
    server = _Server(("127.0.0.1", 0), _handler(proxy))
    proxy.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def good_bucket(client: Any, name: str) -> None:
    """Make a bucket that every check accepts."""
    client.create_bucket(Bucket=name)
    close_bucket(client, name)


def close_bucket(client: Any, name: str) -> None:
    client.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    client.put_bucket_ownership_controls(
        Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    client.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
