"""Headers that lie, one lie each: every one is refused in words, and none reaches a decoder."""

import errno
import os
import struct
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from recordings_by_kind import RATE, frame_starts, read, speech, wav

from voiceanon.errors import DestinationError, RecordingError
from voiceanon.formats import AudioReader, EmptyRecordingError, read_recording, reading
from voiceanon.formats.ogg import page_checksum
from voiceanon.formats.writing import AudioWriter

SAMPLES = b"\1\2" * 400
_RATE_80_BITS = struct.pack(">HQ", 16_383 + 13, RATE << 50)  # 16000 as AIFF's extended float


def chunk(name, body):
    return name + struct.pack(">I", len(body)) + body + bytes(len(body) % 2)


def common(frames):
    return chunk(b"COMM", struct.pack(">hIh", 1, frames, 16) + _RATE_80_BITS)


def aiff(*chunks):
    body = b"AIFF" + b"".join(chunks)
    return b"FORM" + struct.pack(">I", len(body)) + body


SOUND = chunk(b"SSND", bytes(8) + SAMPLES)


def au(data):
    return b".snd" + struct.pack(">5I", 24, len(data), 3, RATE, 1) + data


def caf(data, name=b"lpcm", bits=16):
    described = struct.pack(">d4s5I", RATE, name, 0, bits // 8, 1, 1, bits)
    head = b"caff" + struct.pack(">HH", 1, 0) + b"desc" + struct.pack(">q", 32) + described
    return head + b"data" + struct.pack(">q", len(data) + 4) + bytes(4) + data


def with_format(size):
    """A WAV whose format chunk has `size` bytes."""
    body = b"WAVEfmt " + struct.pack("<I", size) + bytes(size) + b"data" + struct.pack("<I", 0)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_the_helpers_make_recordings_that_are_read(tmp_path):
    for name, content in (
        ("a.aiff", aiff(common(400), SOUND)),
        ("a.au", au(SAMPLES)),
        ("a.caf", caf(SAMPLES)),
    ):
        (tmp_path / name).write_bytes(content)
        expected = np.frombuffer(SAMPLES, ">i2").astype(np.float32) / 32768
        np.testing.assert_array_equal(read(tmp_path / name)[0], expected)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (aiff(common(400), SOUND, common(400)), "holds two recordings"),
        (aiff(common(400), SOUND, SOUND), "holds two recordings"),
        (aiff(common(400)), "states samples and has none"),
        (au(SAMPLES + b"\1"), "end inside a sample"),
        (caf(SAMPLES + b"\1"), "end inside a sample"),
        (with_format(14), "format chunk is too short"),
        (
            wav(SAMPLES, extra=b"fmt " + struct.pack("<IHHIIHH", 16, 1, 2, RATE, 4 * RATE, 4, 16)),
            "two format chunks",
        ),
        (b"ID3\4\0\0\0\0\0\0" * 9 + SAMPLES, "endless row of ID3 tags"),
    ],
)
def test_one_lie_is_named(tmp_path, content, said):
    (tmp_path / "liar").write_bytes(content)
    with pytest.raises(RecordingError, match=said):
        AudioReader(tmp_path / "liar")


def test_an_aiff_without_sound_is_empty_and_nothing_is_salvaged_of_it(tmp_path):
    path = tmp_path / "empty.aiff"
    path.write_bytes(aiff(common(0)))
    with pytest.raises(EmptyRecordingError):
        AudioReader(path)
    path.write_bytes(aiff(common(9)))
    with pytest.raises(RecordingError, match="states samples and has none"):
        read_recording(path, lambda reader: reader.declared_frames, salvage=True)


@pytest.mark.parametrize("coding", ["ULAW", "ALAW"])
def test_companded_samples_in_caf_are_those_of_libsndfile(tmp_path, coding):
    path = tmp_path / "told.caf"
    soundfile.write(path, speech(4_000)[0], RATE, format="CAF", subtype=coding)
    np.testing.assert_array_equal(read(path)[0], soundfile.read(path, dtype="float32")[0])
    content = path.read_bytes()
    path.write_bytes(content.replace(coding.lower().encode(), b"ima4", 1))
    with pytest.raises(RecordingError, match="coding that is not supported"):
        AudioReader(path)


def test_a_wave64_of_negative_size_is_refused(recordings, tmp_path):
    content = bytearray(recordings[".w64"].read_bytes())
    size_at = content.index(b"data") + 16
    content[size_at : size_at + 8] = struct.pack("<q", -24)
    path = tmp_path / "less.w64"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="negative size"):
        AudioReader(path)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (8, b"\x10\x00\x00\x0f"),  # the smallest block above the largest
        (8, b"\x00\x0f\x10\x00"),  # fewer than 16 samples a block
        (20, b"\x00\x20"),  # one channel of 3 bits
    ],
)
def test_a_flac_header_that_cannot_be_is_refused(recordings, tmp_path, at, value):
    content = bytearray(recordings[".flac"].read_bytes())
    content[at : at + len(value)] = value
    path = tmp_path / "odd.flac"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="stream header is impossible"):
        AudioReader(path)


