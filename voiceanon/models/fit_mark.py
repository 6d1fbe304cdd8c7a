"""Trains the network that hears the mark, on speech that voiceanon made and marked.

    python -m voiceanon.models.fit_mark SPEECH_FOLDER [-o mark.npz]

SPEECH_FOLDER is a corpus that `voiceanon evaluate` reads, of many speakers; torch is needed (the
extra `train`). Every recording is spoken by the recipes `template` and `bottleneck`, marked with a
key of its own, and heard as it is, through Opus, in noise and in babble. What is trained for is
the detector's score.
"""

from __future__ import annotations

import argparse
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.anonymizer import Anonymizer
from voiceanon.checks.optional import load
from voiceanon.keys import Draws
from voiceanon.marking.hearing import HEARD_HZ, levels_db
from voiceanon.marking.network import ACROSS, DILATIONS, REACH, inputs_of
from voiceanon.marking.pattern import BANDS, CELL_ROWS, PERIOD_ROWS, ROW_S, signs
from voiceanon.privacy.corpora import read_corpus
from voiceanon.privacy.drawing import integers, normal
from voiceanon.recipe import Recipe
from voiceanon.resampling import Resampler

RECIPES = ("template", "bottleneck")
RATE = 16_000
SHORTEST_S, LONGEST_S = 6, 10
STRENGTH_DB = 0.6
NOISE_DB, BABBLE_DB = (12, 26), (14, 26)  # below the voice
BABBLERS = 6
OPUS_LEVEL = 0.925  # libsndfile's, about 24 kbit/s

CHANNELS = 16
STEPS, BATCH, CELLS_EACH = 4000, 6, 300
LEARNING_RATE, WARM_STEPS = 3e-3, 30
STEEPEST = 5.0  # norm of a gradient

Array = npt.NDArray[Any]
Sound = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """One output heard one way: what the network is given, and the mark's signs in every cell."""

    inputs: npt.NDArray[np.float16]  # (2, rows, BANDS), the first row that of a cell
    cells: npt.NDArray[np.int8]  # (rows / CELL_ROWS, BANDS)


def recordings_of(folder: Path) -> dict[str, Sound]:
    """Return the beginnings of the recordings that are long enough, by key."""
    import soundfile

    found = {}
    for one in read_corpus(folder).recordings:
        samples, rate = soundfile.read(one.path, dtype="float32")
        if rate == RATE and len(samples) >= SHORTEST_S * RATE:
            found[one.key] = samples[: LONGEST_S * RATE]
    return found


def through_opus(samples: Sound) -> Sound:
    """Return samples coded and decoded."""
    import soundfile

    coded = io.BytesIO()
    soundfile.write(
        coded, samples, RATE, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL
    )
    coded.seek(0)
    decoded, _ = soundfile.read(coded, dtype="float32")
    return np.asarray(decoded)


def heard_ways(samples: Sound, others: Sequence[Sound], draws: Draws) -> Iterator[Array]:
    """Yield one output as it is, through a codec, in noise, and with others who talk."""
    yield samples
    yield through_opus(samples)
    yield _mixed(samples, normal(draws, len(samples)), NOISE_DB, draws)
    babble = np.zeros(len(samples))
    for k in integers(draws, len(others), BABBLERS):
        babble += np.resize(others[int(k)], len(samples))
    yield _mixed(samples, babble, BABBLE_DB, draws)


def _mixed(samples: Sound, other: Array, below_db: tuple[int, int], draws: Draws) -> Array:
    low, high = below_db
    down_db = low + integers(draws, high - low + 1, 1)[0]
    loud = np.sqrt(np.mean(samples**2) / np.mean(other**2)) * 10.0 ** (-down_db / 20)
    mixed: Array = np.clip(samples + loud * other, -1.0, 1.0)
    return mixed


def heard(samples: Array, secret: bytes) -> Heard:
    """Return what a detector hears of an output that was made with `secret` and marked with it."""
    resampler = Resampler(RATE, HEARD_HZ)
    at_8_khz = [resampler.process(np.asarray(samples, np.float32)), resampler.finish()]
    level, weight = levels_db(np.concatenate(at_8_khz))
    start = Draws(secret, "start of the mark", "", "0").integer(PERIOD_ROWS)
    first = -start % CELL_ROWS
    count = (len(level) - first) // CELL_ROWS
    by_row = np.repeat(signs(secret), CELL_ROWS, axis=0)
    rows = first + CELL_ROWS * np.arange(count)
    inputs = inputs_of(level, weight)[:, first : first + CELL_ROWS * count]
    cells = by_row[(start + rows) % PERIOD_ROWS]
    return Heard(inputs.astype(np.float16), cells.astype(np.int8))


