"""How values become verdicts, and those of parts the whole's: made-up measures and no sound."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from made_up_pairs import delivery, pair, timing

from voiceanon.checks import measures
from voiceanon.checks.measures import (
    LIMITS,
    Pair,
    Tally,
    in_order,
    part_measures,
    why_not_judged,
    worst,
    worst_at,
)
from voiceanon.checks.verdicts import CheckReport, Limit, Measure, Verdict, judged, overall

TOLD, PASS, NOT, HOLD, FAIL = Verdict
CEILING, FLOOR = Limit(1.0, 2.0), Limit(0.5, 0.25, is_floor=True)
NAN = float("nan")


def one(name: str, value: float | None, limit: Limit | None = None, verdict: Verdict = PASS) -> Any:
    return Measure(name, value, limit, verdict, f"said of {value}")


@pytest.mark.parametrize(
    ("limit", "value", "verdict"),
    [
        (CEILING, 0.99, PASS),
        (CEILING, 1.0, HOLD),
        (CEILING, 1.99, HOLD),
        (CEILING, 2.0, FAIL),
        (CEILING, NAN, FAIL),
        (CEILING, -5.0, PASS),
        (FLOOR, 0.51, PASS),
        (FLOOR, 0.5, HOLD),
        (FLOOR, 0.26, HOLD),
        (FLOOR, 0.25, FAIL),
        (FLOOR, -1.0, FAIL),
        (FLOOR, NAN, FAIL),
        (Limit(None, 1.0), 0.99, PASS),
        (Limit(None, 1.0), 1.0, FAIL),
        (Limit(1.0, None), 50.0, HOLD),
        (Limit(0.0, None, is_floor=True), 0.0, HOLD),
        (Limit(0.0, None, is_floor=True), 1e-9, PASS),
        (Limit(None, None), NAN, PASS),
    ],
)
def test_a_limit_itself_is_already_held_or_fails(limit, value, verdict) -> None:
    assert limit.verdict(value) is verdict


def test_what_is_judged_tells_value_or_why_there_is_none() -> None:
    judge = {"missing": "why not", "judge": "who"}
    assert judged("a.b", 1.234, CEILING, "it is {:.1f}", **judge) == Measure(
        "a.b", 1.234, CEILING, HOLD, "it is 1.2", "who"
    )
    assert judged("a.b", 9.0, None, "it is {:.0f}") == Measure("a.b", 9.0, None, TOLD, "it is 9")
    assert judged("a.b", None, CEILING, "{}", **judge) == Measure(
        "a.b", None, CEILING, NOT, "why not", "who"
    )
    assert judged("a.b", None, None, "{}", **judge) == Measure(
        "a.b", None, None, TOLD, "why not", "who"
    )
    assert judged("a.b", None, None, "{}").reason == ""


def test_the_worst_verdict_counts_and_nothing_measured_is_no_pass() -> None:
    ranked = [PASS, NOT, HOLD, FAIL]
    for i, verdict in enumerate(ranked):
        found = [one("x", 0.0, verdict=v) for v in ranked[: i + 1]]
        assert overall(found) is verdict
        assert overall(found[::-1]) is verdict
    assert overall([]) is NOT
    assert overall([one("x", 1.0, verdict=TOLD)]) is NOT
    assert overall([one("x", 1.0, verdict=TOLD), one("y", 1.0)]) is PASS


def test_a_report_says_why_once() -> None:
    parts = (
        Measure("words.a", 1.0, None, FAIL, "bad", "who"),
        Measure("words.b", 1.0, CEILING, FAIL, "worse"),
        Measure("timing.c", None, None, FAIL, "bad"),
        Measure("timing.d", 0.0, None, HOLD, "so so"),
    )
    report = CheckReport(FAIL, parts)
    assert report.reason == "bad; worse"
    assert report["timing.d"] is parts[3]
    with pytest.raises(KeyError, match=r"timing\.e"):
        report["timing.e"]
    assert CheckReport(PASS, (parts[3],)).reason == "every judged measure passes"
    assert report.as_dict() == {
        "verdict": "fail",
        "reason": "bad; worse",
        "measures": {
            "words.a": {
                "value": 1.0,
                "limit": None,
                "verdict": "fail",
                "reason": "bad",
                "judge": "who",
            },
            "words.b": {
                "value": 1.0,
                "limit": {"hold": 1.0, "fail": 2.0, "is_floor": False},
                "verdict": "fail",
                "reason": "worse",
                "judge": "",
            },
            "timing.c": {
                "value": None,
                "limit": None,
                "verdict": "fail",
                "reason": "bad",
                "judge": "",
            },
            "timing.d": {
                "value": 0.0,
                "limit": None,
                "verdict": "hold",
                "reason": "so so",
                "judge": "",
            },
        },
    }
    assert [str(v) for v in Verdict] == ["told", "pass", "not measured", "hold", "fail"]


def test_of_parts_the_worst_is_told_with_its_place() -> None:
    low, high = one("a.x", 0.2, CEILING), one("a.x", 0.9, CEILING)
    assert worst([low], ["here"]) == low
    assert worst([low, high], ["here", "there"]).reason == "there: said of 0.9"
    assert worst([high, low], ["here", "there"]).value == 0.9
    floor_low, floor_high = one("a.x", 0.6, FLOOR), one("a.x", 0.9, FLOOR)
    assert worst_at([floor_high, floor_low]) == 1
    assert worst_at([floor_low, floor_high]) == 0
    assert worst_at([one("a.x", 5.0), one("a.x", 5.0)]) == 0
    assert worst_at([one("a.x", 5.0, None), one("a.x", 6.0, None)]) == 1
    # A verdict outweighs any value, and no value counts as 0.
    assert worst_at([one("a.x", 99.0, CEILING), one("a.x", None, CEILING, NOT)]) == 1
    assert worst_at([one("a.x", -1.0, None, NOT), one("a.x", None, None, NOT)]) == 1
    assert worst_at([one("a.x", None, None, NOT), one("a.x", 0.5, None, NOT)]) == 1


def test_of_parts_that_are_only_told_the_largest_is_shown() -> None:
    told = [one("a.x", value, verdict=TOLD) for value in (0.2, 0.9, None, 0.9)]
    assert worst_at(told) == 1
    assert worst_at(told[2:3]) == 0
    assert worst_at([one("a.x", 0.1), *told]) == 0  # before what is judged, it gives way


def test_groups_stand_in_the_order_of_the_limits() -> None:
    names = ["identity.a", "words.z", "signal.q", "delivery.x", "timing.b", "words.a"]
    ordered = [m.name for m in in_order(one(name, 0.0) for name in names)]
    assert ordered == ["words.z", "words.a", "timing.b", "delivery.x", "signal.q", "identity.a"]


def test_the_judge_of_phones_knows_english() -> None:
    assert why_not_judged("en") == ""
    assert why_not_judged("de") == "the judge knows English, not 'de'"


def values_of(found: Any) -> dict[str, float | None]:
    return {measure.name: measure.value for measure in found}


def test_a_tally_weighs_parts_by_what_they_hold() -> None:
    tally = Tally()
    assert tally.sounds_s == 0.0
    assert tally.add(pair(10.0, 90.0)) is tally
    tally.add(
        pair(
            30.0,
            30.0,
            timing=timing(agreement=0.5, lost_s=3.5, added_s=0.0, pauses_kept=0.2, pauses=15),
            delivery=delivery(energy_contour=0.4, voicing_agreement=0.35, judged_by="another"),
        )
    )
    assert tally.sounds_s == 120.0
    found = tally.measures(LIMITS)
    assert values_of(found) == pytest.approx(
        {
            "timing.agreement": (10 * 0.9 + 30 * 0.5) / 40,
            "timing.lost_s_per_min": 4.0 / 2,
            "timing.added_s_per_min": 1.0 / 2,
            "timing.pauses_kept": (5 * 0.8 + 15 * 0.2) / 20,
            "delivery.energy_contour_r": (90 * 0.8 + 30 * 0.4) / 120,
            "delivery.voicing_agreement": (90 * 0.75 + 30 * 0.35) / 120,
        }
    )
    told = {measure.name: measure for measure in found}
    assert told["delivery.voicing_agreement"].judge == "another"
    assert told["delivery.energy_contour_r"].judge == ""
    assert told["timing.lost_s_per_min"].reason == "2.00 s of sound are lost a minute"
    assert all(measure.limit == LIMITS[measure.name] for measure in found)


def test_losses_count_against_a_minute_at_least() -> None:
    found = values_of(Tally().add(pair(10.0, 6.0)).measures(LIMITS))
    assert found["timing.lost_s_per_min"] == 0.5
    assert found["timing.added_s_per_min"] == 1.0


def test_a_few_pauses_are_told_and_not_judged() -> None:
    for pauses, limit in ((3, None), (4, LIMITS["timing.pauses_kept"])):
        tally = Tally().add(pair(timing=timing(pauses=pauses, pauses_kept=0.0)))
        (kept,) = [m for m in tally.measures(LIMITS) if m.name == "timing.pauses_kept"]
        assert kept.limit == limit
        assert kept.value == 0.0
        assert kept.verdict is (TOLD if limit is None else FAIL)


def test_speech_without_a_pause_is_not_unmeasured_but_silence_is() -> None:
    no_pause = pair(timing=timing(pauses=0, pauses_kept=None))
    (kept,) = [m for m in Tally().add(no_pause).measures(LIMITS) if m.name == "timing.pauses_kept"]
    assert (kept.value, kept.verdict, kept.reason) == (None, TOLD, "no pauses")
    silent = pair(
        sounds_s=0.0,
        timing=None,
        delivery=delivery(energy_contour=None, voicing_agreement=None),
    )
    found = Tally().add(silent).measures(LIMITS)
    assert {(m.value, m.verdict) for m in found} == {(None, NOT)}
    reasons = {m.name: m.reason for m in found}
    assert reasons["timing.agreement"] == "the original is silent"
    assert reasons["delivery.energy_contour_r"] == "too little sounds in both"
    nothing = Tally().measures(LIMITS)
    assert len(nothing) == 6
    assert {measure.judge for measure in nothing} == {""}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Measure]]:
    """Return what measures a made-up pair, with made-up phones and signal."""

    def judged_of(
        told: dict[str, Any], not_judged: str = "", signal: dict[str, Any] | None = None, **of: Any
    ) -> dict[str, Measure]:
        usual = {"mean": 0.9, "worst": 0.7, "confidence": 0.8, "speech_s": 5.0}

        def agreement(before: object, after: object) -> Any:
            assert (before, after, not_judged != "another language") == ("before", "after", True)
            return SimpleNamespace(**{**usual, **told})

        def measure_signal(samples: np.ndarray, level: object) -> Any:
            assert samples.all()
            assert level == "of the output"
            kept = {"level_dbfs": -26.0, "clipped_percent": 0.0, "offset_percent": 0.5}
            return SimpleNamespace(**{**kept, "bandwidth_hz": 7_000.0, **(signal or {})})

        monkeypatch.setattr(measures, "agreement", agreement)
        monkeypatch.setattr(measures, "measure_signal", measure_signal)
        reasons = [not_judged] if not_judged else []
        found = part_measures(pair(**of), LIMITS, *reasons)
        return {measure.name: measure for measure in found}

    return judged_of


def test_a_part_is_measured_and_judged(heard) -> None:
    found = heard({}, length_difference=3)
    assert values_of(found.values()) == {
        "words.agreement": 0.9,
        "words.worst_agreement": 0.7,
        "timing.length_difference_samples": 3.0,
        "timing.lag_s": 0.01,
        "timing.longest_lost_s": 0.1,
        "timing.longest_added_s": 0.2,
        "delivery.f0_contour_r": 0.7,
        "signal.level_dbfs": -26.0,
        "signal.clipped_percent": 0.0,
        "signal.offset_percent": 0.5,
        "signal.bandwidth_hz": 7_000.0,
    }
    assert all(m.limit == LIMITS[name] for name, m in found.items())
    assert found["timing.length_difference_samples"].verdict is FAIL
    assert {name: m.reason for name, m in found.items()} == {
        "words.agreement": "phones agree by 0.90",
        "words.worst_agreement": "in the worst half second phones agree by 0.70",
        "timing.length_difference_samples": "the lengths differ by 3 samples",
        "timing.lag_s": "the output lies 0.010 s off",
        "timing.longest_lost_s": "the longest sound lost lasts 0.10 s",
        "timing.longest_added_s": "the longest sound added lasts 0.20 s",
        "delivery.f0_contour_r": "the contour of f0 correlates by 0.70",
        "signal.level_dbfs": "it sounds at -26.0 dB of full scale",
        "signal.clipped_percent": "0.00 % of the samples are clipped",
        "signal.offset_percent": "the mean is 0.50 % of full scale",
        "signal.bandwidth_hz": "it reaches up to 7000 Hz",
    }
    judge = "phones of the package's own judge"
    assert found["words.agreement"].judge == found["words.worst_agreement"].judge == judge
    assert found["delivery.f0_contour_r"].judge == "tracker"


@pytest.mark.parametrize(
    ("told", "not_judged", "reason"),
    [
        ({"speech_s": 0.49}, "", "0.5 s of speech are too little to judge"),
        ({"speech_s": 0.1, "confidence": 0.1}, "", "0.1 s of speech are too little to judge"),
        ({"confidence": 0.49}, "", "the original is hardly clear speech (phones are 0.49 sure)"),
        ({}, "another language", "another language"),
    ],
)
def test_phones_that_say_nothing_are_not_measured(heard, told, not_judged, reason) -> None:
    found = heard(told, not_judged)
    for name in ("words.agreement", "words.worst_agreement"):
        assert (found[name].value, found[name].verdict) == (None, NOT)
        assert found[name].reason == reason


def test_the_least_that_phones_can_be_judged_by(heard) -> None:
    found = heard({"speech_s": 0.5, "confidence": 0.5})
    assert found["words.agreement"].verdict is PASS


def test_without_limits_phones_are_told_alone(heard, monkeypatch) -> None:
    del heard  # only its fakes are used
    limits = {name: limit for name, limit in LIMITS.items() if not name.startswith("words.")}
    told = SimpleNamespace(mean=0.1, worst=0.1, confidence=0.9, speech_s=3.0)
    monkeypatch.setattr(measures, "agreement", lambda before, after: told)
    found = {m.name: m for m in measures._agreement(pair(), limits, "")}
    assert found["words.agreement"].verdict is TOLD
    assert found["words.agreement"].limit is None


def test_what_is_silent_is_not_measured(heard) -> None:
    silent = {"level_dbfs": None, "bandwidth_hz": None}
    found = heard({}, signal=silent, timing=None, delivery=delivery(f0_contour=None))
    for name in ("timing.lag_s", "timing.longest_lost_s", "timing.longest_added_s"):
        assert (found[name].verdict, found[name].reason) == (NOT, "the original is silent")
    for name in ("signal.level_dbfs", "signal.bandwidth_hz"):
        assert (found[name].verdict, found[name].reason) == (NOT, "the output is silent")
    pitch = found["delivery.f0_contour_r"]
    assert (pitch.value, pitch.limit, pitch.verdict) == (None, None, TOLD)


@pytest.mark.parametrize(
    ("why", "reason"),
    [(None, "too little is voiced in both, or it is monotone"), ("no pyworld", "no pyworld")],
)
def test_a_missing_contour_is_explained(heard, monkeypatch, why, reason) -> None:
    monkeypatch.setattr(measures, "f0_missing", lambda: why)
    found = heard({}, delivery=delivery(f0_contour=None))
    assert found["delivery.f0_contour_r"].reason == reason


def test_copies_are_looked_for_in_every_original(monkeypatch) -> None:
    found_in = {"a": np.full(1000, 0.3), "b": np.repeat([0.95, 0.2], [254, 746])}
    monkeypatch.setattr(measures, "stretch_correlations", lambda one, m: found_in[one] * m[0])
    (found,) = measures.copies(pair(), ["a", "b"], LIMITS)
    assert (found.name, found.value) == ("identity.largest_correlation", 0.95)
    assert found.verdict is FAIL
    assert found.reason == "25 % of it copies the original: correlations reach 0.95"
    (found,) = measures.copies(pair(), ["a"], LIMITS)
    assert (found.value, found.verdict) == (0.3, PASS)
    assert found.reason == "no stretch is a copy: correlations reach 0.30"
    found_in["a"][7] = 0.9
    (found,) = measures.copies(pair(), ["a"], LIMITS)
    assert found.verdict is FAIL
    assert found.reason.startswith("0 % of it copies")
    # What is copied just enough counts; an original without an audible stretch is none.
    found_in |= {"c": np.zeros(0), "d": np.repeat([measures.COPY_CORRELATION, 0.2], [254, 746])}
    (found,) = measures.copies(pair(), ["c", "d"], LIMITS)
    assert found.reason.startswith("25 % of it copies")
    (found,) = measures.copies(pair(), ["c"], LIMITS)
    assert (found.value, found.verdict) == (0.0, PASS)
    (found,) = measures.copies(pair(anonymized=np.zeros(9, np.float32)), ["a"], LIMITS)
    assert (found.value, found.verdict) == (None, NOT)
    assert found.reason == "the output is silent"


def test_a_pair_sounds_as_long_as_the_longer_of_both() -> None:
    def level(frames: int) -> Any:
        is_sounding = np.arange(1_000) < frames
        return SimpleNamespace(level=SimpleNamespace(is_sounding=is_sounding))

    silent = SimpleNamespace(level=None)
    nothing = np.zeros(0, np.float32)
    for before, after, seconds in (
        (level(300), level(200), 1.5),
        (level(100), level(200), 1.0),
        (silent, level(200), 1.0),
        (silent, silent, 0.0),
    ):
        assert Pair(nothing, nothing, before, after, 0).sounds_s == pytest.approx(seconds)


def test_both_of_a_pair_are_analysed_at_the_judged_rate(monkeypatch) -> None:
    def analyse(samples: np.ndarray, *, with_f0: bool) -> Any:
        return ("analysed", float(samples[0]), with_f0)

    monkeypatch.setattr(measures, "at_judged_rate", lambda samples, rate: samples * rate)
    monkeypatch.setattr(measures, "analyse", analyse)
    one, other = np.full(5, 1.0, np.float32), np.full(8, 2.0, np.float32)
    made = Pair.of(one, other, 100)
    assert (made.before, made.after) == (("analysed", 100.0, True), ("analysed", 200.0, True))
    assert made.original.tolist() == [100.0] * 5
    assert made.anonymized.tolist() == [200.0] * 8
    assert made.length_difference == Pair.of(other, one, 100).length_difference == 3
    assert Pair.of(one, other, 100, with_f0=False).after == ("analysed", 200.0, False)
