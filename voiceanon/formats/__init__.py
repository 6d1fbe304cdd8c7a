"""The border to files: hostile recordings are read here, and whole ones written."""

from voiceanon.formats.facts import Salvage
from voiceanon.formats.reading import AudioReader, EmptyRecordingError
from voiceanon.formats.salvaging import read_recording
from voiceanon.formats.sniff import AUDIO_SUFFIXES, identify, looks_like_audio
from voiceanon.formats.writing import OUTPUT_FORMATS, STATEMENT, AudioWriter

__all__ = [
    "AUDIO_SUFFIXES",
    "OUTPUT_FORMATS",
    "STATEMENT",
    "AudioReader",
    "AudioWriter",
    "EmptyRecordingError",
    "Salvage",
    "identify",
    "looks_like_audio",
    "read_recording",
]
