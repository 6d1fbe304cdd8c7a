"""Whether a description gives the original's spectrum back better than a pseudo-voice does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.abstraction import Abstraction
from voiceanon.checks.optional import why_missing
from voiceanon.keys import Draws
from voiceanon.privacy.descriptions.described import Described, frame_inputs, is_speech
from voiceanon.privacy.descriptions.frame_network import FrameTraining, fit_frame_network
from voiceanon.privacy.drawing import permutation
from voiceanon.privacy.metrics import speaker_bootstrap
from voiceanon.privacy.regression import fit_ridge
from voiceanon.privacy.sounds import Sound
from voiceanon.privacy.statistics import RATE, log_mel
from voiceanon.privacy.variants import EVALUATION_SECRET
from voiceanon.recipe import Recipe
from voiceanon.voice import neutral_voice

__all__ = ["Material", "inversion", "inverted", "pseudo_voice_bands"]

Real = npt.NDArray[np.float64]
Inputs = npt.NDArray[np.float32]
Predict = Callable[[Inputs], Real]

_DB = 10 / np.log(10)  # of a natural logarithm of power
_CONTEXT = 8  # frames of 20 ms on either side
_FRAMES = 12_000  # that a ridge regression is fitted on
_VERSION = "2"  # changes when the same descriptions give other figures


@dataclass(frozen=True)
class Material:
    """Descriptions with the spectra that belong to them, a list entry a recording.

    Attributes
    ----------
    inputs : sequence of ndarray of float32, shape (t, d)
        What descriptions say of each frame.
    spoken : sequence of ndarray of float32, shape (t, 40)
        Log-mel of the description in a pseudo-voice, dB.
    originals : sequence of ndarray of float32, shape (t, 40)
        Log-mel of the original, dB.
    speech : sequence of ndarray of bool, shape (t,)
        Which frames are no pause.
    speakers : ndarray of str, shape (n,)
        Whose each recording is.
    """

    inputs: Sequence[Inputs]
    spoken: Sequence[Inputs]
    originals: Sequence[Inputs]
    speech: Sequence[npt.NDArray[np.bool_]]
    speakers: npt.NDArray[np.str_]


def inversion(described: Described, *, light: bool) -> dict[str, Any]:
    """Return what `inverted` tells of the corpus, from the cache where it is known.

    Parameters
    ----------
    described : Described
        Descriptions and originals; other people's are trained on.
    light : bool
        Whether to leave the networks out.
    """
    networks = not light and why_missing("torch") is None
    measure = f"inversion-{_VERSION}{'' if networks else '-light'}"
    known = described.cache.record(measure, described.digest())
    if known is None:
        training, measured = (_material(described, where) for where in ("training", "trial"))
        draws = Draws(described.originals.seed, measure)
        training_of = FrameTraining() if networks else None
        known = inverted(training, measured, draws, training_of, described.progress)
        described.cache.put_record(measure, described.digest(), known)
    return dict(known)


def inverted(
    training: Material,
    measured: Material,
    draws: Draws,
    networks: FrameTraining | None,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Return how well originals are predicted from descriptions, and from a pseudo-voice.

    Every predictor is fitted on other speakers. A recording's mean level over speech frames and
    bands is taken off, so that the gain of a microphone costs nobody anything.

    Parameters
    ----------
    training, measured : Material
        Of other people, and of those under attack.
    draws : Draws
        Chooses frames and trains.
    networks : FrameTraining, optional
        Whether networks are tried beside ridge regression.
    progress : callable
        Called with what is done, how much, and of how much.

    Returns
    -------
    dict
        ``errors_db``: rms over speech frames and bands, (value, low, high) over speakers, of

        - ``pseudo-voice, band by band``: an affine map of each band of what the description says
          in the neutral voice. Hearing it and knowing no more.
        - ``pseudo-voice``: regression from that voice's spectrum and its surroundings. All that
          its sound holds.
        - ``description``: regression from the description, that voice and their surroundings.
        - ``pseudo-voice, speaker's average known``: the first, helped by the truth about the
          speaker's average spectrum. What there is to gain.

        Of several regressions the best counts; ``tried`` holds them all. ``better_percent``: by
        how much the error from descriptions lies below that of the pseudo-voice band by band, in
        which better guesses of what is *said* count too; ``better_than_regression_percent``: below
        the regression from the voice, so that only what its sound does not hold counts.
        ``speaker_spectrum_r2``: of the variance between speakers of the average spectrum, the
        share that each predicts; 0 is chance, 1 all; below 0 is worse than nothing.
    """
    bands = _affine(training)
    tried: dict[str, dict[str, Predict]] = {"pseudo-voice": {}, "description": {}}
    sides = {
        "pseudo-voice": (training.spoken, measured.spoken),
        # Whoever has a description has the decoder too, and hears what it makes of it.
        "description": (_both(training), _both(measured)),
    }
    for name, (inputs, _) in sides.items():
        tried[name]["ridge"] = _ridge(inputs, training, draws)
        if networks is not None:
            aims = [_level(y, s) for y, s in zip(training.originals, training.speech, strict=True)]
            say = partial(progress, f"training a network from {name} to spectra")
            tried[name]["network"] = fit_frame_network(
                inputs, aims, training.speech, networks, draws, say
            )
    found = {
        "pseudo-voice, band by band": [bands(y) for y in measured.spoken],
    }
    listed: dict[str, list[float]] = {}
    for name, predictors in tried.items():
        outcomes = {}
        for kind, predict in predictors.items():
            outcomes[kind] = [predict(x) for x in sides[name][1]]
            listed[f"{name}, {kind}"] = _error_db(outcomes[kind], measured, draws)
        best = min(outcomes, key=lambda kind: listed[f"{name}, {kind}"][0])
        found[name] = outcomes[best]
    plain = found["pseudo-voice, band by band"]
    told = _told(plain, measured)
    errors = {name: _error_db(parts, measured, draws) for name, parts in found.items()}
    errors["pseudo-voice, speaker's average known"] = _error_db(told, measured, draws)
    return {
        "errors_db": errors,
        "tried": listed,
        "better_percent": _better(found["description"], plain, measured, draws),
        "better_than_regression_percent": _better(
            found["description"], found["pseudo-voice"], measured, draws
        ),
        "speaker_spectrum_r2": {name: _r2(parts, measured) for name, parts in found.items()},
    }


