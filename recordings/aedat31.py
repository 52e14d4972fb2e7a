"""AEDAT 3.1 read: packets of many types, of which the polarity events are wanted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from drivers.events import EVENT_DTYPE, SensorSize
from recordings.aedat31_writer import HEADER_DTYPE, POLARITY, POLARITY_DTYPE
from recordings.reading import (
    BLOCK_EVENTS,
    Chunk,
    FileDamage,
    ReadCounts,
    header_lines,
    not_readable,
    open_file,
)

END_LINE = b"#!END-HEADER"
FALLBACK = SensorSize(128, 128)
"""For a file whose header names no camera that we know: the sensor of the DvsGesture set."""

_SIZES = (
    ("DVS128", SensorSize(128, 128)),
    ("DAVIS128", SensorSize(128, 128)),
    ("DAVIS208", SensorSize(208, 192)),
    ("DAVIS240", SensorSize(240, 180)),
    ("DAVIS346", SensorSize(346, 260)),
    ("DAVIS640", SensorSize(640, 480)),
    ("DAVISHET640", SensorSize(640, 480)),
)
_SPECIAL, _POINT4D = 0, 12
_FIRST_USER_TYPE = 100
_MAX_BODY = 1 << 28
"""Bytes; a longer packet is taken for damage. Real ones stay far below."""


class Aedat31Reader:
    """Polarity events of an AEDAT 3.1 file.

    Row 0 is the upper one in this format already. Packets of other types are passed over.
    Where several sources have polarity events, those of the first one met are read.
    """

    def __init__(self, path: Path) -> None:
        """Read the header. Raises `InputError` where it is not one of AEDAT 3.1."""
        self._path = path
        with open_file(path) as file:
            lines = header_lines(file, path, END_LINE)
            self._start = file.tell()
        if not lines or lines[0] != "#!AER-DAT3.1" or lines[-1].encode() != END_LINE:
            raise not_readable(
                path,
                self._start,
                "a header without its end" if lines else "no header",
                f"#!AER-DAT3.1, more lines, {END_LINE.decode()}",
            )
        formats = [line for line in lines if line.startswith("#Format:")]
        if formats and formats[0].partition(":")[2].strip() not in ("RAW", "0x00"):
            raise not_readable(path, 0, formats[0], "#Format: RAW")
        self.sensor, self.notes = _sensor(lines)

    def chunks(self, counts: ReadCounts) -> Iterator[Chunk]:
        """See `Reader`."""
        size = self._path.stat().st_size
        gathered = _Gathered(self._start)
        source: int | None = None
        with open_file(self._path) as file:
            offset = file.seek(self._start)
            damage: FileDamage | None = None
            while offset < size:
                head = file.read(HEADER_DTYPE.itemsize)
                header = _Header(head) if len(head) == HEADER_DTYPE.itemsize else None
                if header is None:
                    damage = FileDamage(offset, f"packet header of 28 bytes cut at {len(head)}")
                    break
                if not header.sane:
                    damage = FileDamage(offset, f"no packet header but {head.hex(' ', 4)}")
                    break
                if offset + len(head) + header.body > size:
                    left = size - offset - len(head)
                    damage = FileDamage(
                        offset, f"packet of {header.body} bytes cut after {left} bytes"
                    )
                    break
                if header.kind == POLARITY and source in (None, header.source):
                    source = header.source
                    gathered.add(offset, header.overflow, file.read(header.body))
                    if gathered.events >= BLOCK_EVENTS:
                        yield gathered.take(counts)
                else:
                    if header.kind == POLARITY:
                        counts.other_streams += header.number
                    elif header.kind == _SPECIAL:
                        counts.special += header.number
                    file.seek(header.body, os.SEEK_CUR)
                offset += len(head) + header.body
        if gathered.events:
            yield gathered.take(counts)
        if damage is not None:
            raise damage


class _Header:
    """One packet header."""

    __slots__ = ("body", "kind", "number", "overflow", "sane", "source")

    def __init__(self, data: bytes) -> None:
        (row,) = np.frombuffer(data, dtype=HEADER_DTYPE).tolist()
        self.kind, self.source, size, time_offset, self.overflow, capacity, self.number, valid = row
        self.body: int = size * self.number
        self.sane: bool = (
            (0 <= self.kind <= _POINT4D or self.kind >= _FIRST_USER_TYPE)
            and 0 <= valid <= self.number <= capacity
            and size > 0
            and 0 <= time_offset <= size
            and self.overflow >= 0
            and self.body <= _MAX_BODY
            and (self.kind != POLARITY or size == POLARITY_DTYPE.itemsize)
        )


class _Gathered:
    """Bodies of packets that wait to be decoded together: small packets cost as little as big."""

    def __init__(self, offset: int) -> None:
        self.events = 0
        self._offset = offset
        self._bodies: list[bytes] = []
        self._overflows: list[int] = []

    def add(self, offset: int, overflow: int, body: bytes) -> None:
        if not self._bodies:
            self._offset = offset
        self._bodies.append(body)
        self._overflows.append(overflow)
        self.events += len(body) // POLARITY_DTYPE.itemsize

    def take(self, counts: ReadCounts) -> Chunk:
        raw = np.frombuffer(b"".join(self._bodies), dtype=POLARITY_DTYPE)
        lengths = [len(body) // POLARITY_DTYPE.itemsize for body in self._bodies]
        high = np.repeat(np.array(self._overflows, dtype=np.int64) << 31, lengths)
        data = raw["data"]
        events = np.empty(raw.size, dtype=EVENT_DTYPE)
        events["t"] = (high + raw["t"]).view(np.uint64)
        events["x"] = data >> np.uint32(17)
        events["y"] = (data >> np.uint32(2)) & np.uint32(0x7FFF)
        events["on"] = (data & np.uint32(2)) != 0
        valid = (data & np.uint32(1)) != 0
        if not valid.all():
            events = events[valid]
            counts.invalid += raw.size - events.size
        self._bodies, self._overflows, self.events = [], [], 0
        return Chunk(self._offset, events)


def _sensor(lines: list[str]) -> tuple[SensorSize, tuple[str, ...]]:
    """The sensor's size and what had to be assumed for it."""
    for line in lines:
        own = re.fullmatch(r"#Sensor-Size: (\d{1,5})x(\d{1,5})", line)
        if own:
            return SensorSize(int(own[1]), int(own[2])), ()
    for line in lines:
        source = re.fullmatch(r"#Source \d+:\s*(.*)", line)
        for name, size in _SIZES:
            if source and source[1].upper().startswith(name):
                return size, ()
    return FALLBACK, ("the header names no known camera: 128x128 pixels assumed",)
