"""Small runs of an archive for tests: recordings, plans with one key, runs in a process apart."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import soundfile
from sounds import clip_names, speech

from voiceanon.archive.manifest import Manifest
from voiceanon.archive.owning import MARK
from voiceanon.archive.run_folder import RunFolder, RunSettings
from voiceanon.archive.running import run_shard
from voiceanon.archive.sources import find_sources
from voiceanon.recipe import Recipe

ROOT = Path(__file__).parents[1]
KEY = bytes(range(32))
RATE = 16_000
PROGRAM = "from voiceanon.cli.app import main; main()"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def make_recordings(folder, count=4, seconds=1.2):
    """Write a few short recordings, each of another stretch of speech."""
    folder.mkdir(parents=True, exist_ok=True)
    names = clip_names()
    for at in range(count):
        name, start_s = names[at % len(names)], 0.5 + 0.3 * (at // len(names))
        soundfile.write(folder / f"talk-{at}.wav", speech(seconds, start_s, name), RATE)
    return folder


def plan(
    place, source, destination="out", *, recipe="default", grouping=None, mark_key=None, **settings
):
    """Plan a run as `voiceanon archive plan` does, with a known key and no estimate."""
    if grouping is not None:
        settings["packing"] = grouping.packing
    chosen = Recipe.named(recipe) if isinstance(recipe, str) else recipe
    given = {"name": chosen.name, "version": chosen.version, **chosen.settings()}
    made = RunSettings(
        "a-run", str(source), str(place / destination), given, **{"check": False, **settings}
    )
    folder = RunFolder(place / f"{destination}.run").make(made, KEY, mark_key)
    found = find_sources(source)
    names = {"keep_names": made.keep_names, "grouping": grouping}
    Manifest.write(folder.manifest, found, KEY, **names).close()
    return folder


def twin(folder, destination):
    """Copy a run as it is, with its key and its list, for another destination beside it."""
    place = folder.path.with_name(f"{destination}.run")
    shutil.copytree(folder.path, place)
    settings = replace(folder.settings(), destination=str(place.with_name(destination)))
    (place / "plan.json").write_text(json.dumps(asdict(settings)))
    return RunFolder(place)


def undisturbed(place, count=4, seconds=1.2):
    """Plan a run of some recordings and do it.

    Returns
    -------
    tuple
        A copy of the run that is not begun, what was made of it, and the run that is done.
    """
    folder = plan(place, make_recordings(place / "in", count, seconds))
    kept = twin(folder, "kept")
    run_shard(folder)
    wanted = outputs(folder)
    assert len(wanted) == count
    return kept, wanted, folder


def outputs(folder):
    """Every file in the destination but the run's mark, by its path below it."""
    place = Path(folder.settings().destination)
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file() and path.name != MARK
    }


def program(*arguments, before=(), timeout_s=120, env=None, **options):
    """Run the program in a process of its own; the command may be wrapped in another."""
    return subprocess.run(
        command(*arguments, before=before),
        env={**ENVIRONMENT, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        **options,
    )


def start(*arguments, **options):
    """Start the program as the first of a group of processes, which give way to who watches."""
    return subprocess.Popen(
        command(*arguments, before=["nice", "-n", "19"]),
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        **options,
    )


def command(*arguments, before=()):
    return [*before, sys.executable, "-c", PROGRAM, "archive", *map(str, arguments)]


def destination(folder):
    return Path(folder.settings().destination)


def wait_until(what, timeout_s=60.0):
    until_s = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < until_s, "it never came to that"
        time.sleep(0.005)


def wait_for_outputs(folder, count, process):
    place = destination(folder)
    wait_until(lambda: process.poll() is not None or len(list(place.glob("*/*.flac"))) >= count)


def traced(*arguments, calls, log):
    """Run the program and write the calls of the system that are named into a log."""
    tracer = ["strace", "-f", "-y", "-qq", "-s", "0", "-o", str(log), "-e", f"trace={calls}"]
    return program(*arguments, before=tracer)
