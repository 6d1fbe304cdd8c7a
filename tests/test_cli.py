"""The command line: exit codes, JSON that a script can rely on, and clean ends."""

import importlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fake_anonymizer import FakeAnonymizer
from json_output import json_lines
from recordings_by_kind import frame_starts

from voiceanon._engine import built_levels, usable_levels
from voiceanon.cli.app import main
from voiceanon.cli.doctor import largest_correlation
from voiceanon.cli.terminal import printable

ROOT = Path(__file__).parents[1]
FAKE = Path(__file__).parent / "fake_anonymizer.py"
SPEECH = sorted((Path(__file__).parents[1] / "voiceanon" / "samples").glob("*.flac"))

RECORDING_KEYS = {
    "type", "source", "destination", "status", "reason", "frames", "rate_hz", "channels",
    "duration_s", "elapsed_s", "check", "redraws", "measures",
    "salvaged",
}  # fmt: skip
SUMMARY_KEYS = {
    "type", "inputs", "done", "held", "failed", "empty", "skipped", "interrupted", "audio_s",
    "elapsed_s", "recipe", "checks", "salvaged",
}  # fmt: skip


@pytest.fixture
def fake(voiceanon, monkeypatch):
    """Run the program with the stand-in engine."""
    monkeypatch.setattr("voiceanon.anonymizer.Anonymizer", FakeAnonymizer)

    def run(verb, *arguments):
        # The stand-in speaks noise, which the gate would hold.
        return voiceanon(verb, *arguments, *(["--no-check"] if verb == "anonymize" else []))

    return run


@pytest.fixture
def recordings(tmp_path):
    """A folder with two good recordings, a broken one, an empty one and one that is no audio."""
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "good.flac").write_bytes(SPEECH[0].read_bytes())
    samples, rate = soundfile.read(SPEECH[1])
    soundfile.write(folder / "sub" / "good.ogg", samples, rate)
    (folder / "only-broken").mkdir()
    (folder / "only-broken" / "broken.wav").write_bytes(b"RIFF\0\0\0\0WAVEnonsense")
    soundfile.write(folder / "empty.wav", np.zeros(0), rate)
    (folder / "notes.txt").write_text("no audio")
    return folder


def files_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def test_one_bad_file_never_stops_the_run(fake, recordings, tmp_path):
    code, out, _ = fake("anonymize", recordings, "-o", tmp_path / "out", "--json")
    assert code == 3
    *rows, summary = json_lines(out)
    assert all(set(row) == RECORDING_KEYS for row in rows)
    assert set(summary) == SUMMARY_KEYS
    status = {Path(row["source"]).name: row["status"] for row in rows}
    assert status == {
        "good.flac": "done",
        "good.ogg": "done",
        "broken.wav": "failed",
        "empty.wav": "empty",
        "notes.txt": "skipped",
    }
    assert [summary[key] for key in ("done", "failed", "empty", "skipped", "inputs")] == [
        2, 1, 1, 1, 5,
    ]  # fmt: skip
    assert files_below(tmp_path / "out") == ["good.flac", "sub/good.flac"]
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == ["sub"]
    for row in rows:
        assert (row["reason"] is None) == (row["status"] == "done")
        if row["status"] == "done":
            info = soundfile.info(row["destination"])
            assert (info.frames, info.samplerate) == (row["frames"], row["rate_hz"])
    assert summary["audio_s"] == pytest.approx(sum(row["duration_s"] or 0 for row in rows))


def test_no_claim_is_made_about_what_was_not_checked(fake, recordings, tmp_path):
    _, out, _ = fake("anonymize", recordings, "-o", tmp_path / "out", "--json")
    *rows, summary = json_lines(out)
    assert {row["check"] for row in rows} == {"not checked", None}
    assert summary["checks"] == {"not checked": 2}
    _, out, _ = fake("anonymize", recordings, "-o", tmp_path / "table")
    assert "checked: 2 not checked" in out


def test_all_good_ends_with_0_and_a_table(fake, tmp_path):
    code, out, err = fake("anonymize", *SPEECH[:2], "-o", tmp_path / "out", "--format", "wav")
    assert code == 0
    assert "2 done, 0 held, 0 failed, 0 empty, 0 skipped" in out
    assert files_below(tmp_path / "out") == [f"{path.stem}.wav" for path in SPEECH[:2]]
    assert err == ""


