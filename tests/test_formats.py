"""Recordings are read whole and as they are, or refused: laws over every kind of container."""

import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import soundfile
from recordings_by_kind import RATE, WRITABLE, frame_starts, read, speech, wav

from voiceanon.errors import RecordingError
from voiceanon.formats import AudioReader, EmptyRecordingError, identify, looks_like_audio
from voiceanon.formats.integrity import check_extent
from voiceanon.formats.ogg import page_checksum
from voiceanon.formats.source import Source

LOSSLESS = [
    suffix for suffix, (_, coding, _) in WRITABLE.items() if coding in ("PCM_16", "PCM_24", "FLOAT")
]


@pytest.mark.parametrize("suffix", WRITABLE)
def test_kind_is_told_by_content(recordings, suffix, tmp_path):
    container_kind = WRITABLE[suffix][2]
    misnamed = tmp_path / "recording.raw"
    misnamed.write_bytes(recordings[suffix].read_bytes())
    for path in (recordings[suffix], misnamed):
        with Source(path) as source:
            assert identify(source) == container_kind
        with AudioReader(path) as reader:
            assert (reader.kind, reader.rate, reader.channels) == (container_kind, RATE, 1)


@pytest.mark.parametrize("suffix", WRITABLE)
def test_samples_are_those_of_libsndfile(recordings, suffix):
    expected, _ = soundfile.read(recordings[suffix], dtype="float32")
    if suffix == ".gsm.wav":
        # libsndfile decodes the pad byte after an odd number of blocks as one more block.
        assert len(expected) == 24_000 + 320
        expected = expected[:24_000]
    # The last bit of an MP3 depends on whether libsndfile was asked to seek.
    np.testing.assert_allclose(read(recordings[suffix])[0], expected, rtol=0, atol=2**-23)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_kinds_give_back_what_was_written(recordings, suffix):
    # 24 bits: the steps of the source are 16-bit.
    np.testing.assert_allclose(read(recordings[suffix]), speech(), rtol=0, atol=2**-23)


@pytest.mark.parametrize("suffix", WRITABLE)
@hypothesis.given(frames=st.integers(1, 30_000))
@hypothesis.settings(max_examples=6)
def test_block_size_changes_nothing(recordings, suffix, frames):
    hypothesis.assume(frames > 200)
    np.testing.assert_array_equal(read(recordings[suffix], frames), read(recordings[suffix]))


@pytest.mark.parametrize("suffix", WRITABLE)
def test_second_pass_equals_the_first(recordings, suffix):
    with AudioReader(recordings[suffix]) as reader:
        first = next(reader.blocks(1000))  # given up after one block
        whole = np.concatenate(list(reader.blocks(7000)), axis=1)
        again = np.concatenate(list(reader.blocks(7000)), axis=1)
    np.testing.assert_array_equal(whole, again)
    np.testing.assert_array_equal(first, whole[:, :1000])


def test_channels_stay_apart(tmp_path):
    path = tmp_path / "stereo.flac"
    soundfile.write(path, speech(channels=2).T, RATE)
    np.testing.assert_allclose(read(path), speech(channels=2), rtol=0, atol=1e-9)


@pytest.mark.parametrize("suffix", WRITABLE)
@hypothesis.given(share=st.floats(0.0, 1.0))
@hypothesis.settings(max_examples=40)
def test_truncation_never_passes_as_a_shorter_recording(
    recordings, suffix, share, tmp_path_factory
):
    data = recordings[suffix].read_bytes()
    kept = min(int(share * len(data)), len(data) - 1)
    path = tmp_path_factory.getbasetemp() / "cut"
    path.write_bytes(data[:kept])
    if suffix == ".gsm.wav" and kept == len(data) - 1:  # only a pad byte is gone
        np.testing.assert_array_equal(read(path), read(recordings[suffix]))
        return
    with pytest.raises(RecordingError):
        read(path)


@pytest.mark.parametrize("suffix", WRITABLE)
@pytest.mark.parametrize("share", [0.5, 0.97])
def test_a_cut_copy_is_called_truncated(recordings, suffix, share, tmp_path):
    data = recordings[suffix].read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(data[: int(share * len(data))])
    is_flac = suffix.endswith(".flac")  # only its decoder finds the end of a frame
    with pytest.raises(RecordingError, match="damaged or truncated" if is_flac else "^truncated"):
        read(path)


@pytest.mark.parametrize("suffix", [".flac", ".24.flac", ".ogg", ".opus"])
@hypothesis.given(share=st.floats(0.0, 1.0), bit=st.integers(0, 7))
@hypothesis.settings(max_examples=40)
def test_kinds_with_checksums_notice_a_flipped_bit(
    recordings, suffix, share, bit, tmp_path_factory
):
    data = bytearray(recordings[suffix].read_bytes())
    data[min(int(share * len(data)), len(data) - 1)] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "flipped"
    path.write_bytes(data)
    try:
        result = read(path)
    except RecordingError:
        return
    # FLAC's tags and sizes have no checksum of their own; the samples do.
    assert suffix.endswith(".flac")
    np.testing.assert_array_equal(result, read(recordings[suffix]))


