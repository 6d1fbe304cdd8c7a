"""Figures of merit of attacks on voices, computed from scores alone, with no model at all.

Scores are higher where an attacker believes more in the same speaker. Equal error rates: 0 means
always recognised, 0.5 chance; higher protects better.

>>> from voiceanon.privacy.metrics import Trials, eer, linkability
>>> trials = Trials([0.9, 0.2, 0.4, 0.8], enrol=[0, 1, 0, 1], trial=[0, 0, 1, 1])
>>> eer(trials.scores, trials.targets)
0.0
>>> linkability([[0.9, 0.2], [0.4, 0.8]], [0, 1], among=2)
1.0
"""

from __future__ import annotations

from voiceanon.privacy.metrics.bootstrap import (
    correlation_with_interval,
    eer_with_interval,
    mean_with_interval,
    ratio_with_interval,
    speaker_bootstrap,
)
from voiceanon.privacy.metrics.calibration import calibrate_linear, calibrated_llr
from voiceanon.privacy.metrics.distinctiveness import g_vd_db, voice_similarity_matrix
from voiceanon.privacy.metrics.equal_error import eer, eer_hull, worst_speakers
from voiceanon.privacy.metrics.f0_contour import f0_correlation
from voiceanon.privacy.metrics.identification import linkability, rank1
from voiceanon.privacy.metrics.information import cllr, cllr_min
from voiceanon.privacy.metrics.isolation import CHANCE_OF_SINGLING_OUT, singling_out
from voiceanon.privacy.metrics.legal_format import LegalScores, read_legal_scores
from voiceanon.privacy.metrics.linkable_scores import d_sys
from voiceanon.privacy.metrics.roc import det_points, tpr_at_fpr
from voiceanon.privacy.metrics.trials import Trials
from voiceanon.privacy.metrics.zero_evidence import zebra

__all__ = [
    "CHANCE_OF_SINGLING_OUT",
    "LegalScores",
    "Trials",
    "calibrate_linear",
    "calibrated_llr",
    "cllr",
    "cllr_min",
    "correlation_with_interval",
    "d_sys",
    "det_points",
    "eer",
    "eer_hull",
    "eer_with_interval",
    "f0_correlation",
    "g_vd_db",
    "linkability",
    "mean_with_interval",
    "rank1",
    "ratio_with_interval",
    "read_legal_scores",
    "singling_out",
    "speaker_bootstrap",
    "tpr_at_fpr",
    "voice_similarity_matrix",
    "worst_speakers",
    "zebra",
]
