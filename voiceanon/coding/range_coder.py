"""The range coder: symbols to bytes at nearly their information, by whole numbers alone.

A symbol owns an interval of the whole numbers below `TOTAL`; the coder narrows a range of 32 bits
to the symbol's share of it and hands out the bytes that are settled, with carries. Every machine
makes the same bytes.

Martin, "Range encoding: an algorithm for removing redundancy from a digitised message", 1979.
Witten, Neal, Cleary, "Arithmetic coding for data compression", Communications of the ACM, 1987.
Moffat, Neal, Witten, "Arithmetic coding revisited", ACM Transactions on Information Systems, 1998.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from voiceanon.errors import RecordingError

__all__ = ["TOTAL", "TOTAL_BITS", "RangeDecoder", "RangeEncoder"]

TOTAL_BITS = 14
TOTAL = 1 << TOTAL_BITS

_WORD_BYTES = 4
_WORD = 1 << 8 * _WORD_BYTES
# Below this a byte is settled; it leaves 10 bits for the rounding of a share.
_NARROW = _WORD >> 8


class RangeEncoder:
    """Turns intervals into bytes."""

    def __init__(self) -> None:
        self._low = 0
        self._width = _WORD - 1
        self._out = bytearray()

    def put(self, starts: Iterable[int], sizes: Iterable[int]) -> None:
        """Append symbols by their intervals.

        Parameters
        ----------
        starts, sizes : iterable of int
            Of each symbol's interval: ``0 <= start``, ``1 <= size``, ``start + size <= TOTAL``.
        """
        low, width, out = self._low, self._width, self._out
        for start, size in zip(starts, sizes, strict=True):
            step = width >> TOTAL_BITS
            low += step * start
            width = step * size
            if low >= _WORD:
                low -= _WORD
                _carry(out)
            while width < _NARROW:
                out.append(low >> 24)
                low = (low << 8) % _WORD
                width <<= 8
        self._low, self._width = low, width

    def finish(self) -> bytes:
        """Return all bytes; the last are as few as tell the range when zeros follow them."""
        for count in range(_WORD_BYTES + 1):
            rest = 1 << 8 * (_WORD_BYTES - count)
            value = -(-self._low // rest) * rest
            if value < self._low + self._width:
                break
        if value >= _WORD:
            value -= _WORD
            _carry(self._out)
        return bytes(self._out) + value.to_bytes(_WORD_BYTES, "big")[:count]


class RangeDecoder:
    """Turns bytes back into symbols.

    Parameters
    ----------
    data : bytes
        What `RangeEncoder.finish` returned, or anything else.
    """

    def __init__(self, data: bytes) -> None:
        self._length = len(data)
        self._data = data + bytes(_WORD_BYTES)
        self._code = int.from_bytes(self._data[:_WORD_BYTES], "big")
        self._at = _WORD_BYTES
        self._width = _WORD - 1

    def take(self, bounds: Sequence[int]) -> int:
        """Return the next symbol.

        Parameters
        ----------
        bounds : sequence of int
            Ascending from 0 to `TOTAL`; symbol i owns ``bounds[i]`` to ``bounds[i + 1] - 1``.

        Raises
        ------
        RecordingError
            If the bytes end too soon or are none that the encoder makes.
        """
        step = self._width >> TOTAL_BITS
        place = self._code // step
        if place >= TOTAL:
            raise RecordingError("is damaged: its tracks cannot be decoded")
        symbol = bisect_right(bounds, place) - 1
        start = bounds[symbol]
        self._code -= step * start
        width = step * (bounds[symbol + 1] - start)
        while width < _NARROW:
            if self._at == len(self._data):
                raise RecordingError("is damaged: its tracks end too soon")
            self._code = self._code << 8 | self._data[self._at]
            self._at += 1
            width <<= 8
        self._width = width
        return symbol

    def finish(self) -> None:
        """Refuse bytes that are left over.

        Raises
        ------
        RecordingError
            If there are any.
        """
        if self._length > self._at:
            raise RecordingError("is damaged: bytes follow its tracks")


def _carry(out: bytearray) -> None:
    """Add one to the number that the bytes are."""
    at = len(out) - 1
    while out[at] == 0xFF:
        out[at] = 0
        at -= 1
    out[at] += 1
