"""Trains a speaker network on anonymised speech: to tell speakers, and to hear who they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.checks.optional import load
from voiceanon.keys import Draws
from voiceanon.privacy.attackers.speaker_network import Bands, SpeakerNetwork, computing
from voiceanon.privacy.drawing import integers, uniform

__all__ = ["FineTuning", "Material", "fine_tune"]

Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FineTuning:
    """Settings of a training, found on held-out training speakers under McAdams (B2).

    Attributes
    ----------
    steps : int
        Batches.
    speakers : int
        Speakers in a batch, each with two crops.
    frames : int
        Frames of 10 ms in a crop.
    learning_rate : float
        The highest, of Adam; that of the classifier is four times as high.
    margin, scale : float
        Of the additive angular margin softmax (Deng et al. 2019).
    teaching : float
        Weight of the distance to the teacher's vectors of the original speech, where there are.
    draws : int
        Anonymised versions of each training recording.
    threads : int
        Processor threads, fixed so that sums are taken in one order.
    """

    steps: int = 250
    speakers: int = 16
    frames: int = 200
    learning_rate: float = 5e-4
    margin: float = 0.2
    scale: float = 30.0
    teaching: float = 5.0
    draws: int = 1
    threads: int = 2


@dataclass(frozen=True)
class Material:
    """What is learned from.

    Attributes
    ----------
    bands : sequence of sequences of ndarray of float16, shape (frames, 80 or as the network takes)
        For each draw, each recording; all draws list the same recordings.
    speakers : ndarray of int, shape (n,)
        Whose each recording is, 0 to the number of speakers less one.
    targets : ndarray of float64, shape (n, d), optional
        A pretrained network's vector of each recording before it was anonymised.
    centred : bool
        Whether every crop loses its mean, as bands do.
    """

    bands: Sequence[Sequence[Bands]]
    speakers: npt.NDArray[np.int64]
    targets: Real | None = None
    centred: bool = True


def fine_tune(
    network: SpeakerNetwork,
    material: Material,
    settings: FineTuning,
    draws: Draws,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[float]:
    """Train the network in place.

    Two losses are added. The additive angular margin softmax tells the training speakers apart.
    The teacher's loss is the cosine distance to the vectors that a pretrained network gives the
    same recordings *before* they were anonymised: an attacker can make such pairs, and they say
    far more than some hundred labels do.

    Parameters
    ----------
    network : SpeakerNetwork
        Is left in evaluation mode.
    material : Material
        At least two speakers.
    settings : FineTuning
        Lengths, rates, weights.
    draws : Draws
        Orders everything drawn: the same stream gives the same network on one machine.
    progress : callable
        Called with steps done, of how many; may raise to stop.

    Returns
    -------
    list of float
        The loss of every step.
    """
    torch = load("torch")
    count = int(material.speakers.max()) + 1
    batches = _Batches(material, settings, draws)
    centres, targets, middle = _aims(material, network, count, draws)
    classes = torch.nn.Parameter(torch.from_numpy(centres).float())
    # The network's vectors have a mean of their own, which says nothing about a speaker.
    centre = torch.nn.Parameter(torch.from_numpy(middle).float())
    highest = (settings.learning_rate, 4 * settings.learning_rate)
    groups = [
        {"params": network.parameters(), "lr": highest[0]},
        {"params": [classes, centre], "lr": highest[1]},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=1e-4)
    losses = []
    with computing(settings.threads):
        network.learning(True)
        for step in range(settings.steps):
            for group, rate in zip(optimiser.param_groups, highest, strict=True):
                group["lr"] = rate * _rate(step, settings.steps)
            bands, chosen = batches.next()
            vectors = network(torch.from_numpy(bands)) - centre
            vectors = torch.nn.functional.normalize(vectors)
            labels = torch.from_numpy(material.speakers[chosen])
            loss = _margin_loss(torch, vectors, classes, labels, settings)
            if targets is not None:
                wanted = torch.from_numpy(targets[chosen]).float()
                loss = loss + settings.teaching * (1.0 - (vectors * wanted).sum(1)).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
            progress(step + 1, settings.steps)
        network.learning(False)
    return losses


def _rate(step: int, steps: int) -> float:
    """Warm up over a tenth of the steps, then fall along half a cosine."""
    done = (step + 1) / steps
    if done < 0.1:
        return done / 0.1
    return 0.01 + 0.5 * (1.0 + float(np.cos(np.pi * (done - 0.1) / 0.9)))


def _margin_loss(torch: Any, vectors: Any, classes: Any, labels: Any, settings: FineTuning) -> Any:
    """Cross-entropy of scaled cosines, the own speaker's angle made larger by the margin."""
    cosines = vectors @ torch.nn.functional.normalize(classes).T
    cosines = cosines.clamp(-0.999, 0.999)
    own = torch.nn.functional.one_hot(labels, len(classes)).bool()
    widened = torch.cos(torch.acos(cosines) + settings.margin)
    logits = settings.scale * torch.where(own, widened, cosines)
    return torch.nn.functional.cross_entropy(logits, labels)


def _unit(vectors: Real) -> Real:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def _aims(
    material: Material, network: SpeakerNetwork, count: int, draws: Draws
) -> tuple[Real, Real | None, Real]:
    """Return where the classes start, what each recording should become, and the mean."""
    if material.targets is None:
        centres = uniform(draws, count, network.dimensions) - 0.5
        return _unit(centres), None, np.zeros(network.dimensions)
    middle = material.targets.mean(0)
    plain = material.targets - middle
    centres = np.zeros((count, plain.shape[1]))
    np.add.at(centres, material.speakers, plain)
    return _unit(centres), _unit(plain), middle


class _Batches:
    """Draws speakers by the root of how much they said, then two crops of each."""

    def __init__(self, material: Material, settings: FineTuning, draws: Draws) -> None:
        self._material, self._frames, self._draws = material, settings.frames, draws
        speakers = material.speakers
        self._own = [np.flatnonzero(speakers == k) for k in range(int(speakers.max()) + 1)]
        lengths = np.array([len(bands) for bands in material.bands[0]], dtype=float)
        said = np.bincount(speakers, lengths, len(self._own))
        self._weights = np.sqrt(said)
        self._size = min(settings.speakers, int((said > 0).sum()))

    def next(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return crops, (2 speakers, frames, 80), and which recordings they are from."""
        # The largest of u^(1/w) are a weighted choice without repetition (Efraimidis 2006).
        keys = np.log(uniform(self._draws, len(self._own)) + 1e-300) / (self._weights + 1e-300)
        speakers = np.argsort(-keys, kind="stable")[: self._size]
        chosen, crops = [], []
        for speaker in speakers:
            own = self._own[speaker]
            for _ in range(2):
                at = int(own[integers(self._draws, len(own), 1)[0]])
                version = int(integers(self._draws, len(self._material.bands), 1)[0])
                chosen.append(at)
                crops.append(self._crop(self._material.bands[version][at]))
        return np.stack(crops), np.array(chosen)

    def _crop(self, bands: Bands) -> npt.NDArray[np.float32]:
        if len(bands) < self._frames:
            bands = np.resize(bands, (self._frames, bands.shape[1]))
        first = int(integers(self._draws, len(bands) - self._frames + 1, 1)[0])
        crop = bands[first : first + self._frames].astype(np.float32)
        return np.asarray(crop - crop.mean(0)) if self._material.centred else crop
