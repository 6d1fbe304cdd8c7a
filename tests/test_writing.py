"""Outputs appear whole, verified, reproducible and with one tag alone; or not at all."""

import itertools
import os
import stat
import struct
import subprocess
import sys

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import soundfile

from voiceanon.errors import DestinationError, RecordingError
from voiceanon.formats import OUTPUT_FORMATS, STATEMENT, AudioReader, AudioWriter
from voiceanon.formats import writing as writing_module

RATE = 16_000
STEP = 2.0**-15


def noise(frames=20_000, channels=1, seed=1, peak=0.5):
    values = np.random.default_rng(seed).uniform(-peak, peak, (channels, frames))
    return values.astype(np.float32)


def write(path, samples, *, rate=RATE, blocks=None, **options):
    with AudioWriter(path, rate, samples.shape[0], samples.shape[1], **options) as writer:
        edges = [0, *sorted(blocks or []), samples.shape[1]]
        for start, end in itertools.pairwise(edges):
            writer.write(samples[:, start:end])
        writer.commit()
    return path


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("rate", [8_000, 44_056, 192_000])
def test_what_is_written_is_read_back(tmp_path, suffix, channels, rate):
    samples = noise(channels=channels)
    path = write(tmp_path / f"out{suffix}", samples, rate=rate)
    with AudioReader(path) as reader:
        assert (reader.rate, reader.channels) == (rate, channels)
        result = np.concatenate(list(reader.blocks(999)), axis=1)
    assert result.shape == samples.shape
    # Rounding takes half a step at most, triangular dither one.
    assert np.abs(result - samples).max() <= 1.5 * STEP


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
@hypothesis.given(blocks=st.lists(st.integers(0, 3000), max_size=8))
def test_blocks_and_runs_change_no_byte(tmp_path_factory, suffix, blocks):
    folder = tmp_path_factory.getbasetemp()
    samples = noise(3000, channels=2)
    whole = write(folder / f"whole{suffix}", samples, overwrite=True)
    parts = write(folder / f"parts{suffix}", samples, blocks=blocks, overwrite=True)
    assert whole.read_bytes() == parts.read_bytes()


def test_dither_makes_the_error_independent_of_the_sound(tmp_path):
    # A tone of less than a step would vanish, or become a square, without dither.
    tone = 0.4 * STEP * np.sin(2 * np.pi * 440 * np.arange(5 * RATE) / RATE)
    path = write(tmp_path / "quiet.wav", tone[np.newaxis].astype(np.float32))
    result, _ = soundfile.read(path)
    error = result - tone
    assert abs(error.mean()) < 0.02 * STEP
    # Rounding (1/12) and the triangle of two uniform steps (2/12): a quarter of a step squared.
    assert error.std() / STEP == pytest.approx(0.5, abs=0.02)
    gain = np.dot(result, tone) / np.dot(tone, tone)
    assert gain == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
def test_silence_stays_silence(tmp_path, suffix):
    samples = noise(9000)
    samples[:, 3000:6000] = 0.0
    samples[:, 4000] = -0.0
    result, _ = soundfile.read(write(tmp_path / f"s{suffix}", samples), dtype="int16")
    assert not result[3000:6000].any()
    assert result[:3000].any()


def test_beyond_full_scale_is_clipped_not_wrapped(tmp_path):
    samples = np.array([[1.0, -1.0, 1.5, -1.5, 1e30, -1e30]], np.float32)
    result, _ = soundfile.read(write(tmp_path / "loud.wav", samples), dtype="int16")
    assert result[0] >= 32_766
    assert result[1] <= -32_767
    assert result[2:].tolist() == [32_767, -32_768, 32_767, -32_768]


