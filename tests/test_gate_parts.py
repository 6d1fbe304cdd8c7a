"""How the gate cuts a recording in stretches and puts their verdicts together: made-up measures."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from made_up_pairs import pair, timing

from voiceanon.checks import gate
from voiceanon.checks.gate import Gate
from voiceanon.checks.measures import LIMITS
from voiceanon.checks.verdicts import CheckReport, Limit, Measure, Verdict, judged

NOT, HOLD, FAIL, PASS = Verdict.NOT_MEASURED, Verdict.HOLD, Verdict.FAIL, Verdict.PASS

RATE = 100  # samples a second of the made-up gate: a stretch is 3000 samples


class Judged:
    """What a gate asked to be judged, and what it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[int, int, int]] = []  # first sample of both, and how many
        self.values: dict[int, float | None] = {}  # by the first sample of a stretch
        self.sounds_s = 5.0
        monkeypatch.setattr(gate, "Pair", SimpleNamespace(of=self._pair))
        monkeypatch.setattr(gate, "part_measures", self._measures)
        monkeypatch.setattr(gate, "copies", self._copies)

    def _pair(self, before: Any, after: Any, rate: int, *, with_f0: bool) -> Any:
        assert rate == RATE
        assert with_f0 is False
        assert before.dtype == after.dtype == np.float32
        first = int(before[0]) if len(before) else -1
        self.asked.append((first, len(before), len(after)))
        return pair(
            sounds_s=self.sounds_s,
            original=before,
            anonymized=after,
            timing=timing(lost_s=0.0, added_s=0.0),
        )

    def _measures(self, of: Any, limits: Any, not_judged: str) -> list[Measure]:
        self.limits, self.not_judged = limits, not_judged
        value = self.values.get(int(of.original[0]), 0.9)
        limit = limits["words.agreement"]
        return [judged("words.agreement", value, limit, "said {}", missing="none")]

    def _copies(self, of: Any, originals: Any, limits: Any) -> list[Measure]:
        assert any(of.original is original for original in originals)
        self.originals = [int(original[0]) for original in originals]
        return [
            judged("identity.largest_correlation", 0.1, limits["identity.largest_correlation"], "")
        ]


def through(taken: Gate, length: int, channels: int = 1, step: int = 700) -> CheckReport:
    """Give both sides a ramp that tells every sample's place; channel 2 lies 10 000 higher."""
    ramp = np.arange(length, dtype=np.float32) + 10_000 * np.arange(channels)[:, None]
    for start in range(0, length, step):
        taken.hear(ramp[:, start : start + step].astype(np.float32))
        taken.spoken(ramp[:, start : start + step].astype(np.float32))
    return taken.finish()


@pytest.mark.parametrize(
    ("length", "stretches"),
    [
        (1, [(0, 1, 1)]),
        (3_000, [(0, 3_000, 3_000)]),
        (3_299, [(0, 3_299, 3_299)]),
        (3_300, [(0, 3_000, 3_000), (3_000, 300, 300)]),
        (6_500, [(0, 3_000, 3_000), (3_000, 3_000, 3_000), (6_000, 500, 500)]),
    ],
)
def test_a_short_rest_is_judged_with_the_stretch_before(monkeypatch, length, stretches) -> None:
    told = Judged(monkeypatch)
    through(Gate(RATE, 1), length)
    assert told.asked == stretches


def test_no_more_than_a_stretch_waits(monkeypatch) -> None:
    told = Judged(monkeypatch)
    taken = Gate(RATE, 1)
    for _ in range(20):
        taken.hear(np.zeros((1, 1_000), np.float32))
        taken.spoken(np.zeros((1, 1_000), np.float32))
        assert sum(part.shape[1] for part in taken._waiting[0]) < 3_300
    assert len(told.asked) == 6


def test_an_output_of_another_length_is_judged_to_the_end_of_both(monkeypatch) -> None:
    for before, after in ((500, 800), (800, 500)):
        told = Judged(monkeypatch)
        taken = Gate(RATE, 1)
        taken.hear(np.ones((1, before), np.float32))
        taken.spoken(np.ones((1, after), np.float32))
        taken.finish()
        assert told.asked == [(1, before, after)]


def test_what_was_heard_may_be_written_over_by_its_owner(monkeypatch) -> None:
    told = Judged(monkeypatch)
    taken, block = Gate(RATE, 1), np.full((1, 50), 7, np.float32)
    taken.hear(block)
    taken.spoken(block)
    block[:] = 9
    taken.finish()
    assert told.asked == [(7, 50, 50)]


