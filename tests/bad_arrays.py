"""The table of bad and of odd arrays that is thrown at every public entry.

Every row of `BAD` must be refused with an InputError whose message matches its pattern; every row
of `ODD` is unusual but right and must be accepted. A row makes its array anew each time, so that a
test that changes it harms no other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

RATE = 16_000
N = 1_600


@dataclass(frozen=True)
class Row:
    """One array and rate, and for a bad one the pattern its refusal must match."""

    name: str
    samples: Callable[[], Any]
    rate: Any = RATE
    says: str = ""


def tone(dtype: Any = np.float32, shape: tuple[int, ...] = (N,)) -> np.ndarray:
    """Return a quiet 200 Hz tone, the same in every channel."""
    n = shape[-1]
    wave = 0.1 * np.sin(2 * np.pi * 200 * np.arange(n) / RATE)
    if np.dtype(dtype).kind == "i":
        wave = np.rint(wave * 32_767)
    return np.ascontiguousarray(np.broadcast_to(wave, shape)).astype(dtype)


def tone_with(value: float, dtype: Any = np.float32) -> np.ndarray:
    wave = tone(dtype)
    wave[700] = value
    return wave


def read_only() -> np.ndarray:
    wave = tone()
    wave.flags.writeable = False
    return wave


class Quacks:
    """Converts to an array but is none."""

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return tone()


_NOT_AN_ARRAY = "samples is .*must be a NumPy array of float32, float64 or int16"
_DTYPE = "dtype .*must be float32, float64 or int16"
_RATE = "rate is .*whole number of samples a second from 8000 to 192000"

BAD_ROWS = (
    Row("nan", lambda: tone_with(np.nan), says=r"samples\[0, 700\] is nan.*finite"),
    Row("nan in float64", lambda: tone_with(np.nan, np.float64), says=r"\[0, 700\] is nan"),
    Row("plus infinity", lambda: tone_with(np.inf), says=r"\[0, 700\] is inf.*finite"),
    Row("minus infinity", lambda: tone_with(-np.inf), says=r"\[0, 700\] is -inf.*finite"),
    Row("only nan", lambda: np.full(N, np.nan), says=r"\[0, 0\] is nan"),
    Row("infinite beside huge", lambda: tone_with(-np.inf) * 1e30, says=r"\[0, 700\] is -inf"),
    Row(
        "nan in one channel",
        lambda: np.stack([tone(), tone_with(np.nan)]),
        says=r"samples\[1, 700\] is nan",
    ),
    Row("empty", lambda: tone()[:0], says=r"shape \(0,\).*at least 2"),
    Row("one sample", lambda: tone()[:1], says=r"shape \(1,\).*at least 2"),
    Row("channels without samples", lambda: np.zeros((2, 0), "f4"), says=r"\(2, 0\).*at least 2"),
    Row("no channels", lambda: np.zeros((0, N), "f4"), says="0 channels.*1 to 64"),
    Row("no dimensions", lambda: np.array(0.5, "f4"), says="0 dimensions"),
    Row("three dimensions", lambda: tone(shape=(1, 2, N)), says="3 dimensions.*channels, n"),
    Row("samples first", lambda: tone(shape=(2, N)).T, says="1600 channels.*transpose"),
    Row("one column", lambda: tone()[:, None], says="1600 channels.*transpose"),
    Row("65 channels", lambda: tone(shape=(65, N)), says="65 channels.*1 to 64"),
    Row("objects", lambda: tone().astype(object), says=_DTYPE),
    Row("text", lambda: np.array(["a", "b", "c"]), says=_DTYPE),
    Row("bytes", lambda: np.array([b"a", b"b", b"c"]), says=_DTYPE),
    Row("booleans", lambda: tone() > 0, says=_DTYPE),
    Row("complex", lambda: tone().astype(np.complex64), says=_DTYPE),
    Row("float16", lambda: tone().astype(np.float16), says=_DTYPE),
    Row("long double", lambda: tone().astype(np.longdouble), says=_DTYPE),
    Row("int8", lambda: np.zeros(N, np.int8), says=_DTYPE),
    Row("int32", lambda: np.zeros(N, np.int32), says=_DTYPE),
    Row("int64", lambda: np.zeros(N, np.int64), says=_DTYPE),
    Row("uint8", lambda: np.zeros(N, np.uint8), says=_DTYPE),
    Row("uint16", lambda: np.zeros(N, np.uint16), says=_DTYPE),
    Row("dates", lambda: np.zeros(N, "M8[s]"), says=_DTYPE),
    Row("records", lambda: np.zeros(N, [("left", "f4"), ("right", "f4")]), says=_DTYPE),
    Row("masked", lambda: np.ma.masked_array(tone(), tone() > 0), says="masked"),
    Row("none", lambda: None, says=_NOT_AN_ARRAY),
    Row("a list", lambda: tone().tolist(), says=_NOT_AN_ARRAY),
    Row("raw bytes", lambda: tone().tobytes(), says=_NOT_AN_ARRAY),
    Row("a number", lambda: 0.5, says=_NOT_AN_ARRAY),
    Row("a path", lambda: "speech.wav", says=_NOT_AN_ARRAY),
    Row("an array's look-alike", Quacks, says=_NOT_AN_ARRAY),
    Row("rate 0", tone, rate=0, says=_RATE),
    Row("rate below", tone, rate=7_999, says=_RATE),
    Row("rate above", tone, rate=192_001, says=_RATE),
    Row("rate negative", tone, rate=-16_000, says=_RATE),
    Row("rate not whole", tone, rate=16_000.5, says=_RATE),
    Row("rate nan", tone, rate=float("nan"), says=_RATE),
    Row("rate infinite", tone, rate=float("inf"), says=_RATE),
    Row("rate true", tone, rate=True, says=_RATE),
    Row("rate text", tone, rate="16000", says=_RATE),
    Row("rate none", tone, rate=None, says=_RATE),
    Row("rate complex", tone, rate=16_000 + 0j, says=_RATE),
    Row("rate an array", tone, rate=np.array([16_000]), says=_RATE),
    Row("rate huge", tone, rate=10**400, says=_RATE),
)

ODD_ROWS = (
    Row("two samples", lambda: tone()[100:102]),
    Row("every third sample", lambda: tone(shape=(3 * N,))[::3]),
    Row("backwards", lambda: tone()[::-1]),
    Row("read-only", read_only),
    Row("big-endian float32", lambda: tone(">f4")),
    Row("big-endian float64", lambda: tone(">f8")),
    Row("big-endian int16", lambda: tone(">i2")),
    Row("Fortran order", lambda: np.asfortranarray(tone(shape=(2, N)))),
    Row("transposed", lambda: np.ascontiguousarray(tone(shape=(2, N)).T).T),
    Row("repeated without memory", lambda: np.broadcast_to(tone(), (4, N))),
    Row("one channel", lambda: tone(shape=(1, N))),
    Row("64 channels", lambda: tone(shape=(64, 100))),
    Row("unaligned", lambda: np.frombuffer(b"\0" + tone().tobytes(), "f4", offset=1)),
    Row("unscaled 16-bit values", lambda: tone() * 32_767),
    Row("far out of range", lambda: tone_with(-1e6)),
    Row("the largest float32", lambda: tone_with(np.finfo(np.float32).max)),
    Row("beyond float32", lambda: tone_with(1e300, np.float64)),
    Row("only huge", lambda: np.full((2, N), -1e308)),
    Row("subnormals", lambda: np.full(N, 1e-42, "f4")),
    Row("negative zeros", lambda: np.full(N, -0.0, "f4")),
    Row("int16 at its limits", lambda: np.tile(np.array([-32_768, 32_767], "i2"), N // 2)),
    Row("lowest rate", tone, rate=8_000),
    Row("highest rate", tone, rate=192_000),
    Row("NumPy's rate", tone, rate=np.int32(22_050)),
    Row("whole rate as a float", tone, rate=44_100.0),
)

# A stream checks its rate once, when it is made, and takes chunks of any length.
BAD_CHUNK_ROWS = tuple(
    row for row in BAD_ROWS if not row.name.startswith("rate ") and "at least 2" not in row.says
)

# For a test of one entry: `@BAD` above `def test_…(row)`, then `with refuses(row): entry(…)`.
BAD = pytest.mark.parametrize("row", BAD_ROWS, ids=[row.name for row in BAD_ROWS])
ODD = pytest.mark.parametrize("row", ODD_ROWS, ids=[row.name for row in ODD_ROWS])


BAD_CHUNK = pytest.mark.parametrize("row", BAD_CHUNK_ROWS, ids=[row.name for row in BAD_CHUNK_ROWS])


def refuses(row: Row) -> Any:
    """Return the context in which a public entry must refuse a row of `BAD`."""
    from voiceanon.errors import InputError

    return pytest.raises(InputError, match=f"(?s){row.says}")
