"""A realistic results.json out of Gaussian scores: two baselines, two recipes, six attackers."""

import copy
import functools
import itertools
import math
from statistics import NormalDist

GAUSS = NormalDist()
POOLINGS = ["1-1", "all-1", "3-3", "10-10", "all-all"]
ATTACKERS = [
    ("ignorant", "o–a", "Compares original speech of known people with anonymised speech.", 0.25),
    ("lazy-informed", "a–a", "Anonymises known speech too; uses a ready-made speaker model.", 0.75),
    (
        "semi-informed",
        "a–a",
        "Trains on anonymised speech of other people, made with this recipe.",
        1,
    ),
    ("statistics", "a–a", "Learns which averages of spectrum and pitch tell people apart.", 0.85),
    ("rhythm", "a–a", "Looks at durations, pauses and melody alone.", 0.45),
    ("restoration", "o–a", "Searches the settings that undo the change best.", 0.6),
]
CONFIGURATIONS = {
    "ignorant": "d-vector, cosine",
    "lazy-informed": "CAM++, cosine",
    "semi-informed": "CAM++, PLDA",
    "statistics": "log-mel statistics, LDA",
    "rhythm": "duration histogram, LDA",
    "restoration": "grid of 25 warps, CAM++",
}
# d′ against the strongest attacker with single recordings, and how much pooling adds.
STRENGTH = {"raw": 4.1, "mcadams": 2.6, "template": 1.9, "bottleneck": 0.75}
GAIN = {"1-1": 1.0, "all-1": 1.18, "3-3": 1.3, "10-10": 1.5, "all-all": 1.62}
WORDS = {"raw": 4.3, "mcadams": 11.8, "template": 5.9, "bottleneck": 9.4}
KINDS = {"raw": "raw", "mcadams": "mcadams", "template": "recipe", "bottleneck": "recipe"}
LABELS = {
    "raw": "raw speech",
    "mcadams": "McAdams (B2)",
    "template": "template",
    "bottleneck": "bottleneck",
}


DESCRIPTION = {"recordings": 20, "bits_per_second": 1778.2, "entropy_bits_per_second": 456.7}


def interval(value, half, low=0.0, high=math.inf):
    """A figure with an interval around it, as it stands in the results."""
    return [round(value, 3), round(max(low, value - half), 3), round(min(high, value + half), 3)]


@functools.cache
def first_among(people, separation):
    """Chance that a target score beats people − 1 others, by the trapezoid rule."""
    steps = [-6 + 12 * i / 400 for i in range(401)]
    values = [GAUSS.pdf(s - separation) * GAUSS.cdf(s) ** (people - 1) for s in steps]
    area = sum((a + b) / 2 for a, b in itertools.pairwise(values)) * 12 / 400
    return min(1.0, area / (GAUSS.cdf(6 - separation)))


@functools.cache
def curve(separation, points=60):
    """False accepts and false rejects of two unit Gaussians that lie this far apart."""
    thresholds = [-4 + (8 + separation) * i / (points - 1) for i in range(points)]
    return [[1 - GAUSS.cdf(t), GAUSS.cdf(t - separation)] for t in thresholds]


def attack(variant, place, pooling, gender):
    name, sides, knowledge, share = ATTACKERS[place]
    separation = STRENGTH[variant] * share * GAIN[pooling] * (0.88 if gender == "same" else 1)
    eer = 100 * GAUSS.cdf(-separation / 2)
    return {
        "attacker": name,
        "configuration": CONFIGURATIONS[name],
        "configurations_tried": 3 + place,
        "sides": sides,
        "knowledge": knowledge,
        "pooling": pooling,
        "gender": gender,
        "enrol_utterances": 120,
        "trial_utterances": 120,
        "trials": 2400 if gender == "all" else 1200,
        "targets": 120,
        "eer_percent": interval(eer, 0.6 + 0.14 * eer, high=100.0),
        "eer_hull_percent": round(0.97 * eer, 2),
        "cllr": round(0.04 + eer / 52, 3),
        "cllr_min": round(eer / 52, 3),
        "d_sys": round(1 - eer / 52, 3),
        "zebra": {"expected_bits": round(0.72 * (1 - eer / 52), 3), "worst_log10_lr": 2.31,
                  "category": "C"},
        "tpr_percent_at_fpr": {"0.001": 100 * GAUSS.cdf(separation - 3.09),
                               "0.01": 100 * GAUSS.cdf(separation - 2.33)},
        "rank1": first_among(20, separation),
        "linkability": {"2": first_among(2, separation), "20": first_among(20, separation)},
        "worst_speaker": {"speaker": "2300", "eer_percent": round(0.3 * eer, 1)},
        "det": curve(separation),
    }  # fmt: skip


