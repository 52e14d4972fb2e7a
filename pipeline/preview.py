"""The preview: what a brain sees and how it fires, thinned out for people who look on.

A preview covers the packets and steps since the one before, at most `PER_SECOND` of them a
second. Its payload is the length of a JSON object (4 bytes, little-endian), the object
(`PreviewHead`), then bytes: a picture of ON events and one of OFF events, shape (height, width)
each, then a raster per layer, shape (steps, neurons), 0 and 1.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from drivers.events import EventPacket, Events, SensorSize
from models.engine import Engine
from pipeline.binning import View

PER_SECOND = 30
TOPIC = b"preview/"
NEURONS = 48
"""Looked at in every layer, about."""
MOST_STEPS = 100
"""Of a raster: a brain faster than real time shows the latest of an interval."""
LARGEST_SIDE = 256
"""Pixels of the picture; larger sensors are shown at a half, a quarter, ... of their size."""
_MOST_EVENTS = 20_000
"""Drawn at most, the latest of an interval, so that many do not take long."""
_INTERVAL_NS = 1_000_000_000 // PER_SECOND

Bytes = npt.NDArray[np.uint8]


class PreviewHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a preview says in numbers."""

    source: str
    t_us: int
    """Stream time of the end of the last step."""
    width: int
    height: int
    shrunk: int
    """Sensor pixels along a side of a pixel of the picture."""
    view: tuple[int, int, int, int]
    """What the network sees of the picture: left, top, width, height, in its pixels."""
    steps: int
    """In each raster, 1 ms apart, the last at `t_us`."""
    neurons: tuple[int, ...]
    """In each raster."""
    latency_ms: float
    """The largest since the preview before."""
    figures: dict[str, Any]
    """Counters of the brain, as they stand."""


@dataclass(frozen=True, slots=True)
class PreviewMessage:
    """A preview, decoded."""

    head: PreviewHead
    on: Bytes
    """shape (height, width): how many ON events were there, up to 255."""
    off: Bytes
    rasters: tuple[Bytes, ...]
    """Per layer, shape (steps, neurons)."""


class Preview:
    """Gathers what a preview shows, while `wanted`; without that it costs a look at a flag."""

    def __init__(self) -> None:
        self.wanted = False
        self._due_ns = 0
        self._size = (0, 0)
        self._shift = 0
        self._seen: deque[Events] = deque()
        self._events = 0
        self._rasters: list[Bytes] = []
        self._steps = 0
        self._latency_ns = 0

    def want(self, wanted: bool) -> None:
        """Begin, with nothing gathered, or leave off."""
        if wanted != self.wanted:
            self._forget()
        self.wanted = wanted

    def see(self, packet: EventPacket) -> None:
        """Keep a packet's events until they are drawn."""
        if self._size != (packet.sensor.width, packet.sensor.height):
            self._take_size(packet.sensor)
        events = packet.events[-_MOST_EVENTS:]
        self._seen.append(events)
        self._events += len(events)
        while self._events > _MOST_EVENTS:
            self._events -= len(self._seen.popleft())

    def step(self, engine: Engine, stream: int, latency_ns: int) -> bool:
        """Note who fired in a stream's last step; whether a preview is due."""
        fired = engine.sample_spikes(NEURONS, stream)
        if not self._rasters:
            self._rasters = [np.zeros((MOST_STEPS, len(row)), np.uint8) for row in fired]
        row_number = self._steps % MOST_STEPS
        for raster, row in zip(self._rasters, fired, strict=True):
            raster[row_number] = row
        self._steps += 1
        if latency_ns > self._latency_ns:
            self._latency_ns = latency_ns
        return time.monotonic_ns() >= self._due_ns

    def take(self, source: str, t_us: int, view: View, figures: dict[str, Any]) -> bytes:
        """The payload of what was gathered of a source, which is then forgotten.

        `view` is what the network looks at now.
        """
        width, height = (-(-side >> self._shift) for side in self._size)
        kept = min(self._steps, MOST_STEPS)
        sides = (view.x0, view.y0, view.columns * view.cell, view.rows * view.cell)
        left, top, wide, high = (side >> self._shift for side in sides)
        head = PreviewHead(
            source=source,
            t_us=t_us,
            width=width,
            height=height,
            shrunk=1 << self._shift,
            view=(left, top, wide, high),
            steps=kept,
            neurons=tuple(raster.shape[1] for raster in self._rasters),
            latency_ms=self._latency_ns / 1e6,
            figures=figures,
        )
        first = self._steps % MOST_STEPS if self._steps > MOST_STEPS else 0
        said = msgspec.json.encode(head)
        parts = [struct.pack("<I", len(said)), said, self._draw(width, height)]
        for raster in self._rasters:
            parts += [raster[first:kept].tobytes(), raster[:first].tobytes()]
        self._forget()
        self._due_ns = time.monotonic_ns() + _INTERVAL_NS
        return b"".join(parts)

    def _forget(self) -> None:
        self._seen.clear()
        self._events = 0
        self._rasters = []
        self._steps = 0
        self._latency_ns = 0

    def _draw(self, width: int, height: int) -> bytes:
        """Pictures of ON and OFF of what was seen; events off the sensor are left out."""
        if not self._seen:
            return bytes(2 * width * height)
        x, y, off = (
            np.concatenate([events[name] for events in self._seen]) for name in ("x", "y", "on")
        )
        np.logical_not(off, out=off)
        inside = (x < self._size[0]) & (y < self._size[1])
        place = (off * height + (y >> self._shift)) * width + (x >> self._shift)
        counts = np.bincount(place[inside], minlength=2 * width * height)
        return np.minimum(counts, 255).astype(np.uint8).tobytes()

    def _take_size(self, sensor: SensorSize) -> None:
        self._forget()
        width, height = sensor.width, sensor.height
        self._size = (width, height)
        self._shift = max(0, (max(width, height) - 1) // LARGEST_SIDE).bit_length()


def decode_preview(payload: bytes) -> PreviewMessage:
    """The preview in a payload; raises `InputError` where it does not fit."""
    if len(payload) < 4:
        raise _no_preview(f"{len(payload)} bytes")
    (length,) = struct.unpack_from("<I", payload)
    try:
        head = msgspec.json.decode(payload[4 : 4 + length], type=PreviewHead)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _no_preview(str(error)) from error
    shapes = [(head.height, head.width)] * 2 + [(head.steps, count) for count in head.neurons]
    sizes = [rows * columns for rows, columns in shapes]
    if min(*head.neurons, head.steps, head.width, head.height, 0) < 0 or 4 + length + sum(
        sizes
    ) != len(payload):
        raise _no_preview(f"{len(payload)} bytes for arrays of {shapes}")
    arrays = []
    begin = 4 + length
    for shape, size in zip(shapes, sizes, strict=True):
        arrays.append(np.frombuffer(payload, np.uint8, size, begin).reshape(shape))
        begin += size
    return PreviewMessage(head, arrays[0], arrays[1], tuple(arrays[2:]))


def _no_preview(got: str) -> InputError:
    return InputError(
        what="preview",
        got=got,
        allowed="a length, JSON, and the arrays that it describes",
        todo="check that sender and receiver are the same version of wigwag",
    )
