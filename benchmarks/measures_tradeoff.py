"""What hiding who measures belong to costs: noise on them, coarser steps, each of them by itself.

    python benchmarks/measures_tradeoff.py SPEECH --train TRAIN -o RESULT.json [--cache FOLDER]

The attacker who has assessment measures and nothing else tries the stored ones; then the same with
noise added to both sides and to what he learns from, so much that the noisy ones correlate with
the stored ones by r, five times; then coarsened until k rows are alike, by an attacker who sees the
steps and coarsens what he learns from likewise, or not at all; then one measure at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from description_parts import Trials, command_line, trials_of, written

from voiceanon import Measures
from voiceanon.keys import Draws
from voiceanon.privacy.attackers.trained import verifiers_of
from voiceanon.privacy.descriptions.measures_alone import KEPT, MeasuresAlone, MeasureVector
from voiceanon.privacy.drawing import normal
from voiceanon.storage import coarsen

AGREEMENTS = (0.95, 0.9, 0.8, 0.7, 0.5, 0.3)
DRAWS = 5  # of the noise
ROWS_ALIKE = (2, 3, 5, 8)
LENGTH_S = 10  # of every recording: the attacker here has measures alone

Real = npt.NDArray[np.float64]


def noisy(values: Real, r: float, draws: Draws) -> Real:
    """Return columns that correlate with `values` by r, in the mean over draws."""
    drawn = np.reshape(normal(draws, values.size), values.shape)
    return values + np.sqrt(1.0 / r**2 - 1.0) * values.std(0) * drawn


def tried(trials: Trials, known: Real, seen: Real) -> dict[str, dict[str, Any]]:
    """Return the lowest EER on these measures."""
    verifiers = verifiers_of(trials.originals, known, seen, seen)
    return trials.lowest({MeasuresAlone(): verifiers})


def over_draws(found: list[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Return the mean EER over draws of the noise, with the lowest and the highest."""
    table = {}
    for pooling in found[0]:
        values = [one[pooling]["eer_percent"][0] for one in found]
        table[pooling] = {
            "attacker": found[0][pooling]["attacker"],
            "eer_percent_mean_lowest_highest": [np.mean(values), min(values), max(values)],
        }
    return table


def coarsened(trials: Trials, known: Real, seen: Real, k: int) -> dict[str, Any]:
    """Return the lower EER of two attackers on rows of which k are alike, and what is left."""
    rows = [Measures.of(dict(zip(KEPT, row, strict=True)), length_s=LENGTH_S) for row in seen]
    made = [[row.values[name] for name in KEPT] for row in coarsen(rows, k)]
    values = np.array(made, np.float64)  # NaN where a row lost all, or everybody a measure
    left = [i for i, column in enumerate(values.T) if len(np.unique(_told(column))) > 1]
    values, before, raw = values[:, left], seen[:, left], known[:, left]
    steps = [np.unique(_told(column)) for column in values.T]
    likewise = np.column_stack(
        [at[np.abs(raw[:, [i]] - at).argmin(1)] for i, at in enumerate(steps)]
    )
    filled = np.where(np.isnan(values), np.nanmean(values, 0), values)
    tries = [tried(trials, learned, filled) for learned in (likewise, raw)]
    lowest = {
        pooling: min((one[pooling] for one in tries), key=lambda found: found["eer_percent"][0])
        for pooling in tries[0]
    }
    agreement = {
        KEPT[i]: float(np.corrcoef(_told(now), was[~np.isnan(now)])[0, 1])
        for i, now, was in zip(left, values.T, before.T, strict=True)
    }
    counted = {KEPT[i]: len(at) for i, at in zip(left, steps, strict=True)}
    emptied = int(np.isnan(values).all(1).sum())
    return {"kept": f"k = {k}", "r": agreement, "steps": counted, "emptied": emptied, **lowest}


def _told(column: Real) -> Real:
    return column[~np.isnan(column)]


def main() -> None:
    """Run the command line."""
    told = command_line((__doc__ or "").splitlines()[0])
    with trials_of(told) as trials:
        known, seen = (
            trials.originals.features(where, MeasureVector())
            for where in ("training original", "original")
        )
        rows: list[dict[str, Any]] = [{"kept": "all", "r": 1.0, **tried(trials, known, seen)}]
        for r in AGREEMENTS:
            # Both sides are rows of `seen`: every recording is stored once.
            found = [
                tried(
                    trials,
                    noisy(known, r, Draws(bytes(32), "noise on training measures", str(r), str(k))),
                    noisy(seen, r, Draws(bytes(32), "noise on measures", str(r), str(k))),
                )
                for k in range(DRAWS)
            ]
            rows.append({"kept": "all", "r": r, **over_draws(found)})
        rows += [coarsened(trials, known, seen, k) for k in ROWS_ALIKE]
        for k, name in enumerate(KEPT):
            one = slice(k, k + 1)
            rows.append({"kept": name, "r": 1.0, **tried(trials, known[:, one], seen[:, one])})
    for row in rows:
        print(row)
    written("measures_tradeoff.py", trials, told.output, rows=rows)


if __name__ == "__main__":
    main()
