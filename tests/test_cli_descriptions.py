"""Descriptions on the command line and in files: what is told, and one line for what is none."""

import json
import struct

import numpy as np
import pytest
from golden_features import CLIP
from sounds import clip

from voiceanon import Measures, Recipe, abstract, measures
from voiceanon.cli import app
from voiceanon.cli.exit_codes import INTERRUPTED, UNEXPECTED
from voiceanon.errors import DestinationError, InputError, RecordingError
from voiceanon.storage import files

COUNTED = Measures.of({"mean_pause_s": 0.7}, length_s=20, transcript="yes")


@pytest.fixture
def stored(tmp_path):
    """Return a folder with a description and with measures alone."""
    folder = tmp_path / "stored"
    folder.mkdir()
    abstract(*clip(CLIP)).save(folder / "content.voa")
    COUNTED.save(folder / "numbers.voa")
    return folder


def test_describe_tells_measures_alone_and_draws_nothing_of_them(
    voiceanon,
    stored,
    tmp_path,
):
    code, out, _ = voiceanon("describe", stored / "numbers.voa", "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["level"], told["transcript"], told["length_s"]) == ("measures", "yes", 20)
    assert told["measures"]["mean_pause_s"] == 0.7
    assert told["bytes"] == (stored / "numbers.voa").stat().st_size
    plot = tmp_path / "numbers.png"
    code, _, err = voiceanon("describe", stored / "numbers.voa", "--plot", plot)
    assert code == InputError.exit_code
    assert "holds measures alone: there is nothing to draw" in err
    assert not plot.exists()


def test_describe_names_the_recipe_where_it_comes_with_the_package(voiceanon, stored, tmp_path):
    def told(path):
        code, out, _ = voiceanon("describe", path, "--json", "--plot", path.with_suffix(".png"))
        assert code == 0
        assert path.with_suffix(".png").stat().st_size > 1000
        return json.loads(out)

    pytest.importorskip("matplotlib")
    assert told(stored / "content.voa")["recipe_name"] == "plain"
    own = Recipe(name="own", removal="bottleneck", pitch_levels=3)
    abstract(*clip(CLIP), recipe=own).save(tmp_path / "own.voa")
    of_own = told(tmp_path / "own.voa")
    assert (of_own["recipe_name"], of_own["recipe"]) == (None, own.hash[:16])


def test_collect_counts_and_calls_rows_as_asked(voiceanon, stored, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    (stored / "notes.txt").write_text("no description")
    out_path = tmp_path / "all.parquet"
    code, out, _ = voiceanon("collect", stored, "-o", out_path, "--keep-names")
    assert code == 0
    told = f"2 descriptions in {out_path} · 1 files skipped"
    assert told.replace(" ", "") in "".join(out.split())  # a long path is folded anywhere
    assert parquet.read_table(out_path)["id"].to_pylist() == ["content.voa", "numbers.voa"]
    keyed = tmp_path / "keyed.parquet"
    assert voiceanon("collect", stored, "-o", keyed)[0] == 0
    ids = parquet.read_table(keyed)["id"].to_pylist()
    assert len(set(ids)) == 2
    assert not any("voa" in name for name in ids)


def test_collect_refuses_what_it_cannot_read_and_leaves_nothing(
    voiceanon,
    stored,
    tmp_path,
):
    pytest.importorskip("pyarrow")
    (tmp_path / "none").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("no description")
    content = bytearray((stored / "content.voa").read_bytes())
    content[len(content) // 2] ^= 1
    (stored / "damaged.voa").write_bytes(content)
    out = tmp_path / "all.parquet"
    for source, said in (
        (tmp_path / "none", "no descriptions found: the folder is empty"),
        (tmp_path / "other", "no descriptions found; the first of 1 left out: notes.txt"),
        (stored, "damaged.voa: "),
    ):
        code, told, err = voiceanon("collect", source, "-o", out)
        assert code != 0
        assert not told
        assert said in " ".join(err.split())
        assert not out.exists()


def test_of_several_channels_all_are_stored_or_none(tmp_path, monkeypatch):
    usual, paths = Measures.save, [tmp_path / f"talk_{n}.voa" for n in (1, 2, 3)]

    def fails(self, path, **options):
        if path == paths[2]:
            raise DestinationError("cannot be written: No space left on device")
        usual(self, path, **options)

    monkeypatch.setattr(Measures, "save", fails)
    with pytest.raises(DestinationError, match="No space left"):
        files._save_all([COUNTED] * 3, paths, None, False)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    files._save_all([COUNTED] * 3, paths, None, False)
    assert sorted(tmp_path.iterdir()) == paths


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ZeroDivisionError("/secret/name.wav"), UNEXPECTED, "unexpected ZeroDivisionError"),
        (KeyboardInterrupt(), INTERRUPTED, "interrupted"),
        (InputError("too much"), InputError.exit_code, "too much"),
    ],
)
def test_whatever_happens_is_one_line_and_an_exit_code(
    voiceanon,
    monkeypatch,
    error,
    code,
    said,
):
    def fails(**_options):
        raise error

    monkeypatch.setattr(app, "app", fails)
    got, out, err = voiceanon("doctor")
    assert (got, out) == (code, "")
    assert len(err.strip().splitlines()) == 1
    assert said in err
    assert "/secret" not in err  # what it is about may be somebody's name
    if not isinstance(error, KeyboardInterrupt):
        with pytest.raises(type(error)):
            app.main(["--debug", "doctor"])


def test_measures_are_of_one_voice():
    with pytest.raises(InputError, match="has 2 channels: measures are of one voice"):
        measures.measure(np.zeros((2, 16_000), np.float32), 16_000)


def test_measures_whose_sums_are_right_and_whose_content_is_not_are_damaged():
    body = measures._chunks_of(COUNTED)[b"MEAS"]
    assert measures.from_chunks({b"MEAS": body, b"TEXT": b"yes"}) == COUNTED
    head = measures._HEAD.size
    place, k, count = measures._HEAD.unpack_from(body)
    one = 1 + body[head] + 8  # a length, a name and a float
    twice = measures._HEAD.pack(place, k, count + 1) + body[head:] + body[head : head + one]
    for content, said in (
        ({b"MEAS": twice}, "twice"),
        ({b"MEAS": body + b"\0"}, "bytes follow its measures"),
        ({b"MEAS": body[:-1]}, "cannot be read"),
        ({b"MEAS": b""}, "cannot be read"),
        ({b"MEAS": body, b"TEXT": b"\xff"}, "cannot be read"),
        ({b"MEAS": body.replace(struct.pack("<d", 0.7), struct.pack("<d", 0.7001))}, "mean_pause"),
    ):
        with pytest.raises(RecordingError, match=f"is damaged: .*{said}"):
            measures.from_chunks(content)
