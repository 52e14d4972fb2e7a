"""What the writers share: checking events, gathering them into packets, writing piece by piece."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import BinaryIO

import numpy as np

from drivers.closing import Closing
from drivers.errors import InputError, in_words
from drivers.events import EVENT_DTYPE, Events, SensorSize
from recordings.joining import join_events

MAX_PACKET_EVENTS = 16_384
"""A packet is written as soon as this many events wait for it,"""

MAX_PACKET_SPAN_US = 100_000
"""or as soon as those that wait span this much time: what an interruption can lose at most."""

MAX_COORDINATES = 32_768
"""Columns and rows that both AEDAT versions can hold: 15 bits each."""

MAX_TIME_US = 1 << 62
"""Times below this fit into both AEDAT versions."""


class EventWriter(Closing):
    """A file of events, written as they come. Leaving it as a context manager closes it.

    Every packet reaches the operating system before `write` returns, so what an interrupted
    program leaves is a readable file that lacks at most the events still being gathered.
    """

    def __init__(self, path: Path, sensor: SensorSize) -> None:
        """Create the file, or empty it.

        Raises `InputError` where it cannot be written, or the sensor is larger than
        `MAX_COORDINATES` each way.
        """
        if max(sensor.width, sensor.height) > MAX_COORDINATES:
            raise InputError(
                what=f"sensor for {path}",
                got=f"{sensor.width}x{sensor.height}",
                allowed=f"up to {MAX_COORDINATES}x{MAX_COORDINATES}",
                todo="crop the events first",
            )
        self.path = path
        self.sensor = sensor
        self.events_written = 0
        """Events given to `write` so far."""
        self._waiting: list[Events] = []
        self._waiting_events = 0
        self._last_us = 0
        self._file: BinaryIO | None = None
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise self._failure(error) from error
        self._put(self._header())

    def write(self, events: Events) -> None:
        """Append events: shape (n,), EVENT_DTYPE, not before those of the call before.

        Raises `InputError`, having written none of them, for another dtype, a decreasing time,
        a time beyond 62 bits, and an event off the sensor.
        """
        if self._file is None:
            raise self._refusal("events after close()", "events before close()")
        if events.dtype != EVENT_DTYPE or events.ndim != 1:
            raise self._refusal(f"dtype {events.dtype}, shape {events.shape}", str(EVENT_DTYPE))
        if events.size == 0:
            return
        self._check(events)
        # A copy: the caller may fill the same array anew for the next call.
        self._waiting.append(events.copy())
        self._waiting_events += events.size
        self._last_us = int(events["t"][-1])
        self.events_written += events.size
        span_us = self._last_us - int(self._waiting[0]["t"][0])
        if self._waiting_events >= MAX_PACKET_EVENTS or span_us >= MAX_PACKET_SPAN_US:
            self._flush()

    def close(self) -> None:
        """Write what waits and finish the file; calling it again does nothing."""
        if self._file is None:
            return
        try:
            self._flush()
            self._finish()
        finally:
            file, self._file = self._file, None
            try:
                file.close()
            except OSError as error:  # what a full disk did not take is still in its buffer
                raise self._failure(error) from error

    @abstractmethod
    def _header(self) -> bytes:
        """What the file starts with."""

    @abstractmethod
    def _packet(self, events: Events) -> bytes:
        """One packet of 1 to `MAX_PACKET_EVENTS` events as bytes of the format."""

    @abstractmethod
    def _finish(self) -> None:
        """Put whatever the format wants behind the last packet."""

    def _flush(self) -> None:
        if not self._waiting:
            return
        events = join_events(self._waiting)
        self._waiting, self._waiting_events = [], 0
        for first in range(0, events.size, MAX_PACKET_EVENTS):
            self._put(self._packet(events[first : first + MAX_PACKET_EVENTS]))

    def _put(self, data: bytes, offset: int | None = None) -> None:
        """Write bytes at the end, or over those at `offset`."""
        if self._file is None:
            return
        try:
            if offset is not None:
                self._file.seek(offset)
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def _check(self, events: Events) -> None:
        t = events["t"]
        if int(t[0]) < self._last_us or bool(np.any(t[1:] < t[:-1])):
            raise self._refusal("times that decrease", "times that never decrease")
        if int(t[-1]) >= MAX_TIME_US:
            raise self._refusal(f"time {int(t[-1])} us", "times below 2^62 us")
        width, height = self.sensor.width, self.sensor.height
        x, y = int(events["x"].max()), int(events["y"].max())
        if x >= width or y >= height:
            raise self._refusal(f"an event at column {x} or row {y}", f"{width}x{height} pixels")

    def _refusal(self, got: str, allowed: str) -> InputError:
        return InputError(
            what=f"events for {self.path}", got=got, allowed=allowed, todo="mend the source"
        )

    def _failure(self, error: OSError) -> InputError:
        return InputError(
            what=f"output file {self.path}",
            got=in_words(error),
            allowed="a file in a folder that exists, can be written and has room",
            todo="make room, or choose another path",
        )