def test_outputs_are_for_their_owner_only(fake, tmp_path):
    fake("anonymize", SPEECH[0], "-o", tmp_path / "new" / "folder")
    for path in [tmp_path / "new", *(tmp_path / "new").rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted


def test_usage_errors_end_with_2(fake, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments in (
        ["anonymize"],
        ["anonymize", SPEECH[0]],
        ["no-such-verb"],
        ["anonymize", tmp_path / "missing.wav", "-o", tmp_path / "out"],
        ["anonymize", empty, "-o", tmp_path / "out"],
        ["anonymize", SPEECH[0], "-o", tmp_path / "out", "--recipe", "nothing-like-it"],
        ["anonymize", SPEECH[0], "-o", tmp_path / "out", "--recipe", "resynthesis"],
        ["anonymize", SPEECH[0], "-o", tmp_path / "out", "--recipe", tmp_path / "none.toml"],
        ["anonymize", SPEECH[0], "-o", tmp_path / "out", "--format", "mp3"],
    ):
        code, _, err = fake(*arguments)
        assert code == 2, arguments
        assert err
    assert not (tmp_path / "out").exists()


def test_a_recipe_comes_from_a_file(fake, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text('name = "mine"\npitch_levels = 4\n')
    code, out, _ = fake(
        "anonymize", SPEECH[0], "-o", tmp_path / "out", "--recipe", recipe, "--json"
    )
    assert code == 0
    assert json_lines(out)[-1]["recipe"] == "mine"


def test_refused_destinations_end_with_6_and_touch_nothing(fake, recordings, tmp_path):
    out_folder = tmp_path / "out"
    assert fake("anonymize", recordings, "-o", recordings)[0] == 6
    assert fake("anonymize", recordings, "-o", recordings / "deeper")[0] == 6
    fake("anonymize", recordings, "-o", out_folder)
    before = {path: path.read_bytes() for path in out_folder.rglob("*.flac")}
    code, _, err = fake("anonymize", recordings, "-o", out_folder)
    assert code == 6
    assert "already exist" in err
    assert {path: path.read_bytes() for path in out_folder.rglob("*.flac")} == before
    assert fake("anonymize", recordings, "-o", out_folder, "--overwrite")[0] == 3
    assert {path: path.read_bytes() for path in out_folder.rglob("*.flac")} != before


def test_secrets_repeat_a_run_and_bad_ones_end_with_5(fake, tmp_path):
    def run(name, secret):
        secret_file = tmp_path / "secret"
        secret_file.write_bytes(secret)
        secret_file.chmod(0o600)
        out = tmp_path / f"{name}.flac"
        code, _, err = fake("anonymize", SPEECH[0], "-o", out, "--secret-file", secret_file)
        assert (secret.hex() or "no secret") not in err
        return code, out.read_bytes() if out.exists() else None

    raw = bytes(range(32))
    first = run("1", raw)
    assert first[0] == 0
    assert run("2", raw) == first
    assert run("3", raw.hex().encode() + b"\n") == first
    assert run("4", raw[::-1])[1] != first[1]
    for name, bad in (("5", b""), ("6", raw[:31]), ("7", raw + b"\0"), ("8", b"g" * 64)):
        assert run(name, bad) == (5, None)
    code, _, _ = fake(
        "anonymize", SPEECH[0], "-o", tmp_path / "9.flac", "--secret-file", tmp_path / "none"
    )
    assert code == 5


def test_a_secret_that_others_can_read_is_noted(fake, tmp_path):
    secret_file = tmp_path / "secret"
    secret_file.write_bytes(bytes(32))
    secret_file.chmod(0o644)
    out = tmp_path / "1.flac"
    code, _, err = fake("anonymize", SPEECH[0], "-o", out, "--secret-file", secret_file)
    assert code == 0
    assert "can be read by others" in err


def test_an_unexpected_error_is_one_line_and_ends_with_1(fake, tmp_path, monkeypatch):
    def broken(self, rate, channels=1):
        raise ZeroDivisionError("at /some/inner/place")

    monkeypatch.setattr(FakeAnonymizer, "profiler", broken)
    code, out, err = fake("anonymize", *SPEECH[:2], "-o", tmp_path / "out", "--json")
    assert code == 1
    assert [row["status"] for row in json_lines(out)[:-1]] == ["failed", "failed"]
    assert "--debug" in err
    assert "/some/inner/place" not in out + err
    with pytest.raises(ZeroDivisionError):
        main(["--debug", "anonymize", str(SPEECH[0]), "-o", str(tmp_path / "out")])


def test_names_cannot_play_with_the_terminal(fake, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    evil = "a\x1b[31m\x1b]0;title\x07\n[red]b[bold]\u202ecod.wav"
    (folder / evil).write_bytes(b"RIFF\0\0\0\0WAVEnonsense")
    (folder / (evil + ".txt")).write_bytes(b"hello")
    (folder / ("good" + evil)).write_bytes(SPEECH[0].read_bytes())
    for number, options in enumerate(([], ["--json"])):
        _, out, err = fake("anonymize", folder, "-o", tmp_path / f"out{number}", *options)
        for text in (out, err):
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    _, _, err = fake("anonymize", folder / "no\x1b[2Jthing\u202e", "-o", tmp_path / "x")
    assert "\x1b" not in err
    assert "\\x1b[2J" in err


def test_printable_keeps_plain_text_and_spells_out_the_rest():
    assert printable("Jürgen – 面接.wav") == "Jürgen – 面接.wav"
    assert printable("a\r\n\t\x1b\x7f\x9b\u202e\udcff") == "a\\r\\n\\t\\x1b\\x7f\\x9b\\u202e\\udcff"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_runs_end_with_130_and_leave_only_whole_files(tmp_path, number):
    out = tmp_path / "out"
    run = subprocess.Popen(
        [
            sys.executable,
            str(FAKE),
            "anonymize",
            *map(str, SPEECH[:3]),
            "-o",
            str(out),
            "--json",
            "--no-check",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), "FAKE_DELAY_S": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first = run.stdout.readline()  # the first recording is done
        while not list(out.glob(".voiceanon-*")):
            assert run.poll() is None
            time.sleep(0.01)
        run.send_signal(number)
        rest, err = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 130
    assert json.loads(first)["status"] == "done"
    summary = json_lines(rest)[-1]
    assert (summary["interrupted"], summary["done"]) == (True, 1)
    assert "interrupted" in err
    assert "Traceback" not in err
    assert [path.name for path in out.iterdir()] == [f"{SPEECH[0].stem}.flac"]
    assert soundfile.info(out / f"{SPEECH[0].stem}.flac").frames == soundfile.info(SPEECH[0]).frames


def test_decoder_chatter_stays_off_stderr(tmp_path):
    # libmpg123 writes to descriptor 2 what it thinks of the damaged frames in the middle.
    samples, rate = soundfile.read(SPEECH[0])
    source = tmp_path / "a.mp3"
    soundfile.write(source, samples[:24_000], rate)
    content = bytearray(source.read_bytes())
    for start in frame_starts(content)[10:15]:
        content[start + 4 : start + 13] = b"\xff" * 9
    source.write_bytes(content)

    def run(*arguments):
        return subprocess.run(
            [sys.executable, str(FAKE), *map(str, arguments), "--no-check"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    quiet = run("anonymize", source, "-o", tmp_path / "quiet.wav")
    assert quiet.stderr == ""
    loud = run("--debug", "anonymize", source, "-o", tmp_path / "loud.wav")
    assert "libmpg123" in loud.stderr
    assert "does not exist" in run("anonymize", "missing", "-o", tmp_path / "out").stderr


def test_help_teaches_with_examples(voiceanon):
    for verb in ([], ["demo"], ["anonymize"], ["doctor"]):
        code, out, _ = voiceanon(*verb, "--help")
        assert code == 0
        assert "For example" in out
        assert re.search(r"^ *voiceanon (demo|anonymize|doctor)", out, re.MULTILINE)


def test_version(voiceanon):
    from voiceanon.version import __version__

    assert voiceanon("--version")[1] == f"voiceanon {__version__}\n"


def test_doctor_says_when_the_engine_returns_its_input(fake, monkeypatch):
    monkeypatch.setattr(FakeAnonymizer, "__call__", lambda self, samples, rate: samples.copy())
    code, out, _ = fake("doctor", "--json")
    assert code == 1
    (report,) = json_lines(out)
    (check,) = [check for check in report["checks"] if check["name"] == "self-test"]
    assert not check["ok"]
    assert "resembles the input" in check["detail"]


@pytest.mark.parametrize("damage", ["short", "nan", "silent", "loud"])
def test_doctor_says_what_is_wrong(fake, monkeypatch, damage):
    def broken(self, samples, rate):
        noise = np.random.default_rng(1).uniform(-0.1, 0.1, samples.shape).astype(np.float32)
        if damage == "nan":
            noise[5] = np.nan
        factor = {"silent": 0.0, "loud": 20.0}.get(damage, 1.0)
        return factor * noise[: -1 if damage == "short" else None]

    monkeypatch.setattr(FakeAnonymizer, "__call__", broken)
    assert fake("doctor")[0] == 1


def test_doctor_says_which_codecs_are_missing_and_who_changes_its_input(fake, monkeypatch):
    def changes(self, samples, rate):
        samples *= 0.5
        return np.zeros_like(samples)

    monkeypatch.setattr(FakeAnonymizer, "__call__", changes)
    usual = soundfile.available_formats()
    monkeypatch.setattr(
        soundfile, "available_formats", lambda: {k: v for k, v in usual.items() if k != "MP3"}
    )
    code, out, _ = fake("doctor", "--json")
    assert code == 1
    (report,) = json_lines(out)
    told = {check["name"]: check["detail"] for check in report["checks"] if not check["ok"]}
    assert told["self-test"] == "RuntimeError: the input array was changed"
    assert any("libsndfile lacks" in detail and "MP3" in detail for detail in told.values())


# From here on, the engine itself.


def test_doctor_passes(voiceanon):
    code, out, _ = voiceanon("doctor", "--json")
    (report,) = json_lines(out)
    assert [check["name"] for check in report["checks"] if not check["ok"]] == []
    assert len(report["checks"]) == 4
    assert code == 0
    assert report["ok"] is True
    assert report["simd"] in report["simd_usable"]
    code, out, _ = voiceanon("doctor")
    assert code == 0
    assert "self-test" in out


@pytest.mark.parametrize("level", usable_levels())
def test_doctor_tells_which_level_runs_and_why(monkeypatch, level):
    monkeypatch.setenv("VOICEANON_SIMD", level)
    command = [sys.executable, "-c", "from voiceanon.cli.app import main; main()", "doctor"]
    forced = subprocess.run(command, check=True, capture_output=True, text=True)
    said = " ".join(forced.stdout.split())
    assert f"using {level}, forced by VOICEANON_SIMD" in said
    assert f"(compiled: {', '.join(built_levels())})" in said
    assert f"runs SIMD levels {', '.join(usable_levels())} " in said
    monkeypatch.delenv("VOICEANON_SIMD")
    free = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
    (report,) = json_lines(free.stdout)
    assert (report["simd"], report["simd_why"]) == (usable_levels()[0], "widest")
    assert report["simd_built"] == list(built_levels())


@pytest.mark.skipif(len(usable_levels()) < 2, reason="this machine runs one level only")
def test_doctor_says_when_levels_disagree(voiceanon, monkeypatch):
    baseline = importlib.import_module("voiceanon._engine_baseline")
    honest = baseline.Analyzer

    class Astray:
        def __init__(self, rate):
            self.analyzer = honest(rate)

        def process(self, samples):
            return self.analyzer.process(samples) + np.float32(0.02)

    monkeypatch.setattr(baseline, "Analyzer", Astray)
    code, out, _ = voiceanon("doctor", "--json")
    assert code == 1
    (report,) = json_lines(out)
    (failed,) = [check for check in report["checks"] if not check["ok"]]
    assert failed["name"] == "SIMD levels"
    assert "level baseline hears another vowel" in failed["detail"]


def test_real_recordings_come_out_as_others(voiceanon, tmp_path):
    code, out, _ = voiceanon("anonymize", *SPEECH, "-o", tmp_path / "out", "--json")
    assert code == 0
    for row in json_lines(out)[:-1]:
        old, _ = soundfile.read(row["source"])
        new, _ = soundfile.read(row["destination"])
        assert old.shape == new.shape
        assert largest_correlation(old, new) < 0.9
        assert np.sqrt(np.mean(new**2)) > 0.001


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3"])
def test_every_promised_format_goes_in(voiceanon, tmp_path, suffix):
    samples, rate = soundfile.read(SPEECH[0])
    source = tmp_path / f"in{suffix}"
    codings = {".opus": {"format": "OGG", "subtype": "OPUS"}}
    soundfile.write(source, samples[:24_000], rate, **codings.get(suffix, {}))
    code, out, _ = voiceanon("anonymize", source, "-o", tmp_path / "out.flac", "--json")
    assert code == 0
    assert json_lines(out)[0]["frames"] == soundfile.info(source).frames
    assert soundfile.info(tmp_path / "out.flac").frames == soundfile.info(source).frames


def test_the_same_secret_gives_the_same_bytes(voiceanon, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(32)))
    secret.chmod(0o600)
    outputs = []
    for number in range(3):
        options = ["--secret-file", secret] if number < 2 else []
        out = tmp_path / f"{number}.flac"
        assert voiceanon("anonymize", SPEECH[0], "-o", out, *options)[0] == 0
        outputs.append(out.read_bytes())
    assert outputs[0] == outputs[1] != outputs[2]
