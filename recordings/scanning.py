"""Compiled passes over packed events: whether all is in order, and where a time is reached.

NumPy copies a field of packed records before it searches or compares it; these read it in place.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from drivers.events import Events, SensorSize, empty_events

_FIRST_NEGATIVE = 1 << 63


def are_orderly(events: Events, sensor: SensorSize, before_us: int | None, gap_us: int) -> bool:
    """Whether every event is on the sensor and 0 to `gap_us` after the one before it.

    The first one is compared with `before_us`; where that is None it only must not be negative.
    """
    return bool(
        _are_orderly(
            _readable(events),
            sensor.width,
            sensor.height,
            -1 if before_us is None else before_us,
            gap_us,
        )
    )


def are_inside(events: Events, begin_us: int, end_us: int) -> bool:
    """Whether times never decrease and all lie in `[begin_us, end_us)`."""
    return bool(_are_inside(_readable(events), begin_us, end_us))


def first_at(events: Events, t_us: int) -> int:
    """Index of the first event at `t_us` or later; `events` are in order of time."""
    return int(_first_at(_readable(events), 0, t_us))


def first_at_each(
    events: Events, begin_us: int, step_us: int, number: int
) -> npt.NDArray[np.int64]:
    """`first_at` of `begin_us`, `begin_us + step_us`, ...; shape (number,)."""
    found = np.empty(number, dtype=np.int64)
    _first_at_each(_readable(events), begin_us, step_us, found)
    return found


def warm_up() -> None:
    """Have all of this compiled or loaded now, not when the first events wait."""
    are_orderly(empty_events(), SensorSize(1, 1), None, 0)
    are_inside(empty_events(), 0, 1)
    first_at_each(empty_events(), 0, 1, 1)
    first_at(empty_events(), 0)


def _readable(events: Events) -> Events:
    """The events as the one type of array that the functions below are compiled for."""
    readable = np.ascontiguousarray(events).view()
    readable.setflags(write=False)
    return readable


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _are_orderly(events: Events, width: int, height: int, before_us: int, gap_us: int) -> bool:
    if len(events) == 0:
        return True
    gap = np.uint64(gap_us)
    before = np.uint64(before_us)
    if before_us < 0:
        before = events[0].t
        if before >= np.uint64(_FIRST_NEGATIVE):
            return False
    for index in range(len(events)):
        event = events[index]
        # A step back wraps to a huge one ahead.
        if event.t - before > gap or event.x >= width or event.y >= height:
            return False
        before = event.t
    return True


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _are_inside(events: Events, begin_us: int, end_us: int) -> bool:
    before = np.uint64(begin_us)
    for index in range(len(events)):
        t_us = events[index].t
        if t_us < before:
            return False
        before = t_us
    return len(events) == 0 or bool(before < np.uint64(end_us))


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _first_at(events: Events, first: int, t_us: int) -> int:
    wanted = np.uint64(max(0, t_us))
    last = len(events)
    while first < last:
        middle = (first + last) // 2
        if events[middle].t < wanted:
            first = middle + 1
        else:
            last = middle
    return first


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _first_at_each(
    events: Events, begin_us: int, step_us: int, found: npt.NDArray[np.int64]
) -> None:
    first = 0
    for index in range(len(found)):
        first = _first_at(events, first, begin_us + index * step_us)
        found[index] = first
