"""Recognisers behind one protocol: what each hears, and every way of naming one wrongly."""

import csv
import os
from types import SimpleNamespace

import numpy as np
import pytest
from sounds import DATA, clip

from voiceanon.checks import optional, recognisers, transcript
from voiceanon.checks import whisper as whisper_module
from voiceanon.checks.recognisers import (
    CallableRecogniser,
    Transcript,
    find_recogniser,
    open_recogniser,
)
from voiceanon.checks.sphinx import _cuts
from voiceanon.checks.transcript import FILLERS, HeardWord, hearable
from voiceanon.checks.words import WordErrors, word_errors
from voiceanon.errors import InputError


def clips() -> list[tuple[np.ndarray, str]]:
    with (DATA / "metadata.csv").open(newline="") as file:
        return [(clip(row["path"])[0], row["text"]) for row in csv.DictReader(file)]


def wer_percent(errors: list[WordErrors]) -> float:
    return 100 * sum(e.word_errors for e in errors) / sum(e.words for e in errors)


@pytest.fixture(scope="module")
def sphinx():
    pytest.importorskip("pocketsphinx")
    return open_recogniser("pocketsphinx")


@pytest.fixture(scope="module")
def whisper():
    folder = os.environ.get(recognisers.WHISPER_FOLDER)
    if not folder:
        pytest.skip(f"{recognisers.WHISPER_FOLDER} names no Whisper model")
    pytest.importorskip("faster_whisper")
    return open_recogniser(f"whisper:{folder}")


@pytest.mark.slow
def test_pocketsphinx_hears_most_words_and_fewer_in_reversed_speech(sphinx) -> None:
    heard = [word_errors(text, sphinx.transcribe(x).text) for x, text in clips()]
    garbled = [word_errors(text, sphinx.transcribe(x[::-1].copy()).text) for x, text in clips()[:3]]
    assert wer_percent(heard) < 70
    assert wer_percent(garbled) > wer_percent(heard[:3]) + 20
    assert wer_percent(garbled) > 80


@pytest.mark.slow
def test_pocketsphinx_gives_the_same_text_whatever_came_before(sphinx) -> None:
    (first, _), (second, _) = clips()[:2]
    alone = sphinx.transcribe(first)
    sphinx.transcribe(second)
    assert sphinx.transcribe(first) == alone
    # Three decibels up or down is the same recording.
    assert sphinx.transcribe((first * 0.25).astype(np.float32)) == alone


@pytest.mark.slow
def test_the_words_of_pocketsphinx_stand_in_order_within_the_recording(sphinx) -> None:
    samples, _ = clips()[0]
    heard = sphinx.transcribe(samples)
    assert heard.text.split() == [word.text for word in heard.words]
    starts = [word.start_s for word in heard.words]
    assert starts == sorted(starts)
    assert all(0 <= w.start_s < w.end_s <= len(samples) / 16_000 + 0.01 for w in heard.words)
    # A second of silence before it moves every word by a second.
    later = sphinx.transcribe(np.concatenate([np.zeros(16_000, np.float32), samples]))
    assert heard.words[-1].start_s == pytest.approx(later.words[-1].start_s - 1, abs=0.1)
    assert heard.filled_pauses is not None


def test_silence_and_what_is_too_short_have_no_words(sphinx) -> None:
    for samples in (
        np.zeros(32_000, np.float32),
        np.full(32_000, 1e-6, np.float32),
        np.zeros(0, np.float32),
        np.ones(100, np.float32),
    ):
        assert sphinx.transcribe(samples).text == ""
    assert len(sphinx.transcribe(_noise(2.0)).words) <= 4


def _noise(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(5)
    return (0.01 * rng.standard_normal(round(seconds * 16_000))).astype(np.float32)


def test_long_recordings_are_cut_where_it_is_quiet() -> None:
    samples = np.ones(16_000 * 100, np.float32)
    quiet = [20.0, 45.0, 62.5, 80.0]
    for at_s in quiet:
        samples[round((at_s - 0.1) * 16_000) : round((at_s + 0.1) * 16_000)] = 0
    cuts = _cuts(samples)
    assert cuts[-1] == len(samples)
    assert np.allclose(np.array(cuts[:-1]) / 16_000, quiet, atol=0.1)
    assert _cuts(np.ones(16_000 * 30, np.float32)) == [16_000 * 30]


@pytest.mark.slow
def test_whisper_hears_nearly_all_words_always_the_same(whisper) -> None:
    heard = [whisper.transcribe(samples) for samples, _ in clips()]
    errors = [word_errors(text, h.text) for h, (_, text) in zip(heard, clips(), strict=True)]
    assert wer_percent(errors) < 15
    assert not whisper.is_weak
    assert whisper.transcribe(clips()[0][0]) == heard[0]
    assert whisper.transcribe(np.zeros(16_000, np.float32)).text == ""
    assert heard[0].filled_pauses is None


def test_whisper_that_says_the_same_over_and_over_is_asked_again(tmp_path, monkeypatch) -> None:
    class Model:
        def __init__(self, *_: object, **__: object) -> None:
            self.asked: list[int] = []

        def transcribe(self, samples, *, no_repeat_ngram_size, temperature, **_):
            assert temperature == 0.0
            self.asked.append(no_repeat_ngram_size)
            loops = samples[0] < 0 and not no_repeat_ngram_size
            said = SimpleNamespace(text=" a daughter of" * (40 if loops else 1))
            said.compression_ratio = 20.0 if loops else 0.9
            return iter([said]), None

    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / name).touch()
    monkeypatch.setattr(whisper_module, "load", lambda _: SimpleNamespace(WhisperModel=Model))
    judge = whisper_module.WhisperRecogniser(tmp_path)
    assert judge.transcribe(np.full(16_000, 0.1, np.float32)).text == "a daughter of"
    assert judge._model.asked == [0]
    assert judge.transcribe(np.full(16_000, -0.1, np.float32)).text == "a daughter of"
    assert judge._model.asked == [0, 0, 3]


