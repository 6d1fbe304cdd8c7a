"""A recogniser for `voiceanon check --recogniser cli_check_words:count`: no model, no weights."""

import numpy as np


def count(samples: np.ndarray) -> str:
    """One word for every fifth of a second that sounds."""
    parts = samples[: len(samples) // 3200 * 3200].reshape(-1, 3200)
    loud = np.sqrt((parts**2).mean(1)) > 0.1 * np.sqrt((samples**2).mean())
    return " ".join(f"w{place}" for place in np.flatnonzero(loud))
