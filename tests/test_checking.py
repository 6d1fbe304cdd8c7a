"""The check of one recording: what it lets pass, what it holds, and that it cannot be fooled."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sounds import clip, clip_names, speech

import voiceanon
from voiceanon.checks.measures import LIMITS
from voiceanon.checks.transcript import Transcript
from voiceanon.checks.verdicts import CheckReport, Limit, Measure, Verdict, overall

RATE = 16_000


class Hearer:
    """Hears one word every fifth of a second that sounds, by its zero crossings: a stand-in."""

    name, version, is_weak = "stand-in", "1", False

    def transcribe(self, samples: np.ndarray) -> Transcript:
        words = []
        for start in range(0, len(samples) - 3200, 3200):
            part = samples[start : start + 3200]
            if np.sqrt(np.mean(part**2)) > 0.1 * np.sqrt(np.mean(samples**2)):
                words.append(f"w{start // 3200}")
        return Transcript(" ".join(words))


def checked(original: np.ndarray, made: np.ndarray, **options: object) -> CheckReport:
    return voiceanon.check(original, made, RATE, recogniser=Hearer(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", clip_names())
def test_an_anonymized_recording_passes(name: str) -> None:
    original, rate = clip(name)
    made = voiceanon.anonymize(original, rate, secret=bytes(32))
    report = voiceanon.check(original, made, rate, recogniser=Hearer())
    assert report.verdict is Verdict.PASS, report.reason
    assert {m.name for m in report.measures} == set(LIMITS)
    told = json.loads(json.dumps(report.as_dict()))
    assert told["verdict"] == "pass"
    assert set(told["measures"]) == set(LIMITS)


def test_a_recording_against_itself_passes_everything_but_identity() -> None:
    original = speech(4.0)
    report = checked(original, original)
    assert report.verdict is Verdict.FAIL
    assert [m.name for m in report.measures if m.verdict not in (Verdict.PASS, Verdict.TOLD)] == [
        "identity.largest_correlation"
    ]
    assert report["identity.largest_correlation"].value == pytest.approx(1.0, abs=1e-6)
    assert "100 % of it copies the original" in report.reason


@given(
    st.floats(-3.0, 3.0).filter(lambda gain: abs(gain) > 0.01),
    st.integers(-1500, 1500),
)
def test_a_copy_fails_whatever_its_gain_and_place(gain: float, shift: int) -> None:
    original = speech(3.0)
    report = checked(original, np.roll(original * np.float32(gain), shift))
    assert report["identity.largest_correlation"].verdict is Verdict.FAIL


def anonymized(seconds: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    original = speech(seconds)
    return original, voiceanon.anonymize(original, RATE, secret=bytes(32))


def test_a_copied_second_and_a_copied_channel_fail() -> None:
    original, made = anonymized()
    pieced = made.copy()
    loud = int(np.argmax(np.convolve(original**2, np.ones(RATE), "valid")))
    pieced[loud : loud + RATE] = original[loud : loud + RATE]
    assert checked(original, pieced)["identity.largest_correlation"].verdict is Verdict.FAIL
    other = voiceanon.anonymize(original[::-1].copy(), RATE, secret=bytes(32))
    crossed = voiceanon.check(
        np.stack([original, original[::-1]]),
        np.stack([made, original]),
        RATE,
        recogniser=Hearer(),
    )
    assert crossed["identity.largest_correlation"].verdict is Verdict.FAIL
    assert crossed["identity.largest_correlation"].reason.startswith("channel 2: ")
    whole = voiceanon.check(
        np.stack([original, original[::-1]]), np.stack([made, other]), RATE, recogniser=Hearer()
    )
    assert whole["identity.largest_correlation"].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("damage", "measure"),
    [
        ("lost", "timing.lost_s_per_min"),
        ("doubled", "timing.added_s_per_min"),
        ("late", "timing.lag_s"),
        ("short", "timing.length_difference_samples"),
        ("clipped", "signal.clipped_percent"),
        ("offset", "signal.offset_percent"),
        ("faint", "signal.level_dbfs"),
        ("dull", "signal.bandwidth_hz"),
        ("swapped", "delivery.energy_contour_r"),
        ("noise", "delivery.voicing_agreement"),
    ],
)
def test_each_damage_is_named(damage: str, measure: str) -> None:
    from scipy.signal import butter, sosfilt

    original, made = anonymized(6.0)
    draws = np.random.default_rng(1)  # only a test's noise
    sounding = int(np.argmax(np.convolve(made**2, np.ones(8000), "valid")))
    harmed = made.copy()
    if damage == "lost":
        harmed[sounding : sounding + 8000] = 0
    elif damage == "doubled":
        quiet = int(np.argmin(np.convolve(original**2, np.ones(6400), "valid")))
        harmed[quiet : quiet + 6400] = made[sounding : sounding + 6400]
    elif damage == "late":
        harmed = np.concatenate([np.zeros(3200, np.float32), made])[: len(made)]
    elif damage == "short":
        harmed = made[:-5]
    elif damage == "clipped":
        harmed = np.clip(made * 40, -1, 1)
    elif damage == "offset":
        harmed = made + np.float32(0.05)
    elif damage == "faint":
        harmed = made * np.float32(1e-3)
    elif damage == "dull":
        harmed = sosfilt(butter(8, 1000, fs=RATE, output="sos"), made).astype(np.float32)
    elif damage == "swapped":
        harmed = made[::-1].copy()
    else:
        envelope = np.sqrt(np.convolve(made**2, np.ones(400) / 400, "same"))
        harmed = (envelope * draws.standard_normal(len(made))).astype(np.float32)
    before, after = checked(original, made), checked(original, harmed)
    assert before[measure].verdict is Verdict.PASS
    assert after[measure].verdict in (Verdict.HOLD, Verdict.FAIL), after[measure]
    assert after.verdict in (Verdict.HOLD, Verdict.FAIL)
    assert after[measure].reason in after.reason or after.verdict is Verdict.FAIL


@pytest.mark.parametrize("kind", ["silence", "short"])
def test_nothing_to_judge_is_no_pass(kind: str) -> None:
    samples = np.zeros(RATE, np.float32) if kind == "silence" else speech(0.05)
    report = checked(samples, np.zeros_like(samples))
    assert report.verdict is Verdict.NOT_MEASURED


def test_no_recogniser_leaves_phones_and_another_language_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original, made = anonymized()
    monkeypatch.setattr(
        "voiceanon.checks.checking.find_recogniser", lambda: (None, "no recogniser: none is there")
    )
    report = voiceanon.check(original, made, RATE)
    assert report.verdict is Verdict.PASS  # phones have judged the words
    assert report["words.lost_percent"].reason == "no recogniser: none is there"
    german = voiceanon.check(original, made, RATE, language="de")
    assert german["words.agreement"].verdict is Verdict.NOT_MEASURED
    heard = voiceanon.check(original, made, RATE, language="de", recogniser=Hearer())
    assert heard.verdict is Verdict.PASS
    assert heard["words.agreement"].value is None

    class Weak(Hearer):
        is_weak = True

    told = voiceanon.check(original, original[::-1].copy(), RATE, recogniser=Weak())
    assert told["words.lost_percent"].verdict is Verdict.TOLD
    assert told["words.lost_percent"].value > 25.0  # who may judge would hold it
    assert told["words.agreement"].verdict is not Verdict.PASS
    german = voiceanon.check(original, made, RATE, recogniser=Weak(), language="de")
    assert german.verdict is Verdict.NOT_MEASURED
    assert "English" in german.reason


@pytest.mark.parametrize("delay", [0, 320, -320])
@pytest.mark.parametrize("gain_db", [-3.0, 0.0, 3.0])
def test_a_little_delay_or_gain_changes_no_verdict(delay: int, gain_db: float) -> None:
    original, made = anonymized()
    moved = np.roll(made, delay) * np.float32(10 ** (gain_db / 20))
    if delay > 0:
        moved[:delay] = 0
    elif delay < 0:
        moved[delay:] = 0
    one, other = checked(original, made), checked(original, moved)
    assert [m.verdict for m in one.measures] == [m.verdict for m in other.measures]


def test_a_transcript_judges_where_there_is_one() -> None:
    original, made = anonymized()
    heard = Hearer().transcribe(original).text
    good = checked(original, made, transcript=heard)
    assert good["words.lost_percent"].value == pytest.approx(0.0, abs=25.0)
    assert "transcript" in good["words.lost_percent"].judge
    with pytest.raises(voiceanon.InputError, match="one channel"):
        voiceanon.check(np.stack([original] * 2), np.stack([made] * 2), RATE, transcript="a b c")


def test_other_rates_and_dtypes_are_taken_and_wrong_shapes_refused() -> None:
    import soxr

    rate = 48_000
    original = soxr.resample(speech(5.0), RATE, rate)
    made = voiceanon.anonymize(original, rate, secret=bytes(32))
    report = voiceanon.check(
        (original * 32767).astype(np.int16), made.astype(np.float64), rate, recogniser=Hearer()
    )
    assert report.verdict is Verdict.PASS, report.reason
    with pytest.raises(voiceanon.InputError, match="channels"):
        voiceanon.check(original, np.stack([made, made]), rate)
    bad = made.copy()
    bad[7] = np.nan
    assert voiceanon.check(original, bad, rate).verdict is Verdict.FAIL


@given(st.lists(st.sampled_from(list(Verdict))))
def test_the_worst_verdict_is_the_verdict_and_what_is_told_is_none(found: list[Verdict]) -> None:
    order = ["pass", "not measured", "hold", "fail"]
    measures = [Measure("a.b", None, None, verdict, "") for verdict in found]
    judged = [str(verdict) for verdict in found if verdict is not Verdict.TOLD]
    assert str(overall(measures)) == max(judged, key=order.index, default="not measured")


@given(st.floats(allow_nan=True), st.floats(0, 1), st.floats(1, 2), st.booleans())
def test_limits_are_monotone(value: float, first: float, second: float, is_floor: bool) -> None:
    limit = Limit(-first if is_floor else first, -second if is_floor else second, is_floor=is_floor)
    order = [Verdict.PASS, Verdict.HOLD, Verdict.FAIL]
    found = order.index(limit.verdict(value))
    worse = order.index(limit.verdict(value - 0.5 if is_floor else value + 0.5))
    assert worse >= found


class Loudness:
    """Embeds a voice as its spectrum in four bands: a stand-in for a network."""

    name = "stand-in"

    def embed(self, samples: np.ndarray) -> np.ndarray:
        return np.array([part.sum() for part in np.array_split(np.abs(np.fft.rfft(samples)), 4)])


def test_a_speaker_model_tells_how_alike_voices_are() -> None:
    original, made = anonymized()
    report = checked(original, made, speaker_model=Loudness())
    similarity = report["identity.speaker_similarity"]
    one, other = (Loudness().embed(part) for part in (original, made))
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert similarity.value == pytest.approx(expected, abs=1e-6)
    assert similarity.verdict is Verdict.TOLD
    assert similarity.judge == "stand-in"
    assert checked(original, 0 * made, speaker_model=Loudness())[similarity.name].value is None
    with pytest.raises(KeyError):
        checked(original, made)[similarity.name]
