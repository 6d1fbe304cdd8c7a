"""The recogniser that judges what the decoder says: Whisper's encoder, with gradients.

CTranslate2 runs a model but gives no gradient; here the same weights run in torch.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.checks.optional import load
from voiceanon.errors import VoiceanonError

__all__ = ["Recogniser", "read_weights"]

_NUMBER_TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
_KEPT_LAYERS = (2, 4)  # beside the last


def read_weights(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a CTranslate2 model by name.

    The file holds, all little-endian: its version, the name of the architecture and its revision,
    the number of arrays; for each its name, dimensions, type and bytes. A name is its length in 16
    bits, letters, and a zero.

    Raises
    ------
    VoiceanonError
        If it ends too early or holds a type of numbers that has no place here.
    """
    whole = memoryview(path.read_bytes())
    at = 0

    def number(kind: str) -> int:
        nonlocal at
        (found,) = struct.unpack_from("<" + kind, whole, at)
        at += struct.calcsize(kind)
        return int(found)

    def name() -> str:
        nonlocal at
        length = number("H")
        at += length
        return bytes(whole[at - length : at - 1]).decode()

    arrays: dict[str, npt.NDArray[Any]] = {}
    try:
        number("I"), name(), number("I")
        for _ in range(number("I")):
            called = name()
            shape = [number("I") for _ in range(number("B"))]
            kind, size = _NUMBER_TYPES[number("B")], number("I")
            arrays[called] = np.frombuffer(whole[at : at + size], kind).reshape(shape)
            at += size
    except (struct.error, IndexError, ValueError, UnicodeDecodeError):
        raise VoiceanonError(f"{path}: not a CTranslate2 model") from None
    return arrays


class Recogniser:
    """Whisper's encoder (Radford et al. 2022), its weights fixed.

    Parameters
    ----------
    folder : Path
        Of a CTranslate2 model with weights in 16 or 32 bits.
    exact : bool
        Compute in 32 bits; in 16 otherwise, which is twice as fast.
    """

    def __init__(self, folder: Path, *, exact: bool = False) -> None:
        torch = load("torch")
        weights = read_weights(folder / "model.bin")
        part = "encoder/"
        found = {k[len(part) :]: v for k, v in weights.items() if k.startswith(part)}
        if "conv1/weight" not in found or found["conv1/weight"].dtype == np.int8:
            raise VoiceanonError(f"{folder}: not a Whisper model with weights in 16 or 32 bits")
        self._kind = torch.float32 if exact else torch.bfloat16
        self._heads = int(found.pop("num_heads"))
        self._layers = len([k for k in found if k.endswith("self_attention/linear_0/weight")])
        self._weights = {
            k: torch.as_tensor(v.astype(np.float32)).to(self._kind)
            for k, v in found.items()
            if v.ndim > 0
        }

    def hear(self, bands: Any) -> list[Any]:
        """Return what some layers hear, the last one last, (n, t, size) each.

        Parameters
        ----------
        bands : torch.Tensor, shape (n, 80, 2 t)
            Log-mel as Whisper scales it, up to 30 s.
        """
        torch = load("torch")
        functional, weights = torch.nn.functional, self._weights
        x = bands.to(self._kind)
        for name, step in (("conv1", 1), ("conv2", 2)):
            kernel, bias = weights[f"{name}/weight"], weights[f"{name}/bias"]
            x = functional.gelu(functional.conv1d(x, kernel, bias, padding=1, stride=step))
        x = x.transpose(1, 2)
        x = x + weights["position_encodings/encodings"][: x.shape[1]]
        heard = []
        for layer in range(self._layers):
            x = x + self._attention(x, f"layer_{layer}/self_attention/")
            x = x + self._forward(x, f"layer_{layer}/ffn/")
            if layer + 1 in _KEPT_LAYERS and layer + 1 < self._layers:
                heard.append(x)
        return [part.float() for part in (*heard, self._norm(x, ""))]

    def _attention(self, x: Any, name: str) -> Any:
        count, length, size = x.shape
        asked = self._linear(self._norm(x, name), name + "linear_0")
        parts = asked.reshape(count, length, 3, self._heads, size // self._heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        found = load("torch").nn.functional.scaled_dot_product_attention(query, key, value)
        return self._linear(found.transpose(1, 2).reshape(x.shape), name + "linear_1")

    def _forward(self, x: Any, name: str) -> Any:
        wide = self._linear(self._norm(x, name), name + "linear_0")
        return self._linear(load("torch").nn.functional.gelu(wide), name + "linear_1")

    def _linear(self, x: Any, name: str) -> Any:
        weights = self._weights
        return load("torch").nn.functional.linear(
            x, weights[f"{name}/weight"], weights[f"{name}/bias"]
        )

    def _norm(self, x: Any, name: str) -> Any:
        gain, bias = (self._weights[f"{name}layer_norm/{part}"] for part in ("gamma", "beta"))
        return load("torch").nn.functional.layer_norm(x, x.shape[-1:], gain, bias)
