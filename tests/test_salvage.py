"""Damaged recordings done as far as they can be decoded: only on request, and never unmarked."""

import functools
import json
import os
import struct
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import soundfile
from archive_runs import destination, outputs, plan, program, twin
from badaudio import CORPUS, ROWS
from fake_anonymizer import FakeAnonymizer
from recordings_by_kind import RATE, WRITABLE, read
from sounds import clip_names, speech

from voiceanon import files
from voiceanon.anonymizer import Anonymizer
from voiceanon.archive.finishing import removable
from voiceanon.archive.running import Watcher, run_shard
from voiceanon.archive.statement import totals_of
from voiceanon.container.voa import Level
from voiceanon.errors import CheckError, RecordingError
from voiceanon.formats import EmptyRecordingError, read_recording
from voiceanon.formats.source import ChangedError
from voiceanon.report.archive_page import write_archive_page
from voiceanon.storage.files import abstract_file

anonymize_file = functools.partial(files.anonymize_file, check=False)

# Each block is decoded by itself: what is salvaged is the beginning, to the bit.
EXACT = [s for s, (_, coding, _) in WRITABLE.items() if coding not in ("VORBIS", "MPEG_LAYER_III")]
# Of the shared corpus: where there is not one whole frame or page of sound.
NOTHING_TO_SALVAGE = {"mp3/trunc_417.mp3", "ogg/vorbis_trunc_6679.ogg"}


