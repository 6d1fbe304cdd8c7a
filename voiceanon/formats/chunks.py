"""Walking the chunks of a container without believing their sizes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from voiceanon.errors import RecordingError
from voiceanon.formats.source import Source

__all__ = ["Chunk", "Layout", "is_printable", "tidy_to_end", "walk"]

# Broadcast recordings carry a few dozen. The cap keeps a file of nothing but chunks cheap.
MAX_CHUNKS = 1024


@dataclass(frozen=True)
class Layout:
    """How one family of containers writes a chunk header."""

    id_bytes: int
    size_format: str
    alignment: int
    size_counts_header: bool = False

    @property
    def header_bytes(self) -> int:
        """Bytes of identifier and size together."""
        return self.id_bytes + struct.calcsize(self.size_format)


@dataclass(frozen=True)
class Chunk:
    """One chunk: `size` is what its header states, not what the file holds."""

    name: bytes
    body: int
    size: int
    room: int

    @property
    def overruns(self) -> bool:
        """Whether the stated size passes the end of the file."""
        return self.size > self.room


def walk(source: Source, start: int, layout: Layout) -> Iterator[Chunk]:
    """Chunks from offset `start`; the last one yielded may overrun the file.

    Raises
    ------
    RecordingError
        If a size is negative or there are more than `MAX_CHUNKS` chunks.
    """
    offset = start
    for _ in range(MAX_CHUNKS):
        if offset + layout.header_bytes > source.size:
            return
        header = source.exactly(offset, layout.header_bytes, "a chunk header")
        (size,) = struct.unpack(layout.size_format, header[layout.id_bytes :])
        if layout.size_counts_header:
            size -= layout.header_bytes
        body = offset + layout.header_bytes
        chunk = Chunk(header[: layout.id_bytes], body, size, source.size - body)
        yield chunk
        if size < 0:
            raise RecordingError("damaged: a chunk states a negative size")
        if chunk.overruns:
            return
        offset = body + size + -size % layout.alignment
    raise RecordingError(f"holds more than {MAX_CHUNKS} chunks")


def is_printable(name: bytes) -> bool:
    """Whether a four-letter chunk name is made of printable ASCII."""
    return all(0x20 <= byte <= 0x7E for byte in name)


def tidy_to_end(source: Source, start: int, layout: Layout) -> bool:
    """Whether only whole, plausible chunks (or fewer than 8 bytes) lie from `start` to the end.

    A recorder that crashed leaves a data size of 0 with the audio behind it; that audio does not
    read as a row of whole chunks.
    """
    end = start
    for chunk in walk(source, start, layout):
        if chunk.size < 0 or chunk.overruns or not is_printable(chunk.name[:4]):
            return False
        end = chunk.body + chunk.size
    return source.size - end < 8
