"""Turns trained networks into the tables that the core runs, in half precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.checks.optional import load
from voiceanon.training.networks import Shape, bounded, quantised
from voiceanon.training.prepared import Prepared

__all__ = ["exported"]

_DIRECTIONS = 8
_MATERIAL_FOR_VARIANCE = 300
_LARGEST_GAIN = 2.0

Arrays = dict[str, npt.NDArray[Any]]


def exported(
    network: Any, shape: Shape, prepared: Prepared, *, restored: float = 0.0
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of ``models/bottleneck.npz``.

    Parameters
    ----------
    network : torch.nn.Module
        Trained, in evaluation mode.
    shape : Shape
        Its sizes.
    prepared : Prepared
        What it learned from; tells how much variance the decoder's values lost.
    restored : float
        Share of the lost deviation that is given back (Toda & Tokuda 2007, global variance). None
        by default: a decoder that a recogniser taught loses words by it.
    """
    found: Arrays = {
        "levels": np.array(shape.levels, np.int32),
        "input_mean": prepared.mean,
        "input_scale": prepared.scale,
    }
    centre, gain = _variance(network, shape, prepared, restored)
    for name, stack, blocks in (
        ("encoder", network.encoder, shape.encoder_blocks),
        ("decoder", network.decoder, shape.decoder_blocks),
    ):
        weights, biases = _folded(stack)
        if name == "decoder":
            _to_plain(weights, biases, prepared, centre, gain)
        found[f"{name}_blocks"] = np.array(blocks, np.int32)
        found[f"{name}_sizes"] = np.array(
            [weights[0].shape[1] // 3, weights[0].shape[0], weights[-1].shape[0]], np.int32
        )
        found[f"{name}_weights"] = np.concatenate([w.ravel() for w in weights]).astype(np.float16)
        found[f"{name}_biases"] = np.concatenate(biases).astype(np.float32)
    table = network.voices.weight.detach().numpy().astype(np.float64)
    _, strength, direction = np.linalg.svd(table - table.mean(0), full_matrices=False)
    kept = direction[:_DIRECTIONS].T * strength[:_DIRECTIONS] / np.sqrt(len(table))
    found["voice_mean"] = table.mean(0).astype(np.float32)
    found["voice_loadings"] = kept.astype(np.float32)
    return found


def _folded(stack: Any) -> tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]]]:
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
    weights: list[npt.NDArray[Any]],
    biases: list[npt.NDArray[Any]],
    prepared: Prepared,
    centre: npt.NDArray[Any],
    gain: npt.NDArray[Any],
) -> None:
    """Let the last layer give values as the template speaks them, their variance restored."""
    size = prepared.values + 1
    for row in range(4):
        at = slice(row * size + 1, (row + 1) * size)
        weights[-1][at] *= (gain * prepared.scale)[:, None]
        biases[-1][at] = (
            centre + gain * (biases[-1][at] - centre)
        ) * prepared.scale + prepared.mean


def _variance(
    network: Any, shape: Shape, prepared: Prepared, restored: float
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Mean of what the decoder says in nobody's voice, and the factor that widens it."""
    torch = load("torch")
    size = prepared.values + 1
    utterances = prepared.material.utterances
    step = max(1, len(utterances) // _MATERIAL_FOR_VARIANCE)
    made_all, said_all = [], []
    with torch.inference_mode():
        for at in range(0, len(utterances), step):
            batch = prepared.recorded(at)
            mask = torch.from_numpy(batch.mask)
            heard = torch.from_numpy(batch.heard[0])
            codes, _ = quantised(bounded(network.encoder(heard, mask)), shape.levels)
            codes *= torch.from_numpy(batch.speech)
            voice = torch.zeros(len(mask), shape.voices)
            given = torch.cat([codes, torch.from_numpy(batch.prosody), voice], 1)
            active = batch.speech[:, 0] > 0
            made_all.append(network.decoder(given, mask).numpy()[active].reshape(-1, size)[:, 1:])
            said_all.append(batch.spoken[active].reshape(-1, size)[:, 1:])
    made = np.concatenate(made_all)
    # Speakers differ, and nobody's voice does not: the deviation within recordings is the measure.
    within = np.sqrt(np.mean([x.var(0) for x in said_all], 0))
    ratio = np.clip(within / np.maximum(made.std(0), 1e-3), 1.0, _LARGEST_GAIN)
    return made.mean(0), 1.0 + restored * (ratio - 1.0)
