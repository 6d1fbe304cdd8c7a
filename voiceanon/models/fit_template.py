"""Fits the shipped template and the model of pseudo-voices to training speech.

    python -m voiceanon.models.fit_template SPEECH_FOLDER [-o template.npz]

SPEECH_FOLDER holds subfolders with a `metadata.csv` (columns speaker, path) and the recordings it
names. Nothing of a single person is kept: means over speakers, mixtures over all of them, and the
directions in which speakers differ.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon import _engine
from voiceanon.template import ANALYSIS_ORDER, TEMPLATE_RATE_HZ
from voiceanon.warping import analysis_basis, tract_warp

VALUES = 25
COMPONENTS = (128, 32)  # voiced, unvoiced kinds of sounds
SCALES = np.exp(np.linspace(-0.16, 0.16, 9))  # formant factors tried for a vocal tract
UTTERANCES_A_SPEAKER = 12
VOICE_DIRECTIONS = 8
BANDS = 5
HEADER = 2 + BANDS

Array = npt.NDArray[np.float64]


@dataclass
class Speaker:
    """Active frames of one speaker: rows of the analysis."""

    voiced: Array
    unvoiced: Array

    def frames(self, kind: int) -> Array:
        rows = self.voiced if kind == 0 else self.unvoiced
        return rows[:, HEADER:]


def read_speakers(root: Path, values: int) -> Iterator[Speaker]:
    """Analyse up to a dozen utterances of every speaker below `root`."""
    import soundfile

    analyzer = _engine.Analyzer(
        TEMPLATE_RATE_HZ, order=ANALYSIS_ORDER, basis=analysis_basis(ANALYSIS_ORDER, values)
    )
    for table in sorted(root.glob("*/metadata.csv")):
        by_speaker: dict[str, list[str]] = defaultdict(list)
        with table.open(newline="") as lines:
            for line in csv.DictReader(lines):
                by_speaker[line["speaker"]].append(line["path"])
        for _, paths in sorted(by_speaker.items()):
            step = max(1, len(paths) // UTTERANCES_A_SPEAKER)
            parts = []
            for path in paths[::step][:UTTERANCES_A_SPEAKER]:
                samples, rate = soundfile.read(table.parent / path, dtype="float32")
                if rate != TEMPLATE_RATE_HZ or samples.ndim != 1:
                    raise SystemExit(f"{path}: training speech must be mono at 16 kHz")
                analyzer.reset()
                parts += [active(np.concatenate([analyzer.process(samples), analyzer.finish()]))]
            rows = np.concatenate(parts)
            is_voiced = rows[:, 0] > 0
            if is_voiced.sum() > 400 and (~is_voiced).sum() > 100:
                yield Speaker(rows[is_voiced], rows[~is_voiced])


def active(rows: npt.NDArray[np.float32]) -> Array:
    """Return the rows of active speech, with the level of voiced speech taken out of value 0."""
    voiced = rows[:, 0] > 0
    if not voiced.any():
        return np.empty((0, rows.shape[1]))
    level = 10 * np.log10(np.mean(10 ** (rows[voiced, 1].astype(float) / 10)))
    keep = rows[:, 1] > level - np.where(voiced, 40, 32)
    kept: npt.NDArray[np.float64] = rows[keep].astype(float)
    kept[:, HEADER] -= (level + 26.0) * np.log(10) / 10  # as if every speaker spoke at -26 dB
    return kept


def fit_mixture(x: Array, components: int, rounds: int = 14) -> tuple[Array, Array, Array]:
    """Return weights, means and variances of a diagonal Gaussian mixture (EM)."""
    rng = np.random.default_rng(0)
    mean = x[rng.choice(len(x), components, replace=False)].copy()
    variance = np.tile(x.var(0), (components, 1))
    weight = np.full(components, 1 / components)
    for _ in range(rounds):
        count = np.zeros(components)
        first, second = np.zeros_like(mean), np.zeros_like(mean)
        for start in range(0, len(x), 20_000):
            block = x[start : start + 20_000]
            score = np.log(weight) - 0.5 * (np.log(variance) + mean**2 / variance).sum(1)
            score = score + block @ (mean / variance).T - 0.5 * block**2 @ (1 / variance).T
            score -= score.max(1, keepdims=True)
            p = np.exp(score)
            p /= p.sum(1, keepdims=True)
            count += p.sum(0)
            first += p.T @ block
            second += p.T @ block**2
        count = np.maximum(count, 1.0)
        weight = count / count.sum()
        mean = first / count[:, None]
        variance = np.maximum(second / count[:, None] - mean**2, 0.05)
    return weight, mean, variance


def fit(speakers: list[Speaker], values: int) -> dict[str, npt.NDArray[Any]]:
    """Return the tables of the template and of the voices."""
    warps = np.stack([tract_warp(values, 1 / scale).astype(float) for scale in SCALES])
    log_det = np.array([np.linalg.slogdet(warp[1:, 1:])[1] for warp in warps])
    chosen, mean, deviation = choose_tracts(speakers, warps, log_det)
    tables: dict[str, npt.NDArray[Any]] = {}
    normalised: list[list[Array]] = [[], []]
    for speaker, warp in zip(speakers, warps[chosen], strict=True):
        for kind in (0, 1):
            x = speaker.frames(kind) @ warp.T
            normalised[kind].append((x - x.mean(0)) / x.std(0))
    for kind, name in enumerate(("voiced", "unvoiced")):
        everything = np.concatenate([x[::3] for x in normalised[kind]])
        weight, centre, variance = fit_mixture(everything, COMPONENTS[kind])
        tables |= {
            f"{name}_weight": weight,
            f"{name}_mean": centre,
            f"{name}_variance": variance,
        }
    z = np.concatenate([x[::3] for x in normalised[0]])
    power = np.concatenate([s.voiced[::3, 2:HEADER] ** 2 for s in speakers])
    with_one = np.column_stack([z, np.ones(len(z))])
    tables["aperiodicity"] = np.linalg.lstsq(with_one, power, rcond=None)[0].T
    log_f0 = np.array(
        [[np.log(s.voiced[:, 0]).mean(), np.log(s.voiced[:, 0]).std()] for s in speakers]
    )
    tables["log_f0"] = log_f0.mean(0)
    tables |= {"warp": warps, "warp_log_det": log_det, "mean": mean, "deviation": deviation}
    tables |= fit_voices(speakers, chosen, warps, mean, log_f0)
    return {name: np.asarray(table, np.float32) for name, table in tables.items()}


def choose_tracts(
    speakers: list[Speaker], warps: Array, log_det: Array
) -> tuple[npt.NDArray[np.intp], Array, Array]:
    """Alternate between each speaker's tract and the template's Gaussians."""
    statistics = [(s.frames(0).mean(0), np.cov(s.frames(0).T)) for s in speakers]
    chosen = np.full(len(speakers), len(warps) // 2)
    for _ in range(4):
        moments = []
        for kind in (0, 1):
            means, variances = [], []
            for speaker, warp in zip(speakers, warps[chosen], strict=True):
                x = speaker.frames(kind) @ warp.T
                means.append(x.mean(0))
                variances.append(x.var(0))
            moments.append((np.mean(means, 0), np.mean(variances, 0), np.var(means, 0)))
        mean = np.stack([m[0] for m in moments])
        deviation = np.sqrt(np.stack([m[1] for m in moments]))
        total = moments[0][1] + moments[0][2]
        for index, (centre, covariance) in enumerate(statistics):
            variance = np.einsum("wij,jk,wik->wi", warps, covariance, warps)
            off = (warps @ centre - mean[0]) ** 2
            chosen[index] = np.argmax(log_det - 0.5 * ((variance + off) / total)[:, 1:].sum(1))
    return chosen, mean, deviation


def fit_voices(
    speakers: list[Speaker], chosen: npt.NDArray[np.intp], warps: Array, mean: Array, log_f0: Array
) -> dict[str, Array]:
    """Return the average voice and the directions in which speakers differ most.

    A voice is log f0, log of f0's deviation, log of the formant scale, noise power, colour.
    """
    rows = []
    for speaker, index, pitch in zip(speakers, chosen, log_f0, strict=True):
        colour = (speaker.frames(0) @ warps[index].T).mean(0) - mean[0]
        colour[0] = 0.0  # level is the recipe's business
        breath = (speaker.voiced[:, 2:HEADER] ** 2).mean()
        rows.append([pitch[0], np.log(pitch[1]), np.log(SCALES[index]), breath, *colour])
    voices = np.array(rows)
    centre = voices.mean(0)
    scale = voices.std(0) + 1e-9
    _, strength, direction = np.linalg.svd((voices - centre) / scale, full_matrices=False)
    kept = slice(0, VOICE_DIRECTIONS)
    loadings = (direction[kept].T * strength[kept] / np.sqrt(len(voices))) * scale[:, None]
    return {"voice_mean": centre, "voice_loadings": loadings}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("speech", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "template.npz")
    parser.add_argument("--values", type=int, default=VALUES)
    arguments = parser.parse_args()
    speakers = list(read_speakers(arguments.speech, arguments.values))
    tables = fit(speakers, arguments.values)
    np.savez(arguments.output, **tables)  # type: ignore[arg-type]
    print(
        f"{len(speakers)} speakers; tables: "
        + ", ".join(f"{k} {v.shape}" for k, v in tables.items())
    )


if __name__ == "__main__":
    main()
