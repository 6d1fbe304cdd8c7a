"""Where the parsers' fuzzers start: small true files of every kind, and the malformed corpus."""

import io
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from voiceanon.abstraction import Abstraction
from voiceanon.archive.entries import Found, LeftOut
from voiceanon.archive.manifest import Manifest
from voiceanon.bottleneck import model_name
from voiceanon.measures import Measures
from voiceanon.recipe import Recipe, recipe_names

BADAUDIO = Path(__file__).parents[2] / "shared" / "badaudio"
_MOST_BYTES = 16_384
_RATE = 8_000


def _recipes() -> Iterator[bytes]:
    for name in recipe_names():
        yield Recipe.named(name, allow_unprotected=True).to_toml().encode()
    yield b'name = "x"\npitch_levels = 0x10\nresidual = 1e-1\naccent = inf\nversion = 1_000'
    yield b'name = """a"""\n[table]\n[[rows]]\nx = [1, {y = 2}, 1979-05-27T07:32:00Z]'
    yield b'name = "x"\nversion = ' + b"[" * 3_000
    yield b'name = "x"\nversion = ' + b"9" * 5_000
    yield b'name = "x"\nversion = 0x' + b"f" * 5_000


def _csv() -> Iterator[bytes]:
    yield b"path,speaker\na.wav,anna\n../a.wav,eve\n/etc/passwd,x\n"
    yield b'\xef\xbb\xbffile,speaker\r\n"a.wav","b ""c"""\r\nhttp://x/y.wav,\r\n'
    yield "path;speaker\na.wav;anna\n".encode("utf-16")
    yield b'path\n"a.wav\n'


def _jsonl() -> Iterator[bytes]:
    yield b'{"audio_filepath": "a.wav", "speaker": "anna"}\n{"path": 5, "speaker": null}\n'
    yield b'{"path": "a\\u0000.wav"}\n[]\n{"path": "\\ud800"}\n'
    yield b"[" * 3_000 + b"\n"
    yield b'{"path": ' + b"9" * 5_000 + b"}\n"


def _kaldi() -> Iterator[bytes]:
    yield b"a a.wav\nb sox x.wav |\nc -\n\0a anna\nb berta\n"
    yield b"b a.wav\na a.wav\n\0"


def _plans() -> Iterator[bytes]:
    found = [
        Found("/in/a.wav", "a.wav", 5, 7, "anna"),
        LeftOut("/in/b.txt", "skipped", "is no recording"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.db"
        Manifest.write(path, found, bytes(32), keep_names=True).close()
        yield path.read_bytes()


def _descriptions() -> Iterator[bytes]:
    frames = 30
    steps = np.arange(frames)
    described = Abstraction(
        units=(steps[:, None] % 3 - 1).repeat(6, 1).astype(np.int8),
        voiced=steps % 4 > 0,
        energy=(-(steps % 9)).astype(np.int8),
        pitch=(steps % 3 - 1).astype(np.int8),
        pitch_levels=4,
        n_samples=frames * 320,
        rate=16_000,
        model=model_name(),
    )
    measured = Measures.of({}, length_s=12.0, transcript="ein Satz")
    with tempfile.TemporaryDirectory() as folder:
        for number, stored in enumerate((described, measured)):
            path = Path(folder) / f"{number}.voa"
            stored.save(path)
            yield path.read_bytes()


def _recordings() -> Iterator[bytes]:
    import soundfile

    wave = 0.1 * np.sin(np.arange(_RATE // 10))
    kinds = [("WAV", "PCM_16"), ("WAV", "IMA_ADPCM"), ("WAV", "GSM610"), ("RF64", "PCM_24")]
    kinds += [("W64", "FLOAT"), ("AIFF", "PCM_16"), ("AU", "ULAW"), ("CAF", "PCM_16")]
    kinds += [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
    for kind, coding in kinds:
        file = io.BytesIO()
        soundfile.write(file, wave, _RATE, format=kind, subtype=coding)
        yield file.getvalue()
    yield b"ID3\x04\x00\x00" + bytes(4) + struct.pack(">I", 0xFFFB9000) + bytes(400)


def _cut_recordings() -> Iterator[bytes]:
    for whole in _recordings():
        yield whole[: len(whole) * 2 // 3]


def _badaudio(folders: tuple[str, ...]) -> Iterator[bytes]:
    if BADAUDIO.is_dir():
        for path in sorted(BADAUDIO.rglob("*")):
            is_wanted = path.relative_to(BADAUDIO).parts[0] in folders or not folders
            if is_wanted and path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    yield file.read(_MOST_BYTES)


def seeds_of(parser: str, *, shared: bool = True) -> Iterator[bytes]:
    """Yield what a parser's fuzzer starts with, the shared corpus too where it lies beside us."""
    made = {
        "recipe": _recipes,
        "csv_list": _csv,
        "jsonl_list": _jsonl,
        "kaldi_list": _kaldi,
        "plan": _plans,
        "description": _descriptions,
        "header": _recordings,
        "recording": _recordings,
        "salvage": _cut_recordings,
    }
    yield from made[parser]()
    if not shared:
        return
    if parser in ("header", "recording", "salvage"):
        yield from _badaudio(())
    elif parser.endswith("_list"):
        yield from _badaudio(("manifests",))