def salvaged(path):
    """The samples that can be decoded, and what is told of them."""

    def whole(reader):
        blocks = list(reader.blocks(5000))
        again = np.concatenate(list(reader.blocks()), axis=1)
        np.testing.assert_array_equal(np.concatenate(blocks, axis=1), again)
        assert again.shape == (reader.channels, reader.declared_frames)
        return again, reader.salvage

    return read_recording(path, whole, salvage=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One good file of each kind, by suffix."""
    folder = tmp_path_factory.mktemp("whole")
    made = {}
    for suffix, (container, coding, _) in WRITABLE.items():
        made[suffix] = folder / f"good{suffix}"
        soundfile.write(made[suffix], speech(1.5), RATE, format=container, subtype=coding)
    return made


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """Three seconds of speech of which the last third is cut off."""
    path = tmp_path_factory.mktemp("cut") / "cut.wav"
    soundfile.write(path, speech(3.0), RATE)
    os.truncate(path, 44 + 2 * 2 * RATE)
    return path


@pytest.mark.parametrize("suffix", WRITABLE)
def test_a_whole_recording_is_read_the_same(whole, suffix):
    samples, found = salvaged(whole[suffix])
    np.testing.assert_array_equal(samples, read(whole[suffix]))
    assert found is None


@pytest.mark.parametrize("suffix", EXACT)
@hypothesis.given(share=st.floats(0.0, 1.0))
@hypothesis.settings(max_examples=30)
def test_what_is_salvaged_of_a_cut_copy_is_its_beginning(whole, suffix, share, tmp_path_factory):
    data = whole[suffix].read_bytes()
    path = tmp_path_factory.getbasetemp() / "cut-somewhere"
    path.write_bytes(data[: min(int(share * len(data)), len(data) - 2)])
    try:
        samples, found = salvaged(path)
    except RecordingError as error:
        assert not isinstance(error, EmptyRecordingError)
        return
    assert found.problem
    assert found.kept_s == samples.shape[1] / RATE
    assert found.stated_s is None or found.kept_s <= found.stated_s == pytest.approx(1.5, abs=0.1)
    kept = read(whole[suffix])[:, : samples.shape[1]]
    np.testing.assert_allclose(samples, kept, rtol=0, atol=1e-6)


@pytest.mark.parametrize("suffix", [s for s in WRITABLE if s not in (".ogg", ".opus")])
@pytest.mark.parametrize("share", [0.6, 0.97])
def test_most_of_a_cut_copy_is_salvaged(whole, suffix, share, tmp_path):
    data = whole[suffix].read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(data[: int(share * len(data))])
    samples, found = salvaged(path)
    # FLAC and MP3 lose the frame that was cut, the others less.
    assert share - 0.2 < samples.shape[1] / (1.5 * RATE) < share + 0.05
    assert "truncated" in found.problem


@pytest.mark.parametrize("suffix", [".ogg", ".opus"])
def test_ogg_keeps_whole_pages(whole, suffix, tmp_path):
    data = whole[suffix].read_bytes()
    (tmp_path / "cut").write_bytes(data[: data.rindex(b"OggS")])
    samples, found = salvaged(tmp_path / "cut")
    assert 0.5 < samples.shape[1] / RATE < 1.5
    assert found.stated_s is None
    assert found.problem == "truncated: its stream has no end"


@pytest.mark.parametrize("suffix", WRITABLE)
@hypothesis.given(at=st.floats(0.0, 1.0), byte=st.binary(min_size=1, max_size=8))
@hypothesis.settings(max_examples=25)
def test_damage_anywhere_is_refused_or_marked(whole, suffix, at, byte, tmp_path_factory):
    data = bytearray(whole[suffix].read_bytes())
    place = int(at * (len(data) - len(byte)))
    data[place : place + len(byte)] = byte
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(data)
    try:
        as_it_is = read(path)
    except RecordingError as error:
        problem = str(error)
    else:
        samples, found = salvaged(path)
        np.testing.assert_array_equal(samples, as_it_is)
        assert found is None
        return
    try:
        samples, found = salvaged(path)
    except RecordingError:
        return
    # What a decoder says depends on how much it was asked for at once.
    assert found.problem.partition(";")[0] == problem.partition(";")[0]
    assert np.isfinite(samples).all()


def header(suffix, path):
    """A good file whose sizes are those that a recorder leaves that crashed."""
    data = bytearray(path.read_bytes())
    if suffix == ".aiff":
        struct.pack_into(">I", data, data.index(b"COMM") + 10, 0)
        struct.pack_into(">I", data, data.index(b"SSND") + 4, 8)
    elif suffix == ".au":
        struct.pack_into(">I", data, 8, 0)
    elif suffix == ".caf":
        struct.pack_into(">q", data, data.index(b"data") + 4, 0)
    elif suffix == ".w64":
        struct.pack_into("<q", data, data.index(b"data") + 16, 24)
    else:
        struct.pack_into("<I", data, 4, 0)
        struct.pack_into("<I", data, data.index(b"data") + 4, 0)
    return bytes(data)


@pytest.mark.parametrize(
    "suffix", [".wav", ".24.wav", ".float.wav", ".aiff", ".au", ".caf", ".w64"]
)
def test_a_recorder_that_crashed_loses_nothing(whole, suffix, tmp_path):
    path = tmp_path / "crashed"
    path.write_bytes(header(suffix, whole[suffix]))
    with pytest.raises(RecordingError) as caught:
        read(path)
    assert not isinstance(caught.value, EmptyRecordingError)  # it would be told as "empty"
    samples, found = salvaged(path)
    np.testing.assert_array_equal(samples[:, : round(1.5 * RATE)], read(whole[suffix]))
    assert samples.shape[1] < 1.5 * RATE + 40  # chunks after the samples may be taken for some
    assert found.stated_s is None


def test_a_recording_that_changes_meanwhile_is_not_salvaged(whole, tmp_path):
    path = tmp_path / "changing.wav"
    path.write_bytes(whole[".wav"].read_bytes())
    seen = []

    def use(reader):
        for _ in reader.blocks(8000):
            seen.append(reader.salvage)
            os.utime(path, ns=(1, len(seen)))

    with pytest.raises(ChangedError):
        read_recording(path, use, salvage=True)
    assert set(seen) == {None}


@pytest.mark.skipif(not ROWS, reason="the shared corpus is not beside this checkout")
@pytest.mark.parametrize(
    "row", [r for r in ROWS if r["expected"] == "salvage"], ids=lambda row: row["path"]
)
def test_the_corpus(row):
    path = CORPUS / row["path"]
    with pytest.raises(RecordingError) as caught:
        read(path)
    if row["path"] in NOTHING_TO_SALVAGE:
        with pytest.raises(RecordingError) as again:
            salvaged(path)
        assert str(again.value) == str(caught.value)
        return
    samples, found = salvaged(path)
    assert found.problem.partition(";")[0] == str(caught.value).partition(";")[0]
    if row["frames"] and row["path"] != "flac/one_bitflip_audio.flac":
        assert samples.shape[1] == int(row["frames"])
    assert samples.any()


@pytest.mark.skipif(not ROWS, reason="the shared corpus is not beside this checkout")
@pytest.mark.parametrize(
    "row", [r for r in ROWS if r["expected"] in ("error", "refuse")], ids=lambda row: row["path"]
)
def test_what_is_no_recording_is_not_salvaged(row):
    with pytest.raises(RecordingError):
        salvaged(CORPUS / row["path"])


def test_the_result_of_a_file_says_what_it_is(cut, tmp_path):
    with pytest.raises(RecordingError, match=r"^truncated"):
        anonymize_file(FakeAnonymizer(), cut, tmp_path / "out.wav")
    assert not list(tmp_path.iterdir())
    result = anonymize_file(FakeAnonymizer(), cut, tmp_path / "out.wav", salvage=True)
    assert (result.frames, result.rate) == (2 * RATE, RATE)
    assert (result.salvaged.kept_s, result.salvaged.stated_s) == (2.0, 3.0)
    assert result.salvaged.problem.startswith("truncated: it states 96000 bytes")
    assert soundfile.info(tmp_path / "out.wav").frames == 2 * RATE


def test_what_is_salvaged_meets_the_gate(cut, tmp_path):
    result = Anonymizer(secret=bytes(32)).file(cut, tmp_path / "out.wav", salvage=True)
    assert (result.check, result.salvaged.kept_s) == ("pass", 2.0)
    noise = tmp_path / "noise.wav"
    tone = 0.3 * np.sin(np.arange(3 * RATE) / 10.0)
    soundfile.write(noise, tone, RATE)
    os.truncate(noise, 44 + 2 * 2 * RATE)
    with pytest.raises(CheckError):
        Anonymizer(secret=bytes(32)).file(noise, tmp_path / "noise-out.wav", salvage=True)
    assert not (tmp_path / "noise-out.wav").exists()


@pytest.mark.parametrize("level", list(Level))
def test_descriptions_are_salvaged_too(cut, level, tmp_path):
    with pytest.raises(RecordingError):
        abstract_file(cut, tmp_path / "out.voa", level=level, check=False)
    result = abstract_file(cut, tmp_path / "out.voa", level=level, check=False, salvage=True)
    assert (result.frames, result.salvaged.kept_s) == (2 * RATE, 2.0)


def test_the_program_tells(cut, tmp_path, monkeypatch, capsys):
    from voiceanon.cli.app import main

    monkeypatch.setattr("voiceanon.anonymizer.Anonymizer", FakeAnonymizer)
    good = tmp_path / "good.wav"
    soundfile.write(good, speech(1.0), RATE)

    def run(*options):
        given = ["anonymize", str(cut), str(good), "--no-check", "--overwrite", *options]
        with pytest.raises(SystemExit) as caught:
            main([*given, "-o", str(tmp_path / "out")])
        return caught.value.code or 0, capsys.readouterr().out

    code, out = run("--json")
    assert (code, json.loads(out.splitlines()[-1])["failed"]) == (3, 1)
    code, out = run("--json", "--salvage")
    first, second, summary = map(json.loads, out.splitlines())
    assert code == 0
    assert first["salvaged"] == {
        "problem": "truncated: it states 96000 bytes of samples and has 64000",
        "kept_s": 2.0,
        "stated_s": 3.0,
    }
    assert first["reason"] == f"salvaged 2.000 of 3.000 s: {first['salvaged']['problem']}"
    assert (second["salvaged"], second["reason"]) == (None, None)
    assert (summary["done"], summary["failed"], summary["salvaged"]) == (2, 0, 1)
    code, out = run("--salvage")
    assert "1 of those done salvaged" in " ".join(out.split())


@pytest.fixture(scope="module")
def run(tmp_path_factory, cut):
    """A run over a whole and a cut recording that was done with salvage."""
    place = tmp_path_factory.mktemp("run")
    (place / "in").mkdir()
    soundfile.write(place / "in" / "good.wav", speech(1.2, 0.5, clip_names()[1]), RATE)
    (place / "in" / "cut.wav").write_bytes(cut.read_bytes())
    folder = plan(place, place / "in", salvage=True)
    strict = twin(folder, "strict")
    (strict.path / "plan.json").write_text(
        (strict.path / "plan.json").read_text().replace('"salvage": true', '"salvage": false')
    )
    rows = []
    run_shard(folder, watcher=Watcher(on_row=lambda _entry, row: rows.append(row)))
    return folder, strict, rows


def test_a_run_keeps_the_setting_and_counts_what_was_salvaged(run, tmp_path):
    folder, strict, rows = run
    assert sorted(row.is_salvaged for row in rows) == [False, True]
    totals = totals_of(folder)
    assert (totals.states["done"], totals.states["failed"], totals.salvaged) == (2, 0, 1)
    assert totals.as_dict()["salvaged"] == 1
    assert totals.reasons == {
        "done: salvaged # of # s: truncated: it states # bytes of samples and has #": 1
    }
    page = write_archive_page(totals, folder.settings(), [], tmp_path / "page.html").read_text()
    assert "salvaged # of # s" in page
    told = program("status", destination(folder))
    assert "1 of those done: damaged, not whole" in told.stdout, told.stderr
    run_shard(strict)
    totals = totals_of(strict)
    assert (totals.states["done"], totals.states["failed"], totals.salvaged) == (1, 1, 0)


def test_originals_of_salvaged_recordings_stay(run):
    folder, _, _ = run
    assert [Path(entry.source).name for entry in removable(folder)] == ["good.wav"]


def test_a_ledger_made_again_does_not_forget_what_was_salvaged(run):
    folder, _, _ = run
    before = outputs(folder)
    ((_, ledger),) = folder.ledgers()
    ledger.write_bytes(b"garbage")
    run_shard(folder)
    assert totals_of(folder).salvaged == 1
    assert outputs(folder) == before


def test_the_plan_keeps_the_setting(tmp_path, cut):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "cut.wav").write_bytes(cut.read_bytes())
    made = program("plan", tmp_path / "in", tmp_path / "out", "--salvage", "--allow-unmeasured")
    assert made.returncode == 0, made.stderr
    assert json.loads((tmp_path / "out.run" / "plan.json").read_text())["salvage"] is True