@pytest.mark.parametrize("suffix", WRITABLE)
@hypothesis.given(data=st.data())
@hypothesis.settings(max_examples=60)
def test_damaged_headers_end_in_one_kind_of_error(recordings, suffix, data, tmp_path_factory):
    content = bytearray(recordings[suffix].read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 127))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "mutant"
    path.write_bytes(content)
    try:
        result = read(path)
    except RecordingError as error:
        message = str(error)
    else:
        assert np.isfinite(result).all()
        return
    assert message.isprintable()
    assert str(path) not in message


@hypothesis.given(st.binary(max_size=400))
@hypothesis.settings(max_examples=100)
def test_random_bytes_are_no_audio_whatever_their_name(tmp_path_factory, content):
    for suffix in (".au", ".snd", ".gsm", ".vox", ".raw", ".wav"):
        path = tmp_path_factory.getbasetemp() / f"noise{suffix}"
        path.write_bytes(content)
        assert not looks_like_audio(path) or content[:2] == b"\xff\xfb"
        with pytest.raises(RecordingError):
            read(path)


def test_streamed_wav_of_unknown_size_is_whole(tmp_path):
    path = tmp_path / "piped.wav"
    for size in (0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF):
        path.write_bytes(wav(bytes(range(256)) * 8, size=size))
        assert read(path).shape == (1, 1024)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (wav(b"\1\2" * 500, size=0), "no samples, but bytes follow"),
        (wav(b"\1\2" * 500, size=2000), "truncated"),
        (wav(b"\1\2" * 500 + b"\3"), "inside a sample"),
        (wav(b"\1\2" * 500, rate=7999), "7999"),
        (wav(b"\1\2" * 500, rate=192_001), "192001"),
        (wav(b"\1\2" * 650, channels=65), "65 channels"),
        (wav(b"\1\2" * 500, channels=0), "0 channels"),
        (wav(b"\1\2" * 500, bits=12), "12 bits"),
        (wav(b"\1\2" * 500, tag=0x55), "0x55"),
        (wav(b"\1\2" * 500, after=b"data" + struct.pack("<I", 4) + b"\1\2\3\4"), "two data"),
        (wav(b"\1\2" * 500, extra=b"JUNK" + struct.pack("<I", 1 << 30)), "passes the end"),
        (wav(b"\1\2" * 500, extra=(b"JUNK" + bytes(4)) * 2000), "chunks"),
        (b"", "0 bytes"),
        (b"RIFF", "not a supported kind"),
        (b"NIST_1A\n   1024\n", "NIST"),
        (b"\0\0\0\x20ftypM4A " + bytes(20), "M4A"),
    ],
)
def test_lies_are_named(tmp_path, content, word):
    path = tmp_path / "liar.wav"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=word):
        read(path)


def test_empty_recordings_are_no_failures_of_another_kind(tmp_path):
    path = tmp_path / "empty.wav"
    path.write_bytes(wav(b"", after=b"LIST" + struct.pack("<I", 4) + b"INFO"))
    with pytest.raises(EmptyRecordingError):
        AudioReader(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_values_that_are_no_sound_are_refused_with_their_place(tmp_path, value):
    samples = np.zeros(RATE, np.float32)
    samples[12_000] = value
    path = tmp_path / "bad.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    with pytest.raises(RecordingError, match=r"0\.750 s"):
        read(path)


def test_flac_checksum_is_held_against_the_samples(recordings, tmp_path):
    content = bytearray(recordings[".flac"].read_bytes())
    content[8 + 18] ^= 1  # the first byte of the MD5 in the stream header
    path = tmp_path / "wrong.flac"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="checksum"):
        read(path)
    content[8 + 18 : 8 + 34] = bytes(16)  # no MD5 stored: legal
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path), read(recordings[".flac"]))


def test_an_ogg_page_that_is_missing_is_noticed(recordings, tmp_path):
    content = recordings[".opus"].read_bytes()
    starts = [i for i in range(len(content)) if content.startswith(b"OggS", i)]
    assert len(starts) > 3
    path = tmp_path / "gap.opus"
    path.write_bytes(content[: starts[2]] + content[starts[3] :])
    with pytest.raises(RecordingError, match="missing"):
        read(path)


def test_chained_ogg_is_refused_and_trailing_bytes_are_not(recordings, tmp_path):
    content = recordings[".ogg"].read_bytes()
    path = tmp_path / "two.ogg"
    path.write_bytes(content + content)
    with pytest.raises(RecordingError, match="several streams"):
        read(path)
    path.write_bytes(content + b"trailing")
    np.testing.assert_array_equal(read(path), read(recordings[".ogg"]))