def test_wav_holds_a_format_the_statement_and_samples_only(tmp_path):
    content = write(tmp_path / "out.wav", noise(1000)).read_bytes()
    assert content[:4] + content[8:16] == b"RIFFWAVEfmt "
    offset, chunks = 12, []
    while offset < len(content):
        (length,) = struct.unpack_from("<I", content, offset + 4)
        chunks.append((content[offset : offset + 4], content[offset + 8 : offset + 8 + length]))
        offset += 8 + length + length % 2
    text = STATEMENT.encode() + b"\0"
    text += b"\0" * (len(text) % 2)
    info = b"INFOICMT" + struct.pack("<I", len(text)) + text
    assert [(kind, len(body)) for kind, body in chunks] == [
        (b"fmt ", 16),
        (b"LIST", len(info)),
        (b"data", 2000),
    ]
    assert chunks[1][1] == info


def test_flac_holds_the_statement_and_no_other_tag(tmp_path):
    content = write(tmp_path / "out.flac", noise(1000)).read_bytes()
    offset, blocks = 4, []
    while True:
        length = int.from_bytes(content[offset + 1 : offset + 4], "big")
        blocks.append((content[offset] & 0x7F, content[offset + 4 : offset + 4 + length]))
        last = content[offset] & 0x80
        offset += 4 + length
        if last:
            break
    kinds = [kind for kind, _ in blocks]
    assert set(kinds) <= {0, 4, 3}  # stream header, comments, seek table
    for kind, body in blocks:
        if kind == 4:
            vendor_bytes = int.from_bytes(body[:4], "little")
            assert body[4 : 4 + vendor_bytes].startswith(b"reference libFLAC")
            tag = b"comment=" + STATEMENT.encode()
            assert body[4 + vendor_bytes :] == struct.pack("<II", 1, len(tag)) + tag


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
def test_a_reader_knows_the_statement_of_any_version_and_no_other_comment(tmp_path, suffix):
    told = {STATEMENT: True, "synthetic speech, voiceanon 9.9": True, "by Ada": False, "": False}
    for comment, expected in told.items():
        with soundfile.SoundFile(tmp_path / f"in{suffix}", "w", RATE, 1) as file:
            if comment:
                file.comment = comment
            file.write(noise(1000)[0])
        with AudioReader(tmp_path / f"in{suffix}") as reader:
            assert reader.is_stated_synthetic is expected


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
def test_nothing_has_the_name_before_the_end_and_only_the_owner_reads(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    samples = noise(1000)
    with AudioWriter(path, RATE, 1, 1000) as writer:
        writer.write(samples)
        assert not path.exists()
        (temporary,) = tmp_path.iterdir()
        assert temporary.name.startswith(".voiceanon-")
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        writer.commit()
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_nlink == 1


def test_leaving_without_commit_leaves_nothing(tmp_path):
    for action in ("nothing", "half", "error"):
        try:
            with AudioWriter(tmp_path / "out.flac", RATE, 1, 1000) as writer:
                if action != "nothing":
                    writer.write(noise(500))
                if action == "error":
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            assert action == "error"
        assert list(tmp_path.iterdir()) == []


def test_a_writer_that_is_dropped_leaves_nothing(tmp_path):
    writer = AudioWriter(tmp_path / "out.flac", RATE, 1, 1000)
    writer.write(noise(500))
    del writer
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_right_after_opening_leaves_nothing(tmp_path, monkeypatch):
    true_open = os.open

    def interrupted_open(path, *args):
        true_open(path, *args)
        raise KeyboardInterrupt

    monkeypatch.setattr(writing_module.os, "open", interrupted_open)
    with pytest.raises(KeyboardInterrupt):
        AudioWriter(tmp_path / "out.flac", RATE, 1, 1000)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("samples", "word"),
    [
        (np.full((1, 10), np.nan, np.float32), "NaN"),
        (np.full((1, 10), np.inf, np.float32), "NaN"),
        (np.zeros((2, 10), np.float32), "shape"),
        (np.zeros(10, np.float32), "shape"),
        (np.zeros((1, 1001), np.float32), "longer"),
    ],
)
def test_results_that_cannot_be_delivered_are_refused(tmp_path, samples, word):
    with (
        pytest.raises(RecordingError, match=word),
        AudioWriter(tmp_path / "o.wav", RATE, 1, 1000) as writer,
    ):
        writer.write(samples)
    assert list(tmp_path.iterdir()) == []


