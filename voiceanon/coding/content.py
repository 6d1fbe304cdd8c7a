"""The content of a recording as stored: its tracks coded, and what is needed to decode them."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from operator import index

import numpy as np

from voiceanon.audio import MAX_RATE_HZ, MIN_RATE_HZ
from voiceanon.coding.contexts import ID_BYTES, MOST_DIGITS, code_id
from voiceanon.coding.description_code import Tracks, decode, encode
from voiceanon.errors import InputError, RecordingError

__all__ = ["Content", "is_name"]

_MODEL_BYTES = 8
_MOST_PITCH_LEVELS = 256
_MOST_S = 86_400
_FRAMES_PER_S = 50
# The last frame may be a part of one, and a rate that is no multiple of 50 adds another part.
_LOOSE_FRAMES = 2
_HEAD = struct.Struct(f"<QIIBH{_MODEL_BYTES}s{ID_BYTES}s")


@dataclass(frozen=True)
class Content:
    """A description's tracks as bytes, and the numbers that describe them.

    Attributes
    ----------
    n_samples : int
        Length of the recording, in samples, up to a day.
    rate : int
        In Hz, 8000 to 192000.
    frames : int
        Frames of 20 ms, as many as the length asks for, within 2.
    digits : int
        Of a unit, 1 to 6.
    pitch_levels : int
        Steps that pitch may take, 1 to 256.
    model : str
        Name of the tables that the units belong to, 16 hexadecimal digits.
    code : bytes
        4, the name of the code that the tracks are in.
    coded : bytes
        The tracks.
    """

    n_samples: int
    rate: int
    frames: int
    digits: int
    pitch_levels: int
    model: str
    code: bytes
    coded: bytes

    @classmethod
    def of(
        cls, tracks: Tracks, *, pitch_levels: int, n_samples: int, rate: int, model: str
    ) -> Content:
        """Return the content of a description.

        Raises
        ------
        InputError
            If a track or a number is not as described.
        """
        frames, digits = _size(tracks)
        try:
            n_samples, rate, pitch_levels = map(index, (n_samples, rate, pitch_levels))
        except TypeError as error:
            raise InputError("n_samples, rate and pitch_levels must be whole numbers") from error
        made = cls(
            n_samples,
            rate,
            frames=frames,
            digits=digits,
            pitch_levels=pitch_levels,
            model=model,
            code=code_id(),
            coded=b"",
        )
        wrong = made._wrong()
        if wrong is not None:
            raise InputError(f"the description cannot be stored: {wrong}")
        return replace(made, coded=encode(tracks, pitch_levels))

    @classmethod
    def from_bytes(cls, data: bytes) -> Content:
        """Return the content that `to_bytes` made the bytes of.

        Raises
        ------
        RecordingError
            If there are too few.
        """
        if len(data) < _HEAD.size:
            raise RecordingError("is damaged: its content is too short")
        n_samples, rate, frames, digits, pitch_levels, model, code = _HEAD.unpack_from(data)
        coded = data[_HEAD.size :]
        return cls(n_samples, rate, frames, digits, pitch_levels, model.hex(), code, coded)

    def to_bytes(self) -> bytes:
        """Return the body of the chunk ``CONT``, see `voiceanon.container.voa`."""
        head = _HEAD.pack(
            self.n_samples,
            self.rate,
            self.frames,
            self.digits,
            self.pitch_levels,
            bytes.fromhex(self.model),
            self.code,
        )
        return head + self.coded

    def tracks(self) -> Tracks:
        """Return the tracks.

        Raises
        ------
        RecordingError
            If a number is not as described, the code is another one, or the bytes are damaged.
        """
        wrong = self._wrong()
        if wrong is not None:
            raise RecordingError(f"is damaged: {wrong}")
        if self.code != code_id():
            raise RecordingError(
                f"is in the code {self.code.hex()}: this version reads {code_id().hex()}"
            )
        return decode(self.coded, self.frames, self.digits, self.pitch_levels)

    def _wrong(self) -> str | None:
        if not MIN_RATE_HZ <= self.rate <= MAX_RATE_HZ:
            return f"rate is {self.rate}, not {MIN_RATE_HZ} to {MAX_RATE_HZ}"
        if not 0 <= self.n_samples <= _MOST_S * self.rate:
            return f"{self.n_samples} samples at {self.rate} Hz are not 0 s to a day"
        off = self.frames * self.rate - self.n_samples * _FRAMES_PER_S
        if abs(off) > _LOOSE_FRAMES * self.rate or self.frames < 0:
            return f"{self.frames} frames do not fit {self.n_samples} samples at {self.rate} Hz"
        if not 1 <= self.digits <= MOST_DIGITS:
            return f"a unit has {self.digits} digits, not 1 to {MOST_DIGITS}"
        if not 1 <= self.pitch_levels <= _MOST_PITCH_LEVELS:
            return f"pitch_levels is {self.pitch_levels}, not 1 to {_MOST_PITCH_LEVELS}"
        if not is_name(self.model):
            return "model must be 16 hexadecimal digits"
        return None


def is_name(text: object) -> bool:
    """Whether a text can name tables or a recipe: 16 hexadecimal digits."""
    return isinstance(text, str) and re.fullmatch(r"[0-9a-f]{16}", text) is not None


def _size(tracks: Tracks) -> tuple[int, int]:
    """Frames and digits of tracks that are arrays as they must be."""
    for name, track in tracks._asdict().items():
        wanted = np.bool_ if name == "voiced" else np.int8
        is_shape = track.ndim == (2 if name == "units" else 1)
        if track.dtype != wanted or not is_shape or len(track) != len(tracks.energy):
            raise InputError(
                f"{name} is of {track.dtype} and the shape {track.shape}: it must be of "
                f"{wanted.__name__}, for {len(tracks.energy)} frames"
            )
    return tracks.units.shape
