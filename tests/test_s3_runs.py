"""A run from and to buckets comes to the bytes of a local one, whatever happens on the way."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import archive_runs
import pytest
from s3_server import Fault, Proxy, Seen, error_body, good_bucket

from voiceanon.archive import running
from voiceanon.archive.entries import Found, LeftOut
from voiceanon.archive.finishing import finish_run, removable, remove_originals
from voiceanon.archive.ledger import Ledger
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.owning import MARK
from voiceanon.archive.planning import estimate
from voiceanon.archive.run_folder import RunFolder, RunSettings, Shard
from voiceanon.archive.running import run_shard
from voiceanon.archive.s3 import sources
from voiceanon.archive.sources import find_sources
from voiceanon.archive.verifying import verify_run
from voiceanon.errors import DestinationError, InputError, SecretError
from voiceanon.recipe import Recipe

SOURCE, DESTINATION = "s3://interviews/2024", "s3://outputs/run"
COUNT = 3


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_runs.make_recordings(tmp_path_factory.mktemp("recordings") / "in", COUNT)


@pytest.fixture(scope="module")
def expected(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a local run with the same key makes."""
    folder = archive_runs.plan(tmp_path_factory.mktemp("local"), recordings)
    assert run_shard(folder)["done"] == COUNT
    return archive_runs.outputs(folder)


@pytest.fixture
def client(s3: Proxy, recordings: Path) -> Any:
    from voiceanon.archive.s3.client import make_client

    made = make_client()
    good_bucket(made, "outputs")
    made.create_bucket(Bucket="interviews")
    for path in sorted(recordings.iterdir()):
        made.upload_file(str(path), "interviews", f"2024/{path.name}")
    s3.seen.clear()
    return made


def plan(place: Path, source: object, destination: str = DESTINATION, **more: Any) -> RunFolder:
    chosen = Recipe.named("default")
    given = {"name": chosen.name, "version": chosen.version, **chosen.settings()}
    more = {"check": False, **more}
    settings = RunSettings("a-run", str(source), destination, given, **more)
    folder = RunFolder(place / "the.run").make(settings, archive_runs.KEY)
    found = find_sources(str(source))
    Manifest.write(folder.manifest, found, archive_runs.KEY, keep_names=settings.keep_names).close()
    return folder


def stored(client: Any) -> dict[str, bytes]:
    """Every object of the destination but the run's mark, by its name below the prefix."""
    found = client.list_objects_v2(Bucket="outputs", Prefix="run/").get("Contents", [])
    return {
        one["Key"][4:]: client.get_object(Bucket="outputs", Key=one["Key"])["Body"].read()
        for one in found
        if not one["Key"].endswith(MARK)
    }


def delivered(client: Any) -> set[str]:
    """Names in the destination, canaries and the run's mark apart."""
    found = client.list_objects_v2(Bucket="outputs", Prefix="run/").get("Contents", [])
    return {one["Key"][4:] for one in found if "/.voiceanon-" not in one["Key"]}


def rows(folder: RunFolder) -> list[tuple[str, str]]:
    with Ledger(folder.ledger(Shard()), "a-run") as ledger:
        return [(row.state, row.reason) for row in ledger]


def leftovers(folder: RunFolder) -> list[str]:
    return [p.name for p in folder.path.rglob("*") if p.name.startswith((".voiceanon-", "work-"))]


def open_up(client: Any) -> None:
    client.delete_public_access_block(Bucket="outputs")


