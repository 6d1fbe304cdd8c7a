"""Small listening pages for tests: two readings, or a user's own recordings, in three voices."""

import base64
import io
import os
import signal
import sys

import numpy as np
import pytest
import soundfile
from page_reader import read_page

from voiceanon.cli.app import main

CAST = (("template", "drawn"), ("bottleneck", "drawn"), ("bottleneck", "female-low"))
READINGS = slice(0, 4, 3)  # a woman's and a man's, of which the gate holds no voice


def few_takes(patch):
    """Have pages hold three takes of each reading, and two readings by default."""
    from voiceanon.report import bundled, listening_takes

    two = bundled.bundled_readings()[READINGS]
    patch.setattr(listening_takes, "CAST", CAST)
    patch.setattr(bundled, "bundled_readings", lambda: two)


def run(*arguments):
    """Run the program in this process and return its exit code."""
    umask, handler = os.umask(0o022), signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as caught:
            main(["demo", *map(str, arguments)])
    finally:
        os.umask(umask)
        signal.signal(signal.SIGTERM, handler)
        sys.stdout.flush()
    return caught.value.code or 0


def repeated(folder, *arguments):
    """Run with the same draws each time, so that the gate says the same; returns the exit code."""
    secret = folder.parent / "secret"
    secret.write_bytes(bytes(32))
    secret.chmod(0o600)
    return run(*arguments, "-o", folder, "--secret-file", secret)


def make_page(folder, *arguments, code=0):
    assert repeated(folder, "--web", *arguments) == code
    return folder / "index.html"


def sounds(path):
    """Every sound on a page, decoded, in order."""
    found = []
    for player in read_page(path).all("audio"):
        kind, _, packed = player.attributes["src"].partition(",")
        assert kind == "data:audio/flac;base64"
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(packed)), dtype="float32")
        assert rate == 16_000
        found.append(np.asarray(samples))
    return found