def test_the_worst_stretch_counts_and_its_place_is_told(monkeypatch) -> None:
    told = Judged(monkeypatch)
    told.values = {0: 0.95, 3_000: 0.7, 6_000: 0.8, 9_000: 0.9, 12_000: 0.86}
    report = through(Gate(RATE, 1), 13_000)
    assert report.verdict is HOLD
    assert report["words.agreement"].value == 0.7
    assert report["words.agreement"].reason == "30 to 60 s: said 0.7"
    assert [m.name.partition(".")[0] for m in report.measures] == [
        *["words"] * 1,
        *["timing"] * 4,
        *["delivery"] * 2,
        *["identity"] * 1,
    ]


def test_of_one_stretch_no_place_is_told(monkeypatch) -> None:
    told = Judged(monkeypatch)
    told.values = {0: 0.5}
    report = through(Gate(RATE, 1), 500)
    assert report.verdict is FAIL
    assert report["words.agreement"].reason == "said 0.5"


def test_channels_are_judged_by_themselves_and_copies_between_all(monkeypatch) -> None:
    told = Judged(monkeypatch)
    told.values = {13_000: 0.65}
    report = through(Gate(RATE, 2), 3_400, channels=2)
    assert report["words.agreement"].reason == "channel 2, 30 to 34 s: said 0.65"
    assert told.originals == [3_000, 13_000]
    assert told.asked[:2] == [(0, 3_000, 3_000), (10_000, 3_000, 3_000)]
    assert told.asked[2:] == [(3_000, 400, 400), (13_000, 400, 400)]
    assert report["timing.agreement"].reason == (
        "channel 1: sound and silence agree in 0.90 of the time"
    )


def test_a_gate_takes_limits_and_a_language(monkeypatch) -> None:
    told = Judged(monkeypatch)
    strict = {"words.agreement": Limit(0.99, 0.98, is_floor=True)}
    report = through(Gate(RATE, 1, strict, "de"), 500)
    assert report["words.agreement"].verdict is FAIL
    assert told.limits == {**LIMITS, **strict}
    assert told.not_judged == "the judge knows English, not 'de'"
    told = Judged(monkeypatch)
    through(Gate(RATE, 1), 500)
    assert told.limits == LIMITS
    assert told.not_judged == ""


@pytest.mark.parametrize(
    ("sounds_s", "verdict", "reason"),
    [
        (5.0, NOT, "30 to 60 s: none"),  # somebody may speak there: then nothing is measured
        (1.0, NOT, "30 to 60 s: none"),
        (0.99, PASS, "60 to 65 s: said 0.9"),
    ],
)
def test_what_is_not_measured_counts_where_it_sounds(
    monkeypatch, sounds_s: float, verdict: Verdict, reason: str
) -> None:
    told = Judged(monkeypatch)
    told.values = {0: 0.99, 3_000: None, 6_000: 0.9}
    told.sounds_s = sounds_s
    report = through(Gate(RATE, 1), 6_500)
    assert report["words.agreement"].verdict is verdict
    assert report["words.agreement"].reason == reason


def test_what_is_measured_nowhere_is_told_as_such(monkeypatch) -> None:
    told = Judged(monkeypatch)
    told.values, told.sounds_s = {0: None, 3_000: None}, 0.1
    report = through(Gate(RATE, 1), 3_400)
    assert report["words.agreement"].verdict is NOT
    assert report["words.agreement"].reason == "0 to 30 s: none"
    assert report.verdict is NOT


def test_a_gate_that_heard_nothing_passes_nothing(monkeypatch) -> None:
    told = Judged(monkeypatch)
    report = Gate(RATE, 1).finish()
    assert told.asked == []
    assert report.verdict is NOT


def test_samples_of_any_width_are_judged_as_float32(monkeypatch) -> None:
    told = Judged(monkeypatch)
    taken = Gate(RATE, 1)
    taken.hear(np.ones((1, 100)))  # type: ignore[arg-type]
    taken.spoken(np.ones((1, 100)))  # type: ignore[arg-type]
    taken.finish()
    assert told.asked == [(1, 100, 100)]


@pytest.mark.parametrize(("sounds_s", "verdict"), [(0.99, PASS), (1.0, NOT)])
def test_a_silent_channel_is_not_missed_beside_one_that_speaks(
    monkeypatch, sounds_s: float, verdict: Verdict
) -> None:
    told = Judged(monkeypatch)
    usual = told._pair

    def channel(before: Any, after: Any, rate: int, *, with_f0: bool) -> Any:
        found = usual(before, after, rate, with_f0=with_f0)
        if before[0] >= 10_000:
            found.timing, found.sounds_s = None, sounds_s
        return found

    monkeypatch.setattr(gate, "Pair", SimpleNamespace(of=channel))
    report = through(Gate(RATE, 2), 500, channels=2)
    assert report["timing.agreement"].verdict is verdict
    assert report["timing.agreement"].reason.startswith("channel 2: ") is (verdict is NOT)