def slow_page_checksum(page):
    """CRC-32, polynomial 0x04C11DB7, most significant bit first, start 0, bit by bit."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = value << 1 ^ (0x104C11DB7 if value & 0x80000000 else 0)
    return value


@hypothesis.given(st.binary(max_size=100))
def test_page_checksum_agrees_with_its_slow_twin(page):
    assert page_checksum(page) == slow_page_checksum(page)
    assert page_checksum(page) != zlib.crc32(page) or len(page) < 4


def test_mp3_without_a_header_frame_is_walked_frame_by_frame(tmp_path):
    # MPEG-1 layer III, 128 kbit/s, 44.1 kHz, mono, silent: 417 bytes a frame.
    frame = b"\xff\xfb\x90\xc4" + bytes(413)
    path = tmp_path / "plain.mp3"
    for tail in (b"", b"TAG" + bytes(125), bytes(100)):
        path.write_bytes(frame * 40 + tail)
        samples = read(path)
        assert samples.shape[0] == 1
        # The decoder's own delay, before which there is no sound, is cut off.
        assert samples.shape[1] == 40 * 1152 - 529
    for content, word in (
        (frame * 40 + frame[:-1], "truncated"),
        (frame * 20 + b"some other bytes" + frame * 20, "damaged"),
        (frame * 20 + b"\xff\xfb\x94\xc4" + bytes(413) + frame * 20, "rate changes"),
    ):
        path.write_bytes(content)
        with pytest.raises(RecordingError, match=word):
            read(path)


def test_mp3_of_any_frame_sizes_is_read_to_its_end(recordings, tmp_path):
    # Without its count, libsndfile would guess the length from the first frame, here a long one.
    loud, quiet = np.random.default_rng(1).uniform(-1, 1, (2, 8 * RATE)).astype(np.float32)
    with soundfile.SoundFile(
        tmp_path / "a.mp3", "w", RATE, 1, format="MP3", bitrate_mode="VARIABLE"
    ) as file:
        file.write(np.concatenate([0.9 * loud[:RATE], 1e-3 * quiet]))
    content = (tmp_path / "a.mp3").read_bytes()
    whole = read(tmp_path / "a.mp3")
    starts = frame_starts(content)
    largest = 1 + int(np.argmax(np.diff(starts[1:])))
    path = tmp_path / "uncounted.mp3"
    path.write_bytes(content[starts[largest] :])
    guessed = soundfile.info(path).frames
    samples = read(path)
    assert samples.shape[1] == 576 * (len(starts) - largest) - 529
    assert samples.shape[1] > 1.5 * guessed
    assert whole.shape[1] == 9 * RATE
    path.write_bytes(content[: starts[-20]])
    with pytest.raises(RecordingError, match="truncated"):
        read(path)
    path.write_bytes(content + content[starts[1] :])
    with pytest.raises(RecordingError, match="damaged"):
        read(path)


def test_links_pipes_folders_and_missing_files_are_refused(recordings, tmp_path):
    link, pipe = tmp_path / "link.wav", tmp_path / "pipe.wav"
    link.symlink_to(recordings[".wav"])
    os.mkfifo(pipe)
    for path, word in (
        (link, "symbolic link"),
        (pipe, "regular file"),
        (tmp_path, "regular file"),
        (tmp_path / "none.wav", "No such file"),
        (tmp_path / "nul\0.wav", "name"),
    ):
        with pytest.raises(RecordingError, match=word) as caught:
            AudioReader(path)
        assert str(tmp_path) not in str(caught.value)


def test_a_file_that_changes_meanwhile_is_refused(recordings, tmp_path):
    path = tmp_path / "growing.wav"
    path.write_bytes(recordings[".wav"].read_bytes())
    with AudioReader(path) as reader:
        blocks = reader.blocks(1000)
        next(blocks)
        with path.open("ab") as file:
            file.write(b"more")
        with pytest.raises(RecordingError, match="changed"):
            list(blocks)


def test_length_is_capped_before_decoding(recordings):
    with pytest.raises(RecordingError, match="hours"):
        AudioReader(recordings[".flac"], max_duration_s=1.0)


def test_decompression_bombs_are_refused(recordings):
    with Source(recordings[".flac"]) as source:
        check_extent(source, 3600 * RATE, RATE, 1, 86_400.0)
        with pytest.raises(RecordingError, match="bomb"):
            check_extent(source, 3600 * 192_000, 192_000, 8, 86_400.0)


def test_memory_does_not_grow_with_the_recording(tmp_path):
    peaks = []
    for seconds in (10, 60):
        path = tmp_path / f"{seconds}.flac"
        noise = np.random.default_rng(1).uniform(-0.1, 0.1, seconds * RATE)
        soundfile.write(path, noise, RATE)
        del noise
        tracemalloc.start()
        with AudioReader(path) as reader:
            for block in reader.blocks(8192):
                assert block.shape[1] <= 8192
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 65_536
    assert peaks[1] < 1_000_000


def test_descriptors_are_closed_when_a_recording_is_refused(tmp_path):
    path = tmp_path / "bad.wav"
    path.write_bytes(wav(b"\1\2" * 10, size=500))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with pytest.raises(RecordingError):
            AudioReader(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
