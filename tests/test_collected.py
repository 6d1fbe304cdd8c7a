"""What is computed of a corpus refuses to go on with results that are none."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from sounds import speech

from voiceanon.errors import InputError, RecordingError, VoiceanonError
from voiceanon.privacy import collected as module
from voiceanon.privacy.cache import Cache
from voiceanon.privacy.collected import Collected, usable
from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.sounds import Sound
from voiceanon.privacy.workers import Workers

RATE = 16_000
POOL = Workers(1, lambda *_: None)


def kept(folder, name, samples, rate=RATE):
    path = folder / f"{name}.wav"
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return Recording(name, "a", path)


def variant(change):
    """Return a variant that does as it is told."""
    return SimpleNamespace(
        name="odd",
        identity="odd 1",
        kind="recipe",
        keeps_the_voice=False,
        needs_two_sides=False,
        change=lambda _side: lambda samples, _rate, _key, _speaker: change(samples),
    )


def test_an_unknown_side_is_refused_with_the_known_ones(tmp_path) -> None:
    made = Collected(variant(np.copy), (), (), (), Cache(tmp_path), POOL)
    for where in ("trails", "", None):
        with pytest.raises(InputError, match="original, enrol, trial, training"):
            made.sounds(where)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda samples: samples[:-1], r"made \(15999,\) of \(16000,\) samples"),
        (lambda samples: np.stack([samples, samples]), r"made \(2, 16000\) of"),
        (lambda samples: samples * np.float32(np.nan), "some of them not finite"),
        (lambda samples: samples / np.float32(1e-45), "some of them not finite"),
    ],
    ids=["short", "two", "nan", "inf"],
)
@pytest.mark.filterwarnings("ignore:(divide|overflow|invalid):RuntimeWarning")
def test_what_a_variant_makes_is_as_long_and_finite_or_nothing_is_kept(
    tmp_path, change, said
) -> None:
    sound = Sound.of(kept(tmp_path, "one", speech(1.0)))
    target = tmp_path / "made.wav"
    job = SimpleNamespace(sound=sound, key="one", speaker="a", target=target)
    with pytest.raises(InputError, match=said):
        module._make(variant(change), "trial", job)
    assert [path.name for path in tmp_path.iterdir()] == ["one.wav"]
    assert module._make(variant(np.negative), "trial", job)[0] == 1.0
    np.testing.assert_allclose(soundfile.read(target)[0], -speech(1.0), atol=2**-15)


class Extractor:
    name, version = "odd", "1"

    def __init__(self, vector):
        self.vector = vector

    def __call__(self, _samples):
        return self.vector


@pytest.mark.parametrize(
    "vector", [np.float64(1.0), np.ones((2, 2)), np.array([1.0, np.nan]), np.array([np.inf])]
)
def test_an_extractor_that_gives_no_finite_vector_ends_the_run(tmp_path, vector) -> None:
    one = kept(tmp_path, "one", speech(1.0))
    made = Collected(variant(np.copy), (one,), (), (), Cache(tmp_path / "cache"), POOL)
    with pytest.raises(VoiceanonError, match=r"odd gave \(.*\), which is no finite vector"):
        made.features("original", Extractor(vector))
    assert not list((tmp_path / "cache").rglob("*.npy"))
    fine = made.features("original", Extractor(np.arange(3.0)))
    np.testing.assert_array_equal(fine, [[0.0, 1.0, 2.0]])


def test_a_cache_that_keeps_nothing_is_an_error_and_no_figure(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(Cache, "put_array", lambda *_: None)
    one = kept(tmp_path, "one", speech(1.0))
    made = Collected(variant(np.copy), (one,), (), (), Cache(tmp_path / "cache"), POOL)
    with pytest.raises(VoiceanonError, match="the cache lost odd of original speech"):
        made.features("original", Extractor(np.arange(3.0)))


def test_recordings_that_say_nothing_are_left_out_with_their_reason(tmp_path) -> None:
    stereo = np.stack([speech(1.0)] * 2, axis=1)
    given = [
        kept(tmp_path, "good", speech(1.0)),
        kept(tmp_path, "short", speech(0.05)),
        kept(tmp_path, "silent", np.zeros(RATE)),
        kept(tmp_path, "stereo", stereo),
        Recording("gone", "a", tmp_path / "gone.wav"),
        Recording("past", "a", tmp_path / "good.wav", start_s=0.9, length_s=0.5),
    ]
    good, bad = usable(given, POOL, "reading")
    assert [one.key for one in good] == ["good"]
    reasons = dict(bad)
    assert reasons.keys() == {"short", "silent", "stereo", "gone", "past"}
    assert "0.050 s: at least 0.1 s is needed" in reasons["short"]
    assert "silent from start to end" in reasons["silent"]
    assert "2 channels" in reasons["stereo"]
    assert "holds 1.00 s: the stretch 0.9 s + " in reasons["past"]


def test_a_stretch_is_read_at_sixteen_kilohertz_and_never_past_the_end(tmp_path) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000).astype(np.float32)
    path = kept(tmp_path, "tone", tone / 2, 48_000).path
    heard = Sound(path, 0.25, 0.5).read()
    assert heard.shape == (8_000,)
    expected = np.sin(2 * np.pi * 440 * (np.arange(8_000) / RATE + 0.25)) / 2
    np.testing.assert_allclose(heard[500:-500], expected[500:-500], atol=1e-3)
    assert len(Sound(path, 0.25).read()) == 12_000
    for start_s, length_s in ((1.0, None), (0.5, 0.6), (2.0, 0.1)):
        with pytest.raises(RecordingError, match=r"holds 1\.00 s: the stretch"):
            Sound(path, start_s, length_s).read()
