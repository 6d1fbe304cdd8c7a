"""Stored files: what is saved comes back, the bytes are those documented, none break the reader."""

import ast
import os
import pickle
import re
import stat
import struct
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
from golden_features import CLIP, GOLDEN, SECRET, STORED
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sounds import clip, clip_names
from stored_examples import (
    HEADER_BYTES,
    KEY,
    SUM_BYTES,
    abstractions,
    measures,
    put_together,
    signed,
    taken_apart,
)

import voiceanon
from voiceanon import (
    Abstraction,
    DestinationError,
    InputError,
    Measures,
    Recipe,
    RecordingError,
    SecretError,
    abstract,
)
from voiceanon.bottleneck import model_name
from voiceanon.checks.assessment import MEASURES
from voiceanon.coding.contexts import code_id
from voiceanon.coding.description_code import decode
from voiceanon.container import sealing, voa
from voiceanon.container.voa import Level, pack, unpack
from voiceanon.keys import derive
from voiceanon.storage import load

FUZZED = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
WITH_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
MEASURED = Measures.of(dict.fromkeys(MEASURES, 0.5), length_s=12, transcript="so what")


def described() -> Abstraction:
    return abstract(*clip(clip_names()[0]), SECRET)


def saved(held: Abstraction | Measures, folder: Path, **options) -> bytes:
    path = folder / "x.voa"
    held.save(path, overwrite=True, **options)
    return path.read_bytes()


def loaded(data: bytes, folder: Path, **options) -> Abstraction | Measures:
    path = folder / "y.voa"
    path.write_bytes(data)
    return load(path, **options)


# What is saved comes back


@given(held=abstractions() | measures())
@WITH_FOLDER
def test_whatever_is_saved_comes_back(held, tmp_path) -> None:
    again = loaded(saved(held, tmp_path), tmp_path)
    assert again == held
    assert type(again) is type(held)
    assert type(held).load(tmp_path / "x.voa") == held
    if isinstance(held, Abstraction):
        assert again.recipe == held.recipe


@given(held=abstractions() | measures(), key=st.binary(min_size=32, max_size=32))
@WITH_FOLDER
def test_encrypted_files_open_with_their_key_alone(held, key, tmp_path) -> None:
    data = saved(held, tmp_path, key=key)
    assert loaded(data, tmp_path, key=lambda: key) == held
    with pytest.raises(SecretError, match="needs a key"):
        loaded(data, tmp_path)
    with pytest.raises(SecretError, match="another one"):
        loaded(data, tmp_path, key=bytes(b ^ 1 for b in key))
    assert data != saved(held, tmp_path, key=key), "a nonce was used twice"


def test_a_key_is_not_ignored_where_nothing_is_encrypted(tmp_path) -> None:
    with pytest.raises(SecretError, match="not encrypted") as caught:
        loaded(saved(MEASURED, tmp_path), tmp_path, key=KEY)
    assert caught.value.exit_code == 5
    with pytest.raises(SecretError, match="32"):
        saved(MEASURED, tmp_path, key=b"short")


def test_the_other_level_is_one_clear_error(tmp_path) -> None:
    saved(MEASURED, tmp_path)
    with pytest.raises(RecordingError, match="measures alone"):
        Abstraction.load(tmp_path / "x.voa")
    saved(described(), tmp_path)
    with pytest.raises(RecordingError, match="content, not measures"):
        Measures.load(tmp_path / "x.voa")


def test_the_golden_file_is_what_the_clip_is_now() -> None:
    stored, now = (
        Abstraction.load(GOLDEN / STORED),
        abstract(*clip(CLIP), SECRET, recipe="bottleneck"),
    )
    assert stored == now
    assert now.recipe == Recipe.named("bottleneck").hash[:16]
    assert len(stored.recipe) == 16  # of the recipe as it was then: other settings, another hash
    assert np.array_equal(stored.render(SECRET), now.render(SECRET))


def test_bundled_clips_take_few_bits(tmp_path) -> None:
    bits, seconds = 0, 0.0
    for name in clip_names():
        one = abstract(*clip(name), SECRET)
        bits += 8 * len(saved(one, tmp_path))
        seconds += one.duration_s
    assert bits / seconds < 500


# The bytes


