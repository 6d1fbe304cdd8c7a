"""Which phone every frame is: aligned for some recordings, told by the teacher's ear for all."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.checks.optional import load
from voiceanon.checks.phones import PHONES
from voiceanon.errors import VoiceanonError
from voiceanon.keys import Draws
from voiceanon.privacy.drawing import integers
from voiceanon.training.teacher import FEATURES_A_SECOND

__all__ = ["Ear", "aligned", "learn_ear"]

_RATE = 16_000
_SCORES_A_SECOND = 100  # of pocketsphinx
_HIDDEN, _FRAMES_A_STEP, _PASSES = 384, 1024, 3
_HELD_OUT = 12  # one recording in so many is not learned from

Float32 = npt.NDArray[np.float32]
Half = npt.NDArray[np.float16]
Classes = npt.NDArray[np.int8]


def aligned(spoken: Iterable[tuple[Float32, str]]) -> Iterator[Classes | None]:
    """Yield the phone of every frame of recordings whose text is known.

    Parameters
    ----------
    spoken : iterable of (samples, text)
        Mono, 16 kHz; what is said.

    Yields
    ------
    ndarray of int8, shape (t,), or None
        Classes of `PHONES`, one every 20 ms; None where the text has a word that the dictionary
        lacks, or does not fit the sound.

    Notes
    -----
    Forced alignment with pocketsphinx' own model, in two passes: words, then their phones.
    """
    sphinx = load("pocketsphinx")
    aligner = sphinx.Decoder(lm=None, loglevel="FATAL")
    number_of = {phone: number for number, phone in enumerate(PHONES)}
    step = _SCORES_A_SECOND // FEATURES_A_SECOND
    for samples, text in spoken:
        words = re.sub(r"[^a-z' ]", " ", text.lower()).split()
        pcm = (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()
        found = _phones_of(aligner, " ".join(words), pcm) if words else None
        if found is None:
            yield None
            continue
        frames = -(-len(samples) * FEATURES_A_SECOND // _RATE)
        every = np.zeros(max(step * frames, *(start + n for _, start, n in found)), np.int8)
        for phone, start, count in found:
            every[start : start + count] = number_of.get(phone, 0)
        yield every[step // 2 :: step][:frames]


def _phones_of(aligner: Any, text: str, pcm: bytes) -> list[tuple[str, int, int]] | None:
    try:
        aligner.set_align_text(text)
        _pass(aligner, pcm)
        if aligner.hyp() is None:
            return None
        aligner.set_alignment()
        _pass(aligner, pcm)
        found = [(p.name, p.start, p.duration) for word in aligner.get_alignment() for p in word]
    except RuntimeError:  # a word that is not in the dictionary, or no path through the sound
        return None
    return found or None


def _pass(aligner: Any, pcm: bytes) -> None:
    aligner.start_utt()
    aligner.process_raw(pcm, full_utt=True)
    aligner.end_utt()


@dataclass(frozen=True)
class Ear:
    """Tells phones from what the teacher hears, one frame and its neighbours at a time."""

    network: Any
    scale: Float32
    accuracy: float
    """Of frames of held-out recordings, 0 to 1, against their alignment."""

    def hear(self, features: Float32) -> Half:
        """Return how likely each phone is, (t, phones), for the teacher's features, (t, size)."""
        torch = load("torch")
        with torch.inference_mode():
            inputs = _with_neighbours(features / self.scale).astype(np.float32)
            scores = self.network(torch.from_numpy(inputs))
            found: Half = torch.softmax(scores, 1).numpy().astype(np.float16)
        return found


def learn_ear(
    heard: Sequence[tuple[Float32, Classes]],
    draws: Draws,
    progress: Callable[[str, int, int], None],
) -> Ear:
    """Learn to tell phones.

    Parameters
    ----------
    heard : sequence of (features, phones)
        The teacher's, without the speaker's mean, (t, size); classes, (t,). One recording in
        twelve is held out.
    draws : Draws
        Orders the frames and draws the weights.
    progress : callable
        Called with what is done, how much, of how much.

    Raises
    ------
    VoiceanonError
        If fewer than 12 recordings are aligned.
    """
    if len(heard) < _HELD_OUT:
        raise VoiceanonError(
            f"phones of only {len(heard)} recordings could be aligned: needs {_HELD_OUT}, "
            "with transcripts"
        )
    torch = load("torch")
    scale = np.concatenate([x for x, _ in heard]).std(0) + np.float32(1e-6)
    taught = [i for i in range(len(heard)) if i % _HELD_OUT]
    inputs = np.concatenate([_with_neighbours(heard[i][0] / scale) for i in taught])
    classes = np.concatenate([heard[i][1] for i in taught])
    torch.manual_seed(draws.integer(1 << 32))
    network = _network(torch, inputs.shape[1])
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    size = min(_FRAMES_A_STEP, len(inputs))
    steps = _PASSES * -(-len(inputs) // size)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        taken = integers(draws, len(inputs), size)
        scores = network(torch.from_numpy(inputs[taken].astype(np.float32)))
        loss = torch.nn.functional.cross_entropy(
            scores, torch.from_numpy(classes[taken].astype(np.int64))
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        falling.step()
        progress("telling phones", step + 1, steps)
    network.eval()
    ear = Ear(network, scale, math.nan)
    told = [ear.hear(x).argmax(1) == y for x, y in heard[::_HELD_OUT]]
    return replace(ear, accuracy=float(np.concatenate(told).mean()))


def _network(torch: Any, size: int) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Linear(size, _HIDDEN),
        nn.BatchNorm1d(_HIDDEN),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(_HIDDEN, _HIDDEN),
        nn.ReLU(),
        nn.Linear(_HIDDEN, len(PHONES)),
    )


def _with_neighbours(x: Float32) -> Half:
    wide = np.pad(x, ((1, 1), (0, 0)), "edge")
    return np.hstack([wide[:-2], x, wide[2:]]).astype(np.float16)
