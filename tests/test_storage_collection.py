"""Collections: any rows come back in order, in bounded memory, and no file breaks the reader."""

import os
import stat
import tracemalloc

import numpy as np
import pytest
from golden_features import CLIP
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sounds import clip
from stored_examples import abstractions, measures

from voiceanon import Abstraction, DestinationError, InputError, Measures, RecordingError, abstract
from voiceanon.storage import collection, read_collection, write_collection

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

WITH_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
rows = st.lists(st.tuples(names, abstractions() | measures()), max_size=6)
STILL = np.zeros(5, np.int8)
QUIET = Abstraction(np.zeros((5, 6), np.int8), STILL > 0, STILL, STILL, 4, 1600, 16_000)


@given(rows=rows)
@WITH_FOLDER
def test_whatever_is_written_comes_back(rows, tmp_path) -> None:
    path = tmp_path / "x.parquet"
    assert write_collection(path, iter(rows), overwrite=True) == len(rows)
    again = list(read_collection(path))
    assert again == rows
    for (_, one), (_, other) in zip(rows, again, strict=True):
        assert getattr(one, "recipe", None) == getattr(other, "recipe", None)


def test_columns_can_be_read_by_others(tmp_path) -> None:
    described, path = abstract(*clip(CLIP)), tmp_path / "x.parquet"
    counted = Measures.of({"mean_pause_s": 0.7}, length_s=20, transcript="yes")
    write_collection(path, [("a", described), ("b", counted)])
    table = pq.read_table(path)
    assert table.schema.metadata == {b"voiceanon.collection": b"1"}
    assert table["id"].to_pylist() == ["a", "b"]
    assert table["level"].to_pylist() == ["content", "measures"]
    assert table["n_samples"].to_pylist() == [described.n_samples, None]
    assert table["mean_pause_s"].to_pylist() == [None, 0.7]
    assert table["transcript"].to_pylist() == [None, "yes"]


def test_many_rows_go_through_in_groups(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(collection, "_ROWS_A_GROUP", 100)
    path = tmp_path / "x.parquet"
    write_collection(path, ((str(i), QUIET) for i in range(1234)))
    assert pq.ParquetFile(path).metadata.num_row_groups == 13
    assert [name for name, _ in read_collection(path)] == [str(i) for i in range(1234)]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(collection, "_ROWS_A_GROUP", 100)
    monkeypatch.setattr(collection, "_BATCH_ROWS", 50)
    peaks = []
    for count in (200, 1000):
        tracemalloc.start()
        path = tmp_path / f"{count}.parquet"
        write_collection(path, ((str(i), QUIET) for i in range(count)))
        assert sum(1 for _ in read_collection(path)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_a_collection_is_its_owners_and_whole_or_not_there(tmp_path) -> None:
    path = tmp_path / "x.parquet"

    def breaking():
        yield "a", QUIET
        raise OSError(5, "the caller's own trouble")

    with pytest.raises(OSError, match="own trouble"):
        write_collection(path, breaking())
    for bad in (("", QUIET), (3, QUIET), ("a" * 257, QUIET), ("a", "QUIET")):
        with pytest.raises(InputError):
            write_collection(path, [bad])
    with pytest.raises(DestinationError, match="suffix"):
        write_collection(tmp_path / "x.csv", [])
    assert list(tmp_path.iterdir()) == []
    write_collection(path, [("a", QUIET)])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(DestinationError, match="already exists"):
        write_collection(path, [])


def test_foreign_files_are_one_clear_error(tmp_path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"id": ["a"]}), path)
    with pytest.raises(RecordingError, match="no collection"):
        list(read_collection(path))
    pq.write_table(
        pa.table({"id": ["a"]}).replace_schema_metadata({"voiceanon.collection": "9"}), path
    )
    with pytest.raises(RecordingError, match="another version"):
        list(read_collection(path))
    pq.write_table(
        pa.table({"id": ["a"]}).replace_schema_metadata({"voiceanon.collection": "1"}), path
    )
    with pytest.raises(RecordingError, match="columns"):
        list(read_collection(path))
    with pytest.raises(RecordingError, match="opened"):
        list(read_collection(tmp_path / "none.parquet"))
    os.mkfifo(tmp_path / "pipe.parquet")
    with pytest.raises(RecordingError, match="regular"):
        list(read_collection(tmp_path / "pipe.parquet"))


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": ""},
        {"level": "voice"},
        {"level": None},
        {"level": "measures", "mean_pause_s": 0.123},
        {"level": "measures", "mean_pause_s": float("nan")},
        {"level": "measures", "coarsened_to": -1},
        {"frames": 10**9},
        {"frames": -5},
        {"n_samples": None},
        {"digits": 100},
        {"digits": -1},
        {"pitch_levels": 0},
        {"rate": 0},
        {"model": "zz"},
        {"model": None},
        {"recipe": "0"},
        {"code": b"else"},
        {"content": b""},
        {"content": b"\xff" * 400},
        {"content": None},
    ],
)
def test_rows_are_not_trusted(tmp_path, change: dict) -> None:
    path, other = tmp_path / "x.parquet", tmp_path / "y.parquet"
    loud = abstract(*clip(CLIP))
    write_collection(path, [("a", QUIET), ("b", loud)])
    table = pq.read_table(path)
    good, row = table.to_pylist()
    changed = pa.Table.from_pylist([good, row | change], schema=table.schema)
    pq.write_table(changed, other)
    read = read_collection(other)
    assert next(read) == ("a", QUIET)
    with pytest.raises(RecordingError, match="^(row 2 |is damaged)"):
        next(read)


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_one_error(tmp_path_factory, data) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = folder / "damaged.parquet"
    write_collection(path, [("a", QUIET), ("b", Measures.of({}))], overwrite=True)
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))
    path.write_bytes(bytes(damaged[:cut]))
    try:
        for _, held in read_collection(path):
            assert isinstance(held, (Abstraction, Measures))
    except RecordingError as error:
        assert "\n" not in str(error)


def test_a_missing_package_is_one_line(tmp_path, monkeypatch) -> None:
    def missing(module: str):
        raise InputError("pyarrow is not installed: pip install 'voiceanon[arrow]'")

    monkeypatch.setattr(collection, "load", missing)
    for use in (write_collection, lambda path, rows: next(read_collection(path))):
        with pytest.raises(InputError, match="arrow"):
            use(tmp_path / "x.parquet", [])
