"""The ledger of a run: rows come back as they were put, and damage of any kind shows."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceanon.archive.ledger import STATES, Ledger, LedgerError, Output, Row
from voiceanon.errors import DestinationError

ID = "00112233445566778899aabbccddeeff"
COLUMNS = 11  # without the sum

ids = st.binary(min_size=16, max_size=16).map(bytes.hex)
counts = st.integers(0, 2**62)
outputs = st.builds(
    Output,
    st.sampled_from([".flac", ".wav", ".voa", ".12.voa"]),
    counts,
    st.binary(min_size=32, max_size=32).map(bytes.hex),
)
rows = st.builds(
    Row,
    ids,
    st.sampled_from(STATES),
    counts,
    st.text(),
    st.text(),
    counts,
    counts,
    counts,
    counts,
    st.one_of(st.floats(0, 1e9), st.integers(0, 1000)),
    st.lists(outputs, max_size=4).map(tuple),
)


def some_row(at, state="done"):
    key = f"{at:032x}"
    made = (Output(".flac", 1000 + at, f"{at:064x}"),) if state == "done" else ()
    return Row(key, state, 1, "why", "pass", at, 16_000, 16_000, 1, 0.25, made)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger-1-of-1.sqlite"


@pytest.fixture
def filled(path):
    """A ledger with rows enough for several pages."""
    with Ledger(path, "run") as ledger:
        for at in range(100):
            ledger.put(some_row(at))
    return path


@given(st.lists(rows, max_size=5))
def test_rows_come_back_as_they_were_put(tmp_path_factory, put):
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    with Ledger(path, "run") as ledger:
        for row in put:
            ledger.put(row)
        wanted = {row.id: row for row in put}
        assert {row.id: row for row in ledger} == wanted
        assert ledger.changes() == len(put)
    with Ledger(path, "run") as ledger:
        assert list(ledger) == [wanted[key] for key in sorted(wanted)]
        assert len(ledger) == len(wanted)
        for key, row in wanted.items():
            assert ledger.get(key) == row


def test_a_name_that_is_no_unicode_does_not_stop_a_run(path):
    with Ledger(path, "run") as ledger:
        ledger.put(Row(ID, "failed", reason="cannot read \udcff"))
        assert ledger.get(ID).reason == "cannot read \\udcff"


def test_what_is_put_is_for_its_owner_alone(path):
    with Ledger(path, "run") as ledger:
        ledger.put(some_row(1))
        modes = {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert path.name in modes


@pytest.mark.parametrize("column", range(1, COLUMNS + 1))
def test_a_flipped_bit_in_any_column_shows(path, column):
    with Ledger(path, "run") as ledger:
        ledger.put(some_row(1))
    with closing(sqlite3.connect(path)) as base:
        names = [row[1] for row in base.execute("PRAGMA table_info(rows)")]
        (value,) = base.execute(f"SELECT {names[column]} FROM rows").fetchone()
        if isinstance(value, int | float):
            value += 1
        else:
            flipped = bytearray(value if isinstance(value, bytes) else value.encode())
            flipped[0] ^= 1
            value = bytes(flipped) if isinstance(value, bytes) else flipped.decode()
        base.execute(f"UPDATE rows SET {names[column]} = ?", [value])
        base.commit()
    with pytest.raises(LedgerError, match="does not match its sum"):
        Ledger(path, "run")


def test_rows_that_changed_places_show(path):
    with Ledger(path, "run") as ledger:
        ledger.put(some_row(1))
    with closing(sqlite3.connect(path)) as base:
        base.execute("UPDATE rows SET id = ?", [bytes(16)])
        base.commit()
    with pytest.raises(LedgerError, match="does not match its sum"):
        Ledger(path, "run")


def test_a_bit_flipped_anywhere_is_noticed_or_changes_nothing(filled):
    whole = filled.read_bytes()
    wanted = [some_row(at) for at in range(100)]
    noticed = 0
    for at in range(0, len(whole), len(whole) // 150):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        filled.write_bytes(damaged)
        try:
            with Ledger(filled, "run") as ledger:
                assert list(ledger) == wanted
        except LedgerError:
            noticed += 1
    assert noticed > 50


@pytest.mark.parametrize("kept", [1, 99, 100, 512, 4096, 5000, 8192, -4096, -100, -1])
def test_a_torn_ledger_is_refused(filled, kept):
    whole = filled.read_bytes()
    filled.write_bytes(whole[:kept])
    with pytest.raises(LedgerError):
        Ledger(filled, "run")


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, bytes(8192), b"SQLite format 3\0"])
def test_what_is_no_ledger_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(LedgerError):
        Ledger(path, "run")
    assert path.read_bytes() == content  # for somebody to look at


def test_another_runs_ledger_is_refused(filled):
    with pytest.raises(LedgerError, match="another run"):
        Ledger(filled, "other")


def test_a_place_that_cannot_be_opened_is_no_damage(tmp_path):
    with pytest.raises(DestinationError, match="cannot be written: No such file"):
        Ledger(tmp_path / "nowhere" / "ledger.sqlite", "run")


def test_a_ledger_in_use_is_no_damage(path, monkeypatch):
    monkeypatch.setattr("voiceanon.archive.ledger._PATIENCE_S", 0.1)
    with Ledger(path, "run") as ledger:
        ledger.put(some_row(1))
        with closing(sqlite3.connect(path, timeout=0.1)) as other:
            other.execute("BEGIN")
            other.execute("SELECT * FROM rows").fetchall()
            with pytest.raises(DestinationError, match="locked"):
                ledger.commit()
        ledger.commit()
    with Ledger(path, "run") as ledger:
        assert len(ledger) == 1


def test_a_reader_sees_what_was_committed_while_a_run_goes_on(path):
    with Ledger(path, "run") as writer:
        writer.put(some_row(1))
        writer.commit()
        writer.put(some_row(2))
        with Ledger(path, "run") as reader:
            assert [row.id for row in reader] == [some_row(1).id]
        writer.commit()
        with Ledger(path, "run") as reader:
            assert len(reader) == 2


def test_counts_and_changes(path):
    with Ledger(path, "run") as ledger:
        for at, state in enumerate(["done", "done", "held", "failed", "empty", "working"]):
            ledger.put(some_row(at, state))
        assert ledger.counts() == {"working": 1, "done": 2, "held": 1, "failed": 1, "empty": 1}
        ledger.put(some_row(5, "done"))
        assert ledger.counts()["done"] == 3
        assert ledger.changes() == 7


def test_attempts_count_from_the_last_decision(path):
    with Ledger(path, "run") as ledger:
        assert [ledger.begin(ID).attempts for _ in range(3)] == [1, 2, 3]
        ledger.let_go(ledger.get(ID))
        assert ledger.get(ID).attempts == 2
        ledger.put(Row(ID, "failed", 3))
        assert ledger.begin(ID).attempts == 1
        assert ledger.get(ID).state == "working"


def test_what_is_forgotten_is_to_be_done_again(path):
    with Ledger(path, "run") as ledger:
        ledger.put(some_row(1))
        ledger.forget(some_row(1).id, "an output was damaged")
        row = ledger.get(some_row(1).id)
        assert (row.state, row.outputs, row.attempts) == ("working", (), 0)
        assert row.reason == "an output was damaged"
        ledger.forget(ID, "unknown")
        assert ledger.get(ID) is None


def test_closing_twice_and_after_an_error_keeps_what_was_put(path):
    with pytest.raises(KeyboardInterrupt), Ledger(path, "run") as ledger:
        ledger.put(some_row(1))
        raise KeyboardInterrupt
    ledger.close()
    with Ledger(path, "run") as ledger:
        assert ledger.get(some_row(1).id) == some_row(1)


def test_a_commit_that_was_interrupted_half_way_is_no_damage(path):
    """Ctrl-C came after what was noted had gone to the disk and before more could be."""
    with Ledger(path, "run") as ledger:
        ledger.put(some_row(1))
        real, ledger._base = ledger._base, Interrupted(ledger._base)
        with pytest.raises(KeyboardInterrupt):
            ledger.commit()
        ledger._base = real
        ledger.put(some_row(2))
        ledger.commit()
        ledger.commit()
    with Ledger(path, "run") as ledger:
        assert len(ledger) == 2


class Interrupted:
    """A database that is interrupted when a transaction begins."""

    def __init__(self, base):
        self._base = base

    def __getattr__(self, name):
        return getattr(self._base, name)

    def execute(self, command):
        if command == "BEGIN":
            raise KeyboardInterrupt
        return self._base.execute(command)
