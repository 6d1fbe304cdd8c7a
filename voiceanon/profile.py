"""What is typical of a speaker: the statistics that the removal takes out of every frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceanon import _engine
from voiceanon.audio import check_audio, check_channels, check_chunk, check_rate
from voiceanon.errors import InputError, StreamStateError
from voiceanon.resampling import Resampler
from voiceanon.template import ANALYSIS_ORDER, TEMPLATE_RATE_HZ, basis, engine_model
from voiceanon.turns import OneThread, in_turn

__all__ = ["Profile", "Profiler", "profile"]

_HOP_S = 0.005
# Two minutes of one voice, 3 MB: beyond that a second analysis is cheaper than the memory.
_MOST_ROWS_KEPT = 24_000

# Of the core's state all is sums but the loudest frame's level: see `SpeakerProfile::state`.
_LOUDEST = 3

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Profile:
    """The profile of one speaker.

    It describes a voice: treat it like a recording, and do not keep it longer than needed.

    Attributes
    ----------
    f0_hz : float
        Geometric mean of f0, in Hz; where there is little speech, drawn towards the template.
    f0_deviation : float
        Standard deviation of log f0.
    level_db : float
        Mean level of voiced speech, in dB re full scale; -200 if nothing was heard.
    tract : int
        Which of the template's vocal-tract warps fits best.
    voiced_s : float
        Voiced speech that the profile rests on, in seconds.
    state : ndarray of float64, shape (k,)
        The sums behind it, as the core keeps them; read-only.

    Examples
    --------
    >>> profile(np.zeros(16000, np.float32), 16000)
    Profile(0.0 s voiced)
    """

    f0_hz: float
    f0_deviation: float
    level_db: float
    tract: int
    voiced_s: float
    state: npt.NDArray[np.float64]

    def __repr__(self) -> str:
        return f"Profile({self.voiced_s:.1f} s voiced)"  # a voice's numbers do not belong in logs

    @staticmethod
    def merged(profiles: Sequence[Profile]) -> Profile:
        """Return the profile of one speaker from those of several recordings.

        It rests on the sums of all of them, each rounded once, so their order changes no bit. Merge
        what was recorded alike: microphone, room and level are part of a profile.

        Parameters
        ----------
        profiles : sequence of Profile
            At least one; made with the same template.

        Returns
        -------
        Profile

        Raises
        ------
        InputError
            If there is none, or they were made with different templates.
        """
        states = [one.state for one in profiles]
        if not states or len({len(state) for state in states}) != 1:
            raise InputError("profiles to be merged must be at least one, all of the same template")
        state = np.array([math.fsum(values) for values in zip(*states, strict=True)])
        state[_LOUDEST] = max(one[_LOUDEST] for one in states)
        gathered = _engine.SpeakerProfile(engine_model())
        try:
            gathered.set_state(state)
        except ValueError as error:
            raise InputError(f"profiles cannot be merged: {error}") from error
        return profile_of(gathered)


class Profiler(OneThread):
    """Gathers the profiles of a recording's channels, chunk by chunk.

    One thread at a time may use it; others are refused.

    Parameters
    ----------
    rate : int
        Samples a second, 8000 to 192000.
    channels : int
        1 to 64; every channel is another person.
    remembers : bool
        Whether it keeps the analysis of a short recording; see `remembered`.

    Raises
    ------
    InputError
        If rate or channels are out of range.
    """

    def __init__(self, rate: object, channels: object = 1, *, remembers: bool = True) -> None:
        super().__init__()
        self._rate = check_rate(rate)
        self._channels = check_channels(channels)
        self._resamplers = [Resampler(self._rate, TEMPLATE_RATE_HZ) for _ in range(self._channels)]
        self._analyzers = [
            _engine.Analyzer(TEMPLATE_RATE_HZ, order=ANALYSIS_ORDER, basis=basis())
            for _ in range(self._channels)
        ]
        self._gathered = [_engine.SpeakerProfile(engine_model()) for _ in range(self._channels)]
        self._kept: list[list[Float32]] | None = None
        if remembers:
            self._kept = [[] for _ in range(self._channels)]
        self._rows_kept = 0
        self._is_over = False

    @in_turn
    def process(self, chunk: object) -> None:
        """Take the next samples, shape (n,) or (channels, n)."""
        if self._is_over:
            raise StreamStateError("this profiler is finished: make another")
        for channel, samples in enumerate(check_chunk(chunk, self._rate, self._channels).data):
            self._gather(
                channel,
                self._analyzers[channel].process(self._resamplers[channel].process(samples)),
            )

    @in_turn
    def finish(self) -> tuple[Profile, ...]:
        """Return one profile a channel."""
        if self._is_over:
            raise StreamStateError("this profiler is finished: make another")
        self._is_over = True
        for channel, analyzer in enumerate(self._analyzers):
            self._gather(channel, analyzer.process(self._resamplers[channel].finish()))
            self._gather(channel, analyzer.finish())
            if self._kept is not None:  # whole, and the pieces not beside it
                self._kept[channel] = [np.concatenate(self._kept[channel])]
        return tuple(profile_of(gathered) for gathered in self._gathered)

    @property
    def remembered(self) -> list[Float32] | None:
        """Analysis rows of each channel, or None if the recording was too long to remember.

        A short recording need not be analysed twice; the bound keeps memory constant. They are
        whole once the profiler is finished.
        """
        if self._kept is None:
            return None
        return [np.concatenate(rows) for rows in self._kept]

    def _gather(self, channel: int, rows: Float32) -> None:
        self._gathered[channel].update(rows)
        if self._kept is not None:
            self._kept[channel].append(rows)
            self._rows_kept += len(rows)
            if self._rows_kept > _MOST_ROWS_KEPT:
                self._kept = None


def profile_of(gathered: _engine.SpeakerProfile) -> Profile:
    """Return the frozen form of what the core gathered."""
    gathered.refresh()
    state = gathered.state()
    state.flags.writeable = False
    return Profile(
        f0_hz=math.exp(gathered.log_f0_mean),
        f0_deviation=gathered.log_f0_deviation,
        level_db=gathered.active_level_db,
        tract=gathered.warp_index,
        voiced_s=gathered.voiced_frames * _HOP_S,
        state=state,
    )


def profile(samples: object, rate: object) -> Profile:
    """Return the profile of the speaker of a mono recording.

    Parameters
    ----------
    samples : ndarray of float32, float64 or int16, shape (n,) or (1, n)
        The recording.
    rate : int
        Samples a second, 8000 to 192000.

    Returns
    -------
    Profile

    Raises
    ------
    InputError
        If the samples or the rate are not as described.

    Examples
    --------
    >>> t = np.arange(32000) / 16000
    >>> heard = profile(0.1 * np.sign(np.sin(2 * np.pi * 120 * t)), 16000)
    >>> heard.voiced_s > 1
    True
    """
    checked = check_audio(samples, rate)
    if checked.data.shape[0] != 1:
        raise InputError(
            f"samples has {checked.data.shape[0]} channels: a profile is of one speaker"
        )
    profiler = Profiler(checked.rate)
    step = checked.rate
    for start in range(0, checked.data.shape[1], step):
        profiler.process(checked.data[:, start : start + step])
    return profiler.finish()[0]
