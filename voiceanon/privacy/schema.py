"""The shape of ``results.json``: what every key of an evaluation's figures means.

The top level is a dict with

``schema``
    `SCHEMA`; another version has another name.
``created``, ``took_s``, ``command``, ``light``, ``versions``
    When, how long, what was typed, whether the light set of attackers was used, and versions of
    this package and of those that were used. Only ``created`` and ``took_s`` (and a variant's
    ``speed_x_real_time``) differ between two runs of the same data, models and versions.
``corpus``, ``training``
    ``name``, ``speakers``, ``recordings``, ``hours``, ``female``, ``male``, ``sessions``,
    ``transcripts``, ``hash`` (of content), ``notes`` (what was left out, merged or guessed);
    ``training`` is null where none was given.
``protocol``
    ``splits``, ``bootstrap`` (resamples), ``poolings`` (smallest first), ``among`` (N′ of
    linkability), ``secret`` (the start of the fixed evaluation secret), ``enrolment``.
``models``
    ``speaker``: a list of ``name``, ``version``, ``licence``; ``recogniser``: ``name``,
    ``version``, ``is_weak``, or null.
``variants``
    One dict for each, below.
``warnings``
    ``level`` (``"red"``: read before any figure; ``"note"``) and ``text``.
``not_measured``
    ``what`` and ``why``.

A variant has ``name``, ``kind`` (``"recipe"``, ``"raw"``, ``"mcadams"``, ``"world"``, ``"call"``,
``"measures"``), ``label``, ``recipe`` (``name``, ``version``, ``hash``, ``settings``; or null),
``speed_x_real_time``, and

``description``
    Of a recipe that squeezes speech through units: ``recordings``, and the means of
    ``bits_per_second`` (every frame counted whole) and ``entropy_bits_per_second`` (as
    `voiceanon.Abstraction` counts them).
``privacy``
    Null with one speaker. ``attacks``: one row for each attacker, pooling and gender rule
    (``"all"``, ``"same"``), of the configuration with the lowest EER: ``attacker``,
    ``configuration``, ``configurations_tried``, ``sides``, ``knowledge``, ``pooling``,
    ``gender``, ``enrol_utterances``, ``trial_utterances`` (means), ``trials``, ``targets``,
    ``eer_percent`` (value, low, high), ``eer_hull_percent``, ``cllr`` (after linear calibration
    on the same trials), ``cllr_min``, ``d_sys``, ``zebra`` (``expected_bits``,
    ``worst_log10_lr``, ``category``), ``tpr_percent_at_fpr``, ``worst_speakers``, and for all
    genders ``det`` and, with one enrolment a speaker, ``rank1`` and ``linkability`` by N′.
    ``headline``: the lowest EER at the largest pooling of any attacker but the ignorant;
    ``headline_single``: the same with one utterance a side. ``copies``: recordings ``checked``
    and ``found`` to hold stretches of the original. ``cloning``: the share of clones that pass.
    ``not_measured``: attackers, and why.
``descriptions``
    Of an evaluation of stored descriptions, in which ``privacy`` is of those and not of audio:
    ``floors``, of each ``what``, ``measured`` (value, low, high; or null), ``floor``, ``goal``,
    ``unit``, ``at_least`` and ``meets`` (null where it was not measured); ``inversion``:
    ``errors_db`` by predictor, ``tried``, ``better_percent``,
    ``better_than_regression_percent``, ``speaker_spectrum_r2`` (see
    `voiceanon.privacy.descriptions.inversion.inverted`); ``attributes`` and, of the audio they
    were made of, ``original_attributes``: by attribute ``kinds``, ``chance``, ``recordings``,
    ``speakers``, ``single`` and ``pooled`` balanced accuracy (value, low, high; of the best view)
    and ``views``; ``isolation``: ``probability``, ``chance``, ``among``, ``attacker``,
    ``configuration``; ``seconds`` (mean length). In such a run the variant of kind ``"raw"`` is the
    audio under an attacker of the same kind, and ``"measures"`` are assessment measures alone.
``singling_out``
    Of the variant ``"measures"``: ``measures``, ``steps``, ``recordings`` and ``unique``, for each
    number ``k`` of measures known the share of recordings that are alone with theirs: ``mean`` and
    ``highest`` over combinations, ``expected`` if values were spread evenly.
``words``
    ``utterances``, ``recogniser``, ``normaliser``, ``references``, ``wer_percent``,
    ``cer_percent``, ``wer_minus_raw_points``, ``cer_minus_raw_points``, each (value, low, high).
``delivery``
    ``utterances``, ``judged_by``, ``correlations`` by measure, ``voicing_agreement``, ``rho_f0``.
``assessment``
    Of a study of assessments: ``measures``, of each ``recordings``, ``r``, ``mean_original``,
    ``mean_difference`` and up to 300 ``pairs``; ``scorer``: ``trained_on``, ``recordings``,
    ``measures``, ``rank_r`` and, where the corpus has scores, ``r_to_scores`` of both.
``naturalness``, ``voices``
    Predicted listeners' scores; gain of voice distinctiveness, dB.
``examples``
    Anonymised recordings beside the report: ``recording`` and ``path``.

Rates are percent where the name says so, else fractions; intervals are 95 %, over speakers, and
their ends are null with one speaker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["SCHEMA", "are_descriptions", "is_study"]

SCHEMA = "voiceanon-evaluation/1"


def is_study(results: Mapping[str, Any]) -> bool:
    """Whether results are of a study of assessments, in which nobody attacked."""
    return any("assessment" in variant for variant in results["variants"])


def are_descriptions(results: Mapping[str, Any]) -> bool:
    """Whether results are of stored descriptions: no audio was made or attacked."""
    return any("descriptions" in variant for variant in results["variants"])