def test_a_function_is_a_recogniser() -> None:
    given = []

    def listen(samples):
        given.append(samples)
        return "  uh  two words "

    recogniser = CallableRecogniser(listen, "mine", version="7", is_weak=True)
    heard = recogniser.transcribe(np.full(4_000, 0.001, np.float32))
    assert heard.text == "uh  two words"
    assert [word.text for word in heard.words] == ["uh", "two", "words"]
    assert heard.filled_pauses is None
    assert given[0].dtype == np.float32
    assert np.max(np.abs(given[0])) == pytest.approx(0.5)
    assert (recogniser.name, recogniser.version, recogniser.is_weak) == ("mine", "7", True)
    assert recogniser.transcribe(np.zeros(4_000, np.float32)).text == ""
    assert len(given) == 1
    whole = Transcript("um yes", (HeardWord("um", 0.0, 0.1), HeardWord("yes")), keeps_fillers=True)
    assert CallableRecogniser(lambda _: whole).transcribe(np.ones(4_000, np.float32)) is whole
    assert whole.filled_pauses == 1


def test_hesitations_are_counted_with_their_marks() -> None:
    text = " ".join(f"{word}," for word in sorted(FILLERS)) + " Um… and umbrellas"
    assert Transcript(text, keeps_fillers=True).filled_pauses == len(FILLERS) + 1


def test_what_a_function_returns_must_be_text() -> None:
    with pytest.raises(InputError, match="recogniser number returned int: must be text"):
        CallableRecogniser(lambda _: 3, "number").transcribe(np.ones(4_000, np.float32))
    with pytest.raises(InputError, match="cannot be called"):
        CallableRecogniser("pocketsphinx")


def test_samples_must_be_mono_and_finite() -> None:
    with pytest.raises(InputError, match="2 dimensions: must be mono"):
        hearable(np.zeros((2, 4_000), np.float32))
    with pytest.raises(InputError, match="not finite"):
        hearable(np.array([0.0, np.nan] * 1_000, np.float32))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "recogniser is '': must be"),
        ("sphinx", "recogniser is 'sphinx': must be"),
        ("whisper:nowhere", "no folder nowhere for Whisper: .*model.bin.*ct2-transformers"),
        ("./nowhere/base", "no folder nowhere.base for Whisper"),
        ("nowhere_at_all:listen", "No module named 'nowhere_at_all'"),
        ("json:listen", "module json has no listen"),
        ("json:", "must be"),
        ("json:__name__", "of type str cannot be called"),
    ],
)
def test_a_wrong_name_is_refused(spec: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        open_recogniser(spec)


def test_a_function_is_found_by_its_name() -> None:
    recogniser = open_recogniser("statistics:mean")
    assert recogniser.name == "statistics:mean"
    with pytest.raises(InputError, match="must be text"):
        recogniser.transcribe(np.ones(4_000, np.float32))


def test_a_folder_that_is_no_whole_model_is_refused(tmp_path) -> None:
    (tmp_path / "model.bin").touch()
    with pytest.raises(InputError, match=r"lacks config\.json, tokenizer\.json"):
        open_recogniser(str(tmp_path))
    (tmp_path / "config.json").touch()
    (tmp_path / "tokenizer.json").touch()
    with pytest.raises(InputError, match="lacks a vocabulary file"):
        open_recogniser(f"whisper:{tmp_path}")
    (tmp_path / "vocabulary.txt").touch()
    with pytest.raises(InputError, match="threads is 0"):
        open_recogniser(f"whisper:{tmp_path}", threads=0)


def test_without_any_recogniser_auto_says_how_to_get_one(monkeypatch) -> None:
    monkeypatch.delenv(recognisers.WHISPER_FOLDER, raising=False)
    monkeypatch.setattr(recognisers, "why_missing", lambda package: f"{package} is not installed")
    assert find_recogniser() == (
        None,
        "no recogniser: VOICEANON_WHISPER names no Whisper model and pocketsphinx is not installed",
    )
    with pytest.raises(InputError, match="no recogniser"):
        open_recogniser("auto")


def test_auto_never_passes_over_a_folder_that_is_named(monkeypatch) -> None:
    monkeypatch.setenv(recognisers.WHISPER_FOLDER, "nowhere")
    with pytest.raises(InputError, match="no folder nowhere"):
        find_recogniser()


def test_a_missing_package_is_named_with_the_way_to_get_it() -> None:
    assert optional.why_missing("numpy") is None
    with pytest.raises(InputError, match="not_a_package is not installed: pip install not_a_pack"):
        optional.load("not_a_package")
    assert optional.version_of("not-a-package") == ""
    assert transcript.RATE_HZ == 16_000


def test_a_package_that_lacks_another_says_which(tmp_path, monkeypatch) -> None:
    (tmp_path / "halfway.py").write_text("import not_a_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "(it lacks not_a_package)" in str(optional.why_missing("halfway"))
