"""Published figures of other systems: faint points that place ours, with where they stand."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PUBLISHED", "PUBLISHED_NOTE", "PublishedSystem"]

PUBLISHED_NOTE = (
    "Published figures come from other data (LibriSpeech test sets), other attackers trained on "
    "far more speech, other pooling and another recogniser. They say where the field stands; "
    "a difference of a few points between them and a figure of this run means nothing."
)


@dataclass(frozen=True)
class PublishedSystem:
    """A system as its authors or the VoicePrivacy challenge published it.

    Attributes
    ----------
    letter : str
        What marks it in a plot.
    name, kind : str
        The system and how it works.
    eer_2024_percent : float or None
        Against the semi-informed attacker of the VoicePrivacy 2024 challenge (ECAPA-TDNN trained
        on anonymised speech); where a range was published, its middle.
    eer_later_percent : float or None
        Against the WavLM and ECAPA attacker of 2026, or the best attackers published by then.
    wer_percent : float
        Word error rate on anonymised speech; where a range was published, its middle.
    source : str
        Where the figures stand.
    """

    letter: str
    name: str
    kind: str
    eer_2024_percent: float | None
    eer_later_percent: float | None
    wer_percent: float
    source: str


_2024 = "VoicePrivacy Challenge 2024 (baselines and evaluation plan)"
_2026 = "VoicePrivacy Challenge 2024; later attackers of 2026"

PUBLISHED: tuple[PublishedSystem, ...] = (
    PublishedSystem("a", "raw speech", "no treatment", 4.6, None, 1.8, _2024),
    PublishedSystem("b", "McAdams coefficient (B2)", "signal processing", 4.5, 4.7, 10.0, _2026),
    PublishedSystem("c", "x-vector and NSF (B1b)", "neural vocoder", 6.1, None, 2.9, _2024),
    PublishedSystem("d", "STTTS (B3)", "phones to speech synthesis", 27.3, 16.9, 4.4, _2026),
    PublishedSystem("e", "NAC (B4)", "codec language model", 30.3, 14.3, 5.9, _2026),
    PublishedSystem("f", "ASR-BN and VQ48 (B5)", "content bottleneck", 34.3, 21.3, 4.4, _2026),
    PublishedSystem(
        "g", "ASR-BN TDNN-F and VQ48 (B6)", "content bottleneck", 21.2, None, 9.1, _2024
    ),
    PublishedSystem(
        "h",
        "SA-toolkit B5, f0 quantised and noised",
        "content bottleneck; much of the gain is an artefact of the attacker",
        41.5,
        None,
        4.8,
        "SA-toolkit authors, attacker of 2024",
    ),
    PublishedSystem(
        "i",
        "token admixture (Nijta, JHU; range 40.8–42.5, later 19–26)",
        "discrete tokens mixed among speakers",
        41.65,
        22.5,
        3.5,
        "participants of VoicePrivacy 2024; later attackers of 2026",
    ),
)