def test_a_file_of_content_holds_what_is_documented_and_nothing_else(tmp_path) -> None:
    one = described()
    data = saved(one, tmp_path)
    assert data[:12] == b"\x89VOA\r\n\x1a\n" + bytes([1, 0, 0, 0])
    assert data[-16:] == blake2b(data[:-16], digest_size=16).digest()
    _, [(content, body), (made, maker)] = taken_apart(data)
    assert (content, made) == (b"CONT", b"made")
    assert struct.unpack_from("<QIIBH", body) == (
        one.n_samples,
        one.rate,
        one.frames,
        6,
        one.pitch_levels,
    )
    assert body[19:27].hex() == one.model == model_name()
    assert body[27:31] == code_id()
    tracks = decode(body[31:], one.frames, 6, one.pitch_levels)
    for name in tracks._fields:
        assert np.array_equal(getattr(tracks, name), getattr(one, name))
    assert maker == bytes.fromhex(one.recipe) + voiceanon.__version__.encode()


def test_a_file_of_measures_holds_what_is_documented_and_nothing_else(tmp_path) -> None:
    one = Measures.of({"mean_pause_s": 1.26}, length_s=17, transcript="Grüße")
    header, [(name, body), text] = taken_apart(saved(one, tmp_path))
    assert header == b"\x89VOA\r\n\x1a\n" + bytes([1, 0, 1, 0])
    assert text == (b"TEXT", "Grüße".encode())
    assert name == b"MEAS"
    assert struct.unpack_from("<HIB", body) == (3, 0, len(MEASURES))
    at = 7
    for measure in MEASURES:
        assert body[at : at + 1 + len(measure)] == bytes([len(measure)]) + measure.encode()
        at += 1 + len(measure)
        (value,) = struct.unpack_from("<d", body, at)
        assert value == 1.3 if measure == "mean_pause_s" else np.isnan(value)
        at += 8
    assert at == len(body)


def test_an_encrypted_file_is_what_is_documented(tmp_path) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    plain, data = saved(MEASURED, tmp_path), saved(MEASURED, tmp_path, key=KEY)
    assert data[:12] == plain[:11] + b"\1"
    assert len(data) == len(plain) + 12 + 16
    opened = AESGCM(derive(KEY, "stored form 1")).decrypt(data[12:24], data[24:-16], data[:12])
    assert opened == plain[12:-16]


def test_the_same_is_the_same_bytes(tmp_path) -> None:
    assert saved(described(), tmp_path) == saved(described(), tmp_path)


def test_newer_minor_versions_are_read_as_far_as_they_are_understood() -> None:
    data = pack(Level.MEASURES, {b"more": b"soon", b"MEAS": b"..."})
    newer = bytearray(data)
    newer[9] = 7
    assert unpack(signed(bytes(newer))) == (Level.MEASURES, {b"MEAS": b"..."})
    newer[8] = 2
    for unsure in (bytes(newer), signed(bytes(newer))):  # its checksum may be elsewhere
        with pytest.raises(RecordingError, match="version 2"):
            unpack(unsure)
    with pytest.raises(RecordingError, match="MORE"):
        unpack(pack(Level.MEASURES, {b"MEAS": b"", b"MORE": b""}))


# Damage and malice


def test_every_truncation_and_every_extension_is_one_error(tmp_path) -> None:
    for key in (None, KEY):
        data = saved(described(), tmp_path, key=key)
        for size in range(len(data)):
            with pytest.raises(RecordingError):
                unpack(data[:size], key)
        for tail in (b"\0", data, bytes(1000)):
            with pytest.raises(RecordingError):
                unpack(data + tail, key)


def test_every_flipped_bit_is_one_error(tmp_path) -> None:
    for key in (None, KEY):
        data = saved(MEASURED, tmp_path, key=key)
        for bit in range(8 * len(data)):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(RecordingError):
                unpack(bytes(changed), key)


def test_tampering_shows_without_the_key_even_if_the_checksum_agrees(tmp_path) -> None:
    data = saved(MEASURED, tmp_path, key=KEY)
    for at in range(HEADER_BYTES - 3, len(data) - SUM_BYTES):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises((SecretError, RecordingError)) as caught:
            unpack(signed(bytes(changed)), KEY)
        if at >= HEADER_BYTES:
            assert isinstance(caught.value, SecretError)
    for size in range(HEADER_BYTES, HEADER_BYTES + 30):
        with pytest.raises(SecretError):
            unpack(signed(data[:size] + bytes(SUM_BYTES)), KEY)


def only_the_one_error(data: bytes, folder: Path) -> None:
    try:
        held = loaded(data, folder)
    except RecordingError as error:
        assert "\n" not in str(error)
        assert error.exit_code == 3
    else:
        # What a checksum lets through is something that can be stored again.
        assert loaded(saved(held, folder), folder) == held


