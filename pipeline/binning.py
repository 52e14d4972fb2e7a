"""From packets of any size to binary frames of a fixed length of stream time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, EventPacket, Events, SensorSize, empty_events

Frames = npt.NDArray[np.uint8]
"""shape (n, 2, rows, columns), 0 or 1; channel 0 = ON, 1 = OFF."""

CHUNK_FRAMES = 1000
"""Most frames made at once, so that a gap of hours costs time and not memory."""


@dataclass(frozen=True, slots=True)
class View:
    """The part of a sensor that is looked at: square cells of `cell` x `cell` pixels.

    Columns `[x0, x0 + columns * cell)` and rows `[y0, y0 + rows * cell)` of the sensor.
    """

    x0: int
    y0: int
    cell: int
    columns: int
    rows: int


def centred_view(sensor: SensorSize, columns: int = 32, rows: int = 32) -> View:
    """The largest centred view of `columns` x `rows` square cells of whole pixels.

    Raises `InputError` where the sensor has fewer pixels than the model has inputs.
    """
    cell = min(sensor.width // columns, sensor.height // rows)
    if cell < 1:
        raise InputError(
            what="sensor size",
            got=f"{sensor.width}x{sensor.height}",
            allowed=f"at least {columns}x{rows} pixels, the model's input",
            todo="use a larger sensor or a checkpoint with a smaller input",
        )
    return View(
        x0=(sensor.width - columns * cell) // 2,
        y0=(sensor.height - rows * cell) // 2,
        cell=cell,
        columns=columns,
        rows=rows,
    )


@dataclass(frozen=True, slots=True)
class BinningCounts:
    """What became of the events; `events_in` is always the sum of the four below it."""

    events_in: int = 0
    events_binned: int = 0
    """Inside the view; several of them may share one cell of one frame."""
    events_outside_view: int = 0
    events_late: int = 0
    """Before the open bin: their frame had been given out."""
    events_invalid: int = 0
    """Off the sensor, or after the end of their packet."""
    frames: int = 0


class FrameBinner:
    """Bins packets into frames of `bin_us` of stream time.

    Bin k is `[t0 + k * bin_us, t0 + (k + 1) * bin_us)`, `t0` the begin of the first packet. It
    closes when the watermark (the largest packet end so far) reaches its end, so silence gives
    frames too, and the same events give the same frames whatever the packets.
    """

    def __init__(self, sensor: SensorSize, view: View, *, bin_us: int = 1000) -> None:
        if bin_us < 1:
            raise InputError(
                what="length of a bin",
                got=f"{bin_us} us",
                allowed="1 us or more",
                todo="use 1000 us unless the checkpoint says otherwise",
            )
        self.sensor = sensor
        self.view = view
        self.bin_us = bin_us
        self._column_of = _cell_of_pixel(sensor.width, view.x0, view.cell, view.columns)
        self._row_of = _cell_of_pixel(sensor.height, view.y0, view.cell, view.rows)
        self._open_frame = np.zeros((2, view.rows, view.columns), dtype=np.uint8)
        self._open_begin_us: int | None = None
        self._watermark_us = 0
        self._tally = np.zeros(4, dtype=np.int64)  # binned, outside the view, late, invalid
        self._frames = 0
        _bin_events(  # has it compiled or loaded now, not while the first packet waits
            _plain(empty_events()),
            0,
            0,
            0,
            bin_us,
            self._column_of,
            self._row_of,
            self._open_frame[np.newaxis],
            self._tally,
        )

    @property
    def counts(self) -> BinningCounts:
        """The counters as they stand; events of the open bin count as binned."""
        binned, outside, late, invalid = (int(value) for value in self._tally)
        return BinningCounts(
            events_in=binned + outside + late + invalid,
            events_binned=binned,
            events_outside_view=outside,
            events_late=late,
            events_invalid=invalid,
            frames=self._frames,
        )

    @property
    def open_bin_us(self) -> int | None:
        """Stream time at which the open bin begins; None before the first packet."""
        return self._open_begin_us

    def push(self, packet: EventPacket) -> Frames:
        """All frames closed by this packet at once; `iter_push` where spans may be long."""
        chunks = list(self.iter_push(packet))
        return np.concatenate(chunks) if len(chunks) != 1 else chunks[0]

    def iter_push(self, packet: EventPacket) -> Iterator[Frames]:
        """The frames closed by this packet, at most `CHUNK_FRAMES` at a time, in order.

        At least one chunk comes, possibly of no frames. To be iterated to its end before the
        next packet. Raises `InputError` for a packet of another sensor size.
        """
        if packet.sensor != self.sensor:
            raise InputError(
                what=f"packet {packet.seq} of source {packet.source!r}",
                got=f"sensor {packet.sensor.width}x{packet.sensor.height}",
                allowed=f"{self.sensor.width}x{self.sensor.height}, as in the packets before",
                todo="give every camera its own source name",
            )
        if self._open_begin_us is None:
            self._open_begin_us = self._watermark_us = packet.t_begin_us
        self._watermark_us = max(self._watermark_us, packet.t_end_us)
        events = _plain(packet.events)
        position = 0
        while True:
            closing = min(CHUNK_FRAMES, (self._watermark_us - self._open_begin_us) // self.bin_us)
            frames = np.zeros((closing + 1, *self._open_frame.shape), dtype=np.uint8)
            frames[0] = self._open_frame
            position = _bin_events(
                events,
                position,
                self._open_begin_us,
                packet.t_end_us,
                self.bin_us,
                self._column_of,
                self._row_of,
                frames,
                self._tally,
            )
            self._open_frame = frames[closing].copy()
            self._open_begin_us += closing * self.bin_us
            self._frames += closing
            yield frames[:closing]
            if self._watermark_us - self._open_begin_us < self.bin_us:
                return

    def finish(self) -> Frames:
        """Close the last bin if the stream covers a part of it: one frame or none."""
        if self._open_begin_us is None or self._watermark_us <= self._open_begin_us:
            return np.empty((0, *self._open_frame.shape), dtype=np.uint8)
        last = self._open_frame[np.newaxis]
        self._open_frame = np.zeros_like(self._open_frame)
        self._open_begin_us += self.bin_us
        self._watermark_us = self._open_begin_us
        self._frames += 1
        return last


def _cell_of_pixel(pixels: int, first: int, cell: int, cells: int) -> npt.NDArray[np.int32]:
    """The cell that a pixel falls into, -1 outside the view; shape (pixels,)."""
    index = (np.arange(pixels) - first) // cell
    return np.where((index >= 0) & (index < cells), index, -1).astype(np.int32)


def _plain(events: Events) -> Events:
    """The events as the one type of array that `_bin_events` is compiled for."""
    if events.dtype != EVENT_DTYPE:
        raise InputError(
            what="events of a packet",
            got=str(events.dtype),
            allowed=str(EVENT_DTYPE),
            todo="convert them in the driver or reader",
        )
    plain = np.ascontiguousarray(events).view()
    plain.setflags(write=False)
    return plain


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _bin_events(
    events: Events,
    position: int,
    open_begin_us: int,
    packet_end_us: int,
    bin_us: int,
    column_of: npt.NDArray[np.int32],
    row_of: npt.NDArray[np.int32],
    frames: Frames,
    tally: npt.NDArray[np.int64],
) -> int:
    """Set the cells of `frames` (bins from `open_begin_us` on) from `events[position:]`.

    Returns where it stopped: at the first event after the last of these frames.
    """
    end_us = np.uint64(packet_end_us)
    first_us = np.uint64(open_begin_us)
    frame = 0
    begin_us = first_us
    step_us = np.uint64(bin_us)
    for index in range(position, len(events)):
        event = events[index]
        t_us = event.t
        if t_us >= end_us or event.x >= len(column_of) or event.y >= len(row_of):
            tally[3] += 1
            continue
        if t_us < first_us:
            tally[2] += 1
            continue
        if t_us < begin_us:  # only in packets whose times go back
            frame = 0
            begin_us = first_us
        while t_us - begin_us >= step_us:
            begin_us += step_us
            frame += 1
            if frame == len(frames):
                return index
        column = column_of[event.x]
        row = row_of[event.y]
        if column < 0 or row < 0:
            tally[1] += 1
            continue
        frames[frame, 0 if event.on else 1, row, column] = 1
        tally[0] += 1
    return len(events)
