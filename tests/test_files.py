"""Files in, files out: nothing lost, nothing copied, nothing half-written, no input overwritten."""

import functools
import os
import stat
import tracemalloc
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import soundfile
from fake_anonymizer import FakeAnonymizer, FakeStream

from voiceanon import files
from voiceanon.anonymizer import Anonymizer
from voiceanon.cli.doctor import largest_correlation
from voiceanon.errors import DestinationError, InputError, RecordingError
from voiceanon.file_plan import make_folder, refuse_existing
from voiceanon.files import plan_files
from voiceanon.recipe import Recipe

RATE = 16_000
DATA = Path(__file__).parents[1] / "voiceanon" / "samples"
SPEECH = sorted(DATA.glob("*.flac"))
SECRET = bytes(32)


# The stand-in speaks noise: what the gate does with outputs is told in test_gate.py.
anonymize_file = functools.partial(files.anonymize_file, check=False)


def touch(path, content=b"RIFF....WAVE"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_bundled_speech_is_three_women_and_three_men():
    rows = (DATA / "metadata.csv").read_text().splitlines()[1:]
    assert [row.split(",")[2] for row in rows] == ["F", "F", "F", "M", "M", "M"]
    assert len({row.split(",")[1] for row in rows}) == 6
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 1_000_000
    for row in rows:
        utterance, *_, duration_s, rate, _, _ = row.split(",")
        info = soundfile.info(DATA / f"{utterance}.flac")
        assert (info.samplerate, info.duration) == (int(rate), pytest.approx(float(duration_s)))


@pytest.mark.parametrize("suffix", [".flac", ".wav"])
@pytest.mark.parametrize("source", SPEECH, ids=lambda path: path.stem)
def test_a_recording_becomes_another_of_the_same_length(tmp_path, source, suffix):
    before = source.read_bytes()
    result = anonymize_file(FakeAnonymizer(), source, tmp_path / f"out{suffix}")
    old, old_rate = soundfile.read(source)
    new, new_rate = soundfile.read(result.destination)
    assert (new.shape, new_rate) == (old.shape, old_rate)
    assert (result.frames, result.rate, result.channels) == (len(old), RATE, 1)
    assert result.duration_s == len(old) / RATE
    assert result.check == "not checked"
    assert largest_correlation(old, new) < 0.2
    assert source.read_bytes() == before
    assert list(tmp_path.iterdir()) == [result.destination]


def test_file_equals_array(tmp_path):
    samples, _ = soundfile.read(SPEECH[0], dtype="float32")
    source = tmp_path / "x.flac"
    source.write_bytes(SPEECH[0].read_bytes())
    anonymizer = FakeAnonymizer(secret=SECRET)
    result = anonymize_file(anonymizer, source, tmp_path / "out.wav", recording="")
    whole = anonymizer(samples, RATE)
    delivered, _ = soundfile.read(result.destination, dtype="float32")
    assert np.abs(delivered - whole).max() <= 1.5 * 2**-15


def test_same_secret_and_label_same_bytes(tmp_path):
    def run(name, secret, label):
        path = tmp_path / name
        anonymize_file(FakeAnonymizer(secret=secret), SPEECH[0], path, recording=label)
        return path.read_bytes()

    first = run("1.flac", SECRET, "a")
    assert run("2.flac", SECRET, "a") == first
    assert run("3.flac", SECRET, "b") != first
    assert run("4.flac", bytes(31) + b"\1", "a") != first


def test_a_recipe_that_draws_a_voice_a_speaker_takes_the_label_through_files(tmp_path):
    recipe = Recipe(name="theirs", voice_draw="speaker")
    anonymizer = Anonymizer(recipe, secret=SECRET)

    def run(name, **labels):
        anonymizer.file(SPEECH[0], tmp_path / name, **labels)
        return (tmp_path / name).read_bytes()

    with pytest.raises(InputError, match="give the label `speaker`"):
        anonymizer.file(SPEECH[0], tmp_path / "0.wav", recording="a")
    assert not (tmp_path / "0.wav").exists()
    first = run("1.wav", recording="a", speaker="anna")
    assert run("2.wav", recording="a", speaker="anna") == first
    assert run("3.wav", recording="a", speaker="bert") != first
    whole, rate = soundfile.read(SPEECH[0], dtype="float32")
    made = anonymizer(whole, rate, recording="a", speaker="anna")
    delivered, _ = soundfile.read(tmp_path / "1.wav", dtype="float32")
    assert np.abs(delivered - made).max() <= 1.5 * 2**-15


def test_progress_counts_both_passes_to_the_end(tmp_path):
    calls = []
    result = anonymize_file(
        FakeAnonymizer(),
        SPEECH[0],
        tmp_path / "out.flac",
        progress=lambda done, total: calls.append((done, total)),
    )
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert calls[-1] == (2 * result.frames, 2 * result.frames)


class _Failing(FakeAnonymizer):
    """An engine whose stream does something wrong."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault

    def stream(self, rate, channels=1, **options):
        fault = self.fault
        inner = super().stream(rate, channels, **options)

        class Stream(FakeStream):
            def __init__(self):
                pass

            def process(self, chunk):
                result = inner.process(chunk)
                if fault == "raises":
                    raise ZeroDivisionError
                if fault == "interrupted":
                    raise KeyboardInterrupt
                if fault == "nan":
                    result[0, 0] = np.nan
                return result[:, 1:] if fault == "short" else result

            def finish(self):
                result = inner.finish()
                return np.repeat(result, 3, axis=1) if fault == "long" else result

        return Stream()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("raises", ZeroDivisionError),
        ("interrupted", KeyboardInterrupt),
        ("nan", RecordingError),
        ("short", RecordingError),
        ("long", RecordingError),
    ],
)
def test_an_engine_that_fails_leaves_nothing(tmp_path, fault, error):
    with pytest.raises(error):
        anonymize_file(_Failing(fault), SPEECH[0], tmp_path / "out.flac")
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_fails_keeps_what_was_there(tmp_path):
    path = touch(tmp_path / "out.flac", b"precious")
    with pytest.raises(ZeroDivisionError):
        anonymize_file(_Failing("raises"), SPEECH[0], path, overwrite=True)
    assert path.read_bytes() == b"precious"


def test_one_sample_is_too_few(tmp_path):
    soundfile.write(tmp_path / "one.wav", np.array([0.5]), RATE)
    with pytest.raises(RecordingError, match="1 sample"):
        anonymize_file(FakeAnonymizer(), tmp_path / "one.wav", tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()


def test_the_recording_itself_is_never_the_destination(tmp_path):
    source = tmp_path / "a.flac"
    source.write_bytes(SPEECH[0].read_bytes())
    before = source.read_bytes()
    hard_link, soft_link = tmp_path / "hard.flac", tmp_path / "soft.flac"
    os.link(source, hard_link)
    soft_link.symlink_to(source)
    for destination in (source, hard_link, soft_link):
        for overwrite in (False, True):
            with pytest.raises(DestinationError):
                anonymize_file(FakeAnonymizer(), source, destination, overwrite=overwrite)
    assert source.read_bytes() == before


def test_memory_does_not_grow_with_the_recording(tmp_path):
    peaks = []
    for seconds in (20, 100):
        source = tmp_path / f"{seconds}.flac"
        soundfile.write(source, np.random.default_rng(1).uniform(-0.1, 0.1, seconds * RATE), RATE)
        tracemalloc.start()
        anonymize_file(FakeAnonymizer(), source, tmp_path / f"{seconds}.out.flac")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_folder_is_mirrored_and_everything_is_counted(tmp_path):
    folder = tmp_path / "in"
    for name in ("b.wav", "a.mp3", "sub/deep/c.FLAC", "no-suffix", "part.wav.part"):
        touch(folder / name)
    touch(folder / "broken.ogg", b"not audio, but named like it")
    touch(folder / ".hidden.wav")
    touch(folder / ".git/x.wav")
    touch(folder / "notes.txt", b"hello")
    (folder / "link.wav").symlink_to(folder / "b.wav")
    (folder / "linked").symlink_to(folder / "sub")
    os.mkfifo(folder / "pipe.wav")
    plan = plan_files([folder], tmp_path / "out")
    outputs = [job.destination.relative_to(tmp_path / "out").as_posix() for job in plan.jobs]
    assert outputs == [
        "a.flac",
        "b.flac",
        "broken.flac",
        "no-suffix.flac",
        "part.wav.part.flac",
        "sub/deep/c.flac",
    ]
    assert [job.recording for job in plan.jobs][-1] == "sub/deep/c.FLAC"
    reasons = {left.source.name: (left.status, left.reason) for left in plan.left_out}
    assert reasons == {
        ".git": ("skipped", "hidden"),
        ".hidden.wav": ("skipped", "hidden"),
        "notes.txt": ("skipped", "not audio"),
        "link.wav": ("skipped", "symbolic link"),
        "linked": ("skipped", "symbolic link"),
        "pipe.wav": ("skipped", "not a regular file"),
    }
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_read_is_a_failure_not_a_silence(tmp_path, monkeypatch):
    folder = tmp_path / "in"
    touch(folder / "ok.wav")
    touch(folder / "locked" / "x.wav")
    true_scandir = os.scandir

    def scandir(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return true_scandir(path)

    monkeypatch.setattr(os, "scandir", scandir)
    plan = plan_files([folder], tmp_path / "out")
    assert len(plan.jobs) == 1
    assert [(left.source.name, left.status) for left in plan.left_out] == [("locked", "failed")]


def test_names_that_would_be_equal_are_numbered(tmp_path):
    folder = tmp_path / "in"
    for name in ("a.flac", "a.mp3", "A.wav", "a-2.wav", "sub/a.wav"):
        touch(folder / name)
    plan = plan_files([folder], tmp_path / "out", suffix=".wav")
    by_source = {job.recording: job.destination.name for job in plan.jobs}
    assert by_source == {
        "A.wav": "A.wav",
        "a-2.wav": "a-2.wav",
        "a.flac": "a-3.wav",
        "a.mp3": "a-4.wav",
        "sub/a.wav": "a.wav",
    }


NAMES = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=8
).filter(lambda name: not name.startswith(".") and len(name.encode()) < 200)


@hypothesis.given(names=st.lists(NAMES, min_size=1, max_size=8, unique=True))
def test_every_file_gets_a_name_of_its_own_that_can_be_printed(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("names")
    for name in names:
        touch(folder / "in" / f"{name}.wav")
    plan = plan_files([folder / "in"], folder / "out")
    assert len(plan.jobs) == len(names)
    folded = {str(job.destination.name).casefold() for job in plan.jobs}
    assert len(folded) == len(names)
    for job in plan.jobs:
        assert job.destination.name.isprintable()
        assert job.destination.parent == folder / "out"
        assert job.destination.suffix == ".flac"


def test_undecodable_names_are_done_too(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    name = os.fsdecode(b"caf\xe9\x1b[2J.flac")
    (folder / name).write_bytes(SPEECH[0].read_bytes())
    (job,) = plan_files([folder], tmp_path).jobs
    assert job.destination.name == "caf__[2J.flac"
    result = anonymize_file(FakeAnonymizer(), job.source, job.destination, recording=job.recording)
    assert result.frames == soundfile.info(SPEECH[0]).frames


def test_one_file_may_become_one_file(tmp_path):
    source = touch(tmp_path / "a.mp3")
    (job,) = plan_files([source], tmp_path / "out.wav").jobs
    assert job.destination == tmp_path / "out.wav"
    (job,) = plan_files([source], tmp_path / "new").jobs
    assert job.destination == tmp_path / "new" / "a.flac"
    (tmp_path / "folder.wav").mkdir()
    (job,) = plan_files([source], tmp_path / "folder.wav").jobs
    assert job.destination == tmp_path / "folder.wav" / "a.flac"
    with pytest.raises(InputError, match="does not end in .flac"):
        plan_files([source], tmp_path / "out.wav", suffix=".flac")


def test_several_inputs_get_folders_of_their_own(tmp_path):
    touch(tmp_path / "monday" / "a.wav")
    touch(tmp_path / "tuesday" / "a.wav")
    single = touch(tmp_path / "a.wav")
    inputs = [tmp_path / "monday", tmp_path / "tuesday", single, tmp_path / "monday" / "a.wav"]
    plan = plan_files(inputs, tmp_path / "out")
    assert [job.recording for job in plan.jobs] == ["monday/a.wav", "tuesday/a.wav", "a.wav"]
    assert [left.reason for left in plan.left_out] == ["given twice"]
    assert len({job.destination for job in plan.jobs}) == 3


def test_outputs_never_land_among_the_inputs(tmp_path):
    folder = tmp_path / "in"
    source = touch(folder / "a.flac")
    alias = tmp_path / "alias"
    alias.symlink_to(folder)
    for out in (folder, folder / "out", folder / "x" / "y", alias, alias / "out"):
        with pytest.raises(DestinationError):
            plan_files([folder], out)
    with pytest.raises(DestinationError):
        plan_files([source], source)
    assert plan_files([folder], tmp_path / "in-anonymous").jobs


def test_missing_inputs_and_odd_formats_are_usage_errors(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        plan_files([tmp_path / "nothing"], tmp_path / "out")
    with pytest.raises(InputError, match="format"):
        plan_files([tmp_path], tmp_path / "out", suffix=".mp3")


def test_a_link_given_by_name_is_a_failure(tmp_path):
    link = tmp_path / "link.wav"
    link.symlink_to(SPEECH[0])
    plan = plan_files([link], tmp_path / "out")
    assert [(left.status, left.reason) for left in plan.left_out] == [
        ("failed", "is a symbolic link; links are not followed")
    ]
    assert not plan.jobs


def test_existing_outputs_are_refused_at_once(tmp_path):
    folder = tmp_path / "in"
    touch(folder / "a.wav")
    touch(folder / "b.wav")
    plan = plan_files([folder], tmp_path / "out")
    refuse_existing(plan)
    touch(tmp_path / "out" / "b.flac")
    with pytest.raises(DestinationError, match="1 of 2"):
        refuse_existing(plan)


def test_folders_are_for_their_owner_only(tmp_path):
    old = os.umask(0o022)
    try:
        make_folder(tmp_path / "a" / "b")
        make_folder(tmp_path / "a" / "b")
    finally:
        os.umask(old)
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    touch(tmp_path / "file")
    with pytest.raises(DestinationError):
        make_folder(tmp_path / "file" / "sub")
    with pytest.raises(DestinationError):
        make_folder(tmp_path / "file")
