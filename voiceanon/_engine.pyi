"""What the compiled core offers, the same at every SIMD level; see csrc/bindings/engine.cpp."""

from collections.abc import Sequence
from typing import TypeAlias, final

import numpy as np
import numpy.typing as npt

__all__ = [
    "LANES",
    "LEVEL",
    "LEVELS",
    "Analyzer",
    "BottleneckModel",
    "ContentDecoder",
    "ContentEncoder",
    "Network",
    "PseudoVoice",
    "SpeakerProfile",
    "SpeakerRemoval",
    "Synthesizer",
    "TemplateModel",
    "aperiodicity_edges_hz",
    "built_levels",
    "cpu_supports",
    "usable_levels",
]

_Float32: TypeAlias = npt.NDArray[np.float32]
_Float64: TypeAlias = npt.NDArray[np.float64]

LEVELS: tuple[str, ...]
LEVEL: str
LANES: int

def built_levels() -> tuple[str, ...]: ...
def usable_levels() -> tuple[str, ...]: ...
def cpu_supports(level: str) -> bool: ...
def aperiodicity_edges_hz(rate: int) -> list[float]: ...

# pybind11 gives its classes a metaclass of its own, which no module names.
class _Pybind11Type(type): ...

# Rows of Analyzer: f0_hz | level_db | aperiodicity per band | cepstrum or its image under `basis`.
@final
class Analyzer(metaclass=_Pybind11Type):
    def __init__(
        self,
        rate: int,
        *,
        order: int = ...,
        basis: _Float32 | None = ...,
        f0_floor_hz: float = ...,
        f0_ceil_hz: float = ...,
        lookahead_frames: int = ...,
        voicing_threshold: float = ...,
    ) -> None: ...
    @property
    def hop(self) -> int: ...
    @property
    def bands(self) -> int: ...
    @property
    def row_size(self) -> int: ...
    @property
    def latency_samples(self) -> int: ...
    def reset(self) -> None: ...
    def process(self, samples: _Float32) -> _Float32: ...
    def finish(self) -> _Float32: ...

@final
class Synthesizer(metaclass=_Pybind11Type):
    def __init__(
        self,
        rate: int,
        *,
        values: int,
        noise_key: int,
        basis: _Float32 | None = ...,
        bias: _Float32 | None = ...,
    ) -> None: ...
    @property
    def row_size(self) -> int: ...
    @property
    def latency_samples(self) -> int: ...
    def reset(self) -> None: ...
    def process(self, rows: _Float32) -> _Float32: ...
    def finish(self, total_samples: int) -> _Float32: ...

@final
class TemplateModel(metaclass=_Pybind11Type):
    def __init__(
        self,
        *,
        warp: _Float32,
        warp_log_det: _Float32,
        mean: _Float32,
        deviation: _Float32,
        aperiodicity: _Float32,
        log_f0_mean: float,
        log_f0_deviation: float,
    ) -> None: ...
    @property
    def values(self) -> int: ...
    @property
    def bands(self) -> int: ...
    def set_mixture(
        self, kind: int, weight: _Float32, mean: _Float32, variance: _Float32
    ) -> None: ...

@final
class SpeakerProfile(metaclass=_Pybind11Type):
    def __init__(self, model: TemplateModel, *, residual: float = ...) -> None: ...
    @property
    def active_level_db(self) -> float: ...
    @property
    def voiced_frames(self) -> float: ...
    @property
    def warp_index(self) -> int: ...
    @property
    def log_f0_mean(self) -> float: ...
    @property
    def log_f0_deviation(self) -> float: ...
    def reset(self) -> None: ...
    def update(self, rows: _Float32) -> None: ...
    def refresh(self) -> None: ...
    def state(self) -> _Float64: ...
    def set_state(self, state: _Float64) -> None: ...

@final
class SpeakerRemoval(metaclass=_Pybind11Type):
    def __init__(
        self,
        model: TemplateModel,
        profile_state: _Float64 | None,
        *,
        residual: float,
        pitch_prior_frames: float = ...,
        pitch_levels: int,
        detail_order: int,
        value_step: float,
    ) -> None: ...
    @property
    def description_size(self) -> int: ...
    def reset(self) -> None: ...
    def process(self, rows: _Float32) -> _Float32: ...

@final
class PseudoVoice(metaclass=_Pybind11Type):
    def __init__(
        self,
        model: TemplateModel,
        *,
        f0_hz: float,
        f0_spread: float,
        colour: Sequence[float],
        breathiness: float,
        gain_db: float,
        gate_db: float,
        bands: int = ...,
    ) -> None: ...
    def process(self, description: _Float32) -> _Float32: ...

@final
class BottleneckModel(metaclass=_Pybind11Type):
    def __init__(
        self,
        *,
        voices: TemplateModel,
        levels: Sequence[int],
        input_mean: _Float32,
        input_scale: _Float32,
        encoder_sizes: tuple[int, int, int],
        encoder_blocks: Sequence[tuple[int, int]],
        encoder_weights: _Float32,
        encoder_biases: _Float32,
        decoder_sizes: tuple[int, int, int],
        decoder_blocks: Sequence[tuple[int, int]],
        decoder_weights: _Float32,
        decoder_biases: _Float32,
    ) -> None: ...
    @property
    def digits(self) -> int: ...
    @property
    def voice_size(self) -> int: ...

# Frames: digits of a unit | voiced | level in steps of 6 dB | pitch in deviations.
@final
class ContentEncoder(metaclass=_Pybind11Type):
    def __init__(
        self,
        model: BottleneckModel,
        *,
        digits: int,
        pitch_levels: int,
        level_steps: int = ...,
        accent: Sequence[float] = ...,
    ) -> None: ...
    @property
    def frame_size(self) -> int: ...
    @property
    def lookahead_rows(self) -> int: ...
    def reset(self) -> None: ...
    def process(self, rows: _Float32) -> _Float32: ...
    def finish(self) -> _Float32: ...

@final
class ContentDecoder(metaclass=_Pybind11Type):
    def __init__(self, model: BottleneckModel, *, voice: Sequence[float]) -> None: ...
    @property
    def row_size(self) -> int: ...
    @property
    def lookahead_rows(self) -> int: ...
    def reset(self) -> None: ...
    def process(self, frames: _Float32) -> _Float32: ...
    def finish(self) -> _Float32: ...

@final
class Network(metaclass=_Pybind11Type):
    def __init__(
        self,
        *,
        sizes: tuple[int, int, int],
        blocks: Sequence[tuple[int, int]],
        weights: _Float32,
        biases: _Float32,
    ) -> None: ...
    def whole(self, rows: _Float32) -> _Float32: ...
