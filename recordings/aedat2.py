"""AEDAT 2.0 read: big-endian pairs of a 32-bit address and a 32-bit time, as jAER writes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drivers.events import EVENT_DTYPE, Events, SensorSize
from recordings.clocks import Clock32
from recordings.reading import (
    BLOCK_EVENTS,
    Chunk,
    FileDamage,
    ReadCounts,
    header_lines,
    not_readable,
    open_file,
)

RECORD_DTYPE = np.dtype([("address", ">u4"), ("t", ">u4")])
VERSION = "#!AER-DAT2.0"
END_LINE = b"#End Of ASCII Header"
"""Newer jAER files say where their header ends; older ones just go on with the first event."""
_PREFERENCES = "#Start of Preferences"
"""Stands in the header of those newer files."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a family of chips keeps what in an address.

    Both families count columns from the right and rows from the bottom, as the chip's own
    circuits do, so both are turned round here: (0, 0) is the picture's upper left pixel.
    """

    name: str
    other: int
    """Any of these bits set: no event of a pixel (trigger, frame pixel, inertial sample)."""
    x_shift: int
    x_bits: int
    y_shift: int
    y_bits: int
    on_bit: int
    on_value: int
    """Value of that bit for ON."""


# The DVS128's bit is 0 for ON and 1 for OFF: so the chip works, and jAER writes it as it comes.
DVS128 = Layout("DVS128", 0xFFFF_8000, 1, 7, 8, 7, 0, 0)
DAVIS = Layout("DAVIS", 0x8000_0400, 12, 10, 22, 9, 11, 1)

_CHIPS: tuple[tuple[str, Layout, SensorSize], ...] = (
    ("DVS128", DVS128, SensorSize(128, 128)),
    ("TMPDIFF128", DVS128, SensorSize(128, 128)),
    ("DAVIS128", DAVIS, SensorSize(128, 128)),
    ("DAVIS208", DAVIS, SensorSize(208, 192)),
    ("DAVIS240", DAVIS, SensorSize(240, 180)),
    ("SBRET10", DAVIS, SensorSize(240, 180)),
    ("DAVIS346", DAVIS, SensorSize(346, 260)),
    ("DAVIS640", DAVIS, SensorSize(640, 480)),
)
_KNOWN = "DVS128, DAVIS128, DAVIS208, DAVIS240, DAVIS346 or DAVIS640"


class Aedat2Reader:
    """Events of an AEDAT 2.0 file of a DVS128 or a DAVIS.

    The chip is taken from the header's AEChip line, or else its HardwareInterface line.
    Times wrap at 32 bits and are carried on beyond.
    """

    def __init__(self, path: Path) -> None:
        """Read the header. Raises `InputError` where it is none, or names another chip."""
        self._path = path
        with open_file(path) as file:
            lines = header_lines(file, path, END_LINE)
            self._start = file.tell()
            head = file.read(BLOCK_EVENTS * RECORD_DTYPE.itemsize)
        if not lines or lines[0] != VERSION:
            raise not_readable(path, 0, repr(lines[0]) if lines else "no header", VERSION)
        if any(line.startswith(_PREFERENCES) for line in lines) and (
            lines[-1].encode() != END_LINE
        ):
            raise not_readable(
                path, self._start, "a header without its end", f"a line {END_LINE.decode()!r}"
            )
        self.layout, self.sensor, self.notes = _chip(path, lines)
        if self.notes:
            whole = len(head) // RECORD_DTYPE.itemsize
            addresses = np.frombuffer(head, dtype=RECORD_DTYPE, count=whole)["address"]
            if bool((addresses >= 1 << 16).any()):
                raise not_readable(
                    path,
                    self._start,
                    "addresses of more than 16 bits and a header that names no chip",
                    f"an AEChip line with {_KNOWN}",
                )

    def chunks(self, counts: ReadCounts) -> Iterator[Chunk]:
        """See `Reader`."""
        clock = Clock32()
        with open_file(self._path) as file:
            offset = file.seek(self._start)
            while data := file.read(BLOCK_EVENTS * RECORD_DTYPE.itemsize):
                whole = len(data) // RECORD_DTYPE.itemsize
                records = np.frombuffer(data, dtype=RECORD_DTYPE, count=whole)
                address = records["address"].astype(np.uint32)
                is_event = (address & np.uint32(self.layout.other)) == 0
                counts.special += whole - int(np.count_nonzero(is_event))
                yield Chunk(
                    offset,
                    self._events(address[is_event], clock.carry_on(records["t"][is_event])),
                )
                left = len(data) - whole * RECORD_DTYPE.itemsize
                if left:
                    at = offset + whole * RECORD_DTYPE.itemsize
                    raise FileDamage(at, f"event of 8 bytes cut after {left}")
                offset += len(data)

    def _events(self, address: npt.NDArray[np.uint32], t: npt.NDArray[np.int64]) -> Events:
        layout = self.layout
        x = (address >> np.uint32(layout.x_shift)) & np.uint32((1 << layout.x_bits) - 1)
        y = (address >> np.uint32(layout.y_shift)) & np.uint32((1 << layout.y_bits) - 1)
        events = np.empty(address.size, dtype=EVENT_DTYPE)
        events["t"] = t.view(np.uint64)
        # What lies off the sensor wraps to a large number and is counted there, later.
        events["x"] = (self.sensor.width - 1 - x.astype(np.int32)).astype(np.uint16)
        events["y"] = (self.sensor.height - 1 - y.astype(np.int32)).astype(np.uint16)
        events["on"] = ((address >> np.uint32(layout.on_bit)) & np.uint32(1)) == layout.on_value
        return events


def _chip(path: Path, lines: list[str]) -> tuple[Layout, SensorSize, tuple[str, ...]]:
    for key in ("AEChip:", "HardwareInterface:"):
        for line in lines:
            name = line.lstrip("# ")
            if not name.startswith(key):
                continue
            for chip, layout, size in _CHIPS:
                if chip in name.upper():
                    return layout, size, ()
            if key == "AEChip:":
                raise not_readable(path, 0, f"a recording of {name}", f"one of {_KNOWN}")
    return DVS128, SensorSize(128, 128), ("the header names no chip: a DVS128 is assumed",)
