"""Word and character errors of Whisper on anonymised speech, beside the same on raw speech."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from quality_cache import Cache
from quality_metrics import mean_with_interval
from quality_sets import Item


def edits(reference: list[str] | str, heard: list[str] | str) -> int:
    """Return the Levenshtein distance: substitutions, deletions and insertions cost one each."""
    row = list(range(len(heard) + 1))
    for i, wanted in enumerate(reference, 1):
        corner, row[0] = row[0], i
        for j, got in enumerate(heard, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (wanted != got))
    return row[-1]


class Recogniser:
    """Whisper through CTranslate2, int8, beam 1, no context carried over, English."""

    def __init__(self, model: str, cache: Cache, threads: int) -> None:
        self._path, self._cache, self._threads = model, cache, threads
        self._measure = f"words-{Path(model).name}-int8-beam1"
        self._model: Any = None

    def text(self, path: Path) -> str:
        digest = self._cache.hash_of(path)
        known = self._cache.record(self._measure, digest)
        if known is not None:
            return str(known)
        if self._model is None:
            from faster_whisper import WhisperModel

            self._model = WhisperModel(
                self._path, device="cpu", compute_type="int8", cpu_threads=self._threads
            )
        import soundfile
        import soxr

        samples, rate = soundfile.read(path, dtype="float32")
        segments, _ = self._model.transcribe(
            soxr.resample(samples, rate, 16000) if rate != 16000 else samples,
            language="en",
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
        )
        text = " ".join(segment.text.strip() for segment in segments)
        self._cache.put_record(self._measure, digest, text)
        return text


def word_rows(recogniser: Recogniser, items: list[Item], paths: list[Path]) -> list[list[float]]:
    """Return a row per utterance: speaker, word errors, words, character errors, characters."""
    from whisper_normalizer.english import EnglishTextNormalizer

    plain = EnglishTextNormalizer()
    speakers = {name: i for i, name in enumerate(sorted({item.speaker for item in items}))}
    rows = []
    for item, path in zip(items, paths, strict=True):
        wanted, heard = plain(item.text.lower()), plain(recogniser.text(path))
        words = wanted.split()
        letters = wanted.replace(" ", "")
        rows.append(
            [
                float(speakers[item.speaker]),
                float(edits(words, heard.split())),
                float(len(words)),
                float(edits(letters, heard.replace(" ", ""))),
                float(len(letters)),
            ]
        )
    return rows


def _percent(s: np.ndarray) -> float:
    return float(100 * s[0] / s[1])


def _points_above_raw(s: np.ndarray) -> float:
    return float(100 * (s[0] / s[1] - s[2] / s[3]))


def words_result(rows: list[list[float]], raw_rows: list[list[float]]) -> dict[str, Any]:
    """Return WER and CER in percent and their difference to raw in points, with intervals."""
    joined = [row + raw[1:] for row, raw in zip(rows, raw_rows, strict=True)]
    result: dict[str, Any] = {"utterances": len(rows)}
    for name, at in (("wer", 1), ("cer", 3)):
        own = [[row[0], row[at], row[at + 1], row[at + 4], row[at + 5]] for row in joined]
        result[name] = mean_with_interval(own, _percent)
        result[f"{name}_minus_raw"] = mean_with_interval(own, _points_above_raw)
    return result
