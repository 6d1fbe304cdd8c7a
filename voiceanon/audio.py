"""The one door: shape, dtype, rate and finiteness of samples are checked here and nowhere else.

Outside, samples are ``(n,)`` or ``(channels, n)`` arrays of float32, float64 or int16, of either
byte order and any memory layout. Inside they are float32, C-contiguous, read-only and always
``(channels, n)``. What goes back has the caller's shape and dtype.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from voiceanon.errors import InputError, VoiceanonError

__all__ = [
    "MAX_CHANNELS",
    "MAX_PEAK",
    "MAX_RATE_HZ",
    "MIN_RATE_HZ",
    "MIN_SAMPLES",
    "Checked",
    "Layout",
    "check_audio",
    "check_channels",
    "check_chunk",
    "check_rate",
]

MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 192_000
MAX_CHANNELS = 64
MIN_SAMPLES = 2
# Floating-point samples are meant to lie in -1..1. Any finite size is let in, because the level is
# set anew anyway, but limited to this: unscaled 16-bit values stay as they are, and nothing
# overflows float32 once squared and summed.
MAX_PEAK = 65_536.0

INT16_FULL_SCALE = 32_768.0

Float32 = npt.NDArray[np.float32]
ALLOWED_DTYPES = "float32, float64 or int16"


@dataclass(frozen=True)
class Layout:
    """The outward form of samples: what a caller handed in and gets back.

    Attributes
    ----------
    dtype : numpy.dtype
        float32, float64 or int16, in the caller's byte order.
    is_flat : bool
        Whether the samples are ``(n,)`` instead of ``(channels, n)``.
    """

    dtype: np.dtype[Any]
    is_flat: bool

    def restore(self, data: Float32) -> npt.NDArray[Any]:
        """Return processed samples in this layout.

        Parameters
        ----------
        data : ndarray of float32, shape (channels, n)
            What the core made; -1..1.

        Returns
        -------
        ndarray
            Shape ``(n,)`` or ``(channels, n)``, of `dtype`; integers are rounded to the nearest
            value and limited to the range of int16.

        Raises
        ------
        VoiceanonError
            If the samples are not finite: nothing is returned then.
        """
        if data.size and not (np.isfinite(data.min()) and np.isfinite(data.max())):
            raise VoiceanonError("the result is not finite, so it is withheld")
        if self.is_flat:
            data = data.reshape(-1)
        if self.dtype.kind == "i":
            scaled = np.rint(data * np.float32(INT16_FULL_SCALE))
            whole: npt.NDArray[Any] = np.clip(scaled, -32_768, 32_767).astype(self.dtype)
            return whole
        return data.astype(self.dtype, copy=False)


@dataclass(frozen=True)
class Checked:
    """Samples that passed the door.

    Attributes
    ----------
    data : ndarray of float32, shape (channels, n)
        C-contiguous and read-only; it may share memory with the caller's array.
    rate : int
        Samples a second, 8000 to 192000.
    layout : Layout
        The caller's shape and dtype.
    """

    data: Float32
    rate: int
    layout: Layout

    def restore(self, data: Float32) -> npt.NDArray[Any]:
        """Return processed samples of the same length in the caller's shape and dtype.

        Parameters
        ----------
        data : ndarray of float32, shape (channels, n)
            The result for `Checked.data`, of exactly its shape.

        Returns
        -------
        ndarray
            The caller's shape and dtype.

        Raises
        ------
        VoiceanonError
            If the shape differs, a sample is not finite, or the result lies in the memory of the
            input: no input sample may pass to an output.
        """
        if data.shape != self.data.shape:
            raise VoiceanonError(
                f"the result has shape {data.shape} instead of {self.data.shape}, so it is withheld"
            )
        if np.may_share_memory(data, self.data):
            raise VoiceanonError("the result shares memory with the input, so it is withheld")
        return self.layout.restore(data)


def check_rate(rate: object) -> int:
    """Return the rate as an int.

    Parameters
    ----------
    rate : int or whole float
        Samples a second, 8000 to 192000.

    Returns
    -------
    int
        The same rate.

    Raises
    ------
    InputError
        If it is not a number, not whole, or outside the range.

    Examples
    --------
    >>> check_rate(16000.0)
    16000
    """
    allowed = f"a whole number of samples a second from {MIN_RATE_HZ} to {MAX_RATE_HZ}"
    if isinstance(rate, bool) or not isinstance(rate, (int, float, np.integer, np.floating)):
        raise InputError(f"rate is {_shown(rate)}: it must be {allowed}")
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ or rate != int(rate):
        raise InputError(f"rate is {_shown(rate)}: it must be {allowed}")
    return int(rate)


def check_channels(channels: object) -> int:
    """Return the number of channels as an int.

    Parameters
    ----------
    channels : int
        1 to 64.

    Returns
    -------
    int
        The same number.

    Raises
    ------
    InputError
        If it is not a whole number or outside the range.
    """
    allowed = f"a whole number from 1 to {MAX_CHANNELS}"
    if isinstance(channels, bool) or not isinstance(channels, (int, np.integer)):
        raise InputError(f"channels is {_shown(channels)}: it must be {allowed}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise InputError(f"channels is {_shown(channels)}: it must be {allowed}")
    return int(channels)


def check_audio(samples: object, rate: object) -> Checked:
    """Return a whole recording in the form the core takes, or refuse it at once.

    Parameters
    ----------
    samples : ndarray of float32, float64 or int16, shape (n,) or (channels, n)
        At least 2 samples a channel, at most 64 channels, every value finite; full scale is ±1,
        and values beyond ±65536 are taken as that. It is not changed.
    rate : int
        Samples a second, 8000 to 192000.

    Returns
    -------
    Checked
        The samples, and the way back to the caller's form.

    Raises
    ------
    InputError
        If anything is not as described: what was wrong, the value, what is allowed.

    Examples
    --------
    >>> check_audio(np.zeros(16000, np.int16), 16000).data.shape
    (1, 16000)
    """
    rate_hz = check_rate(rate)
    array = _check_array(samples)
    n = array.shape[-1]
    if n < MIN_SAMPLES:
        raise InputError(
            f"samples has shape {array.shape}: a channel must have at least {MIN_SAMPLES} samples"
        )
    return _admit(array, rate_hz)


def check_chunk(samples: object, rate: int, channels: int, layout: Layout | None = None) -> Checked:
    """Return one chunk of a stream in the form the core takes, or refuse it at once.

    Parameters
    ----------
    samples : ndarray of float32, float64 or int16, shape (n,) or (channels, n)
        Any number of samples, also none; ``(n,)`` only where the stream has one channel.
    rate : int
        The stream's rate, checked when the stream was made.
    channels : int
        The stream's number of channels, checked when the stream was made.
    layout : Layout, optional
        The form of the chunks before; every chunk of a stream has the same.

    Returns
    -------
    Checked
        The samples, and the way back to the caller's form.

    Raises
    ------
    InputError
        If the array, its channels or its form are not what the stream takes.
    """
    array = _check_array(samples)
    found = 1 if array.ndim == 1 else array.shape[0]
    if found != channels:
        raise InputError(
            f"chunk has shape {array.shape}: this stream takes "
            + (f"({channels}, n)" if channels > 1 else "(n,) or (1, n)")
        )
    checked = _admit(array, rate)
    if layout is not None and checked.layout != layout:
        raise InputError(
            f"chunk is {_form(checked.layout)}: the chunks before were {_form(layout)}, "
            "and the form may not change within a stream"
        )
    return checked


def _check_array(samples: object) -> npt.NDArray[Any]:
    if isinstance(samples, np.ma.MaskedArray):
        raise InputError("samples is a masked array: fill or cut the masked samples first")
    if not isinstance(samples, np.ndarray):
        raise InputError(
            f"samples is {_shown(samples)}: it must be a NumPy array of {ALLOWED_DTYPES}"
        )
    array = np.asarray(samples)
    if (array.dtype.kind, array.dtype.itemsize) not in (("f", 4), ("f", 8), ("i", 2)):
        raise InputError(f"samples has dtype {array.dtype}: it must be {ALLOWED_DTYPES}")
    if array.ndim not in (1, 2):
        raise InputError(
            f"samples has {array.ndim} dimensions, shape {array.shape}: "
            "it must be (n,) or (channels, n)"
        )
    if array.ndim == 2 and not 1 <= array.shape[0] <= MAX_CHANNELS:
        advice = ", so transpose it if it is (n, channels)" if array.shape[0] else ""
        raise InputError(
            f"samples has shape {array.shape}, which means {array.shape[0]} channels: "
            f"it must be (channels, n) with 1 to {MAX_CHANNELS} channels{advice}"
        )
    return array


def _admit(array: npt.NDArray[Any], rate_hz: int) -> Checked:
    layout = Layout(array.dtype, array.ndim == 1)
    flat_or_deep = array.reshape(1, -1) if layout.is_flat else array
    if layout.dtype.kind == "i":
        data = flat_or_deep.astype(np.float32, order="C")
        data *= np.float32(1.0 / INT16_FULL_SCALE)
    else:
        limited = _limit(flat_or_deep)
        data = np.require(limited, np.float32, ["C_CONTIGUOUS", "ALIGNED"])
    data = data.view()
    data.flags.writeable = False
    return Checked(data, rate_hz, layout)


def _limit(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return values within ±MAX_PEAK, refusing those that are not finite.

    Only an array with values beyond it is copied: min and max need no extra memory, and they hand
    on NaN.
    """
    if array.size == 0:
        return array
    low, high = float(array.min()), float(array.max())
    if low >= -MAX_PEAK and high <= MAX_PEAK:
        return array
    if not (math.isfinite(low) and math.isfinite(high)):
        channel, index = np.argwhere(~np.isfinite(array))[0]
        raise InputError(
            f"samples[{channel}, {index}] is {array[channel, index]}: every sample must be finite"
        )
    limited: npt.NDArray[Any] = np.clip(array, -MAX_PEAK, MAX_PEAK)
    return limited


def _form(layout: Layout) -> str:
    return f"{'(n,)' if layout.is_flat else '(channels, n)'} {layout.dtype}"


def _shown(value: object) -> str:
    """Return a value's type and, for plain small values, the value."""
    kind = type(value).__name__
    if isinstance(value, (bool, int, float, complex, np.generic)) or value is None:
        return f"{value} ({kind})"
    return f"of type {kind}"
