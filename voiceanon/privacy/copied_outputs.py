"""Which outputs of a variant hold stretches of the original audio."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from voiceanon.checks.copies import COPY_CORRELATION, largest_correlation
from voiceanon.privacy.cache import Cache
from voiceanon.privacy.collected import Collected
from voiceanon.privacy.sounds import Sound

__all__ = ["copies"]

_MEASURE = "largest-correlation-1"


def copies(collected: Collected) -> dict[str, Any]:
    """Return how many recordings were checked, and those that are copies, in part or whole.

    Parameters
    ----------
    collected : Collected
        The variant.

    Returns
    -------
    dict
        ``checked``, ``threshold``, and ``found``: a list of ``recording`` and ``correlation``.
    """
    pairs = list(zip(collected.sounds("original"), collected.sounds("trial"), strict=True))
    values = collected.pool.map(
        f"{collected.variant}: looking for copies",
        partial(_correlation, collected.cache_folder),
        pairs,
    )
    found = [
        {"recording": recording.key, "correlation": round(value, 3)}
        for recording, value in zip(collected.recordings, values, strict=True)
        if value >= COPY_CORRELATION
    ]
    return {"checked": len(values), "threshold": COPY_CORRELATION, "found": found}


def _correlation(folder: Path, pair: tuple[Sound, Sound]) -> float:
    cache = Cache(folder)
    digest = f"{pair[0].digest()[:32]}{pair[1].digest()[:32]}"
    known = cache.record(_MEASURE, digest)
    if known is None:
        known = largest_correlation(pair[0].read(), pair[1].read())
        cache.put_record(_MEASURE, digest, known)
    return float(known)
