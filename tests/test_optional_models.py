"""What is asked of the models that few people have: stand-ins in their place say what they get."""

import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from sounds import speech

from voiceanon.checks import naturalness
from voiceanon.checks.naturalness import DistillMos, Dnsmos, find_predictors
from voiceanon.checks.recognisers import open_recogniser
from voiceanon.checks.whisper import WhisperRecogniser
from voiceanon.errors import InputError
from voiceanon.privacy import content
from voiceanon.privacy.content import WhisperContent

RATE = 16_000


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the files of a Whisper model, none of which is one."""
    place = tmp_path / "base"
    place.mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.json"):
        (place / name).write_bytes(name.encode())
    return place


@pytest.fixture
def whisper(monkeypatch):
    """Put a stand-in where faster-whisper would be; returns what it was asked."""
    asked = []

    class Model:
        def __init__(self, path, **options):
            asked.append((path, options))

        def transcribe(self, samples, **options):
            asked.append((samples, options))
            texts = (" Two ", "words. ")
            return iter([SimpleNamespace(text=t, compression_ratio=1.0) for t in texts]), None

    module = ModuleType("faster_whisper")
    module.WhisperModel = Model
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    return asked


def test_whisper_is_opened_by_path_and_samples_nothing(folder, whisper) -> None:
    recogniser = open_recogniser(f"whisper:{folder}")
    path, options = whisper.pop()
    assert Path(path) == folder  # a name would be fetched from the network
    assert (options["device"], options["compute_type"]) == ("cpu", "int8")
    heard = recogniser.transcribe(speech(1.0))
    samples, options = whisper.pop()
    assert samples.dtype == np.float32
    assert options["temperature"] == 0.0
    assert (options["beam_size"], options["language"]) == (1, "en")
    assert not options["condition_on_previous_text"]
    assert heard.text == "Two words."
    assert [word.text for word in heard.words] == ["Two", "words."]
    assert recogniser.transcribe(np.zeros(RATE, np.float32)).text == ""
    assert whisper == []  # silence is not asked about
    assert not recogniser.is_weak


def test_other_weights_are_another_version_of_whisper(folder, whisper) -> None:
    one = WhisperRecogniser(folder).version
    assert WhisperRecogniser(folder).version == one
    (folder / "model.bin").write_bytes(b"others")
    assert WhisperRecogniser(folder).version != one


@pytest.mark.parametrize("threads", [0, -1, 1.0, True, "2", None])
def test_threads_are_a_whole_number(folder, whisper, threads) -> None:
    with pytest.raises(InputError, match="threads is .*: must be a whole number of at least 1"):
        WhisperRecogniser(folder, threads)
    assert whisper == []


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_model_that_is_not_whole_is_refused_and_not_fetched(folder, whisper, name) -> None:
    (folder / name).unlink()
    said = "a vocabulary file" if name == "vocabulary.json" else name
    with pytest.raises(InputError, match=f"lacks {said}"):
        WhisperRecogniser(folder)
    assert whisper == []


# Naturalness


@pytest.fixture
def dnsmos(monkeypatch, tmp_path):
    """Put a network where speechmos would have it; returns what that is given."""
    network = tmp_path / "speechmos" / "dnsmos_models" / "sig_bak_ovr.onnx"
    network.parent.mkdir(parents=True)
    network.touch()
    (tmp_path / "speechmos" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    heard = []

    class Session:
        def __init__(self, path, options, providers):
            assert Path(path) == network
            assert providers == ["CPUExecutionProvider"]

        def get_inputs(self):
            return [SimpleNamespace(name="input_1")]

        def run(self, wanted, given):
            heard.append(given["input_1"])
            return [np.array([[4.0, 3.0, 2.0]], np.float32)]

    runtime = ModuleType("onnxruntime")
    runtime.InferenceSession, runtime.SessionOptions = Session, SimpleNamespace
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    return heard


def test_dnsmos_hears_nine_seconds_whatever_the_length(dnsmos) -> None:
    predictor = Dnsmos()
    short = speech(2.0)
    made = predictor.scores(short)
    assert list(made) == ["dnsmos", "dnsmos_signal", "dnsmos_background"]
    # The organisers' fits, at the raw scores of the stand-in, by hand.
    assert made["dnsmos_signal"] == pytest.approx(-0.08397278 * 16 + 1.22083953 * 4 + 0.0052439)
    assert made["dnsmos"] == pytest.approx(-0.06766283 * 4 + 1.11546468 * 2 + 0.04602535)
    (window,) = dnsmos.pop()
    assert window.shape == (144_160,)
    np.testing.assert_array_equal(window, np.resize(short, 144_160))
    long = np.zeros(2 * RATE + 144_160, np.float32)
    long[RATE:-RATE] = 1.0
    predictor.scores(long)
    np.testing.assert_array_equal(dnsmos.pop()[0], np.ones(144_160, np.float32))
    assert set(predictor.scores(np.zeros(RATE, np.float32)).values()) == {None}
    assert dnsmos == []


def test_samples_beyond_full_scale_are_clipped_before_they_are_judged(dnsmos) -> None:
    Dnsmos().scores(np.full(RATE, 3.0, np.float32))
    assert dnsmos.pop().max() == 1.0


@pytest.fixture
def distillmos(monkeypatch):
    """Put stand-ins where torch and distillmos would be; the score is the mean level."""
    torch = ModuleType("torch")
    torch.set_num_threads = lambda count: None
    torch.from_numpy = lambda array: array
    torch.no_grad = nullcontext

    class Network:
        def __init__(self):
            print("weights are in /some/folder")

        def eval(self):
            return self

        def __call__(self, wave):
            assert wave.shape[0] == 1
            return np.abs(wave).mean()

    package = ModuleType("distillmos")
    package.ConvTransformerSQAModel = Network
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "distillmos", package)


def test_distillmos_hears_the_middle_and_says_nothing(distillmos, capsys) -> None:
    predictor = DistillMos()
    assert capsys.readouterr().out == ""
    samples = np.zeros(40 * RATE, np.float32)
    samples[5 * RATE : 35 * RATE] = 0.5
    assert predictor.scores(samples) == {"distillmos": pytest.approx(0.5)}
    assert predictor.scores(np.zeros(RATE, np.float32)) == {"distillmos": None}
    assert "torchaudio" not in sys.modules  # its stand-in goes as it came


def test_both_predictors_are_found_where_both_are_installed(dnsmos, distillmos) -> None:
    found, missing = find_predictors()
    assert [predictor.name for predictor in found] == ["DNSMOS P.835", "DistillMOS"]
    assert missing == {}


def test_a_missing_distillmos_is_told_from_a_missing_torch(distillmos, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "distillmos", None)
    _, missing = find_predictors()
    assert "pip install --no-deps distillmos" in missing["DistillMOS"]
    with pytest.raises(InputError, match="distillmos is not installed"):
        DistillMos()
    assert naturalness._distillmos_missing() == missing["DistillMOS"]


# Whisper's encoder as the ear of clones


@pytest.fixture
def encoder(monkeypatch):
    """Put a stand-in where ctranslate2 would be: its frames are the bands of every second one."""
    lengths = []

    class Whisper:
        n_mels = 80

        def __init__(self, path, **options):
            assert options["device"] == "cpu"

        def encode(self, bands, to_cpu):
            lengths.append(bands.shape[-1])
            return np.swapaxes(bands, 1, 2)[:, ::2]

    module = ModuleType("ctranslate2")
    module.models = SimpleNamespace(Whisper=Whisper)
    module.StorageView = SimpleNamespace(from_array=lambda array: array)
    monkeypatch.setitem(sys.modules, "ctranslate2", module)
    content._network.cache_clear()
    yield lengths
    content._network.cache_clear()


def test_frames_of_what_is_said_are_of_length_one_and_in_stretches(
    folder, encoder, monkeypatch
) -> None:
    hears = WhisperContent(folder)
    frames = hears(speech(2.0))
    assert frames.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(frames, axis=1), 1.0, atol=1e-4)
    monkeypatch.setattr(content, "_STRETCH_S", 1)
    for length, stretches in ((RATE, 1), (RATE + 100, 1), (RATE + 1_600, 2), (2 * RATE, 2)):
        encoder.clear()
        hears(speech(3.0)[:length])  # 100 samples are no frame of anything
        assert len(encoder) == stretches
    assert hears.name == "whisper base"
    other = folder.with_name("other")
    other.mkdir()
    (other / "model.bin").write_bytes(b"others")
    assert WhisperContent(other).version != hears.version


def test_an_encoder_without_weights_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"holds no model\.bin"):
        WhisperContent(tmp_path)
