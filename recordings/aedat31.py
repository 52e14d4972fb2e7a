"""AEDAT 3.1 read: packets of many types, of which the polarity events are wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt

from drivers.events import EVENT_DTYPE, Events, SensorSize
from recordings.aedat31_writer import HEADER_DTYPE, POLARITY, POLARITY_DTYPE
from recordings.reading import (
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
_EVENT_BYTES = POLARITY_DTYPE.itemsize
_BLOCK_BYTES = 1 << 19
"""Read at once: some packets, also of the largest that cameras make."""
_NO_SOURCE = -(1 << 16)
"""Before the first polarity event: no source has this number."""


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
        offset = self._start
        source = _NO_SOURCE
        wanted = _BLOCK_BYTES
        with open_file(self._path) as file:
            while offset < size:
                file.seek(offset)
                block = file.read(wanted)
                wanted = _BLOCK_BYTES
                words = np.frombuffer(block, dtype="<u4", count=len(block) // 4)
                events = np.empty(words.size // 2, dtype=EVENT_DTYPE)
                used, found, source, *passed = _take_packets(words, source, events)
                counts.special += passed[0]
                counts.other_streams += passed[1]
                counts.invalid += passed[2]
                if found:
                    yield Chunk(offset, events[:found])
                offset += 4 * used
                if used:
                    continue
                # A packet that is broken, larger than the block or of an odd size.
                head = block[: HEADER_DTYPE.itemsize]
                header = _header(head, offset, size)
                if header.kind == POLARITY and source in (_NO_SOURCE, header.source):
                    wanted = len(head) + header.body
                    continue
                if header.kind == POLARITY:
                    counts.other_streams += header.number
                elif header.kind == _SPECIAL:
                    counts.special += header.number
                offset += len(head) + header.body


@dataclass(frozen=True, slots=True)
class _Header:
    """What matters of one packet header."""

    kind: int
    source: int
    number: int
    body: int
    """Bytes that follow."""


def _header(data: bytes, offset: int, file_size: int) -> _Header:
    """The header of the packet at a byte of the file; raises `FileDamage` where it is not whole."""
    if len(data) < HEADER_DTYPE.itemsize:
        raise FileDamage(offset, f"packet header of 28 bytes cut at {len(data)}")
    (fields,) = np.frombuffer(data, dtype=HEADER_DTYPE).tolist()
    kind, source, *sizes = fields
    if not _is_sane(kind, *sizes):
        raise FileDamage(offset, f"no packet header but {data.hex(' ', 4)}")
    header = _Header(kind, source, sizes[4], sizes[0] * sizes[4])
    left = file_size - offset - len(data)
    if header.body > left:
        raise FileDamage(offset, f"packet of {header.body} bytes cut after {left} bytes")
    return header


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _is_sane(
    kind: int, size: int, time_offset: int, overflow: int, capacity: int, number: int, valid: int
) -> bool:
    return (
        (0 <= kind <= _POINT4D or kind >= _FIRST_USER_TYPE)
        and 0 <= valid <= number <= capacity
        and size > 0
        and 0 <= time_offset <= size
        and overflow >= 0
        and size * number <= _MAX_BODY
        and (kind != POLARITY or size == _EVENT_BYTES)
    )


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _take_packets(
    words: npt.NDArray[np.uint32], source: int, events: Events
) -> tuple[int, int, int, int, int, int]:
    """Decode packets of the source (or the first one met) until one is not plain and whole.

    `words` begin with a packet header. Gives the words used, events decoded into `events`, the
    source, and how many events were passed over: special, of other sources, invalid.
    """
    position = found = special = others = invalid = 0
    while position + 7 <= len(words):
        kind = int(np.int16(words[position] & np.uint32(0xFFFF)))
        its_source = int(np.int16(words[position] >> np.uint32(16)))
        size = int(np.int32(words[position + 1]))
        overflow = int(np.int32(words[position + 3]))
        number = int(np.int32(words[position + 5]))
        if not _is_sane(
            kind,
            size,
            int(np.int32(words[position + 2])),
            overflow,
            int(np.int32(words[position + 4])),
            number,
            int(np.int32(words[position + 6])),
        ):
            break
        body = size * number
        first = position + 7
        if body % 4 or first + body // 4 > len(words):
            break
        position = first + body // 4
        if kind != POLARITY:
            special += number if kind == _SPECIAL else 0
            continue
        if source != _NO_SOURCE and its_source != source:
            others += number
            continue
        source = its_source
        before = found
        for at in range(first, position, 2):
            data = words[at]
            # Overwritten by the next one where it is not valid.
            event = events[found]
            event.t = np.uint64((overflow << 31) + int(np.int32(words[at + 1])))
            event.x = data >> np.uint32(17)
            event.y = (data >> np.uint32(2)) & np.uint32(0x7FFF)
            event.on = (data & np.uint32(2)) != 0
            found += int(data & np.uint32(1))
        invalid += number - (found - before)
    return position, found, source, special, others, invalid


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
