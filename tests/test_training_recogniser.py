"""The recogniser that trains the decoder: the weights it reads, and what it is given to hear."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import numpy as np
import pytest
import sounds
from training_clips import described, prepared_clips

from voiceanon.checks.bands import whisper_bands
from voiceanon.errors import VoiceanonError
from voiceanon.keys import Draws
from voiceanon.privacy.drawing import normal
from voiceanon.recipe import Recipe
from voiceanon.speaking import Labels, Speaking
from voiceanon.training.recogniser import Recogniser, read_weights
from voiceanon.voice import Voice


def named(name: str) -> bytes:
    return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"


def model_file(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    kinds = [np.float32, np.int8, np.int16, np.int32, np.float16]
    whole = struct.pack("<I", 6) + named("WhisperSpec") + struct.pack("<II", 3, len(arrays))
    for name, array in arrays.items():
        whole += named(name) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        kind = [array.dtype == k for k in kinds].index(True)
        whole += struct.pack("<BI", kind, array.nbytes) + array.tobytes()
    path.write_bytes(whole + struct.pack("<I", 0))
    return path


def test_weights_are_read_as_they_were_written(tmp_path: Path) -> None:
    draws = Draws(bytes(32), "weights")
    arrays = {
        "encoder/conv1/weight": normal(draws, 4, 3, 2).astype(np.float16),
        "encoder/conv1/bias": normal(draws, 4).astype(np.float32),
        "encoder/num_heads": np.array(8, np.int16),
        "small": np.array([[-1, 2]], np.int8),
    }
    found = read_weights(model_file(tmp_path / "model.bin", arrays))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)


@pytest.mark.parametrize("kept", [0, 3, 20, 60, 100])
def test_a_file_that_ends_early_is_refused(tmp_path: Path, kept: int) -> None:
    arrays = {"encoder/conv1/weight": np.ones((4, 3, 2), np.float32)}
    path = model_file(tmp_path / "model.bin", arrays)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(VoiceanonError, match="not a CTranslate2 model"):
        read_weights(path)


def test_weights_in_8_bits_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    arrays = {"encoder/conv1/weight": np.ones((4, 3, 2), np.int8)}
    model_file(tmp_path / "model.bin", arrays)
    with pytest.raises(VoiceanonError, match="16 or 32 bits"):
        Recogniser(tmp_path)


def test_it_hears_what_a_transformer_of_torch_hears(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    size, heads, layers = 16, 2, 3
    torch.manual_seed(1)
    layer = torch.nn.TransformerEncoderLayer(
        size, heads, 4 * size, 0.0, "gelu", batch_first=True, norm_first=True
    )
    norm = torch.nn.LayerNorm(size)
    whole = torch.nn.TransformerEncoder(layer, layers, norm=norm, enable_nested_tensor=False)
    convolutions = [
        torch.nn.Conv1d(80, size, 3, padding=1),
        torch.nn.Conv1d(size, size, 3, padding=1, stride=2),
    ]
    parts = [*whole.parameters(), *(p for c in convolutions for p in c.parameters())]
    draws = Draws(bytes(32), "whisper")
    with torch.no_grad():
        for part in parts:
            part.copy_(torch.from_numpy(0.3 * normal(draws, *part.shape)))
    places = {
        "self_attn.in_proj_": "self_attention/linear_0/",
        "self_attn.out_proj.": "self_attention/linear_1/",
        "linear1.": "ffn/linear_0/",
        "linear2.": "ffn/linear_1/",
        "norm1.": "self_attention/layer_norm/",
        "norm2.": "ffn/layer_norm/",
    }
    arrays = {
        "num_heads": np.array(heads, np.int16),
        "position_encodings/encodings": normal(draws, 1500, size).astype(np.float32),
        "layer_norm/gamma": whole.norm.weight,
        "layer_norm/beta": whole.norm.bias,
    }
    for number, convolution in enumerate(convolutions, 1):
        arrays[f"conv{number}/weight"] = convolution.weight
        arrays[f"conv{number}/bias"] = convolution.bias
    for number in range(layers):
        for theirs, ours in places.items():
            for last in ("weight", "bias"):
                name = {"weight": "gamma", "bias": "beta"}[last] if "norm" in ours else last
                found = whole.layers[number].get_parameter(theirs + last)
                arrays[f"layer_{number}/{ours}{name}"] = found
    model_file(
        tmp_path / "model.bin",
        {
            f"encoder/{k}": v if isinstance(v, np.ndarray) else v.detach().numpy()
            for k, v in arrays.items()
        },
    )
    bands = torch.from_numpy(normal(draws, 2, 80, 60).astype(np.float32)).requires_grad_(True)
    heard = Recogniser(tmp_path, exact=True).hear(bands)
    assert [tuple(part.shape) for part in heard] == [(2, 30, size)] * 2
    whole.eval()
    x = bands
    for convolution in convolutions:
        x = torch.nn.functional.gelu(convolution(x))
    x = x.transpose(1, 2) + torch.from_numpy(arrays["position_encodings/encodings"])[:30]
    assert torch.allclose(heard[-1], whole(x), atol=1e-4)
    assert torch.allclose(heard[0], whole.layers[1](whole.layers[0](x)), atol=1e-4)
    heard[-1].square().sum().backward()
    assert bands.grad is not None
    assert bands.grad.abs().min() > 0
    rough = Recogniser(tmp_path).hear(bands)[-1]
    assert 0 < (rough - heard[-1]).abs().mean() < 0.05 * heard[-1].abs().mean()


def test_bands_of_rows_are_those_of_the_sound() -> None:
    torch = pytest.importorskip("torch")
    from voiceanon.training.bands import Bands, scaled, voice_f0

    prepared = prepared_clips()
    bands = Bands(prepared)
    recipe = dataclasses.replace(Recipe.named("template"), time_warp=0.0, band_hz=16_000)
    voice = Voice(f0_hz=150.0, f0_spread=0.2)
    for index, name in enumerate(sounds.clip_names()):
        batch = prepared.recorded(index)
        count = len(batch.mask)
        speaking = Speaking(recipe, 16_000, Labels(bytes(32), name, None), 0, voice=voice)
        spoken = speaking.process(described(name)[: 4 * count])
        sound = np.concatenate([spoken, *speaking.finish(320 * count)])
        heard = whisper_bands(sound.astype(np.float32))
        rows = torch.from_numpy(batch.spoken).reshape(4 * count, -1)
        f0 = voice_f0(rows[:, 0] > 0.5, torch.from_numpy(batch.pitch), 150.0)
        power = bands.power(rows[:, 1:], f0, torch.from_numpy(batch.speech))
        made = scaled(power, power.max()).numpy()
        inside = np.repeat(batch.speech[:, 0] > 0, 2)
        one, other = made[:, inside].ravel(), heard[:, inside].ravel()
        assert np.corrcoef(one, other)[0, 1] > 0.9, name
        # In units of 40 dB; the level of a whole recording is free.
        assert np.abs((one - one.mean()) - (other - other.mean())).mean() < 0.12, name
