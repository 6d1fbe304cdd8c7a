"""Recordings on disk become descriptions, and descriptions recordings: files, verbs, failures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from json_output import json_lines
from sounds import clip, clip_names, speech

import voiceanon
from voiceanon.container.voa import Level
from voiceanon.errors import CheckError, DestinationError, RecordingError
from voiceanon.measures import Measures, measure
from voiceanon.storage import abstract_file, files, load, read_collection, render_file

RATE = 16_000
SECRET = bytes(range(32))
DATA = Path(__file__).parents[1] / "voiceanon" / "samples"
NEAR_THE_GATE = "2300-131720-0038.flac"  # held in some voices of bottleneck
NAME = f"{Path(clip_names()[1]).stem}.flac"


@pytest.fixture(name="program")
def _program(voiceanon: Callable[..., object]) -> Callable[..., object]:
    """The command line, in this process; here the package itself has that name."""
    return voiceanon


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "in" / NAME
    path.parent.mkdir()
    path.write_bytes((DATA / NAME).read_bytes())
    return path


def test_a_file_holds_what_the_array_holds_and_is_spoken_as_the_recording_is(
    recording: Path, tmp_path: Path
) -> None:
    done = abstract_file(recording, tmp_path / "one.voa", secret=SECRET, recording="one")
    assert (done.check, done.channels, done.redraws) == ("pass", 1, 0)
    samples, rate = soundfile.read(recording, dtype="float32")
    described = voiceanon.Abstraction.load(tmp_path / "one.voa")
    assert described == voiceanon.abstract(samples, rate, SECRET, recording="one")
    rendered = render_file(
        tmp_path / "one.voa", tmp_path / "spoken.flac", secret=SECRET, recording="one"
    )
    assert rendered.frames == len(samples)
    voiceanon.Anonymizer("plain", SECRET).file(recording, tmp_path / "direct.flac", recording="one")
    assert (tmp_path / "spoken.flac").read_bytes() == (tmp_path / "direct.flac").read_bytes()


def test_rendering_again_is_another_voice(recording: Path, tmp_path: Path) -> None:
    abstract_file(recording, tmp_path / "one.voa")
    for name in ("a.wav", "b.wav"):
        render_file(tmp_path / "one.voa", tmp_path / name)
    assert (tmp_path / "a.wav").read_bytes() != (tmp_path / "b.wav").read_bytes()


def test_each_channel_has_a_file_of_its_own(tmp_path: Path) -> None:
    one, _ = clip(clip_names()[0])
    other, _ = clip(clip_names()[2])
    count = min(len(one), len(other))
    soundfile.write(tmp_path / "two.wav", np.stack([one[:count], other[:count]], 1), RATE)
    done = abstract_file(tmp_path / "two.wav", tmp_path / "two.voa", secret=SECRET)
    assert done.channels == 2
    assert done.check == "pass"
    found = [voiceanon.Abstraction.load(tmp_path / f"two.{c}.voa") for c in (1, 2)]
    assert found[0] != found[1]
    assert not (tmp_path / "two.voa").exists()
    # One name is taken: then neither is written.
    with pytest.raises(DestinationError, match="already exists"):
        abstract_file(tmp_path / "two.wav", tmp_path / "two.voa")
    (tmp_path / "two.1.voa").unlink()
    with pytest.raises(DestinationError, match="already exists"):
        abstract_file(tmp_path / "two.wav", tmp_path / "two.voa")
    assert not (tmp_path / "two.1.voa").exists()


def test_measures_are_those_of_the_recording(recording: Path, tmp_path: Path) -> None:
    done = abstract_file(recording, tmp_path / "one.voa", level=Level.MEASURES)
    assert done.check == "not checked"
    samples, rate = soundfile.read(recording, dtype="float32")
    held = load(tmp_path / "one.voa")
    assert held == measure(samples, rate)
    assert isinstance(held, Measures)
    assert held.values["speech_rate_syllables_per_s"] == pytest.approx(4, abs=2)
    with pytest.raises(RecordingError, match="measures alone"):
        render_file(tmp_path / "one.voa", tmp_path / "spoken.flac")
    assert not (tmp_path / "spoken.flac").exists()


@pytest.mark.parametrize("name", clip_names()[:3])
def test_a_description_measures_about_what_its_recording_does(name: str) -> None:
    samples, rate = clip(name)
    before, after = measure(samples, rate).values, voiceanon.abstract(samples, rate).measures.values
    for what, tolerance in (
        ("speech_rate_syllables_per_s", 0.6),
        ("phonation_ratio", 0.1),
        ("pause_rate_per_s", 0.25),
    ):
        assert after[what] == pytest.approx(before[what], abs=tolerance)
    assert after["f0_range_semitones"] is None


class Spoilt:
    """Describes, and leaves no unit in the first descriptions it gives."""

    def __init__(self, spoilt: int) -> None:
        self.spoilt = spoilt
        self.labels: list[str] = []
        self.describe = files._described

    def __call__(self, passes, recipe, labels, profiles):  # type: ignore[no-untyped-def]
        self.labels.append(labels.recording)
        made = self.describe(passes, recipe, labels, profiles)
        if len(self.labels) > self.spoilt:
            return made
        return [replace(one, units=np.zeros_like(one.units)) for one in made]


@pytest.mark.parametrize("spoilt", [0, 1, 2])
def test_another_accent_is_drawn_until_one_passes(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoilt: int
) -> None:
    describe, told = Spoilt(spoilt), []
    monkeypatch.setattr(files, "_described", describe)
    done = abstract_file(
        recording,
        tmp_path / "one.voa",
        secret=SECRET,
        recording="one",
        progress=lambda *at: told.append(at),
    )
    assert (done.check, done.redraws) == ("pass", spoilt)
    assert describe.labels == ["one", "one#1", "one#2"][: spoilt + 1]
    assert load(tmp_path / "one.voa").units.any()
    assert told[-1][0] == told[-1][1]
    assert max(at / total for at, total in told) == 1.0


def test_where_no_accent_passes_it_is_held_and_without_one_none_is_drawn(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for recipe, tried in (("plain", 3), ("bottleneck", 1)):
        describe = Spoilt(99)
        monkeypatch.setattr(files, "_described", describe)
        with pytest.raises(CheckError) as caught:
            abstract_file(recording, tmp_path / "one.voa", recipe=recipe)
        assert len(describe.labels) == tried
        assert ("the last of 3 accents" in str(caught.value)) == (tried == 3)
        assert not (tmp_path / "one.voa").exists()


def test_what_cannot_be_checked_is_held_and_leaves_nothing(tmp_path: Path) -> None:
    draws = np.random.default_rng(4)  # only a test's noise
    noise = (0.05 * draws.standard_normal(5 * RATE)).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", noise, RATE)
    with pytest.raises(CheckError):
        abstract_file(tmp_path / "noise.wav", tmp_path / "noise.voa")
    assert [path.name for path in tmp_path.iterdir()] == ["noise.wav"]
    done = abstract_file(tmp_path / "noise.wav", tmp_path / "noise.voa", check=False)
    assert done.check == "not checked"


def test_a_damaged_recording_and_a_wrong_name_leave_nothing(
    recording: Path, tmp_path: Path
) -> None:
    recording.write_bytes(recording.read_bytes()[:-2000])
    with pytest.raises(RecordingError):
        abstract_file(recording, tmp_path / "one.voa")
    with pytest.raises(DestinationError, match="suffix"):
        abstract_file(recording, tmp_path / "one.flac")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_progress_counts_every_pass(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech(3.0), RATE)
    told: list[tuple[int, int]] = []
    abstract_file(
        tmp_path / "a.wav",
        tmp_path / "a.voa",
        allow_unmeasured=True,
        check=False,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (2 * 3 * RATE, 2 * 3 * RATE)
    assert told == sorted(told)


def test_from_recordings_to_a_collection_on_the_command_line(program, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    stored, numbers, spoken = (tmp_path / name for name in ("stored", "numbers", "spoken"))
    names = [name for name in clip_names() if name != NEAR_THE_GATE]
    for name in names:
        shutil.copy(DATA / name, tmp_path / name)
    clips = [tmp_path / name for name in names]
    code, text, _ = program("abstract", *clips, "-o", stored, "--json")
    assert code == 0
    *rows, summary = json_lines(text)
    assert (summary["done"], summary["held"]) == (len(names), 0)
    assert {row["check"] for row in rows if row["status"] == "done"} == {"pass"}
    assert sorted(path.stem for path in stored.iterdir()) == sorted(
        Path(name).stem for name in names
    )
    code, _, _ = program("render", stored, "-o", spoken, "--voice", "male-high", "--format", "wav")
    assert code == 0
    assert len(list(spoken.glob("*.wav"))) == len(names)
    code, _, _ = program("abstract", *clips, "-o", numbers, "--level", "measures")
    assert code == 0
    table = tmp_path / "numbers.parquet"
    code, text, _ = program("collect", numbers, "-o", table, "--k", "3", "--json")
    assert (code, json.loads(text)["rows"]) == (0, len(names))
    found = dict(read_collection(table))
    assert not set(found) & {path.stem for path in stored.iterdir()}
    values = list(found.values())
    assert all(values.count(held) >= 3 for held in values)
    code, _, said = program("collect", stored, "-o", tmp_path / "c.parquet", "--k", "3")
    assert code == 2
    assert "content cannot be coarsened" in said
    assert not (tmp_path / "c.parquet").exists()


def test_a_key_is_needed_again(program, recording: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("STORE_KEY", SECRET.hex())
    stored = tmp_path / "one.voa"
    code, _, _ = program("abstract", recording, "-o", stored, "--key", "env:STORE_KEY")
    assert code == 0
    code, _, said = program("describe", stored)
    assert code == 5
    assert SECRET.hex() not in said
    code, text, _ = program("describe", stored, "--key", "env:STORE_KEY", "--json")
    assert code == 0
    facts = json.loads(text)
    assert facts["level"] == "content"
    assert facts["stored_bits_per_second"] < 700
    assert facts["measures"]["phonation_ratio"] > 0.5
    monkeypatch.setenv("STORE_KEY", bytes(32).hex())
    code, _, _ = program("render", stored, "-o", tmp_path / "o.flac", "--key", "env:STORE_KEY")
    assert code == 5
    assert not (tmp_path / "o.flac").exists()


def test_a_description_is_drawn(program, recording: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("matplotlib")
    program("abstract", recording, "-o", tmp_path / "one.voa")
    code, _, said = program("describe", tmp_path / "one.voa", "--plot", tmp_path / "one.png")
    assert code == 0, said
    assert (tmp_path / "one.png").read_bytes()[1:4] == b"PNG"
    code, _, said = program("describe", tmp_path / "one.voa", "--plot", tmp_path / "one.txt")
    assert code == 2
    assert ".png" in said


def test_files_that_are_no_descriptions_fail_alone(
    program, recording: Path, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "stored"
    folder.mkdir()
    (folder / "bad.voa").write_bytes(b"\x89VOA\r\n\x1a\nnothing")
    (folder / "note.txt").write_text("no description")
    abstract_file(recording, folder / "good.voa")
    code, text, _ = program("render", folder, "-o", tmp_path / "out", "--json")
    assert code == 3
    rows = json_lines(text)
    status = {Path(row["source"]).name: row["status"] for row in rows[:-1]}
    assert status == {"bad.voa": "failed", "good.voa": "done", "note.txt": "skipped"}
