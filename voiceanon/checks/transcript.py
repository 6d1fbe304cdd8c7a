"""What a recogniser heard: the form that all recognisers give and the protocol they keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError

__all__ = ["FILLERS", "RATE_HZ", "HeardWord", "Recogniser", "Transcript", "hearable"]

RATE_HZ = 16_000
# Below this there is no word, and recognisers fail or invent one.
SHORTEST_S = 0.1
FULL_SCALE = 0.5

# Hesitations as English recognisers write them (the filled pauses of Clark & Fox Tree, 2002).
FILLERS = frozenset({"uh", "um", "uhm", "er", "erm", "ah", "hm", "hmm", "mm", "mhm", "eh"})

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class HeardWord:
    """One word and where it was heard, in seconds from the start of the recording."""

    text: str
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class Transcript:
    """What was heard in one recording.

    Attributes
    ----------
    text : str
        As the recogniser writes it; "" where it heard nothing.
    words : tuple of HeardWord
        With times where the recogniser gives them.
    keeps_fillers : bool
        Whether the recogniser writes hesitations down; Whisper was trained to leave them out.
    """

    text: str
    words: tuple[HeardWord, ...] = ()
    keeps_fillers: bool = False

    @property
    def filled_pauses(self) -> int | None:
        """How many hesitations were written down, None where the recogniser leaves them out."""
        if not self.keeps_fillers:
            return None
        words = [w.text for w in self.words] or self.text.split()
        return sum(word.strip(".,?!…-").lower() in FILLERS for word in words)


class Recogniser(Protocol):
    """Turns speech into words.

    Attributes
    ----------
    name : str
        For tables: which model judged.
    version : str
        Changes whenever the same samples may give another text: goes into cache keys.
    is_weak : bool
        Its absolute error says little; compare rows only.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 (said by the class)
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def is_weak(self) -> bool: ...  # noqa: D102

    def transcribe(self, samples: Float32) -> Transcript:
        """Return what is heard in mono samples at 16 kHz, shape (n,)."""
        ...


def hearable(samples: Float32) -> Float32 | None:
    """Return samples at one level for all recordings, or None where there is nothing to hear.

    The highest peak becomes 0.5, so that a text does not depend on how loud a recording is and
    16-bit decoders lose nothing.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Mono, 16 kHz.

    Raises
    ------
    InputError
        If the samples are not one-dimensional or not finite.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise InputError(f"samples have {samples.ndim} dimensions: must be mono, shape (n,)")
    if not np.all(np.isfinite(samples)):
        raise InputError("samples have values that are not finite: every sample must be finite")
    if len(samples) < SHORTEST_S * RATE_HZ:
        return None
    peak = float(np.max(np.abs(samples)))
    # A file of the quietest 16-bit dither is silence, too.
    if peak < 2.0**-14:
        return None
    levelled: Float32 = (samples.astype(np.float64) * (FULL_SCALE / peak)).astype(np.float32)
    return levelled
