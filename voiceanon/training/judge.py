"""Trains the judge of phones by which outputs are checked (`voiceanon.checks.phones`).

    python -m voiceanon.training.judge SPEECH --teacher WHISPER -o judge.npz

It learns from the same labels as the bottleneck and shares no weight with it: from recordings, in
noise and narrow bands too, and from what the `template` recipe makes of them.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.anonymizer import Anonymizer
from voiceanon.checks.optional import load
from voiceanon.checks.phones import JUDGE_BANDS, PHONES, phone_bands
from voiceanon.checks.sound import RATE_HZ
from voiceanon.keys import Draws
from voiceanon.privacy.corpora import read_corpus
from voiceanon.privacy.corpora.recordings import Recording
from voiceanon.privacy.drawing import normal, permutation, uniform
from voiceanon.privacy.sounds import Sound
from voiceanon.training.command import Saying, arguments_of, run
from voiceanon.training.export import folded, packed
from voiceanon.training.material import gather, usable
from voiceanon.training.networks import stack
from voiceanon.training.prepared import tell_phones
from voiceanon.training.teacher import Teacher

__all__ = ["BLOCKS", "CHANNELS", "examples", "learn_judge"]

_SEED = b"the judge of phones in the gate."
CHANNELS = 128
BLOCKS = ((1, 1), (2, 1), (4, 1), (1, 1), (2, 1), (4, 1))
_GAP = 16  # frames of silence between recordings: nearly what the network reaches
_FRAMES_A_STEP, _PASSES, _RATE = 3000, 3, 2e-3
_NOISY_SHARE, _NARROW_SHARE = 0.35, 0.12
_EVERY = 2  # recordings: half of them say enough

Float32 = npt.NDArray[np.float32]
Half = npt.NDArray[np.float16]
Example = tuple[Half, Half]
Progress = Callable[[str, int, int], None]


def examples(
    recordings: Sequence[Recording], phones: Sequence[Half], draws: Draws, progress: Progress
) -> Iterator[Example]:
    """Yield bands and how likely each phone is, (t, 80) and (t, 40): as recorded, and anonymized.

    Parameters
    ----------
    recordings : sequence of Recording
        Those of the phones.
    phones : sequence of ndarray, shape (t, 40)
        How likely each phone is, a recording.
    draws : Draws
        Of noise and pseudo-voices.
    progress : callable
        Called with what is done, how much, of how much.
    """
    anonymizer = Anonymizer("template", secret=draws.bytes(32))
    for at in range(0, len(recordings), _EVERY):
        samples = Sound.of(recordings[at]).read()
        made = anonymizer(samples, RATE_HZ, recording=str(at))
        if uniform(draws, 1)[0] < 0.5:
            made = _in_noise(made, 15.0, draws)
        for heard in (_disturbed(samples, draws), made):
            bands = phone_bands(heard).astype(np.float16)
            count = min(len(bands), len(phones[at]))
            yield bands[:count], phones[at][:count]
        progress("bands", min(at + _EVERY, len(recordings)), len(recordings))


def learn_judge(found: Sequence[Example], draws: Draws, progress: Progress) -> Any:
    """Return the network that tells phones from bands, in evaluation mode.

    Parameters
    ----------
    found : sequence of (bands, phones)
        From `examples`.
    draws : Draws
        Of weights and the order of examples.
    progress : callable
        Called with what is done, how much, of how much.
    """
    torch = load("torch")
    torch.manual_seed(draws.integer(1 << 32))
    network = stack(2 * JUDGE_BANDS, CHANNELS, len(PHONES), BLOCKS)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.01)
    steps = math.ceil(_PASSES * sum(len(bands) + _GAP for bands, _ in found) / _FRAMES_A_STEP)
    network.train()
    for step, (bands, phones, mask) in zip(range(steps), _batches(found, draws), strict=False):
        for group in optimiser.param_groups:
            warm = min(1.0, (step + 1) / 100)
            group["lr"] = _RATE * warm * (0.01 + 0.495 * (1 + math.cos(math.pi * step / steps)))
        with torch.autocast("cpu", torch.bfloat16):
            told = network(torch.from_numpy(bands), torch.from_numpy(mask)).float()
        likely = torch.nn.functional.log_softmax(told, 1)
        wrong = -(torch.from_numpy(phones) * likely).sum(1, keepdim=True)
        loss = (wrong * torch.from_numpy(mask)).sum() / mask.sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        progress(f"judge: {float(loss.detach()):.3f}", step + 1, steps)
    return network.eval()


def _batches(found: Sequence[Example], draws: Draws) -> Iterator[tuple[Float32, ...]]:
    """Yield bands, phones and mask of some recordings with silence between, endlessly."""
    while True:
        chosen: list[Example] = []
        for at in permutation(draws, len(found)).tolist():
            chosen.append(found[at])
            if sum(len(bands) + _GAP for bands, _ in chosen) >= _FRAMES_A_STEP:
                yield _together(chosen)
                chosen = []


def _together(chosen: Iterable[Example]) -> tuple[Float32, ...]:
    parts: list[list[Float32]] = [[], [], []]
    for bands, phones in chosen:
        whole = (bands, phones, np.ones((len(bands), 1), np.float16))
        for part, array in zip(parts, whole, strict=True):
            part.append(np.pad(array.astype(np.float32), ((0, _GAP), (0, 0))))
    return tuple(np.concatenate(part) for part in parts)


def _disturbed(samples: Float32, draws: Draws) -> Float32:
    from scipy.signal import butter, sosfilt

    noisy, narrow, edge = uniform(draws, 3)
    if noisy < _NOISY_SHARE:
        samples = _in_noise(samples, 5.0, draws)
    if narrow < _NARROW_SHARE:
        low = butter(8, 3400 + 2500 * edge, fs=RATE_HZ, output="sos")
        samples = np.asarray(sosfilt(low, samples), np.float32)
    return samples


def _in_noise(samples: Float32, least_snr_db: float, draws: Draws) -> Float32:
    """Add white or coloured noise at a drawn ratio, up to 30 dB above the least."""
    from scipy.signal import butter, sosfilt

    is_white, edge, snr = uniform(draws, 3)
    noise = normal(draws, len(samples))
    if is_white > 0.5:
        noise = sosfilt(butter(1, 300 + 2000 * edge, fs=RATE_HZ, output="sos"), noise)
    power = float(np.mean(samples**2)) / max(float(np.mean(noise**2)), 1e-12)
    gain = math.sqrt(power) * 10 ** (-(least_snr_db + 30.0 * snr) / 20)
    return np.asarray(samples + gain * noise, np.float32)


def main() -> int:
    """Run the command line; return the exit code."""
    parser = arguments_of("voiceanon.training.judge", __doc__ or "")
    return run(parser, _train)


def _train(arguments: argparse.Namespace) -> None:
    load("torch").set_num_threads(arguments.threads)
    say = Saying()
    recordings = usable(read_corpus(arguments.speech).recordings)
    teacher = Teacher(arguments.teacher, arguments.threads)
    material = gather(recordings, teacher, arguments.work, say.count)
    draws = Draws(_SEED, "training")
    phones, _ = tell_phones(material, draws, say.count)
    found = list(examples(recordings, phones, draws, say.count))
    network = learn_judge(found, draws, say.count)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(arguments.output, **packed("judge", *folded(network), BLOCKS))  # type: ignore[arg-type]
    say.line(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
