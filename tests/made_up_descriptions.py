"""Descriptions of made-up people without any audio, and an evidence that holds them."""

from types import SimpleNamespace

import numpy as np

from voiceanon.abstraction import Abstraction
from voiceanon.privacy.cache import Cache
from voiceanon.privacy.corpora.recordings import Recording

FRAMES, DIGITS = 300, 6
MEASURED, TRAINING = range(12), range(100, 140)
EACH = 6


def description(person: int, number: int, leak: str = "") -> Abstraction:
    """Return frames drawn at random: with `leak` ``"digit"`` or ``"pace"``, one's own.

    Of ``"digit"``, how often the last digit has which value, given the first; of ``"pace"``, how
    long each digit stays and how long it is voiced.
    """
    own = np.random.default_rng([3, person])
    each = np.random.default_rng([4, person, number])
    stay_frames, voiced_frames = np.full(DIGITS, 3.0), 20.0
    if leak == "pace":
        stay_frames, voiced_frames = 1.5 + 8.0 * own.random(DIGITS), 6.0 + 40.0 * own.random()
    run = np.cumsum(each.random((FRAMES, DIGITS)) < 1 / stay_frames, axis=0)
    units = np.take_along_axis(each.integers(-1, 2, (FRAMES + 1, DIGITS)), run, axis=0)
    if leak == "digit":
        shares = own.dirichlet([0.6] * 3, 3)
        units[:, 5] = [each.choice(3, p=shares[first + 1]) - 1 for first in units[:, 0]]
    voiced = np.cumsum(each.random(FRAMES) < 1 / voiced_frames) % 2 == 0
    level = each.integers(-6, 3, FRAMES)
    level[each.integers(0, FRAMES, 20)] = -8
    return Abstraction(
        units=units.astype(np.int8),
        voiced=voiced,
        energy=level.astype(np.int8),
        pitch=np.where(voiced, each.integers(-2, 3, FRAMES), 0).astype(np.int8),
        pitch_levels=4,
        n_samples=FRAMES * 320,
        rate=16_000,
    )


class MadeUp:
    """Holds descriptions where `voiceanon.privacy.descriptions.described.Described` does."""

    def __init__(self, folder, leak: str = "") -> None:
        self.leak, self.cache = leak, Cache(folder)
        self.recordings, self.training = (
            tuple(
                Recording(
                    f"p{p}-{k}", f"p{p}", folder / "none", sex="FM"[p % 2], session=str(k % 2)
                )
                for p in people
                for k in range(EACH)
            )
            for people in (MEASURED, TRAINING)
        )
        self.originals = SimpleNamespace(models=(), seed=bytes(32))
        self.steps = 0

    def descriptions(self, where: str) -> tuple[Abstraction, ...]:
        people = MEASURED if where == "trial" else TRAINING
        return tuple(description(p, k, self.leak) for p in people for k in range(EACH))

    def digest(self) -> str:
        return self.leak

    def progress(self, _what: str, done: int, _total: int) -> None:
        self.steps = done
