"""Turns trained networks into the tables that the core runs, in half precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.training.networks import Shape
from voiceanon.training.prepared import Prepared

__all__ = ["exported", "folded", "packed"]

_DIRECTIONS = 8

Arrays = dict[str, npt.NDArray[Any]]


def exported(network: Any, shape: Shape, prepared: Prepared) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of ``models/bottleneck.npz``.

    Parameters
    ----------
    network : torch.nn.Module
        Trained, in evaluation mode.
    shape : Shape
        Its sizes.
    prepared : Prepared
        What it learned from.

    Notes
    -----
    The variance that a decoder's values lose is not given back (Toda & Tokuda 2007, global
    variance): one that a recogniser taught loses words by it.
    """
    found: Arrays = {
        "levels": np.array(shape.levels, np.int32),
        "input_mean": prepared.mean,
        "input_scale": prepared.scale,
    }
    for name, stack, blocks in (
        ("encoder", network.encoder, shape.encoder_blocks),
        ("decoder", network.decoder, shape.decoder_blocks),
    ):
        weights, biases = folded(stack)
        if name == "decoder":
            _to_plain(weights, biases, prepared)
        found |= packed(name, weights, biases, blocks)
    table = network.voices.weight.detach().numpy().astype(np.float64)
    _, strength, direction = np.linalg.svd(table - table.mean(0), full_matrices=False)
    kept = direction[:_DIRECTIONS].T * strength[:_DIRECTIONS] / np.sqrt(len(table))
    found["voice_mean"] = table.mean(0).astype(np.float32)
    found["voice_loadings"] = kept.astype(np.float32)
    return found


def packed(
    name: str,
    weights: list[npt.NDArray[Any]],
    biases: list[npt.NDArray[Any]],
    blocks: tuple[tuple[int, int], ...],
) -> Arrays:
    """Return the arrays of one network as its file holds them, in half precision."""
    sizes = [weights[0].shape[1] // 3, weights[0].shape[0], weights[-1].shape[0]]
    return {
        f"{name}_blocks": np.array(blocks, np.int32),
        f"{name}_sizes": np.array(sizes, np.int32),
        f"{name}_weights": np.concatenate([w.ravel() for w in weights]).astype(np.float16),
        f"{name}_biases": np.concatenate(biases).astype(np.float32),
    }


def folded(stack: Any) -> tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]]]:
    """Weights and biases in the order the core applies them."""
    layers: list[tuple[Any, Any]] = [(stack.stem.taps, None)]
    for block in stack.blocks:
        layers += [(block.wide.taps, block.norm), (block.mix, None)]
    layers.append((stack.top, None))
    weights, biases = [], []
    for layer, norm in layers:
        weight = layer.weight.detach().numpy().astype(np.float64)
        bias = layer.bias.detach().numpy().astype(np.float64)
        if norm is not None:
            gain = norm.weight.detach().numpy() / np.sqrt(norm.running_var.numpy() + norm.eps)
            weight = weight * gain[:, None]
            bias = (bias - norm.running_mean.numpy()) * gain + norm.bias.detach().numpy()
        weights.append(weight)
        biases.append(bias)
    return weights, biases


def _to_plain(
    weights: list[npt.NDArray[Any]], biases: list[npt.NDArray[Any]], prepared: Prepared
) -> None:
    """Let the last layer give values as the template speaks them."""
    size = prepared.values + 1
    for row in range(4):
        at = slice(row * size + 1, (row + 1) * size)
        weights[-1][at] *= prepared.scale[:, None]
        biases[-1][at] = biases[-1][at] * prepared.scale + prepared.mean