def test_too_few_samples_are_not_committed(tmp_path):
    with AudioWriter(tmp_path / "out.wav", RATE, 1, 1000) as writer:
        writer.write(noise(999))
        with pytest.raises(RecordingError, match="999 samples"):
            writer.commit()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "channels", "frames", "word"),
    [
        ("out.mp3", 1, 10, "suffix"),
        ("out", 1, 10, "suffix"),
        ("out.flac", 9, 10, "8 channels"),
        ("out.wav", 2, 2**30, "4 GiB"),
        ("missing/out.wav", 1, 10, "No such file"),
    ],
)
def test_refused_destinations(tmp_path, name, channels, frames, word):
    with pytest.raises(DestinationError, match=word) as caught:
        AudioWriter(tmp_path / name, RATE, channels, frames)
    assert str(tmp_path) not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_replaced_only_with_leave(tmp_path):
    path = tmp_path / "out.flac"
    path.write_bytes(b"precious")
    with pytest.raises(DestinationError, match="already exists"):
        AudioWriter(path, RATE, 1, 1000)
    assert path.read_bytes() == b"precious"
    write(path, noise(1000), overwrite=True)
    assert soundfile.info(path).frames == 1000
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    path = tmp_path / "out.flac"
    with AudioWriter(path, RATE, 1, 1000) as writer:
        writer.write(noise(1000))
        path.write_bytes(b"precious")
        with pytest.raises(DestinationError, match="already exists"):
            writer.commit()
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_damage_on_the_way_to_the_disk_is_noticed(tmp_path, monkeypatch, suffix, damage):
    true_fsync = os.fsync

    def damaging_fsync(descriptor):
        size = os.fstat(descriptor).st_size
        if damage == "cut":
            os.ftruncate(descriptor, size - 200)
        else:
            byte = os.pread(descriptor, 1, size - 200)
            os.pwrite(descriptor, bytes([byte[0] ^ 0x10]), size - 200)
        true_fsync(descriptor)

    monkeypatch.setattr(writing_module.os, "fsync", damaging_fsync)
    with pytest.raises(DestinationError):
        write(tmp_path / f"out{suffix}", noise(20_000))
    assert list(tmp_path.iterdir()) == []


def test_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "link"):
        true = getattr(os, name)

        def recorded(*args, name=name, true=true, **options):
            is_folder = name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode)
            calls.append("fsync of the folder" if is_folder else name)
            return true(*args, **options)

        monkeypatch.setattr(writing_module.os, name, recorded)
    write(tmp_path / "out.flac", noise(1000))
    assert calls == ["fsync", "link", "fsync of the folder"]


def test_a_file_system_without_hard_links_still_gets_its_file(tmp_path, monkeypatch):
    def no_link(*args, **options):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(writing_module.os, "link", no_link)
    path = write(tmp_path / "out.flac", noise(1000))
    assert list(tmp_path.iterdir()) == [path]
    assert soundfile.info(path).frames == 1000


FULL_DISK = """
import resource, sys
import numpy as np
from voiceanon.errors import DestinationError
from voiceanon.formats import AudioWriter

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
noise = np.random.default_rng(1).uniform(-1, 1, (1, 200_000)).astype(np.float32)
try:
    with AudioWriter(sys.argv[1], 16000, 1, 200_000) as writer:
        for start in range(0, 200_000, 10_000):
            writer.write(noise[:, start : start + 10_000])
        writer.commit()
except DestinationError as error:
    print("refused:", error)
"""


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
def test_a_disk_that_fills_up_leaves_nothing(tmp_path, suffix):
    # A limit on the size of files fails writes half-way, as a full disk does.
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / f"out{suffix}")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("refused: cannot be written")
    assert list(tmp_path.iterdir()) == []
