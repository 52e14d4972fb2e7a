"""AEDAT4 read, through the `aedat` package."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import aedat
import flatbuffers.table
import lz4.frame
import zstandard
from flatbuffers import number_types

from drivers.events import EVENT_DTYPE, Events, SensorSize
from recordings.aedat4_writer import NO_TABLE, VERSION_LINE
from recordings.expansion import most_expanded
from recordings.reading import (
    Chunk,
    FileDamage,
    ReadCounts,
    not_readable,
    open_file,
    reraise_unless_failure,
)

_PACKET_HEADER = 8
_MAX_IO_HEADER = 1 << 24
_PIECE = 1 << 16
_MAX_PACKET = 1 << 26
"""Bytes of a packet once decompressed; real ones stay below a tenth of it."""
_MAX_TABLE = 1 << 28
"""Bytes of the table of packets once decompressed: those of a recording of weeks."""
_NOT_COMPRESSED = 0


def _zstd_frame() -> Any:
    return zstandard.ZstdDecompressor().decompressobj()


# The format's numbers for LZ4 and Zstandard, each also in a slower, smaller flavour.
_DECOMPRESSORS: dict[int, Callable[[], Any]] = {
    1: lz4.frame.LZ4FrameDecompressor,
    2: lz4.frame.LZ4FrameDecompressor,
    3: _zstd_frame,
    4: _zstd_frame,
}


class Aedat4Reader:
    """The first stream of events (the one with the lowest number) of an AEDAT4 file.

    Frames, inertial samples and triggers are passed over. Row 0 is the upper one already.
    """

    def __init__(self, path: Path) -> None:
        """Read the header. Raises `InputError` where it is not one of AEDAT4."""
        self._path = path
        self._layout = _read_layout(path)
        try:
            streams: dict[int, dict[str, Any]] = aedat.Decoder(str(path)).id_to_stream()
        except BaseException as error:
            reraise_unless_failure(error)
            raise not_readable(
                path, len(VERSION_LINE), str(error), "a header of AEDAT4 with its streams"
            ) from error
        sized = [(number, streams[number]) for number in sorted(streams)]
        events = [(number, stream) for number, stream in sized if stream["type"] == "events"]
        chosen = events or [item for item in sized if "width" in item[1]]
        if not chosen:
            raise not_readable(
                path, len(VERSION_LINE), "no stream with a sensor", "a stream of events or frames"
            )
        self._stream: int | None = chosen[0][0] if events else None
        self.sensor = SensorSize(int(chosen[0][1]["width"]), int(chosen[0][1]["height"]))
        notes = []
        if not events:
            notes.append("the file has no stream of events")
        if len(events) > 1:
            others = ", ".join(str(number) for number, _ in events[1:])
            notes.append(f"stream {self._stream} is read; further streams of events: {others}")
        self.notes: tuple[str, ...] = tuple(notes)

    def chunks(self, counts: ReadCounts) -> Iterator[Chunk]:
        """See `Reader`."""
        decoder = iter(aedat.Decoder(str(self._path)))
        for offset in self._layout.packets(self._path):
            try:
                packet = next(decoder)
            except BaseException as error:
                reraise_unless_failure(error)
                raise FileDamage(offset, f"packet cannot be read ({error})") from error
            if "events" not in packet:
                continue
            found = packet["events"]
            if packet["stream_id"] != self._stream:
                counts.other_streams += found.size
                continue
            # Its dtype has our layout and differs in a title of the last field alone.
            events: Events = found.view(EVENT_DTYPE)
            yield Chunk(offset, events)
        self._layout.check_end(self._path)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the packets begin, and where the header says that the data table is."""

    start: int
    table_at: int
    compression: int

    def packets(self, path: Path) -> Iterator[int]:
        """Byte at which each packet begins.

        Raises `FileDamage` for one that is not whole or promises to grow beyond reason, before
        the library takes memory for it.
        """
        size = path.stat().st_size
        end = size if self.table_at == NO_TABLE else min(size, self.table_at)
        offset = self.start
        with open_file(path) as file:
            while offset < end:
                length = self._checked_length(file.fileno(), offset, size)
                yield offset
                offset += _PACKET_HEADER + length

    def _checked_length(self, file: int, offset: int, size: int) -> int:
        head = os.pread(file, _PACKET_HEADER, offset)
        if len(head) < _PACKET_HEADER:
            raise FileDamage(offset, f"packet header of {_PACKET_HEADER} bytes cut")
        length = int.from_bytes(head[4:], "little", signed=True)
        left = size - offset - len(head)
        if not 0 <= length <= left:
            raise FileDamage(offset, f"packet of {length} bytes cut after {left} bytes")
        most = length
        if self.compression != _NOT_COMPRESSED:
            most = most_expanded(os.pread(file, length, offset + len(head)))
        if most > _MAX_PACKET:
            raise FileDamage(
                offset, f"packet of up to {most} bytes decompressed; allowed: {_MAX_PACKET}"
            )
        return length

    def check_end(self, path: Path) -> None:
        """Raise `FileDamage` for a file that ends between two packets, before its table."""
        size = path.stat().st_size
        if self.table_at == NO_TABLE:
            raise FileDamage(size, "the recording was never closed; what came next is missing")
        if self.table_at >= size:
            raise FileDamage(
                size, f"end of the file; it should go on to its data table at {self.table_at}"
            )
        if not self._table_is_whole(path):
            raise FileDamage(self.table_at, "the table of packets is cut; no event is missing")

    def _table_is_whole(self, path: Path) -> bool:
        with open_file(path) as file:
            file.seek(self.table_at)
            if self.compression in _DECOMPRESSORS:
                left = path.stat().st_size - self.table_at
                if left > _MAX_TABLE or most_expanded(file.read(left)) > _MAX_TABLE:
                    return False
                file.seek(self.table_at)
            else:
                head = file.read(4)
                length = self.table_at + len(head) + int.from_bytes(head, "little")
                return len(head) == 4 and length <= path.stat().st_size
            frame = _DECOMPRESSORS[self.compression]()
            try:
                while not frame.eof and (piece := file.read(_PIECE)):
                    frame.decompress(piece)
            except (RuntimeError, zstandard.ZstdError):
                return False
            return bool(frame.eof)


