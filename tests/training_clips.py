"""The bundled clips as training reads them, for tests: described, heard by a made-up teacher."""

from __future__ import annotations

import numpy as np
import sounds

from voiceanon.keys import Draws
from voiceanon.privacy.drawing import normal
from voiceanon.profile import Profiler
from voiceanon.template import tables, whole_removal
from voiceanon.training.material import Material, Utterance, plain_values
from voiceanon.training.prepared import Prepared, prepare


def described(name: str) -> np.ndarray:
    clip, rate = sounds.clip(name)
    profiler = Profiler(rate)
    profiler.process(clip[: 4 * rate])
    (profile,) = profiler.finish()
    return whole_removal(profile.state).process(profiler.remembered[0])


def material() -> Material:
    """The bundled clips; what the teacher hears is a random view of the clip's own values."""
    view = normal(Draws(bytes(32), "view"), 100, 64) / 10
    utterances, names = [], sounds.clip_names()
    for speaker, name in enumerate(names):
        description = described(name)
        rows = np.hstack([description[:, :3], plain_values(description)])
        count = len(rows) // 4
        frames = (rows[: 4 * count, 3:] / tables()["deviation"][0]).reshape(count, 100)
        utterances.append(
            Utterance(
                speaker,
                "WORDS ARE SAID",
                rows[: 4 * count].astype(np.float16),
                (frames @ view).astype(np.float16),
            )
        )
    return Material(utterances, tuple(names))


def prepared_clips() -> Prepared:
    """The clips, and phones that follow from their loudness alone."""
    made = material()
    phones = []
    for utterance in made.utterances:
        likely = np.zeros((len(utterance), 3), np.float16)
        loud = utterance.rows[:, 2].reshape(-1, 4).max(1)
        likely[np.arange(len(utterance)), np.digitize(loud, [-30, -10])] = 1.0
        phones.append(likely)
    return prepare(made, phones, features=16)
