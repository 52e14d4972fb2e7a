"""AEDAT 3.1 written packet by packet: polarity events, as the DvsGesture recordings hold them."""

from __future__ import annotations

import numpy as np

from drivers.events import Events
from recordings.event_writer import EventWriter

HEADER_DTYPE = np.dtype(
    [
        ("type", "<i2"),
        ("source", "<i2"),
        ("size", "<i4"),
        ("time_offset", "<i4"),
        ("overflow", "<i4"),
        ("capacity", "<i4"),
        ("number", "<i4"),
        ("valid", "<i4"),
    ]
)
"""The 28 bytes before every packet: what, from which source, bytes per event, where in an event
its time stands, how often the 31-bit time has wrapped, events there is room for, there are, and
that are valid."""

POLARITY = 1
"""Type of packets of polarity events."""

POLARITY_DTYPE = np.dtype([("data", "<u4"), ("t", "<i4")])
"""One polarity event. Bits of data: 0 valid, 1 ON, 2-16 row, 17-31 column."""

_SOURCE = 1


class Aedat31Writer(EventWriter):
    """An AEDAT 3.1 file with one source of polarity events.

    The format has no place for the sensor's size but the name of the source, so for a size
    that is not a known camera's our own `#Sensor-Size:` comment line says it.
    """

    def _header(self) -> bytes:
        width, height = self.sensor.width, self.sensor.height
        name = "DVS128" if (width, height) == (128, 128) else "wigwag"
        lines = (
            "#!AER-DAT3.1",
            "#Format: RAW",
            f"#Source {_SOURCE}: {name}",
            f"#Sensor-Size: {width}x{height}",
            "#!END-HEADER",
        )
        return "".join(f"{line}\r\n" for line in lines).encode("ascii")

    def _packet(self, events: Events) -> bytes:
        # All events of one packet share the count of wraps of their 31-bit time.
        wraps = (events["t"] >> np.uint64(31)).astype(np.int64)
        cuts = np.flatnonzero(np.diff(wraps)) + 1
        return b"".join(_one_packet(part) for part in np.split(events, cuts))

    def _finish(self) -> None:
        """Nothing: the format ends with its last packet."""


def _one_packet(events: Events) -> bytes:
    header = np.zeros(1, dtype=HEADER_DTYPE)
    header["type"], header["source"] = POLARITY, _SOURCE
    header["size"], header["time_offset"] = POLARITY_DTYPE.itemsize, 4
    header["overflow"] = int(events["t"][0]) >> 31
    header["capacity"] = header["number"] = header["valid"] = events.size
    body = np.empty(events.size, dtype=POLARITY_DTYPE)
    body["data"] = (
        (events["x"].astype(np.uint32) << 17)
        | (events["y"].astype(np.uint32) << 2)
        | (events["on"].astype(np.uint32) << 1)
        | np.uint32(1)
    )
    body["t"] = (events["t"] & np.uint64(0x7FFF_FFFF)).astype(np.int32)
    return header.tobytes() + body.tobytes()
