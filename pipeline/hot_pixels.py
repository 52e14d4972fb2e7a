"""Hot pixels: found while the scene is watched for a second, and left out from then on."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from drivers.events import EVENT_DTYPE, Events, SensorSize, empty_events

WATCH_US = 1_000_000
"""How long pixels are watched, in time of the stream."""
LEAST_EVENTS = 20
"""In that time: who fires less often does no harm."""
TIMES_NEIGHBOURS = 8
"""A hot pixel fires more than so many times as often as the second busiest of its neighbours."""

Mask = npt.NDArray[np.bool_]
"""shape (height, width), true where a pixel is hot."""
Counts = npt.NDArray[np.int64]
"""shape (height, width), events of each pixel."""


def find_hot_pixels(counts: Counts) -> Mask:
    """Pixels with at least `LEAST_EVENTS` events that are far busier than what is around them.

    A hot pixel fires by itself; a person in front of the camera sets off whole regions. So a
    pixel is held against the second busiest of its eight neighbours: one hot neighbour does not
    hide it, and a pixel at the corner of something busy has three that are.
    """
    padded = np.pad(counts, 1)
    height, width = counts.shape
    around = np.stack(
        [
            padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if down or right
        ]
    )
    second = np.partition(around, -2, axis=0)[-2]
    hot: Mask = (counts >= LEAST_EVENTS) & (counts > TIMES_NEIGHBOURS * (1 + second))
    return hot


class HotPixels:
    """Watches the pixels of one sensor when told to, and leaves out the hot ones found.

    Until the first watch has ended nothing is left out. Results do not depend on how events are
    cut up: a watch ends at a time of the stream, in the middle of a packet if need be.
    """

    def __init__(self, sensor: SensorSize) -> None:
        self.mask: Mask = np.zeros((sensor.height, sensor.width), np.bool_)
        self.watches = 0
        """Watches that have ended."""
        self._counts: Counts = np.zeros(self.mask.shape, np.int64)
        self._ends_us: int | None = None
        _count(empty_events(), self._counts)
        _leave_out(empty_events(), self.mask, empty_events())

    @property
    def found(self) -> int:
        """Number of pixels that are left out."""
        return int(self.mask.sum())

    @property
    def watch_ends_us(self) -> int | None:
        """When the watch that is going on ends, not included; None without one."""
        return self._ends_us

    def watch(self, from_us: int) -> None:
        """Begin to watch at this time of the stream; what was found before holds meanwhile."""
        self._counts[:] = 0
        self._ends_us = from_us + WATCH_US

    def see(self, events: Events) -> None:
        """Count events of the watch that is going on, hot or not."""
        _count(np.ascontiguousarray(events), self._counts)

    def end_watch(self) -> None:
        """Find the hot pixels; those found earlier that are hot no more come back."""
        self.mask = find_hot_pixels(self._counts)
        self._ends_us = None
        self.watches += 1

    def keep(self, events: Events) -> Events:
        """Those not of hot pixels, in their order; events off the sensor are left for others."""
        found = np.empty(events.size, EVENT_DTYPE)
        return found[: _leave_out(np.ascontiguousarray(events), self.mask, found)]


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _count(events: Events, counts: Counts) -> None:
    height, width = counts.shape
    for index in range(len(events)):
        event = events[index]
        if event.x < width and event.y < height:
            counts[event.y, event.x] += 1


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _leave_out(events: Events, mask: Mask, found: Events) -> int:
    height, width = mask.shape
    kept = 0
    for index in range(len(events)):
        event = events[index]
        found[kept] = event
        kept += event.x >= width or event.y >= height or not mask[event.y, event.x]
    return kept