def test_an_endless_row_of_metadata_is_refused(recordings, tmp_path):
    content = recordings[".flac"].read_bytes()
    info = bytearray(content[:42])
    info[4] &= 0x7F  # not the last block
    path = tmp_path / "row.flac"
    path.write_bytes(bytes(info) + b"\x01\0\0\0" * 1_024 + content[42:])
    with pytest.raises(RecordingError, match="more than 1024 metadata blocks"):
        AudioReader(path)


def repaged(content, number, **changed):
    """An Ogg file in which fields of one page are others, and its checksum right again."""
    starts = [i for i in range(len(content)) if content.startswith(b"OggS", i)] + [len(content)]
    page = bytearray(content[starts[number] : starts[number + 1]])
    places = {"flags": (5, "B"), "granule": (6, "<Q"), "serial": (14, "<I"), "head": (28, "8s")}
    for name, value in changed.items():
        at, kind = places[name]
        page[at : at + struct.calcsize(kind)] = struct.pack(kind, value)
    page[22:26] = bytes(4)
    page[22:26] = struct.pack("<I", page_checksum(bytes(page)))
    return content[: starts[number]] + bytes(page) + content[starts[number + 1] :]


@pytest.mark.parametrize(
    ("number", "changed", "said"),
    [
        (0, {"flags": 0}, "does not begin a stream"),
        (0, {"head": b"NotOpus!"}, "Vorbis or Opus only"),
        (3, {"serial": 7}, "several streams"),
        (3, {"flags": 2}, "several streams"),
        (3, {"granule": 1}, "time runs backwards"),
        (3, {"granule": 1 << 63}, "time runs backwards"),
    ],
)
def test_an_ogg_page_that_lies_is_refused(recordings, tmp_path, number, changed, said):
    content = recordings[".opus"].read_bytes()
    path = tmp_path / "page.opus"
    path.write_bytes(repaged(content, number))
    np.testing.assert_array_equal(read(path), read(recordings[".opus"]))
    path.write_bytes(repaged(content, number, **changed))
    with pytest.raises(RecordingError, match=said):
        read(path)


@pytest.mark.parametrize(
    ("at", "bits"),
    [(1, 0x18), (1, 0x06), (2, 0xF0), (2, 0x0C)],
    ids="version layer rate Hz".split(),
)
def test_an_mp3_frame_that_cannot_be_is_refused(recordings, tmp_path, at, bits):
    content = bytearray(recordings[".mp3"].read_bytes())
    start = frame_starts(bytes(content))[4]
    reserved = {0x18: 0x08, 0x06: 0x00}.get(bits, bits)
    content[start + at] = content[start + at] & ~bits | reserved
    path = tmp_path / "odd.mp3"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=f"no MP3 frame at byte {start}"):
        AudioReader(path)


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ({"kind": "AIFF"}, "takes it for another kind"),
        ({"channels": 2}, "disagree on channels or rate"),
        ({"rate_hz": 8_000}, "disagree on channels or rate"),
        ({"frames": 23_999}, "its header makes 23999 samples, its decoder 24000"),
        ({"frames": None, "frames_at_most": 9}, "its header makes 1 to 9 samples"),
    ],
)
def test_the_decoder_is_held_against_the_header(recordings, monkeypatch, lie, said):
    usual = reading.inspect
    monkeypatch.setattr(reading, "inspect", lambda source: replace(usual(source), **lie))
    with pytest.raises(RecordingError, match=said):
        AudioReader(recordings[".flac"])


def test_a_decoder_that_stops_early_gives_no_shorter_recording(recordings, monkeypatch):
    usual, asked = soundfile.SoundFile.read, []

    def stops(self, frames, **options):
        asked.append(frames)
        return usual(self, frames if len(asked) < 3 else 0, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", stops)
    with AudioReader(recordings[".wav"]) as reader:
        blocks = reader.blocks(1_000)
        assert sum(next(blocks).shape[1] for _ in range(2)) == 2_000
        with pytest.raises(RecordingError, match="states 24000 samples and 2000 can be read"):
            next(blocks)


def test_a_disk_that_fails_while_it_is_read_is_an_error_of_the_recording(
    recordings,
    monkeypatch,
):
    usual = os.pread

    def fails(descriptor, count, offset):
        if offset > 30:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return usual(descriptor, count, offset)

    monkeypatch.setattr(os, "pread", fails)
    with pytest.raises(RecordingError, match="cannot be read: Input/output error"):
        AudioReader(recordings[".aiff"])
    # As if another had cut the file after its size was looked at.
    monkeypatch.setattr(os, "pread", lambda descriptor, count, offset: b"")
    with pytest.raises(RecordingError, match="truncated|not a supported kind"):
        AudioReader(recordings[".aiff"])


def test_a_reader_and_a_writer_are_of_no_use_once_closed(recordings, tmp_path):
    reader = AudioReader(recordings[".wav"])
    reader.close()
    reader.close()
    with pytest.raises(RecordingError, match="was closed before it was read"):
        next(reader.blocks())
    path = tmp_path / "made.wav"
    writer = AudioWriter(path, RATE, 1, 24_000)
    writer.write(speech())
    writer.commit()
    made = path.read_bytes()
    for again in (writer.commit, lambda: writer.write(speech())):
        with pytest.raises(DestinationError, match="after it was closed"):
            again()
    assert path.read_bytes() == made
