"""Word and character errors: laws of an edit distance, a slow twin, jiwer, and known cases."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceanon.checks.transcript import Transcript
from voiceanon.checks.words import (
    Edits,
    WordErrors,
    compare_texts,
    levenshtein,
    normaliser,
    plain_normaliser,
    word_errors,
)

PLAIN = plain_normaliser()
sequences = st.lists(st.sampled_from("abcd"), max_size=9)


def by_definition(reference: list[str], heard: list[str]) -> tuple[int, int]:
    """The least (edits, substitutions), straight from the recursion."""

    @cache
    def least(i: int, j: int) -> tuple[int, int]:
        if i == 0 or j == 0:
            return i + j, 0
        changed = reference[i - 1] != heard[j - 1]
        diagonal, lost, added = least(i - 1, j - 1), least(i - 1, j), least(i, j - 1)
        return min(
            (diagonal[0] + changed, diagonal[1] + changed),
            (lost[0] + 1, lost[1]),
            (added[0] + 1, added[1]),
        )

    return least(len(reference), len(heard))


@given(sequences, sequences)
def test_edits_agree_with_the_recursive_definition(reference, heard) -> None:
    edits = levenshtein(reference, heard)
    assert (edits.total, edits.substitutions) == by_definition(reference, heard)
    assert edits.insertions - edits.deletions == len(heard) - len(reference)
    assert min(edits.substitutions, edits.deletions, edits.insertions) >= 0


@given(sequences, sequences, sequences)
def test_edits_are_a_distance(a, b, c) -> None:
    assert (levenshtein(a, b).total == 0) == (a == b)
    there, back = levenshtein(a, b), levenshtein(b, a)
    assert there == Edits(back.substitutions, back.insertions, back.deletions)
    assert levenshtein(a, c).total <= there.total + levenshtein(b, c).total


@given(sequences.filter(bool), sequences.filter(bool))
def test_edits_agree_with_jiwer(reference, heard) -> None:
    jiwer = pytest.importorskip("jiwer")
    theirs = jiwer.process_words(" ".join(reference), " ".join(heard))
    total = theirs.substitutions + theirs.deletions + theirs.insertions
    assert levenshtein(reference, heard).total == total
    letters = jiwer.process_characters("".join(reference), "".join(heard))
    assert letters.substitutions + letters.deletions + letters.insertions == total


@given(st.text(max_size=30), st.text(max_size=30))
def test_with_and_without_jiwer_the_errors_are_the_same(reference, heard) -> None:
    pytest.importorskip("jiwer")
    from voiceanon.checks import words

    with_jiwer = word_errors(reference, heard, normalise=PLAIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "why_missing", lambda package: "not here")
        without = word_errors(reference, heard, normalise=PLAIN)
    assert with_jiwer.word_errors == without.word_errors
    assert with_jiwer.char_errors == without.char_errors


def test_ten_thousand_words_take_no_minute_without_jiwer() -> None:
    long = [str(i % 997) for i in range(10_000)]
    assert levenshtein(long, [*long[1:], "new"]) == Edits(0, 1, 1)


@given(st.text())
def test_normalising_twice_changes_nothing(text) -> None:
    once = PLAIN.apply(text)
    assert PLAIN.apply(once) == once
    assert once == " ".join(once.split())
    assert once == once.lower()


def test_the_plain_normaliser_keeps_words_and_drops_marks() -> None:
    heard = "“Don’t,” he said — it's 'ROUGH', well-known!"
    assert PLAIN.apply(heard) == "don't he said it's rough well known"


def test_whispers_normaliser_makes_spellings_one() -> None:
    pytest.importorskip("whisper_normalizer")
    assert "Whisper" in normaliser().name
    assert normaliser().apply("Mr. Grey won't, um, wait") == normaliser().apply(
        "MISTER GRAY WILL NOT WAIT"
    )


def test_without_the_package_the_plain_normaliser_says_so(monkeypatch) -> None:
    from voiceanon.checks import words

    monkeypatch.setattr(words, "why_missing", lambda package: "not here")
    assert normaliser.__wrapped__().name.startswith("plain")


def test_errors_of_a_known_pair() -> None:
    errors = word_errors("The cat sat on a mat.", "the cat sang a mat now", normalise=PLAIN)
    assert (errors.substitutions, errors.deletions, errors.insertions) == (1, 1, 1)
    assert errors.words == 6
    assert errors.wer_percent == pytest.approx(50.0)
    # thecatsatonamat, thecatsangamatnow: "ton" becomes "ng", 3 edits, and "now" comes on top.
    assert (errors.char_errors, errors.characters) == (6, 15)


def test_nothing_said_has_no_rate_and_counts_what_was_added() -> None:
    assert word_errors("", "a b", normalise=PLAIN) == WordErrors(0, 0, 2, 0, 2, 0)
    assert word_errors("", "a b", normalise=PLAIN).wer_percent is None
    assert word_errors("a b", "", normalise=PLAIN) == WordErrors(0, 2, 0, 2, 2, 2)


def test_the_reference_is_the_transcript_where_there_is_one() -> None:
    row = compare_texts("a b c", Transcript("a x c"), "A B D", normalise=PLAIN)
    assert row.reference == "transcript"
    assert row.original is not None
    assert (row.original.word_errors, row.anonymized.word_errors) == (1, 2)


def test_without_a_transcript_the_recognisers_own_text_is_the_reference_and_it_says_so() -> None:
    row = compare_texts("a b c", "a x c", "  ", normalise=PLAIN)
    assert row.reference == "recogniser's text of the original"
    assert row.original is None
    assert row.anonymized.word_errors == 1
    assert row.normaliser == PLAIN.name
