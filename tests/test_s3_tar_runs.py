"""Tar files of outputs in a bucket are those of a local run; a bucket belongs to one run too."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from archive_made_up import TARS, go_on, killed_at, members_in, planned
from archive_runs import outputs, twin
from s3_server import Proxy, error_body, good_bucket

from voiceanon.archive import owning
from voiceanon.archive.finishing import finish_run
from voiceanon.archive.grouping import Grouping
from voiceanon.archive.owning import MARK
from voiceanon.archive.run_folder import RunFolder, Shard
from voiceanon.archive.s3 import store
from voiceanon.archive.verifying import verify_run
from voiceanon.cli.archive.report import write_page
from voiceanon.errors import DestinationError

PREFIX = "run/"
DESTINATION = "s3://outputs/run"


@pytest.fixture
def client(s3: Proxy) -> Any:
    from voiceanon.archive.s3.client import make_client

    made = make_client()
    good_bucket(made, "outputs")
    return made


@pytest.fixture
def runs(s3: Proxy, client: Any, tmp_path: Path) -> tuple[RunFolder, dict[str, bytes]]:
    """A run to a bucket that is not begun, and what a local one with the same key makes."""
    local = planned(tmp_path, TARS, ["g.wav"], grouping=Grouping("auto"))
    folder = twin(local, "remote")
    to_bucket(folder)
    go_on(local)
    return folder, outputs(local)


def to_bucket(folder: RunFolder, **changed: str) -> None:
    settings = dataclasses.replace(folder.settings(), destination=DESTINATION, **changed)
    (folder.path / "plan.json").write_text(json.dumps(dataclasses.asdict(settings)))


def stored(client: Any) -> dict[str, bytes]:
    found = client.list_objects_v2(Bucket="outputs", Prefix=PREFIX).get("Contents", [])
    return {
        one["Key"][len(PREFIX) :]: client.get_object(Bucket="outputs", Key=one["Key"])[
            "Body"
        ].read()
        for one in found
    }


def delivered(client: Any) -> dict[str, bytes]:
    return {name: data for name, data in stored(client).items() if not name.startswith(".voice")}


def left_over(folder: RunFolder) -> list[str]:
    return [path.name for path in folder.path.rglob("*") if path.name.startswith((".v", "work-"))]


def test_tar_files_in_a_bucket_are_those_of_a_local_run(
    s3: Proxy, client: Any, runs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, wanted = runs
    monkeypatch.setitem(store.Store.__init__.__kwdefaults__, "large_bytes", 4096)
    go_on(folder, Shard(0, 2))
    go_on(folder)
    assert delivered(client) == wanted
    assert any("uploads" in one.query for one in s3.seen)  # at least one went in parts
    assert left_over(folder) == []
    assert verify_run(folder).is_good
    s3.seen.clear()
    go_on(folder)
    assert s3.puts() == []
    page = Path(write_page(folder, tmp_path / "page.html")).read_text()
    assert page.count("<audio") > 1
    finish_run(folder)
    assert set(delivered(client)) == {*wanted, "statement.json"}
    assert set(stored(client)) == set(delivered(client))


@pytest.mark.slow
def test_a_run_into_a_bucket_that_is_killed_comes_to_the_same(client: Any, runs: Any) -> None:
    folder, wanted = runs
    for number in (18, 28, 36):
        killed_at(number, lambda: go_on(folder))
        made = delivered(client)
        assert made == {name: wanted[name] for name in made}
    go_on(folder, retry=True)
    assert delivered(client) == wanted
    assert verify_run(folder).is_good


def test_damage_and_faults_in_a_bucket_are_made_good(s3: Proxy, client: Any, runs: Any) -> None:
    folder, wanted = runs
    faults = [
        s3.spoil("lost reply", "PUT", ".tar"),
        s3.spoil("status", "PUT", ".tar", body=error_body("SlowDown")),
        s3.spoil("reset", "PUT", ".tar"),
    ]
    go_on(folder)
    assert [fault.done for fault in faults] == [1, 1, 1]
    assert delivered(client) == wanted
    name = max(wanted, key=lambda one: len(wanted[one]))
    data = bytearray(wanted[name])
    data[700] ^= 1
    where = {"Bucket": "outputs", "Key": f"{PREFIX}{name}", "Metadata": {"voiceanon-run": "a-run"}}
    client.put_object(Body=bytes(data), **where)
    found = verify_run(folder)
    assert len(found.damaged) == 1
    assert found.damaged[0] in "".join(members_in(wanted[name]))
    go_on(folder)
    assert delivered(client) == wanted
    client.put_object(Body=bytes(data)[:5000], **where)
    folder.ledger(Shard()).write_bytes(b"garbage" * 1000)
    go_on(folder)
    assert delivered(client) == wanted
    assert verify_run(folder).is_good


def test_a_bucket_belongs_to_one_run(s3: Proxy, client: Any, runs: Any) -> None:
    folder, wanted = runs
    other = twin(folder, "rival")
    to_bucket(other, run="b-run")
    go_on(folder)
    assert json.loads(stored(client)[MARK]) == {"run": "a-run"}
    marks = [one for one in s3.seen if one.method == "PUT" and one.path.endswith(MARK)]
    assert [one.headers["if-none-match"] for one in marks] == ["*"]
    s3.seen.clear()
    with pytest.raises(DestinationError, match=r"belongs to another run \(a-run\)"):
        go_on(other)
    assert s3.puts() == []
    assert delivered(client) == wanted
    finish_run(folder)
    assert MARK not in stored(client)
    client.delete_object(Bucket="outputs", Key=f"{PREFIX}statement.json")
    go_on(other)
    assert json.loads(stored(client)[MARK]) == {"run": "b-run"}


def test_of_two_runs_that_come_at_once_the_bucket_takes_one(
    s3: Proxy, client: Any, runs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = runs
    body, real = json.dumps({"run": "b-run"}).encode(), owning.refuse_foreign
    looked: list[str] = []

    def look(settings: Any, place: Path) -> bool:
        looked.append(settings.run)
        if len(looked) > 1:
            return real(settings, place)
        client.put_object(Bucket="outputs", Key=f"{PREFIX}{MARK}", Body=body)  # a moment earlier
        return False

    monkeypatch.setattr(owning, "refuse_foreign", look)
    with pytest.raises(DestinationError, match=r"belongs to another run \(b-run\)"):
        go_on(folder)
    assert len(looked) == 2
    assert stored(client) == {MARK: body}