def variant(name):
    attacks = [
        attack(name, place, pooling, gender)
        for place in range(len(ATTACKERS))
        for pooling in POOLINGS
        for gender in ("all", "same")
        if not (name in ("raw", "mcadams") and ATTACKERS[place][0] == "restoration")
    ]

    def lowest(pooling):
        column = [a for a in attacks if (a["pooling"], a["gender"]) == (pooling, "all")]
        best = min(column, key=lambda a: a["eer_percent"][0])
        keys = "attacker configuration pooling gender eer_percent linkability rank1".split()
        return {key: best[key] for key in keys}

    is_recipe = KINDS[name] == "recipe"
    wer = WORDS[name]
    keeps = {"raw": 1.0, "mcadams": 0.97, "template": 0.95, "bottleneck": 0.78}[name]
    measures = "speech_rate articulation_rate pause_rate mean_pause_s phonation_ratio".split()
    measures += "f0_range_semitones f0_contour energy_contour".split()
    return {
        "name": name,
        "kind": KINDS[name],
        "label": LABELS[name],
        "recipe": {
            "name": name,
            "version": "3",
            "hash": "5f0c9e1ab27d",
            "settings": {"removal": name, "f0_levels": 10, "detail": 12, "pace": False},
        }
        if is_recipe
        else None,
        "speed_x_real_time": None if name == "raw" else 612.0,
        **({"description": DESCRIPTION} if name == "bottleneck" else {}),
        "privacy": {
            "headline": lowest("all-all"),
            "headline_single": lowest("1-1"),
            "attacks": attacks,
            "worst_speakers": [
                {"speaker": speaker, "sex": sex, "eer_percent": eer, "attacker": "semi-informed",
                 "pooling": "all-all"}
                for speaker, sex, eer in (("2300", "M", 2.1), ("121", "F", 3.4), ("4446", "F", 5.0))
            ],
            "copies": {"checked": 240, "found": []},
            "cloning": {
                "accepted_percent": interval(34.0 if name == "template" else 61.0, 9.0),
                "threshold": 0.521,
                "accepted_of_raw_reference_percent": 88.0,
                "clones": 60,
            }
            if name != "raw"
            else None,
            "not_measured": [
                {"what": "fine-tuned network", "why": "torch is not installed (extra 'eval')"}
            ],
        },
        "words": {
            "utterances": 240,
            "recogniser": "Whisper base (faster-whisper)",
            "wer_percent": interval(wer, 0.9),
            "cer_percent": interval(wer / 2.4, 0.4),
            "wer_minus_raw_points": interval(wer - 4.3, 0.8, low=-9) if name != "raw" else None,
            "cer_minus_raw_points": interval((wer - 4.3) / 2.4, 0.3, low=-9)
            if name != "raw"
            else None,
        },
        "delivery": {
            "utterances": 240,
            "judged_by": "pyworld",
            "correlations": {
                m: interval(keeps - 0.01 * i, 0.02, -1.0, 1.0) for i, m in enumerate(measures)
            },
        }
        if name != "raw"
        else None,
        "naturalness": {
            "utterances": 60,
            "dnsmos": interval(3.06 - 0.04 * wer, 0.1),
            "distillmos": interval(3.82 - 0.08 * wer, 0.1),
        },
        "voices": {"g_vd_db": round(-2.2 * (5 - STRENGTH[name]), 1), "rho_f0": [0.71, 0.66, 0.75]}
        if is_recipe
        else None,
        "examples": [],
    }  # fmt: skip


def example_results(names=("raw", "mcadams", "template", "bottleneck")):
    """Return a fresh results dict; change it as a test needs."""
    results = {
        "schema": "voiceanon-evaluation/1",
        "created": "2026-11-24T09:12:44Z",
        "took_s": 2531.4,
        "command": "voiceanon evaluate speech/dev -o report --train speech/train --recipe template "
        "--recipe bottleneck --baselines raw,mcadams",
        "versions": {"voiceanon": "0.1.0", "python": "3.11.2", "numpy": "2.4.6", "torch": "2.13.0"},
        "corpus": {
            "name": "dev",
            "speakers": 20,
            "recordings": 240,
            "hours": 0.56,
            "female": 10,
            "male": 10,
            "sessions": True,
            "transcripts": 240,
            "hash": "9a1f3c2e5b7d",
            "notes": ["2 recordings shorter than 1 s were left out."],
        },
        "training": {
            "name": "train",
            "speakers": 251,
            "recordings": 614,
            "hours": 5.3,
            "female": 125,
            "male": 126,
            "sessions": False,
            "transcripts": 0,
            "hash": "77ab02c4d9e1",
            "notes": [],
        },
        "protocol": {
            "splits": 10,
            "bootstrap": 200,
            "poolings": POOLINGS,
            "among": [2, 20],
            "secret": "a3c19f00b2d4",
            "enrolment": "other sessions than trials",
        },
        "models": {
            "speaker": [
                {"name": "cam++", "version": "1f2e3d4c5b6a7980", "licence": "Apache-2.0"},
                {"name": "d-vector", "version": "0a9b8c7d6e5f4321", "licence": "Apache-2.0"},
            ],
            "recogniser": {"name": "Whisper base (faster-whisper)", "is_weak": False},
        },
        "variants": [variant(name) for name in names],
        "warnings": [
            {"level": "note", "text": "20 speakers: intervals are wide, and 20 is the largest N′."}
        ],
        "not_measured": [{"what": "fillers", "why": "the recogniser gives none"}],
    }
    return copy.deepcopy(results)