@given(data=st.binary(max_size=300), level=st.sampled_from([b"\0", b"\1", b"\2"]))
@FUZZED
def test_random_bytes(data, level, tmp_path) -> None:
    header = b"\x89VOA\r\n\x1a\n\1\0" + level + b"\0"
    for crafted in (data, header + data, signed(header + data + bytes(SUM_BYTES))):
        only_the_one_error(crafted, tmp_path)


@given(st.data())
@FUZZED
def test_spliced_files_whose_checksum_agrees(tmp_path_factory, data) -> None:
    folder = tmp_path_factory.mktemp("spliced")
    one, other = data.draw(abstractions() | measures()), data.draw(abstractions() | measures())
    first, second = saved(one, folder), saved(other, folder)
    begin = data.draw(st.integers(0, len(first)))
    end = data.draw(st.integers(0, len(second)))
    spliced = bytearray(first[:begin] + second[end:])
    for _ in range(data.draw(st.integers(0, 4))):
        if spliced:
            spliced[data.draw(st.integers(0, len(spliced) - 1))] = data.draw(st.integers(0, 255))
    only_the_one_error(signed(bytes(spliced)), folder)


chunks = st.lists(
    st.tuples(
        st.sampled_from([b"CONT", b"MEAS", b"TEXT", b"made", b"zzzz", b"ZZZZ", b"\0\0\0\0"]),
        st.binary(max_size=90),
    ),
    max_size=4,
)


@given(level=st.integers(0, 1), parts=chunks)
@FUZZED
def test_crafted_chunks(level, parts, tmp_path) -> None:
    only_the_one_error(put_together(voa._MAGIC + bytes([1, 0, level, 0]), parts), tmp_path)


@given(
    st.integers(0, 2**64 - 1) | st.integers(0, 200_000),
    st.integers(0, 2**32 - 1) | st.sampled_from([16_000]),
    st.integers(0, 2**32 - 1) | st.integers(0, 300),
    st.integers(0, 255) | st.integers(1, 6),
    st.integers(0, 65_535) | st.just(4),
    st.binary(max_size=60),
)
@FUZZED
def test_crafted_numbers(tmp_path_factory, n_samples, rate, frames, digits, levels, coded) -> None:
    head = struct.pack("<QIIBH8s4s", n_samples, rate, frames, digits, levels, b"", code_id())
    header = voa._MAGIC + bytes([1, 0, 0, 0])
    crafted = put_together(header, [(b"CONT", head + coded)])
    only_the_one_error(crafted, tmp_path_factory.mktemp("crafted"))


def test_lengths_beyond_the_file_and_doubles_are_refused(tmp_path) -> None:
    header, parts = taken_apart(saved(described(), tmp_path))
    with pytest.raises(RecordingError, match="two chunks CONT"):
        loaded(put_together(header, [parts[0], *parts]), tmp_path)
    with pytest.raises(RecordingError, match="two chunks zzzz"):
        loaded(put_together(header, [*parts, (b"zzzz", b""), (b"zzzz", b"")]), tmp_path)
    with pytest.raises(RecordingError, match="no chunk CONT"):
        loaded(put_together(header, parts[1:]), tmp_path)
    whole = put_together(header, parts)
    for length in (0xFFFFFFFF, len(whole), 0x7FFFFFFF):
        crafted = bytearray(whole)
        struct.pack_into("<I", crafted, HEADER_BYTES + 4, length)
        with pytest.raises(RecordingError, match="beyond"):
            loaded(signed(bytes(crafted)), tmp_path)


def test_files_that_are_no_files_are_refused(tmp_path) -> None:
    saved(MEASURED, tmp_path)
    (tmp_path / "link.voa").symlink_to(tmp_path / "x.voa")
    os.mkfifo(tmp_path / "pipe.voa")
    with (tmp_path / "large.voa").open("wb") as large:
        large.truncate(voa.MOST_BYTES + 1)
    for name, said in {
        "none.voa": "cannot be opened",
        "link.voa": "link",
        "pipe.voa": "regular",
        "large.voa": "at most",
        ".": "regular",
    }.items():
        with pytest.raises(RecordingError, match=said):
            load(tmp_path / name)


# Writing


