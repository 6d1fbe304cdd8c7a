"""What an attacker trains on covers speakers first, stays inside the files and the hours."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.training_set import training_set


@given(
    st.lists(st.lists(st.floats(1.0, 40.0), min_size=1, max_size=15), min_size=1, max_size=12),
    st.integers(2, 12),
    st.floats(0.01, 0.3),
)
def test_laws(lengths: list[list[float]], per_speaker: int, most_hours: float) -> None:
    recordings = [
        Recording(f"{speaker}-{number}", str(speaker), Path("x.wav"), duration_s=length)
        for speaker, own in enumerate(lengths)
        for number, length in enumerate(own)
    ]
    by_key = {recording.key: recording for recording in recordings}
    chosen = training_set(recordings, per_speaker=per_speaker, most_hours=most_hours)
    assert len({one.key for one in chosen}) == len(chosen)
    counts: dict[str, int] = {}
    for one in chosen:
        counts[one.speaker] = counts.get(one.speaker, 0) + 1
        whole = by_key.get(one.key) or by_key[one.key.rpartition("_")[0]]
        end_s = one.start_s + (one.length_s or one.duration_s)
        assert end_s <= whole.duration_s + 1e-6
        assert (one.length_s or one.duration_s) <= 40.0
    assert all(count <= per_speaker for count in counts.values())
    plenty = training_set(recordings, per_speaker=per_speaker, most_hours=1e6)
    assert {one.speaker for one in plenty} == {one.speaker for one in recordings}
    if most_hours >= 0.3:
        assert len(chosen) >= 1


def test_a_single_recording_becomes_stretches_that_do_not_overlap() -> None:
    alone = Recording("a", "s", Path("x.wav"), duration_s=14.0)
    chosen = training_set([alone], per_speaker=12)
    assert len(chosen) == 3
    ends = [one.start_s + one.length_s for one in chosen]
    assert all(later.start_s >= end for later, end in zip(chosen[1:], ends, strict=False))
    assert ends[-1] <= 14.0
