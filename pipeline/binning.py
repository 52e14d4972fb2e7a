"""From packets of any size to frames of a fixed length of stream time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, EventPacket, Events, SensorSize, empty_events

Frames = npt.NDArray[np.uint8]
"""shape (n, 2, rows, columns), 0 or 1, or numbers of events; channel 0 = ON, 1 = OFF."""

MOST_COUNTED = 255
"""Where the events of a cell in a frame are counted, more of them are as many as this."""

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

    def __init__(
        self, sensor: SensorSize, view: View, *, bin_us: int = 1000, counts: bool = False
    ) -> None:
        """A cell holds whether it had an event, or with `counts` how many (`MOST_COUNTED`)."""
        if bin_us < 1:
            raise InputError(
                what="length of a bin",
                got=f"{bin_us} us",
                allowed="1 us or more",
                todo="use 1000 us unless the checkpoint says otherwise",
            )
        self.sensor = sensor
        self.bin_us = bin_us
        self._most = np.uint8(MOST_COUNTED) if counts else None
        self._shape = (2, view.rows, view.columns)
        self._look_at(view)
        # The open bin's frame, and behind it room for every place outside the view: whoever
        # writes there saves a branch that cannot be predicted.
        self._open = np.zeros(5 * self._cells, dtype=np.uint8)
        self._open_begin_us: int | None = None
        self._watermark_us = 0
        self._tally = np.zeros(4, dtype=np.int64)  # binned, outside the view, late, invalid
        self._frames = 0
        # Has it compiled or loaded now, not while the first packet waits.
        self._bin(_overlaid(empty_events()), 0, 0, 0, self._new_frames(0))

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

    @property
    def next_edge_us(self) -> int | None:
        """The first end of a bin at or after the watermark; None before the first packet."""
        if self._open_begin_us is None:
            return None
        covered_us = max(0, self._watermark_us - self._open_begin_us)
        return self._open_begin_us + -(-covered_us // self.bin_us) * self.bin_us

    def look_at(self, view: View) -> None:
        """Look at another part of the sensor, in as many cells, from the open bin on.

        Only between two bins; raises `InputError` where a part of the open one has been seen.
        """
        if self._open_begin_us != self.next_edge_us or (view.rows, view.columns) != self._shape[1:]:
            raise InputError(
                what="change of view",
                got=f"{view.columns}x{view.rows} cells, in the middle of a bin",
                allowed=f"{self._shape[2]}x{self._shape[1]} cells, between two bins",
                todo="change it at `next_edge_us`",
            )
        self._look_at(view)

    def _look_at(self, view: View) -> None:
        self.view = view
        self._column_of = _places(
            self.sensor.width, view.x0, view.cell, view.columns, 1, self._cells
        )
        self._row_of = _places(
            self.sensor.height, view.y0, view.cell, view.rows, view.columns, self._cells
        )

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
        events = _overlaid(packet.events)
        position = 0
        while True:
            closing = min(CHUNK_FRAMES, (self._watermark_us - self._open_begin_us) // self.bin_us)
            frames = self._new_frames(closing)
            position = self._bin(events, position, self._open_begin_us, packet.t_end_us, frames)
            self._open_begin_us += closing * self.bin_us
            self._frames += closing
            yield frames
            if self._watermark_us - self._open_begin_us < self.bin_us:
                return

    def finish(self) -> Frames:
        """Close the last bin if the stream covers a part of it: one frame or none."""
        if self._open_begin_us is None or self._watermark_us <= self._open_begin_us:
            return self._new_frames(0)
        last = self._open[: self._cells].copy().reshape(1, *self._shape)
        self._open[:] = 0
        self._open_begin_us += self.bin_us
        self._watermark_us = self._open_begin_us
        self._frames += 1
        return last

    @property
    def _cells(self) -> int:
        return 2 * self.view.rows * self.view.columns

    def _new_frames(self, number: int) -> Frames:
        return np.empty((number, *self._shape), dtype=np.uint8)

    def _bin(
        self, events: Events, position: int, open_begin_us: int, packet_end_us: int, frames: Frames
    ) -> int:
        stopped: int = _bin_events(
            events,
            position,
            open_begin_us,
            packet_end_us,
            self.bin_us,
            self._most,
            self._column_of,
            self._row_of,
            self._open,
            frames.reshape(len(frames), self._cells),
            self._tally,
        )
        return stopped


_OVERLAY = np.dtype(
    {"names": ["t", "rest"], "formats": ["<u8", "<u8"], "offsets": [0, 5], "itemsize": 13}
)
"""`EVENT_DTYPE` in two loads, which overlap: bits 24-39 of `rest` are x, 40-55 y, 56-63 on."""

_OFF_SENSOR = 1 << 40
"""Place of a pixel that the sensor does not have: larger than any sum of others."""


def _places(
    pixels: int, first: int, cell: int, cells: int, stride: int, frame: int
) -> npt.NDArray[np.uint64]:
    """What each of all 65,536 columns (or rows) adds to an event's place in a frame.

    On the sensor and outside the view that is `2 * frame`: with or without the other coordinate
    and the channel, such a sum lies in `[frame, 5 * frame)`.
    """
    index = (np.arange(65_536) - first) // cell
    places = np.where((index >= 0) & (index < cells), index * stride, 2 * frame)
    places[pixels:] = _OFF_SENSOR
    return places.astype(np.uint64)


def _overlaid(events: Events) -> Events:
    """The events as the one type of array that `_bin_events` is compiled for."""
    if events.dtype != EVENT_DTYPE:
        raise InputError(
            what="events of a packet",
            got=str(events.dtype),
            allowed=str(EVENT_DTYPE),
            todo="convert them in the driver or reader",
        )
    overlaid = np.ascontiguousarray(events).view(_OVERLAY)
    overlaid.setflags(write=False)
    return overlaid


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _bin_events(
    events: Events,
    position: int,
    open_begin_us: int,
    packet_end_us: int,
    bin_us: int,
    most: np.uint8 | None,
    column_of: npt.NDArray[np.uint64],
    row_of: npt.NDArray[np.uint64],
    open_frame: npt.NDArray[np.uint8],
    frames: npt.NDArray[np.uint8],
    tally: npt.NDArray[np.int64],
) -> int:
    """Set cells from `events[position:]`; close as many bins from `open_begin_us` on as `frames`.

    A cell counts its events up to `most`; where that is None, it is 1 if it had any. Each of the
    two is compiled by itself, without the question.

    `frames` has shape (bins, cells of a frame); all of it is written. `open_frame` is that of
    the first bin on entry and of the one after `frames` at the end. Returns where it stopped: at
    the first event after that one.
    """
    bins, cells = frames.shape
    frame_end = np.uint64(cells)
    off_channel = np.uint64(cells // 2)
    no_channel = np.uint64(0)
    off_sensor = np.uint64(_OFF_SENSOR)
    end_us = np.uint64(packet_end_us)
    first_us = np.uint64(open_begin_us)
    step_us = np.uint64(bin_us)
    begin_us = first_us
    closed = 0
    index = position
    while True:
        # All that belongs into the open bin, in a loop with nothing else in it.
        span_us = min(step_us, end_us - begin_us) if end_us > begin_us else np.uint64(0)
        run = index
        outside = 0
        while index < len(events) and events[index].t - begin_us < span_us:
            rest = events[index].rest
            place = column_of[(rest >> np.uint64(24)) & np.uint64(0xFFFF)]
            place += row_of[(rest >> np.uint64(40)) & np.uint64(0xFFFF)]
            if place >= off_sensor:
                break
            place += no_channel if rest >> np.uint64(56) else off_channel
            if most is None:
                open_frame[place] = 1
            elif open_frame[place] < most:
                open_frame[place] += 1
            outside += place >= frame_end
            index += 1
        tally[0] += index - run - outside
        tally[1] += outside
        if index == len(events):
            break
        # One event that does not, or the end of the bin.
        t_us = events[index].t
        rest = events[index].rest
        place = column_of[(rest >> np.uint64(24)) & np.uint64(0xFFFF)]
        place += row_of[(rest >> np.uint64(40)) & np.uint64(0xFFFF)]
        if t_us >= end_us or place >= off_sensor:
            tally[3] += 1
            index += 1
        elif t_us < first_us:
            tally[2] += 1
            index += 1
        elif t_us < begin_us:  # only in packets whose times go back
            place += no_channel if rest >> np.uint64(56) else off_channel
            if place < frame_end:
                closed_bin = (t_us - first_us) // step_us
                if most is None:
                    frames[closed_bin, place] = 1
                elif frames[closed_bin, place] < most:
                    frames[closed_bin, place] += 1
                tally[0] += 1
            else:
                tally[1] += 1
            index += 1
        elif closed == bins:
            return index
        else:
            frames[closed] = open_frame[:cells]
            open_frame[:cells] = 0
            closed += 1
            begin_us += step_us
    while closed < bins:
        frames[closed] = open_frame[:cells]
        open_frame[:cells] = 0
        closed += 1
    return index
