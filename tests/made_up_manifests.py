"""Manifests of recordings that are nowhere, for tests."""

from archive_runs import KEY

from voiceanon.archive.entries import Found
from voiceanon.archive.manifest import Manifest

PLACE = "/in/"


def recording(name, **facts):
    facts = {"size": 3, "mtime_ns": 7, "source": PLACE + name} | facts
    return Found(name=name, **facts)


def write(folder, found, key=KEY, keep_names=False, name="plan"):
    return Manifest.write(folder / name, found, key, keep_names=keep_names)
