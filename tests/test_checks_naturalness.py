"""Predicted naturalness: real speech above ruined speech, an independent twin, what is missing."""

import sys
from types import ModuleType

import numpy as np
import pytest
from sounds import clip, clip_names

from voiceanon.checks import naturalness
from voiceanon.checks.naturalness import DistillMos, Dnsmos, find_predictors
from voiceanon.errors import InputError


@pytest.fixture(scope="module", params=[Dnsmos, DistillMos])
def predictor(request):
    _, missing = find_predictors()
    if request.param.name in missing:
        pytest.skip(missing[request.param.name])
    return request.param()


def test_ruined_speech_is_less_natural(predictor) -> None:
    samples, _ = clip(clip_names()[0])
    clean = predictor.scores(samples)
    rng = np.random.default_rng(0)
    noise = (np.std(samples) * rng.standard_normal(len(samples))).astype(np.float32)
    noisy = predictor.scores(samples + noise)
    measure = predictor.measures[0]
    assert tuple(clean) == predictor.measures
    assert all(1 <= value <= 5 for value in clean.values())
    assert clean[measure] > noisy[measure] + 0.5
    assert predictor.scores(samples) == clean


def test_silence_and_what_is_too_short_have_no_score(predictor) -> None:
    for n in (0, 1, 1_000, 32_000):
        assert set(predictor.scores(np.zeros(n, np.float32)).values()) == {None}
    short = predictor.scores(clip(clip_names()[0])[0][8_000:12_000])
    assert all(np.isfinite(value) for value in short.values())


@pytest.mark.slow
def test_long_recordings_are_judged_by_their_middle(predictor) -> None:
    samples = np.tile(clip(clip_names()[0])[0], 10)
    ruined = samples.copy()
    ruined[:16_000] = ruined[-16_000:] = 0
    assert predictor.scores(samples) == predictor.scores(ruined)


def test_the_scores_are_those_of_the_package_itself(monkeypatch) -> None:
    pytest.importorskip("speechmos")
    pytest.importorskip("onnxruntime")
    # Its import needs these, for another score than ours and for nothing: stand-ins do.
    requests = ModuleType("requests")
    requests.session = None
    monkeypatch.setitem(sys.modules, "requests", requests)
    monkeypatch.setitem(sys.modules, "librosa", ModuleType("librosa"))
    dnsmos = pytest.importorskip("speechmos.dnsmos")
    monkeypatch.setattr(
        dnsmos.DNSMOS, "audio_melspec", lambda self, audio: np.zeros((900, 120), np.float32)
    )
    samples = np.resize(clip(clip_names()[0])[0], 144_160)
    theirs = dnsmos.run(samples, 16_000)
    ours = Dnsmos().scores(samples)
    assert ours["dnsmos"] == pytest.approx(theirs["ovrl_mos"], abs=1e-3)
    assert ours["dnsmos_signal"] == pytest.approx(theirs["sig_mos"], abs=1e-3)
    assert ours["dnsmos_background"] == pytest.approx(theirs["bak_mos"], abs=1e-3)


def test_nothing_is_said_on_standard_output(predictor, capsys) -> None:
    type(predictor)()
    assert capsys.readouterr().out == ""


def test_what_is_missing_is_said_by_name(monkeypatch) -> None:
    monkeypatch.setattr(naturalness, "find_spec", lambda name: None)
    monkeypatch.setattr(naturalness, "why_missing", lambda package: f"{package} is not installed")
    found, missing = find_predictors()
    assert found == ()
    assert missing == {
        "DNSMOS P.835": "speechmos is not installed: pip install --no-deps speechmos",
        "DistillMOS": "torch is not installed",
    }
    with pytest.raises(InputError, match="speechmos is not installed"):
        Dnsmos()
    with pytest.raises(InputError, match="torch is not installed"):
        DistillMos()
