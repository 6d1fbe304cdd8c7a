"""Voice privacy: real speech in, a speaker-free voice out.

>>> import numpy as np
>>> import voiceanon
>>> quiet = voiceanon.anonymize(np.zeros(16000, np.float32), 16000)
"""

from voiceanon.abstraction import Abstraction
from voiceanon.anonymizer import Anonymizer, Stream, anonymize
from voiceanon.checks.checking import check
from voiceanon.checks.verdicts import CheckReport
from voiceanon.describing import abstract
from voiceanon.errors import (
    CheckError,
    DestinationError,
    InputError,
    RecipeError,
    RecordingError,
    SecretError,
    StreamStateError,
    VoiceanonError,
)
from voiceanon.frames import Frames, analyze, synthesize
from voiceanon.marking.detection import MarkReport, detect
from voiceanon.measures import Measures, measure
from voiceanon.profile import Profile, profile
from voiceanon.recipe import Recipe
from voiceanon.version import __version__
from voiceanon.voice import Voice

__all__ = [
    "Abstraction",
    "Anonymizer",
    "CheckError",
    "CheckReport",
    "DestinationError",
    "Frames",
    "InputError",
    "MarkReport",
    "Measures",
    "Profile",
    "Recipe",
    "RecipeError",
    "RecordingError",
    "SecretError",
    "Stream",
    "StreamStateError",
    "Voice",
    "VoiceanonError",
    "__version__",
    "abstract",
    "analyze",
    "anonymize",
    "check",
    "detect",
    "measure",
    "profile",
    "synthesize",
]
