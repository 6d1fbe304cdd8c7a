# Loops over frames and samples that NumPy would need several copies, or a state along time, for.
# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
#
# Nothing is remembered between two calls. Values are float32; arithmetic on frames is in double, so
# that a neutral setting gives every value back bit for bit. Positions are float64: counted in frames,
# float32 would be a tenth of a frame off after two hours. Positions outside an array are taken to
# its nearest end, NaN to its beginning, so no setting reads memory that is not the array's.

import numpy as np

from libc.math cimport exp, floor, log

# A float32 of this size has no fraction: adding it rounds to the nearest integer, half to even.
cdef float _TO_INTEGERS = 12582912.0


cdef inline double inside(double position, Py_ssize_t count) noexcept nogil:
    if not position > 0.0:  # false for NaN too
        return 0.0
    return position if position < count - 1 else <double>(count - 1)


cdef inline float between(float here, float there, double part) noexcept nogil:
    """Linear in the logarithm; 0 has none, so beside a 0 the nearer of the two is taken."""
    if part == 0.0 or here == there:
        return here
    if here > 0.0 and there > 0.0:
        return <float>(here * exp(part * log(<double>there / here)))
    return here if part < 0.5 else there


def warp_envelope(const float[:, ::1] envelope not None, double scale):
    """Return envelopes stretched along frequency: ``scale`` above 1 moves formants up.

    P'(f) = P(f / scale), linear in log power between two bins. Below 1 the top of the band has no
    source and repeats the last bin. A loop, because NumPy would hold four copies in double.

    Parameters
    ----------
    envelope : ndarray of float32, shape (t, bins)
        Power, 0 or more.
    scale : float
        Factor on frequencies, above 0.

    Returns
    -------
    ndarray of float32, shape (t, bins)
    """
    cdef Py_ssize_t t = envelope.shape[0], bins = envelope.shape[1], i, k, low, high
    cdef double position
    warped = np.empty((t, bins), np.float32)
    cdef float[:, ::1] out = warped
    with nogil:
        for i in range(t):
            for k in range(bins):
                position = inside(k / scale, bins)
                low = <Py_ssize_t>floor(position)
                high = low + 1 if low + 1 < bins else low
                out[i, k] = between(envelope[i, low], envelope[i, high], position - low)
    return warped


def interpolate_envelope(const float[:, ::1] envelope not None, const double[::1] positions not None):
    """Return envelopes read between frames, linear in log power.

    A loop for the same reason as `warp_envelope`; beside digital silence the nearer frame is taken.

    Parameters
    ----------
    envelope : ndarray of float32, shape (t, bins)
        Power, 0 or more; at least one frame.
    positions : ndarray of float64, shape (m,)
        Where to read, in frames.

    Returns
    -------
    ndarray of float32, shape (m, bins)
    """
    cdef Py_ssize_t t = envelope.shape[0], bins = envelope.shape[1], i, k, low, high
    cdef double position
    if t == 0:
        raise ValueError("envelope has no frames to read from")
    read = np.empty((positions.shape[0], bins), np.float32)
    cdef float[:, ::1] out = read
    with nogil:
        for i in range(positions.shape[0]):
            position = inside(positions[i], t)
            low = <Py_ssize_t>floor(position)
            high = low + 1 if low + 1 < t else low
            for k in range(bins):
                out[i, k] = between(envelope[low, k], envelope[high, k], position - low)
    return read