@pytest.mark.parametrize("is_from_s3", [True, False])
def test_a_whole_run_is_that_of_a_local_one(
    s3: Proxy,
    client: Any,
    recordings: Path,
    expected: dict[str, bytes],
    tmp_path: Path,
    is_from_s3: bool,
) -> None:
    folder = plan(tmp_path, SOURCE if is_from_s3 else recordings, allow_unchecked=["policy"])
    assert run_shard(folder, workers=2)["done"] == COUNT
    assert stored(client) == expected
    assert leftovers(folder) == []
    puts = [one for one in s3.seen if one.method == "PUT" and one.path.startswith("/outputs/")]
    assert len(puts) >= COUNT
    assert all(one.headers["x-amz-server-side-encryption"] == "AES256" for one in puts)
    assert all(one.headers["if-none-match"] == "*" for one in puts)
    found = verify_run(folder)
    assert found.is_good
    assert (found.outputs, found.bytes) == (COUNT, sum(map(len, expected.values())))
    s3.seen.clear()
    assert run_shard(folder)["done"] == COUNT  # nothing to do
    assert s3.puts() == []
    finish_run(folder)
    statement = json.loads(stored(client)["statement.json"])
    assert statement["states"]["done"] == COUNT
    assert statement["allowed_unchecked"] == ["policy"]
    assert leftovers(folder) == []
    with pytest.raises(SecretError):
        folder.key()
    assert b"interviews" not in b"".join(p.read_bytes() for p in folder.path.iterdir())


def test_a_run_from_a_bucket_to_a_folder_is_that_of_a_local_one(
    s3: Proxy, client: Any, expected: dict[str, bytes], tmp_path: Path
) -> None:
    folder = plan(tmp_path, SOURCE, str(tmp_path / "out"))
    assert run_shard(folder)["done"] == COUNT
    assert archive_runs.outputs(folder) == expected
    assert leftovers(folder) == []
    assert verify_run(folder).is_good
    assert len(list(removable(folder))) == COUNT
    assert not [one for one in s3.seen if one.method != "GET" and one.method != "HEAD"]
    assert "allowed_unchecked" not in finish_run(folder).as_dict()


def originals(client: Any) -> list[str]:
    found = client.list_objects_v2(Bucket="interviews", Prefix="2024/").get("Contents", [])
    return [one["Key"].rpartition("/")[2] for one in found]


def test_originals_in_a_bucket_go_only_if_delivered_and_unchanged(
    s3: Proxy, client: Any, tmp_path: Path
) -> None:
    client.put_object(Bucket="interviews", Key="2024/broken.wav", Body=b"RIFF\0\0\0\0WAVEnothing")
    folder = plan(tmp_path, SOURCE)
    assert run_shard(folder)["failed"] == 1
    s3.seen.clear()
    first, second, third = sorted(removable(folder), key=lambda entry: entry.name)
    assert not [one for one in s3.seen if one.method != "HEAD"]
    client.put_object(Bucket="interviews", Key=f"2024/{first.name}", Body=b"something else")
    assert {entry.name for entry in removable(folder)} == {second.name, third.name}
    # Of the same size and, as far as S3 tells it, of the same time.
    assert not sources.is_unchanged(replace(third, etag='"0123"'))
    # One that is replaced after it was looked at: S3 itself compares.
    client.put_object(Bucket="interviews", Key=f"2024/{second.name}", Body=b"something else")
    with pytest.raises(InputError, match=r"1 originals are removed, .* 412 \(PreconditionFailed"):
        remove_originals(iter([third, second]))
    assert originals(client) == ["broken.wav", first.name, second.name]
    assert verify_run(folder).is_good


def test_originals_stay_in_a_bucket_that_keeps_versions(client: Any, tmp_path: Path) -> None:
    folder = plan(tmp_path, SOURCE)
    run_shard(folder)
    before = originals(client)
    for status in ("Enabled", "Suspended"):
        client.put_bucket_versioning(
            Bucket="interviews", VersioningConfiguration={"Status": status}
        )
        with pytest.raises(InputError, match="0 originals are removed, .* keeps versions"):
            remove_originals(removable(folder))
    assert originals(client) == before


@pytest.mark.slow
def test_descriptions_go_to_a_bucket_too(client: Any, recordings: Path, tmp_path: Path) -> None:
    local = archive_runs.plan(tmp_path / "local", recordings, level="content")
    assert run_shard(local)["done"] == COUNT
    folder = plan(tmp_path, recordings, level="content")
    assert run_shard(folder)["done"] == COUNT
    assert stored(client) == archive_runs.outputs(local)
    folder.ledger(Shard()).write_bytes(b"garbage" * 1000)
    assert run_shard(folder)["done"] == COUNT
    assert {reason for _, reason in rows(folder)} == {"rebuilt from its outputs"}
    assert verify_run(folder).is_good


