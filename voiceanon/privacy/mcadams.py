"""The VoicePrivacy baseline B2, speaker anonymisation by the McAdams coefficient, as a baseline.

Frames of 20 ms at 50 % overlap, windowed by the root of a Hann window on both sides. Each frame
is split into an all-pole filter 1/A(z) of order 20 and its residual; the angle φ of every complex
pole is raised to φ^α, its radius stays, and the residual is filtered by the moved poles.

J. Patino, N. Tomashenko, M. Todisco, A. Nautsch, N. Evans: "Speaker anonymisation using the
McAdams coefficient", Interspeech 2021. The paper leaves the estimator of A(z) open; Burg's is used
here, as the challenge's published baseline does. The challenge scales its output to peak 1; here
the output has the peak of the input, so that silence and level survive.

`mcadams_plain` is the obvious way, frame by frame. `mcadams` computes the same for many frames at
once; tests/test_mcadams.py holds the two together.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from voiceanon.errors import InputError

__all__ = ["ALPHA_RANGE", "burg", "burg_plain", "mcadams", "mcadams_plain"]

ORDER = 20
WINDOW_S = 0.020
ALPHA_RANGE = (0.5, 0.9)  # the challenge of 2022 and later draws α uniformly from here
BLOCK_FRAMES = 512  # keeps one block's arrays inside the second-level cache

Real = NDArray[np.float64]
Poles = NDArray[np.complex128]
Floating = TypeVar("Floating", np.float32, np.float64)


def mcadams(samples: NDArray[Floating], rate: int, alpha: float = 0.8) -> NDArray[Floating]:
    """One voice moved by the McAdams coefficient.

    Parameters
    ----------
    samples : array (n,), float32 or float64
        One channel.
    rate : int
        Samples a second.
    alpha : float, 0.1 to 2
        The coefficient; 1 changes nothing.

    Returns
    -------
    array (n,) of the same dtype and the same peak.

    Raises
    ------
    InputError
        ``samples`` is not one channel of floats, or ``alpha`` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> tone = np.sin(np.arange(1600) / 5)
    >>> mcadams(tone, 16000, alpha=0.8).shape
    (1600,)
    """
    window, starts, padded = _framed(samples, rate, alpha)
    length = len(window)
    moved = np.zeros_like(padded)
    for first in range(0, len(starts), BLOCK_FRAMES):
        some = starts[first : first + BLOCK_FRAMES]
        frames = padded[some[:, None] + np.arange(length)] * window
        rebuilt = _rebuild(frames, alpha) * window
        # Every second frame touches the next without overlap: two slices add them all.
        for parity in (0, 1):
            alternate = rebuilt[parity::2]
            if len(alternate):
                start = some[parity]
                moved[start : start + alternate.size] += alternate.ravel()
    return _finished(samples, moved, starts)


def mcadams_plain(samples: NDArray[Floating], rate: int, alpha: float = 0.8) -> NDArray[Floating]:
    """The same as `mcadams`, one frame after another; parameters and result are the same."""
    import scipy.signal

    window, starts, padded = _framed(samples, rate, alpha)
    moved = np.zeros_like(padded)
    for start in starts:
        frame = padded[start : start + len(window)] * window
        a = burg_plain(frame, ORDER)
        poles = np.roots(a)
        is_complex = poles.imag != 0.0
        radius = np.abs(poles)
        angle = np.angle(poles)
        turned = np.sign(angle) * np.minimum(np.abs(angle) ** alpha, np.pi)
        poles = np.where(is_complex, radius * np.exp(1j * turned), poles)
        residual = scipy.signal.lfilter(a, [1.0], frame)
        rebuilt = scipy.signal.lfilter([1.0], np.real(np.poly(poles)), residual)
        moved[start : start + len(window)] += rebuilt * window
    return _finished(samples, moved, starts)


def burg_plain(frame: Real, order: int) -> Real:
    """A(z) = 1 + a₁z⁻¹ + … of one frame by Burg's recursion; 1 alone for silence.

    k_m = −2 Σ f_{m−1}[n] b_{m−1}[n−1] / Σ (f_{m−1}[n]² + b_{m−1}[n−1]²)   (Burg 1975)
    """
    a = np.array([1.0])
    forward, backward = frame[1:], frame[:-1]
    for _ in range(order):
        energy = forward @ forward + backward @ backward
        k = -2.0 * (forward @ backward) / energy if energy > 0.0 else 0.0
        a = np.append(a, 0.0) + k * np.append(a, 0.0)[::-1]
        forward, backward = (forward + k * backward)[1:], (backward + k * forward)[:-1]
    return a


def burg(frames: Real, order: int) -> Real:
    """`burg_plain` of every row of ``frames`` (rows, samples) → (rows, order + 1)."""
    a = np.zeros((len(frames), order + 1))
    a[:, 0] = 1.0
    forward, backward = frames[:, 1:], frames[:, :-1]
    for m in range(1, order + 1):
        energy = np.einsum("ij,ij->i", forward, forward) + np.einsum("ij,ij->i", backward, backward)
        cross = np.einsum("ij,ij->i", forward, backward)
        k = np.divide(-2.0 * cross, energy, out=np.zeros_like(energy), where=energy > 0.0)[:, None]
        a[:, : m + 1] += k * a[:, m::-1]
        forward, backward = (forward + k * backward)[:, 1:], (backward + k * forward)[:, :-1]
    return a


def _framed(
    samples: NDArray[Floating], rate: int, alpha: float
) -> tuple[Real, NDArray[np.intp], Real]:
    samples = np.asarray(samples)
    if samples.ndim != 1 or samples.dtype not in (np.float32, np.float64):
        raise InputError(
            f"samples {samples.dtype} {samples.shape}: one channel of float32 or float64 is allowed"
        )
    if not 0.1 <= alpha <= 2.0:
        raise InputError(f"alpha {alpha}: 0.1 to 2 is allowed")
    hop = round(WINDOW_S * rate / 2)
    length = 2 * hop
    window = np.sqrt(0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length))
    count = -(-len(samples) // hop) + 1
    padded = np.zeros((count + 1) * hop)
    padded[hop : hop + len(samples)] = samples
    return window, np.arange(count) * hop, padded


def _rebuild(frames: Real, alpha: float) -> Real:
    a = burg(frames, ORDER)
    moved_a = _polynomial(_turned(_poles(a), alpha))
    # Time runs along the first axis, so that every step of the recursions is one line of frames.
    by_time = np.ascontiguousarray(frames.T)
    length = len(by_time)
    residual = by_time.copy()
    for k in range(1, ORDER + 1):
        residual[k:] += a[:, k] * by_time[: length - k]
    past = np.zeros((length + ORDER, len(frames)))
    backwards = np.ascontiguousarray(moved_a[:, :0:-1].T)
    for n in range(length):
        feedback = np.einsum("kf,kf->f", backwards, past[n : n + ORDER])
        np.subtract(residual[n], feedback, out=past[n + ORDER])
    rebuilt: Real = past[ORDER:].T
    return rebuilt


def _poles(a: Real) -> Poles:
    """Roots of every row: the eigenvalues of its companion matrix."""
    companion = np.zeros((len(a), ORDER, ORDER))
    companion[:, np.arange(1, ORDER), np.arange(ORDER - 1)] = 1.0
    companion[:, 0] = -a[:, 1:]
    roots: Poles = np.linalg.eigvals(companion).astype(np.complex128, copy=False)
    return roots


def _turned(poles: Poles, alpha: float) -> Poles:
    angle = np.angle(poles)
    turned = np.sign(angle) * np.minimum(np.abs(angle) ** alpha, np.pi)
    return np.where(poles.imag != 0.0, np.abs(poles) * np.exp(1j * turned), poles)


def _polynomial(roots: Poles) -> Real:
    """The monic polynomial with the given roots, row by row; roots come in conjugate pairs."""
    coefficients = np.zeros((len(roots), roots.shape[1] + 1), dtype=np.complex128)
    coefficients[:, 0] = 1.0
    for k in range(roots.shape[1]):
        coefficients[:, 1 : k + 2] -= roots[:, k : k + 1] * coefficients[:, : k + 1]
    return np.ascontiguousarray(coefficients.real)


def _finished(
    samples: NDArray[Floating], moved: Real, starts: NDArray[np.intp]
) -> NDArray[Floating]:
    hop = int(starts[1] - starts[0]) if len(starts) > 1 else 0
    voice = moved[hop : hop + len(samples)]
    peak = np.max(np.abs(voice), initial=0.0)
    if peak > 0.0:
        voice = voice * (float(np.max(np.abs(samples))) / peak)
    return voice.astype(np.asarray(samples).dtype)
