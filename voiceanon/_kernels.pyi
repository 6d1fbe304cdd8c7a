"""The interface of the compiled loops in csrc/kernels/_kernels.pyx; arrays are C-contiguous."""

import numpy as np
import numpy.typing as npt

def warp_envelope(envelope: npt.NDArray[np.float32], scale: float) -> npt.NDArray[np.float32]: ...
def interpolate_envelope(
    envelope: npt.NDArray[np.float32], positions: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]: ...
def interpolate_f0(
    f0_hz: npt.NDArray[np.float32], positions: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]: ...
def quantise_f0(
    f0_hz: npt.NDArray[np.float32],
    lowest_hz: float,
    step: float,
    levels: int,
    reluctance: float,
) -> npt.NDArray[np.float32]: ...
def round_samples(
    samples: npt.NDArray[np.float32], dither: npt.NDArray[np.uint32]
) -> npt.NDArray[np.int16]: ...