FAULTS = [
    ("status", "PUT", ".flac"),
    ("reset", "PUT", ".flac"),
    ("lost reply", "PUT", ".flac"),
    ("lost reply", "PUT", "canary-"),
    ("status", "GET", "/interviews/"),
    ("reset", "HEAD", "/interviews/"),
    ("truncated", "GET", "/interviews/2024/"),
    ("corrupted", "GET", "/interviews/2024/"),
]


def test_a_run_with_every_fault_comes_to_the_same(
    s3: Proxy, client: Any, expected: dict[str, bytes], tmp_path: Path
) -> None:
    folder = plan(tmp_path, SOURCE)
    faults = [s3.spoil(*one, body=error_body("SlowDown")) for one in FAULTS]
    assert run_shard(folder)["done"] == COUNT
    assert [fault.done for fault in faults] == [1] * len(faults)
    assert stored(client) == expected
    assert verify_run(folder).is_good


def test_a_run_that_is_killed_goes_on(
    s3: Proxy, client: Any, expected: dict[str, bytes], tmp_path: Path, recordings: Path
) -> None:
    folder = plan(tmp_path, SOURCE)
    process = _started(folder)
    try:
        until = time.monotonic() + 60
        while not delivered(client) and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert delivered(client)
    assert delivered(client) <= set(expected)
    client.create_multipart_upload(Bucket="outputs", Key=f"run/{max(expected)}")
    client.create_multipart_upload(Bucket="outputs", Key="run/of/another.flac")
    client.put_object(Bucket="outputs", Key="run/.voiceanon-canary-left", Body=b"a canary")
    assert run_shard(folder)["done"] == COUNT
    assert stored(client) == expected
    uploads = client.list_multipart_uploads(Bucket="outputs")["Uploads"]
    assert [one["Key"] for one in uploads] == ["run/of/another.flac"]
    assert leftovers(folder) == []
    assert verify_run(folder).is_good


