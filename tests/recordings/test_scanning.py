"""Compiled passes over events."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.events import EVENT_DTYPE, Events, SensorSize
from recordings.scanning import are_inside, are_orderly, first_at, first_at_each

TIMES = st.lists(st.integers(-3, 30), max_size=12)


def at(times_us: list[int], x: int = 0, y: int = 0) -> Events:
    """Events at these times, all at one place; negative ones as two's complement."""
    events = np.zeros(len(times_us), dtype=EVENT_DTYPE)
    events["t"] = np.array(times_us, dtype=np.int64).view(np.uint64)
    events["x"], events["y"] = x, y
    return events


@settings(deadline=None)
@given(TIMES, st.none() | st.integers(0, 30), st.integers(0, 9))
def test_order_is_told_as_by_the_definition(
    times_us: list[int], before_us: int | None, gap_us: int
) -> None:
    """Steps from one event to the next, and from the time before them, are from 0 to the gap."""
    steps = np.diff(times_us, prepend=[] if before_us is None else [before_us]).tolist()
    wanted = all(t >= 0 for t in times_us) and all(0 <= step <= gap_us for step in steps)
    assert are_orderly(at(times_us), SensorSize(1, 1), before_us, gap_us) == (
        wanted or not times_us
    )


@settings(deadline=None)
@given(st.integers(0, 5), st.integers(0, 5))
def test_an_event_off_the_sensor_is_seen(x: int, y: int) -> None:
    """Columns and rows count from nought to one less than the sensor has."""
    events = np.concatenate([at([1, 1]), at([1], x, y), at([2])])
    assert are_orderly(events, SensorSize(3, 4), None, 10) == (x < 3 and y < 4)


@settings(deadline=None)
@given(TIMES, st.integers(0, 30), st.integers(0, 30))
def test_a_span_is_half_open(times_us: list[int], begin_us: int, length_us: int) -> None:
    """All in order, none before the begin, none at the end."""
    end_us = begin_us + length_us
    wanted = times_us == sorted(times_us) and all(begin_us <= t < end_us for t in times_us)
    assert are_inside(at(times_us), begin_us, end_us) == wanted


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 2**62), max_size=12).map(sorted) | st.just([5, 5, 5]),
    st.integers(-1, 2**62),
    st.integers(1, 2**58),
    st.integers(0, 9),
)
def test_edges_are_where_numpy_finds_them(
    times_us: list[int], begin_us: int, step_us: int, number: int
) -> None:
    """The first event at a time or after it, for one time and for many."""
    edges = [begin_us + step_us * index for index in range(number)]
    wanted = np.searchsorted(np.array(times_us, dtype=np.int64), edges).tolist()
    events = at(times_us)
    assert [first_at(events, edge) for edge in edges] == wanted
    assert first_at_each(events, begin_us, step_us, number).tolist() == wanted
