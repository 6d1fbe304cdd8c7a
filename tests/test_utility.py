"""What an evaluation says of words, naturalness and voices, counted by hand on made-up speech."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from sounds import speech

from voiceanon.errors import InputError
from voiceanon.privacy import utility
from voiceanon.privacy.cache import Cache
from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.settings import Settings
from voiceanon.privacy.sounds import Sound
from voiceanon.privacy.utility import Utility
from voiceanon.privacy.workers import Workers

RATE = 16_000
TEXT = "seven small birds sat there"  # five words


class Ears:
    """Hears a text by the sign of the first sample: that of a recording, or what is left of it."""

    name, version, is_weak = "ears", "1", False

    def __init__(self):
        self.calls = 0

    def transcribe(self, samples):
        self.calls += 1
        return SimpleNamespace(text=TEXT if samples[0] > 0 else "seven small words sat")


@pytest.fixture
def people(tmp_path):
    """Return recordings of speakers a, a, b, b, and what stands for their outputs."""
    recordings, outputs = [], []
    for at, speaker in enumerate("aabb"):
        samples = speech(1.2, 0.5 + at / 4)
        for name, sign, kept in (("before", 1, recordings), ("after", -1, outputs)):
            path = tmp_path / f"{name}-{at}.wav"
            samples[0] = sign * 0.25
            soundfile.write(path, samples, RATE)
            kept.append(Recording(str(at), speaker, path, text=TEXT))
    return tuple(recordings), tuple(outputs)


@pytest.fixture
def ears(monkeypatch):
    found = Ears()
    monkeypatch.setattr(utility, "open_recogniser", lambda spec: found)
    monkeypatch.setattr(utility, "find_recogniser", lambda: (found, ""))
    utility._recogniser.cache_clear()
    utility._predictors.cache_clear()
    yield found
    utility._recogniser.cache_clear()
    utility._predictors.cache_clear()


def collected(people, **more):
    recordings, outputs = people
    sounds = {"original": recordings, "trial": outputs}
    return SimpleNamespace(
        variant="made up",
        sounds=lambda where: [Sound.of(one) for one in sounds[where]],
        **{"models": (), **more},
    )


def judge(people, tmp_path, **settings):
    given = {"recipes": (), "recogniser": "mine", "naturalness": False, **settings}
    pool = Workers(1, lambda *_: None)
    return Utility(people[0], Settings(**given), Cache(tmp_path / "cache"), pool)


def test_words_are_counted_against_what_the_original_loses(people, ears, tmp_path) -> None:
    found = judge(people, tmp_path)
    told = found._words(collected(people))
    # Of five words each, one is another and one is missing; the original loses none.
    assert told["wer_percent"] == pytest.approx([40.0, 40.0, 40.0])
    assert told["wer_minus_raw_points"] == pytest.approx([40.0, 40.0, 40.0])
    assert told["utterances"] == 4
    assert told["recogniser"] == "ears"
    assert told["references"] == ["transcript"]
    assert ears.calls == 8


def test_nothing_is_heard_twice_and_other_ears_hear_anew(people, ears, tmp_path) -> None:
    first = judge(people, tmp_path)._words(collected(people))
    assert judge(people, tmp_path)._words(collected(people)) == first
    assert ears.calls == 8
    ears.version = "2"
    assert judge(people, tmp_path)._words(collected(people)) == first
    assert ears.calls == 16


def test_one_speaker_has_no_interval_and_silence_no_rate(people, ears, tmp_path) -> None:
    alone = people[0][:2], people[1][:2]
    told = judge(alone, tmp_path)._words(collected(alone))
    assert told["wer_percent"] == [pytest.approx(40.0), None, None]
    untold = tuple(Recording(one.key, one.speaker, one.path) for one in people[1])
    ears.transcribe = lambda samples: SimpleNamespace(text="")
    told = judge((untold, untold), tmp_path / "2")._words(collected((untold, untold)))
    assert (told["wer_percent"], told["cer_percent"]) == (None, None)


def test_why_no_words_are_counted_is_told(people, ears, tmp_path, monkeypatch) -> None:
    def refuse(spec):
        raise InputError(f"no {spec} here")

    def why(found):
        assert found.recogniser_facts is None
        return [row["why"] for row in found.not_measured if row["what"] == "words"]

    assert why(judge(people, tmp_path, recogniser="none")) == ["no recogniser was asked for"]
    monkeypatch.setattr(utility, "find_recogniser", lambda: (None, "none is installed"))
    found = judge(people, tmp_path, recogniser="auto")
    assert why(found) == ["none is installed"]
    assert found._words(collected(people)) is None
    monkeypatch.setattr(utility, "open_recogniser", refuse)
    light = judge(people, tmp_path, recogniser="auto", light=True)
    assert why(light) == ["no pocketsphinx here"]
    with pytest.raises(InputError, match="no mine here"):  # what was asked for must be there
        judge(people, tmp_path, recogniser="mine")


class Predictor:
    name, version = "loudness", "1"

    def __init__(self):
        self.heard = []

    def scores(self, samples):
        self.heard.append(len(samples))
        return {"loudness": 1.0 + len(self.heard), "unheard": None}


def test_naturalness_is_a_mean_over_speakers_and_kept(people, ears, tmp_path, monkeypatch) -> None:
    predictor = Predictor()
    missing = {"another": "it is not installed"}
    monkeypatch.setattr(utility, "find_predictors", lambda: ((predictor,), missing))
    found = judge(people, tmp_path, naturalness=True)
    assert {"what": "naturalness by another", "why": "it is not installed"} in found.not_measured
    told = found._naturalness(collected(people))
    assert told["utterances"] == 4
    value, low, high = told["loudness"]
    assert value == pytest.approx((2 + 3 + 4 + 5) / 4)
    assert low <= value <= high
    assert told["unheard"] is None
    assert found._naturalness(collected(people)) == told
    assert predictor.heard == [round(1.2 * RATE)] * 4
    alone = people[0][:2], people[1][:2]
    told = judge(alone, tmp_path, naturalness=True)._naturalness(collected(alone))
    assert told["loudness"] == [pytest.approx(2.5), None, None]
    assert judge(people, tmp_path, naturalness=False)._naturalness(collected(people)) is None


def test_distinct_voices_are_told_where_two_speakers_speak_twice(people, ears, tmp_path) -> None:
    model = SimpleNamespace(name="made up")
    raw = np.eye(4)[[0, 0, 1, 1]] + 0.01 * np.arange(16).reshape(4, 4)

    def told(trial, some=people):
        vectors = {"original": raw[: len(some[0])], "trial": trial[: len(some[0])]}
        hears = collected(some, models=(model,), vectors=lambda where, _model: vectors[where])
        return judge(some, tmp_path)._voices(hears)

    assert told(raw) == {"g_vd_db": pytest.approx(0.0, abs=1e-9), "model": "made up"}
    mixed = [told((1 - share) * raw + share * raw[[0, 2, 1, 3]])["g_vd_db"] for share in (0.1, 0.3)]
    assert 0 > mixed[0] > mixed[1]  # the more each has of another
    assert told(np.ones((4, 4)))["g_vd_db"] is None  # nobody is told from anybody
    assert told(raw, (people[0][:3], people[1][:3])) is None  # one of them speaks once
    assert judge(people, tmp_path)._voices(collected(people)) is None
