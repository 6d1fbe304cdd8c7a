"""Whisper as the judge of words, from a folder the user names; nothing is ever downloaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from voiceanon.checks.optional import load, version_of
from voiceanon.checks.transcript import Float32, HeardWord, Transcript, hearable
from voiceanon.errors import InputError

__all__ = ["WhisperRecogniser"]

_HOW = (
    "a Whisper model converted for CTranslate2 is a folder with model.bin, config.json, "
    "tokenizer.json and a vocabulary file; make one with `ct2-transformers-converter --model "
    "openai/whisper-base.en --copy_files tokenizer.json --output_dir FOLDER` or copy one here"
)

_MOST_COMPRESSED = 2.4  # Radford et al. 2023, section 4.5
_NO_REPEATED_TOKENS = 3


class WhisperRecogniser:
    """Whisper through faster-whisper: int8, beam 1, English, no timestamps, no context.

    Radford et al., "Robust speech recognition via large-scale weak supervision", ICML 2023. The
    temperature is 0, so nothing is sampled and the same samples always give the same text on one
    machine. Where it then says the same over and over (its text compresses more than 2.4 times, the
    paper's own sign of that), it is asked again, and may say no three tokens twice: the paper's way
    out, a higher temperature, would draw.

    Parameters
    ----------
    model_path : path
        A folder as CTranslate2's converter writes it.
    threads : int
        Threads of the processor, at least 1.

    Raises
    ------
    InputError
        If the folder is missing or not whole, or faster-whisper is not installed.
    """

    is_weak = False

    def __init__(self, model_path: str | os.PathLike[str], threads: int = 1) -> None:
        folder = Path(model_path)
        if not folder.is_dir():
            raise InputError(f"no folder {folder} for Whisper: {_HOW}")
        # Without a tokenizer faster-whisper would fetch one from the network.
        lacking = [
            name
            for name in ("model.bin", "config.json", "tokenizer.json")
            if not (folder / name).is_file()
        ]
        if lacking or not list(folder.glob("vocabulary.*")):
            raise InputError(f"{folder} lacks {', '.join(lacking) or 'a vocabulary file'}: {_HOW}")
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise InputError(f"threads is {threads!r}: must be a whole number of at least 1")
        module = load("faster_whisper")
        self.name = f"whisper {folder.resolve().name} int8"
        self.version = (
            f"{_hash_of(folder / 'model.bin')}, faster-whisper {version_of('faster-whisper')}, "
            f"ctranslate2 {version_of('ctranslate2')}, 2"
        )
        self._model: Any = module.WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads, num_workers=1
        )

    def transcribe(self, samples: Float32) -> Transcript:
        """Return the text heard in mono samples at 16 kHz, shape (n,); words have no times."""
        audible = hearable(samples)
        if audible is None:
            return Transcript("")
        segments = self._heard(audible, 0)
        if any(segment.compression_ratio > _MOST_COMPRESSED for segment in segments):
            segments = self._heard(audible, _NO_REPEATED_TOKENS)
        text = " ".join(segment.text.strip() for segment in segments).strip()
        return Transcript(text, tuple(HeardWord(word) for word in text.split()))

    def _heard(self, audible: Float32, no_repeated_tokens: int) -> list[Any]:
        segments, _ = self._model.transcribe(
            audible,
            language="en",
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
            no_repeat_ngram_size=no_repeated_tokens,
        )
        return list(segments)


def _hash_of(path: Path) -> str:
    import hashlib

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]
