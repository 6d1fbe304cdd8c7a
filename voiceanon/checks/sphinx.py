"""The recogniser that works offline right after installing: pocketsphinx with its own model."""

from __future__ import annotations

from typing import Any

import numpy as np

from voiceanon.checks.optional import load, version_of
from voiceanon.checks.transcript import RATE_HZ, Float32, HeardWord, Transcript, hearable

__all__ = ["PocketsphinxRecogniser"]

FRAME_S = 0.01
# Longer recordings are decoded in pieces cut where it is quietest: memory stays bounded.
LONGEST_S, SHORTEST_S = 30.0, 15.0
_NOT_WORDS = {"<s>", "</s>", "<sil>", "[NOISE]", "[SPEECH]"}


class PocketsphinxRecogniser:
    """CMU PocketSphinx with the US-English model of its package.

    About one word in four is wrong on clean read speech: its error serves to compare
    recordings, not as an absolute figure. Each piece is decoded on its own with the cepstral mean
    of the whole piece, so that no text depends on what was decoded before.

    Parameters
    ----------
    threads : int
        Taken for the sake of the others; it decodes on one thread.

    Raises
    ------
    InputError
        If pocketsphinx is not installed.
    """

    is_weak = True
    name = "pocketsphinx en-us"

    def __init__(self, threads: int = 1) -> None:
        del threads
        module = load("pocketsphinx")
        self.version = f"pocketsphinx {version_of('pocketsphinx')}, 1"
        # With 5000 states a frame the text stays the same on clean speech and noise costs less.
        self._decoder: Any = module.Decoder(loglevel="FATAL", samprate=RATE_HZ, maxhmmpf=5000)

    def transcribe(self, samples: Float32) -> Transcript:
        """Return the text and the words with times, heard in mono samples at 16 kHz, shape (n,)."""
        audible = hearable(samples)
        if audible is None:
            return Transcript("", keeps_fillers=True)
        words: list[HeardWord] = []
        start = 0
        for end in _cuts(audible):
            words += self._decode(audible[start:end], start / RATE_HZ)
            start = end
        return Transcript(" ".join(w.text for w in words), tuple(words), keeps_fillers=True)

    def _decode(self, piece: Float32, offset_s: float) -> list[HeardWord]:
        pcm = np.rint(piece * 32_767.0).astype("<i2").tobytes()
        decoder = self._decoder
        # Otherwise its estimate of the noise goes on from the recording before.
        decoder.reinit_feat()
        decoder.start_utt()
        decoder.process_raw(pcm, no_search=False, full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is None:
            return []
        return [
            HeardWord(
                # A second pronunciation is written "the(2)".
                segment.word.split("(", maxsplit=1)[0],
                offset_s + segment.start_frame * FRAME_S,
                offset_s + (segment.end_frame + 1) * FRAME_S,
            )
            for segment in decoder.seg()
            if segment.word not in _NOT_WORDS
        ]


def _cuts(samples: Float32) -> list[int]:
    """Return where pieces end: in the quietest tenth of a second between 15 and 30 s of each."""
    ends: list[int] = []
    start = 0
    step = RATE_HZ // 10
    while len(samples) - start > LONGEST_S * RATE_HZ:
        first = start + round(SHORTEST_S * RATE_HZ)
        stretch = samples[first : start + round(LONGEST_S * RATE_HZ)]
        power = np.square(stretch[: len(stretch) // step * step].reshape(-1, step)).mean(1)
        start = first + int(np.argmin(power)) * step + step // 2
        ends.append(start)
    return [*ends, len(samples)]