def test_a_file_is_its_owners_alone_and_replaces_nothing_unasked(tmp_path) -> None:
    path = tmp_path / "x.voa"
    MEASURED.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(DestinationError, match="already exists"):
        MEASURED.save(path)
    MEASURED.save(path, overwrite=True)
    (tmp_path / "folder.voa").mkdir()
    with pytest.raises(DestinationError, match="regular"):
        MEASURED.save(tmp_path / "folder.voa", overwrite=True)
    with pytest.raises(DestinationError, match="suffix"):
        MEASURED.save(tmp_path / "x.wav")
    with pytest.raises(DestinationError, match="written"):
        MEASURED.save(tmp_path / "none" / "x.voa")
    assert {p.name for p in tmp_path.iterdir()} == {"x.voa", "folder.voa"}


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch) -> None:
    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(DestinationError, match="No space left"):
        MEASURED.save(tmp_path / "x.voa")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_samples": 10**9}, "frames do not fit"),
        ({"n_samples": -1}, "samples"),
        ({"rate": 10}, "rate"),
        ({"pitch_levels": 0}, "pitch_levels"),
        ({"energy": np.zeros(3, np.int8)}, "frames"),
        ({"energy": np.zeros(5, np.int16)}, "int8"),
        ({"voiced": np.zeros(5, np.int8)}, "bool"),
        ({"units": np.zeros((5, 7), np.int8)}, "7 digits"),
        ({"units": np.zeros((5, 0), np.int8)}, "0 digits"),
        ({"units": np.zeros(5, np.int8)}, "shape"),
        ({"rate": 16_000.0}, "whole numbers"),
        ({"model": "other"}, "16 hexadecimal"),
        ({"model": 3}, "16 hexadecimal"),
        ({"recipe": "MINE"}, "16 hexadecimal"),
    ],
)
def test_what_is_no_description_is_not_stored(tmp_path, change, said) -> None:
    still = np.zeros(5, np.int8)
    one = Abstraction(np.zeros((5, 6), np.int8), still > 0, still, still, 4, 1600, 16_000)
    one.save(tmp_path / "x.voa")
    with pytest.raises(InputError, match=said):
        replace(one, **change).save(tmp_path / "y.voa")
    assert [p.name for p in tmp_path.iterdir()] == ["x.voa"]


# What is loaded is not trusted


@given(abstractions())
@settings(max_examples=60)
def test_whatever_was_loaded_is_spoken_or_refused(held: Abstraction) -> None:
    held = replace(held, model=model_name())
    try:
        spoken = held.render(SECRET)
    except InputError:
        return
    assert spoken.shape == (held.n_samples,)
    assert np.isfinite(spoken).all()
    assert np.abs(spoken).max(initial=0) <= 1


def test_units_of_other_tables_are_not_spoken() -> None:
    with pytest.raises(InputError, match="tables 0000000000000000"):
        replace(described(), model="0" * 16).render()


@pytest.mark.parametrize(
    ("name", "value"), [("units", -128), ("units", 2), ("energy", 127), ("pitch", -128)]
)
def test_values_that_no_recording_has_are_not_spoken(name: str, value: int) -> None:
    one = described()
    with pytest.raises(InputError, match=name):
        replace(one, **{name: np.full_like(getattr(one, name), value)}).render()


def test_nothing_is_unpickled() -> None:
    package = Path(voiceanon.__file__).parent
    rooms = ("coding", "container", "storage")
    files = [path for room in rooms for path in (package / room).glob("*.py")]
    for path in [*files, package / "abstraction.py", package / "measures.py"]:
        text = path.read_text(encoding="utf-8")
        names = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
        assert not names & {"pickle", "marshal", "shelve", "eval", "exec", "compile"}
        assert not re.search(r"import (pickle|marshal|shelve|dill|joblib)|allow_pickle=True", text)
        assert text.count("np.load(") == text.count("allow_pickle=False")


def test_both_levels_go_to_other_processes() -> None:
    for held in (described(), MEASURED):
        assert pickle.loads(pickle.dumps(held)) == held


def test_a_missing_package_is_one_line(tmp_path, monkeypatch) -> None:
    def missing(module: str):
        raise InputError("cryptography is not installed: pip install 'voiceanon[encryption]'")

    data = saved(MEASURED, tmp_path, key=KEY)
    monkeypatch.setattr(sealing, "load", missing)
    with pytest.raises(InputError, match="encryption"):
        loaded(data, tmp_path, key=KEY)
    with pytest.raises(InputError, match="encryption"):
        saved(MEASURED, tmp_path, key=KEY)
