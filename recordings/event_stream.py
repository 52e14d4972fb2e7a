"""Event Stream read: DVS events of five bytes, with bytes between them that let time pass.

https://github.com/neuromorphicsystems/event_stream
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt

from drivers.events import EVENT_DTYPE, Events, SensorSize
from recordings.reading import (
    BLOCK_EVENTS,
    Chunk,
    FileDamage,
    ReadCounts,
    not_readable,
    open_file,
)

_HEADER = 20
_EVENT = 5
_DVS = 1
_RESET, _OVERFLOW = 0xFE, 0xFF
_OVERFLOW_US = 127
_BLOCK_BYTES = BLOCK_EVENTS * _EVENT


class EventStreamReader:
    """DVS events of an Event Stream file. The file counts rows from the bottom; row 0 is the top.

    Neither packets nor an end mark: a file cut between two events is just a shorter file.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        """Read the header. Raises `InputError` where it is of another version or kind."""
        self._path = path
        self.sensor = _read_header(path)

    def chunks(self, counts: ReadCounts) -> Iterator[Chunk]:
        """See `Reader`."""
        del counts  # the format marks nothing as invalid
        t_us = 0
        with open_file(self._path) as file:
            offset = file.seek(_HEADER)
            rest = b""
            while piece := file.read(_BLOCK_BYTES):
                data = rest + piece
                events = np.empty(len(data) // _EVENT, dtype=EVENT_DTYPE)
                used, found, t_us = _decode(
                    np.frombuffer(data, dtype=np.uint8), t_us, self.sensor.height, events
                )
                yield Chunk(offset, events[:found])
                offset += used
                rest = data[used:]
            if rest:
                raise FileDamage(offset, f"event of {_EVENT} bytes cut after {len(rest)}")


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _decode(
    data: npt.NDArray[np.uint8], t_us: int, height: int, events: Events
) -> tuple[int, int, int]:
    """Fill `events` until the first that is not whole: bytes used, events found, time reached."""
    at = found = 0
    while at < len(data):
        first = int(data[at])
        if first >= _RESET:
            t_us += _OVERFLOW_US if first == _OVERFLOW else 0
            at += 1
            continue
        if at + _EVENT > len(data):
            break
        t_us += first >> 1
        event = events[found]
        event.t = np.uint64(t_us)
        event.x = int(data[at + 1]) | int(data[at + 2]) << 8
        # What lies off the sensor wraps to a large number and is counted there, later.
        event.y = (height - 1 - (int(data[at + 3]) | int(data[at + 4]) << 8)) & 0xFFFF
        event.on = first & 1 == 1
        found += 1
        at += _EVENT
    return at, found, t_us


def _read_header(path: Path) -> SensorSize:
    with open_file(path) as file:
        head = file.read(_HEADER)
    if len(head) < _HEADER or head[15] != _DVS:
        raise not_readable(
            path,
            min(len(head), 15),
            "the end of the file" if len(head) < _HEADER else f"event type {head[15]}",
            f"a header of {_HEADER} bytes with event type {_DVS} (DVS)",
        )
    if head[12] != 2:
        version = ".".join(str(part) for part in head[12:15])
        raise not_readable(path, 12, f"Event Stream {version}", "Event Stream 2")
    width, height = int.from_bytes(head[16:18], "little"), int.from_bytes(head[18:20], "little")
    return SensorSize(width, height)
