"""What hiding who measures belong to costs: noise on them, and each of them by itself.

    python benchmarks/measures_tradeoff.py SPEECH --train TRAIN -o RESULT.json [--cache FOLDER]

The attacker who has assessment measures and nothing else tries the stored ones; then the same with
noise added to both sides and to what he learns from, so much that the noisy ones correlate with
the stored ones by r, five times; then one measure at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from description_parts import Trials, command_line, trials_of, written

from voiceanon.keys import Draws
from voiceanon.privacy.attackers.trained import verifiers_of
from voiceanon.privacy.descriptions.measures_alone import KEPT, MeasuresAlone, MeasureVector
from voiceanon.privacy.drawing import normal

AGREEMENTS = (0.95, 0.9, 0.8, 0.7, 0.5, 0.3)
DRAWS = 5  # of the noise

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
        for k, name in enumerate(KEPT):
            one = slice(k, k + 1)
            rows.append({"kept": name, "r": 1.0, **tried(trials, known[:, one], seen[:, one])})
    for row in rows:
        print(row)
    written("measures_tradeoff.py", trials, told.output, rows=rows)


if __name__ == "__main__":
    main()