def _started(folder: RunFolder) -> Any:
    import subprocess

    return subprocess.Popen(
        archive_runs.command("run", DESTINATION, "--run", folder.path),
        env={**os.environ, "PYTHONPATH": str(archive_runs.ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def test_a_row_that_was_lost_after_its_put_is_no_conflict(
    s3: Proxy, client: Any, expected: dict[str, bytes], tmp_path: Path
) -> None:
    folder = plan(tmp_path, SOURCE)
    for name, data in expected.items():
        client.put_object(Bucket="outputs", Key=f"run/{name}", Body=data)
    assert run_shard(folder)["done"] == COUNT
    assert stored(client) == expected


def test_an_object_of_somebody_else_is_a_conflict_and_stays(
    s3: Proxy, client: Any, expected: dict[str, bytes], tmp_path: Path
) -> None:
    folder = plan(tmp_path, SOURCE)
    name = min(expected)
    client.put_object(Bucket="outputs", Key=f"run/{name}", Body=b"of somebody else")
    counts = run_shard(folder)
    assert (counts["done"], counts["failed"]) == (COUNT - 1, 1)
    assert any("other content already" in reason for _, reason in rows(folder))
    assert stored(client) == {**expected, name: b"of somebody else"}


@pytest.mark.parametrize("how", ["gone", "shorter", "flipped"])
def test_an_output_that_is_damaged_later_is_made_again(
    s3: Proxy, client: Any, expected: dict[str, bytes], tmp_path: Path, how: str
) -> None:
    folder = plan(tmp_path, SOURCE)
    run_shard(folder)
    name = max(expected)
    key, data = f"run/{name}", expected[name]
    if how == "gone":
        client.delete_object(Bucket="outputs", Key=key)
    else:
        # As bit rot leaves it: another content under the same head.
        data = data[:-7] if how == "shorter" else data[:-7] + bytes([data[-7] ^ 1]) + data[-6:]
        client.put_object(Bucket="outputs", Key=key, Body=data, Metadata={"voiceanon-run": "a-run"})
    if how != "flipped":  # what a size shows needs no verification
        assert run_shard(folder)["done"] == COUNT
    else:
        found = verify_run(folder)
        assert [name[3:35]] == found.damaged
        assert run_shard(folder)["done"] == COUNT
    assert stored(client) == expected
    assert verify_run(folder).is_good


def test_what_nobody_knows_is_told(s3: Proxy, client: Any, tmp_path: Path) -> None:
    folder = plan(tmp_path, SOURCE)
    run_shard(folder)
    client.put_object(Bucket="outputs", Key="run/ab/a stranger.flac", Body=b"x")
    found = verify_run(folder)
    assert found.strangers == ["ab/a stranger.flac"]
    assert not found.is_good


def test_a_bucket_that_is_opened_later_is_refused_at_resume(
    s3: Proxy, client: Any, tmp_path: Path
) -> None:
    folder = plan(tmp_path, SOURCE)
    open_up(client)
    with pytest.raises(DestinationError, match="public access is not blocked"):
        run_shard(folder)
    assert s3.puts() == []
    assert stored(client) == {}


def test_a_bucket_that_is_opened_while_a_run_goes_on_stops_it(
    s3: Proxy, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = plan(tmp_path, SOURCE)
    monkeypatch.setattr(running, "_CHECK_EVERY_S", 0.0)

    def is_late(one: Seen) -> bool:
        looked = [seen for seen in s3.seen if seen.query == "publicAccessBlock"]
        return one.query == "publicAccessBlock" and len(looked) > 2

    s3.faults.append(
        Fault("status", is_late, 99, error_body("NoSuchPublicAccessBlockConfiguration"), 404)
    )
    with pytest.raises(DestinationError, match="public access is not blocked"):
        run_shard(folder)
    assert len(stored(client)) < COUNT
    assert leftovers(folder) == []


def test_a_bucket_that_is_opened_is_not_finished_into(
    s3: Proxy, client: Any, tmp_path: Path
) -> None:
    folder = plan(tmp_path, SOURCE)
    run_shard(folder)
    open_up(client)
    with pytest.raises(DestinationError, match="public access is not blocked"):
        finish_run(folder)
    assert folder.key() == archive_runs.KEY
    assert "statement.json" not in stored(client)


def test_a_store_that_is_down_stops_the_run_and_blames_no_recording(
    s3: Proxy, client: Any, expected: dict[str, bytes], tmp_path: Path, monkeypatch: Any
) -> None:
    folder = plan(tmp_path, SOURCE)
    down = s3.spoil(
        "status", "PUT", "/outputs/run/", 99, status=403, body=error_body("AccessDenied")
    )
    down.matches = lambda one: one.method == "PUT" and one.path.endswith(".flac")
    with pytest.raises(DestinationError, match="cannot be done: S3 answers 403"):
        run_shard(folder)
    assert {state for state, _ in rows(folder)} == {"working"}
    assert leftovers(folder) == []
    s3.faults.clear()
    assert run_shard(folder)["done"] == COUNT
    assert stored(client) == expected


@pytest.mark.parametrize("how", ["gone", "changed", "forbidden"])
def test_a_recording_that_is_gone_or_another_fails_alone(
    s3: Proxy, client: Any, recordings: Path, tmp_path: Path, how: str
) -> None:
    folder = plan(tmp_path, SOURCE)
    key = "2024/talk-1.wav"
    if how == "gone":
        client.delete_object(Bucket="interviews", Key=key)
    elif how == "changed":
        client.put_object(Bucket="interviews", Key=key, Body=b"x" * 2000)
    else:
        s3.spoil("status", "GET", key, 9, status=403, body=error_body("AccessDenied"))
    counts = run_shard(folder)
    assert (counts["done"], counts["failed"]) == (COUNT - 1, 1)
    why = "may not be read: S3 answers 403" if how == "forbidden" else "has changed since the plan"
    assert ("failed", why) in rows(folder)


def test_what_lies_in_a_bucket_is_found_or_left_out(client: Any) -> None:
    keys = ["a/b.FLAC", "a/.hidden/c.wav", "a/notes.txt", "a/set.tar", "a/../up.wav", "a//b.wav"]
    for key in [*keys, "a/", "ab/other.wav"]:
        client.put_object(Bucket="interviews", Key=f"2023/{key}", Body=b"x" * len(key))
    found = list(find_sources("s3://interviews/2023/a"))
    assert [(one.source, one.name, one.size) for one in found if isinstance(one, Found)] == [
        ("s3://interviews/2023/a/b.FLAC", "b.FLAC", 8)
    ]
    below = len("s3://interviews/2023/a")
    left = {one.source[below:]: one.status for one in found if isinstance(one, LeftOut)}
    assert left == {
        "/.hidden/c.wav": "skipped",
        "/notes.txt": "skipped",
        "/set.tar": "failed",
        "/../up.wav": "failed",
        "//b.wav": "failed",
    }
    (one,) = find_sources("s3://interviews/2024/talk-0.wav")
    assert isinstance(one, Found)
    assert one.name == "talk-0.wav"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("s3://interviews/nothing", "holds nothing"),
        ("s3://interviews/2024/list.csv", "a list of recordings must be a file here"),
        ("s3://", "no address of a bucket"),
    ],
)
def test_a_source_that_is_none_is_refused(client: Any, text: str, reason: str) -> None:
    client.put_object(Bucket="interviews", Key="2024/list.csv", Body=b"path\n")
    with pytest.raises(InputError, match=reason):
        list(find_sources(text))


def test_an_estimate_fetches_few_recordings(s3: Proxy, client: Any, tmp_path: Path) -> None:
    for number in range(20):
        client.copy_object(
            Bucket="interviews",
            Key=f"2024/more-{number}.wav",
            CopySource={"Bucket": "interviews", "Key": "2024/talk-0.wav"},
        )
    folder = plan(tmp_path, SOURCE)
    s3.seen.clear()
    with Manifest.open(folder.manifest) as manifest:
        taken = estimate(manifest, folder.settings(), folder.path, measure_s=0.1)
    assert taken.recordings == COUNT + 20
    assert taken.hours * 3600 == pytest.approx(1.2 * (COUNT + 20), rel=0.05)
    assert len([one for one in s3.seen if one.method == "GET"]) == 5
    assert leftovers(folder) == []


@pytest.mark.parametrize("destination", ["s3://interviews", "s3://interviews/2024/out"])
def test_a_destination_in_the_source_is_refused(
    s3: Proxy, client: Any, tmp_path: Path, destination: str
) -> None:
    with pytest.raises(DestinationError, match="lie in one another"):
        run_shard(plan(tmp_path, SOURCE, destination))
    assert s3.puts() == []


def program(*arguments: object) -> Any:
    import subprocess

    return subprocess.run(
        archive_runs.command(*arguments),
        env={**os.environ, "PYTHONPATH": str(archive_runs.ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_line_from_bucket_to_bucket(s3: Proxy, client: Any, tmp_path: Path) -> None:
    place = ["--run", tmp_path / "a.run"]
    planned = program("plan", SOURCE, DESTINATION, *place, "--no-check", "--owner", "123456789012")
    assert planned.returncode == 0, planned.stderr
    for verb in ("run", "verify", "status", "finish"):
        done = program(verb, DESTINATION, *place)
        assert done.returncode == 0, done.stderr
    made = stored(client)
    assert len(made) == COUNT + 2
    assert made["report.html"].count(b"<audio") == COUNT
    assert json.loads(made["statement.json"])["states"]["done"] == COUNT
    puts = [one for one in s3.seen if one.method == "PUT" and one.path.startswith("/outputs/")]
    assert {one.headers.get("x-amz-expected-bucket-owner") for one in puts} == {"123456789012"}


def test_the_command_line_refuses_an_open_bucket(s3: Proxy, client: Any, tmp_path: Path) -> None:
    open_up(client)
    done = program("plan", SOURCE, DESTINATION, "--run", tmp_path / "a.run")
    assert done.returncode == 6
    assert "public access is not blocked" in done.stderr.replace("\n", " ")
    assert s3.puts() == []
    assert not (tmp_path / "a.run").exists()


def test_the_run_of_a_bucket_needs_a_folder(s3: Proxy, client: Any) -> None:
    done = program("plan", SOURCE, DESTINATION)
    assert done.returncode == 2
    assert "--run FOLDER" in done.stderr
