"""The gate: what it delivers, what it holds, and that nothing held leaves a file behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from json_output import json_lines
from sounds import clip, clip_names, speech

import voiceanon
from voiceanon.anonymizer import Anonymizer
from voiceanon.checks.gate import Gate
from voiceanon.checks.phones import agreement, phone_bands, phones_heard
from voiceanon.checks.verdicts import CheckReport, Verdict
from voiceanon.errors import CheckError
from voiceanon.files import anonymize_file
from voiceanon.recipe import Recipe

RATE = 16_000
DATA = Path(__file__).parents[1] / "voiceanon" / "samples"


@pytest.fixture(name="program")
def _program(voiceanon: Callable[..., object]) -> Callable[..., object]:
    """The command line, in this process; here the package itself has that name."""
    return voiceanon


def gated(
    original: np.ndarray, made: np.ndarray, rate: int = RATE, step: int = 7919
) -> CheckReport:
    rows, spoken = np.atleast_2d(original), np.atleast_2d(made)
    gate = Gate(rate, len(rows))
    for start in range(0, max(rows.shape[1], spoken.shape[1]), step):
        gate.hear(rows[:, start : start + step])
        # What is spoken comes late, as from a stream.
        gate.spoken(spoken[:, max(0, start - step) : start])
    gate.spoken(spoken[:, max(0, start) :])
    return gate.finish()


def anonymized(name: str) -> tuple[np.ndarray, np.ndarray, int]:
    original, rate = clip(name)
    return original, voiceanon.anonymize(original, rate, secret=bytes(32)), rate


@pytest.mark.parametrize("name", clip_names())
def test_the_bundled_recordings_pass(name: str) -> None:
    original, made, rate = anonymized(name)
    report = gated(original, made, rate)
    assert report.verdict is Verdict.PASS, report.reason
    assert report["words.agreement"].value > report["words.agreement"].limit.hold


def test_pieces_of_any_size_give_the_same_report() -> None:
    original = np.tile(speech(4.0), 10)  # over two stretches
    made = np.tile(voiceanon.anonymize(speech(4.0), RATE, secret=bytes(32)), 10)
    reports = [gated(original, made, step=step) for step in (1000, 48_000, 10**7)]
    assert reports[0] == reports[1] == reports[2]
    assert "0 to 30 s" in reports[0]["words.agreement"].reason + reports[0]["timing.lag_s"].reason


@pytest.mark.parametrize("name", clip_names()[:3])
@settings(max_examples=8, deadline=None)
@given(gain_db=st.floats(-3.0, 3.0), delay=st.integers(0, 320))
def test_a_delay_of_20_ms_or_3_db_change_no_verdict(name: str, gain_db: float, delay: int) -> None:
    original, made, rate = anonymized(name)
    other = made * np.float32(10 ** (gain_db / 20))
    other = np.concatenate([np.zeros(delay, np.float32), other])[: len(made)]
    assert (
        gated(original, np.clip(other, -1, 1), rate).verdict is gated(original, made, rate).verdict
    )


def harmed(made: np.ndarray, original: np.ndarray, harm: str) -> np.ndarray:
    loud = int(np.argmax(np.convolve(original**2, np.ones(RATE), "valid")))
    changed = made.copy()
    if harm == "raw":
        return original
    if harm == "a raw second":
        changed[loud : loud + RATE] = original[loud : loud + RATE]
    elif harm == "half a second lost":
        changed[loud : loud + RATE // 2] = 0.0
    elif harm == "reversed":
        changed = changed[::-1].copy()
    elif harm == "noise":
        draws = np.random.default_rng(1)  # only a test's noise
        spread = np.sqrt(np.mean(made**2))
        changed = (made + 2 * spread * draws.standard_normal(len(made))).astype(np.float32)
    elif harm == "silence":
        changed[:] = 0.0
    return changed


@pytest.mark.parametrize(
    "harm", ["raw", "a raw second", "half a second lost", "reversed", "noise", "silence"]
)
def test_no_harm_passes(harm: str) -> None:
    original, made, rate = anonymized(clip_names()[1])
    assert gated(original, harmed(made, original, harm), rate).verdict is not Verdict.PASS


def test_the_worst_channel_and_the_worst_stretch_count() -> None:
    original, made, rate = anonymized(clip_names()[1])
    bad = harmed(made, original, "reversed")
    report = gated(np.stack([original, original]), np.stack([made, bad]), rate)
    assert report.verdict in (Verdict.HOLD, Verdict.FAIL)
    assert "channel 2" in report["words.agreement"].reason
    repeats = -(-70 * rate // len(original))
    long, spoken = (np.tile(part, repeats)[: 70 * rate] for part in (original, made))
    assert gated(long, spoken, rate).verdict is Verdict.PASS
    power = np.convolve(long[35 * rate : 55 * rate] ** 2, np.ones(rate), "valid")
    loud = 35 * rate + int(np.argmax(power))
    spoken[loud : loud + rate] = 0.0
    report = gated(long, spoken, rate)
    assert report.verdict in (Verdict.HOLD, Verdict.FAIL)
    assert "30 to 60 s" in report.reason


def test_a_small_loss_counts_by_how_much_of_it_there_is() -> None:
    original, made, rate = anonymized(clip_names()[1])
    hole = made.copy()
    at = int(np.argmax(np.convolve(original**2, np.ones(rate // 2), "valid")))
    hole[at : at + rate // 2] = 0.0
    once = gated(original, hole, rate)
    assert once["timing.lost_s_per_min"].verdict is Verdict.HOLD, once.reason
    assert once["timing.longest_lost_s"].verdict is Verdict.PASS
    many = -(-180 * rate // len(original))  # three minutes
    long = np.tile(original, many)
    rare, often = np.concatenate([hole, *[made] * (many - 1)]), np.tile(hole, many)
    lost = [gated(long, part, rate)["timing.lost_s_per_min"] for part in (rare, often)]
    assert lost[0].verdict is Verdict.PASS
    assert lost[1].verdict in (Verdict.HOLD, Verdict.FAIL)
    assert lost[1].value == pytest.approx(many * lost[0].value, rel=0.35)


def tones(seconds: float) -> np.ndarray:
    """A piano's worth of chords: music, as far as a judge of speech is concerned."""
    t = np.arange(round(seconds * RATE)) / RATE
    chords = [(220.0, 277.2, 329.6), (246.9, 311.1, 370.0), (196.0, 246.9, 293.7)]
    which = (t * 2).astype(int) % len(chords)
    fade = np.exp(-4 * ((t * 2) % 1.0))
    made = sum(
        np.where(which == k, np.sin(2 * np.pi * hz * t), 0.0)
        for k, chord in enumerate(chords)
        for hz in chord
    )
    return (0.1 * fade * made).astype(np.float32)