# --- material -----------------------------------------------------------------------------------


def _material(described: Described, where: str) -> Material:
    """Read and render; what is one of the attacker's own recordings is called by the same word."""
    whole = described.descriptions(where)
    listed = described.originals.listed(where)
    jobs = [(Sound.of(r), one) for r, one in zip(listed, whole, strict=True)]
    spectra = described.pool.map(
        f"{described.recipe.name}: spectra of {where} speech",
        partial(_spectra, described.recipe),
        jobs,
    )
    return Material(
        [frame_inputs(one) for one in whole],
        [spoken for _, spoken in spectra],
        [original for original, _ in spectra],
        [is_speech(one) for one in whole],
        np.array([recording.speaker for recording in listed]),
    )


def _spectra(recipe: Recipe, job: tuple[Sound, Abstraction]) -> tuple[Inputs, Inputs]:
    sound, one = job
    return _bands(sound.read(), one.frames), pseudo_voice_bands(one, recipe)


def pseudo_voice_bands(one: Abstraction, recipe: Recipe) -> Inputs:
    """Return the log-mel spectrum, (t, 40), of a description in the neutral voice, dB."""
    samples = one.render(EVALUATION_SECRET, recipe=recipe, voice=neutral_voice())
    if one.rate != RATE:
        import soxr

        samples = np.asarray(soxr.resample(samples, one.rate, RATE, quality="HQ"), np.float32)
    return _bands(samples, one.frames)


