"""AEDAT4 written packet by packet: flatbuffers, compressed with Zstandard or LZ4."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import flatbuffers
import lz4.frame
import numpy as np
import zstandard

from drivers.errors import InputError
from drivers.events import Events, SensorSize
from recordings.event_writer import EventWriter

Compression = Literal["zstd", "lz4"]

VERSION_LINE = b"#!AER-DAT4.0\r\n"
NO_TABLE = -1
"""Position of the data table while there is none: readers then walk through the packets."""

STRUCT_DTYPE = np.dtype(
    {
        "names": ["t", "x", "y", "on"],
        "formats": ["<i8", "<i2", "<i2", "?"],
        "offsets": [0, 8, 10, 12],
        "itemsize": 16,
    }
)
"""One event as a flatbuffers struct of the format: `t`, `x`, `y`, `on`, three bytes of padding."""

_STREAM_ID = 0
_COMPRESSION_CODES: dict[Compression, int] = {"lz4": 1, "zstd": 3}
_ZSTD_LEVEL = 6
"""Real recordings come out smallest at this level: 12 % below level 1, and no larger at 9."""

_INFO = """<dv version="2.0">
    <node name="outInfo" path="/mainloop/Recorder/outInfo/">
        <node name="0" path="/mainloop/Recorder/outInfo/0/">
            <attr key="compression" type="string">{compression}</attr>
            <attr key="originalModuleName" type="string">capture</attr>
            <attr key="originalOutputName" type="string">events</attr>
            <attr key="typeDescription" type="string">Array of events (polarity ON/OFF).</attr>
            <attr key="typeIdentifier" type="string">EVTS</attr>
            <node name="info" path="/mainloop/Recorder/outInfo/0/info/">
                <attr key="sizeX" type="int">{width}</attr>
                <attr key="sizeY" type="int">{height}</attr>
                <attr key="source" type="string">wigwag</attr>
            </node>
        </node>
    </node>
</dv>
"""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One packet in the data table."""

    offset: int
    size: int
    events: int
    first_us: int
    last_us: int


class Aedat4Writer(EventWriter):
    """An AEDAT4 file with one stream of events, as dv-processing, aedat and faery read it.

    Zstandard makes smaller files than LZ4 and every reader knows it. The table of packets is
    added by `close`; a file that was never closed lacks only that.
    """

    def __init__(
        self, path: Path, sensor: SensorSize, *, compression: Compression = "zstd"
    ) -> None:
        """See `EventWriter`; also raises `InputError` for an unknown compression."""
        if compression not in _COMPRESSION_CODES:
            raise InputError(
                what="compression of AEDAT4",
                got=repr(compression),
                allowed="'zstd' or 'lz4'",
                todo="choose one of the two",
            )
        self._compression: Compression = compression
        self._zstd = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True)
        self._entries: list[_Entry] = []
        self._end = 0
        super().__init__(path, sensor)

    def _header(self) -> bytes:
        data = VERSION_LINE + self._io_header(NO_TABLE)
        self._end = len(data)
        return data

    def _packet(self, events: Events) -> bytes:
        payload = self._compress(_event_packet(events))
        head = np.array([_STREAM_ID, len(payload)], dtype="<i4").tobytes()
        self._end += len(head) + len(payload)
        first_us, last_us = int(events["t"][0]), int(events["t"][-1])
        offset = self._end - len(payload)
        self._entries.append(_Entry(offset, len(payload), events.size, first_us, last_us))
        return head + payload

    def _finish(self) -> None:
        table_at = self._end
        self._put(self._compress(_data_table(self._entries)))
        # Only now that the table is there does the header say so.
        self._put(self._io_header(table_at), offset=len(VERSION_LINE))

    def _compress(self, data: bytes) -> bytes:
        if self._compression == "zstd":
            return self._zstd.compress(data)
        return bytes(lz4.frame.compress(data, content_checksum=True))

    def _io_header(self, table_at: int) -> bytes:
        builder = flatbuffers.Builder(2048)
        # The position must take its eight bytes even at its default, to be written over later.
        builder.ForceDefaults(True)
        info = builder.CreateString(
            _INFO.format(
                compression=self._compression.upper(),
                width=self.sensor.width,
                height=self.sensor.height,
            )
        )
        builder.StartObject(3)
        builder.PrependInt32Slot(0, _COMPRESSION_CODES[self._compression], 0)
        builder.PrependInt64Slot(1, table_at, NO_TABLE)
        builder.PrependUOffsetTRelativeSlot(2, info, 0)
        builder.FinishSizePrefixed(builder.EndObject(), file_identifier=b"IOHE")
        return bytes(builder.Output())


def _event_packet(events: Events) -> bytes:
    """A size-prefixed flatbuffer of the format's EventPacket: one vector of structs."""
    structs = np.zeros(events.size, dtype=STRUCT_DTYPE)
    for field in ("t", "x", "y", "on"):
        structs[field] = events[field]
    data = structs.tobytes()
    builder = flatbuffers.Builder(len(data) + 128)
    builder.StartVector(STRUCT_DTYPE.itemsize, events.size, 8)
    # As Builder.CreateByteVector does it: the whole vector at once instead of byte by byte.
    builder.head -= len(data)
    builder.Bytes[builder.head : builder.head + len(data)] = data
    vector = builder.EndVector()
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, vector, 0)
    builder.FinishSizePrefixed(builder.EndObject(), file_identifier=b"EVTS")
    return bytes(builder.Output())


def _data_table(entries: list[_Entry]) -> bytes:
    """A size-prefixed flatbuffer of the format's FileDataTable: where each packet lies."""
    builder = flatbuffers.Builder(256 + 96 * len(entries))
    rows = []
    for entry in entries:
        builder.StartObject(5)
        builder.PrependInt64Slot(0, entry.offset, 0)
        builder.Prep(4, 8)
        builder.PrependInt32(entry.size)
        builder.PrependInt32(_STREAM_ID)
        builder.PrependStructSlot(1, builder.Offset(), 0)
        builder.PrependInt64Slot(2, entry.events, 0)
        builder.PrependInt64Slot(3, entry.first_us, 0)
        builder.PrependInt64Slot(4, entry.last_us, 0)
        rows.append(builder.EndObject())
    builder.StartVector(4, len(rows), 4)
    for row in reversed(rows):
        builder.PrependUOffsetTRelative(row)
    vector = builder.EndVector()
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, vector, 0)
    builder.FinishSizePrefixed(builder.EndObject(), file_identifier=b"FTAB")
    return bytes(builder.Output())