@pytest.mark.parametrize("what", ["silent", "short", "music", "noise"])
def test_what_is_no_speech_is_never_a_pass(what: str) -> None:
    draws = np.random.default_rng(2)  # only a test's noise
    original = {
        "silent": np.zeros(5 * RATE, np.float32),
        "short": speech(2.0)[:4000],
        "music": tones(8.0),
        "noise": (0.05 * draws.standard_normal(8 * RATE)).astype(np.float32),
    }[what]
    made = voiceanon.anonymize(original, RATE, secret=bytes(32))
    report = gated(original, made)
    assert report.verdict is not Verdict.PASS
    assert report["words.agreement"].verdict is Verdict.NOT_MEASURED


def test_another_language_is_not_measured() -> None:
    original, made, rate = anonymized(clip_names()[0])
    gate = Gate(rate, 1, language="fi")
    gate.hear(original[None])
    gate.spoken(made[None])
    report = gate.finish()
    assert report.verdict is Verdict.NOT_MEASURED
    assert "'fi'" in report.reason


def test_phones_of_a_recording_agree_with_themselves_at_any_gain() -> None:
    sound = speech(4.0)
    found = agreement(phones_heard(sound), phones_heard(sound * np.float32(0.05)))
    assert found.mean > 0.99
    assert found.worst > 0.98
    likely = phones_heard(sound)
    assert likely.shape == (len(sound) // 320, 40)
    assert likely.sum(1) == pytest.approx(1.0, abs=1e-4)


def test_more_harm_is_never_better_on_average() -> None:
    order = [Verdict.PASS, Verdict.NOT_MEASURED, Verdict.HOLD, Verdict.FAIL]
    draws = np.random.default_rng(3)  # only a test's noise
    badness, agreements = [], []
    for snr_db in (40, 20, 10, 0, -10):
        found = []
        for name in clip_names()[:3]:
            original, made, rate = anonymized(name)
            noise = draws.standard_normal(len(made)) * np.sqrt(np.mean(made**2))
            found.append(gated(original, made + noise * 10 ** (-snr_db / 20), rate))
        badness.append(np.mean([order.index(report.verdict) for report in found]))
        agreements.append(np.mean([report["words.agreement"].value for report in found]))
    assert badness == sorted(badness)
    assert agreements == sorted(agreements, reverse=True)
    assert badness[0] == 0
    assert badness[-1] >= 2


def test_it_does_not_matter_which_of_two_is_the_original() -> None:
    original, made, _ = anonymized(clip_names()[2])
    before, after = phones_heard(original), phones_heard(made)
    one, other = agreement(before, after), agreement(after, before)
    assert one.mean == pytest.approx(other.mean, abs=0.03)
    assert one.worst == pytest.approx(other.worst, abs=0.1)


@given(st.integers(0, 900))
def test_any_length_has_phones(count: int) -> None:
    sound = speech(1.0)[:count]
    assert len(phones_heard(sound)) == len(phone_bands(sound)) == count // 320
    likely = phones_heard(sound)
    assert 0.0 <= agreement(likely, likely).mean <= 1.0 + 1e-6


class Harmful(Anonymizer):
    """Loses half a second of the first voices it draws."""

    def __init__(self, spoilt: int) -> None:
        super().__init__(Recipe.named("template"), secret=bytes(32))
        self.spoilt = spoilt
        self.labels: list[str] = []

    def stream(self, *arguments: object, **options: object):  # type: ignore[no-untyped-def]
        self.labels.append(str(options["recording"]))
        stream = super().stream(*arguments, **options)  # type: ignore[arg-type]
        if len(self.labels) <= self.spoilt:
            speak = stream.speak_remembered
            stream.speak_remembered = lambda *heard: (0.0 * part for part in speak(*heard))
        return stream


@pytest.mark.parametrize("spoilt", [0, 1, 2])
def test_another_voice_is_drawn_until_one_passes(tmp_path: Path, spoilt: int) -> None:
    anonymizer = Harmful(spoilt)
    result = anonymize_file(
        anonymizer, DATA / f"{Path(clip_names()[0]).stem}.flac", tmp_path / "o.flac"
    )
    assert result.redraws == spoilt
    assert len(set(anonymizer.labels)) == spoilt + 1
    assert result.check == "pass"
    samples, _ = soundfile.read(result.destination)
    assert np.abs(samples).max() > 0.01


def test_a_recording_that_never_passes_is_held_and_leaves_nothing(tmp_path: Path) -> None:
    source = DATA / f"{Path(clip_names()[0]).stem}.flac"
    with pytest.raises(CheckError, match="the last of 3 voices") as caught:
        anonymize_file(Harmful(99), source, tmp_path / "o.flac")
    assert list(tmp_path.iterdir()) == []
    report = caught.value.report
    assert report["verdict"] in ("hold", "fail", "not measured")
    assert report["redraws"] == 2
    assert json.loads(json.dumps(report)) == report


def test_a_fixed_voice_is_not_drawn_again(tmp_path: Path) -> None:
    source = DATA / f"{Path(clip_names()[0]).stem}.flac"
    fixed = Harmful(99)
    fixed.recipe = Recipe(name="fixed", voice="male-low")
    with pytest.raises(CheckError):
        anonymize_file(fixed, source, tmp_path / "o.flac")
    assert len(fixed.labels) == 1


def test_unmeasured_is_delivered_only_when_it_is_allowed(tmp_path: Path) -> None:
    source = tmp_path / "music.wav"
    soundfile.write(source, tones(6.0), RATE)
    with pytest.raises(CheckError, match="cannot be checked"):
        Anonymizer().file(source, tmp_path / "o.flac")
    assert [path.name for path in tmp_path.iterdir()] == ["music.wav"]
    result = Anonymizer().file(source, tmp_path / "o.flac", allow_unmeasured=True)
    assert result.check == "not measured"
    assert Anonymizer().file(source, tmp_path / "p.flac", check=False).check == "not checked"


def test_the_command_line_holds_with_exit_code_4(program, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    soundfile.write(folder / "music.wav", tones(6.0), RATE)
    (folder / "speech.flac").write_bytes((DATA / f"{Path(clip_names()[0]).stem}.flac").read_bytes())
    code, text, _ = program("anonymize", folder, "-o", out, "--json")
    assert code == 4
    held, done, summary = json_lines(text)
    assert (held["status"], held["check"], done["check"]) == ("held", "not measured", "pass")
    assert (summary["held"], summary["done"], summary["checks"]) == (1, 1, {"pass": 1})
    assert done["measures"]["words.agreement"]["verdict"] == "pass"
    assert [path.name for path in out.iterdir()] == ["speech.flac"]
    code, text, _ = program("anonymize", folder, "-o", tmp_path / "all", "--allow-unmeasured")
    assert code == 0
    assert "checked: 1 not measured" in text
