"""One adapter a rival of the speed benchmark: 60 s of speech in, the work done once a call.

A rival's module is imported in `make`, in the rival's own process, before anything is measured.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from f0_trackers import TRACKERS
from numpy.typing import NDArray

RATE = 16000
HOP_MS = 5.0
SECRET = bytes(32)
ADAPTING = "template, adapting profile"

Samples = NDArray[np.float32]
Work = Callable[[], object]
Make = Callable[[Samples], Work]


@dataclass(frozen=True)
class Rival:
    """A name, what is timed, and how to prepare it; ``make`` raises ImportError where it cannot."""

    name: str
    kind: str  # "voice": a voice changed; "pitch": pitch alone; "f0": f0 alone
    make: Make
    package: str = ""
    is_ours: bool = False
    against: str = "pyworld DIO chain"
    environment: dict[str, str] = field(default_factory=dict)


def _pyworld_chain(f0_method: str) -> Make:
    def make(samples: Samples) -> Work:
        import pyworld

        wide = samples.astype(np.float64)

        def work() -> object:
            if f0_method == "dio":
                coarse_hz, times_s = pyworld.dio(wide, RATE, frame_period=HOP_MS)
                f0_hz = pyworld.stonemask(wide, coarse_hz, times_s, RATE)
            else:
                f0_hz, times_s = pyworld.harvest(wide, RATE, frame_period=HOP_MS)
            envelope = pyworld.cheaptrick(wide, f0_hz, times_s, RATE)
            aperiodicity = pyworld.d4c(wide, f0_hz, times_s, RATE)
            return pyworld.synthesize(f0_hz, envelope, aperiodicity, RATE, HOP_MS)

        return work

    return make


def _mcadams(form: str) -> Make:
    def make(samples: Samples) -> Work:
        from voiceanon.privacy import mcadams

        change = getattr(mcadams, form)
        return lambda: change(samples, RATE, 0.8)

    return make


def _change_gender(samples: Samples) -> Work:
    import parselmouth
    from parselmouth.praat import call

    def work() -> object:
        sound = parselmouth.Sound(samples.astype(np.float64), RATE)
        # pitch floor and ceiling in Hz, formant ratio, new median pitch in Hz, range, duration
        return call(sound, "Change gender", 75.0, 600.0, 1.2, 180.0, 1.0, 1.0)

    return work


def _signalsmith(samples: Samples) -> Work:
    from python_stretch.Signalsmith import Stretch

    def work() -> object:
        stretch = Stretch()
        stretch.preset(1, RATE)
        stretch.setTransposeSemitones(3.0)
        return stretch.process(samples[None])

    return work


def _librosa_shift(samples: Samples) -> Work:
    import librosa

    return lambda: librosa.effects.pitch_shift(samples, sr=RATE, n_steps=3.0)


def _pedalboard_shift(samples: Samples) -> Work:
    import pedalboard

    board = pedalboard.Pedalboard([pedalboard.PitchShift(semitones=3.0)])
    return lambda: board(samples, RATE)


def _pedalboard_formants(samples: Samples) -> Work:
    import pedalboard

    return lambda: pedalboard.time_stretch(
        samples, RATE, pitch_shift_in_semitones=3.0, preserve_formants=True
    )


def _sox(samples: Samples) -> Work:
    sox = shutil.which("sox")
    if sox is None:
        raise ImportError("no sox on this machine")
    raw = ["-t", "f32", "-r", str(RATE), "-c", "1", "-"]
    words = [sox, *raw, *raw, "pitch", "300"]
    sound = samples.tobytes()
    return lambda: subprocess.run(words, input=sound, capture_output=True, check=True)


def _f0(name: str) -> Make:
    def make(samples: Samples) -> Work:
        run = TRACKERS[name].make()
        return lambda: run(samples)

    return make


def anonymizer(recipe: str) -> Callable[..., object]:
    """Ours, with a fixed secret so that every run does the same work; ImportError until it exists.

    ``recipe`` is a name, or ADAPTING: the template that learns the profile as a stream goes.

    Returns
    -------
    voiceanon.Anonymizer
    """
    import voiceanon

    if not hasattr(voiceanon, "Anonymizer"):
        raise ImportError("voiceanon.Anonymizer is not there")
    if recipe == ADAPTING:
        template = voiceanon.Recipe.named("template")
        adapting = dataclasses.replace(template, profile_source="adapting")
        return voiceanon.Anonymizer(recipe=adapting, secret=SECRET)
    if recipe == "resynthesis":
        named = voiceanon.Recipe.named("resynthesis", allow_unprotected=True)
        return voiceanon.Anonymizer(recipe=named, secret=SECRET)
    return voiceanon.Anonymizer(recipe=recipe, secret=SECRET)


def _ours(recipe: str, level: str = "") -> Make:
    def make(samples: Samples) -> Work:
        change = anonymizer(recipe)
        if level:
            from voiceanon import _engine

            if level != _engine.LEVEL:
                raise ImportError(f"SIMD level {_engine.LEVEL} answered instead of {level}")
        return lambda: change(samples, RATE)

    return make


def _ours_stream(samples: Samples) -> Work:
    change = anonymizer(ADAPTING)

    def work() -> object:
        stream = change.stream(RATE, channels=1)  # type: ignore[attr-defined]
        chunk = RATE // 50
        for start in range(0, len(samples), chunk):
            stream.process(samples[None, start : start + chunk])
        return stream.finish()

    return work


def _ours_flac(samples: Samples) -> Work:
    import soundfile

    change = anonymizer("template")
    folder = tempfile.TemporaryDirectory()
    source = Path(folder.name) / "in.flac"
    soundfile.write(source, samples, RATE)

    def work() -> object:
        # The folder is named here so that it lives as long as the work does.
        destination = Path(folder.name) / "out.flac"
        return change.file(source, destination, overwrite=True)  # type: ignore[attr-defined]

    return work


REFERENCE = "pyworld DIO chain"
F0_REFERENCE = "f0: DIO+StoneMask"
TEMPLATE = "ours: template"
BOTTLENECK = "ours: bottleneck"
FLAC = f"{TEMPLATE}, FLAC to FLAC"
ALL = (
    Rival(REFERENCE, "voice", _pyworld_chain("dio"), "pyworld"),
    Rival("pyworld Harvest chain", "voice", _pyworld_chain("harvest"), "pyworld"),
    Rival("McAdams B2, frame by frame", "voice", _mcadams("mcadams_plain")),
    Rival("McAdams B2, vectorised", "voice", _mcadams("mcadams")),
    Rival("Praat Change gender", "voice", _change_gender, "praat-parselmouth"),
    Rival("pedalboard, formants kept", "voice", _pedalboard_formants, "pedalboard"),
    Rival("pedalboard PitchShift", "pitch", _pedalboard_shift, "pedalboard"),
    Rival("python-stretch", "pitch", _signalsmith, "python-stretch"),
    Rival("librosa pitch_shift", "pitch", _librosa_shift, "librosa"),
    Rival("sox pitch", "pitch", _sox),
    Rival(F0_REFERENCE, "f0", _f0("DIO+StoneMask"), "pyworld", against=F0_REFERENCE),
    Rival("f0: Harvest", "f0", _f0("Harvest"), "pyworld", against=F0_REFERENCE),
    Rival("f0: Praat ac", "f0", _f0("Praat ac"), "praat-parselmouth", against=F0_REFERENCE),
    Rival("f0: RAPT", "f0", _f0("RAPT"), "pysptk", against=F0_REFERENCE),
    Rival("f0: SWIPE", "f0", _f0("SWIPE"), "pysptk", against=F0_REFERENCE),
    Rival("f0: REAPER", "f0", _f0("REAPER"), "pyreaper", against=F0_REFERENCE),
    Rival("ours: analysis with f0", "f0", _f0("ours"), is_ours=True, against=F0_REFERENCE),
    Rival("ours: resynthesis", "voice", _ours("resynthesis"), is_ours=True),
    Rival(TEMPLATE, "voice", _ours("template"), is_ours=True),
    *(
        Rival(
            f"{name}, {level}",
            "voice",
            _ours(name.removeprefix("ours: "), level),
            is_ours=True,
            environment={"VOICEANON_SIMD": level},
        )
        for name in (TEMPLATE, BOTTLENECK)
        for level in ("baseline", "v3", "v4")
    ),
    Rival(BOTTLENECK, "voice", _ours("bottleneck"), is_ours=True),
    Rival(f"{TEMPLATE}, stream of 20 ms", "voice", _ours_stream, is_ours=True),
    # Against our own work on an array: the share of its speed that is left with files around it.
    Rival(FLAC, "voice", _ours_flac, is_ours=True, against=TEMPLATE),
)
RIVALS = {rival.name: rival for rival in ALL}
