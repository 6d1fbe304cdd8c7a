"""A large archive whose run is killed again and again, against one that nobody touched.

    python benchmarks/archive_kills.py SPEECH -o RESULT.json --gigabytes 10 --scratch FOLDER

The recordings of SPEECH, joined to answers of under two minutes, as 16-bit WAV and under as many
names as it takes, are run over twice with one key: once undisturbed, once killed with SIGKILL,
supervisor and workers at once, five times. Told are how long both took, whether every output is the
same bytes, what the ledger counts, and whether `verify` is content. The gate is left out: the pace
of files is what strains the commit protocol. SCRATCH needs twice as much space as the archive has.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from archive import JOINED_S, RATE, joined, planned, repeated

from voiceanon.archive.manifest import Manifest
from voiceanon.archive.run_folder import RunFolder
from voiceanon.keys import fresh_secret
from voiceanon.privacy.corpora import read_corpus
from voiceanon.privacy.sounds import Sound

KILLED_AFTER = (0.03, 0.17, 0.29, 0.23, 0.11)  # of the time that the undisturbed run took
ANSWER_S = JOINED_S[0]
BYTES_A_SAMPLE = 2
BLOCK_BYTES = 1 << 20
VOICEANON = (sys.executable, "-c", "from voiceanon.cli.app import main; main()")


def answers(speech: Path, folder: Path, size_bytes: float) -> tuple[int, float]:
    """Fill a folder with answers up to a size; return how many there are and their seconds."""
    sounds = [Sound.of(recording).read() for recording in read_corpus(speech).recordings]
    samples = sum(map(len, sounds))
    times = max(1, round(size_bytes / (samples * BYTES_A_SAMPLE)))
    long = joined(sounds, ANSWER_S)
    repeated(long, folder, ".wav", times)
    return times * len(long), times * samples / RATE


def started(run: RunFolder, workers: int) -> subprocess.Popen[bytes]:
    """Return a run at work, in a process group of its own, so that nobody in it survives a kill."""
    return subprocess.Popen(
        [*VOICEANON, "archive", "run", run.settings().destination, "--workers", str(workers)],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def told(run: RunFolder, verb: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code of a verb and its last line of JSON."""
    ended = subprocess.run(
        [*VOICEANON, "archive", verb, run.settings().destination, "--json"],
        check=False,
        capture_output=True,
        text=True,
    )
    return ended.returncode, json.loads(ended.stdout.splitlines()[-1])


def digests(folder: Path) -> dict[str, str]:
    """Return a hash of every file below a folder."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            with file.open("rb") as stream:
                digest = hashlib.blake2b()
                while block := stream.read(BLOCK_BYTES):
                    digest.update(block)
            found[str(file.relative_to(folder))] = digest.hexdigest()
    return found


def killed(run: RunFolder, workers: int, whole_s: float) -> float:
    """Work on a run that is killed; return how long its parts took together, in seconds."""
    took_s = 0.0
    for share in KILLED_AFTER:
        process = started(run, workers)
        began_s = time.monotonic()
        try:
            process.wait(share * whole_s)
            raise AssertionError("the run ended before it was killed")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        took_s += time.monotonic() - began_s
    began_s = time.monotonic()
    if started(run, workers).wait() != 0:
        raise AssertionError("the run did not end well")
    return took_s + time.monotonic() - began_s


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("speech", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--gigabytes", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scratch", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        source = Path(scratch) / "source"
        recordings, duration_s = answers(arguments.speech, source, arguments.gigabytes * 1e9)
        key = fresh_secret()
        calm = planned(source, Path(scratch) / "calm", key, check=False)
        began_s = time.monotonic()
        if started(calm, arguments.workers).wait() != 0:
            raise AssertionError("the undisturbed run did not end well")
        calm_s = time.monotonic() - began_s
        wild = planned(source, Path(scratch) / "wild", key, check=False)
        wild_s = killed(wild, arguments.workers, calm_s)
        calm_bytes, wild_bytes = (digests(Path(run.settings().destination)) for run in (calm, wild))
        verified, _ = told(wild, "verify")
        _, status = told(wild, "status")
        with Manifest.open(wild.manifest) as manifest:
            wanted = Counter(entry.output for entry in manifest)
        found = {
            "recordings": recordings,
            "gigabytes": duration_s * RATE * BYTES_A_SAMPLE / 1e9,
            "hours": duration_s / 3600,
            "kills": len(KILLED_AFTER),
            "undisturbed_s": calm_s,
            "killed_s": wild_s,
            "outputs": len(wild_bytes),
            "outputs_equal": calm_bytes == wild_bytes,
            "entries_without_output": sum(f"{output}.flac" not in wild_bytes for output in wanted),
            "states": status["states"],
            "verify_exit_code": verified,
        }
    arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
