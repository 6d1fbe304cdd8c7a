"""The attacker who gets assessment measures and nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voiceanon.checks.assessment import MEASURES, measures_missing
from voiceanon.checks.sound import RATE_HZ
from voiceanon.measures import measure
from voiceanon.privacy.attack import Verifier
from voiceanon.privacy.attackers.trained import no_training, verifiers_of
from voiceanon.privacy.collected import Collected

__all__ = ["KEPT", "MeasureVector", "MeasuresAlone"]

Real = npt.NDArray[np.float64]

# No recogniser is asked, so that nobody tells filled pauses.
KEPT = tuple(name for name in MEASURES if name != "filled_pauses")


class MeasureVector:
    """The measures of `voiceanon.measures` as they are stored, as a vector in the order of `KEPT`.

    What is not defined (the mean pause of speech without pauses, f0 without pyworld) is 0.
    """

    @property
    def name(self) -> str:
        """Names what judged, as f0 needs pyworld."""
        return "stored-measures-1" + "".join(f"-without-{name}" for name in measures_missing())

    def __call__(self, samples: npt.NDArray[np.float32]) -> Real:
        """Return the measures of 16 kHz mono speech, (7,)."""
        stored = measure(samples, RATE_HZ).values
        return np.array([stored[name] or 0.0 for name in KEPT])


class MeasuresAlone:
    """LDA and PLDA on the assessment measures of originals, as a store of measures holds them."""

    name = "measures alone"
    sides = "m–m"
    knowledge = (
        "has no description and no audio, only assessment measures of recordings, and trains PLDA "
        "on those of other people"
    )

    def missing(self, originals: Collected) -> str | None:
        """Return why it cannot be measured, or None."""
        return no_training(originals)

    def verifiers(self, originals: Collected) -> dict[str, Verifier]:
        """Return every back-end."""
        known, seen = (
            originals.features(where, MeasureVector())
            for where in ("training original", "original")
        )
        return verifiers_of(originals, known, seen, seen)