def _bands(samples: npt.NDArray[np.float32], frames: int) -> Inputs:
    """Return log-mel, one row a frame of 20 ms, dB."""
    bands = log_mel(np.pad(samples, (0, RATE // 20)))[::2]
    if len(bands) < frames:
        bands = np.pad(bands, ((0, frames - len(bands)), (0, 0)), mode="edge")
    return np.asarray(_DB * bands[:frames], dtype=np.float32)


# --- predictors ---------------------------------------------------------------------------------


def _level(bands: Inputs, speech: npt.NDArray[np.bool_]) -> Inputs:
    """Take off the mean over speech frames and bands."""
    return np.asarray(bands - (bands[speech] if speech.any() else bands).mean())


def _both(material: Material) -> list[Inputs]:
    """Return what descriptions say of each frame, with the pseudo-voice's spectrum beside it."""
    pairs = zip(material.inputs, material.spoken, strict=True)
    return [np.hstack(pair).astype(np.float32) for pair in pairs]


def _pairs(parts: Sequence[Inputs], material: Material) -> tuple[Real, Real, npt.NDArray[np.str_]]:
    """Return inputs, originals and speakers of all speech frames."""
    aims = [_level(y, s)[s] for y, s in zip(material.originals, material.speech, strict=True)]
    rows = [x[s] for x, s in zip(parts, material.speech, strict=True)]
    owners = np.repeat(material.speakers, [len(y) for y in aims])
    return np.concatenate(rows).astype(float), np.concatenate(aims).astype(float), owners


def _affine(training: Material) -> Predict:
    """Fit slope and offset of each band on its own."""
    x, y, _ = _pairs(training.spoken, training)
    middle, aim = x.mean(0), y.mean(0)
    slope = ((x - middle) * (y - aim)).mean(0) / np.maximum(((x - middle) ** 2).mean(0), 1e-12)
    return lambda bands: np.asarray((bands - middle) * slope + aim)


def _surrounded(parts: Inputs) -> Inputs:
    """Return each frame with those around it, (t, d (2 context + 1)); ends are repeated."""
    padded = np.pad(parts, ((_CONTEXT, _CONTEXT), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _CONTEXT + 1, axis=0)
    return np.asarray(windows.reshape(len(parts), -1))


def _ridge(parts: Sequence[Inputs], training: Material, draws: Draws) -> Predict:
    sizes = np.array([int(s.sum()) for s in training.speech])
    kept = np.sort(permutation(draws, int(sizes.sum()))[:_FRAMES])
    ends = np.cumsum(sizes)
    rows, aims, owners = [], [], []
    for place, (x, y, s) in enumerate(zip(parts, training.originals, training.speech, strict=True)):
        first = ends[place] - sizes[place]
        at = kept[(kept >= first) & (kept < ends[place])] - first
        if len(at):
            rows.append(_surrounded(x)[s][at])
            aims.append(_level(y, s)[s][at])
            owners.append(np.full(len(at), training.speakers[place]))
    whole = [np.concatenate(part) for part in (rows, aims, owners)]
    ridge = fit_ridge(whole[0].astype(float), whole[1].astype(float), whole[2])
    return lambda x: ridge(_surrounded(x).astype(float))


# --- figures ------------------------------------------------------------------------------------


def _missed(predicted: Sequence[Real], measured: Material) -> Real:
    """Return a row a recording: summed squared errors and how many, in speech."""
    rows = []
    for guess, y, s in zip(predicted, measured.originals, measured.speech, strict=True):
        apart = (guess - _level(y, s))[s]
        rows.append([float((apart**2).sum()), float(apart.size)])
    return np.array(rows)


def _error_db(predicted: Sequence[Real], measured: Material, draws: Draws) -> list[float]:
    rows = _missed(predicted, measured)
    return list(
        speaker_bootstrap(
            rows, measured.speakers, lambda sums: float(np.sqrt(sums[0] / sums[1])), draws
        )
    )


def _better(
    first: Sequence[Real], second: Sequence[Real], measured: Material, draws: Draws
) -> list[float]:
    """Return by how many percent the first error lies below the second."""
    rows = np.hstack([_missed(first, measured)[:, :1], _missed(second, measured)[:, :1]])
    return list(
        speaker_bootstrap(
            rows,
            measured.speakers,
            lambda sums: float(100 * (1 - np.sqrt(sums[0] / sums[1]))),
            draws,
        )
    )


def _averages(parts: Sequence[Real], measured: Material) -> Real:
    """Return each speaker's mean over speech frames, (speakers, 40)."""
    return np.stack(
        [
            np.concatenate(
                [
                    part[s]
                    for part, s, who in zip(parts, measured.speech, measured.speakers, strict=True)
                    if who == name
                ]
            ).mean(0)
            for name in np.unique(measured.speakers)
        ]
    )


def _true(measured: Material) -> list[Real]:
    return [
        _level(y, s).astype(np.float64)
        for y, s in zip(measured.originals, measured.speech, strict=True)
    ]


def _told(predicted: Sequence[Real], measured: Material) -> list[Real]:
    """Return predictions corrected by what each speaker's average was off."""
    names = np.unique(measured.speakers)
    off = _averages(_true(measured), measured) - _averages(predicted, measured)
    places = np.searchsorted(names, measured.speakers)
    return [part + off[place] for part, place in zip(predicted, places, strict=True)]


def _r2(predicted: Sequence[Real], measured: Material) -> float:
    """Return the share of the variance between speakers of average spectra that is predicted."""
    true, guess = (_averages(parts, measured) for parts in (_true(measured), predicted))
    true, guess = true - true.mean(0), guess - guess.mean(0)
    return float(1 - ((true - guess) ** 2).sum() / max(float((true**2).sum()), 1e-12))