def interpolate_f0(const float[::1] f0_hz not None, const double[::1] positions not None):
    """Return f0 read between frames: linear in log f0 where both are voiced, else the nearer frame.

    No pitch is made up between a voiced frame and an unvoiced one. A loop, because each value
    decides by its two neighbours which of three rules it follows.

    Parameters
    ----------
    f0_hz : ndarray of float32, shape (t,)
        In Hz, 0 where unvoiced; at least one frame.
    positions : ndarray of float64, shape (m,)
        Where to read, in frames.

    Returns
    -------
    ndarray of float32, shape (m,)
        In Hz, 0 where unvoiced.
    """
    cdef Py_ssize_t t = f0_hz.shape[0], i, low, high
    cdef double position
    if t == 0:
        raise ValueError("f0_hz has no frames to read from")
    read = np.empty(positions.shape[0], np.float32)
    cdef float[::1] out = read
    with nogil:
        for i in range(positions.shape[0]):
            position = inside(positions[i], t)
            low = <Py_ssize_t>floor(position)
            high = low + 1 if low + 1 < t else low
            out[i] = between(f0_hz[low], f0_hz[high], position - low)
    return read


def quantise_f0(
    const float[::1] f0_hz not None, double lowest_hz, double step, Py_ssize_t levels, double reluctance
):
    """Return f0 on levels evenly spaced in log f0, without flutter between two of them.

    A loop, because it has a state along time: inside a voiced stretch, f0 leaves the level it is on
    only when another is nearer by more than ``2 * reluctance`` steps.

    Parameters
    ----------
    f0_hz : ndarray of float32, shape (t,)
        In Hz, 0 where unvoiced.
    lowest_hz : float
        The lowest level, in Hz, above 0.
    step : float
        From one level to the next, in natural log of f0, above 0.
    levels : int
        Number of levels, 1 or more.
    reluctance : float
        How far past half-way f0 must go, in steps, 0 to below 0.5.

    Returns
    -------
    ndarray of float32, shape (t,)
        In Hz, 0 where unvoiced.
    """
    cdef Py_ssize_t i
    cdef double place, level = 0.0
    cdef bint was_voiced = False
    quantised = np.zeros(f0_hz.shape[0], np.float32)
    cdef float[::1] out = quantised
    with nogil:
        for i in range(f0_hz.shape[0]):
            if not f0_hz[i] > 0.0:
                was_voiced = False
                continue
            place = log(f0_hz[i] / lowest_hz) / step
            if not was_voiced or place > level + 0.5 + reluctance or place < level - 0.5 - reluctance:
                level = inside(floor(place + 0.5), levels)
            was_voiced = True
            out[i] = <float>(lowest_hz * exp(level * step))
    return quantised


def round_samples(const float[:, ::1] samples not None, const unsigned int[::1] dither not None):
    """Return samples as interleaved 16-bit integers, with triangular dither of 2 LSB.

    Samples that are exactly 0 stay 0; the others get the difference of the two halves of a word,
    each in steps of 2^-16 LSB, and go to the nearest integer, clipped to full scale: the error has
    the same mean and variance for every sample (Lipshitz, Wannamaker & Vanderkooy 1992). A loop,
    because NumPy would hold five copies.

    Parameters
    ----------
    samples : ndarray of float32, shape (channels, n)
        Full scale 1, finite.
    dither : ndarray of uint32, shape (n * channels,)
        Uniformly distributed; one for each sample, all channels of one moment after each other.

    Returns
    -------
    ndarray of int16, shape (n, channels)
    """
    cdef Py_ssize_t channels = samples.shape[0], n = samples.shape[1], channel, i
    cdef int low, high
    cdef float value, dithered
    if dither.shape[0] != channels * n:
        raise ValueError("dither must hold one word for each sample")
    rounded = np.empty((n, channels), np.int16)
    cdef short[:, ::1] out = rounded
    with nogil:
        for channel in range(channels):
            for i in range(n):
                # No branches, and no lrintf: a compiler can take several samples at once.
                value = samples[channel, i] * <float>32768.0
                low = dither[i * channels + channel] & 0xFFFF
                high = dither[i * channels + channel] >> 16
                dithered = value + <float>(low - high) * <float>(2.0**-16)
                value = dithered if value != 0.0 else value
                value = value if value > -32768.0 else -32768.0  # NaN too
                value = value if value < 32767.0 else 32767.0
                out[i, channel] = <short><int>((value + _TO_INTEGERS) - _TO_INTEGERS)
    return rounded
