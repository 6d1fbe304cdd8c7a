"""How well speakers are found again: attackers that try, figures of merit, and corpora.

The command ``voiceanon evaluate`` uses these pieces; each works alone:

- `read_corpus`, `Corpus`, `Recording`: speech with speakers, from folders, tables, Kaldi.
- `evaluate`, `Settings`: everything at once; returns what ``results.json`` holds.
- `metrics`: equal error rates, linkability and the rest, from scores alone.
- `attack`: the protocol of an attacker; others are added by the entry point
  ``voiceanon.attackers``.

>>> from voiceanon.privacy import metrics
>>> metrics.eer([2.0, 1.0, 0.0, -1.0], [True, True, False, False])
0.0
"""

from __future__ import annotations

import voiceanon.privacy.metrics as metrics  # noqa: PLR0402 (a package does not import itself)
from voiceanon.privacy.attack import Attacker, Evidence, FeatureExtractor, SpeakerModel, Verifier
from voiceanon.privacy.attackers import all_attackers
from voiceanon.privacy.corpora.reading import read_corpus
from voiceanon.privacy.corpora.recordings import Corpus, Recording
from voiceanon.privacy.evaluation import evaluate
from voiceanon.privacy.schema import SCHEMA
from voiceanon.privacy.settings import Settings
from voiceanon.privacy.speaker_models import available_models, open_speaker_model
from voiceanon.privacy.variants import Variant, baseline, changed, of_recipe

__all__ = [
    "SCHEMA",
    "Attacker",
    "Corpus",
    "Evidence",
    "FeatureExtractor",
    "Recording",
    "Settings",
    "SpeakerModel",
    "Variant",
    "Verifier",
    "all_attackers",
    "available_models",
    "baseline",
    "changed",
    "evaluate",
    "metrics",
    "of_recipe",
    "open_speaker_model",
    "read_corpus",
]
