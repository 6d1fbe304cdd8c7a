"""Drives a headless Chromium over its debugging pipe: pages as they are, no driver to install."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --mute-audio "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage --disable-extensions --no-default-browser-check "
    "--autoplay-policy=no-user-gesture-required --remote-debugging-pipe"
).split()
PATIENCE_S = 60.0


def find_chromium():
    """Return the program's path, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """One browser with one page; use as a context manager."""

    def __init__(self, profile: Path):
        program = find_chromium()
        assert program is not None
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()

        def give_pipes():  # the browser reads commands from descriptor 3 and answers on 4
            os.dup2(to_browser, 3)
            os.dup2(from_browser, 4)

        # High numbers first: a pipe that is 3 or 4 by chance would be closed by the other's copy.
        to_browser, from_browser = _high(to_browser), _high(from_browser)
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,  # no other descriptor of Python is inherited anyway
            preexec_fn=give_pipes,
            env={**os.environ, "HOME": str(profile)},
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._next = 0
        self._session = None
        self.events = []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(AssertionError, OSError):
            self._session = None
            self.call("Browser.close")
        os.close(self._out)
        os.close(self._in)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def call(self, method, **params):
        """Send a command and return its result; events that come meanwhile are kept."""
        self._next += 1
        number = self._next
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer.get('error')}"
                return answer["result"]

    def go(self, address):
        """Open an address and wait until exactly that page has loaded, not the one before."""
        loader = self.call("Page.navigate", url=address)["loaderId"]

        def has_loaded(event):
            found = event["params"]
            return event["method"] == "Page.lifecycleEvent" and (
                (found["loaderId"], found["name"]) == (loader, "load")
            )

        while not any(map(has_loaded, self.events)):
            self._read()

    def _read(self):
        until = time.monotonic() + PATIENCE_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser does not answer"
            part = os.read(self._in, 1 << 20)
            assert part, "the browser has ended"
            self._buffer += part
        raw, self._buffer = self._buffer.split(b"\0", 1)
        message = json.loads(raw)
        if "method" in message:
            self.events.append(message)
        return message

    def open(self, path: Path, width=1280, height=900, *, dark=False):
        """Show a file at a size, and wait until it has loaded; older events are forgotten."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", media="screen",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])  # fmt: skip
        self.go("about:blank")  # a change of the fragment alone would load nothing
        self.events.clear()
        self.go(path.as_uri())

    def ask(self, expression):
        """Evaluate JavaScript, also a promise, and return its value."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True, userGesture=True)  # fmt: skip
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key, code, **more):
        """Press and release a key."""
        for kind in ("keyDown" if "text" in more else "rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode=code, **more)  # fmt: skip

    def picture(self, path: Path):
        """Save the whole page as a PNG."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def paper(self, path: Path):
        """Save the page as it prints."""
        self.call("Emulation.setEmulatedMedia", media="print", features=[])
        found = self.call("Page.printToPDF", printBackground=True)
        path.write_bytes(base64.b64decode(found["data"]))


def _high(descriptor):
    """The same pipe under a number that is not 3 or 4."""
    if descriptor > 9:
        return descriptor
    import fcntl

    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved
