"""How many words and characters were lost, counted the way speech recognition is marked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from voiceanon.checks.optional import load, version_of, why_missing
from voiceanon.checks.transcript import Transcript

__all__ = [
    "Edits",
    "Normaliser",
    "WordErrors",
    "WordsRow",
    "compare_texts",
    "levenshtein",
    "normaliser",
    "plain_normaliser",
    "word_errors",
]

_NOT_WORD = re.compile(r"[^\w\s']|_")
_LONE_APOSTROPHE = re.compile(r"(?<!\w)'+|'+(?!\w)")


@dataclass(frozen=True)
class Normaliser:
    """Brings two spellings of the same words to one.

    Attributes
    ----------
    name : str
        Which, for tables.
    apply : callable
        From text to text: words separated by single spaces.
    """

    name: str
    apply: Callable[[str], str]


@dataclass(frozen=True)
class Edits:
    """The least changes that lead from one sequence to another."""

    substitutions: int
    deletions: int
    insertions: int

    @property
    def total(self) -> int:
        """Substitutions, deletions and insertions together."""
        return self.substitutions + self.deletions + self.insertions


@dataclass(frozen=True)
class WordErrors:
    """The errors of one text against its reference; add several up before dividing.

    Attributes
    ----------
    substitutions, deletions, insertions : int
        Words changed, lost and added. Their sum is the least possible; where several ways are
        equally short, the split among them is one of them.
    words : int
        Words of the reference.
    char_errors, characters : int
        The same for characters, spaces left out.
    """

    substitutions: int
    deletions: int
    insertions: int
    words: int
    char_errors: int
    characters: int

    @property
    def word_errors(self) -> int:
        """Substitutions, deletions and insertions of words together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def wer_percent(self) -> float | None:
        """Word errors per hundred words of the reference; None where it has none."""
        return 100.0 * self.word_errors / self.words if self.words else None

    @property
    def cer_percent(self) -> float | None:
        """Character errors per hundred characters of the reference; None where it has none."""
        return 100.0 * self.char_errors / self.characters if self.characters else None


@dataclass(frozen=True)
class WordsRow:
    """The words of one recording before and after.

    Attributes
    ----------
    anonymized : WordErrors
        Of the text heard in the anonymised recording.
    original : WordErrors or None
        Of the text heard in the original; None where that text is itself the reference.
    reference : str
        "transcript", or "recogniser's text of the original".
    normaliser : str
        Which normaliser was used.
    """

    anonymized: WordErrors
    original: WordErrors | None
    reference: str
    normaliser: str


def plain_normaliser() -> Normaliser:
    """Return a small normaliser of our own: lower case, punctuation out, single spaces."""

    def apply(text: str) -> str:
        text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
        text = _LONE_APOSTROPHE.sub(" ", _NOT_WORD.sub(" ", text))
        return " ".join(text.split())

    return Normaliser("plain: lower case, no punctuation", apply)


@cache
def normaliser() -> Normaliser:
    """Return Whisper's English normaliser where whisper-normalizer is installed, else the plain.

    Radford et al. (2023), appendix C: spelling, numbers, contractions and hesitations made one.
    """
    if why_missing("whisper_normalizer") is not None:
        return plain_normaliser()
    english = load("whisper_normalizer.english").EnglishTextNormalizer()
    name = f"Whisper's for English (whisper-normalizer {version_of('whisper-normalizer')})"

    def apply(text: str) -> str:
        return " ".join(str(english(text)).split())

    return Normaliser(name, apply)


def levenshtein(reference: Sequence[str], heard: Sequence[str]) -> Edits:
    """Return the least edits between two sequences, by Wagner & Fischer (1974).

    Among equally short ways it is the one with the fewest substitutions.

    Parameters
    ----------
    reference, heard : sequence of str
        Words, or the characters of a text.

    Examples
    --------
    >>> levenshtein("a b c".split(), "a x c d".split())
    Edits(substitutions=1, deletions=0, insertions=1)
    """
    # One number holds both counts of a cell: edits count `edit`, substitutions 1 more, so that the
    # least number has the least edits and, among equally short ways, the fewest substitutions.
    edit = 1 << 32
    codes = {element: i for i, element in enumerate(dict.fromkeys([*reference, *heard]))}
    got = np.array([codes[element] for element in heard], np.int64)
    added = np.arange(len(heard) + 1, dtype=np.int64) * edit
    row = added
    for wanted in reference:
        ways = row + edit  # lost
        changed = np.where(got == codes[wanted], 0, edit + 1)
        ways[1:] = np.minimum(ways[1:], row[:-1] + changed)
        # An added element costs one more than the cell before: the least over all cells before.
        row = np.minimum.accumulate(ways - added) + added
    edits, substitutions = divmod(int(row[-1]), edit)
    deletions_less_insertions = len(reference) - len(heard)
    insertions = (edits - substitutions - deletions_less_insertions) // 2
    return Edits(substitutions, insertions + deletions_less_insertions, insertions)


def word_errors(
    reference: str, hypothesis: str, *, normalise: Normaliser | None = None
) -> WordErrors:
    """Return the word and character errors of a text against its reference.

    Parameters
    ----------
    reference, hypothesis : str
        What was said and what was heard, as written; both are normalised here.
    normalise : Normaliser, optional
        By default `normaliser`.

    Examples
    --------
    >>> word_errors("He said: yes!", "he said us", normalise=plain_normaliser()).word_errors
    1
    """
    apply = (normalise or normaliser()).apply
    wanted, heard = apply(reference), apply(hypothesis)
    words = wanted.split()
    letters = wanted.replace(" ", "")
    edits = _edits(words, heard.split(), of="words")
    in_letters = _edits(letters, heard.replace(" ", ""), of="characters")
    return WordErrors(
        edits.substitutions,
        edits.deletions,
        edits.insertions,
        len(words),
        in_letters.total,
        len(letters),
    )


def compare_texts(
    heard_original: Transcript | str,
    heard_anonymized: Transcript | str,
    transcript: str = "",
    *,
    normalise: Normaliser | None = None,
) -> WordsRow:
    """Return how many words of a recording were lost, beside what its original loses.

    Parameters
    ----------
    heard_original, heard_anonymized : Transcript or str
        What one recogniser heard in both.
    transcript : str
        What was said, if it is known. Without it the recogniser's own text of the original is
        the reference, and the result says so.
    normalise : Normaliser, optional
        By default `normaliser`.
    """
    normalise = normalise or normaliser()
    original, anonymized = (
        heard.text if isinstance(heard, Transcript) else heard
        for heard in (heard_original, heard_anonymized)
    )
    if transcript.strip():
        return WordsRow(
            word_errors(transcript, anonymized, normalise=normalise),
            word_errors(transcript, original, normalise=normalise),
            "transcript",
            normalise.name,
        )
    return WordsRow(
        word_errors(original, anonymized, normalise=normalise),
        None,
        "recogniser's text of the original",
        normalise.name,
    )


def _edits(reference: Sequence[str], heard: Sequence[str], *, of: str) -> Edits:
    # jiwer refuses an empty reference.
    if not reference or not heard or why_missing("jiwer") is not None:
        return levenshtein(reference, heard)
    jiwer = load("jiwer")
    if of == "words":
        counts = jiwer.process_words(" ".join(reference), " ".join(heard))
    else:
        counts = jiwer.process_characters("".join(reference), "".join(heard))
    return Edits(counts.substitutions, counts.deletions, counts.insertions)
