"""A corpus of synthetic people, quick to make: each has a pitch, a vocal tract and a pace."""

import csv
from pathlib import Path

import numpy as np
import soundfile
from sounds import VOWEL_A, VOWEL_E, vowel

RATE = 16_000


def utterance(person: int, number: int) -> np.ndarray:
    """Return 1.5 s of vowels with pauses as person `person` speaks them, float32."""
    own = np.random.default_rng([7, person])
    f0_hz, tract, pace = 90 + 130 * own.random(), 0.85 + 0.3 * own.random(), own.random()
    draw = np.random.default_rng([8, person, number])
    parts = []
    for syllable in range(5):
        formants = VOWEL_A if draw.random() < 0.5 else VOWEL_E
        moved = tuple((hz * tract, width) for hz, width in formants)
        length_s = 0.12 + 0.1 * pace + 0.02 * draw.random()
        glide = f0_hz * (1 + 0.08 * np.sin(np.linspace(0, 3, round(length_s * RATE)) + syllable))
        parts += [vowel(glide, length_s, formants=moved), np.zeros(round(0.05 * RATE), np.float32)]
    samples = np.concatenate(parts)[: round(1.5 * RATE)]
    samples = np.pad(samples, (0, round(1.5 * RATE) - len(samples)))
    return (samples + 1e-4 * draw.normal(size=len(samples))).astype(np.float32)


def write_corpus(folder: Path, people: range, each: int = 4) -> Path:
    """Write a folder with audio and metadata.csv: two sessions, sexes in turns, no transcripts."""
    folder.mkdir(parents=True)
    rows = []
    for person in people:
        (folder / f"p{person}").mkdir()
        for number in range(each):
            path = f"p{person}/{number}.wav"
            soundfile.write(folder / path, utterance(person, number), RATE, subtype="PCM_16")
            rows.append(
                {
                    "utt_id": f"p{person}-{number}",
                    "speaker": f"p{person}",
                    "sex": "FM"[person % 2],
                    "session": str(number % 2),
                    "path": path,
                    "text": "",
                    "duration_s": "1.5",
                }
            )
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    return folder
