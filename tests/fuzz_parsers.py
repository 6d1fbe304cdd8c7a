"""What the fuzzers and their tests give hostile bytes to, and how each parser may answer.

A parser answers bytes with a value or with an error of the package's own tree; anything else that
is raised, and every value that breaks its law, is a defect. Nothing here needs a fuzzer.
"""

import contextlib
import math
import tempfile
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import numpy as np

from voiceanon import abstraction, measures
from voiceanon.archive import lists
from voiceanon.archive.entries import Found
from voiceanon.archive.manifest import Manifest
from voiceanon.audio import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ
from voiceanon.container.voa import Level, unpack
from voiceanon.errors import InputError, RecipeError, RecordingError, SecretError
from voiceanon.formats.integrity import inspect
from voiceanon.formats.reading import AudioReader
from voiceanon.formats.salvaging import SalvagingReader
from voiceanon.formats.source import Source
from voiceanon.recipe import Recipe

_SUM_BYTES = 16
_MOST_ROWS = 1_000
_MOST_BLOCKS = 20

# One folder for a whole process: a fuzzer makes a hundred files a second.
_PLACE = tempfile.TemporaryDirectory(prefix="voiceanon-fuzz-")
FOLDER = Path(_PLACE.name)
(FOLDER / "a.wav").write_bytes(b"RIFF")


def _written(data: bytes, name: str) -> Path:
    path = FOLDER / name
    path.write_bytes(data)
    return path


def recipe(data: bytes) -> None:
    """Settings are refused as a recipe, or come back the same from TOML."""
    try:
        found = Recipe.read(_written(data, "recipe.toml"), allow_unprotected=True)
    except RecipeError as error:
        assert "\n" not in str(error), "an error of several lines"
        return
    again = Recipe.from_toml(found.to_toml(), allow_unprotected=True)
    assert again == found
    assert again.hash == found.hash


def _check_listed(rows: Iterator[object]) -> None:
    for row in islice(rows, _MOST_ROWS):
        if isinstance(row, Found):
            assert Path(row.source).resolve() == (FOLDER / row.name).resolve()
            assert FOLDER.resolve() in Path(row.source).resolve().parents


def _listed(read: Callable[[], Iterator[object]]) -> None:
    with contextlib.suppress(InputError):
        _check_listed(read())


def csv_list(data: bytes) -> None:
    """Rows of a table lie in the root or are left out."""
    path = _written(data, "list.csv")
    _listed(lambda: lists.read_csv(path, FOLDER, "speaker", None))


def jsonl_list(data: bytes) -> None:
    """Lines of a manifest lie in the root or are left out."""
    path = _written(data, "list.jsonl")
    _listed(lambda: lists.read_jsonl(path, FOLDER, "speaker", None))


def kaldi_list(data: bytes) -> None:
    """Lines of Kaldi's tables lie in the root or are left out; a zero byte parts the two tables."""
    scp, _, speakers = data.partition(b"\0")
    _written(scp, "wav.scp")
    _written(speakers, "utt2spk")
    _listed(lambda: lists.read_kaldi(FOLDER, FOLDER))


def plan(data: bytes) -> None:
    """A plan of an archive is read whole or refused."""
    with (
        contextlib.suppress(InputError),
        Manifest.open(_written(data, "plan.db")) as manifest,
    ):
        for rows in (manifest, manifest.left_out()):
            for _ in islice(rows, _MOST_ROWS):
                pass


def description(data: bytes) -> None:
    """A stored description is refused, or coding it again gives what was read.

    The checksum is made right first, or no other byte would ever be looked at.
    """
    body = data[:-_SUM_BYTES]
    for whole in (data, body + blake2b(body, digest_size=_SUM_BYTES).digest()):
        try:
            level, chunks = unpack(whole)
            if level is Level.MEASURES:
                measures.from_chunks(chunks)
                continue
            read = abstraction.from_chunks(chunks)
        except (RecordingError, SecretError):
            continue
        content = abstraction.content_of(read)
        assert abstraction.abstraction_of(content) == read


def header(data: bytes) -> None:
    """What a container states is within the limits, or it is refused."""
    try:
        with Source(_written(data, "recording")) as source:
            facts = inspect(source)
    except RecordingError as error:
        assert "\n" not in str(error), "an error of several lines"
        return
    assert 1 <= facts.channels <= MAX_CHANNELS
    assert facts.rate_hz is None or MIN_RATE_HZ <= facts.rate_hz <= MAX_RATE_HZ
    for count in (facts.frames, facts.frames_at_most, facts.frames_at_least):
        assert count is None or count >= 0


def _check_blocks(reader: AudioReader) -> None:
    done = 0
    for block in islice(reader.blocks(4_096), _MOST_BLOCKS):
        assert block.dtype == np.float32
        assert block.shape[0] == reader.channels
        assert math.isfinite(float(np.abs(block).max()))
        done += block.shape[1]
    assert done <= reader.declared_frames


def recording(data: bytes) -> None:
    """What is decoded is finite and as long as was said, or refused."""
    try:
        with AudioReader(_written(data, "recording"), max_duration_s=600.0) as reader:
            _check_blocks(reader)
    except RecordingError as error:
        assert "\n" not in str(error), "an error of several lines"


def salvage(data: bytes) -> None:
    """What is left of a damaged recording is so, too; only a damaged one is salvaged."""
    path = _written(data, "recording")
    try:
        with AudioReader(path, max_duration_s=600.0) as reader:
            _check_blocks(reader)
            return
    except RecordingError as error:
        problem = error
    try:
        with SalvagingReader(path, problem, max_duration_s=600.0) as reader:
            _check_blocks(reader)
            assert reader.salvage is not None
            assert "\n" not in str(reader.salvage)
            assert 0 < reader.salvage.kept_s <= 600.0
    except RecordingError as error:
        assert "\n" not in str(error), "an error of several lines"


PARSERS: dict[str, Callable[[bytes], None]] = {
    parser.__name__: parser
    for parser in (
        recipe,
        csv_list,
        jsonl_list,
        kaldi_list,
        plan,
        description,
        header,
        recording,
        salvage,
    )
}
