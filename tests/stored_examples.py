"""Descriptions and measures of every kind that may be stored, and files taken apart."""

import struct
from hashlib import blake2b

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from voiceanon import Abstraction, Measures
from voiceanon.checks.assessment import MEASURES
from voiceanon.measures import GRIDS, LENGTH_GRID

KEY = bytes(range(32))
HEX_NAMES = st.binary(min_size=8, max_size=8).map(bytes.hex)
HEADER_BYTES, SUM_BYTES = 12, 16


@st.composite
def abstractions(draw: st.DrawFn) -> Abstraction:
    """Return any description that may be stored: from silence to noise in every value."""
    frames, digits = draw(st.integers(0, 40)), draw(st.integers(1, 6))
    rate = draw(st.sampled_from([8_000, 11_025, 16_000, 44_100, 192_000]))
    about = frames * rate // 50
    # Two frames either way, less what was rounded off.
    n_samples = draw(st.integers(max(0, about - rate // 25 + 1), about + rate // 25))

    def values(shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
        usual = st.integers(low, high)
        return draw(hnp.arrays(np.int8, shape, elements=draw(st.sampled_from([usual, ANY]))))

    return Abstraction(
        units=values((frames, digits), -1, 1),
        voiced=draw(hnp.arrays(np.bool_, frames)),
        energy=values((frames,), -8, 2),
        pitch=values((frames,), -2, 2),
        pitch_levels=draw(st.sampled_from([1, 4, 16, 17, 256])),
        n_samples=n_samples,
        rate=rate,
        model=draw(HEX_NAMES),
        recipe=draw(st.just("") | HEX_NAMES.filter(lambda name: int(name, 16) > 0)),
    )


ANY = st.integers(-128, 127)

numbers = st.one_of(st.none(), st.floats(-1e6, 1e6))


@st.composite
def measures(draw: st.DrawFn, *, transcripts: bool = True) -> Measures:
    """Return any measures."""
    measured = {name: draw(numbers) for name in MEASURES}
    text = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    transcript = draw(text) if transcripts else None
    return Measures.of(measured, length_s=draw(numbers), transcript=transcript)


@st.composite
def alike(draw: st.DrawFn) -> Measures:
    """Return measures of few values, so that some rows are like others."""
    values = [
        draw(st.none() | st.integers(0, 3).map(lambda i, g=GRIDS[name]: g.value(i % g.places)))
        for name in MEASURES[:3]
    ]
    length_s = LENGTH_GRID.value(draw(st.integers(0, 2)))
    return Measures((*values, *[None] * (len(MEASURES) - 3)), length_s)


def signed(data: bytes) -> bytes:
    """Return the bytes of a file with its checksum made to agree."""
    whole = data[:-SUM_BYTES]
    return whole + blake2b(whole, digest_size=SUM_BYTES).digest()


def taken_apart(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return header and chunks of a file that is not encrypted, by the documented bytes."""
    chunks, at = [], HEADER_BYTES
    while at < len(data) - SUM_BYTES:
        name, length = struct.unpack_from("<4sI", data, at)
        chunks.append((name, data[at + 8 : at + 8 + length]))
        at += 8 + length
    assert at == len(data) - SUM_BYTES
    return data[:HEADER_BYTES], chunks


def put_together(header: bytes, chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(struct.pack("<4sI", name, len(part)) + part for name, part in chunks)
    return signed(header + body + bytes(SUM_BYTES))
