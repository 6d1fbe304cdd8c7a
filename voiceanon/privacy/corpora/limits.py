"""Says before a measurement what can and what cannot be measured on a corpus."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from voiceanon.privacy.corpora.recordings import Corpus, named

__all__ = ["limits"]

# A chance of one in 20 is the reports' second number of linkability.
_LARGEST_CROWD = 20
_FEW_SPEAKERS = 10
_LARGEST_FIXED_POOL = 10
# LDA and PLDA need several speakers and a spread within them.
_FEWEST_TRAINING_SPEAKERS = 3


def limits(corpus: Corpus, training: Corpus | None) -> tuple[str, ...]:
    """Return sentences on what can and cannot be measured.

    Parameters
    ----------
    corpus : Corpus
        What is to be measured, best after `check_corpus`.
    training : Corpus or None
        What attackers learn from.

    Returns
    -------
    tuple of str
        One sentence or two each; empty where nothing is missing.
    """
    found = [*_speakers(corpus), *_words(corpus), *_trials(corpus)]
    return (*found, *_training(training))


def _speakers(corpus: Corpus) -> Iterator[str]:
    total = len(corpus.speakers)
    if total == 1:
        yield (
            "There is one speaker: no privacy can be measured, since nobody can be taken for "
            "somebody else. Words, delivery and naturalness can. Privacy needs two speakers with "
            "two recordings each, and tells more with twenty."
        )
        return
    usable = _usable(corpus)
    lost = sorted(set(corpus.speakers) - usable)
    if _has_sides(corpus):
        if lost:
            yield (
                f"{len(lost)} of {total} speakers are not both enrolled and tried ({named(lost)}): "
                "they count only against others."
            )
    elif lost:
        yield (
            f"{len(lost)} of {total} speakers have a single recording ({named(lost)}): they cannot "
            "be both enrolled and tried and are left out of privacy."
        )
    if len(usable) < 2:
        yield (
            "Fewer than two speakers can be both enrolled and tried: no privacy can be measured. "
            "Words, delivery and naturalness can."
        )
        return
    if len(usable) < _LARGEST_CROWD:
        yield (
            f"{len(usable)} speakers can be compared: linkability among {_LARGEST_CROWD} is not "
            "measured."
        )
    if len(usable) < _FEW_SPEAKERS:
        yield f"With {len(usable)} speakers the intervals are wide and depend on who they are."


def _usable(corpus: Corpus) -> set[str]:
    """Speakers who can be enrolled and tried with different recordings."""
    if _has_sides(corpus):
        enrolled = {one.speaker for one in corpus.recordings if one.side == "enrol"}
        return enrolled & {one.speaker for one in corpus.recordings if one.side == "trial"}
    count = Counter(one.speaker for one in corpus.recordings)
    return {speaker for speaker, number in count.items() if number > 1}


def _has_sides(corpus: Corpus) -> bool:
    return any(one.side for one in corpus.recordings)


def _words(corpus: Corpus) -> Iterator[str]:
    total = len(corpus.recordings)
    with_text = sum(bool(one.text) for one in corpus.recordings)
    if with_text == 0:
        yield (
            "No recording has a transcript: words are compared with the recogniser's own text of "
            "the original, which counts its mistakes on the original as right."
        )
    elif with_text < total:
        yield (
            f"{with_text} of {total} recordings have a transcript: words are measured against "
            "transcripts on these alone."
        )


def _trials(corpus: Corpus) -> Iterator[str]:
    usable = _usable(corpus)
    if len(usable) < 2:
        return
    sexes = {one.speaker: one.sex for one in corpus.recordings if one.speaker in usable}
    count = Counter(sexes.values())
    if not count["F"] and not count["M"]:
        yield "The sex of no speaker is known: same-gender trials are not measured."
    elif max(count["F"], count["M"]) < 2:
        yield "No two speakers have the same known sex: same-gender trials are not measured."
    elif count[""]:
        yield (
            f"The sex of {count['']} of {len(usable)} speakers is not known: they are left out of "
            "same-gender trials."
        )
    elif not (count["F"] and count["M"]):
        yield "All speakers have the same sex: all trials are same-gender trials."
    if _has_sides(corpus):
        return
    yield from _sessions(corpus, usable)
    recordings = Counter(one.speaker for one in corpus.recordings)
    if max(recordings.values()) < 2 * _LARGEST_FIXED_POOL:
        yield (
            f"No speaker has {2 * _LARGEST_FIXED_POOL} recordings: {_LARGEST_FIXED_POOL} pooled "
            f"against {_LARGEST_FIXED_POOL} others is not measured."
        )


def _sessions(corpus: Corpus, usable: set[str]) -> Iterator[str]:
    sessions: dict[str, set[str]] = defaultdict(set)
    for one in corpus.recordings:
        if one.session and one.speaker in usable:
            sessions[one.speaker].add(one.session)
    advantage = "which helps the attacker more than recordings of different days would"
    if not sessions:
        yield (
            f"No sessions are known: enrolment and trials may come from one session, {advantage}."
        )
        return
    single = sorted(speaker for speaker in usable if len(sessions[speaker]) < 2)
    if single:
        yield (
            f"{len(single)} of {len(usable)} speakers have one known session or none "
            f"({named(single)}): their enrolment and trials come from the same, {advantage}."
        )


def _training(training: Corpus | None) -> Iterator[str]:
    if training is None:
        yield (
            "There is no speech for attackers to learn from: attackers that are trained are not "
            "measured, and those are the strongest."
        )
        return
    count = Counter(one.speaker for one in training.recordings)
    several = sum(number > 1 for number in count.values())
    if len(count) < _FEWEST_TRAINING_SPEAKERS or several == 0:
        yield (
            f"The training corpus has {len(count)} speakers, {several} of them with two recordings "
            f"or more: trained attackers need {_FEWEST_TRAINING_SPEAKERS}, one of them with two, "
            "and are not measured."
        )
    elif several < _LARGEST_CROWD:
        yield (
            f"The training corpus has {several} speakers with two recordings or more: trained "
            "attackers are weaker than with more, so that privacy looks better than it is."
        )