def _read_layout(path: Path) -> _Layout:
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        version = file.read(len(VERSION_LINE))
        if version != VERSION_LINE:
            raise not_readable(path, 0, repr(version), repr(VERSION_LINE))
        at = len(VERSION_LINE)
        length = int.from_bytes(file.read(4), "little")
        if not 8 <= length <= min(size - at - 4, _MAX_IO_HEADER):
            raise not_readable(
                path, at, f"a header of {length} bytes in a file of {size}", "a whole header"
            )
        data = file.read(length)
    if data[4:8] != b"IOHE":
        raise not_readable(path, at + 8, repr(data[4:8]), "b'IOHE'")
    try:
        table = flatbuffers.table.Table(data, int.from_bytes(data[:4], "little"))
        field = table.Offset(6)
        table_at = table.Get(number_types.Int64Flags, field + table.Pos) if field else NO_TABLE
        field = table.Offset(4)
        compression = table.Get(number_types.Int32Flags, field + table.Pos) if field else 0
        field = table.Offset(8)
        text = table.String(field + table.Pos).decode("utf-8") if field else ""
        if "<!" in text.replace("<!--", ""):
            raise ValueError("a description that declares entities of its own")
        # The decoder panics, with a trace on standard error, on a description that is no XML.
        ElementTree.fromstring(text)
    except Exception as error:
        raise not_readable(path, at, f"a broken header ({error})", "a header of AEDAT4") from error
    return _Layout(at + 4 + length, int(table_at) if table_at > 0 else NO_TABLE, int(compression))
