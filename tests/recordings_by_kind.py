"""Good recordings of every kind that is read, for tests, and WAV files whose headers can lie."""

import struct
from pathlib import Path

import numpy as np
import soundfile

from voiceanon.formats import AudioReader

RATE = 16_000
SPEECH = sorted((Path(__file__).parents[1] / "voiceanon" / "samples").glob("*.flac"))

# suffix: (container, coding, kind that we call it)
WRITABLE = {
    ".wav": ("WAV", "PCM_16", "WAV"),
    ".float.wav": ("WAV", "FLOAT", "WAV"),
    ".24.wav": ("WAVEX", "PCM_24", "WAV"),
    ".ulaw.wav": ("WAV", "ULAW", "WAV"),
    ".ima.wav": ("WAV", "IMA_ADPCM", "WAV"),
    ".ms.wav": ("WAV", "MS_ADPCM", "WAV"),
    ".gsm.wav": ("WAV", "GSM610", "WAV"),
    ".rf64": ("RF64", "PCM_16", "RF64"),
    ".w64": ("W64", "PCM_16", "W64"),
    ".aiff": ("AIFF", "PCM_24", "AIFF"),
    ".aifc": ("AIFF", "FLOAT", "AIFF"),
    ".au": ("AU", "PCM_16", "AU"),
    ".caf": ("CAF", "PCM_16", "CAF"),
    ".flac": ("FLAC", "PCM_16", "FLAC"),
    ".24.flac": ("FLAC", "PCM_24", "FLAC"),
    ".ogg": ("OGG", "VORBIS", "OGG"),
    ".opus": ("OGG", "OPUS", "OGG"),
    ".mp3": ("MP3", "MPEG_LAYER_III", "MP3"),
}


def speech(frames=24_000, channels=1):
    samples, _ = soundfile.read(SPEECH[0], dtype="float32")
    rows = [np.roll(samples, 4000 * channel)[:frames] for channel in range(channels)]
    return np.ascontiguousarray(np.stack(rows))


def write_each_kind(folder):
    """Write one good file of each kind; return them by suffix."""
    files = {}
    for suffix, (container, coding, _) in WRITABLE.items():
        files[suffix] = folder / f"good{suffix}"
        soundfile.write(files[suffix], speech().T, RATE, format=container, subtype=coding)
    return files


def read(path, frames=65536):
    with AudioReader(path) as reader:
        blocks = list(reader.blocks(frames))
        result = np.concatenate(blocks, axis=1)
        assert result.shape == (reader.channels, reader.declared_frames)
        return result


def wav(data, *, size=None, channels=1, rate=RATE, bits=16, tag=1, extra=b"", after=b""):
    """A WAV file made by hand, so that its header can lie."""
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)
    stated = len(data) if size is None else size
    body = b"WAVEfmt " + struct.pack("<I", 16) + fmt + extra
    body += b"data" + struct.pack("<I", stated) + data + after
    return b"RIFF" + struct.pack("<I", len(body) & 0xFFFFFFFF) + body


def frame_starts(content):
    """Where the frames of an MPEG-2 layer III file of 16 kHz begin."""
    starts, offset = [], 0
    kbits = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    while offset < len(content):
        starts.append(offset)
        third = content[offset + 2]
        offset += 72_000 * kbits[third >> 4] // RATE + (third >> 1 & 1)
    return starts
