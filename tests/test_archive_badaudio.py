"""Every malformed and odd recording of the shared corpus through one run of an archive."""

import csv
import hashlib
from pathlib import Path

import pytest
from archive_runs import KEY, destination, outputs, plan
from badaudio import CORPUS, ROWS, STATUS, identifier

from voiceanon.archive.ledger import Ledger
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.running import Watcher, run_shard
from voiceanon.archive.sources import find_sources
from voiceanon.archive.statement import totals_of
from voiceanon.archive.verifying import verify_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ROWS, reason="the shared corpus is not beside this checkout"),
]


class Outcome:
    """What became of every file, by its path in the corpus."""

    def __init__(self, folder):
        self.folder, self.said = folder, []
        notes = Watcher(
            on_row=lambda _entry, row: self.said.append(row.reason), on_note=self.said.append
        )
        run_shard(folder, workers=2, watcher=notes)
        real = Path(CORPUS).resolve()
        self.states, self.entries = {}, {}
        with Manifest.open(folder.manifest) as manifest:
            ((_, path),) = folder.ledgers()
            with Ledger(path, folder.settings().run) as ledger:
                for entry in manifest:
                    name = Path(entry.source).relative_to(real).as_posix()
                    row = ledger.get(entry.id)
                    self.states[name] = (row.state, row.reason, row)
                    self.entries[name] = entry
            for left in manifest.left_out():
                self.states[left.source] = (left.status, left.reason, None)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    place = tmp_path_factory.mktemp("badaudio")
    listed = place / "list.csv"
    with listed.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path"])
        table.writerows([row["path"]] for row in ROWS)
    folder = plan(place, CORPUS / "collide", audio=".wav")
    folder.manifest.unlink()
    found = find_sources(listed, root=CORPUS)
    Manifest.write(folder.manifest, found, KEY, keep_names=False).close()
    return Outcome(folder)


def test_all_of_them_are_accounted_for(outcome):
    totals = totals_of(outcome.folder)
    assert totals.inputs == len(ROWS) == len(outcome.states)
    assert totals.states["undecided"] == totals.states["held"] == 0
    assert sum(totals.states.values()) == len(ROWS)
    assert len(outputs(outcome.folder)) == totals.states["done"]
    assert verify_run(outcome.folder).is_good


def test_canaries_are_nowhere(outcome):
    assert any(row["canary"] not in ("", "0") for row in ROWS)
    places = (destination(outcome.folder), outcome.folder.path)
    for path in (path for place in places for path in place.rglob("*")):
        assert "VACANARY" not in path.name
        if path.is_file() and path != outcome.folder.manifest:
            assert b"VACANARY" not in path.read_bytes(), path
    assert "VACANARY" not in "".join(outcome.said)


@pytest.mark.parametrize("row", ROWS, ids=identifier)
def test_row(outcome, row):
    state, reason, decided = outcome.states[row["path"]]
    assert state in STATUS[row["expected"]], reason
    assert hashlib.sha256((CORPUS / row["path"]).read_bytes()).hexdigest() == row["sha256"]
    assert reason.isprintable()
    assert (state == "done") == (reason == "")
    if state == "done" and row["expected"] in ("ok", "ok_strip"):
        assert abs(decided.frames - int(row["frames"])) <= int(row["tol"] or 0)
        assert (decided.rate, decided.channels) == (int(row["rate"]), int(row["channels"]))