def material(folder: Path) -> list[Heard]:
    """Return every recording of a corpus, spoken by both recipes and heard in every way."""
    recordings = recordings_of(folder)
    others = list(recordings.values())
    found = []
    for key, samples in recordings.items():
        for name in RECIPES:
            secret = hashlib.sha256(f"{key} {name}".encode()).digest()
            recipe = replace(Recipe.named(name), mark_db=STRENGTH_DB)
            made = Anonymizer(recipe, secret, mark_key=secret)(samples, RATE)
            ways = heard_ways(made, others, Draws(secret, "noise"))
            found += [heard(sound, secret) for sound in ways]
    return found


def fresh_tables(torch: Any) -> dict[str, Any]:
    """Return what is learned, as drawn (He et al. 2015)."""
    tables = {"weights": 0.1 * torch.randn(CHANNELS, 1, BANDS)}
    before = 2
    for k, (reach, across) in enumerate(zip(REACH, ACROSS, strict=True)):
        size = (CHANNELS, before, 2 * reach + 1, 2 * across + 1)
        tables[f"taps_{k}"] = torch.empty(size)
        torch.nn.init.kaiming_normal_(tables[f"taps_{k}"])
        tables[f"biases_{k}"] = torch.zeros(CHANNELS, 1, BANDS)
        before = CHANNELS
    return {name: table.requires_grad_() for name, table in tables.items()}


def evidence_of(torch: Any, tables: dict[str, Any], inputs: Any) -> Any:
    """Return what `voiceanon.marking.network.MarkNetwork` gives, (n, rows, BANDS)."""
    values = inputs
    for k, (reach, across, apart) in enumerate(zip(REACH, ACROSS, DILATIONS, strict=True)):
        made = torch.nn.functional.conv2d(
            values, tables[f"taps_{k}"], padding=(reach * apart, across), dilation=(apart, 1)
        )
        made = torch.relu(made + tables[f"biases_{k}"])
        values = made + values if k else made
    return (values * tables["weights"]).sum(1)


def scores(torch: Any, evidence: Any, cells: Any) -> Any:
    """Return the score of the right key at the right start, as `voiceanon.detect` has it, (n,)."""
    told = evidence.unflatten(1, (-1, CELL_ROWS)).sum(2)
    return (told * cells).sum((1, 2)) / torch.sqrt((told**2).sum((1, 2)) + 1e-6)


def train(torch: Any, found: Sequence[Heard], say: Callable[[str], None]) -> dict[str, Any]:
    """Return the tables that score best on average."""
    draws = Draws(bytes(32), "training of the network that hears the mark")
    torch.manual_seed(draws.integer(1 << 32))
    tables = fresh_tables(torch)
    optimiser = torch.optim.Adam(tables.values(), LEARNING_RATE)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min(1.0, (step + 1) / WARM_STEPS) * (0.5 + 0.5 * np.cos(np.pi * step / STEPS)),
    )
    reached = []
    for step in range(STEPS):
        chosen = [found[int(k)] for k in integers(draws, len(found), BATCH)]
        firsts = [
            int(integers(draws, max(1, len(one.cells) - CELLS_EACH + 1), 1)[0]) for one in chosen
        ]
        inputs, cells = (
            torch.from_numpy(np.stack(parts).astype(np.float32))
            for parts in zip(*map(_cut, chosen, firsts), strict=True)
        )
        score = scores(torch, evidence_of(torch, tables, inputs), cells).mean()
        optimiser.zero_grad()
        (-score).backward()
        torch.nn.utils.clip_grad_norm_(tables.values(), STEEPEST)
        optimiser.step()
        rate.step()
        reached.append(float(score.detach()))
        if step % 100 == 99:
            seconds = CELLS_EACH * CELL_ROWS * ROW_S
            say(f"step {step + 1} of {STEPS}: {np.mean(reached[-100:]):.2f} in {seconds:.0f} s")
    return tables


def _cut(one: Heard, first: int) -> tuple[Array, Array]:
    """Return `CELLS_EACH` cells; what is shorter is followed by nothing."""
    cells = one.cells[first : first + CELLS_EACH]
    inputs = one.inputs[:, CELL_ROWS * first : CELL_ROWS * (first + CELLS_EACH)]
    missing = CELLS_EACH - len(cells)
    return (
        np.pad(inputs, ((0, 0), (0, CELL_ROWS * missing), (0, 0))),
        np.pad(cells, ((0, missing), (0, 0))),
    )


def arrays_of(tables: dict[str, Any]) -> dict[str, Array]:
    """Return tables as `voiceanon.marking.network` reads them."""
    found = {}
    for name, table in tables.items():
        values = table.detach().numpy()
        if name.startswith("taps"):
            values = values.transpose(2, 3, 0, 1).reshape(-1, *values.shape[:2])
        else:
            values = values[:, 0]
        found[name] = values.astype(np.float16)
    return found


def main() -> None:
    """Train, and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("speech", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent / "mark.npz")
    arguments = parser.parse_args()
    torch = load("torch")
    found = material(arguments.speech)
    print(f"{len(found)} sounds", flush=True)
    tables = train(torch, found, lambda told: print(told, flush=True))
    arrays: dict[str, Any] = arrays_of(tables)
    np.savez_compressed(arguments.out, **arrays)


if __name__ == "__main__":
    main()
